"""Ticks are nice and inside, numbers are short and right: the table also holds for `scales.js`."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from widgets.common.stills.scales import SCALES, domain, number, reading, tick_labels, ticks

TABLE = json.loads((Path(__file__).parent / "ticks.json").read_text("utf-8"))
ordinary = st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6)


@pytest.mark.parametrize("scale, low, high, most, values", TABLE)
def test_ticks_are_those_of_the_table(scale, low, high, most, values):
    assert ticks(scale, low, high, most) == values


@given(st.sampled_from(["linear", "share", "log"]), ordinary, ordinary, st.floats(2, 12))
def test_ticks_are_inside_few_and_of_one_digit_apart(scale, one, other, most):
    low, high = sorted([abs(one), abs(other)] if scale == "log" else [one, other])
    if high - low < 1e-5 * max(abs(low), abs(high)):
        return
    values = ticks(scale, low, high, most)
    slack = 1e-5 * max(abs(low), abs(high))  # six digits of each are kept
    assert all(low - slack <= v <= high + slack for v in values) and len(values) <= most
    if scale != "log":
        assert len(values) >= 1 and len(set(np.round(np.diff(values) / (high - low), 4))) <= 1
    else:
        digits = {f"{v:.5e}"[0] for v in values}
        assert digits <= {"1", "2", "3", "5"} or high < 10 * low


@given(st.sampled_from(list(SCALES)), st.floats(), st.floats())
@example("log", 0.0, 1.0)
@example("log", 0.5, 0.5)
@example("memory", 0.0, 1.0)
@example("linear", math.nan, math.inf)
@example("linear", 1e300, -1e300)
def test_every_domain_can_be_drawn(scale, low, high):
    axis = {"scale": scale, "low": low, "high": high}
    low, high = domain(axis)
    there, back = SCALES[scale]
    ends = there(np.array([low, high]))
    assert np.isfinite(ends).all() and ends[0] < ends[1]
    assert back(ends) == pytest.approx([low, high], rel=1e-6, abs=1e-9 * (high - low))
    values = ticks(scale, low, high, 8)
    assert len(tick_labels(scale, values)) == len(values) <= 8


def test_a_domain_in_order_stays_as_it_is():
    assert domain({"scale": "log", "low": 0.01, "high": 3}) == (0.01, 3)
    assert domain({"scale": "linear", "low": -2, "high": 5}) == (-2, 5)


def test_a_domain_of_one_value_is_repaired_around_it():
    assert domain({"scale": "linear", "low": 5, "high": 5}) == (2.5, 7.5)
    assert domain({"scale": "linear", "low": -0.1, "high": -0.1}) == pytest.approx((-0.6, 0.4))
    assert domain({"scale": "log", "low": 0.01, "high": 0.01}) == pytest.approx((0.005, 0.02))
    assert domain({"scale": "memory", "low": 0.9, "high": 0.9}) == (0, 0.99)
    assert domain({"scale": "log", "low": None, "high": 3}) == (0.5, 2)


def test_momentum_0_9_and_99_stand_equally_far_apart():
    there, _ = SCALES["memory"]
    assert np.diff(there(np.array([0, 0.9, 0.99, 0.999]))) == pytest.approx([1, 1, 1])


NUMBERS = {
    0: "0", 0.25: "0.25", -3: "−3", 12345: "12300", 0.6667: "0.667", 3e-4: "3·10⁻⁴",
    1e-4: "10⁻⁴", -2.5e-7: "−2.5·10⁻⁷", 123456: "1.2·10⁵", 1e5: "10⁵", 99.96e4: "10⁶",
    math.nan: "–", math.inf: "–",
}  # fmt: skip


@pytest.mark.parametrize("value, words", NUMBERS.items())
def test_numbers_are_short(value, words):
    assert number(value) == words


@given(st.floats(-1e9, 1e9))
def test_a_number_reads_back_as_what_it_was(value):
    words = number(value).replace("−", "-")
    factor, _, power = words.rpartition("10") if not words[-1].isascii() else (words, "", "")
    digits = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    read = float(factor.rstrip("·") or 1) * 10.0 ** int(digits or 0)
    assert read == pytest.approx(value, rel=0.051 if digits else 0.0051)


def test_a_share_reads_in_percent():
    assert reading("share", 0.9612) == "96.1 %" and reading("linear", 0.9612) == "0.961"
    assert tick_labels("share", [0.5, 1.0]) == ["50%", "100%"]


def test_neighbouring_ticks_never_look_the_same():
    assert tick_labels("linear", [1000.2, 1000.4]) == ["1000.2", "1000.4"]
