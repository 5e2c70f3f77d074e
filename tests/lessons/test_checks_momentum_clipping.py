"""The check of clipping before momentum against NumPy and plain Python."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.momentum_clipping import (
    arrival,
    descend,
    examine,
    follow,
    order,
    plain,
    torch_path,
    turns,
)


def clipped(v, g, beta, eps):
    return beta * v + (1 - beta) * torch.clamp(g, min=-eps, max=eps)


def wild() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.empty(500, 4, dtype=torch.float64).cauchy_(generator=generator)


def test_a_memory_is_followed_from_zero():
    gradients = wild()[:20]
    assert torch.equal(follow(lambda v, g, beta, eps: v + g, gradients, 0, 0), gradients.cumsum(0))
    seen = follow(lambda v, g, beta, eps: torch.full_like(g, 10 * beta + eps), gradients, 2, 3)
    assert torch.equal(seen, torch.full_like(gradients, 23))


def test_torchs_path_is_the_recursion_and_its_gradients_stay():
    gradients = wild()[:30]
    before = gradients.clone()
    path = torch_path(gradients, 0.3, 0.8, 0.5)
    w, buffer, rows = np.zeros(4), np.zeros(4), []
    for g in before.numpy():
        buffer = 0.8 * buffer + np.clip(g, -0.5, 0.5)
        w = w - 0.3 * (1 - 0.8) * buffer
        rows.append(w)
    assert path.numpy() == pytest.approx(np.array(rows), rel=1e-9)
    assert torch.equal(gradients, before)


def by_hand(slope, lr: float, eps: float, beta: float, steps: int = 2000) -> np.ndarray:
    """The path of w from 10 with clipping, then an average; β = 0 and no limit: descent."""
    w, v, path = 10.0, 0.0, [10.0]
    for _ in range(steps):
        v = beta * v + (1 - beta) * max(-eps, min(eps, slope(w)))
        w -= lr * v
        path.append(w)
    return np.array(path)


def bowl(w):
    return w


def quartic(w):
    return 4 * w**3


def stays(path: np.ndarray, near: float) -> float:
    for n in range(len(path)):
        if np.abs(path[n:]).max() <= near:
            return n
    return math.inf


@pytest.mark.parametrize("slope, lr, eps", [(bowl, 0.5, 1.0), (quartic, 0.2, 4.0)])
def test_a_descent_is_the_recursion_from_10(slope, lr, eps):
    found = descend(clipped, slope, lr, eps)
    assert found.numpy() == pytest.approx(by_hand(slope, lr, eps, 0.9), rel=1e-6, abs=1e-9)
    found = descend(plain, slope, 0.004, eps)[:50]
    assert found.numpy() == pytest.approx(by_hand(slope, 0.004, math.inf, 0.0, 49), rel=1e-6)


def test_arrival_and_changes_of_sign():
    path = torch.tensor([5.0, 0.1, -3.0, 0.2, 0.1])
    assert arrival(path, 0.2) == 3 and arrival(path, 0.1) == 4
    assert arrival(path, 0.05) == math.inf and arrival(path, 9) == 0
    assert arrival(torch.tensor([1.0, math.nan]), 5) == math.inf
    assert turns(path) == 2 and turns(torch.tensor([(-1.0) ** n for n in range(200)])) == 100


def test_the_numbers_of_the_document_are_those_of_plain_python():
    cases = by_name(order.cases(order.document))
    said = {name: numbers(case.number) for name, case in cases.items()}
    same = [stays(by_hand(bowl, 0.1, eps, beta), 1e-3) for eps, beta in ((math.inf, 0), (1.0, 0.9))]
    assert said["faster than descent at the same rate: ½w²"] == same
    rates = (0.002, 0.003, 0.004, 0.0045, 0.0049)
    slow = min(stays(by_hand(quartic, lr, math.inf, 0.0), 0.2) for lr in rates)
    fast = stays(by_hand(quartic, 0.2, 4.0, 0.9), 0.2)
    assert said["faster than descent, each at a rate that suits it: x⁴"] == [slow, fast]
    back = math.ceil(math.log(0.1 * 1001) / math.log(1 / 0.9))
    assert said["calmer after a spike of -1000"] == [-1000, back, 0][1:]
    path = by_hand(bowl, 0.5, 1.0, 0.9, 100)
    count = int((path[1:] * path[:-1] < 0).sum())
    assert said["no oscillation where descent has none: ½w²"] == [100, 0, count]
    assert said["β limits v"][-3:] == [0.5, 0.5, 0.5]
    other = by_name(order.cases(order.document | {"the clipping factor": "ε"}))
    assert numbers(other["ε limits v"].number)[-3:] == [0.5, 1, 2]


@pytest.mark.parametrize(
    "memory, found",
    [
        (lambda v, g, beta, eps: clipped(v, g, beta, 1.04 * eps), "✗✓✓✗|✗✗"),
        (lambda v, g, beta, eps: g.clamp(-eps, eps), "✗✓✓✓|✗✗"),
        (lambda v, g, beta, eps: beta * v + g.clamp(-eps, eps), "✗✓✓✗|✓✗"),
        (lambda v, g, beta, eps: 0 * v + eps / 3, "✗✗✓✗|✗✗"),
    ],
)
def test_another_memory_gets_other_marks(memory, found):
    assert marks(examine(order.document | {"memory": memory})) == found


@pytest.mark.parametrize(
    "part, where, mark",
    [
        ("faster", "same", "✗"),
        ("faster", "larger", "✓"),
        ("calm", "spike", "✓"),
        ("calm", "bowl", "✗"),
    ],
)
def test_only_the_conditions_that_are_named_are_tried(part, where, mark):
    says = order.document | {"faster": (), "calm": ()} | {part: (where,)}
    assert marks(examine(says)) == f"{mark}|✗✓"
