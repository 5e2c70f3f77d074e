"""Training by named steps, and the check of the six, against `torch.optim.SGD` and `torch.nn`."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course.data.loading import load_data
from course.lessons.checks.start_here import examine, six_steps
from course.lessons.checks.steps import STEPS, Loop, by_torch, learns, rows_of, train
from course.nn.network import MLP


def by_loader(name: str, seed: int, late: bool = False) -> tuple[torch.Tensor, list[float]]:
    """Weights after 40 steps over a DataLoader, and the loss of all rows before and after.

    late: each step takes the gradient of the step before, the first one 0.
    """
    data = load_data(name, seed)
    module = MLP([data.features, 32, data.outputs], seed=seed).to_module()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    endless = TensorDataset(data.x_train.repeat(9, 1), data.y_train.repeat(9))
    whole = [F.cross_entropy(module(data.x_train), data.y_train).item()]
    waiting = [torch.zeros_like(p) for p in module.parameters()]
    for n, (x, y) in enumerate(DataLoader(endless, batch_size=64)):
        if n == 40:
            break
        grads = list(torch.autograd.grad(F.cross_entropy(module(x), y), list(module.parameters())))
        grads, waiting = (waiting, grads) if late else (grads, waiting)
        for p, g in zip(module.parameters(), grads, strict=True):
            p.grad = g
        optimizer.step()
    whole.append(F.cross_entropy(module(data.x_train), data.y_train).item())
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()]), whole


@pytest.mark.parametrize("name, seed", [("digits", 0), ("digits", 1), ("moons", 0)])
def test_the_steps_in_order_are_gradient_descent(name, seed):
    loop = train(STEPS, STEPS[1:], name, seed)
    weights, whole = by_loader(name, seed)
    torch.testing.assert_close(loop.theta(), weights, rtol=1e-4, atol=1e-5)
    holds, words = learns(loop, name, seed)
    assert holds == (whole[1] < whole[0] / 2)
    assert numbers(words) == pytest.approx(whole, abs=1e-3)
    assert by_torch(loop, name, seed)


def test_an_update_before_the_backward_pass_takes_the_gradient_of_the_repetition_before():
    order = ("initialise", "forward", "loss", "update", "backward")
    loop = train(order, order[1:], "digits", 1)
    weights, _ = by_loader("digits", 1, late=True)
    torch.testing.assert_close(loop.theta(), weights, rtol=1e-4, atol=1e-5)
    assert not by_torch(loop, "digits", 1)


def test_each_step_needs_what_the_steps_before_it_leave():
    loop = Loop("moons", 0)
    assert not loop.theta().any() and loop.outputs is None
    loop.loss()
    loop.backward()
    loop.update()
    assert loop.value is None and not loop.theta().any()
    loop.initialise()
    loop.forward()
    loop.loss()
    assert loop.outputs is None and loop.value is not None
    loop.backward()
    gradient = [g.clone() for g in loop.gradient]
    loop.backward()  # without another loss nothing changes
    assert all(map(torch.equal, gradient, loop.gradient)) and loop.value is None


def test_rows_come_in_batches_and_begin_again():
    data = load_data("digits")
    rows = torch.cat([rows_of(data, n) for n in range(23)])
    assert torch.equal(rows[:1438], torch.arange(1438))
    assert torch.equal(rows[1438:], torch.arange(23 * 64 - 1438))


def test_only_the_given_repetitions_run(monkeypatch):
    calls = []
    monkeypatch.setattr(Loop, "forward", lambda self: calls.append("forward"))
    monkeypatch.setattr(Loop, "update", lambda self: calls.append("update"))
    train(("initialise", "forward"), ("forward", "update"), "moons", 0, times=3)
    assert calls == ["forward", *2 * ["forward", "update"]]


def test_each_seed_is_a_case_with_its_losses():
    cases = by_name(examine(six_steps.document))
    assert len(cases) == 4
    for seed in range(3):
        expected = by_loader("digits", seed)[1]
        assert numbers(cases[f"the loss falls, seed {seed}"].number) == pytest.approx(
            expected, abs=2e-3
        )


@pytest.mark.parametrize("last, holds", [(4.9, True), (5.0, False), (10.0, False)])
def test_a_loss_that_falls_by_less_than_half_has_not_learned(last, holds, monkeypatch):
    losses = iter([10.0, last])
    monkeypatch.setattr(Loop, "whole_loss", lambda self: next(losses))
    found, words = learns(Loop("moons", 0), "moons", 0)
    assert found == holds and numbers(words) == [10, last]


def test_the_falsehood_never_looks_back():
    assert marks(examine(six_steps.planted)) == "✗✗✗✗"
