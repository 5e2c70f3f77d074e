"""The route: where each chapter leads, and where its side trips start."""

import re

import pytest

from course.errors import CourseError
from course.lessons import contents
from course.lessons.contents import ROUTE, Chapter, links


@pytest.fixture
def route(monkeypatch):
    """Three chapters in a row and two side trips from the second."""
    core = [Chapter(name, name.upper(), "?", 5) for name in "abc"]
    trips = [Chapter(name, name.upper(), "?", 5, after="b") for name in "xy"]
    monkeypatch.setattr(contents, "ROUTE", [*core, *trips])


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("a", "[B](b.ipynb) →"),
        (
            "b",
            "← [A](a.ipynb) · [C](c.ipynb) → · side trip: [X](x.ipynb) · side trip: [Y](y.ipynb)",
        ),
        ("c", "← [B](b.ipynb)"),
        ("x", "← [B](b.ipynb) · [C](c.ipynb) →"),
        ("y", "← [B](b.ipynb) · [C](c.ipynb) →"),
    ],
)
def test_links_follow_the_route_and_side_trips_return_to_it(route, file, shown):
    assert links(file) == shown


def test_each_chapter_can_be_reached_by_links_and_side_trips_come_last():
    core = [c.file for c in ROUTE if c.after is None]
    assert [c.file for c in ROUTE[: len(core)]] == core
    reached, todo = set(), [core[0]]
    while todo:
        file = todo.pop()
        if file not in reached:
            reached.add(file)
            todo += re.findall(r"\]\((\w+)\.ipynb\)", links(file))
    assert reached == {c.file for c in ROUTE}


def test_an_unknown_chapter_is_named_with_those_there_are():
    with pytest.raises(CourseError, match=r"'9_99' is unknown\. Allowed: .*'00_start_here'"):
        links("9_99")
