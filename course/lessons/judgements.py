"""What the answers of a bet share: their checks, and the words that judge a bet."""

import math

from ..errors import CourseError, check_number, shown
from .guesses import as_json

NEAR = 1.25  # a factor up to which a number or a curve counts as well seen


def as_number(found) -> float:
    """Return an experiment's result, NaN included. Raise `CourseError` for what is no number."""
    number = as_json(found)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise CourseError(
            f"the experiment's result = {shown(found)}; allowed: a number; let it return one, "
            "or name it by outcome=…"
        )
    return number


def check_range(low: float, high: float, least: float) -> None:
    """Raise `CourseError` for a range from below `least`, or without numbers."""
    check_number("low", low, least, 1e300, "choose one in it")
    check_number("high", high, low, 1e300, "choose one above low", open_low=True)


def held(well: bool) -> str:
    """Return what to say of a bet that held, or did not."""
    return "Well seen!" if well else "Worth finding out why."


def off(factor: float | None) -> str:
    """Return by which factor a bet is off, in words; None: the two cannot be compared."""
    if factor is None:  # as from 0, or to NaN
        return "The two cannot be compared by a factor. " + held(False)
    if math.isclose(factor, 1, rel_tol=5e-4):
        return "Exactly. " + held(True)
    return f"The bet is off by a factor of {factor:.3g}. {held(factor <= NEAR)}"
