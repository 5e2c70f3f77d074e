"""`compare` says what it knows: equal to the last bit, to rounding, within a tolerance, or not."""

import numpy as np
import pytest
import torch

from course import compare
from course.errors import CourseError

one = torch.ones(3)


@pytest.mark.parametrize(
    "ours, theirs, options, said",
    [
        (one, one, {}, "equal to rounding of float32 (largest difference 0.0e+00)"),
        (one, one + 1e-6, {}, "equal to rounding of float32"),
        (one, one.double() + 1e-6, {}, "equal to rounding of float32"),
        (1.0, float(one[0]), {}, "equal to rounding of float64"),
        (one.double(), one.double() + 1e-13, {}, "equal within the tolerance"),
        (one.double(), one.double() + 1e-14, {}, "equal to rounding of float64"),
        (1e3 * one, 1e3 * one + 1e-3, {}, "equal to rounding of float32"),
        (np.ones(3), np.ones(3) + 1e-3, {"rtol": 1e-2}, "equal within the tolerance"),
        (np.ones(3, np.float32), one + 0.1, {}, "DIFFERENT (largest difference 1.0e-01)"),
        (one, one, {"rtol": 0, "atol": 0}, "equal to the last bit"),
        (one, one + 1e-6, {"rtol": 0, "atol": 0}, "DIFFERENT"),
        ([1, 2], torch.tensor([1, 2]), {}, "equal to rounding of float64"),
        ([], [], {}, "equal to rounding of float64"),
    ],
)
def test_it_names_what_explains_the_difference(ours, theirs, options, said):
    found = compare(ours, theirs, **options)
    assert str(found).startswith(said)
    assert bool(found) is ("DIFFERENT" not in said)


def test_nan_equals_nothing_and_shapes_must_agree():
    assert not compare(float("nan"), float("nan"))
    with pytest.raises(CourseError, match="shapes differ"):
        compare(one, one[:2])
