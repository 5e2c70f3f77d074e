"""The checks of chapter 3_13_pruning against PyTorch's own pruning and optimiser."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn
from torch.nn.utils import prune

from course import load_data
from course.lessons.checks.pruning import EIGHT, FIRST, complexity, costs, follow, steps


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (EIGHT, "✓✗✗"),
        ((*EIGHT, "evaluate"), "✓✓✗"),
        ((*EIGHT, "tune"), "✓✗✓"),
        ((*EIGHT, "tune", "evaluate"), "✓✓✓"),
        ((*FIRST, "evaluate", "prune"), "✗✗✓"),
    ],
)
def test_each_step_decides_a_case_of_its_own(said, found):
    assert marks(steps.cases(said)) == found


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (complexity.document, "✓✗✗✓✗✓✓"),
        (complexity.document | {"models": "fewer"}, "✗✗✗✓✗✓✓"),
        ({"models": "more", "lower": ("by unit",)}, "✓✓✓"),
        ({"models": "more", "lower": ("pruned",)}, "✓✓✗"),
        ({"models": "more", "lower": ("optimised",)}, "✓✗✗"),
    ],
)
def test_each_way_to_lower_a_cost_has_cases_of_its_own(says, found):
    assert marks(complexity.cases(says)) == found


def test_pytorch_falls_and_recovers_alike():
    """Its own modules, optimiser and masks, other batches: the same three levels."""
    data = load_data("digits", 0)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                        nn.Linear(64, 10))  # fmt: skip
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)

    def train(n):
        for _ in range(n):
            rows = torch.randint(len(data.y_train), (32,))
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(data.x_train[rows]), data.y_train[rows]).backward()
            optimiser.step()
        return float((net(data.x_test).argmax(1) == data.y_test).float().mean())

    before = train(400)
    for layer in net[::2]:
        prune.l1_unstructured(layer, "weight", 0.9)
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    after, tuned = train(0), train(150)
    ours = follow(EIGHT, 0)[:2] + follow((*EIGHT, "tune"), 0)[1:2]
    assert before > 0.9 and ours[0] > 0.9
    assert after < 0.8 and ours[1] < 0.8
    assert tuned > 0.9 and ours[2] > 0.9


def test_the_counts_are_those_of_the_shapes():
    assert costs("as built") == (64 * 64 * 2 + 640, 2 * (64 * 64 * 2 + 640))
    assert costs("pruned") == ((64 * 64 * 2 + 640) // 2, 2 * (64 * 64 * 2 + 640))
    weights = 64 * 32 + 32 * 32 + 320
    assert costs("by unit") == (weights, 2 * weights)
    case = by_name(complexity.cases(complexity.document))["pruning units leaves fewer FLOPs"]
    assert numbers(case.number) == [17664, 2 * weights]
