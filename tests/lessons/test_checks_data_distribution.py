"""The checks of chapter 3_14_data_parallel on who gets which rows, against PyTorch's sampler."""

import pytest
import torch
from ledger_cases import marks, numbers
from torch import nn
from torch.utils.data.distributed import DistributedSampler

from course import MLP, Descend, Trainer, chain, load_data
from course.lessons.checks.data_distribution import (
    FAULTY,
    STEPS,
    as_printed,
    deal,
    losses,
    steps,
    update,
)


def torchs(seed: int, n: int = 12) -> list:
    """What torch's sampler gives to three nodes in two epochs, the tail dropped."""
    found = []
    for epoch in (0, 1):
        samplers = [DistributedSampler(range(n), 3, rank, seed=seed, drop_last=True)
                    for rank in range(3)]  # fmt: skip
        for sampler in samplers:
            sampler.set_epoch(epoch)
        found.append([[*sampler] for sampler in samplers])
    return found


@pytest.mark.parametrize("dealing", [torchs(0), torchs(3), deal(0), deal(5)])
def test_a_right_dealing_passes_every_step(dealing):
    assert all(demand(dealing) for demand in STEPS.values())


def test_each_faulty_dealing_is_wrong_in_what_it_says():
    found = {name: {s for s in STEPS if not STEPS[s](d)} for name, d in FAULTY.items()}
    assert found == {
        "each node draws by itself": {"no row goes to two nodes", "each row goes to a node"},
        "some rows go to no node": {"each row goes to a node"},
        "the same order in each epoch": {"a new order in each epoch"},
        "one node has a row more": {"a rule for the tail"},
    }


def test_the_tail_is_left_out():
    dealing = deal(1, 13)
    assert all(len(rows) == 4 for epoch in dealing for rows in epoch)
    assert all(len({*sum(epoch, [])}) == 12 for epoch in dealing)


def test_each_step_has_a_case_of_its_own():
    assert marks(steps.cases([*STEPS])) == "✗✗✗✓✓✓✓"
    assert [numbers(case.number)[0] for case in steps.cases([*STEPS])] == [0, 0, 0, 1, 2, 1, 1]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_formula_changes_the_data_and_the_loss_rises(seed):
    data = load_data("digits", seed, dtype=torch.float64)
    model = MLP([64, 64, 10], seed=seed, dtype=torch.float64)
    for _ in Trainer(model, data, chain(Descend(0.3)), seed=seed).run(200):
        pass
    module, x, y = model.to_module(), data.x_train[:64].view(4, 16, 64), data.y_train[:64]
    start, y = x, y.view(4, 16)
    found = []
    for _ in range(101):
        slopes = []
        each = 0.0
        for a, b in zip(x, y, strict=True):
            leaf = a.clone().requires_grad_()
            loss = nn.functional.cross_entropy(module(leaf), b)
            loss.backward()
            slopes.append(leaf.grad)
            each += float(loss.detach()) / 4
        found.append(each)
        last, x = x, x + sum(slopes) / 4
    before, after, moved = losses(as_printed, seed, 200)
    assert before == pytest.approx(found[0]) and after == pytest.approx(found[-1], rel=1e-3)
    assert moved == pytest.approx(float((last - start).abs().max()), rel=1e-3)
    assert after > 10 * before


@pytest.mark.parametrize(
    ("rule", "found"),
    [(as_printed, "✗✗✗✗"), (lambda x, g: x - g.mean(0), "✗✓✗✓"), (lambda x, g: x + 0 * g, "✓✓✓✓"),
     (lambda x, g: x + 1e-9 * g.mean(0), "✗✗✗✗")],
)  # fmt: skip
def test_each_half_of_the_formula_has_a_case(rule, found):
    assert marks(update.cases(rule)) == found
