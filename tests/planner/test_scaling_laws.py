"""Scaling laws against exact ones, SciPy's searches and what the papers print."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit, minimize_scalar
from scipy.stats import bootstrap, linregress

from course import CourseError
from course.planner import (
    BESIROGLU,
    HOFFMANN,
    LossLaw,
    PowerLaw,
    fit_power_law,
    interval,
    lowest_point,
    resampled,
)

X = np.array([25.0, 50, 100, 200, 400])
NOISY = PowerLaw(4, 0.7, 0.02)(X) * np.exp(
    0.1 * np.random.default_rng(0).standard_normal((10, 5))
)  # ten runs of five sizes


# ---- one law ------------------------------------------------------------------------------------


@given(
    scale=st.floats(0.1, 100), exponent=st.floats(0.1, 2), sizes=st.integers(2, 8),
    first=st.floats(0.5, 1e6),
)  # fmt: skip
def test_a_law_without_noise_is_found(scale, exponent, sizes, first):
    x = first * 2.0 ** np.arange(sizes)
    found = fit_power_law(x, PowerLaw(scale, exponent)(x))
    assert (found.scale, found.exponent) == pytest.approx((scale, exponent), rel=1e-6)
    assert found.floor == 0 and float(found(10 * x[-1])) == pytest.approx(
        scale * (10 * x[-1]) ** -exponent, rel=1e-6
    )


@pytest.mark.parametrize("floor", [0.0, 0.005, 0.03])
def test_a_floor_is_found(floor):
    y = PowerLaw(4, 0.7, floor)(X)
    found = fit_power_law(X, y, floor=True)
    assert found.floor == pytest.approx(floor, abs=y.min() / 50)
    assert found.exponent == pytest.approx(0.7, abs=0.03)
    assert float(found(1400)) == pytest.approx(4 * 1400**-0.7 + floor, rel=0.03)


def test_the_line_is_scipys():
    y = NOISY.mean(0)
    theirs = linregress(np.log(X), np.log(y))
    ours = fit_power_law(X, y)
    assert (ours.exponent, math.log(ours.scale)) == pytest.approx((-theirs.slope, theirs.intercept))


@pytest.mark.parametrize("row", range(5))
def test_no_search_finds_a_much_closer_law_with_a_floor(row):
    y = NOISY[2 * row : 2 * row + 2].mean(0)

    def log_law(x, scale, exponent, floor):
        return np.log(scale * x**-exponent + floor)

    best, _ = curve_fit(log_law, X, np.log(y), p0=(4, 0.7, 0.01), bounds=(0, (99, 5, y.min())))
    theirs = ((log_law(X, *best) - np.log(y)) ** 2).sum()
    ours = ((np.log(fit_power_law(X, y, floor=True)(X)) - np.log(y)) ** 2).sum()
    assert ours < 1.1 * theirs + 1e-4


@pytest.mark.parametrize(
    ("x", "y", "floor", "words"),
    [
        ([1.0], [1.0], False, "1 x and 1 y; allowed: as many of both, with 2 different x"),
        ([1, 2], [1, 2], True, "with 3 different x"), ([1, 1], [1, 2], False, "2 different x"),
        ([1, 2], [1, 2, 3], False, "2 x and 3 y"), ([0, 1], [1, 2], False, "x = .*above 0"),
        ([1, 2], [1, -2], False, "y = .*above 0"), ([1, 2], [1, math.nan], False, "y = "),
        ([1, math.inf], [1, 2], False, "x = "), ([[1, 2]], [1, 2], False, "x = .*a row"),
    ],
)  # fmt: skip
def test_points_without_a_law_are_refused(x, y, floor, words):
    with pytest.raises(CourseError, match=words):
        fit_power_law(x, y, floor)


# ---- how sure it is -----------------------------------------------------------------------------


def test_the_bootstrap_is_scipys():
    """Another draw of the rows, the same interval but for chance."""
    laws = resampled(X, NOISY, draws=2000)
    ours = interval(laws, 1400)

    def said(*rows):
        return float(fit_power_law(X, np.mean(rows, axis=1))(1400))

    theirs = bootstrap(
        tuple(NOISY.T), said, n_resamples=2000, paired=True, vectorized=False,
        method="percentile", confidence_level=0.9, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours == pytest.approx((theirs.low, theirs.high), rel=0.03)


def test_equal_runs_leave_no_doubt_and_one_seed_gives_one_answer():
    same = np.tile(PowerLaw(4, 0.7)(X), (3, 1))
    low, high = interval(resampled(X, same, draws=20), 1400)
    assert low == pytest.approx(high) == pytest.approx(4 * 1400**-0.7)
    first, again, other = (interval(resampled(X, NOISY, seed=s), 1400) for s in (0, 0, 1))
    assert first == again != other


def test_a_smaller_share_is_a_narrower_interval_about_the_same_middle():
    laws = resampled(X, NOISY)
    ends = [interval(laws, 1400, share) for share in (0.5, 0.9, 0.99)]
    assert ends[2][0] < ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1] < ends[2][1]
    below = np.mean([float(law(1400)) < ends[1][0] for law in laws])
    above = np.mean([float(law(1400)) > ends[1][1] for law in laws])
    assert below == pytest.approx(0.05, abs=0.01) and above == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("ys", [NOISY[0], NOISY[:1], NOISY[None]])
def test_one_run_cannot_be_resampled(ys):
    with pytest.raises(CourseError, match="a row a run, 2 or more"):
        resampled(X, ys)


@pytest.mark.parametrize("share", [0, 1, -0.1, math.nan])
def test_a_share_lies_between(share):
    with pytest.raises(CourseError, match="share"):
        interval([PowerLaw(1, 1)], 3, share)


@given(bottom=st.floats(20, 500), bend=st.floats(0.05, 2), height=st.floats(0.01, 10))
def test_the_bottom_of_a_parabola_is_found(bottom, bend, height):
    P = np.array([10.0, 30, 90, 270, 810])
    losses = height * np.exp(bend * np.log(P / bottom) ** 2)
    assert lowest_point(P, losses) == pytest.approx(bottom, rel=1e-6)


def test_without_a_bottom_there_is_no_best_size():
    with pytest.raises(CourseError, match="no bottom between sizes 1 and 4; .*other sizes, too"):
        lowest_point([1, 2, 4], [1, 2, 1])


# ---- published laws -----------------------------------------------------------------------------


@pytest.mark.parametrize("law", [HOFFMANN, BESIROGLU, LossLaw(0, 5, 0.5, 9, 0.2)])
@pytest.mark.parametrize("flops", [1e18, 5.76e23, 3.8e25])
def test_no_search_finds_a_better_split(law, flops):
    best = law.best(flops)
    assert 6 * best.parameters * best.tokens == pytest.approx(flops)
    found = minimize_scalar(
        lambda log: float(law(math.exp(log), flops / 6 / math.exp(log))),
        bounds=(5, 45), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    assert math.log(best.parameters) == pytest.approx(found.x, abs=1e-3)


def test_the_constants_are_those_that_the_papers_print():
    """And what follows from them."""
    assert HOFFMANN == LossLaw(1.69, 406.4, 0.34, 410.7, 0.28)
    assert BESIROGLU == LossLaw(1.8172, 482.01, 0.3478, 2085.43, 0.3658)
    both = [law.best(5.76e23).parameters / 1e9 for law in (HOFFMANN, BESIROGLU)]
    assert both == pytest.approx([32, 72], abs=0.5)
    powers = [math.log10(law.best(1e24).parameters / law.best(1e23).parameters)
              for law in (HOFFMANN, BESIROGLU)]  # fmt: skip
    assert powers == pytest.approx([0.45, 0.51], abs=0.005)


@pytest.mark.parametrize("flops", [0, -1, math.nan, "many"])
def test_a_budget_is_a_number_above_0(flops):
    with pytest.raises(CourseError, match="flops"):
        HOFFMANN.best(flops)
