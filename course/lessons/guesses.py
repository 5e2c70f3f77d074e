"""Guesses: which make sense, and how far off they were.

A guess is a choice (a word, True or False), a number, an interval (low, high), or a curve: points
[[x, y], …] from left to right.
"""

import contextlib
import math

from ..errors import CourseError, shown

DIGITS = 300  # of a whole number: with more a float overflows, and Python reads no thousands


def as_json(value, depth: int = 4):
    """Return a value as JSON has it: NumPy's and torch's numbers as Python's, tuples as lists.

    Args:
        value: a number, word, bool, None, array, or lists of these.
        depth: how many lists may lie in each other.

    Raises:
        CourseError: for anything else.
    """
    if hasattr(value, "tolist"):
        with contextlib.suppress(Exception):  # as a tensor without values
            value = value.tolist()
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and abs(value) < 10**DIGITS:
        return value
    if isinstance(value, list | tuple) and depth:
        return [as_json(item, depth - 1) for item in value]
    raise CourseError(
        f"{shown(value)} cannot be noted; allowed: numbers, words, yes or no, and lists of them"
    )


def number_in(value) -> float | None:
    """Return a number as a float; None for what is not one, True and NaN included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _finite(value) -> bool:
    number = number_in(value)
    return number is not None and math.isfinite(number)


def _pairs(value) -> bool:
    return isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value)


def check_guess(guess):
    """Return a guess as JSON has it.

    Args:
        guess: a word, True or False; a finite number; two of them, an interval; or at least two
            points [x, y], x not falling, y above 0.

    Raises:
        CourseError: for anything else.
    """
    value = as_json(guess)
    if isinstance(value, str | bool) or _finite(value):
        return value
    if isinstance(value, list) and len(value) == 2 and all(map(_finite, value)):
        return value
    if _pairs(value) and len(value) >= 2 and all(_finite(v) for point in value for v in point):
        rising = all(a[0] <= b[0] for a, b in zip(value, value[1:], strict=False))
        if rising and all(y > 0 for _, y in value):
            return value
    raise CourseError(
        f"guess = {shown(guess)} makes no sense here; allowed: a finite number, a word, True or "
        "False, (low, high), or points [[x, y], …] from left to right with y above 0"
    )


def kind_of(guess) -> str:
    """Return 'choice', 'interval' or 'factor' (of a number or a curve).

    Raises:
        CourseError: as `check_guess` does.
    """
    guess = check_guess(guess)
    if isinstance(guess, str | bool):
        return "choice"
    return "interval" if isinstance(guess, list) and not _pairs(guess) else "factor"


def miss(guess, result) -> float | None:
    """Return how far off a guess was; None if the two cannot be compared.

    A choice: 0 if it held, else 1. An interval: the distance to it. A number or a curve: a factor
    from 1 up.

    Raises:
        CourseError: for a guess that makes no sense, as `check_guess` says.
    """
    kind, guess, result = kind_of(guess), check_guess(guess), as_json(result)
    if kind == "choice":
        return float(guess != result)
    if _pairs(guess):
        return curve_miss(guess, result)
    if kind == "interval":
        if isinstance(result, float) and math.isnan(result):
            return math.inf  # a run that broke held in no interval
        if number_in(result) is None:
            return None
        low, high = sorted(map(float, guess))
        return max(low - float(result), 0.0, float(result) - high)
    if not _finite(result):
        return None
    if guess == result:
        return 1.0
    return _factor(abs(math.log(guess) - math.log(result))) if min(guess, result) > 0 else None


def _factor(distance: float) -> float:
    return math.exp(distance) if distance < 700 else math.inf


def curve_miss(guess, result) -> float | None:
    """Return exp of the mean |log(guess / result)| over the result's points that the guess spans.

    1 is perfect, 2 is off by a factor of two on the average. None: there is not a point of the
    result that can be compared.

    Args:
        guess, result: [[x, y], …] with rising x; straight lines join the guess's points.

    Raises:
        CourseError: for a guess that makes no sense, as `check_guess` says.
    """
    guess, result = check_guess(guess), as_json(result)
    if not (_pairs(guess) and _pairs(result)):
        return None
    distances = []
    for x, y in result:
        if not (_finite(x) and _finite(y) and y > 0):
            continue
        at = next((i for i in range(1, len(guess)) if guess[i - 1][0] <= x <= guess[i][0]), None)
        if at is None:
            continue
        (x0, y0), (x1, y1) = guess[at - 1], guess[at]
        share = (x / 2 - x0 / 2) / (x1 / 2 - x0 / 2) if x1 / 2 > x0 / 2 else 0.0  # no overflow
        distances.append(abs((1 - share) * math.log(y0) + share * math.log(y1) - math.log(y)))
    return _factor(sum(distances) / len(distances)) if distances else None
