"""One optimiser on its way down a surface: the course's own transforms, without any screen."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..optim.adaptive import Adam
from ..optim.chain import Transform, chain
from ..optim.first_order import ClipByNorm, Descend, HeavyBall, Momentum, Nesterov, SignDescent
from ..optim.second_order import Newton
from .surfaces import FORMS, CurvatureAt, Surface

FAR = 1e6  # a point farther out than this has diverged
NEAR = 1e-6  # of the first distance to the minimum: arrived, as in the chapter on momentum
KEEP = 50  # steps from one kept state to the next

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


class Racer:
    """One optimiser on its way.

    Args:
        name: one of `NAMES`.
        surface: what it descends.
        start: (x, y).
        knobs: of the race; `lr` is {racer: rate}.

    Attributes:
        path, values: [[x, y], …] and [J, …], from the start on; NaN after a divergence.
        diverged: the step at which it was lost; None: it was not.
        arrived: the step at which it came near the minimum for the first time; None: not yet.
    """

    def __init__(self, name: str, surface: Surface, start, knobs: dict):
        self.name, self.surface = name, surface
        self.chain = chain(*RACERS[name][0](knobs), Descend(knobs["lr"][name]))
        self.theta = torch.tensor(start, dtype=torch.float64)
        self.chain.init(self.theta, curvature=lambda: CurvatureAt(surface, self.theta))
        self.path: list[list[float]] = [self.theta.tolist()]
        self.values = [float(surface.value(*self.theta))]
        self.reach = NEAR * surface.distance(self.theta)
        self.diverged: int | None = None
        self.arrived: int | None = 0 if self.reach == 0 else None
        self._kept = [self._state()]  # at the steps 0, KEEP, 2 KEEP, …

    def step(self, noise: Tensor | None = None) -> None:
        """Take one step; after a divergence the path goes on as NaN.

        Args:
            noise: (2,), is added to the gradient.
        """
        if self.diverged is None:
            gradient = self.surface.gradient(self.theta)
            self.chain(gradient if noise is None else gradient + noise, self.theta)
            point, value = self.theta.tolist(), float(self.surface.value(*self.theta))
            if not (math.isfinite(value) and max(map(abs, point)) <= FAR):
                self.diverged = len(self.path)
            elif self.arrived is None and self.surface.distance(self.theta) <= self.reach:
                self.arrived = len(self.path)
        if self.diverged is not None:
            point, value = [math.nan, math.nan], math.nan
        self.path.append(point)
        self.values.append(value)
        if (len(self.path) - 1) % KEEP == 0:
            self._kept.append(self._state())

    def turn(self, knobs: dict) -> None:
        """Set the fields of the chain to the knobs; its memory stays."""
        self.chain.descend.lr = knobs["lr"][self.name]
        for knob in FIELDS:
            for transform in self.chain.transforms:
                if hasattr(transform, knob):
                    setattr(transform, knob, knobs[knob])

    # ---- back, and in two -----------------------------------------------------------------

    def _state(self) -> tuple[Tensor, list]:
        return self.theta.clone(), self.chain.state()

    def _load(self, state: tuple[Tensor, list]) -> None:
        self.theta.copy_(state[0])
        self.chain.load_state(state[1])

    def go_back(self, step: int) -> int:
        """Go back to the last kept state that is not after `step`; return its step."""
        kept = step // KEEP
        del self._kept[kept + 1 :], self.path[KEEP * kept + 1 :], self.values[KEEP * kept + 1 :]
        self._load(self._kept[kept])
        if self.diverged is not None and self.diverged > KEEP * kept:
            self.diverged = None
        if self.arrived is not None and self.arrived > KEEP * kept:
            self.arrived = None
        return KEEP * kept

    def twin(self, knobs: dict) -> "Racer":
        """Return another racer with the same past, memory and place."""
        other = Racer(self.name, self.surface, self.path[0], knobs)
        other.path, other.values, other._kept = [*self.path], [*self.values], [*self._kept]
        other.diverged, other.arrived = self.diverged, self.arrived
        other._load(self._state())
        return other

    # ---- how it stands --------------------------------------------------------------------

    @property
    def last(self) -> list[float]:
        """The last point [x, y], before the divergence if there was one."""
        return self.path[-1] if self.diverged is None else self.path[self.diverged - 1]

    @property
    def done(self) -> bool:
        """Whether it has arrived or diverged."""
        return self.arrived is not None or self.diverged is not None

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

    def at_saddle(self) -> bool:
        """Return whether it stands on a flat spot from which some direction leads down."""
        flat = float(self.surface.gradient(self.theta).norm()) < 1e-8
        return flat and float(torch.linalg.eigvalsh(self.surface.hessian(self.theta))[0]) < 0


def seen(moves: np.ndarray) -> np.ndarray:
    """Return those of the moves (n,) along a line that are long enough to be seen."""
    sizes = np.abs(moves)
    return moves[sizes > NEAR * sizes.max(initial=0.0)]


def rates_for(surface: Surface) -> dict[str, float]:
    """Return a rate for each racer that shows what it does on this surface."""
    rates = {n: ABSOLUTE.get(n, share * surface.rate) for n, (_, share) in RACERS.items()}
    return {n: float(f"{rate:.4g}") for n, rate in rates.items()}
