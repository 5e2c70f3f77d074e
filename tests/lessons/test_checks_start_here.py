"""The check of the six steps against `torch.optim.SGD` on the same network in `torch.nn`."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch.nn import functional as F

from course.data.loading import load_data
from course.lessons.checks import start_here
from course.lessons.checks.start_here import SIX, examine, train
from course.nn.network import MLP


def torch_losses(seed: int, late: bool) -> list[float]:
    """Losses of 20 steps; late: with the gradient of the step before, the first one with 0."""
    data, module = load_data("digits", seed), MLP([64, 64, 10], seed=seed).to_module()
    optimizer, losses = torch.optim.SGD(module.parameters(), lr=0.3), []
    waiting = [torch.zeros_like(p) for p in module.parameters()]
    for _ in range(20):
        loss = F.cross_entropy(module(data.x_train[:128]), data.y_train[:128])
        losses.append(loss.item())
        grads = list(torch.autograd.grad(loss, list(module.parameters())))
        grads, waiting = (waiting, grads) if late else (grads, waiting)
        for p, g in zip(module.parameters(), grads, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return losses


@pytest.mark.parametrize("seed", range(3))
def test_the_six_steps_are_gradient_descent(seed):
    losses = torch_losses(seed, late=False)
    assert train(SIX, seed) == pytest.approx((losses[0], losses[-1]), rel=1e-4)


def test_an_update_before_the_backward_pass_has_the_gradient_of_the_repetition_before():
    losses = torch_losses(1, late=True)
    found = train(("loss", "update", "backward"), 1)
    assert found == pytest.approx((losses[0], losses[-1]), rel=1e-4)


def test_each_seed_is_a_case_with_its_losses():
    cases = by_name(examine(SIX))
    assert list(cases) == [f"digits, seed {seed}" for seed in range(3)]
    for seed, case in enumerate(cases.values()):
        losses = torch_losses(seed, late=False)
        assert numbers(case.number) == pytest.approx([losses[0], losses[-1], 20], abs=2e-3)


@pytest.mark.parametrize("last, mark", [(7.9, "✓"), (8.0, "✗"), (8.1, "✗"), (10.0, "✗")])
def test_a_loss_that_falls_by_less_than_a_fifth_has_not_learned(last, mark, monkeypatch):
    monkeypatch.setattr(start_here, "train", lambda order, seed: (10.0, last))
    assert marks(examine(SIX)) == 3 * mark


@pytest.mark.parametrize("step", ["backward", "update"])
def test_without_this_step_the_loss_stays(step):
    first, last = train(tuple(s for s in SIX if s != step), 0)
    assert first == last
