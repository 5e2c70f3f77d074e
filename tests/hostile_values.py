"""Values that no argument expects: each works, or `CourseError` says why not."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch

from course import CourseError


def nested(depth):
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


def nested_schedule(depth):
    value: object = 0.1
    for _ in range(depth):
        value = {"kind": "Warmup", "peak": value, "steps": 3}
    return value


ITSELF: list = []
ITSELF.append(ITSELF)


HOSTILE = [
    None, True, -1, 0, 1, 2, 3.5, 10**6, 2**63, 2**64, 10**400, -(10**400), 10**5000, 1e-320, 1e39,
    1e308, math.nan, math.inf, -math.inf, 1j, Decimal("NaN"), Decimal("sNaN"), Decimal("0.5"),
    Fraction(10**400, 3), np.float64(0.5), np.int64(2), np.bool_(True), np.complex128(1),
    np.float32(math.inf), np.array([1.0, 2.0]), np.array("relu"), torch.tensor(0.5),
    torch.ones(3), torch.ones(1, device="meta"), torch.tensor(1.0, device="meta"), torch.float16,
    "", "0.1", "9" * 5000, "__dict__", "float16", "meta", "cuda:99", "own", "\ud800", "x" * 10**6,
    b"\x00", [], [[]], ["adam"], [None] * 1000, [1] * 5000, {}, {"kind": "Linear"}, {"kind": []},
    {"kind": "MLP"}, {1: 2}, {"kind": "Warmup", "peak": 1.0, "steps": 10**400}, nested(100_000),
    nested_schedule(2000), ITSELF, set(), object(), len, range(10**12),
]  # fmt: skip


def only_course_errors(function, *args, **options):
    """The result, or None after a `CourseError` that can be read."""
    try:
        return function(*args, **options)
    except CourseError as error:
        assert 10 < len(str(error)) < 1500, str(error)[:3000]
        return None
