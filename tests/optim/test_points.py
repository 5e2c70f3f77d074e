"""A schedule by points against numpy.interp, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_runs import gradients, run

from course import ClipByNorm, CourseError, Descend, Momentum, Points, chain, compare
from course.optim.chain import build_chain
from course.optim.schedules import SCHEDULES

VALUES = {
    "linear": st.floats(0, 1e6),
    "log": st.floats(1e-30, 1e30),
    "memory": st.floats(0, 1 - 1e-9),
}
PLACES = {"linear": np.array, "log": np.log10, "memory": lambda v: -np.log10(1 - np.array(v))}


@st.composite
def drawn(draw):
    scale = draw(st.sampled_from(sorted(VALUES)))
    steps = sorted(draw(st.sets(st.integers(0, 300), min_size=1, max_size=8)))
    return Points([(step, draw(VALUES[scale])) for step in steps], scale)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(drawn())
def test_it_is_numpys_interpolation_on_its_scale(schedule):
    steps, values = (np.array(v) for v in zip(*schedule.points, strict=True))
    place = PLACES[schedule.scale]
    everywhere = np.arange(310)
    expected = np.interp(everywhere, steps, place(values))
    ours = np.array([schedule.value(t) for t in everywhere])
    assert np.allclose(place(ours), expected, rtol=1e-6 if schedule.scale == "memory" else 1e-9,
                       atol=1e-9)  # fmt: skip
    assert [schedule.value(t) for t in steps.tolist()] == values.tolist()  # exact
    assert values.min() <= ours.min() and ours.max() <= values.max()
    assert schedule.levels() == tuple(values.tolist())


def test_it_is_constant_before_its_first_point_and_after_its_last():
    schedule = Points([(5, 1.0), (7, 100.0)], "log")
    assert [schedule.value(t) for t in (0, 4, 5, 7, 8, 10**12)] == [1, 1, 1, 100, 100, 100]
    assert schedule.value(6) == pytest.approx(10)
    assert Points([[3, 0.25]]).value(0) == Points([[3, 0.25]]).value(9) == 0.25


@pytest.mark.parametrize("scale, half", [("linear", 0.495), ("memory", 0.9)])
def test_half_way_to_0_99(scale, half):
    schedule = Points([(0, 0.0), (10, 0.99)], scale)
    assert schedule.value(5) == pytest.approx(half, rel=1e-12)


def test_rounding_leaves_no_knobs_range():
    """1 - 10^-u may round to 1, which no β may be."""
    high = math.nextafter(1, 0)
    beta = Momentum(Points([(0, high), (3, high), (9, 0.9)], "memory"))
    for t in range(9):
        beta.advance(t)
        assert 0.9 <= beta.beta <= high < 1


@settings(max_examples=50, deadline=None, derandomize=True)
@given(drawn())
def test_it_is_built_again_from_json_and_from_its_own_code(schedule):
    description = schedule.describe()
    assert json.loads(json.dumps(description)) == description  # lists, no tuples
    assert SCHEDULES.build(description) == schedule
    assert eval(repr(schedule)) == schedule and {schedule: 1}[schedule] == 1


def test_a_knob_by_points_is_the_knob_turned_before_each_step():
    lr = Points([(2, 0.5), (6, 0.01)], "log")
    beta, limit = Points([(0, 0.0), (9, 0.9)], "memory"), Points([(3, 2.0), (4, 0.5)])
    ours = chain(ClipByNorm(limit), Momentum(beta), Descend(lr))
    by_hand = chain(ClipByNorm(9.0), Momentum(0.1), Descend(9.0))
    grads, theirs = gradients(12), torch.ones(7, dtype=torch.float64)
    by_hand.init(theirs)
    for t, g in enumerate(grads):
        clip, momentum, descend = by_hand.transforms
        clip.threshold, momentum.beta, descend.lr = limit.value(t), beta.value(t), lr.value(t)
        by_hand(g, theirs)
    assert compare(run(ours, grads), theirs).exact
    assert build_chain(ours.describe()).describe() == ours.describe()


@pytest.mark.parametrize(
    "points, scale, words",
    [
        ([], "linear", r"Points.points = \[\]; allowed: a list of 1 to 200 pairs"),
        ([(t, 0.1) for t in range(201)], "linear", "1 to 200 pairs"),
        ([(0, 0.1, 0.2)], "linear", "1 to 200 pairs"),
        ("ab", "linear", "1 to 200 pairs"),
        ({0: 0.1}, "linear", "1 to 200 pairs"),
        ([(0, 0.1), (0, 0.2)], "linear", r"step of Points = 0 .*\[1, 1e\+12\]; steps must rise"),
        ([(5, 0.1), (4, 0.2)], "linear", r"step of Points = 4 .*\[6, "),
        ([(-1, 0.1)], "linear", r"step of Points = -1 .*\[0, "),
        ([(0.5, 0.1)], "linear", "step of Points = 0.5 is not a whole number"),
        ([(10**12 + 1, 0.1)], "linear", "step of Points = 1000000000001"),
        ([(0, -0.1)], "linear", r"value of Points = -0.1 .*\[0, inf\)"),
        ([(0, math.nan)], "linear", "value of Points = nan"),
        ([(0, math.inf)], "linear", "value of Points = inf"),
        ([(0, 0)], "log", r"value of Points = 0 .*\(0, inf\); the scale is 'log'"),
        ([(0, 1.0)], "memory", r"value of Points = 1.0 .*\[0, 1\); the scale is 'memory'"),
        ([(0, 0.1)], "square", "Points.scale = 'square'.*'linear', 'log', 'memory'"),
    ],
)
def test_bad_points_are_refused_when_they_are_made(points, scale, words):
    with pytest.raises(CourseError, match=words):
        Points(points, scale)


def test_the_largest_that_is_allowed():
    schedule = Points([*((t, 0.1) for t in range(199)), (10**12, 0)])
    assert len(schedule.points) == 200 and schedule.value(10**12) == 0
    assert repr(Points([[np.int64(3), np.float32(0.5)]])) == (
        "Points(points=((3, 0.5),), scale='linear')"
    )


@pytest.mark.parametrize(
    "kind, points, field",
    [
        (Momentum, [(0, 0.5), (9, 1.0), (20, 0.5)], "Momentum.beta = 1.0"),
        (ClipByNorm, [(0, 1.0), (9, 0.0), (20, 1.0)], "ClipByNorm.threshold = 0.0"),
        (Descend, [(0, 1.0), (9, 1e31), (20, 1.0)], r"Descend.lr = 1e\+31"),
    ],
)
def test_a_knob_refuses_points_that_it_does_not_allow_wherever_they_are(kind, points, field):
    with pytest.raises(CourseError, match=field):
        kind(Points(points))
