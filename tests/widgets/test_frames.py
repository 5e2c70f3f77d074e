"""Frames: a picture to bytes and back, within a hundredth of a pixel."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as np_arrays
from real_runs import described, lab, strict_header

from widgets.common.frames import BYTE, FLOAT, HUGE, LEVELS, QUANTISED, SHORT, decode, encode

EMPTY = {"strips": [], "side": [], "below": []}


def frame_of(**arrays) -> bytes:
    return encode(EMPTY | {"arrays": arrays})


def there_and_back(values: np.ndarray) -> tuple[np.ndarray, list]:
    frame = frame_of(a=values)
    return decode(frame)["arrays"]["a"], strict_header(frame)["arrays"]["a"]


def assert_close(found: np.ndarray, values: np.ndarray, place: list) -> None:
    """The values are back within half a level of the array's own range."""
    assert len(found) == values.size
    if place[2] != QUANTISED:
        with np.errstate(over="ignore"):
            expected = values.astype("<f4").ravel()
        assert np.array_equal(found, expected, equal_nan=True)
        return
    seen = abs(values) < HUGE
    assert np.isnan(found[~seen]).all() and np.isfinite(found[seen]).all()
    scale, low, high = place[3:]
    fine, found = values[seen], found[seen]
    if scale == "log":
        assert (fine > 0).all()
        fine, found = np.log10(fine), np.log10(found)
    half = (fine.max() - fine.min()) / LEVELS / 2
    rounding = 1e-8 * max(abs(fine.max()), abs(fine.min())) + 1e-15
    assert (abs(found - fine) <= half * (1 + 1e-6) + rounding).all()


ANY = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=False)
RANGES = st.one_of(ANY, st.floats(-1, 1), st.floats(1e-9, 1e9), st.floats(1, 1 + 1e-6))
LENGTHS = st.integers(0, 40)


@settings(max_examples=300, deadline=None)
@given(np_arrays(float, LENGTHS, elements=RANGES))
def test_any_numbers_come_back_within_half_a_level(values):
    assert_close(*[(f := there_and_back(values))[0], values, f[1]])


@settings(max_examples=100, deadline=None)
@given(np_arrays(float, st.integers(5, 40), elements=st.floats(1e-6, 1e6)))
def test_positive_numbers_of_several_sizes_are_sent_by_their_logarithm(values):
    found, place = there_and_back(values)
    assert place[3] == ("log" if values.max() > 10 * values.min() else "linear")
    decades = math.log10(values.max() / values.min())
    np.testing.assert_allclose(found, values, rtol=1.2e-5 * decades * 2.4 + 2e-5)


SPECIAL = {
    "empty": [], "one": [3.5], "short": [1.0, math.nan, math.inf, -1e300],
    "nan": [math.nan] * 9, "infinite": [math.inf, -math.inf] * 5, "constant": [0.1] * 9,
    "a large constant": [9.99999968e37] * 9, "zeros": [0.0] * 9,
    "tiny range": [1 + 1e-12 * i for i in range(9)], "tiny": [1e-300, 2e-300, 3e-300, 5e-320, 0],
    "the whole range": [-1.7e308, 1.7e308, 0, 1, 2], "huge": [1e299, -1e299, 0, 1, 2],
    "with gaps": [0.1, math.nan, 0.2, 0.3, math.inf, 0.4], "below zero": [-1.0, -100.0, -7, -8, -9],
}  # fmt: skip


@pytest.mark.parametrize("values", SPECIAL.values(), ids=SPECIAL)
def test_special_numbers(values):
    array = np.array(values, dtype=float)
    found, place = there_and_back(array)
    assert_close(found, array, place)
    assert place[2] == (FLOAT if len(values) <= SHORT or not (abs(array) < HUGE).any()
                        else QUANTISED)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(np_arrays(np.uint8, st.tuples(st.integers(0, 7), st.integers(0, 5))))
def test_bytes_come_back_as_they_are(values):
    found, place = there_and_back(values)
    assert place[2] == BYTE and found.dtype == np.uint8
    assert np.array_equal(found, values.ravel())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(np_arrays(np.uint8, LENGTHS), np_arrays(float, LENGTHS,
       elements=st.floats(0, 1))), max_size=6), st.text(max_size=20))  # fmt: skip
def test_the_header_leads_to_arrays_that_lie_at_multiples_of_four(parts, words):
    named = {f"a{i}": part for i, part in enumerate(parts)}
    frame = encode(EMPTY | {"words": words, "step": 7, "arrays": named}, seq=12)
    size = struct.unpack_from("<I", frame)[0]
    header = strict_header(frame)
    assert size % 4 == 0 and (header["seq"], header["words"], header["step"]) == (12, words, 7)
    pieces, decoded = set(), decode(frame)["arrays"]
    for name, part in named.items():
        at, length, kind, *_ = header["arrays"][name]
        assert at % 4 == 0 and length == part.size == len(decoded[name])
        pieces.add((at, at + -(-length * {FLOAT: 4, BYTE: 1, QUANTISED: 2}[kind] // 4) * 4))
    ends = [0]
    for begin, end in sorted(pieces):  # one after the other, or the same
        assert begin == ends[-1]
        ends.append(end)
    assert 4 + size + ends[-1] == len(frame)


def test_arrays_that_are_equal_are_sent_once():
    steps = np.arange(300.0)
    once, twice = frame_of(a=steps), frame_of(a=steps, b=steps.copy(), c=steps * 2)
    assert len(twice) < len(once) + 100
    assert np.array_equal(decode(twice)["arrays"]["b"], decode(once)["arrays"]["a"])
    np.testing.assert_allclose(decode(twice)["arrays"]["c"], 2 * steps, atol=0.01)


def test_the_layout_is_what_the_browser_reads():
    values = [0.0, 1.0, 2.0, 4.0, math.nan]
    frame = encode({"strips": [], "arrays": {"a": np.array(values), "b": np.uint8([1, 2, 3])}}, 5)
    size = int.from_bytes(frame[:4], "little")
    header = json.loads(frame[4 : 4 + size])
    assert header == {"strips": [], "seq": 5, "arrays": {"a": [0, 5, 2, "linear", 0.0, 4.0],
                                                         "b": [12, 3, 1]}}  # fmt: skip
    levels = struct.unpack_from("<5H", frame, 4 + size)
    assert levels == (0, round(65534 / 4), round(65534 / 2), 65534, 65535)
    assert frame[4 + size + 12 :] == b"\1\2\3\0"


def test_a_picture_of_a_long_run_is_small():
    run = lab("spirals", [2, 8, 8, 2]).run(2000)
    run.set("lr", 0.3)
    assert len(encode(described(run), 1000)) <= 8 * 1024
    assert len(encode(described(run.run(1000)), 1000)) <= 8 * 1024
