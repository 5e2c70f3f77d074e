"""Judges for chapter 1_background: what a step costs, and how fast training grew."""

import math

import numpy as np

from ..checking import Exercise, near, unfinished
from ..judging import Draw, on_probes
from ..milestones import MILESTONES

__all__ = ["MILESTONES", "growth", "step_cost"]

# ---- 1. overhead and time per FLOP -----------------------------------------------------------


def judge_step_cost(answer) -> str | None:
    """Judge answer(flops, seconds) → (overhead, per_flop), fitted to measured steps."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_fit."
    return on_probes(lambda draw: judge_one_machine(answer, draw))


def judge_one_machine(answer, draw: Draw) -> str | None:
    """Judge it on the steps of one machine that we made up, so that its costs are known."""
    flops, seconds, overhead, per_flop = machine(draw)
    got = answer(flops.copy(), seconds.copy())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return overhead, per_flop."
    form = "Return two numbers: overhead in seconds, per_flop in seconds for one FLOP."
    if words := unfinished(as_tuple(got), 2, form):
        return words
    a, b = (float(part) for part in got)
    if close(a, overhead) and close(b, per_flop):
        return None
    return known_mistake(a, b, flops, seconds, overhead, per_flop)


def machine(draw: Draw) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return FLOPs and seconds of 24 steps, and the machine's overhead and time per FLOP.

    Each time is off by some per cent; the first and the last by more, as another program ran.
    """
    micro, nano = draw.numbers((20, 400), (0.004, 0.2))
    overhead, per_flop = micro * 1e-6, nano * 1e-9
    flops = np.round(overhead / per_flop * np.geomspace(0.2, 200, 24))
    noise = 1 + 0.03 * np.clip(draw.normal(24).numpy(), -2, 2)
    noise[[0, -1]] = 1.25, 1.15
    return flops, (overhead + per_flop * flops) * noise, overhead, per_flop


def as_tuple(got):
    """Return an array of numbers as a tuple, anything else as it is."""
    return tuple(got.tolist()) if hasattr(got, "tolist") and getattr(got, "ndim", 0) == 1 else got


def close(a: float, b: float) -> bool:
    """Tell if a fit is as near as the noise allows, a tenth."""
    return abs(a - b) <= 0.1 * b


def alike(a: float, b: float) -> bool:
    """Tell if two numbers, however small, agree to three digits."""
    return math.isclose(a, b, rel_tol=1e-3)


def known_mistake(a, b, flops, seconds, overhead: float, per_flop: float) -> str:
    """Say what is wrong with a fit."""
    if not (np.isfinite(a) and np.isfinite(b)):
        return "One of the two numbers is not finite. No FLOPs are 0 here, and no time is."
    if close(b, overhead) and close(a, per_flop):
        return "The two are swapped: first the overhead, then the time for one FLOP."
    slope, start = np.polyfit(flops, seconds, 1)
    if alike(a, start) and alike(b, slope):
        return (
            "That is the usual line through all points. It is right about the longest steps, and "
            f"its overhead is {a * 1e6:.0f} µs. The shortest step took {min(seconds) * 1e6:.0f} "
            "µs. An error of 3 % of the longest step is more than the whole overhead: make "
            "*relative* errors small."
        )
    if alike(a, slope) and alike(b, start):
        return "np.polyfit returns the slope first. And its line trusts the longest steps alone."
    if alike(b, np.linalg.lstsq(np.stack([1 / seconds, flops / seconds], 1), seconds)[0][1]):
        return "The rows are divided by their seconds, the right side is not: divide it, too."
    slope = (seconds[-1] - seconds[0]) / (flops[-1] - flops[0])
    if alike(b, slope) or alike(b, seconds[-1] / flops[-1]):
        return "That trusts the first and the last measurement alone. Use all of them."
    power, level = np.polyfit(np.log(flops), np.log(seconds), 1)
    if alike(b, power) or alike(a, np.exp(level)):
        return "A line through the logarithms is a power law: it has no overhead. Fit the sum."
    if alike(b, (seconds @ flops) / (flops @ flops)) or abs(a) < 1e-12:
        return "That has no overhead: without any FLOP a step would take no time."
    if alike(a, seconds.min()):
        return "The shortest step is not all overhead: it computes, too."
    if alike(b, 1 / per_flop) or close(1 / b if b else 0.0, per_flop):
        return "per_flop is upside down: seconds for one FLOP, not FLOPs a second."
    if not close(b, per_flop):
        return f"per_flop = {b:.3g} s is not that of this machine, and overhead = {a:.3g} s."
    return (
        f"per_flop is right; the overhead is off by a factor of {a / overhead:.2f}. The short "
        "steps decide it: does an error of 3 % count as much for them as for the long ones?"
    )


step_cost = Exercise(
    "Exercise 1",
    judge_step_cost,
    [
        "Two unknown numbers and many equations: overhead + per_flop · flops = seconds. That is "
        "least squares: np.linalg.lstsq(A, right)[0], with one row of A for each step.",
        "As it stands, the longest steps decide all. Divide each equation by its own seconds: "
        "then each error is a relative one.",
        "The two columns of A are then 1 / seconds and flops / seconds: np.stack([…], 1). What "
        "is the right side? It has as many entries as there are steps.",
    ],
)


# ---- 2. growth -------------------------------------------------------------------------------


def judge_growth(answer) -> str | None:
    """Judge answer(years, flops) → (factor a year, months to double)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_growth."
    return on_probes(lambda draw: judge_one_history(answer, draw))


def judge_one_history(answer, draw: Draw) -> str | None:
    """Judge it on a made-up history with gaps in it."""
    factor, start = draw.numbers((1.6, 7.0), (1e9, 9e9))
    years = 1990.0 + np.sort(np.array(draw.sizes(7, 2, 30)) if not draw.square else
                             np.array([2, 5, 6, 11, 19, 20, 28]))  # fmt: skip
    flops = start * factor ** (years - 1990) * np.exp(0.8 * draw.normal(7).numpy())
    got = answer(years.copy(), flops.copy())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return factor, months."
    form = "Return two numbers: the factor of one year, and the months to double."
    if words := unfinished(as_tuple(got), 2, form):
        return words
    a, b = (float(part) for part in got)
    slope = np.polyfit(years, np.log10(flops), 1)[0]
    right = 10**slope
    if not near(a, right):
        return wrong_factor(a, years, flops, slope)
    return None if near(b, 12 / np.log2(right)) else wrong_months(b, right)


def wrong_factor(a: float, years, flops, slope: float) -> str:
    """Say what is wrong with a factor; slope: of log10."""
    ends = (flops[-1] / flops[0]) ** (1 / (years[-1] - years[0]))
    steps = np.diff(np.log10(flops)) / np.diff(years)
    mistakes = [
        (slope, "That is the slope of the line, in powers of ten a year: 10 to that power."),
        (np.exp(slope), "The line was fitted to log10: then it is 10 to the slope, not e."),
        (10 ** (slope * np.log(10)), "The line was fitted to the natural logarithm: then it is e "
                                     "to the slope, not 10."),
        (ends, "That uses the first and the last network alone. Fit a line through all."),
        (np.polyfit(years, flops, 1)[0], "That is a straight line through the FLOPs themselves: "
                                         "they grow by a factor. Take their logarithm first."),
        (12 / np.log2(10**slope), "The two are swapped: first the factor of a year."),
        (10 ** np.mean(steps), "That is the mean over the gaps, long or short. Fit a line."),
        (10 ** np.polyfit(np.arange(len(years)), np.log10(flops), 1)[0],
         "That is the growth from one network to the next. Fit against the year."),
        (10 ** (1 / slope), "Years and FLOPs are swapped in the fit: FLOPs against years."),
    ]  # fmt: skip
    for value, words in mistakes:
        if near(a, value):
            return words
    return f"The factor {a:.3g} is not that. First the slope of log10(flops) against years."


def wrong_months(b: float, factor: float) -> str:
    """Say what is wrong with the months beside a right factor."""
    mistakes = [
        (1 / np.log2(factor), "The factor is right. The second number is in years, not in months."),
        (12 * np.log2(factor), "The factor is right. 12·log₂ of it counts doublings of a year: "
                               "how many months has one?"),
        (np.log2(factor), "The factor is right. log₂ of it counts the doublings of one year: how "
                          "many months has one of them?"),
        (24 / factor, "The factor is right. Growth multiplies, so half the time does not give "
                      "half the factor: take the logarithm."),
        (12 / factor, "The factor is right. Growth multiplies: the months are not divided by the "
                      "factor. Take its logarithm."),
        (12 / np.log(factor), "The factor is right. With the natural logarithm it is the time to "
                              "grow e times: you want 2."),
        (12 / np.log10(factor), "The factor is right. That is the time to grow ten times."),
    ]  # fmt: skip
    for value, words in mistakes:
        if near(b, value):
            return words
    return "The factor is right, the months are not. After how many years is factor^years = 2?"


growth = Exercise(
    "Exercise 2",
    judge_growth,
    [
        "Growth by a factor is a straight line in the logarithm: "
        "slope, start = np.polyfit(years, np.log10(flops), 1).",
        "The slope says by how many powers of ten the FLOPs grow in one year. So the factor of a "
        "year is 10**slope.",
        "To double, factor**years must be 2. Take log2 of both sides: years · log2(factor) = 1. "
        "Solve it for the years; one year has 12 months.",
    ],
)
