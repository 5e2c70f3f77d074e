"""Goodput: which share of a run's time is work that lasts, when devices fail.

    goodput = work / time

All devices work together, so one that fails stops all. After τ minutes of work the run writes a
checkpoint, which takes K minutes. A failure throws it back to the last one: the work since then is
lost, and a restart takes R minutes. Failures come at random, independent of each other, one in MTBF
minutes on average, during checkpoints and restarts too.

    best_interval(2, mean_time_between_failures())    25.9 minutes
    goodput(FailingRun(interval=25))                  by simulation: its share, hours, dollars

Sources: Young (1974), *A first order approximation to the optimum checkpoint interval*; Daly
(2006), *A higher order estimate of the optimum checkpoint interval for restart dumps*.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from ..errors import CourseError, check_count, check_number, check_seed
from .devices import DEVICES
from .failures import DEVICES as COUNTED
from .failures import INTERRUPTIONS, mean_time_between_failures

MINUTES = 1e7  # the longest checkpoint, restart or interval: 19 years
MOST_FAILURES = 50_000  # that a simulated run may be expected to meet
MOST_RUNS = 100_000
PRICE = DEVICES["H100-SXM"].price or 0.0


# ---- closed forms -------------------------------------------------------------------------------


def young(checkpoint: float, mtbf: float) -> float:
    """Return √(2·K·MTBF), near the best interval while K is far below MTBF (Young 1974).

    Args:
        checkpoint: minutes that a checkpoint takes, K.
        mtbf: minutes from one failure to the next, on average.

    Raises:
        CourseError: for a number out of range; so do the next three functions.
    """
    return math.sqrt(2 * _minutes("checkpoint", checkpoint) * _minutes("mtbf", mtbf))


def daly(checkpoint: float, mtbf: float) -> float:
    """Return Daly's interval, nearer to the best one: √(2KM)(1 + ⅓√(K/2M) + K/18M) − K.

    M is the MTBF, and also the result when K is 2M or more. Source: Daly (2006), equation 37.
    """
    K, M = _minutes("checkpoint", checkpoint), _minutes("mtbf", mtbf)
    if K >= 2 * M:
        return M
    return math.sqrt(2 * K * M) * (1 + math.sqrt(K / (2 * M)) / 3 + K / (18 * M)) - K


def best_interval(checkpoint: float, mtbf: float) -> float:
    """Return the interval of the highest goodput; no restart, however long, changes it.

    The derivative of `expected_minutes` per minute of work is 0 at τ/MTBF + e^(−(τ + K)/MTBF) = 1.
    The left side minus 1 rises with τ; its zero is found by halving.
    """
    K, M = _minutes("checkpoint", checkpoint), _minutes("mtbf", mtbf)
    low, high = 0.0, M
    for _ in range(200):
        middle = (low + high) / 2
        if middle / M + math.expm1(-(middle + K) / M) < 0:
            low = middle
        else:
            high = middle
    return high


def expected_minutes(interval: float, checkpoint: float, restart: float, mtbf: float) -> float:
    """Return how long τ minutes of work and their checkpoint take on average, failures included.

    MTBF · e^(R/MTBF) · (e^((τ + K)/MTBF) − 1), exact for failures at random; infinity where that
    is too large for a number. Source: Daly (2006), the complete cost function.
    """
    M = _minutes("mtbf", mtbf)
    R = _minutes("restart", restart, least=0.0)
    T = _minutes("interval", interval) + _minutes("checkpoint", checkpoint, least=0.0)
    try:
        return M * math.exp(R / M) * math.expm1(T / M)
    except OverflowError:
        return math.inf


def _minutes(name: str, value: object, least: float = 1e-6) -> float:
    return check_number(name, value, least, MINUTES, "minutes")


# ---- a run --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FailingRun:
    """A run whose devices fail.

    Raises:
        CourseError: for a number out of range.
    """

    interval: float = 25.0
    """τ, minutes of work from one checkpoint to the next."""
    checkpoint: float = 2.0
    """K, minutes that a checkpoint takes."""
    restart: float = 10.0
    """R, minutes from a failure to the next minute of work."""
    hours: float = 54 * 24.0
    """Work to be done: how long the run takes without checkpoints and failures."""
    devices: int = COUNTED
    """How many work together. Each is as reliable as those of Llama 3's table."""
    price: float = PRICE
    """Dollars for a device and hour."""

    def __post_init__(self):
        least = {"interval": 1e-3, "hours": 1e-3}
        for field in fields(self):
            if field.name != "devices":
                most = 1e6 if field.name in ("hours", "price") else MINUTES
                unit = "hours" if field.name == "hours" else "minutes"
                unit = "dollars an hour" if field.name == "price" else unit
                value = getattr(self, field.name)
                value = check_number(field.name, value, least.get(field.name, 0.0), most, unit)
                object.__setattr__(self, field.name, value)
        mean_time_between_failures(self.devices)
        if self.segments > 1e9:
            raise CourseError(
                f"hours = {self.hours:g} has {self.segments:.3g} intervals of {self.interval:g} "
                "minutes, and 10⁹ are allowed; take a longer interval"
            )

    @property
    def mtbf(self) -> float:
        """Minutes from one failure to the next, on average."""
        return mean_time_between_failures(self.devices)

    @property
    def segments(self) -> int:
        """How many intervals the work has; the last one may be shorter."""
        return math.ceil(self.hours * 60 / self.interval)

    @property
    def last(self) -> float:
        """Minutes of work in the last interval."""
        return self.hours * 60 - (self.segments - 1) * self.interval

    @property
    def expected_hours(self) -> float:
        """How long it takes on average, by `expected_minutes`."""
        others = self.checkpoint, self.restart, self.mtbf
        whole = expected_minutes(self.interval, *others) * (self.segments - 1)
        return (whole + expected_minutes(max(self.last, 1e-6), *others)) / 60


@dataclass(frozen=True, eq=False)
class Goodput:
    """What simulated runs came to.

    Attributes:
        run: what was simulated.
        hours: (runs,), how long each took.
        lost: by reason, the hours lost, (runs,) each: "checkpoints", "work done again", "restarts".
        failures: by cause, how many each run met, (runs,) each.
    """

    run: FailingRun
    hours: np.ndarray
    lost: dict[str, np.ndarray]
    failures: dict[str, np.ndarray]

    @property
    def share(self) -> float:
        """The goodput: work by the mean time of a run."""
        return self.run.hours / float(self.hours.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean of `hours`; NaN for one run."""
        n = len(self.hours)
        return float(self.hours.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan

    @property
    def wasted(self) -> float:
        """Dollars for what did not last, on average."""
        run = self.run
        return float(self.hours.mean() - run.hours) * run.devices * run.price

    def __str__(self):
        met = sum(float(count.mean()) for count in self.failures.values())
        lost = ", ".join(f"{name} {part.mean():,.0f} h" for name, part in self.lost.items())
        return (
            f"goodput {self.share:.1%}: {self.run.hours:,.0f} h of work take "
            f"{self.hours.mean():,.0f} h, with {met:.0f} failures\n"
            f"lost: {lost}; ${self.wasted:,.0f}"
        )


def goodput(run: FailingRun, runs: int = 200, seed: int = 0) -> Goodput:
    """Simulate a run several times: failures as a Poisson process, by the causes of the table.

    Args:
        run: what is done.
        runs: how many times.
        seed: of the failures.

    Raises:
        CourseError: for a run that hardly gets on, and for numbers out of range.
    """
    runs = check_count("runs", runs, 1, MOST_RUNS, "as 200")
    expected = run.expected_hours * 60 / run.mtbf
    if expected > MOST_FAILURES:
        raise CourseError(
            f"interval = {run.interval:g} minutes, with a failure every {run.mtbf:.3g} minutes: "
            f"{expected:.2g} failures are expected until the end, and at most {MOST_FAILURES:,} "
            "are simulated; take a shorter interval, checkpoint, restart or run, or fewer devices"
        )
    rng = np.random.default_rng(check_seed(seed))
    hours, lost, met = _simulated(run, runs, rng)
    shares = np.array(list(INTERRUPTIONS.values())) / sum(INTERRUPTIONS.values())
    causes = rng.multinomial(met, shares)
    return Goodput(run, hours, lost, dict(zip(INTERRUPTIONS, causes.T, strict=True)))


def _simulated(run: FailingRun, runs: int, rng) -> tuple[np.ndarray, dict, np.ndarray]:
    """Return hours and hours lost by reason, (runs,) each, and the failures of each run, (runs,).

    All runs go from failure to failure at once. A failure forgets the past, so the time to the next
    is drawn anew each time.
    """
    length = run.interval + run.checkpoint
    todo = np.full(runs, run.segments - 1.0)  # whole intervals; the last one comes after them
    time, again, restarts = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    met = np.zeros(runs, dtype=int)
    active = np.arange(runs)
    while len(active):
        gap = rng.exponential(run.mtbf, len(active))  # minutes to the next failure
        restart = np.where(met[active] > 0, run.restart, 0.0)
        left = gap - restart  # for work and checkpoints, before it fails
        needed = todo[active] * length + run.last + run.checkpoint
        ends = left >= needed
        done = np.minimum(np.maximum(left, 0.0) // length, todo[active])
        time[active] += np.where(ends, restart + needed, gap)
        restarts[active] += np.minimum(gap, restart)
        again[active] += np.where(ends, 0.0, np.maximum(left, 0.0) - done * length)
        todo[active] -= done
        met[active] += ~ends
        active = active[~ends]
    checkpoints = np.full(runs, run.segments * run.checkpoint / 60)
    lost = {"checkpoints": checkpoints, "work done again": again / 60, "restarts": restarts / 60}
    return time / 60, lost, met
