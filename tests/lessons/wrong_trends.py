"""Wrong answers to the exercises of 5_2_trends: (exercise, answer, what is said)."""

import numpy as np

from course.lessons.exercises import trends

LINE, SPLIT, SHARE = trends.prediction, trends.split, trends.share


def fitted(x, y, at):
    """A right answer, in a way of its own: least squares of two columns."""
    columns = np.stack([np.log10(x), np.ones_like(x)], 1)
    slope, start = np.linalg.lstsq(columns, np.log10(y), rcond=None)[0]
    return 10 ** (start + slope * np.log10(at))


def plain(x, y, at):
    return np.polyval(np.polyfit(x, y, 1), at)


def half(x, y, at):
    return np.polyval(np.polyfit(np.log(x), y, 1), np.log(at))


def exponential(x, y, at):
    return np.exp(np.polyval(np.polyfit(x, np.log(y), 1), at))


def through(x, y, at):
    """The line through two points."""
    slope = np.log(y[1] / y[0]) / np.log(x[1] / x[0])
    return y[0] * (at / x[0]) ** slope


def root(flops, ratio):
    return (flops / (6 * ratio)) ** 0.5


def mfu(P, tokens, seconds, devices, peak):
    return 6 * P * tokens / seconds / devices / peak


def changing(x, y, at):
    y *= 2
    return fitted(x, y / 2, at)


WRONG = [
    (LINE, 3.0, "Hand over the function itself"),
    (LINE, lambda x, y, at: None, "returns nothing yet"),
    (LINE, lambda x, y, at: [1, 2], "Return one number"),
    (LINE, lambda x, y, at: np.log(fitted(x, y, at)), "Take exp of it"),
    (LINE, plain, "a straight line of y over x."),
    (LINE, half, "a straight line of y over log x"),
    (LINE, exponential, "a straight line of log y over x"),
    (LINE, lambda x, y, at: through(x[-2:], y[-2:], at), "through the last two points"),
    (LINE, lambda x, y, at: through(x[[0, -1]], y[[0, -1]], at), "the first and the last point"),
    (LINE, lambda x, y, at: -np.polyfit(np.log(x), np.log(y), 1)[0], "That is the exponent"),
    (LINE, lambda x, y, at: y[-1], "The line goes on falling"),
    (LINE, lambda x, y, at: at ** np.polyfit(np.log(x), np.log(y), 1)[0], "is missing"),
    (LINE, lambda x, y, at: 1.1 * fitted(x, y, at), "the line says"),
    (LINE, lambda x, y, at: 0.0217, "the line says"),
    (LINE, changing, "changed the"),
    (SPLIT, (1, 2), "Hand over the function itself"),
    (SPLIT, lambda flops, ratio: None, "returns nothing yet"),
    (SPLIT, lambda flops, ratio: flops, "Return two numbers"),
    (SPLIT, lambda flops, ratio: (flops, "many"), "Return two numbers"),
    (SPLIT, lambda flops, ratio: (ratio * root(flops, ratio), root(flops, ratio)), "exchanged"),
    (SPLIT, lambda flops, ratio: ((flops / ratio) ** 0.5, (flops * ratio) ** 0.5), "The 6 is"),
    (SPLIT, lambda flops, ratio: (flops / 6 / ratio, flops / 6), "A root is missing"),
    (SPLIT, lambda flops, ratio: ((flops / 2 / ratio) ** 0.5, (flops * ratio / 2) ** 0.5),
     "the forward pass"),
    (SPLIT, lambda flops, ratio: ((flops * ratio / 6) ** 0.5, (flops / ratio / 6) ** 0.5),
     "upside down"),
    (SPLIT, lambda flops, ratio: ((flops / 6) ** 0.5, (flops / 6) ** 0.5), "The FLOPs are right"),
    (SPLIT, lambda flops, ratio: (1e9, ratio * 1e9), "The ratio is right"),
    (SPLIT, lambda flops, ratio: (0.0, 1.0), "Both should fit"),
    (SPLIT, lambda flops, ratio: (7e9, 1e9), "Both should fit"),
    (SHARE, 0.4, "Hand over the function itself"),
    (SHARE, lambda *a: None, "returns nothing yet"),
    (SHARE, lambda *a: "40 %", "Return one number"),
    (SHARE, lambda *a: mfu(*a) / 3, "the forward pass alone"),
    (SHARE, lambda *a: mfu(*a) * a[3], "The devices are missing"),
    (SHARE, lambda *a: 1 / mfu(*a), "upside down"),
    (SHARE, lambda *a: 100 * mfu(*a), "a percentage"),
    (SHARE, lambda *a: mfu(*a) * a[2], "The seconds are missing"),
    (SHARE, lambda *a: mfu(*a) * 8 / 6, "computed again"),
    (SHARE, lambda *a: 0.41234, "could do"),
]  # fmt: skip
