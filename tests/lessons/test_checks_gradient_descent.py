"""The checks of gradient descent against `torch.optim`, autograd and closed forms."""

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn
from torch.nn import functional as F

from course.data.loading import load_data
from course.lessons.checks.gradient_descent import (
    by_backward,
    by_losses,
    core,
    examine_formulas,
    examine_step,
    gradients,
    missing_formulas,
    network_case,
    network_norms,
    price,
    shrinking,
    step,
    torch_path,
)
from course.lessons.checks.steps import STEPS, train
from course.nn.network import MLP
from course.optim.chain import chain
from course.optim.first_order import Descend, HeavyBall, Momentum

GIVEN = missing_formulas.planted


def test_the_random_gradients_and_torchs_path_over_them():
    g = gradients()
    assert g.shape == (50, 4) and g.std().item() == pytest.approx(1, abs=0.15)
    assert torch.allclose(torch_path(lr=0.1), -0.1 * g.cumsum(0), rtol=1e-12)
    w, v, path = torch.zeros(4).double(), torch.zeros(4).double(), []
    for row in g:
        v = 0.9 * v + row
        w = w - 0.01 * v
        path.append(w)
    assert torch.allclose(torch_path(lr=0.01, momentum=0.9), torch.stack(path), rtol=1e-12)


@pytest.mark.parametrize(
    "name, rule, found",
    [
        ("gradient descent", lambda: chain(Descend(0.1001)), "✗✓"),
        ("gradient descent", lambda: chain(Descend(0.0)), "✗✓"),
        ("momentum", lambda: chain(HeavyBall(0.9), Descend(0.1)), "✓✗"),
        ("momentum", lambda: chain(HeavyBall(0.9), Descend(0.01)), "✓✓"),
        ("momentum", lambda: chain(Momentum(0.8), Descend(0.1)), "✓✗"),
        ("momentum", lambda: chain(Descend(0.1)), "✓✗"),
    ],
)
def test_a_rule_that_is_another_is_found(name, rule, found):
    assert marks(examine_formulas(GIVEN | {name: rule})) == found


# ---- D3-3.1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("P", [3, 7])
def test_losses_alone_give_a_gradient_by_one_loss_a_weight_and_one_more(P):
    asked = []

    def loss(theta):
        asked.append(theta.detach().clone())
        return (theta**2).sum()

    by_losses(loss, torch.ones(P))
    assert len(asked) == P + 1 and torch.equal(asked[0], torch.ones(P))
    moves = torch.stack(asked[1:]) - 1
    assert torch.allclose(moves, 1e-4 * torch.eye(P), atol=1e-6)


def test_the_price_is_counted_in_losses():
    times, weights = price(by_losses)
    assert weights == 64 * 8 + 8 * 10 and times == weights + 1
    times, _ = price(by_backward)
    # forward 2, for W its gradient 1, for V its gradient and that of its input 2, by size
    first, second = 64 * 8, 8 * 10
    assert times == pytest.approx((2 * first + 3 * second) / (first + second))


SAYS = core.document


@pytest.mark.parametrize(
    "changed, found",
    [
        ({}, "✓✓✗|✗"), ({"gradient": by_backward}, "✓✓✓|✗"), ({"loss": "mse"}, "✓✓✗|✓"),
        ({"steps": ("forward", "loss", "backward", "update")}, "✗✗✗|✗"),
        ({"steps": ("initialise", "forward", "loss", "update", "backward")}, "✗✗✗|✗"),
    ],
)  # fmt: skip
def test_other_steps_get_other_marks(changed, found):
    assert marks(core.cases(SAYS | changed)) == found


def test_the_core_steps_are_gradient_descent():
    for name in ("digits", "moons"):
        loop = train(STEPS, STEPS[1:], name, 0, times=80)
        case = by_name(core.cases(SAYS))[f"these steps train: {name}"]
        assert numbers(case.number)[1] == pytest.approx(loop.whole_loss(), abs=2e-3)


# ---- D4-3.1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "update, found",
    [
        (lambda w, g, lr: w - lr * g, "✓✓✓"),
        (lambda w, g, lr: w - 2 * lr * g, "✗✗✗"),
        (lambda w, g, lr: w - 0.1 * g, "✓✗✗"),
        (lambda w, g, lr: w - 0.15 * g, "✗✓✗"),
        (lambda w, g, lr: w - 0.3 * g, "✗✗✓"),
        (lambda w, g, lr: w - lr * g.sign(), "✗✗✗"),
        (lambda w, g, lr: w, "✗✗✗"),
    ],
)
def test_another_update_gets_other_marks(update, found):
    assert marks(examine_step(update)) == found


def test_an_update_that_climbs_a_bowl_is_off_by_what_the_powers_say():
    cases = by_name(step.cases(step.planted))
    curvature = np.array([1.0, 10.0])
    off = np.abs((1 + 0.15 * curvature) ** 30 - (1 - 0.15 * curvature) ** 30).max()
    said = cases["on a bowl, (1 - αλ)ᵗ after 30 steps"].number
    assert numbers(said)[-1] == pytest.approx(off, rel=0.1)
    said = cases["torch.optim.SGD, 50 steps"].number
    off = float(2 * 0.1 * gradients().cumsum(0).abs().max())
    assert numbers(said)[-1] == pytest.approx(off, rel=0.05)


@pytest.mark.parametrize("at", [0, 64 * 16 + 16 * 10 + 25], ids=["first", "last"])
def test_one_wrong_weight_of_a_network_is_found(at):
    lengths = []

    def update(w, g, lr):
        lengths.append((len(w), len(g), lr))
        w = w - lr * g
        w[at] += 0.5 * (len(lengths) == 10)
        return w

    case = network_case(update)
    assert lengths == 10 * [(64 * 16 + 16 + 16 * 10 + 10, 1210, 0.3)]
    assert not case.holds and numbers(case.number) == [0.5]


@pytest.mark.parametrize("hidden, until", [((), 1.42), ((8, 6), 2.2)])
def test_the_gradients_lengths_are_autograds_until_the_loss_is_reached(hidden, until):
    data = load_data("digits", 1)
    module = MLP([64, *hidden, 10], seed=1, init="torch").to_module()
    optimizer, norms, loss = torch.optim.SGD(module.parameters(), lr=0.2), [], np.inf
    while loss >= until and len(norms) < 200:
        optimizer.zero_grad()
        value = F.cross_entropy(module(data.x_train), data.y_train)
        value.backward()
        norms.append(float(nn.utils.clip_grad_norm_(module.parameters(), torch.inf)))
        optimizer.step()
        loss = value.item()
    found = network_norms(1, hidden, 0.2, until)
    assert 5 < len(norms) and found == pytest.approx(np.array(norms), rel=1e-2)


def test_lengths_end_after_200_steps():
    assert len(network_norms(0, (), 1e-6, 0.0)) == 200


def test_the_lengths_on_a_bowl_are_powers():
    seen = []
    shrinking.examine(lambda norms: seen.append(norms) or True)
    for norms, lr in zip(seen[:2] + seen[-1:], (0.05, 0.15, 0.25), strict=True):
        w, lengths = 1.0, []
        for _ in range(30):
            lengths.append(abs(10 * w))
            w -= lr * 10 * w
        assert norms == pytest.approx(np.array(lengths), rel=1e-9)
    assert len(seen) == 6
    for seed, norms in enumerate(seen[3:5]):
        assert norms == pytest.approx(network_norms(seed, (32, 32), 0.1, 1.42), rel=1e-4)


@pytest.mark.parametrize("trend", [lambda n: n[-1] < n[0], lambda n: (np.diff(n) < 0).any()])
def test_a_trend_that_looks_at_less_sees_less(trend):
    found = marks(shrinking.cases(trend))
    assert found[:3] == "✓✓✓" and found[-1] == "✗"


def test_what_the_two_trends_say_of_made_up_lengths():
    for norms, falls, level in [
        ([3, 2, 1], True, False), ([3, 2, 2], False, False), ([2, 3, 1], False, False),
        ([2, 2.01, 1.99], False, True), ([2, 2, 2.1], False, False),
        ([2, 2.015, 2.03], False, False), ([2, 2.021, 2], False, False),
    ]:  # fmt: skip
        lengths = np.array(norms, dtype=float)
        assert bool(shrinking.document(lengths)) is falls
        assert bool(shrinking.planted(lengths)) is level
