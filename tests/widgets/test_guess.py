"""Guesses of the loss: scored by a direct formula."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_runs import described, lab, strip

from course import CourseError
from course.lessons import predictions
from widgets.training.guess import POINTS, Guess, smooth


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))
    return tmp_path


class At:
    """A run at a step."""

    def __init__(self, step_count: int):
        self.step_count = step_count


def naive(values) -> np.ndarray:
    return np.array([np.mean(values[max(i - 5, 0) : i + 6]) for i in range(len(values))])


FINITE = st.floats(0, 1e300, allow_subnormal=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(FINITE, max_size=40))
def test_smooth_is_a_mean_of_up_to_eleven(values):
    np.testing.assert_allclose(smooth(np.array(values)), naive(values), rtol=1e-12)


def test_one_wild_or_broken_bin_spoils_its_neighbours_only():
    for wild in (1e20, math.inf, math.nan):
        values = np.full(40, 0.25)
        values[12] = wild
        expected = np.where(abs(np.arange(40) - 12) <= 5, np.nan, 0.25)
        found = np.where(smooth(values) == 0.25, 0.25, np.nan)
        assert np.array_equal(found, expected, equal_nan=True)


def history(losses) -> np.ndarray:
    return np.column_stack([losses, *[np.ones(len(losses))] * 3])


def direct_score(points, losses, width=1) -> float:
    """exp(mean |log(guess / smoothed loss)|) over the steps from the first point on."""
    level, off = naive(losses.reshape(-1, width).mean(1)), []
    for step in range(points[0][0], min(points[-1][0], len(losses)) + 1):
        guess = np.interp(step, [s for s, _ in points], np.log([v for _, v in points]))
        off.append(abs(guess - math.log(level[(max(step, 1) - 1) // width])))
    return math.exp(np.mean(off))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 99), st.integers(2, 250), st.lists(
    st.tuples(st.integers(0, 300), st.floats(1e-3, 1e3)), min_size=2, max_size=8,
    unique_by=lambda p: p[0]))  # fmt: skip
def test_the_score_is_the_mean_factor_between_guess_and_smoothed_loss(seed, n, points):
    losses, guess = np.exp(np.random.default_rng(seed).normal(size=n)), Guess()
    guess.take([list(point) for point in points], At(0))
    found = guess.score(history(losses))
    if n < sorted(points)[0][0] + 1:
        assert found is None  # too early
    else:
        assert found == pytest.approx(direct_score(sorted(points), losses), rel=1e-9)


def test_a_long_run_is_smoothed_over_its_bins():
    losses, guess = np.exp(np.random.default_rng(0).normal(size=4000)), Guess()
    guess.take([[700, 2.0], [5000, 0.5]], At(0))
    exact = direct_score([(700, 2.0), (5000, 0.5)], losses, width=16)  # 250 bins of 16 steps
    assert guess.score(history(losses)) == pytest.approx(exact, rel=1e-9)


def test_losses_of_zero_or_not_finite_do_not_count():
    guess = Guess()
    guess.take([[0, 0.5], [100, 0.5]], At(0))
    losses = np.concatenate([np.ones(80), np.full(20, np.nan)])
    assert guess.score(history(losses)) == pytest.approx(2.0)
    assert guess.score(history(np.zeros(50))) is None
    assert Guess().score(history(losses)) is None


BAD = [
    [[50, 1.0]], [[50, 1.0], [60, 0.0]], [[50, -1.0], [60, 1.0]], [[10, 1.0], [60, 1.0]],
    [[50, 1.0], [60, math.inf]], [[50, 1.0], [1e300, 1.0]], [[50, 1.0], [60, 10**400]],
    "a line", [[50, math.nan], [60, 1.0]],
]  # fmt: skip


@pytest.mark.parametrize("points", BAD, ids=str)
def test_what_is_not_a_guess_is_refused_and_the_old_one_stays(points):
    run = lab().run(40)
    run.guess([[50, 1.0], [90, 0.5]])
    with pytest.raises(CourseError):
        run.guess(points)
    assert run.guessed.points == [(50, 1.0), (90, 0.5)] and run.guessed.end == 90
    described(run)


def test_a_guess_is_taken_back_by_an_empty_one():
    run = lab().run(40)
    run.guess([[50, 1.0], [90, 0.5]])
    run.guess([])
    assert (run.guessed.points, run.guessed.end) == ([], None)
    assert strip(described(run), "loss")["lane"]["plan"] == []


def test_a_guess_with_many_points_keeps_its_ends():
    guess = Guess()
    guess.take([[step, 1 + step / 1000] for step in range(100, 1000)], At(100))
    assert len(guess.points) == POINTS and guess.end == 999
    assert (guess.points[0], guess.points[-1]) == ((100, 1.1), (999, 1.999))


def test_a_guess_from_the_first_step_on_is_compared_with_the_first_losses(home):
    run = lab()
    run.guess([[0, 0.7], [20, 0.7]])
    run.run(20)
    (entry,) = json.loads((home / "progress.json").read_text("utf-8"))["predictions"]
    level = naive(run.trainer.history.numbers()[:, 0])
    np.testing.assert_allclose(entry["result"], [[0, level[0]], [20, level[19]]])


def test_a_guess_is_settled_when_the_run_has_passed_it(home):
    run = lab().run(20)
    run.guess([[20, 0.7], [60, 0.7]])
    assert "off by" not in run.message
    run.run(39)
    assert not (home / "progress.json").exists()
    score = strip(described(run), "loss")["lane"]["score"]
    run.run(1)
    losses = run.trainer.history.numbers()[:, 0]
    factor = direct_score([(20, 0.7), (60, 0.7)], losses)
    assert f"off by a factor of {factor:.2f}" in run.message and "off by ×" in score
    assert strip(described(run), "loss")["lane"]["score"] == f"off by ×{factor:.2f}"
    (entry,) = json.loads((home / "progress.json").read_text("utf-8"))["predictions"]
    assert (entry["chapter"], entry["question"]) == ("lab on spirals", "batch loss")
    assert entry["guess"] == [[20, 0.7], [60, 0.7]]
    level = naive(losses)
    np.testing.assert_allclose(entry["result"], [[20, level[19]], [60, level[59]]])


def test_a_file_that_cannot_be_written_stops_no_run(home):
    (home / "progress.json").mkdir()
    run = lab()
    run.guess([[0, 0.7], [10, 0.7]])
    with pytest.warns(UserWarning, match="progress.json"):
        run.run(20)
    assert run.trainer.step_count == 20 and "off by a factor" in run.message
    assert "not kept" in run.message
