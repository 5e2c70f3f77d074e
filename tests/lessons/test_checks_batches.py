"""The checks of batches against `torch.optim.SGD` and autograd."""

import math

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch.nn import functional as F

from course.data.loading import load_data
from course.lessons.checks import batches
from course.lessons.checks.batches import (
    accumulated,
    batch,
    empty_section,
    examine_section,
    moved,
    others_changed,
    race,
    single,
)
from course.nn.network import MLP

ALL = 20 * 16 + 16 + 16 * 3 + 3  # weights and biases of 20-16-3


def test_one_sample_moves_every_weight_and_so_do_all():
    for seed in range(3):
        assert moved(1, seed) == moved(64, seed) == (ALL, ALL)


def test_a_sample_that_gives_no_gradient_moves_no_weight(monkeypatch):
    rows = []

    def certain(z, y):
        rows.append((len(z), y.tolist()))
        return 0 * z.sum()

    monkeypatch.setattr(batches.F, "cross_entropy", certain)
    assert moved(2, 0) == (0, ALL)
    assert rows == [(2, [0, 1])]


def test_two_full_steps_are_torchs_however_the_gradient_is_summed_up():
    data, model = load_data("digits"), MLP([64, 16, 10], dtype=torch.float64)
    module = model.to_module()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(module(data.x_train.double()), data.y_train).backward()
        optimizer.step()
    theirs = {name: p.detach() for name, p in module.named_parameters()}
    for parts in (1, 1438):
        ours = model.named_views(accumulated(parts))
        for name, p in theirs.items():
            torch.testing.assert_close(ours[name], p, rtol=1e-5, atol=1e-9)


def test_the_others_change_though_one_sample_made_the_step():
    for seed in range(2):
        data, module = load_data("digits", seed), MLP([64, 64, 10], seed=seed).to_module()
        before = module(data.x_train)
        params = list(module.parameters())
        loss = F.cross_entropy(before[:1], data.y_train[:1])
        grads = torch.autograd.grad(loss, params, retain_graph=True)
        with torch.no_grad():
            for p, g in zip(params, grads, strict=True):
                p -= 0.1 * g
            changed = (module(data.x_train) != before).any(1)
        assert others_changed(seed) == pytest.approx(changed[1:].double().mean().item(), abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_race_is_counted_in_samples(seed):
    one, everything = race.__wrapped__(seed)
    epochs = everything / 1438
    assert epochs == round(epochs) and 20 < epochs < 60 and 200 < one < everything / 10


def test_who_never_arrives_needs_infinitely_many(monkeypatch):
    asked = []

    def samples_to(size, lr, seed):
        asked.append((size, lr, seed))
        return None

    monkeypatch.setattr(batches, "samples_to", samples_to)
    assert race.__wrapped__(5) == (math.inf, math.inf)
    assert asked == [(1, 0.03, 5), (10**6, 1.0, 5)]


SAYS = {"moves all weights": "both", "quicker": "one", "memory": "both"}


@pytest.mark.parametrize(
    "counts, answer",
    [((9, 9), "both"), ((8, 9), "all"), ((9, 8), "one"), ((8, 8), "")],
)
def test_who_moves_all_weights(counts, answer, monkeypatch):
    monkeypatch.setattr(batches, "moved", lambda rows, seed: (counts[rows == 64], 9))
    monkeypatch.setattr(batches, "race", lambda seed: (1.0, 2.0))
    monkeypatch.setattr(batches, "accumulated", lambda parts: torch.zeros(2))
    for said in ("one", "all", "both", ""):
        case = batch.cases(SAYS | {"moves all weights": said})[0]
        assert case.holds == (said == answer)
        assert numbers(case.number) == [counts[0], 9, counts[1], 9]


@pytest.mark.parametrize(
    "arrivals, gap, found",
    [((1.0, 2.0), 0.0, "✓✓"), ((2.0, 1.0), 0.0, "✗✓"), ((1.0, 2.0), 1.0, "✓✗")],
)
def test_who_is_quicker_and_who_needs_memory(arrivals, gap, found, monkeypatch):
    monkeypatch.setattr(batches, "race", lambda seed: arrivals)
    monkeypatch.setattr(batches, "accumulated", lambda parts: torch.tensor([gap * (parts == 1)]))
    cases = batch.cases(SAYS)
    assert marks(cases[1:3]) == 2 * found[0] and marks(cases[3:]) == found[1]
    opposite = batch.cases(batch.document)
    assert marks(opposite[1:]) == marks(cases[1:]).translate(str.maketrans("✓✗", "✗✓"))


@pytest.mark.parametrize(
    "share, arrivals, found",
    [(0.0, (3.0, 2.0), "✓✓"), (0.001, (3.0, 2.0), "✗✓"), (1.0, (2.0, 2.0), "✗✗")],
)
def test_a_single_sample_by_its_marks(share, arrivals, found, monkeypatch):
    monkeypatch.setattr(batches, "others_changed", lambda seed: share)
    monkeypatch.setattr(batches, "race", lambda seed: arrivals)
    cases = by_name(single.cases(single.document))
    assert list(cases) == [
        f"{what}, seed {seed}" for seed in range(2)
        for what in ("its own weights only", "slower per sample")
    ]  # fmt: skip
    assert marks(cases.values()) == 2 * found


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
