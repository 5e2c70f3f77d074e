"""One kind of error: it names the value, the allowed range and the remedy."""

import math


class CourseError(ValueError):
    """Bad input: the message says what was given, what is allowed, what to do. Nothing changed."""


def check_number(
    name: str,
    value: float,
    low: float,
    high: float,
    remedy: str,
    *,
    open_low=False,
    open_high=False,
) -> float:
    """Return `value` as a float inside the range, or raise `CourseError`.

    `open_low` and `open_high` exclude the end itself: β lies in [0, 1), a threshold in (0, ∞].
    """
    left, right = "(" if open_low else "[", ")" if open_high else "]"
    allowed = f"{name} must be a number in {left}{low:g}, {high:g}{right}; {remedy}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise CourseError(f"{name} = {value!r} is not a number. {allowed}") from None
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if math.isnan(number) or below or above or isinstance(value, bool):
        raise CourseError(f"{name} = {value!r} is out of range. {allowed}")
    return number


def check_count(name: str, value: int, low: int, high: float, remedy: str) -> int:
    """Return `value` as an int in [low, high], or raise `CourseError`; 3.0 is fine, 3.5 is not."""
    number = check_number(name, value, low, high, remedy)
    if number != int(number):
        raise CourseError(f"{name} = {value!r} is not a whole number; {remedy}")
    return int(number)


def check_choice(name: str, value: object, choices, remedy: str = "choose one of these"):
    """Return `value` if it is one of `choices`, or raise `CourseError`."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise CourseError(f"{name} = {value!r} is unknown. Allowed: {known}; {remedy}")
    return value
