"""The race behind `DescentLab`: the course's own transforms on a surface, without any screen."""

import math
from collections.abc import Callable

import numpy as np
import torch

from ..errors import CourseError, check_choice, check_number
from ..optim.adaptive import Adam
from ..optim.chain import Transform, chain
from ..optim.first_order import ClipByNorm, Descend, HeavyBall, Momentum, Nesterov, SignDescent
from ..optim.second_order import Newton
from .surfaces import FORMS, SURFACES, CurvatureAt, Surface, make_surface

SPEEDS = (2, 5, 15, 60, 240)  # steps a second
FAR = 1e6  # a point farther out than this has diverged
NEAR = 1e-6  # of the first distance to the minimum: arrived, as in the chapter on momentum
LONGEST = 10_000  # steps of one race

# Racer: (what stands before `Descend`, made from the knobs; its rate in units of the surface's).
RACERS: dict[str, tuple[Callable[[dict], list[Transform]], float]] = {
    "gradient descent": (lambda k: [], 1.0),
    "momentum": (lambda k: [Momentum(k["beta"])], 5.0),
    "heavy ball": (lambda k: [HeavyBall(k["beta"])], 0.5),
    "Adam": (lambda k: [Adam()], math.nan),
    "Newton": (lambda k: [Newton(k["damping"])], math.nan),
    "clipped descent": (lambda k: [ClipByNorm(k["threshold"])], 1.0),
    "Nesterov": (lambda k: [Nesterov(k["beta"])], 0.5),
    "sign descent": (lambda k: [SignDescent()], math.nan),
}
NAMES = tuple(RACERS)
ABSOLUTE = {"Adam": 0.1, "Newton": 1.0, "sign descent": 0.07}  # no step grows with the slope
FIELDS = ("beta", "damping", "threshold")  # knobs that are fields of transforms, too
OF_FORM = dict(zip(FORMS, ("momentum", "heavy ball"), strict=True))  # whose α the diagram shows
CHOICES = {"surface": tuple(SURFACES), "form": FORMS, "speed": SPEEDS, "replay": (False, True)}
RANGES = {  # knob: (low, high, remedy, and whether an end is excluded)
    "beta": (0, 1, "a common choice is 0.9", {"open_high": True}),
    "damping": (0, 1e9, "a common start is 1e-3", {}),
    "threshold": (0, 1e9, "a common choice is 1", {"open_low": True}),
    "lr": (0, 1e9, "lower is safer", {}),
    "start": (-1000, 1000, "within the picture is best", {}),
}
SHAPE = ("surface", "condition", "rotation")  # knobs that make another surface


class Racer:
    """One optimiser on its way: `path` [(x, y), …] and `values` [J, …], from the start on."""

    def __init__(self, name: str, surface: Surface, start, knobs: dict):
        self.name, self.surface = name, surface
        self.chain = chain(*RACERS[name][0](knobs), Descend(knobs["lr"][name]))
        self.theta = torch.tensor(start, dtype=torch.float64)
        self.chain.init(self.theta, curvature=lambda: CurvatureAt(surface, self.theta))
        self.path: list[list[float]] = [self.theta.tolist()]
        self.values = [float(surface.value(*self.theta))]
        self.reach = NEAR * surface.distance(self.theta)
        self.diverged: int | None = None  # the step at which it was lost
        self.arrived: int | None = 0 if self.reach == 0 else None

    def step(self) -> None:
        """Take one step; after a divergence the path goes on as NaN."""
        if self.diverged is None:
            self.chain(self.surface.gradient(self.theta), self.theta)
            point, value = self.theta.tolist(), float(self.surface.value(*self.theta))
            if not (math.isfinite(value) and max(map(abs, point)) <= FAR):
                self.diverged = len(self.path)
            elif self.arrived is None and self.surface.distance(self.theta) <= self.reach:
                self.arrived = len(self.path)
        if self.diverged is not None:
            point, value = [math.nan, math.nan], math.nan
        self.path.append(point)
        self.values.append(value)

    def turn(self, knobs: dict) -> None:
        """Set the fields of the chain to the knobs; its memory stays."""
        self.chain.descend.lr = knobs["lr"][self.name]
        for knob in FIELDS:
            for transform in self.chain.transforms:
                if hasattr(transform, knob):
                    setattr(transform, knob, knobs[knob])

    def swings(self) -> tuple[int, int]:
        """Return how often it turned round along the flat and along the steep direction.

        The directions are the Hessian's eigenvectors at the first minimum. A step that is too
        short to be seen, below `NEAR` of the longest in its direction, turns nothing.
        """
        at = torch.tensor(self.surface.minima[0], dtype=torch.float64)
        _, directions = torch.linalg.eigh(self.surface.hessian(at))
        path = np.array(self.path if self.diverged is None else self.path[: self.diverged])
        moves = np.diff(path @ directions.numpy(), axis=0)
        flat, steep = (int(np.count_nonzero(np.diff(np.sign(seen(column))))) for column in moves.T)
        return flat, steep

    @property
    def done(self) -> bool:
        """Tell if it has arrived or diverged."""
        return self.arrived is not None or self.diverged is not None

    def at_saddle(self) -> bool:
        """Tell if it stands on a flat spot from which some direction leads down."""
        flat = float(self.surface.gradient(self.theta).norm()) < 1e-8
        return flat and float(torch.linalg.eigvalsh(self.surface.hessian(self.theta))[0]) < 0


def seen(moves: np.ndarray) -> np.ndarray:
    """Return those of the moves (n,) along a line that are long enough to be seen."""
    sizes = np.abs(moves)
    return moves[sizes > NEAR * sizes.max(initial=0.0)]


class Race:
    """All of `RACERS` on one surface; the knob "racers" says which are shown.

    knobs: a plain dict; `change` is the only way to turn one. racers: {name: Racer}.
    """

    surface: Surface
    racers: dict[str, Racer]

    def __init__(self, **knobs):
        given = {knob: value for knob, value in knobs.items() if value is not None}
        self.knobs: dict = {
            "surface": "ravine", "condition": 100.0, "rotation": 0.0,
            "start": (), "lr": {}, "racers": NAMES[:2], "beta": 0.9, "threshold": 1.0,
            "damping": 1e-3, "form": FORMS[0], "speed": 15, "replay": False,
        }  # fmt: skip
        self.change(**{"surface": self.knobs["surface"], **given})

    def change(self, **changes) -> None:
        """Turn knobs: check all, then keep all.

        The race begins again if the surface or the start moves; with all other knobs it goes on
        from where the points are.

        Args:
            surface: brings its own start and rates.
            condition, rotation: of the quadratic alone.
            lr: one number for all but Newton, or {racer: rate}.
            start: (x, y).
            point: (α, β): the rate of the racer that the diagram is about, and β.

        Raises:
            CourseError: for a value that does not fit; nothing has changed.
        """
        new = self.knobs | {knob: changes[knob] for knob in SHAPE if knob in changes}
        surface = self._surface(new) if changes.keys() & SHAPE else self.surface
        if "surface" in changes:
            new["start"], new["lr"] = surface.start, rates_for(surface)
        elif new["start"] == self.surface.start:
            new["start"] = surface.start  # which turns with a quadratic
        for knob, value in sorted(changes.items(), key=lambda change: change[0] != "form"):
            if knob == "point":
                lr, new["beta"] = check_pair("point (α, β)", value, "lr", "beta")
                new["lr"] = new["lr"] | {OF_FORM[new["form"]]: lr}
            elif knob == "start":
                new["start"] = check_pair("start", value, "start", "start")
            elif knob == "lr":
                new["lr"] = new["lr"] | check_rates(value)
            elif knob == "racers":
                new["racers"] = check_racers(value)
            elif knob in CHOICES:
                new[knob] = check_choice(knob, value, CHOICES[knob])
            elif knob in RANGES:
                new[knob] = check_knob(knob, value)
            elif knob not in SHAPE:
                check_choice("knob", knob, (*self.knobs, "point"))
        self.knobs, self.surface = new, surface
        if changes.keys() & {*SHAPE, "start"}:
            self.restart()
        for racer in self.racers.values():
            racer.turn(new)

    def _surface(self, new: dict) -> Surface:
        check_choice("surface", new["surface"], CHOICES["surface"])
        for knob in ("condition", "rotation"):
            if new["surface"] != "quadratic" and new[knob] != self.knobs[knob]:
                raise CourseError(
                    f"{knob} = {new[knob]!r}: the {new['surface']} has none to choose; "
                    'take surface "quadratic"'
                )
        return make_surface(new["surface"], new["condition"], new["rotation"])

    def restart(self) -> None:
        """Put all racers at the start, with empty memory; the knobs stay."""
        self.step_count = 0
        self.racers = {n: Racer(n, self.surface, self.knobs["start"], self.knobs) for n in NAMES}

    def step(self) -> None:
        """Take one step with every racer, shown or not."""
        for racer in self.racers.values():
            racer.step()
        self.step_count += 1

    def shown(self) -> list[Racer]:
        """Return the racers that the knob "racers" names."""
        return [self.racers[name] for name in self.knobs["racers"]]

    def over(self) -> bool:
        """Tell if all that are shown have arrived or diverged, or the race is too long."""
        return all(racer.done for racer in self.shown()) or self.step_count >= LONGEST

    @property
    def point(self) -> tuple[float, float]:
        """Return (α, β) of the diagram: the rate of the racer that it is about, and β."""
        return self.knobs["lr"][OF_FORM[self.knobs["form"]]], self.knobs["beta"]

    def paths(self) -> dict[str, np.ndarray]:
        """Return {name: (steps + 1, 2)} of those shown; NaN from a divergence on."""
        return {racer.name: np.array(racer.path) for racer in self.shown()}


def rates_for(surface: Surface) -> dict[str, float]:
    """Return a rate for each racer that shows what it does on this surface."""
    rates = {n: ABSOLUTE.get(n, share * surface.rate) for n, (_, share) in RACERS.items()}
    return {n: float(f"{rate:.4g}") for n, rate in rates.items()}


def check_knob(knob: str, value, label: str | None = None) -> float:
    """Return `value` if the knob takes it, or raise `CourseError`."""
    low, high, remedy, ends = RANGES[knob]
    return check_number(label or knob, value, low, high, remedy, **ends)


def check_pair(label: str, value, first: str, second: str) -> tuple[float, float]:
    """Return two numbers, each in the range of its knob, or raise `CourseError`."""
    try:
        a, b = value
    except (TypeError, ValueError):
        raise CourseError(f"{label} = {value!r}: give two numbers, as (1, 0.5)") from None
    return check_knob(first, a, f"{label}, first number"), check_knob(
        second, b, f"{label}, second number"
    )


def check_rates(value) -> dict[str, float]:
    """Return {racer: rate} of a dict, or of one rate for all but Newton; or raise `CourseError`."""
    rates = value if isinstance(value, dict) else {n: value for n in NAMES if n != "Newton"}
    for name in rates:
        check_choice("racer", name, NAMES)
    return {name: check_knob("lr", rate, f"lr of {name}") for name, rate in rates.items()}


def check_racers(value) -> tuple[str, ...]:
    """Return the names in the order of `NAMES`, or raise `CourseError`."""
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        check_choice("racer", name, NAMES)
    return tuple(name for name in NAMES if name in names)
