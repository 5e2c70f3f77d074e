"""The ranges of the numbers that transforms have, by the names of their fields."""

import math

from ..errors import CourseError, check_number, shown
from .schedules import SCHEDULES, Schedule

# field: (low, high, low excluded, high excluded, remedy)
RANGES = {
    "lr": (0, math.inf, False, True, "a common start is 0.1"),
    "beta": (0, 1, False, True, "a common choice is 0.9"),
    "beta1": (0, 1, False, True, "a common choice is 0.9"),
    "beta2": (0, 1, False, True, "a common choice is 0.999"),
    "eps": (0, math.inf, False, True, "a common choice is 1e-8"),
    "threshold": (0, math.inf, True, False, "to switch clipping off, leave the transform out"),
    "weight_decay": (0, math.inf, False, True, "0 switches it off; a common start is 1e-4"),
    "strength": (0, math.inf, False, True, "0 switches it off; a common start is 1e-4"),
    "damping": (0, math.inf, False, True, "a common start is 1e-3"),
    "sparsity": (0, 1, False, False, "0.8 throws four of five weights away"),
    "iterations": (1, 10_000, False, False, "a common choice is 10"),
}
LARGEST = 1e30


def check_field(label: str, value: object) -> float:
    """Return a field's value as a float.

    Args:
        label: what the message calls the field; it ends in its name in `RANGES`, as `Descend.lr`.
        value: a number.

    Raises:
        CourseError: for what is not a number in the field's range.
    """
    low, high, open_low, open_high, remedy = RANGES[label.rpartition(".")[2]]
    number = check_number(label, value, low, high, remedy, open_low=open_low, open_high=open_high)
    if LARGEST < number < math.inf:  # float32 weights cannot hold it
        raise CourseError(f"{label} = {shown(value)} is above {LARGEST:g}; {remedy}")
    return number


def check_setting(label: str, value: object) -> float | Schedule:
    """Return what a field may be set to: a number, or a schedule with all its levels in the range.

    Args:
        label: as in `check_field`.
        value: a number, a schedule, or the description of one.

    Raises:
        CourseError: for anything else.
    """
    if isinstance(value, dict):
        value = SCHEDULES.build(value)
    if not isinstance(value, Schedule):
        return check_field(label, value)
    for level in value.levels():
        check_field(label, level)
    return value
