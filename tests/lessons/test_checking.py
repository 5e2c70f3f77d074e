"""`compare` says what it knows: equal to the last bit, to rounding, within a tolerance, or not."""

import numpy as np
import pytest
import torch

from course import compare
from course.errors import CourseError
from course.lessons.checking import first_match, near, same, unfinished

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


@pytest.mark.parametrize(
    "answer, said",
    [
        ((1, 2), None), ([1, 2], None), ((1, 2, 3), "form"), ((1,), "form"), (1, "form"),
        ("ab", "form"), (torch.ones(2), "form"), ({1: 2, 3: 4}, "form"),
        ((1, None), "One of the two numbers is still open."),
        ((..., 2), "One of the two numbers is still open."),
        ((None, ...), "One of the two numbers is still open."),
        ((torch.ones(2), torch.zeros(2)), None), ((0, ""), None),
    ],
)  # fmt: skip
def test_an_answer_of_two_parts_is_whole_or_says_what_is_open(answer, said):
    assert unfinished(answer, 2, "form") == said


def test_an_answer_of_three_parts_may_be_a_word():
    words = unfinished(["a", None, "c"], 3, "form", "letters", (str, list))
    assert words == "One of the three letters is still open."
    assert unfinished("abc", 3, "form", "letters", (str, list)) is None
    assert unfinished("abcd", 3, "form", "letters", (str, list)) == "form"


def test_a_number_is_near_to_three_digits():
    assert near(0.5004, 0.5) and near("0.5", 0.5) and near(1e-10, 0) and near(torch.tensor(2.0), 2)
    assert not near(0.501, 0.5) and not near(-0.5, 0.5) and not near(1e-8, 0)


def test_the_first_mistake_with_the_same_numbers_is_named():
    mistakes = [(one, "ones"), (2 * one, "twos"), (2 * one.double(), "never")]
    assert first_match(one.double(), mistakes) == "ones"
    assert first_match(2 * one + 1e-6, mistakes) == "twos"
    assert first_match(3 * one, mistakes) is None
    assert first_match(torch.ones(4), mistakes) is None and same(one, one.double())
