"""The check of the optimisers against a plain training loop with a DataLoader."""

import pytest
import torch
from ledger_cases import marks, numbers
from torch import nn

from course.data.loading import load_data
from course.lessons.checks.adaptive import optimisers
from course.nn.network import MLP


def pass_by_torch(name: str, lr: float, seed: int) -> tuple[float, float]:
    """First loss and the mean of the last five of one epoch, batches of 32 by a DataLoader."""
    data, module = load_data("digits", seed), MLP([64, 32, 10], seed=seed).to_module()
    order = torch.randperm(len(data.y_train), generator=torch.Generator().manual_seed(seed))
    rows = torch.utils.data.TensorDataset(data.x_train, data.y_train)
    loader = torch.utils.data.DataLoader(rows, batch_size=32, sampler=order.tolist())
    optimizer, losses = getattr(torch.optim, name)(module.parameters(), lr), []
    for x, y in loader:
        module.zero_grad()
        loss = nn.CrossEntropyLoss()(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], sum(losses[-5:]) / 5


@pytest.mark.parametrize("name, lr", [("SGD", 0.3), ("Adam", 0.01)])
def test_an_optimisers_numbers_are_those_of_a_plain_training_loop(name, lr):
    assert optimisers.document[name] == lr
    (case,) = optimisers.cases({name: lr})
    expected = [number for seed in range(2) for number in pass_by_torch(name, lr, seed)]
    assert case.name == name and case.holds
    assert numbers(case.number) == pytest.approx(expected, abs=0.011)


def test_the_falsehood_computes_the_gradients_and_never_applies_them():
    for case in optimisers.cases(optimisers.planted):
        start = torch.log(torch.tensor(10.0)).item()  # of ten classes, before any step
        assert numbers(case.number) == pytest.approx(4 * [start], abs=0.2) and not case.holds


def test_an_optimiser_that_climbs_or_creeps_does_not_train():
    assert marks(optimisers.cases({"SGD": 1e-3, "Adam": 1e-5})) == "✗✗"
