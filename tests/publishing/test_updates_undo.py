"""An update can be taken back, and so can that, without losing later work."""

import pytest
from nbformat.v4 import new_code_cell
from publishing_helpers import answer, notebook, read, release, rewrite, second, visible

from course.errors import CourseError
from course.publishing.updates import deliver, undo


def test_undo_and_undo_of_the_undo(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    (home / "two.ipynb").unlink()
    before = visible(home)
    notebook(second(tmp_path) / "three.ipynb", "three")
    deliver(home, tmp_path / "v2", "2")
    after = visible(home)
    assert undo(home) == [
        "as before: one.ipynb, solutions/page.md",
        "removed: one (release 2).ipynb, three.ipynb, two.ipynb",
    ]
    assert visible(home) == before
    deliver(home, tmp_path / "v2", "2")
    assert read(home / "one.ipynb")[0] == "first", "the release that was taken back stays away"
    assert not (home / "three.ipynb").exists()
    assert read(home / "two.ipynb") == ["first", "answer = ...", "last"], "a deleted one, fresh"
    undo(home)
    assert visible(home) == after
    assert deliver(home, tmp_path / "v2", "2") == []


def test_after_an_undo_the_next_release_is_merged_as_if_that_one_had_not_been(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    deliver(home, second(tmp_path), "2")
    undo(home)
    third = release(tmp_path / "v3", "first, best", "answer = ...", "last", page="words")
    lines = ["updated around your changes: one.ipynb", "updated: two.ipynb"]
    assert deliver(home, third, "3") == lines
    assert read(home / "one.ipynb") == ["first, best", "answer = 3", "last"]


def test_undo_loses_no_later_work(home, tmp_path):
    rewrite(home / "one.ipynb", answer)
    before = visible(home)
    deliver(home, second(tmp_path), "2")
    for name in ("one.ipynb", "one (release 2).ipynb"):
        rewrite(home / name, lambda cells: cells.append(new_code_cell("later")))
    (home / "two.ipynb").chmod(0o444)
    (home / "solutions" / "page.md").unlink()
    later = visible(home)
    lines = undo(home)
    now = visible(home)
    assert now["one.ipynb"] == before["one.ipynb"]
    assert now["solutions/page.md"] == before["solutions/page.md"]
    assert now["one (before undo).ipynb"] == later["one.ipynb"]
    assert 'one.ipynb: your later changes are in "one (before undo).ipynb"' in lines
    for name, why in (("one (release 2).ipynb", "has your changes"), ("two.ipynb", "is read-only")):
        assert now[name] == later[name] and f"{name} stays as it is: {why}" in lines
    undo(home)
    assert visible(home)["one.ipynb"] == later["one.ipynb"]


def test_nothing_to_undo_is_said(home, tmp_path):
    for folder, why in ((home, "no update"), (tmp_path / "none", "no chapters yet")):
        before = visible(folder)
        with pytest.raises(CourseError, match=why):
            undo(folder)
        assert visible(folder) == before
    assert not (tmp_path / "none").exists()


def test_to_bring_back_one_chapter_leaves_the_update_to_undo(home, tmp_path):
    before = visible(home)
    deliver(home, second(tmp_path))
    (home / "two.ipynb").unlink()
    deliver(home, second(tmp_path))
    undo(home)
    assert visible(home) == before
