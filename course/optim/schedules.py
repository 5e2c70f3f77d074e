"""Schedules: values for a knob that change with the step.

They are not a second mechanism: wherever a knob takes a number, it takes a schedule, and
`trainer.set("lr", 0.1)` puts a plain number back.

    trainer.set("lr", Cosine(0.3, steps=1000, warmup=100))

Before each step t = 0, 1, 2, …, counted from the start of the run, the chain asks it for its value.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, fields

from ..descriptions import Registry, describe
from ..errors import CourseError, check_choice, check_count, check_number, shown

LATEST = 10**12  # the last step that a schedule may name
MOST_POINTS = 200
SCALES = {  # where a value lies on the scale, and the value that lies there
    "linear": (float, float),
    "log": (math.log10, lambda place: 10.0**place),
    "memory": (lambda value: -math.log10(1 - value), lambda place: 1 - 10.0**-place),
}


@dataclass(frozen=True)
class Schedule:
    """Base of all schedules. Each checks its fields when it is made.

    Raises:
        CourseError: for a field out of its range.
    """

    def value(self, t: int) -> float:
        """Return the knob's value in step t = 0, 1, 2, …."""
        raise TypeError(f"{type(self).__name__} does not say its value")

    def levels(self) -> tuple[float, ...]:
        """Return the values it starts from, goes to or turns at: the knob must allow them all."""
        raise TypeError(f"{type(self).__name__} does not say its levels")

    def describe(self) -> dict:
        """Return {'kind': 'Cosine', …}: enough for `SCHEDULES.build` to make it again."""
        return describe(self)

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value: object = getattr(self, name)
            label = f"{type(self).__name__}.{name}"
            if name in ("steps", "every"):
                value = check_count(label, value, 1, LATEST, "a number of steps")
            elif name == "factor":
                value = check_number(label, value, 0, 1, "a common choice is 0.1", open_low=True)
            elif name == "warmup":
                value = check_count(label, value, 0, LATEST, "a number of steps, fewer than all")
            else:
                value = check_number(label, value, 0, math.inf, "as in 0.1", open_high=True)
            object.__setattr__(self, name, value)  # a plain number, whatever kind was given


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line from peak/steps to `peak` over `steps` steps, then constant.

    Args:
        peak: at least 0.
        steps: at least 1.

    Source: Goyal et al. (2017).
    """

    peak: float
    steps: int

    def value(self, t):
        return self.peak * min(1.0, (t + 1) / self.steps)

    def levels(self):
        return self.value(0), self.peak


@dataclass(frozen=True)
class LinearRamp(Schedule):
    """A straight line from `start` to `end` over `steps` steps, then constant.

    Args:
        start, end: at least 0.
        steps: at least 1.
    """

    start: float
    end: float
    steps: int

    def value(self, t):
        return self.start + (self.end - self.start) * min(1.0, t / self.steps)

    def levels(self):
        return self.start, self.end


@dataclass(frozen=True)
class Cosine(Schedule):
    """Warm-up over `warmup` steps, then half a cosine from `peak` to `end` at step `steps`.

    With warmup = 0 it is `torch.optim.lr_scheduler.CosineAnnealingLR`.

    Args:
        peak, end: at least 0.
        steps: at least 1, warm-up included.
        warmup: from 0 to `steps`.

    Source: Loshchilov & Hutter (2017).
    """

    peak: float
    steps: int
    warmup: int = 0
    end: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.warmup > self.steps:
            raise CourseError(f"{self!r}: warmup must not be longer than all steps")

    def value(self, t):
        if t < self.warmup:
            return self.peak * (t + 1) / self.warmup
        share = min(1.0, (t - self.warmup) / max(1, self.steps - self.warmup))
        return self.end + (self.peak - self.end) * (1 + math.cos(math.pi * share)) / 2

    def levels(self):
        return self.value(0), self.peak, self.end


@dataclass(frozen=True)
class StepDecay(Schedule):
    """`start`, multiplied by `factor` after every `every` steps: torch's `StepLR`.

    Args:
        start: at least 0.
        every: a number of steps, at least 1.
        factor: in (0, 1].
    """

    start: float
    every: int
    factor: float = 0.1

    def value(self, t):
        return self.start * self.factor ** (t // self.every)

    def levels(self):
        return (self.start,)


@dataclass(frozen=True)
class Points(Schedule):
    """Through points: straight between two of them, constant before the first and after the last.

    Args:
        points: 1 to 200 pairs (step, value), with rising steps.
        scale: on which it is straight: "linear"; "log", of values above 0; or "memory", that is
            -log10(1 - value), of values in [0, 1): 0, 0.9 and 0.99 are equally far apart.
    """

    points: tuple[tuple[int, float], ...]
    scale: str = "linear"

    def __post_init__(self):
        check_choice("Points.scale", self.scale, SCALES)
        high = 1.0 if self.scale == "memory" else math.inf
        remedy = f"the scale is {self.scale!r}: choose another value or scale"
        points: list[tuple[int, float]] = []
        for pair in _pairs(self.points):
            low = points[-1][0] + 1 if points else 0
            step = check_count("a step of Points", pair[0], low, LATEST, "steps must rise")
            value = check_number("a value of Points", pair[1], 0, high, remedy,
                                 open_low=self.scale == "log", open_high=True)  # fmt: skip
            points.append((step, value))
        object.__setattr__(self, "points", tuple(points))

    def value(self, t):
        at = bisect_right(self.points, (t, math.inf))
        (t0, y0), (t1, y1) = self.points[max(at - 1, 0)], self.points[min(at, len(self.points) - 1)]
        if t <= t0 or t0 == t1:
            return y0
        place_of, value_at = SCALES[self.scale]
        share = (t - t0) / (t1 - t0)
        between = value_at((1 - share) * place_of(y0) + share * place_of(y1))
        return min(max(between, min(y0, y1)), max(y0, y1))  # rounding leaves no knob's range

    def levels(self):
        return tuple(value for _, value in self.points)

    def describe(self):
        return super().describe() | {"points": [list(pair) for pair in self.points]}


def _pairs(points: object) -> list | tuple:
    if (
        isinstance(points, list | tuple)
        and 1 <= len(points) <= MOST_POINTS
        and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in points)
    ):
        return points
    raise CourseError(
        f"Points.points = {shown(points)}; allowed: a list of 1 to {MOST_POINTS} pairs "
        "[step, value], as in [[0, 0.1], [500, 0.01]]"
    )


SCHEDULES = Registry("schedule")
for _kind in (Warmup, LinearRamp, Cosine, StepDecay, Points):
    SCHEDULES.add(_kind)
