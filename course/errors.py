"""One kind of error: it names the value, the allowed range and the remedy.

Each check returns what it allows, as a plain Python value. Parts of saved states have stricter
checks of their own, which take no other type for a number: `course.states`.
"""

import inspect
import math
import numbers
import reprlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

SEEDS = 2**63 - 1  # the largest seed: torch's generators take 64 bits


class CourseError(ValueError):
    """Bad input: the message says what was given, what is allowed, what to do. Nothing changed."""


class _Short(reprlib.Repr):
    def repr_int(self, x, level):
        if abs(x) < 10**40:
            return repr(x)
        return f"{'-' if x < 0 else ''}10**{int(x.bit_length() * math.log10(2))} or so"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 120
_SHORT.maxlong = 60


def shown(value: object) -> str:
    """Return `repr(value)`, cut to 200 characters; of a repr that fails, the type's name."""
    try:
        text = _SHORT.repr(value)
    except Exception:  # an object's own repr may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 200 else f"{text[:120]} … {text[-40:]}"


def real_number(value: object) -> Any:
    """Return the real number that `value` is, or None: a bool, a text and 1j are not real numbers.

    Of a NumPy number or a 0-d tensor, the Python number.
    """
    try:
        value = value.item() if getattr(value, "ndim", None) == 0 else value  # type: ignore[attr-defined]
    except (TypeError, ValueError, RuntimeError):
        return None
    real = isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool)
    return value if real else None


def check_number(
    name: str,
    value: object,
    low: float,
    high: float,
    remedy: str,
    *,
    open_low=False,
    open_high=False,
) -> float:
    """Return `value` as a float.

    Args:
        name: what the message calls the value.
        value: a real number of any kind, see `real_number`.
        low, high: the range.
        remedy: the end of the message, an imperative or an example.
        open_low, open_high: exclude the end itself: β lies in [0, 1), a threshold in (0, ∞].

    Raises:
        CourseError: for another type, NaN, and a number outside the range.
    """
    left, right = "(" if open_low else "[", ")" if open_high else "]"
    allowed = f"{name} must be a number in {left}{low:g}, {high:g}{right}; {remedy}"
    real = real_number(value)
    if real is None:
        raise CourseError(f"{name} = {shown(value)} is not a number. {allowed}")
    try:
        number = float(real)
    except (OverflowError, ValueError):  # 10**400, a signalling NaN
        number = math.nan
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if math.isnan(number) or below or above:
        raise CourseError(f"{name} = {shown(value)} is out of range. {allowed}")
    return number


def check_count(name: str, value: object, low: int, high: float, remedy: str) -> int:
    """Return `value` as an int.

    Args:
        name, value, remedy: as in `check_number`; 3.0 is a whole number, 3.5 is not.
        low, high: the range, both ends included.

    Raises:
        CourseError: for what is not a whole number in the range.
    """
    real = real_number(value)
    if isinstance(real, numbers.Integral):  # not through a float: it loses digits above 2**53
        whole = int(real)
        if low <= whole <= high:
            return whole
        raise CourseError(
            f"{name} = {shown(value)} is out of range. {name} must be a number in "
            f"[{low:g}, {high:g}]; {remedy}"
        )
    number = check_number(name, value, low, high, remedy)
    if not number.is_integer():
        raise CourseError(f"{name} = {shown(value)} is not a whole number; {remedy}")
    return int(number)


def check_seed(seed: object) -> int:
    """Return `seed` as an int that every generator takes, or raise `CourseError`."""
    return check_count("seed", seed, 0, SEEDS, "any whole number from 0 below 2**63")


def check_choice(name: str, value: object, choices, remedy: str = "choose one of these"):
    """Return the one of `choices` that equals `value` and has its type; True is no 1.

    Raises:
        CourseError: when there is none; the message lists them.
    """
    for choice in choices:
        other = isinstance(value, bool) and not isinstance(choice, bool)
        if value is choice or (isinstance(value, type(choice)) and not other and value == choice):
            return choice
    known = ", ".join(map(repr, choices))
    raise CourseError(f"{name} = {shown(value)} is unknown. Allowed: {known}; {remedy}")


def check_fields(what: str, fields: object, function, *args) -> dict:
    """Return `fields` when `function(*args, **fields)` is a possible call.

    Args:
        what: what the message calls the fields.
        fields: a dict of keyword arguments.
        function: what takes them; nothing is called.
        args: its leading arguments.

    Raises:
        CourseError: naming the field that is missing or unknown, and the allowed ones.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **fields)  # type: ignore[arg-type]
    except TypeError as error:
        known = ", ".join(list(signature.parameters)[len(args) :]) or "none"
        raise CourseError(
            f"{what} has missing or unknown fields ({str(error)[:100]}); allowed: {known}"
        ) from None
    return fields  # type: ignore[return-value]


def each_field_once(what: str) -> Callable[[list[tuple[str, Any]]], dict]:
    """Return the `object_pairs_hook` of `json.loads` that refuses a field given twice.

    Args:
        what: what the message calls the file.
    """

    def collect(pairs: list[tuple[str, Any]]) -> dict:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise CourseError(f"{what} has the field {shown(twice)} twice; keep one")
        return values

    return collect
