"""Checked numbers, counts, seeds and choices: a plain value in the range, or refused in words."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hostile_values import HOSTILE, only_course_errors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course import CourseError
from course.errors import check_choice, check_count, check_number, check_seed, shown


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: shown(v)[:20])
def test_a_checked_number_is_a_plain_number_in_range_or_refused(value):
    number = only_course_errors(check_number, "x", value, 0, math.inf, "as 1")
    assert number is None or (type(number) is float and number >= 0)
    for high in (5, 10**12, math.inf, 2**63 - 1):
        count = only_course_errors(check_count, "n", value, 0, high, "as 1")
        assert count is None or (type(count) is int and 0 <= count <= high and count == value)
    choice = only_course_errors(check_choice, "c", value, {"relu": 1, "tanh": 2})
    assert choice is None or type(choice) is str


def test_true_is_no_choice_of_a_number_and_1_none_of_true():
    for value, choices in ((True, (0, 1)), (False, (0, 1)), (1, (False, True))):
        with pytest.raises(CourseError, match=f"c = {value} is unknown"):
            check_choice("c", value, choices)
    assert check_choice("c", True, (False, True)) is True and check_choice("c", 1, (0, 1)) == 1


def test_what_a_number_is():
    for good in (1, 1.0, np.float64(1), np.int8(1), Decimal(1), Fraction(1), torch.tensor(1.0)):
        assert check_number("x", good, 0, 1, "as 1") == 1 == check_count("x", good, 0, 1, "as 1")
    for bad in (True, np.bool_(True), torch.tensor(True), "1", 1j, np.complex128(1), [1], b"1"):
        for check in (check_number, check_count):
            with pytest.raises(CourseError, match="not a number"):
                check("x", bad, 0, 1, "as 1")


@given(st.integers(0, 2**64))
@example(2**53 + 1)
@example(2**63 - 1)
def test_a_seed_keeps_every_digit(seed):
    if seed < 2**63:
        assert check_seed(seed) == seed
    else:
        with pytest.raises(CourseError, match="2\\*\\*63"):
            check_seed(seed)


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.one_of(st.integers(), st.text(), st.floats()), st.lists))
def test_a_shown_value_is_short(value):
    assert len(shown([value] * 1000)) <= 200 and len(shown(value)) <= 200


def test_a_huge_number_is_shown_by_its_size():
    assert shown(7) == "7" and shown(-(10**400)) == "-10**400 or so"
    assert "or so" in shown([10**5000])
