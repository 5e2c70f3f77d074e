"""Wrong answers to the exercises of 1_background: (exercise, answer, what its message says)."""

import numpy as np

from course.lessons.exercises import background

COST, GROWTH = background.step_cost, background.growth


def fit(flops, seconds):
    """A right fit: relative errors."""
    A = np.stack([1 / seconds, flops / seconds], 1)
    return np.linalg.lstsq(A, np.ones(len(seconds)))[0]


def usual(flops, seconds):
    slope, start = np.polyfit(flops, seconds, 1)
    return start, slope


def half_divided(flops, seconds):
    return np.linalg.lstsq(np.stack([1 / seconds, flops / seconds], 1), seconds)[0]


def ends(flops, seconds):
    slope = (seconds[-1] - seconds[0]) / (flops[-1] - flops[0])
    return seconds[0] - slope * flops[0], slope


def power_law(flops, seconds):
    power, level = np.polyfit(np.log(flops), np.log(seconds), 1)
    return np.exp(level), power


def origin(flops, seconds):
    return 0.0, (seconds @ flops) / (flops @ flops)


def of_24(flops, seconds):
    """Right for the first machine alone."""
    known = of_24.known = getattr(of_24, "known", fit(flops, seconds))
    return known


def writes(flops, seconds):
    got = fit(flops, seconds)
    seconds /= 2
    return got


def rate(years, flops):
    return 10 ** np.polyfit(years, np.log10(flops), 1)[0]


def grown(factor, months):
    """An answer from how it finds the factor, and the months from that."""

    def answer(years, flops):
        a = factor(years, flops)
        return a, months(a)

    return answer


def right_months(a):
    return 12 / np.log2(a)


def any_months(a):
    return 7.0


def of_the_gaps(years, flops):
    return 10 ** np.mean(np.diff(np.log10(flops)) / np.diff(years))


def sorts(years, flops):
    a = rate(years, flops)
    flops.sort()
    flops += 1
    return a, right_months(a)


WRONG = [
    (COST, (1e-5, 1e-11), "function itself"),
    (COST, lambda flops, seconds: None, "returns nothing yet"),
    (COST, lambda flops, seconds: 1.0, "Return two numbers"),
    (COST, lambda flops, seconds: (fit(flops, seconds)[0], ...), "One of the two numbers is still"),
    (COST, usual, "make *relative* errors small"),
    (COST, lambda f, s: np.polyfit(f, s, 1), "np.polyfit returns the slope first"),
    (COST, half_divided, "the right side is not"),
    (COST, ends, "first and the last measurement alone"),
    (COST, lambda f, s: (s[0], s[-1] / f[-1]), "first and the last measurement alone"),
    (COST, power_law, "a power law"),
    (COST, origin, "no overhead: without any FLOP"),
    (COST, lambda f, s: (s.min(), fit(f, s)[1]), "not all overhead"),
    (COST, lambda f, s: fit(f, s)[::-1], "swapped"),
    (COST, lambda f, s: (fit(f, s)[0], 1 / fit(f, s)[1]), "upside down"),
    (COST, lambda f, s: (np.nan, 1.0), "not finite"),
    (COST, lambda f, s: 2 * fit(f, s), "is not that of this machine"),
    (COST, lambda f, s: (2 * fit(f, s)[0], fit(f, s)[1]), "off by a factor of 2"),
    (COST, of_24, "is not that of this machine"),
    (COST, writes, "changed the seconds it was handed"),
    (COST, lambda f, s: 1 / 0, "ZeroDivisionError"),
    (GROWTH, 5.1, "function itself"),
    (GROWTH, lambda years, flops: None, "returns nothing yet"),
    (GROWTH, lambda years, flops: rate(years, flops), "Return two numbers"),
    (GROWTH, lambda years, flops: (rate(years, flops), None), "still open"),
    (GROWTH, grown(lambda y, f: np.polyfit(y, np.log10(f), 1)[0], any_months), "powers of ten"),
    (GROWTH, grown(lambda y, f: np.exp(np.polyfit(y, np.log10(f), 1)[0]), any_months), "not e"),
    (GROWTH, grown(lambda y, f: 10 ** np.polyfit(y, np.log(f), 1)[0], any_months), "not 10"),
    (GROWTH, grown(lambda y, f: (f[-1] / f[0]) ** (1 / (y[-1] - y[0])), any_months), "Fit a line"),
    (GROWTH, grown(lambda y, f: np.polyfit(y, f, 1)[0], any_months), "Take their logarithm"),
    (GROWTH, grown(lambda y, f: right_months(rate(y, f)), any_months), "swapped: first"),
    (GROWTH, grown(of_the_gaps, any_months), "mean over the gaps"),
    (GROWTH, grown(lambda y, f: rate(np.arange(len(y)), f), any_months), "against the year"),
    (GROWTH, grown(lambda y, f: 3.0, any_months), "is not that"),
    (GROWTH, grown(rate, lambda a: 1 / np.log2(a)), "in years"),
    (GROWTH, grown(rate, lambda a: 12 * np.log2(a)), "counts doublings"),
    (GROWTH, grown(rate, lambda a: np.log2(a)), "counts the doublings"),
    (GROWTH, grown(rate, lambda a: 24 / a), "Growth multiplies"),
    (GROWTH, grown(rate, lambda a: 12 / a), "not divided by the factor"),
    (GROWTH, grown(rate, lambda a: 12 / np.log(a)), "you want 2"),
    (GROWTH, grown(rate, lambda a: 12 / np.log10(a)), "grow ten times"),
    (GROWTH, grown(rate, any_months), "the months are not"),
    (GROWTH, sorts, "changed the flops it was handed"),
]
