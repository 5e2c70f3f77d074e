"""Which guesses make sense, and how far off they were: against the definitions, for any input."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odd_guesses import NONSENSE, json_like

from course.errors import CourseError
from course.lessons.guesses import check_guess, curve_miss, kind_of, miss


@pytest.mark.parametrize("guess", NONSENSE, ids=lambda guess: type(guess).__name__)
def test_a_guess_that_makes_no_sense_is_refused(guess):
    for action in (check_guess, kind_of, lambda g: miss(g, 1.0), lambda g: curve_miss(g, [[1, 1]])):
        with pytest.raises(CourseError, match="allowed: "):
            action(guess)


def test_a_result_that_is_no_number_is_beyond_every_interval_and_no_factor():
    assert miss((0, 1), math.nan) == math.inf, "a run that broke held in no interval"
    assert miss(1e-300, 1e300) == math.inf and miss(1.0, "a") is None is miss((1, 2), "a")
    assert curve_miss([[0, 1e-300], [1, 1e-300]], [[0.5, 1e300]]) == math.inf
    assert miss(5e-324, 1.7e308) == math.inf, "the quotient is no float"


@settings(deadline=None)
@given(json_like, json_like)
@example([[-1e308, 1.0], [1.7e308, 1.0]], [[0.0, 1.0], [1e308, 2.0]])
@example([1e308, -1e308], 1e308)
@example([[0, 1.0], [0, 2.0], [5e-324, 2.0]], [[0, 1.0]])
def test_misses_of_anything_are_a_number_none_or_a_refusal(guess, result):
    try:
        kind = kind_of(guess)
    except CourseError:
        for function in (miss, curve_miss):
            with pytest.raises(CourseError, match="allowed: "):
                function(guess, result)
        return
    try:
        off, along = miss(guess, result), curve_miss(guess, result)
    except CourseError:
        assert "{" in repr(result) or "[[[" in repr(result), "no result that is ever noted"
        return
    for value in (off, along):
        assert value is None or value >= 0
    if off is not None:
        assert off >= {"choice": 0, "interval": 0, "factor": 1}[kind]
        assert kind != "choice" or off in (0, 1)
    if kind in ("choice", "interval"):
        assert along is None


finite = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(finite, finite, finite)
def test_an_interval_holds_where_the_result_lies_in_it(a, b, result):
    assert (miss((a, b), result) == 0) == (min(a, b) <= result <= max(a, b))
    assert miss((a, b), result) == miss((b, a), result)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3))
def test_a_factor_is_one(result, factor):
    expected = max(factor, 1 / factor)
    assert miss(result * factor, result) == pytest.approx(expected, rel=1e-9)
    line = [[x, result] for x in range(5)]
    guess = [[-1, result * factor], [9, result * factor]]
    assert curve_miss(guess, line) == pytest.approx(expected, rel=1e-9)


def test_the_miss_of_a_drawn_loss_is_the_mean_factor_between_its_ends():
    guess, steps = [[10, 2.0], [100, 0.5], [400, 0.1]], np.arange(1.0, 500, 3)
    loss = np.exp(np.random.default_rng(0).normal(size=len(steps)))
    within = (steps >= 10) & (steps <= 400)
    drawn = np.interp(steps, [10, 100, 400], np.log([2.0, 0.5, 0.1]))
    expected = np.exp(np.abs(drawn - np.log(loss))[within].mean())
    assert miss(guess, np.stack([steps, loss], 1).tolist()) == pytest.approx(expected, rel=1e-9)
