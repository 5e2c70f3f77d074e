"""The checks of batches against `torch.optim.SGD` and autograd."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn
from torch.nn import functional as F

from course.data.loading import load_data
from course.lessons.checks import batches
from course.lessons.checks.batches import (
    arrival,
    batch,
    empty_section,
    examine_section,
    memory,
    moved,
    others_changed,
    race,
    single,
    step_of,
    summed_up,
)
from course.nn.network import MLP

ALL = 20 * 16 + 16 + 16 * 3 + 3  # weights and biases of 20-16-3


def test_one_sample_moves_every_weight_and_so_do_all():
    assert moved(1) == moved(64) == (ALL, ALL)


def test_a_sample_that_gives_no_gradient_moves_no_weight(monkeypatch):
    rows = []

    def certain(z, y):
        rows.append((len(z), y.tolist()))
        return 0 * z.sum()

    monkeypatch.setattr(batches.F, "cross_entropy", certain)
    assert moved(2) == (0, ALL)
    assert rows == [(2, [0, 1])]


def arrival_by_torch(batch_size: int, lr: float, seed: int) -> tuple[int, int]:
    """The same race with a module, its optimiser and its loss."""
    data = load_data("digits", seed)
    x, y = data.x_train[:500], data.y_train[:500]
    module = MLP([64, 32, 10], seed=seed).to_module()
    optimizer, generator = torch.optim.SGD(module.parameters(), lr=lr), torch.Generator()
    generator.manual_seed(seed)
    samples = 0
    for _ in range(60):
        for rows in torch.randperm(500, generator=generator).split(batch_size):
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(module(x[rows]), y[rows]).backward()
            optimizer.step()
            samples += len(rows)
            if samples % 50 == 0 and (module(x).argmax(1) == y).double().mean() >= 0.9:
                return samples // batch_size, samples
    raise AssertionError


@pytest.mark.parametrize("batch_size, lr", [(1, 0.03), (500, 1.0)])
def test_the_race_is_that_of_torch(batch_size, lr):
    ours, theirs = arrival(batch_size, lr, 0), arrival_by_torch(batch_size, lr, 0)
    assert ours[1] == ours[0] * batch_size
    assert ours[0] == pytest.approx(theirs[0], rel=0.15)  # near 90 % a rounding can decide


def test_who_never_arrives_needs_infinitely_many():
    assert arrival(500, 0.0, 0) == (math.inf, math.inf)


def named(one, everything):
    return lambda B, lr, seed: (one if B == 1 else everything)[seed]


@pytest.mark.parametrize(
    "one, everything, found",
    [
        ([(9, 9), (9, 9)], [(3, 90), (3, 90)], ("all", "one")),
        ([(2, 20), (2, 20)], [(3, 3), (3, 3)], ("one", "all")),
        ([(2, 9), (9, 9)], [(3, 90), (3, 90)], ("neither", "one")),
    ],
)
def test_the_race_is_won_by_both_seeds(one, everything, found, monkeypatch):
    monkeypatch.setattr(batches, "arrival", named(one, everything))
    assert tuple(race(unit)[0] for unit in ("steps", "samples")) == found


def test_a_race_tells_the_power_of_ten_of_the_smaller_ratio(monkeypatch):
    monkeypatch.setattr(batches, "arrival", named([(300, 1), (25, 1)], [(2, 1), (2, 1)]))
    fewer, words = race("steps")
    assert (fewer, numbers(words)) == ("all", [10]) and words.startswith("one sample at a time")


def test_the_gradient_summed_up_row_by_row_is_that_of_all_rows():
    torch.testing.assert_close(summed_up(), step_of(500), rtol=1e-4, atol=1e-6)
    data = load_data("digits")
    module = MLP([64, 32, 10]).to_module()
    F.cross_entropy(module(data.x_train[:7]), data.y_train[:7]).backward()
    theirs = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
    torch.testing.assert_close(step_of(7), theirs)


def test_the_memory_is_that_of_inputs_hidden_units_and_outputs():
    for rows in (1, 10, 500):
        # float32: inputs, hidden units, log-probabilities; int64: classes; one number more: 1/N
        assert memory(rows) == pytest.approx(rows * (4 * (64 + 32 + 10) + 8), rel=0.02)


def test_the_others_change_though_one_sample_made_the_step():
    for seed in range(2):
        data, module = load_data("digits", seed), MLP([64, 32, 10], seed=seed).to_module()
        x, y, params = data.x_train[:500], data.y_train[:500], list(module.parameters())
        before = module(x)
        grads = torch.autograd.grad(F.cross_entropy(before[:1], y[:1]), params, retain_graph=True)
        with torch.no_grad():
            for p, g in zip(params, grads, strict=True):
                p -= 0.1 * g
            changed = (module(x) != before).any(1)
        assert others_changed(seed) == pytest.approx(changed[1:].double().mean().item(), abs=0.01)


@pytest.mark.parametrize(
    "counts, said, mark",
    [((9, 9), "all", "✓"), ((9, 9), "one", "✓"), ((9, 9), "both", "✓"), ((8, 9), "all", "✓"),
     ((8, 9), "both", "✗"), ((9, 8), "all", "✗"), ((8, 8), "one", "✗")],
)  # fmt: skip
def test_who_moves_all_weights(counts, said, mark, monkeypatch):
    monkeypatch.setattr(batches, "moved", lambda rows: (counts[rows == 64], 9))
    case = batch.cases(batch.document | {"moves all weights": said})[2]
    assert case.aside and marks([case]) == f"|{mark}"
    assert numbers(case.number) == [counts[0], 9, counts[1], 9]


def test_another_sum_or_another_memory_changes_the_asides(monkeypatch):
    monkeypatch.setattr(batches, "summed_up", lambda: 2 * step_of(500))
    assert marks(batch.cases(batch.document)) == "✓✗|✓✓✓✓✓"
    monkeypatch.undo()
    monkeypatch.setattr(batches, "memory", lambda rows: 100)
    assert marks(batch.cases(batch.document)) == "✓✗|✓✗✗✗✓"
    assert marks(single.cases(single.document)) == "✗✗|✓✓✗✓"


@pytest.mark.parametrize("share, mark", [(0.0, "✓"), (0.001, "✗"), (1.0, "✗")])
def test_a_sample_has_weights_of_its_own_only_if_no_other_changes(share, mark, monkeypatch):
    monkeypatch.setattr(batches, "others_changed", lambda seed: share)
    assert marks(single.cases(single.document))[0] == mark


@pytest.mark.parametrize(
    "order, mark",
    [
        (torch.arange, "✗"),
        (lambda n: torch.randint(n, (n,)), "✗"),
        (lambda n: torch.arange(n).flip(0), "✓"),
    ],
)
def test_an_order_that_is_not_random_or_meets_a_row_twice(order, mark):
    case = by_name(single.cases(single.document | {"order": order}))
    assert marks([case["it goes through all data in random order"]]) == f"|{mark}"


# ---- D4-3.8 -----------------------------------------------------------------------------------


def test_the_estimates_are_the_gradient_and_their_noise_falls_like_one_over_root_B():
    data, module = load_data("digits"), MLP([64, 10], dtype=torch.float64).to_module()
    x, asked = data.x_train.double(), []

    def spy(rows):
        asked.append(rows.shape)
        return rows.mean(0)

    same, noise = examine_section(spy)
    assert asked == 400 * [(4, 650)] + 400 * [(64, 650)] + [(1438, 650)]
    # one row's gradient of a linear layer: (softmax - one-hot) ⊗ [x 1]
    delta = module(x).softmax(1) - F.one_hot(data.y_train, 10)
    each = torch.cat([delta[:, :, None] * x[:, None, :], delta[:, :, None]], 2).detach().flatten(1)
    generator, errors = torch.Generator().manual_seed(0), []
    for B in (4, 64):
        drawn = torch.randint(1438, (400, B), generator=generator).numpy()
        got = np.stack([each.numpy()[rows].mean(0) for rows in drawn])
        errors.append(np.sqrt(((got - each.mean(0).numpy()) ** 2).sum(1).mean()))
    assert same.holds and noise.holds
    assert numbers(noise.number)[1] == pytest.approx(errors[0] / errors[1], abs=0.006)


@pytest.mark.parametrize(
    "estimate, found",
    [
        (lambda rows: rows.sum(0), "✗✗"),
        (lambda rows: rows[:2].mean(0), "✗✗"),
        (lambda rows: rows[: len(rows) // 2].mean(0), "✗✓"),
        (lambda rows: rows.mean(0) * (1 + 1e-3), "✗✓"),
        (lambda rows: rows.mean(0) + 0.1, "✗✗"),
    ],
)
def test_another_estimate_gets_other_marks(estimate, found):
    assert marks(empty_section.examine(estimate)) == found


@pytest.mark.parametrize(
    "share, mark", [(0.86, "✗"), (0.9, "✓"), (1.0, "✓"), (1.1, "✓"), (1.14, "✗")]
)
def test_a_small_batch_that_errs_by_another_factor_is_found(share, mark):
    means = []
    examine_section(lambda rows: means.append(rows.mean(0)) or means[-1])
    whole = means[-1]  # of all rows

    def estimate(rows):
        return whole + (rows.mean(0) - whole) * (share if len(rows) == 4 else 1)

    same, noise = examine_section(estimate)
    assert same.holds and marks([noise]) == mark
    assert numbers(noise.number)[1] == pytest.approx(4.03 * share, abs=0.011)
