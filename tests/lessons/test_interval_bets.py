"""A bet on an interval: what it refuses, how it is judged and noted, and its form and picture."""

import math

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from course import CourseError
from course.lessons import Interval, predictions
from course.lessons.bets import Wager
from course.lessons.predictions import Predictions
from widgets import Bet
from widgets.lessons.interval_form import IntervalForm
from widgets.lessons.sketches import Axes, sketch_interval

KNOWN = ((10, 0.1), (100, 0.01))
ANSWER = Interval(0.001, 1, at=1000, known=KNOWN, name="error", place="N")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


# ---- the answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (0.1, "two numbers, its lower and its upper end"), ([0.1], "two numbers"),
        ([0.1, 0.2, 0.3], "two numbers"), ("low", "two numbers"), (None, "two numbers"),
        ([0.2, 0.1], "goes from 0.2 to 0.1; allowed: the lower end first; exchange the two"),
        ([0.0001, 0.1], "an end = 0.0001 is out of range"), ([0.1, 2], "an end = 2"),
        ([math.nan, 0.1], "an end = nan"), ([True, 1], "an end = True"),
    ],
)  # fmt: skip
def test_what_is_no_interval_is_refused(guess, words):
    with pytest.raises(CourseError, match=words):
        ANSWER.check(guess)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": 0}, "low = 0"), ({"high": 0.001}, "high = 0.001"), ({"at": 0}, "at = 0"),
        ({"at": 100}, "known = "), ({"known": ()}, "known = .*1 to 12 points"),
        ({"known": ((0, 0.1),)}, "x rising from above 0 to below 1000"),
        ({"known": ((10, 0.1), (20, 2))}, "y from 0.001"),
        ({"known": ((10, 0.1), (10, 0.2))}, "rising"), ({"known": ((10, 2),)}, "y from 0.001 to 1"),
        ({"known": (10, 0.1)}, "points"), ({"known": 3}, "points"),
        ({"known": (("a", "b"),)}, "points"), ({"known": ((10, None),)}, "points"),
        ({"known": tuple((n, 0.1) for n in range(1, 14))}, "1 to 12"),
        ({"share": 0}, "share = 0"), ({"share": 1}, "share = 1"),
    ],
)  # fmt: skip
def test_an_interval_needs_a_range_and_points(change, words):
    with pytest.raises(CourseError, match=words):
        Interval(**{"low": 0.001, "high": 1, "at": 1000, "known": KNOWN} | change)


@given(
    ends=st.lists(st.floats(0.001, 1), min_size=2, max_size=2).map(sorted),
    result=st.floats(0.0001, 10),
)
def test_it_holds_exactly_when_the_result_lies_between_its_ends(ends, result):
    words = ANSWER.judge(ANSWER.check(ends), ANSWER.result(result))
    low, high = ends
    assert ("Well seen!" in words) == (low <= result <= high)
    assert ("below it" in words) == (result < low) and ("above it" in words) == (result > high)


def test_the_words_give_the_ends_their_factor_and_the_result():
    assert ANSWER.judge([0.02, 0.05], 0.0301) == (
        "Your interval: 0.02 to 0.05, a factor of 2.5. The experiment: 0.0301. It is in it. "
        "Well seen!"
    )
    assert "not a number, and in no interval. Worth" in ANSWER.judge([0.02, 0.05], math.nan)
    with pytest.raises(CourseError, match="the experiment's result = 'up'; allowed: a number"):
        ANSWER.result("up")


def test_intervals_are_counted_over_all_bets():
    for question, result in (("First?", 0.03), ("Second?", 0.5)):
        wager = Wager(question, lambda result=result: result, ANSWER, "5_2_trends")
        words = wager.place((0.02, 0.05))
    assert words.endswith("2 bets so far; 50% of the intervals held.")
    assert [entry["miss"] for entry in Predictions().entries] == [0, pytest.approx(0.45)]


# ---- its form and its picture -------------------------------------------------------------------


def test_both_ends_are_chosen_and_the_picture_follows():
    page = Bet("Where?", lambda: 0.0301, ANSWER, "5_2_trends", interactive=True)
    form = page._form
    assert [one.description for one in form.lists] == ["lower end, error", "upper end, error"]
    assert form.read() == [0.001, 1] and "last dot" not in form.picture.value
    ends = [end for _, end in form.lists[0].options]
    assert ends[0] == 1 and ends[-1] == 0.001 and len(ends) == 41
    before = form.picture.value
    form.lists[0].value, form.lists[1].value = ends[25], ends[15]
    assert form.picture.value != before
    page.place()
    assert "It is in it. Well seen!" in page.sentence.value
    assert Predictions().entries[0]["guess"] == [ends[25], ends[15]]
    assert all(one.disabled for one in form.lists) and "last dot" in form.picture.value


def test_ends_in_the_wrong_order_leave_the_bet_closed():
    page = Bet("Where?", lambda: 0.03, ANSWER, "5_2_trends", interactive=True)
    page._form.lists[0].value, page._form.lists[1].value = 1, 0.001
    page.place()
    assert "exchange the two" in page.sentence.value and not page._wager.is_open


def test_the_picture_has_the_points_the_interval_and_the_result():
    soup = BeautifulSoup(sketch_interval(ANSWER, [0.01, 0.1], 0.03), "html.parser")
    room = 100**0.06
    axes = Axes(0.001, 1, 10 / room, 1000 * room, "N", log=True)
    dots = [(dot["cx"], dot["cy"]) for dot in soup.find_all("circle")]
    assert dots == [tuple(axes.at(x, y).split(",")) for x, y in (*KNOWN, (1000, 0.03))]
    (bar,) = [
        path["d"] for path in soup.find_all("path") if "V" in path["d"] and "H" not in path["d"]
    ]
    x, low = axes.at(1000, 0.01).split(",")
    assert bar == f"M{x},{low}V{axes.at(1000, 0.1).split(',')[1]}"
    caps = [path["d"] for path in soup.find_all("path") if "m-6,0h12" in path["d"]]
    assert caps == [f"M{axes.at(1000, y)}m-6,0h12" for y in (0.01, 0.1)]
    middle = (float(dots[0][0]) + float(dots[2][0])) / 2
    assert float(dots[1][0]) == pytest.approx(middle, abs=0.2)  # 10, 100, 1000 on a log axis
    assert "Your interval at N 1000, dashed" in soup.svg["aria-label"]


@pytest.mark.parametrize("result", [None, math.nan, 0.0, -1.0])
def test_what_has_no_place_is_not_drawn(result):
    soup = BeautifulSoup(sketch_interval(ANSWER, [0.01, 0.1], result), "html.parser")
    assert len(soup.find_all("circle")) == 2 and "last dot" not in soup.svg["aria-label"]


@pytest.mark.parametrize(("result", "edge"), [(50, 1), (1e-9, 0.001)])
def test_a_result_out_of_the_range_is_held_at_the_edge(result, edge):
    dots = BeautifulSoup(sketch_interval(ANSWER, [0.01, 0.1], result), "html.parser")
    inside = BeautifulSoup(sketch_interval(ANSWER, [0.01, 0.1], edge), "html.parser")
    assert dots.find_all("circle") == inside.find_all("circle")


def test_a_form_alone_can_be_read():
    assert IntervalForm(ANSWER).read() == [0.001, 1]
