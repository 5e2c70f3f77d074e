"""The check of clipping against plain Python, NumPy and PyTorch's own clipping."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.clipping import (
    algorithm,
    by_value,
    examine,
    lowers,
    needed,
    ride,
    turns,
)
from course.optim.chain import chain
from course.optim.first_order import Descend


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


@pytest.mark.parametrize(
    "slope, power, start, lr, eps",
    [(lambda w: w, 1, 10.3, 2.5, 1.0), (lambda w: w, 1, 3.0, 0.5, math.inf),
     (lambda w: 4 * w**3, 3, 10.0, 0.0049, 4.0)],
)  # fmt: skip
def test_a_ride_is_the_recursion(slope, power, start, lr, eps):
    w, path = start, [start]
    for _ in range(30):
        g = (4 if power == 3 else 1) * w**power
        w -= lr * max(-eps, min(eps, g))
        path.append(w)
    found = ride(by_value_clip, slope, start, lr, eps)
    assert found.tolist() == pytest.approx(path, rel=1e-9)


def test_changes_of_sign():
    assert turns(torch.tensor([1.0, -1, -2, 3, 0, -1])) == 2
    assert turns(torch.tensor([3.0, 2, 1])) == 0


SAYS = by_value.document


def test_the_numbers_of_the_document_are_those_of_numpy():
    cases = by_name(by_value.cases(SAYS))
    said = {name: numbers(case.number) for name, case in cases.items()}
    assert said["it is PyTorch's clip_grad_value_"] == [0]
    assert said["no entry above ε = 0.5"] == [0.5]
    plain = max(steps_of(start, 0.0034, math.inf) for start in range(8, 13))
    same = max(steps_of(start, 0.0034, 4.0) for start in range(8, 13))
    assert said["faster at the same rate: x⁴"] == [plain, same]
    larger = max(steps_of(start, 0.35, 4.0) for start in range(8, 13))
    assert said["faster at a larger rate: x⁴"] == [plain, larger]


def flips(start: float, slope, lr: float, eps: float) -> int:
    """Changes of sign in 30 steps, in plain Python."""
    w, count = start, 0
    for _ in range(30):
        before, w = w, w - lr * max(-eps, min(eps, slope(w)))
        count += w * before < 0
    return count


def test_the_changes_of_sign_are_those_of_plain_python():
    cases = by_name(by_value.cases(SAYS))
    for name, start, slope, lr, eps in [
        ("no oscillation: x⁴ from 10, α = 0.0049", 10.0, lambda w: 4 * w**3, 0.0049, 4.0),
        ("no oscillation: ½w² from 10.3, α = 2.5", 10.3, lambda w: w, 2.5, 1.0),
    ]:
        expected = [flips(start, slope, lr, math.inf), flips(start, slope, lr, eps), 30]
        assert numbers(cases[name].number) == expected


@pytest.mark.parametrize(
    "clip, found",
    [
        (by_norm_clip, "✓✓✗✗✓|✗"),  # of one number, by norm is by value
        (lambda g, eps: g.clamp(max=eps), "✗✓✗✗✓|✗"),
        (lambda g, eps: g.clamp(-1.04 * eps, 1.04 * eps), "✗✓✗✗✓|✗"),
        (lambda g, eps: g / 3, "✗✓✓✗✗|✗"),
        (lambda g, eps: eps * g.sign(), "✓✓✗✓✗|✗"),
    ],
)
def test_another_clipping_gets_other_marks(clip, found):
    assert marks(examine(SAYS | {"clip": clip})) == found


@pytest.mark.parametrize(
    "part, where, mark",
    [
        ("calm", "far", "✓"),
        ("calm", "near", "✗"),
        ("faster", "same", "✗"),
        ("faster", "larger", "✓"),
    ],
)
def test_only_the_conditions_that_are_named_are_tried(part, where, mark):
    says = {"clip": by_value_clip, "calm": (), "faster": ()} | {part: (where,)}
    assert marks(examine(says)) == f"✓{mark}|✓"


# ---- D4-3.5b ----------------------------------------------------------------------------------


def test_a_rule_that_lowers_the_loss_is_found_by_its_last_loss():
    case = lowers(chain(Descend(0.1)))
    last = 4.5 * 0.9**200
    assert case.holds and numbers(case.number) == [4.5, pytest.approx(last, abs=0.006)]
    assert not lowers(chain(Descend(0.01))).holds and not lowers(chain(Descend(0.0))).holds


def test_clipping_with_descent_is_the_recursion():
    with_descent, by_itself = algorithm.cases(algorithm.document)
    w = np.array([2.0, -1.0, 2.0])
    for _ in range(100):
        w = w - 0.1 * np.clip(w, -0.5, 0.5)
    assert numbers(with_descent.number) == [4.5, pytest.approx(w @ w / 2, abs=0.006)]
    assert numbers(by_itself.number) == [4.5, 4.5]
    assert marks([with_descent, by_itself]) == "✓✗"
