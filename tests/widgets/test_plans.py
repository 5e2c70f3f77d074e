"""Plans: a schedule through drawn points, against numpy's interpolation in the lane's scale."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_runs import lab

from course import CourseError
from course.optim.schedules import Cosine, LinearRamp, Points
from widgets.training import plans

PLACES = {  # where a value lies in its lane
    "lr": np.log10, "threshold": np.log10, "momentum": lambda value: -np.log10(1 - value),
}  # fmt: skip
RUN = lab().run(40)  # no test lets it go on


@pytest.fixture
def run():
    return lab().run(40)


def drawn(low: float, high: float, begin: int = 40):
    pair = st.tuples(st.integers(begin, 900), st.floats(low, high))
    return st.lists(pair, min_size=1, max_size=40, unique_by=lambda p: p[0])


CASES = st.one_of(
    st.tuples(st.just("lr"), drawn(1e-4, 100)),
    st.tuples(st.just("threshold"), drawn(1e-3, 100)),
    st.tuples(st.just("momentum"), drawn(0.0, 0.99)),
)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_a_plan_holds_the_knob_and_then_follows_the_points(case):
    knob, points = case
    now = RUN.trainer.knobs()[knob]
    schedule = plans.schedule(RUN.trainer, knob, [list(point) for point in points])
    steps, values = np.array(sorted(points)).T
    for step in range(40, int(steps[0])):
        assert schedule.value(step) == now  # to the bit
    place = PLACES[knob]
    for step in range(int(steps[0]), int(steps[-1]) + 50, 7):
        line = np.interp(step, steps, place(values))
        assert place(schedule.value(step)) == pytest.approx(line, abs=1e-9)
    for step, value in points:
        assert schedule.value(step) == pytest.approx(value)


@pytest.mark.parametrize("knob", plans.SCALES)
def test_no_points_put_back_the_number_that_stands(run, knob):
    assert plans.schedule(run.trainer, knob, []) == run.trainer.knobs()[knob]
    run.plan(knob, [[50, 0.5], [60, 0.7]])
    run.run(15)
    standing = run.trainer.knobs()[knob]
    assert 0.5 < standing < 0.7
    run.plan(knob, [])
    run.run(20)
    assert run.trainer.knobs()[knob] == standing and plans.standing(run.trainer) == {}


def test_a_rate_of_zero_is_held_until_the_first_point(run):
    run.set("lr", 0.0)
    schedule = plans.schedule(run.trainer, "lr", [[60, 0.1], [80, 1.0]])
    assert [schedule.value(step) for step in (40, 50, 59)] == [0, 0, 0]
    assert schedule.value(60) == 0.1 and 0.1 < schedule.value(70) < schedule.value(80) == 1.0


def test_points_that_are_past_are_left_out_and_steps_are_whole(run):
    points = [[12, 9.0], [39.4, 9.0], [39.6, 0.5], [70.2, 0.9], [69.8, 0.8], [60, math.nan]]
    assert plans.check_points(points, 40) == [(40, 0.5), (70, 0.8)]
    with pytest.raises(CourseError, match="no point from step 40 on"):
        plans.check_points([[3, 1.0]], 40)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.integers(2, 80))
def test_thinned_points_are_spread_and_keep_both_ends(n, most):
    points = list(range(n))
    thin = plans.thinned(points, most)
    assert len(thin) == min(n, most) and (thin[0], thin[-1]) == (0, n - 1)
    assert thin == sorted(set(thin)) and max(np.diff(thin), default=1) <= np.ceil(n / (most - 1))


ABSURD = [
    None, "drawn", 7, {"a": 1}, [1], [[1]], [[1, 2, 3]], [["a", 1.0]], [[50, "b"]], [[50, None]],
    [[math.nan, 1.0]], [[math.inf, 1.0]], [[10**400, 1.0]], [[50, 10**400]], [[50, 1.0]] * 10_001,
    [[50, math.inf]], [[50, -math.inf]], [[50, -1.0]], [[50, 0.0]], [[1e13, 0.5]], [[[50], 1]],
]  # fmt: skip


@pytest.mark.parametrize("points", ABSURD, ids=lambda p: str(p)[:24])
def test_absurd_points_are_refused_in_words_and_turn_nothing(run, points):
    before = run.trainer.recipe()
    with pytest.raises(CourseError) as refusal:
        run.plan("lr", points)
    words = str(refusal.value)
    assert len(words) < 300 and "\n" not in words
    assert any(word in words for word in ("allowed", "draw", "choose", "must"))
    assert run.trainer.recipe() == before


def test_a_knob_without_a_lane_and_a_momentum_of_one_are_refused(run):
    with pytest.raises(CourseError, match="batch_size"):
        plans.schedule(run.trainer, "batch_size", [[50, 8]])
    for value in (1.0, 1.5, -0.1):
        with pytest.raises(CourseError, match=r"1|0"):
            plans.schedule(run.trainer, "momentum", [[50, value]])


def test_what_is_planned_is_shown_from_now_to_the_end(run):
    run.plan("lr", [[60, 0.5], [100, 0.05]])
    run.set("momentum", Cosine(0.9, steps=200))
    shown = plans.shown(run.trainer, 300)
    assert shown["lr"] == [[60, 0.5], [100, 0.05]]  # as it was drawn
    steps, values = np.array(shown["momentum"]).T
    assert (steps[0], steps[-1]) == (40, 300) and (np.diff(steps) > 0).all()
    exact = [Cosine(0.9, steps=200).value(int(step)) for step in steps]
    np.testing.assert_allclose(values, exact, rtol=1e-4, atol=1e-5)
    run.run(40)
    (step, value), *rest = plans.shown(run.trainer, 300)["lr"]
    assert step == 80 and rest == [[100, 0.05]]
    assert value == pytest.approx(math.sqrt(0.5 * 0.05), rel=1e-4)
    run.run(20)
    assert "lr" not in plans.shown(run.trainer, 300)  # nothing is left of it


@pytest.mark.parametrize("end", [40, 41, 50, 64])
def test_a_short_rest_of_a_schedule_is_shown_without_doubled_steps(run, end):
    run.set("lr", LinearRamp(0.1, 1.0, 100))
    steps = [step for step, _ in plans.shown(run.trainer, end).get("lr", [[40, 0]])]
    assert steps == list(range(40, end + 1))


def test_the_plan_in_the_recipe_is_the_schedule(run):
    run.plan("momentum", [[60, 0.5], [100, 0.99]])
    (step, knob, value) = run.trainer.recipe().knobs[-1]
    assert (step, knob) == (40, "momentum")
    assert Points(tuple(map(tuple, value["points"])), value["scale"]) == Points(
        ((40, 0.9), (59, 0.9), (60, 0.5), (100, 0.99)), "memory"
    )
