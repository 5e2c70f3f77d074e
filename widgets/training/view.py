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
from course.optim.first_order import Momentum


class View:
    """A run between two steps. Made by the thread that steps, for one picture.

    step: the steps done; data: the data set; knobs: {name: value}; averaging: β where momentum is
    an exponential average, else None; numbers: (steps, 3) of the history; evaluations: [(step,
    train loss, test loss, train accuracy, test accuracy)]; branches: each `timeline.Branch` that
    were left; drawn: None or (x, y) arrays; probe: None or (step, weights before, weights after);
    words: the state; looked: what changes when the run was evaluated.
    """

    def __init__(self, lab):
        self._trainer = t = lab.trainer
        self.step, self.data, self.knobs = t.step_count, t.data, t.knobs()
        averaged = t.chain.find(Momentum)
        self.averaging: float | None = None if averaged is None else averaged.beta
        self.numbers = t.history.numbers().view()
        self.numbers.flags.writeable = False
        self.evaluations, self.branches = lab._evaluations(), lab._branches()
        self.drawn, self.probe = lab.drawn, lab.probe
        self.words, self.looked = lab.words, lab.looked

    @cached_property
    def model(self):
        """A copy of the model: weights, gradient, buffers, generators."""
        return copied(self._trainer.model)

    def means(self, points: int) -> tuple[list[float], np.ndarray]:
        """See `course.training.history.History.means`."""
        place, rows = self._trainer.history.means(points)
        return place, rows.copy()

    def rows(self, n: int) -> tuple[Tensor, Tensor]:
        """Copies of the first training rows: x (n, …) and y (n, …), as the data has them."""
        return self.data.x_train[:n].clone(), self.data.y_train[:n].clone()

    def predict(self, x: Tensor) -> Tensor:
        """Outputs of rows x: (B, C), float32, on the CPU."""
        like = self.model.theta
        return self.model.predict(x.to(like.device, like.dtype, copy=True)).float().cpu()

    def evaluate(self, split: str) -> tuple[float, float]:
        """(loss, accuracy) on a split."""
        self._trainer.splits  # noqa: B018  made once and kept by the trainer, not by its twin
        twin = copy.copy(self._trainer)
        twin.model = self.model
        return twin.evaluate(split)


def copied(model):
    """A model of its own with the same weights, gradient, buffers and generators."""
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
    """Give back the random numbers that a module of one's own draws from global generators.

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
