"""The check of clipping before momentum against NumPy and plain Python."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.momentum_clipping import bowl, examine, follow, order, torch_path


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


def bowl_by_hand(limit: float) -> int:
    w, v = 10.0, 0.0
    for n in range(1, 2001):
        v = 0.9 * v + 0.1 * max(-limit, min(limit, w))
        w -= 0.1 * v
        if max(abs(w), abs(v)) < 1e-3:
            return n
    raise AssertionError


def test_the_bowl_is_the_recursion_from_10():
    assert bowl(clipped) == bowl_by_hand(1.0)
    assert bowl(lambda v, g, beta, eps: clipped(v, g, beta, math.inf)) == bowl_by_hand(math.inf)
    assert bowl(lambda v, g, beta, eps: 0 * v) == math.inf
    assert bowl(lambda v, g, beta, eps: 10 * g) == 2, "w is there at once, v later"


@pytest.mark.parametrize("wait, steps", [(1998, 2000), (1999, math.inf)])
def test_a_bowl_that_needs_more_than_2000_steps_is_never_left(wait, steps):
    calls = iter(range(3000))

    def late(v, g, beta, eps):
        return 10 * g if next(calls) == wait else 0 * v

    assert bowl(late) == steps


def test_a_statement_is_tried_on_these_gradients():
    calls = []

    def spy(v, g, beta, eps):
        calls.append((g, beta, eps))
        return clipped(v, g, beta, eps)

    examine(spy)
    streams = {}
    for g, beta, eps in calls:
        streams.setdefault((g.numel(), beta, eps), []).append(g)
    seen = {key: torch.cat([g.reshape(-1) for g in gs]) for key, gs in streams.items()}
    assert torch.equal(seen[4, 0.9, 0.5], wild().reshape(-1).repeat(2))
    for beta in (0.5, 0.99):
        assert torch.equal(seen[1, beta, 0.5], torch.full((3000,), 1000.0).double())
    at_one = seen[1, 0.9, 1.0].tolist()
    assert at_one[:300] == 150 * [1.0] + [-1000.0] + 149 * [1.0]
    assert at_one[300:1300] == 200 * [-1.0, -1.0, -1.0, -1.0, 10.0]
    assert len(at_one) == 1300 + bowl_by_hand(1.0) and at_one[1300] == 10


def test_the_numbers_follow_from_formulas():
    cases = by_name(order.cases(order.document))
    said = {name: numbers(case.number) for name, case in cases.items()}
    assert said["β is the clipping factor"][-3:] == [0.5, 0.5, 0.5]
    mean = (4 * -1 + 1) / 5  # each of the votes counts by its sign
    sign = "bounded, and the mean keeps its sign"
    assert said[sign] == [1.2, pytest.approx(mean, abs=0.006)]
    steps = [bowl_by_hand(math.inf), bowl_by_hand(1.0)]
    assert said["faster at the same α"] == steps
    planted = by_name(order.cases(order.planted))
    back = math.ceil(math.log(0.1 * 1001) / math.log(1 / 0.9))
    assert numbers(planted["a spike of -1000 turns no step"].number) == [back]


@pytest.mark.parametrize(
    "memory, found",
    [
        (lambda v, g, beta, eps: clipped(v, g, beta, 1.04 * eps), "✗✓✓✗✗✗"),
        (lambda v, g, beta, eps: g.clamp(-1.04 * eps, 1.04 * eps), "✗✗✗✗✗✓"),
        (lambda v, g, beta, eps: g.clamp(-eps, eps), "✗✓✗✗✗✓"),
        (lambda v, g, beta, eps: clipped(v, g, beta, beta), "✗✗✓✓✗✗"),
        (lambda v, g, beta, eps: beta * v + g.clamp(-eps, eps), "✗✗✓✓✗✗"),
        (lambda v, g, beta, eps: 0 * v + eps / 2, "✗✓✓✗✓✗"),
    ],
)
def test_another_memory_gets_other_marks(memory, found):
    assert marks(examine(memory)) == found
