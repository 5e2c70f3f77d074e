"""Chains: gradient transforms composed from left to right.

A transform takes a vector and returns a vector; it never writes into what it was handed. Its fields
are plain numbers (or schedules) that may change between any two steps: nothing resets. `Descend`
moves the weights. The documents' algorithms are one line each:

    gradient descent (D4 3.1)   chain(Descend(lr))
    momentum (D4 3.4)           chain(Momentum(beta), Descend(lr))
    gradient clipping (D4 3.5)  chain(ClipByValue(threshold), Descend(lr))
    momentum clipping (D4 3.6)  chain(ClipByValue(threshold), Momentum(beta), Descend(lr))
    Newton's method (D4 3.7)    chain(Newton(damping), Descend(1.0))
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from ..descriptions import Registry, describe
from ..errors import CourseError, shown
from ..states import MOST, check_list, check_names, check_tensor, check_whole
from .ranges import RANGES, check_setting
from .schedules import SCHEDULES, Schedule

TRANSFORMS = Registry(
    "transform", lambda field, value: SCHEDULES.build(value) if isinstance(value, dict) else value
)


class Context:
    """What a transform may ask for besides the gradient it is handed.

    Attributes:
        theta: the weights, (P,).
        grad: the raw gradient, (P,); in the step of a `Spike`, what that has made of it.
        step: the number of steps made before this one.
        lr: the rate of the chain's `Descend` in this step.
        named_views: called with any flat (P,) vector; returns its views by name.
        curvature: called without arguments; returns that of the loss on this batch.
        norm: called with a vector like theta; returns ‖·‖₂, 0-d. Where each rank has a part of the
            weights, it is that of all parts.
    """

    lr: float
    step = 0

    def __init__(
        self, theta: Tensor, named_views=None, curvature=None, norm=torch.linalg.vector_norm
    ):
        self.theta, self.norm = theta, norm
        self.named_views = named_views or (lambda flat: {"theta": flat})
        self.curvature = curvature or _no_curvature
        self.take(theta)

    def take(self, grad: Tensor) -> None:
        """Take this vector (P,) for the raw gradient."""
        self.grad = grad
        self._norm: Tensor | None = None

    def norm_of(self, g: Tensor) -> Tensor:
        """Return ‖g‖₂, 0-d; that of the raw gradient is computed once a step."""
        if g is not self.grad:
            return self.norm(g)
        if self._norm is None:
            self._norm = self.norm(g)
        return self._norm


def _no_curvature():
    raise CourseError("this transform needs the loss's curvature: use it in a Trainer's chain")


class Transform:
    """Base of all transforms: it validates each field when it is set, so a bad value never gets in.

    Attributes:
        schedules: the schedules of fields that have one, by field.
        descends: whether it moves the weights: `Descend`.
        clips: whether it bounds the gradient; `norms()` then returns those of what it left in the
            last step and of what entered it, each 0-d.
        after_descend: whether it acts on the weights that `Descend` has moved.
        replays: whether its fields tell what it does, so that a recipe can repeat the run.
        needs: what it asks the context for, and not every model has: 'named_views', 'curvature'.

    Raises:
        CourseError: when a field is set to a value out of its range; the old value stays.
    """

    schedules: dict[str, Schedule] = {}  # replaced by a dict of its own when one is set
    descends = clips = after_descend = False
    replays = True
    needs: tuple[str, ...] = ()

    def __init_subclass__(cls):
        TRANSFORMS.add(cls)

    def __setattr__(self, name, value):
        if name in RANGES:
            value = check_setting(f"{type(self).__name__}.{name}", value)
            schedules = {k: v for k, v in self.schedules.items() if k != name}
            if isinstance(value, Schedule):
                schedules[name], value = value, value.value(0)
            super().__setattr__("schedules", schedules)
        super().__setattr__(name, value)

    def setting(self, field: str) -> float | Schedule:
        """Return what a field was set to: a number or a schedule."""
        return self.schedules.get(field, getattr(self, field))

    def advance(self, step: int) -> None:
        """Set each scheduled field to its value in this step."""
        for name, schedule in self.schedules.items():
            object.__setattr__(self, name, schedule.value(step))

    def init(self, theta: Tensor) -> None:
        """Make the buffers for weights `theta`: (P,)."""

    def state(self) -> dict[str, Tensor]:
        """Return the vectors that must survive a save, not copied."""
        return {}

    def check_state(self, state: dict[str, Tensor]) -> None:
        """Raise `CourseError` for what `load_state` cannot take."""
        mine, kind = self.state(), type(self).__name__
        check_names(f"the buffers of {kind}", state, mine)
        for name, vector in mine.items():
            check_tensor(f"{kind}.{name}", state[name], vector)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave; `check_state` must have passed it."""
        for name, vector in self.state().items():
            vector.copy_(state[name])

    def __call__(self, g: Tensor, context: Context) -> Tensor:
        """Return the transformed gradient (P,), in memory of its own; g: (P,) stays as it is."""
        raise TypeError(f"{type(self).__name__} does not say what to do with a gradient")

    def code(self) -> str:
        """Return 'Momentum(beta=0.9)', with the schedule if a field has one."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        values |= self.schedules
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in values.items())})"

    def describe(self) -> dict:
        """Return {'kind': 'Momentum', 'beta': 0.9}; a schedule as its own description."""
        return describe(self) | {name: s.describe() for name, s in self.schedules.items()}


class Chain:
    """Transforms applied from left to right.

    Args:
        transforms: one of them is `Descend`; only L1's proximal step and a mask may stand after it.

    Attributes:
        step: the number of steps made.

    Raises:
        CourseError: for what is not a transform, or an order that is not allowed.
    """

    def __init__(self, *transforms: Transform):
        for t in transforms:
            if not isinstance(t, Transform):
                raise CourseError(f"chain got {t!r}; it takes transforms such as Momentum(0.9)")
        self.step = 0
        self.context: Context | None = None
        self.transforms: list[Transform] = []
        self.arrange(list(transforms))

    def arrange(self, transforms: list[Transform]) -> None:
        """Use these transforms from now on; those that were there before keep their buffers.

        Raises:
            CourseError: for an order that is not allowed; nothing changes.
        """
        places = [2 * t.after_descend + t.descends for t in transforms]  # Descend 1, after it 2
        if places.count(1) != 1 or places != sorted(places):
            listed = ", ".join(map(repr, transforms))
            raise CourseError(
                f"chain({listed}): exactly one Descend(lr) must stand last, or only L1 after it"
            )
        if self.context is not None:
            new = [t for t in transforms if not any(t is old for old in self.transforms)]
            self._check_needs(new)
            for t in new:
                t.init(self.context.theta)
        self.transforms = transforms
        self.descend: Any = transforms[places.index(1)]
        self.clip: Any = next((t for t in transforms if t.clips), None)

    def init(
        self, theta: Tensor, named_views: Callable | None = None, curvature=None,
        norm: Callable[[Tensor], Tensor] = torch.linalg.vector_norm,
        lacks: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Make the buffers and start counting steps at 0.

        Args:
            theta: the weights, (P,).
            named_views, curvature, norm: see `Context`; a `Trainer` hands over its model's.
            lacks: what the model cannot give, see `Model`.

        Raises:
            CourseError: for a transform that needs what is lacking.
        """
        self.lacks = lacks or {}
        self._check_needs(self.transforms)
        self.context = Context(theta, named_views, curvature, norm)
        self.step = 0
        for t in self.transforms:
            t.init(theta)

    def _check_needs(self, transforms: list[Transform]) -> None:
        for t in transforms:
            for need in t.needs:
                if need in self.lacks:
                    raise CourseError(f"{type(t).__name__} cannot run here: {self.lacks[need]}")

    def __call__(self, grad: Tensor, theta: Tensor) -> None:
        """Make one step: `theta` (P,) moves in place, `grad` (P,) stays as it is."""
        context = self.context
        if context is None:
            raise CourseError("the chain has no buffers yet; call chain.init(theta) first")
        context.theta, context.step = theta, self.step
        context.take(grad)
        for t in self.transforms:
            if t.schedules:
                t.advance(self.step)
        context.lr = self.descend.lr
        g = grad
        for t in self.transforms:
            g = t(g, context)
        self.step += 1

    def norms(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return three norms of the last step, each 0-d.

        Returns:
            That of the raw gradient, of what the clip left, and of what entered it; without a
            clip all three are the first.
        """
        assert self.context is not None
        raw = self.context.norm_of(self.context.grad)
        return raw, *((raw, raw) if self.clip is None else self.clip.norms())

    def find(self, *kinds: type) -> Any:
        """Return the first transform of one of these kinds, or None."""
        return next((t for t in self.transforms if isinstance(t, kinds)), None)

    def replace(self, old: Transform, new: Transform | None) -> None:
        """Put `new` in place of `old`; None removes `old`. The others keep their buffers."""
        at = [t is old for t in self.transforms].index(True)  # two of them may be equal
        middle = [] if new is None else [new]
        self.arrange(self.transforms[:at] + middle + self.transforms[at + 1 :])

    def insert(self, at: int, new: Transform) -> None:
        """Put `new` at place `at`. The others keep their buffers."""
        self.arrange([*self.transforms[:at], new, *self.transforms[at:]])

    def state(self) -> list[dict[str, Tensor]]:
        """Return the step count and a copy of each transform's buffers, in this order."""
        buffers = [{k: v.clone() for k, v in t.state().items()} for t in self.transforms]
        return [{"step": torch.tensor(self.step)}, *buffers]

    def load_state(self, state: list[dict[str, Tensor]]) -> None:
        """Go on from what `state` gave.

        Raises:
            CourseError: for a state that does not fit; nothing changes.
        """
        count, *buffers = check_list("transforms", state, len(self.transforms) + 1)
        step = check_names("the chain's count", count, ("step",))["step"]
        check_tensor("the chain's step", step, torch.tensor(self.step))
        check_whole("the chain's step", int(step), 0, MOST)
        pairs = list(zip(self.transforms, buffers, strict=True))
        for t, saved in pairs:
            t.check_state(saved)
        for t, saved in pairs:
            t.load_state(saved)
            t.advance(max(int(step) - 1, 0))  # a scheduled field shows the value of the last step
        self.step = int(step)

    def describe(self) -> list[dict]:
        """Return [{'kind': 'Momentum', 'beta': 0.9}, …]: enough to build the chain again."""
        return [t.describe() for t in self.transforms]

    def __repr__(self):
        return f"chain({', '.join(t.code() for t in self.transforms)})"


chain = Chain


def build_chain(description: list[dict]) -> Chain:
    """Return the chain that `Chain.describe` described.

    Raises:
        CourseError: for what `describe` cannot have written.
    """
    if not isinstance(description, list):
        raise CourseError(f"chain = {shown(description)}; allowed: a list, as Chain.describe()")
    return Chain(*map(TRANSFORMS.build, description))
