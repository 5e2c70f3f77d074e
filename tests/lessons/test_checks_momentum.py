"""The check of momentum against closed forms, NumPy and `torch.optim.SGD`."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.momentum import (
    average,
    best,
    equals_torch,
    examine,
    flips,
    needed,
    ride,
)
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


def test_changes_of_sign_are_counted_in_one_direction_and_100_steps():
    path = np.array([[1, (-1) ** n] for n in range(150)], dtype=float)
    assert flips(path, 0) == 0 and flips(path, 1) == 100
    assert flips(ride([EverySecond(0.0195)], 0.0195, steps=100), 1) == 50


def said(rule) -> dict:
    """Its numbers, by the case."""
    says = {"rule": rule, "faster": ("best", "same"), "calmer": ("steep", "flat")}
    return {name: numbers(case.number) for name, case in by_name(examine(says)).items()}


def turns(path, direction) -> int:
    w = path[:101, direction]
    return int((np.sign(w[1:]) != np.sign(w[:-1])).sum())


def test_the_numbers_of_the_document_are_those_of_numpy():
    found = said(average.document["rule"])
    grid = np.linspace(0.05, 0.99, 25)
    slow = min(first_near((1 - 0.02 * s * CURVATURES) ** np.arange(901)[:, None]) for s in grid)
    with np.errstate(over="ignore", invalid="ignore"):
        fast = min(first_near(averaged(0.02 * 19 * s, 0.9, 300)) for s in grid)
    assert found["faster, each at its best rate"] == [slow, pytest.approx(fast, abs=1)]
    gain = first_near(averaged(0.01, 0, 3000)) / first_near(averaged(0.01, 0.9, 3000))
    assert found["faster at the same rate, 0.01"] == [pytest.approx(gain, abs=0.011)]
    plain = (1 - 0.0195 * CURVATURES) ** np.arange(101)[:, None]
    steep = [turns(plain, 1), turns(averaged(0.0195, 0.9, 100), 1)]
    assert found["calmer in the steep direction"] == [*steep, 100, 0.0195]
    flat = [turns(plain, 0), turns(averaged(0.3, 0.9, 100), 0)]
    assert found["calmer in the flat direction"] == [*flat, 100, 0.0195, 0.3]


@pytest.mark.parametrize(
    "rule, found",
    [
        (lambda beta: [Momentum(0.0)], "✗✗✗✗|✗"),
        (lambda beta: [HeavyBall(beta)], "✓✓✗✗|✗"),
        (lambda beta: [Momentum(0.3)], "✗✗✗✗|✗"),
    ],
)
def test_another_rule_gets_other_marks(rule, found):
    says = {"rule": rule, "faster": ("best", "same"), "calmer": ("steep", "flat")}
    assert marks(examine(says)) == found


@pytest.mark.parametrize(
    "part, where, mark",
    [
        ("faster", "best", "✓"),
        ("faster", "same", "✗"),
        ("calmer", "steep", "✓"),
        ("calmer", "flat", "✗"),
    ],
)
def test_only_the_conditions_that_are_named_are_tried(part, where, mark):
    says = {"rule": average.document["rule"], "faster": (), "calmer": ()} | {part: (where,)}
    assert marks(examine(says)) == f"{mark}|✓"


def test_half_a_rate_is_not_torchs_path():
    assert equals_torch(lambda beta: [Momentum(beta)])
    assert not equals_torch(lambda beta: [Momentum(beta + 0.01)])
    assert not equals_torch(lambda beta: [HeavyBall(beta)])
