"""Goodput against published counts, exact expectations, SciPy, and a run walked by hand."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from course.errors import CourseError
from course.planner import (
    INTERRUPTIONS,
    FailingRun,
    best_interval,
    daly,
    expected_minutes,
    goodput,
    mean_time_between_failures,
    young,
)
from course.planner.goodput import _simulated

RUNS = [
    FailingRun(),
    FailingRun(interval=5, restart=0, hours=50),
    FailingRun(interval=50, checkpoint=0, hours=100, devices=3_000),
    FailingRun(interval=60, checkpoint=5, restart=40, hours=300.7, devices=30_000),
    FailingRun(interval=400, hours=100),
    FailingRun(interval=9e3, hours=100, devices=500),  # one interval, and that not whole
]


def test_the_counts_are_the_published_ones_and_148_of_419_is_not_30_percent():
    assert sum(INTERRUPTIONS.values()) == 419
    printed = {"Faulty GPU": 30.1, "GPU HBM3 memory": 17.2, "Software bug": 12.9,
               "Network switch or cable": 8.4, "Host maintenance": 7.6, "GPU SRAM memory": 4.5,
               "GPU system processor": 4.1, "NIC": 1.7, "NCCL watchdog timeouts": 1.7,
               "Silent data corruption": 1.4, "GPU thermal interface, sensor": 1.4, "SSD": 0.7,
               "Power supply": 0.7}  # fmt: skip
    off = {c for c in INTERRUPTIONS
           if round(INTERRUPTIONS[c] / 4.19, 1) != printed.get(c, 0.5)}  # fmt: skip
    assert off == {"Faulty GPU"} and round(148 / 4.19, 1) == 35.3
    assert mean_time_between_failures() == pytest.approx(54 * 24 * 60 / 419)
    assert mean_time_between_failures(8_192) == 2 * mean_time_between_failures()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.interval:g}")
def test_the_simulation_meets_the_exact_expectation_within_its_own_error(run):
    found = goodput(run, runs=1000, seed=3)
    assert abs(found.hours.mean() - run.expected_hours) < 4 * found.error
    assert found.error < 0.05 * run.expected_hours
    met = sum(found.failures.values())
    spread = math.sqrt(float((met - found.hours * 60 / run.mtbf).var() / len(met)))
    assert abs(float((met - found.hours * 60 / run.mtbf).mean())) < 4 * spread  # a Poisson process
    lost = sum(found.lost.values())
    np.testing.assert_allclose(run.hours + lost, found.hours, rtol=1e-9)
    assert found.lost["restarts"].mean() <= met.mean() * run.restart / 60 + 1e-9
    assert found.share == pytest.approx(run.hours / found.hours.mean())
    assert found.wasted == pytest.approx(lost.mean() * run.devices * run.price)


def test_causes_come_by_their_shares():
    found = goodput(RUNS[0], runs=200)
    total = sum(float(n.sum()) for n in found.failures.values())
    for cause, count in INTERRUPTIONS.items():
        expected = total * count / 419
        assert abs(found.failures[cause].sum() - expected) < 4.5 * math.sqrt(expected)


class Gaps:
    """Failures at given times."""

    def __init__(self, *gaps):
        self.gaps = list(gaps)

    def exponential(self, mean, size):
        return np.full(size, self.gaps.pop(0), dtype=float)


def test_a_run_walked_by_hand():
    run = FailingRun(interval=20, checkpoint=2, restart=5, hours=1)  # 3 × 20 minutes of work
    # 22 | 22 | fails 6 minutes into the third: 50. Restart 5, fails after 3 of it: 53.
    # Restart 5, fails 21 into the third, in its checkpoint: 79. Restart 5, 22: 106.
    hours, lost, met = _simulated(run, 1, Gaps(50, 3, 26, 1000))
    assert hours[0] * 60 == pytest.approx(106) and met[0] == 3
    minutes = {name: part[0] * 60 for name, part in lost.items()}
    assert minutes == pytest.approx({"checkpoints": 6, "work done again": 27, "restarts": 13})
    quiet, _, none = _simulated(run, 1, Gaps(66))
    assert quiet[0] * 60 == pytest.approx(66) and none[0] == 0
    odd = FailingRun(interval=25, checkpoint=2, restart=5, hours=1)  # 25, 25 and 10
    assert _simulated(odd, 1, Gaps(66))[0][0] * 60 == pytest.approx(66)
    late, again, _ = _simulated(odd, 1, Gaps(65, 1000))  # 11 into the last: in its checkpoint
    assert late[0] * 60 == pytest.approx(65 + 5 + 12)
    assert again["work done again"][0] * 60 == pytest.approx(11)


@pytest.mark.parametrize(("K", "M"), [(2, 180), (0.05, 185.6), (30, 200), (100, 60), (1e-3, 1e5)])
def test_the_best_interval_is_that_of_scipy_and_of_lambert(K, M):
    found = best_interval(K, M)
    assert found == pytest.approx(M * (1 + lambertw(-math.exp(-K / M - 1)).real), rel=1e-6)
    for restart in (0.0, 50.0):
        scipys = minimize_scalar(
            lambda t, R=restart: math.log(expected_minutes(t, K, R, M) / t),
            bounds=(1e-3, M), method="bounded", options={"xatol": 1e-7},
        )  # fmt: skip
        assert found == pytest.approx(scipys.x, rel=1e-3)
    assert young(K, M) == pytest.approx((2 * K * M) ** 0.5)
    x = K / (2 * M)
    theirs = (2 * K * M) ** 0.5 * (1 + x**0.5 / 3 + x / 9) - K if x < 1 else M
    assert daly(K, M) == pytest.approx(theirs)
    if K < M:
        assert abs(daly(K, M) - found) <= abs(young(K, M) - found)


def test_without_failures_nothing_is_lost_but_checkpoints():
    run = FailingRun(interval=30, hours=10, devices=1)
    assert run.expected_hours == pytest.approx(10 + 20 * 2 / 60, rel=1e-3)
    assert expected_minutes(1e6, 2, 10, 1) == math.inf


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"interval": 0}, "interval = 0 is out of range"),
        ({"checkpoint": -1}, "checkpoint = -1 is out of range"),
        ({"restart": "long"}, "restart = 'long' is not a number"),
        ({"hours": math.nan}, "hours = nan is out of range"),
        ({"devices": 2.5}, "devices = 2.5 is not a whole number"),
        ({"price": None}, "price = None is not a number"),
        ({"interval": 0.001, "hours": 1e6}, "take a longer interval"),
        ({"interval": 10_000}, "take a shorter interval"),
        ({"devices": 10**7}, "or fewer devices"),
    ],
)
def test_bad_numbers_get_one_sentence(wrong, words):
    with pytest.raises(CourseError) as error:
        goodput(FailingRun(**wrong))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_numbers_of_devices_that_cannot_be_are_refused_at_once():
    for devices in (0, 10**8 + 1, 2.5, True):
        for wrong in (mean_time_between_failures, lambda n: FailingRun(devices=n)):
            with pytest.raises(CourseError, match=r"devices = .*(whole|range|number)"):
                wrong(devices)
    assert mean_time_between_failures(10**8) == pytest.approx(54 * 24 * 60 * 16_384 / 419 / 1e8)


def test_runs_and_seed_are_checked_and_a_seed_gives_the_same():
    for wrong in ({"runs": 0}, {"seed": -1}):
        with pytest.raises(CourseError):
            goodput(FailingRun(), **wrong)
    a, b = (goodput(FailingRun(), 20, seed=5).hours for _ in range(2))
    assert np.array_equal(a, b) and not np.array_equal(a, goodput(FailingRun(), 20, seed=6).hours)
    assert math.isnan(goodput(FailingRun(), 1).error)
    assert str(goodput(FailingRun(), 20)).startswith("goodput 81")
