"""Gradient transforms: small pieces, composed with `chain`.

Each takes a vector and returns a vector; none writes into what it was handed. The fields are plain
numbers and may change between any two steps: nothing resets. The documents' algorithms are one
line each:

    gradient descent (D4 3.1)   chain(Descend(lr))
    momentum (D4 3.4)           chain(Momentum(beta), Descend(lr))
    gradient clipping (D4 3.5)  chain(ClipByValue(eps), Descend(lr))
    momentum clipping (D4 3.6)  chain(ClipByValue(eps), Momentum(beta), Descend(lr))
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from .errors import CourseError, check_number

# name: (low, high, low excluded, high excluded, remedy)
RANGES = {
    "lr": (0, math.inf, False, True, "a common start is 0.1"),
    "beta": (0, 1, False, True, "a common choice is 0.9"),
    "eps": (0, math.inf, True, False, "to switch clipping off, leave the transform out"),
    "c": (0, math.inf, True, False, "to switch clipping off, leave the transform out"),
}


class Transform:
    """Base: validates each field whenever it is set, so a bad value never gets in."""

    def __setattr__(self, name, value):
        if name in RANGES:
            low, high, open_low, open_high, remedy = RANGES[name]
            label = f"{type(self).__name__}.{name}"
            value = check_number(
                label, value, low, high, remedy, open_low=open_low, open_high=open_high
            )
        super().__setattr__(name, value)

    def init(self, theta: Tensor) -> None:
        """Make the buffers for parameters `theta`: (P,)."""

    def state(self) -> dict[str, Tensor]:
        """The vectors that must survive a save."""
        return {}

    def __call__(self, g: Tensor, theta: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not say what to do with a gradient")


@dataclass
class ClipByValue(Transform):
    """g' = clip(g, -ε, ε), entry by entry (D4 3.5). It turns the direction."""

    eps: float = 1.0

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, theta):
        return torch.clamp(g, -self.eps, self.eps, out=self.out)


@dataclass
class ClipByNorm(Transform):
    """g' = g · min(1, c / ‖g‖₂): shorter, same direction (Pascanu et al. 2013).

    A NaN or infinite norm stays visible: it makes every entry NaN (or 0), never hides.
    """

    c: float = 1.0

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, theta):
        scale = (self.c / torch.linalg.vector_norm(g)).clamp_(max=1)
        return torch.mul(g, scale, out=self.out)


@dataclass
class Momentum(Transform):
    """v ← βv + (1 - β)g, v₀ = 0: the documents' exponential average (D4 3.4).

    No bias correction, so the first step is (1 - β)g. With constant β this is heavy ball with
    the rate multiplied by (1 - β); `torch.optim.SGD(dampening=β)` differs at the first step.
    """

    beta: float = 0.9

    def init(self, theta):
        self.v = torch.zeros_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, theta):
        return self.v.lerp_(g, 1 - self.beta)


@dataclass
class HeavyBall(Transform):
    """v ← βv + g, v₀ = 0 (Polyak 1964). Equals `torch.optim.SGD(momentum=β)`."""

    beta: float = 0.9

    def init(self, theta):
        self.v = torch.zeros_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, theta):
        return self.v.mul_(self.beta).add_(g)


@dataclass
class Descend(Transform):
    """θ ← θ - αg: the only transform that moves the weights (D4 3.1). Stands last."""

    lr: float = 0.1

    def __call__(self, g, theta):
        theta.add_(g, alpha=-self.lr)
        return g


class Chain:
    """Transforms applied from left to right; the last one is `Descend`."""

    def __init__(self, *transforms: Transform):
        for t in transforms:
            if not isinstance(t, Transform):
                raise CourseError(f"chain got {t!r}; it takes transforms such as Momentum(0.9)")
        kinds = [isinstance(t, Descend) for t in transforms]
        if not kinds or not kinds[-1] or sum(kinds) != 1:
            raise CourseError(f"chain{transforms!r}: exactly one Descend(lr) must stand last")
        self.transforms = list(transforms)

    def init(self, theta: Tensor) -> None:
        for t in self.transforms:
            t.init(theta)

    def __call__(self, grad: Tensor, theta: Tensor) -> None:
        g = grad
        for t in self.transforms:
            g = t(g, theta)

    def find(self, *kinds: type) -> Any:
        """The first transform of one of these kinds, or None."""
        return next((t for t in self.transforms if isinstance(t, kinds)), None)

    def state(self) -> list[dict[str, Tensor]]:
        return [{k: v.clone() for k, v in t.state().items()} for t in self.transforms]

    def load_state(self, state: list[dict[str, Tensor]]) -> None:
        for t, saved in zip(self.transforms, state, strict=True):
            for name, vector in t.state().items():
                vector.copy_(saved[name])

    def describe(self) -> list[dict]:
        """[{'kind': 'Momentum', 'beta': 0.9}, …]: enough to build the chain again."""
        return [
            {"kind": type(t).__name__} | {f.name: getattr(t, f.name) for f in fields(t)}  # type: ignore[arg-type]
            for t in self.transforms
        ]

    def __repr__(self):
        return f"chain({', '.join(map(repr, self.transforms))})"


chain = Chain
KINDS = {t.__name__: t for t in (ClipByValue, ClipByNorm, Momentum, HeavyBall, Descend)}


def build_chain(description: list[dict]) -> Chain:
    """The inverse of `Chain.describe`."""
    return Chain(
        *(KINDS[d["kind"]](**{k: v for k, v in d.items() if k != "kind"}) for d in description)
    )
