"""The check of clipping against plain Python, NumPy and PyTorch's own clipping."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.clipping import bounce, by_value, examine, needed


def none(g, eps):
    return g


def by_value_clip(g, eps):
    return torch.clamp(g, min=-eps, max=eps)


def by_norm_clip(g, eps):
    return g * min(1.0, eps / float(g.norm()))


def steps_of(start: float, lr: float, eps: float) -> float:
    """Steps on x⁴ from one start to within 0.2, clipped by value."""
    x = start
    for n in range(1, 2001):
        x -= lr * max(-eps, min(eps, 4 * x * x * x))
        if abs(x) <= 0.2:
            return n
    return math.inf


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.floats(0.02, 0.45), st.floats(2, 6))
def test_the_steps_are_those_of_the_slowest_start(lr, eps):
    expected = max(steps_of(start, lr, eps) for start in (8.0, 9.0, 10.0, 11.0, 12.0))
    assert needed(by_value_clip, lr, eps) == expected


def test_each_start_is_clipped_alone():
    assert needed(by_norm_clip, 0.1, 4.0) == needed(by_value_clip, 0.1, 4.0)


@pytest.mark.parametrize("pace, steps", [(11.8 / 1999.5, 2000), (11.8 / 2000.5, math.inf)])
def test_more_than_2000_steps_count_as_none(pace, steps):
    assert needed(lambda g, eps: eps * g.sign(), pace, 1.0) == steps


def test_a_descent_that_flies_away_never_arrives():
    assert needed(none, 0.35, 4.0) == math.inf


@pytest.mark.parametrize("limit", [1.0, math.inf])
def test_the_bounce_is_the_recursion_from_10_3(limit):
    w, path = 10.3, []
    for _ in range(100):
        w -= 2.5 * max(-limit, min(limit, w))
        path.append(w)
    clip = by_value_clip if limit == 1 else none
    assert bounce(clip).tolist() == pytest.approx(path, rel=1e-9)


def test_the_numbers_of_the_document_are_those_of_numpy():
    g = torch.randn(100, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
    clipped = np.clip(g, -0.5, 0.5)
    lengths = np.linalg.norm(g, axis=1) * np.linalg.norm(clipped, axis=1)
    turned = np.degrees(np.arccos((g * clipped).sum(1) / lengths)).max()
    cases = by_name(by_value.cases(by_value.document))
    said = {name: numbers(case.number) for name, case in cases.items()}
    assert said["equals clip_grad_value_"] == [0]
    assert said["entries of at most ε = 0.5"] == [0.5]
    assert said["bounded, and in the old direction"] == [100, pytest.approx(turned, abs=0.51)]
    plain = max(steps_of(start, 0.0034, math.inf) for start in range(8, 13))
    same = max(steps_of(start, 0.0034, 4.0) for start in range(8, 13))
    assert said["x⁴, faster at the same rate"] == [plain, same]
    larger = max(steps_of(start, 0.35, 4.0) for start in range(8, 13))
    assert said["x⁴, faster at a larger rate"] == [plain, larger]
    last = [float(w) for w in bounce(by_value_clip)[-2:]]
    assert said["calm at a rate above 2/λ"] == pytest.approx([2.5, *last], abs=0.006)


@pytest.mark.parametrize("end, mark", [(0.095, "✓"), (-0.095, "✓"), (0.105, "✗"), (-0.105, "✗")])
def test_calm_is_within_a_tenth_of_the_bottom(end, mark):
    cases = by_name(examine(lambda g, eps: (g - end) / 2.5))
    assert marks([cases["calm at a rate above 2/λ"]]) == mark


def test_calm_is_every_one_of_the_last_steps():
    def to_and_fro(g, eps):
        return (g - (1.0 if float(g[0].abs()) < 0.5 else 0.05)) / 2.5

    cases = by_name(examine(to_and_fro))
    assert marks([cases["calm at a rate above 2/λ"]]) == "✗"


def test_a_longest_entry_of_just_the_limit_is_within_it():
    def by_largest(g, eps):
        return eps * (g / g.abs().max()) if g.abs().max() > eps else g

    assert marks(examine(by_largest))[:3] == "✗✓✓"


def test_a_statement_is_tried_on_these_gradients():
    calls = []

    def spy(g, eps):
        calls.append((g.tolist(), eps))
        return by_value_clip(g, eps)

    examine(spy)
    noise = torch.Generator().manual_seed(0)
    random = torch.randn(100, 5, dtype=torch.float64, generator=noise).tolist()
    assert calls[:100] == [(g, 0.5) for g in random]
    assert [eps for _, eps in calls[100:200]] == 100 * [1.0] and calls[100][0] == [10.3]
    starts = [([4.0 * x**3], 4.0) for x in (8, 9, 10, 11, 12)]
    assert calls[200:205] == starts
    steps = sum(max(steps_of(x, lr, 4.0) for x in range(8, 13)) for lr in (0.0034, 0.35))
    assert len(calls) == 200 + 5 * steps


@pytest.mark.parametrize(
    "clip, found",
    [
        (by_norm_clip, "✗✓✓✗✗✓"),  # of one number, by norm is by value
        (lambda g, eps: g.clamp(max=eps), "✗✗✗✗✗✓"),
        (lambda g, eps: g.clamp(-1.04 * eps, 1.04 * eps), "✗✗✗✗✗✓"),
        (lambda g, eps: g / 3, "✗✗✗✓✗✗"),
        (lambda g, eps: eps * g / 9, "✗✓✓✓✗✗"),
        (lambda g, eps: g.clamp(-eps, eps) * 0.1, "✗✓✗✓✗✓"),
    ],
)
def test_another_clipping_gets_other_marks(clip, found):
    assert marks(examine(clip)) == found
