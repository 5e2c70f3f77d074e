"""Bins against reductions of the whole table; they never move until all double."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.training.bins import Bins

PARTS = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def two_columns(rows):
    return rows[:, :2]


def table(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 4))


def chunks(values: np.ndarray, width: int) -> list[np.ndarray]:
    return [values[i : i + width] for i in range(0, len(values), width)]


def assert_bins(bins: Bins, rows: np.ndarray) -> None:
    """Each bin holds numpy's mean, minimum and maximum of its rows."""
    parts = chunks(rows[:, :2], bins.width)
    for name, found in (("mean", bins.means), ("min", bins.lows), ("max", bins.highs)):
        expected = np.array([getattr(part, name)(0) for part in parts]).reshape(-1, 2)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, err_msg=name)
    assert bins.steps == len(rows)


@settings(max_examples=150, deadline=None)
@given(PARTS, st.integers(1, 9), st.integers(0, 99))
def test_bins_read_in_any_portions_are_reductions_of_the_whole_table(parts, most, seed):
    rows, bins, end = table(sum(parts), seed), Bins(two_columns, most), 0
    for part in parts:
        end += part
        assert_bins(bins.read(rows[:end]), rows[:end])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(1, 9))
def test_a_shorter_table_starts_again(first, second, third, most):
    bins = Bins(two_columns, most)
    bins.read(table(first, 1))
    shorter = table(min(first, second), 2) if second < first else table(first + second, 1)
    assert_bins(bins.read(shorter), shorter)
    more = np.concatenate([shorter, table(third, 3)])
    assert_bins(bins.read(more), more)


@pytest.mark.parametrize("most", [1, 2, 5, 256])
def test_there_are_between_half_and_all_of_the_bins(most):
    bins, rows = Bins(two_columns, most), table(1500)
    for n in range(1, 1500, 7):
        bins.read(rows[:n])
        assert len(bins.means) == -(-n // bins.width) <= most
        assert bins.width == 1 or len(bins.means) > most / 2
        assert bins.width & (bins.width - 1) == 0  # a power of two


def test_a_bin_stays_where_it_is_until_all_double():
    bins, rows, seen = Bins(two_columns, 16), table(300), {}
    for n in range(1, 301):
        bins.read(rows[:n])
        first, distance = bins.x
        places = first + distance * np.arange(n // bins.width)  # of the full ones
        for place, mean in zip(places, bins.means, strict=False):
            steps = tuple(np.arange(1, n + 1)[abs(np.arange(1, n + 1) - place) < distance / 2])
            assert place == np.mean(steps)
            key = bins.width, place
            np.testing.assert_allclose(mean, seen.setdefault(key, mean), rtol=1e-12, atol=1e-14)
    assert {width for width, _ in seen} == {1, 2, 4, 8, 16, 32}


def test_a_single_wild_step_stays_visible():
    rows = np.ones((4000, 4))
    rows[1234, 0], rows[2345, 1] = 1e6, -1e6
    bins = Bins(two_columns)
    for end in range(0, 4001, 50):
        bins.read(rows[:end])
    assert (bins.highs[:, 0] == 1e6).sum() == 1 and (bins.lows[:, 1] == -1e6).sum() == 1
    assert bins.highs[1234 // bins.width, 0] == 1e6 and bins.lows[2345 // bins.width, 1] == -1e6


def test_a_step_that_is_not_a_number_makes_its_bin_not_a_number_and_no_other():
    rows = table(1000)
    rows[300, 0], rows[700, 1] = np.nan, np.inf
    bins = Bins(two_columns, 32)
    for end in (10, 299, 301, 650, 701, 1000):
        bins.read(rows[:end])
    assert np.flatnonzero(np.isnan(bins.means[:, 0])).tolist() == [300 // bins.width]
    for found in (bins.lows, bins.highs):
        assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == [300 // bins.width]
    assert np.flatnonzero(np.isinf(bins.highs[:, 1])).tolist() == [700 // bins.width]
    assert np.isfinite(bins.lows[:, 1]).all()


def test_only_new_rows_and_the_last_bin_are_read():
    counts: list[int] = []

    def counted(rows):
        counts.append(len(rows))
        return two_columns(rows)

    bins, rows = Bins(counted, 16), table(4000)
    for end in range(0, 4001, 10):
        old, before = bins.width, len(counts)
        bins.read(rows[:end])
        if bins.width == old:
            assert sum(counts[before:]) <= 10 + bins.width
        counts.clear()
        bins.read(rows[:end])
        assert sum(counts) < bins.width
        counts.clear()


def test_bins_without_rows_are_empty():
    bins = Bins(two_columns).read(np.empty((0, 4)))
    assert bins.means.shape == bins.lows.shape == bins.highs.shape == (0, 2)
