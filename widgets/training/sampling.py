"""What is measured while a run goes on, and when: by the step and by turns, never by the clock.

So a run that is watched, one that is drawn once at its end, and one that is replayed from its
recipe are measured at the same steps, and show the same curves.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from course import CourseError, Network
from course.optim.second_order import sharpness

FIRST = 10  # steps between two samples at first
SHARE = 50  # no two samples closer than step/50: 25 each time the run doubles
ROWS = 256  # training rows whose curvature is measured
PRODUCTS = 4  # Hessian-vector products; from the gradient they come within 3 %


def every(step: int) -> int:
    """Return the distance of two samples after `step` steps: 10, from step 500 on 20, 40, …."""
    distance = FIRST
    while distance * SHARE <= step:
        distance *= 2
    return distance


def is_due(step: int) -> bool:
    """Return whether a run is measured after `step` steps, turned or not."""
    return step % every(step) == 0


class Sample(NamedTuple):
    """What was measured between two steps. Accuracies are NaN for a regression."""

    step: int
    train_loss: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float
    sharpness: float
    """The largest eigenvalue of the training loss's Hessian, on 256 rows; NaN if not measured."""
    edge: float
    """The rate at which full-batch descent becomes unstable; NaN for rules without one."""


class Table:
    """Samples of a branch as rows of numbers; only what is new in the list is read."""

    def __init__(self) -> None:
        self._read: list[Sample] = []
        self._rows = np.empty((0, len(Sample._fields)))

    def read(self, samples: list[Sample]) -> np.ndarray:
        """Return samples as (n, 7)."""
        n = len(self._read)
        if samples[:n] != self._read:
            n = 0
        if samples[n:] or not n:
            fresh = np.array(samples[n:], dtype=float).reshape(-1, len(Sample._fields))
            self._rows = np.concatenate([self._rows[:n], fresh])
            self._read = list(samples)
        return self._rows


def measure(view) -> Sample:
    """Measure a run between two steps; view: of the run, see `view.View`; its model is a copy."""
    (train, right), (test, right_test) = view.evaluate("train"), view.evaluate("test")
    top = measure_sharpness(view)
    return Sample(view.step, train, test, right, right_test, top, edge(top, view.knobs))


def measure_sharpness(view) -> float:
    """Return the sharpness of a hand-written network; NaN for other models and broken weights.

    Lanczos's method starts from the gradient: it points along the sharp directions already, and
    the same state gives the same number.
    """
    model = view.model
    if not isinstance(model, Network):
        return math.nan
    x, y = model.encode(*view.rows(ROWS))
    model.loss_and_grad(x, y)
    start = model.grad.clone()
    if not bool(torch.isfinite(start).all()) or not bool(start.any()):
        return math.nan
    try:
        curvature = model.curvature(x, y)
    except CourseError:  # it is not written for layers as LayerNorm and Residual
        return math.nan
    return max(sharpness(curvature.hvp, start, PRODUCTS)[0], 0.0)


def edge(top: float, knobs: dict) -> float:
    """Return the largest rate at which full-batch descent is stable on a quadratic of sharpness λ.

    2/λ for gradient descent, 2(1 + β)/λ for the heavy ball, 2(1 + β)/((1 - β)λ) when momentum is
    an average; NaN for other rules. The noise of batches breaks a run earlier.

    Source: Cohen et al. (2021).
    """
    beta = knobs["momentum"]
    gain = {"gradient descent": 1.0, "heavy ball": 1 + beta, "momentum": (1 + beta) / (1 - beta)}
    rule = knobs["optimiser"]
    return 2 * gain[rule] / top if rule in gain and top > 0 else math.nan
