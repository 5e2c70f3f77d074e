"""What an instrument sees of a run: numbers, and copies. Nothing done to a view reaches the run."""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from course import Network
from course.nn.network import with_ones

from . import marks, plans


class View:
    """A run between two steps. Only the thread that steps makes one, for one picture or sample.

    Attributes:
        step: the steps done; first: those done when the lab began.
        planned: the step at which the run is planned to end.
        data: the data set.
        source: the model itself, to be read only; `model` is a copy.
        knobs: {name: value}, as they stand.
        started: {name: value} at step `first`; a schedule where one stood.
        plans: {knob: [[step, value], …]} of what a schedule has in store.
        guess, score: the drawn guess of the loss as [[step, loss], …], and its score in words.
        branch: the `timeline.Branch` on show; others: the other branches.
        hues, names: {branch: hue or name}.
        samples: `sampling.Sample` of the whole branch, by step.
        probe: None or (step, weights before it, weights after it).
    """

    def __init__(self, lab):
        self._trainer = t = lab.trainer
        self.step, self.first, self.planned = t.step_count, lab.timeline.first, lab.planned
        self.data, self.knobs = t.data, t.knobs()
        self.source, self.started, self.probe = t.model, lab.watching.started, lab.watching.probe
        self.branch, branches = lab.timeline.note(), lab.timeline.branches
        self.others = [b for b in branches if b is not self.branch]
        self.hues = {b: lab.watching.hue(b, branches) for b in branches}
        self.names = {b: branch_name(b, branches) for b in branches}
        self.samples = lab.watching.samples(self.branch, self.step)
        self._guessed, self._eye = lab.guessed, lab.watching.eye

    @cached_property
    def plans(self) -> dict[str, list]:
        return plans.shown(self._trainer, max(self.planned, self.branch.end))

    @property
    def guess(self) -> list[list]:
        return [[step, value] for step, value in self._guessed.points]

    @property
    def score(self) -> str:
        factor = self._guessed.score(self.numbers)
        return "" if factor is None else f"off by ×{factor:.2f}"

    @cached_property
    def model(self):
        """A copy of the model: weights, gradient, buffers, generators."""
        return copied(self._trainer.model)

    @property
    def predictor(self):
        """The model to predict with: a hand-written network changes nothing by that."""
        return self.source if isinstance(self.source, Network) else self.model

    @property
    def numbers(self) -> np.ndarray:
        """(steps, 4) of the history up to now."""
        numbers = self._trainer.history.numbers().view()
        numbers.flags.writeable = False
        return numbers

    @property
    def past(self) -> list:
        """The samples up to now."""
        return [sample for sample in self.samples if sample[0] <= self.step]

    def rows(self, n: int) -> tuple[Tensor, Tensor]:
        """Return copies of the first training rows: x (n, …) and y (n, …), as the data has them."""
        return self.data.x_train[:n].clone(), self.data.y_train[:n].clone()

    def predict(self, x: Tensor) -> Tensor:
        """Return the outputs of rows x as (B, C), float32, on the CPU."""
        like = self.predictor.theta
        return self.predictor.predict(x.to(like.device, like.dtype, copy=True)).float().cpu()

    def predict_tests(self, n: int) -> Tensor:
        """Return the outputs of the first n test rows, (n, C), float32, on the CPU.

        The next call may overwrite them.
        """
        if isinstance(self.source, Network):
            return self._eye.predict(self.source, self.data.x_test, n)
        return self.predict(self.data.x_test[:n])

    def evaluate(self, split: str) -> tuple[float, float]:
        """(loss, accuracy) on a split."""
        self._trainer.splits  # noqa: B018  made once and kept by the trainer, not by its twin
        twin = copy.copy(self._trainer)
        twin.model = self.predictor
        return twin.evaluate(split)


class Eye:
    """Predicts the same rows for one picture after the other: only the weights are new."""

    def __init__(self) -> None:
        self._seen: tuple = ()

    @torch.no_grad()
    def predict(self, net: Network, x: Tensor, n: int) -> Tensor:
        """Return the outputs of the first n rows x as (n, C); the next call overwrites them."""
        seen = (id(net), id(net.theta), id(x), n)
        if self._seen[-1:] != (seen,):
            self._seen = (net, net.theta, x, seen)  # all kept, so that no other has their ids
            self._net, self._rows = net.at(net.theta), with_ones(x[:n].to(net.theta))
            self._spaces = self._net.workspace(len(self._rows), training=False)
        return self._net.forward(self._spaces, self._rows).t().float().cpu()


def branch_name(branch, branches) -> str:
    """Return what was turned since a branch parted from the others, as 'α 12 at 630'."""
    parted = [b.left_at for b in branches if b.left_at is not None and b is not branch]
    start = branch.left_at if branch.left_at is not None else min(parted, default=0)
    turned = marks.name([change for change in branch.knobs if change[0] >= start])
    return turned or ("first run" if branch.left_at is None else f"branch at {branch.left_at:,}")


def copied(model):
    """Return a copy of a model: weights, gradient, buffers and generators."""
    memo: dict[int, object] = {}
    if not isinstance(model, Network):
        # A module may keep what it computed last: such a tensor cannot be copied with its graph.
        for module in model.module.modules():
            for value in vars(module).values():
                if isinstance(value, Tensor) and not value.is_leaf:
                    memo[id(value)] = value.detach().clone()
    twin = copy.deepcopy(model, memo)
    twin.grad.copy_(model.grad)
    return twin


@contextmanager
def undrawn(model) -> Iterator[None]:
    """Give back the random numbers that a learner's module draws from global generators.

    A hand-written network has a generator of its own: nothing to give back.
    """
    if isinstance(model, Network):
        yield
        return
    states = np.random.get_state(), random.getstate()
    on_cuda = model.theta.device.type == "cuda"
    with torch.random.fork_rng(devices=[model.theta.device] if on_cuda else []):
        try:
            yield
        finally:
            np.random.set_state(states[0])
            random.setstate(states[1])
