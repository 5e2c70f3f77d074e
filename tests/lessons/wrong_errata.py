"""Wrong answers to the exercises of the errata: (exercise, answer, what is said)."""

import math

from course.lessons.exercises import errata

INTERVAL, REFEREE = errata.interval, errata.referee


def wilson(held, checked, z=1.96):
    p, n = held / checked, checked
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def simple(held, checked):
    p = held / checked
    half = 1.96 * math.sqrt(p * (1 - p) / checked)
    return p - half, p + half


def undivided(held, checked):
    low, high = wilson(held, checked)
    half, p = (high - low) / 2, held / checked
    return p - half, p + half


def check(means, rows, right):
    """Return a check on these batches."""
    return lambda mean: math.isclose(mean(list(means), list(rows)), right)


def exact(mean):
    return mean([0.1, 0.7, 0.3], [3, 5, 4]) == (0.1 * 3 + 0.7 * 5 + 0.3 * 4) / 12


WRONG = [
    (INTERVAL, 3, "Hand over the function itself"),
    (INTERVAL, lambda held, checked: None, "returns nothing yet"),
    (INTERVAL, lambda held, checked: held / checked, "Return two numbers"),
    (INTERVAL, lambda held, checked: ("a", "b"), "Return two numbers"),
    (INTERVAL, simple, "as if you were sure"),
    (INTERVAL, lambda held, checked: wilson(held, checked)[::-1], "the lower end comes first"),
    (INTERVAL, lambda h, n: tuple(100 * s for s in wilson(h, n)), "not per cent"),
    (INTERVAL, lambda h, n: wilson(h, n, 1.0), "z is 1.96"),
    (INTERVAL, undivided, "the width is right"),
    (INTERVAL, lambda h, n: wilson(h, n, 2.58), "it should be"),
    (REFEREE, True, "Hand over the function itself"),
    (REFEREE, lambda mean: None, "returns nothing yet"),
    (REFEREE, lambda mean: mean([1.0, 2.0], [3, 4]), "Return True or False"),
    (REFEREE, lambda mean: True, "cannot fail"),
    (REFEREE, lambda mean: False, "False to every formula"),
    (REFEREE, check((1.0, 2.0, 4.0), (5, 5, 5), 7 / 3), "the plain mean"),
    (REFEREE, check((2.0,), (5,), 2.0), "the plain mean"),
    (REFEREE, check((1.0, 2.0), (1, 3), 7 / 4), "forgets all batches after the second"),
    (REFEREE, lambda mean: abs(mean([1.0, 2.0, 4.0], [1, 3, 2]) - 2.5) < 0.1, "one per cent"),
    (REFEREE, check((1.0, 2.0, 4.0), (1, 3, 2), 7 / 3), "It refuses a right formula"),
]
