"""The check of momentum against closed forms, NumPy and `torch.optim.SGD`."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.momentum import average, best, examine, needed, ride
from course.optim.chain import Transform
from course.optim.first_order import HeavyBall, Momentum

CURVATURES = np.array([1.0, 100.0])  # the ravine of the chapter


def averaged(lr: float, beta: float, steps: int) -> np.ndarray:
    """The path down the ravine by v ← βv + (1 - β)g, w ← w - αv: (steps + 1, 2)."""
    w, v, path = np.ones(2), np.zeros(2), [np.ones(2)]
    for _ in range(steps):
        v = beta * v + (1 - beta) * CURVATURES * w
        w = w - lr * v
        path.append(w)
    return np.array(path)


def first_near(path: np.ndarray) -> float:
    """The first row within a millionth of the start's distance."""
    return next((n for n, w in enumerate(path) if math.hypot(*w) <= 1e-6 * math.sqrt(2)), math.inf)


def test_gradient_descent_rides_along_powers():
    path = ride([], 0.015, steps=40)
    powers = (1 - 0.015 * CURVATURES) ** np.arange(41)[:, None]
    assert path == pytest.approx(powers, rel=1e-9)
    assert ride([], 0.01).shape == (3001, 2)


def test_momentum_rides_as_torch_does():
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.3 * 0.1, momentum=0.9)
    path = [w.tolist()]
    for _ in range(100):
        w.grad = torch.from_numpy(CURVATURES) * w.detach()
        optimizer.step()
        path.append(w.tolist())
    assert ride([Momentum(0.9)], 0.3, steps=100) == pytest.approx(np.array(path), rel=1e-9)


@pytest.mark.parametrize(
    "distances, steps",
    [([1, 1e-3, 1e-6, 1e-7], 2), ([1, 1e-7, 1, 1e-9], 1), ([2, 1, 1.5e-6, 1e-9], 2),
     ([1, 1.1e-6], math.inf), ([1, math.nan, math.inf], math.inf), ([1, 1e200, 1e300], math.inf)],
)  # fmt: skip
def test_the_steps_end_at_a_millionth_of_the_start(distances, steps):
    assert needed(np.array([[0.6 * d, 0.8 * d] for d in distances])) == steps


class Leap(Transform):
    """Nothing for a while, then to the bottom in one step of the rate `lr`."""

    def __init__(self, wait: int, lr: float):
        self.wait, self.lr = wait, lr

    def __call__(self, g, context):
        self.wait -= 1
        return g / torch.from_numpy(CURVATURES) / self.lr if self.wait < 0 else torch.zeros_like(g)


@pytest.mark.parametrize("share, scale", [(0.05, 1), (0.99, 1), (0.99, 19)])
def test_the_best_is_found_within_900_steps_from_one_end_of_the_rates_to_the_other(share, scale):
    lr = 0.02 * scale * share
    assert best(lambda beta: [Leap(899, lr)], 0.9, scale) == 900
    assert best(lambda beta: [Leap(900, lr)], 0.9, scale) == math.inf


class EverySecond(Transform):
    """Turns the sign of w at every second step of the rate `lr`."""

    def __init__(self, lr: float):
        self.lr, self.step = lr, 0

    def __call__(self, g, context):
        self.step += 1
        return 2 * g / torch.from_numpy(CURVATURES) / self.lr * (self.step % 2)


def test_half_the_flips_are_not_fewer_than_half():
    case = examine(lambda beta: [EverySecond(0.0195)])[2]
    assert numbers(case.number) == [100, 50, 100] and not case.holds


def test_the_numbers_of_the_document_are_those_of_numpy():
    cases = by_name(average.cases(average.document))
    said = {name: numbers(case.number) for name, case in cases.items()}
    grid = np.linspace(0.05, 0.99, 25)
    slow = min(first_near((1 - 0.02 * s * CURVATURES) ** np.arange(901)[:, None]) for s in grid)
    with np.errstate(over="ignore", invalid="ignore"):
        fast = min(first_near(averaged(0.02 * 19 * s, 0.9, 300)) for s in grid)
    assert said["faster, each at its best rate"] == [slow, pytest.approx(fast, abs=1)]
    gain = first_near(averaged(0.01, 0, 3000)) / first_near(averaged(0.01, 0.9, 3000))
    assert said["faster at the same rate, 0.01"] == [pytest.approx(gain, abs=0.011)]
    steep = averaged(0.0195, 0.9, 100)[:, 1]
    turns = int((np.sign(steep[1:]) != np.sign(steep[:-1])).sum())
    assert said["the steep direction flips less"] == [100, turns, 100]
    lowest = averaged(0.3, 0.9, 3000)[:, 0].min()
    assert said["no swing past the bottom at 0.3"] == [pytest.approx(lowest, abs=0.011), 1]


@pytest.mark.parametrize(
    "rule, found",
    [
        (lambda beta: [Momentum(0.0)], "✗✗✗✗"),
        (lambda beta: [HeavyBall(beta)], "✓✓✗✗"),
        (lambda beta: [Momentum(0.3)], "✗✗✗✗"),
    ],
)
def test_another_rule_gets_other_marks(rule, found):
    assert marks(examine(rule)) == found
