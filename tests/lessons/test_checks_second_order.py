"""The check of a step by the Hessian against NumPy, plain Python and autograd."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.second_order import (
    CONDITIONS,
    FAR,
    arrival,
    bowl,
    descend,
    examine,
    farthest,
    flattening,
    newton,
    of,
    plain,
    printed,
    turns,
)
from course.lessons.surfaces import Saddle


def test_the_printed_step_is_numpys():
    H = np.array([[2.0, 1.0], [1.0, -3.0]])
    g = np.array([0.5, -1.0])
    found = printed(torch.from_numpy(g), torch.from_numpy(H), 0.3, 0.7)
    assert found.numpy() == pytest.approx(-0.3 * np.linalg.solve(H + 0.7 * np.eye(2), g))


@pytest.mark.parametrize(
    ("derivatives", "loss"),
    [(flattening, lambda x: torch.sqrt(1 + x**2)), (bowl, lambda x: (x - 1) ** 2 / 2)],
)
def test_the_derivatives_are_autograds(derivatives, loss):
    for value in (-3.0, 0.2, 40.0):
        x = torch.tensor(value, dtype=torch.float64)
        slope, bend = derivatives(x[None])
        assert float(slope) == pytest.approx(float(torch.func.grad(loss)(x)))
        assert float(bend) == pytest.approx(float(torch.func.hessian(loss)(x)), rel=1e-6)


def by_hand(step, x: float, n: int) -> list[float]:
    path = [x]
    for _ in range(n):
        path.append(path[-1] + step(path[-1]))
    return path


def test_a_path_is_the_recursion_and_ends_where_it_is_far():
    path = descend(plain, flattening, (2.0,), 0.5)
    expected = by_hand(lambda x: -0.5 * x / math.sqrt(1 + x * x), 2.0, 1000)
    assert path[:, 0].tolist() == pytest.approx(expected)
    newtons = descend(printed, flattening, (2.0,), 1.0, damping=0.0)[:, 0]
    assert newtons[:3].tolist() == pytest.approx([2, -8, 512])
    assert abs(float(newtons[-1])) >= FAR > abs(float(newtons[-2]))


def test_arrival_distance_and_changes_of_side():
    path = torch.tensor([[4.0, 0.0], [0.0, -2.0], [0.0, 1.0], [0.0, 0.0]]).double()
    assert arrival(path, [(0.0, 0.0)]) == 3 and arrival(path, [(0.0, 1.0), (9.0, 0.0)]) == 2
    assert arrival(path, [(7.0, 7.0)]) == math.inf
    assert farthest(path) == 1 and farthest(2 * path - path[:1]) == pytest.approx(math.sqrt(2))
    assert turns(path) == 1


def test_the_numbers_of_the_document_are_those_of_plain_python():
    said = {n: numbers(c.number) for n, c in by_name(newton.cases(newton.document)).items()}
    keep = 99 / 101  # of both directions, at the best rate
    slow = math.ceil(math.log(1e-6) / math.log(keep))
    flat, steep = 1e-3 / 1.001, 1e-3 / 100.001  # what a step with λ = 0.001 leaves
    quick = next(n for n in range(9) if math.hypot(flat**n, steep**n) <= 1e-6 * math.sqrt(2))
    assert said["faster: curvatures 1 and 100, against descent at its best rate"] == [slow, quick]
    name = "faster: from near a saddle to a minimum, λ = 0.001"
    assert by_name(newton.cases(newton.document))[name].number.endswith(", this never")
    x, y, steps = 1.2, 0.02, 0
    while math.hypot(x, 1 - y) > 1e-6 * math.hypot(1.2, 0.98):
        x, y, steps = x - 0.2 * x, y - 0.2 * (y**3 - y), steps + 1
    assert said[name][0] == steps

    def step(x):
        root = math.sqrt(1 + x * x)
        return -(x / root) / (root**-3 + 1e-3)

    far = max(map(abs, by_hand(step, 2.0, 1000))) / 2
    assert said["calmer: √(1 + x²) from 2, α = 1"][-2:] == pytest.approx([1, far], rel=0.01)


def test_without_enough_damping_the_saddle_attracts_it_and_with_enough_it_does_not():
    for damping in (0.0, 1e-3, 0.4):
        end = descend(printed, of(Saddle()), Saddle.start, 1.0, damping)[-1]
        assert end.tolist() == pytest.approx([0, 0], abs=1e-6)
    end = descend(printed, of(Saddle()), Saddle.start, 1.0, 1.5)[-1]
    assert end.tolist() == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (lambda g, H, lr, damping: printed(g, H, lr, max(damping, 1.5)), "✓✓✓✓|✗✗"),
        (lambda g, H, lr, damping: printed(g, H, lr, 0.0), "✓✗✓✗|✗✗"),
        (lambda g, H, lr, damping: -lr * (H @ g + damping * g), "✗✗✗✓|✗✗"),
        (plain, "✗✗✗✓|✗✗"),
        (lambda g, H, lr, damping: printed(g, H, lr, damping) * 1.001, "✓✗✓✗|✗✗"),
    ],
)
def test_another_step_gets_other_marks(step, found):
    assert marks(examine({"step": step, **CONDITIONS})) == found


@pytest.mark.parametrize(
    ("part", "where", "mark"),
    [("faster", "ravine", "✓"), ("faster", "saddle", "✗"), ("calmer", "ravine", "✓"),
     ("calmer", "far", "✗")],
)  # fmt: skip
def test_only_the_conditions_that_are_named_are_tried(part, where, mark):
    says = newton.document | {"faster": (), "calmer": ()} | {part: (where,)}
    assert marks(examine(says)) == f"{mark}|✗✓"


def test_lambda_in_the_loss_moves_the_end_and_in_the_step_it_does_not():
    def with_decay(g, H, lr, damping):
        """On ½(w - 1)² from 0: g = w - 1, so w = g + 1."""
        if len(g) > 1:
            return printed(g, H, lr, damping)
        return printed(g + damping * (g + 1), H, lr, damping)

    case = examine(newton.document | {"step": with_decay})[-2]
    assert case.aside and case.holds and numbers(case.number) == [0.5]
    case = examine(newton.document | {"λ regularises": "the step"})[-2]
    assert case.holds and numbers(case.number) == [1]
