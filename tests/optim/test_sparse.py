"""Pruning as a transform: the masks of PyTorch, steps beside them, knobs, schedules and replays."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course import (
    MLP,
    Adam,
    CourseError,
    Descend,
    HeavyBall,
    LinearRamp,
    Prune,
    Trainer,
    as_optimizer,
    chain,
    load_data,
    run_recipe,
)
from course.pruning.choosing import matrices
from course.pruning.keeping import Pruning
from course.training.replay import history_digest

CHAINS = {
    "momentum": (lambda: (HeavyBall(0.9), Descend(0.05)),
                 lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "Adam": (lambda: (Adam(), Descend(0.01)), lambda p: torch.optim.Adam(p, 0.01)),
}  # fmt: skip


def trainer(sparsity=0.0, steps=0, optimiser=None):
    net = MLP([64, 8, 6, 10], "tanh", 1, dtype=torch.float64)
    run = Trainer(net, load_data("digits", dtype=torch.float64),
                  chain(*(optimiser or CHAINS["momentum"][0]()), Prune(sparsity)), 32)  # fmt: skip
    for _ in run.run(steps):
        pass
    return run


def last(run):
    """The batch of the last step: x (B, D), y (B,)."""
    rows = run.batches.last_rows()
    return run.data.x_train[rows], run.data.y_train[rows]


def zeros(model):
    return [int((W == 0).sum()) for W in matrices(model, model.theta).values()]


@settings(max_examples=8)
@given(st.floats(0.01, 1), st.sampled_from(list(CHAINS)))
def test_it_moves_as_pytorch_with_its_masks(sparsity, name):
    ours, theirs = CHAINS[name]
    run = trainer(0.0, 0, ours())
    module = copy.deepcopy(run.model.to_module())
    run.chain.find(Prune).sparsity = sparsity
    run.step()  # the first step is without a mask there, too
    optimiser = theirs(list(module.parameters()))

    def step(rows):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(rows[0]), rows[1]).backward()
        optimiser.step()

    step(last(run))
    layers = [m for m in module if isinstance(m, nn.Linear)]
    masks = []
    for m in layers:
        held = copy.deepcopy(m)
        prune.l1_unstructured(held, "weight", amount=sparsity)
        masks.append(held.weight_mask)
    for _ in range(4):
        for m, mask in zip(layers, masks, strict=True):
            m.weight.data.mul_(mask)
        for W, m in zip(matrices(run.model, run.model.theta).values(), layers, strict=True):
            assert torch.equal(W == 0, m.weight == 0)
            assert torch.allclose(W, m.weight, rtol=1e-9, atol=1e-12)
        run.step()
        step(last(run))


def test_a_knob_turned_in_mid_run_replays_to_the_bit():
    run = trainer(0.0, 5)
    for sparsity in (0.5, 0.9, 0.3):
        run.set("Prune.sparsity", sparsity)
        for _ in run.run(4):
            assert zeros(run.model)[0] == round(sparsity * 512) or sparsity == 0.3
    again = run_recipe(run.recipe())
    assert history_digest(again) == history_digest(run)
    assert torch.equal(again.model.theta, run.model.theta)


def test_what_is_kept_again_starts_from_0_and_moves():
    run = trainer(0.9, 5)
    assert zeros(run.model) == [461, 43, 54]
    run.set("Prune.sparsity", 0.0)
    run.step()
    assert zeros(run.model)[1:] == [0, 0] and zeros(run.model)[0] < 100  # of pixels that are dark


def test_what_is_gone_does_not_come_back_when_more_goes():
    run = trainer(0.5, 5)
    gone = run.model.theta == 0
    run.set("Prune.sparsity", 0.6)
    for _ in run.run(3):
        assert (run.model.theta[gone] == 0).all()
    assert zeros(run.model)[0] == round(0.6 * 512)


def test_a_schedule_prunes_little_by_little():
    run = trainer(LinearRamp(0.0, 0.8, 4))
    found = []
    for _ in run.run(6):
        found.append(zeros(run.model)[0])
    assert found == [round(s * 512) for s in (0, 0.2, 0.4, 0.6, 0.8, 0.8)]


def test_a_checkpoint_goes_on_with_the_same_weights():
    run = trainer(0.7, 5)
    run.set("momentum", 0.5)
    other = trainer(0.0, 1)
    other.load_state_dict(run.state_dict())
    for r in (run, other):
        for _ in r.run(3):
            pass
    assert torch.equal(run.model.theta, other.model.theta)
    assert zeros(run.model) == [round(0.7 * n) for n in (512, 48, 60)]


def test_another_optimiser_keeps_the_mask():
    run = trainer(0.7, 3)
    before = run.model.theta == 0
    assert run.knobs()["optimiser"] == "heavy ball"
    run.set("optimiser", "adam")
    run.step()
    assert torch.equal(run.model.theta == 0, before)
    masked = trainer(0.0, 3)
    pruning = Pruning(masked)
    pruning.prune(~before)
    masked.set("optimiser", "adam")
    for _ in masked.run(3):
        assert (masked.model.theta[before] == 0).all()


def test_a_run_pruned_by_a_mask_of_its_own_has_no_recipe():
    run = trainer(0.0, 2)
    Pruning(run)
    with pytest.raises(CourseError, match=r"Mask holds .*allowed.*Prune\(sparsity\) in the chain"):
        run.recipe()


def test_bad_input_is_named():
    with pytest.raises(CourseError, match="Prune.sparsity = 1.5"):
        Prune(1.5)
    with pytest.raises(CourseError, match="Prune.sparsity = -0.1"):
        trainer().set("Prune.sparsity", -0.1)


def test_it_works_in_pytorchs_own_loop():
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    optimiser = as_optimizer(chain(Descend(0.1), Prune(0.5)), module.parameters())
    module(torch.ones(3, 4)).sum().backward()
    optimiser.step()
    assert int((module[0].weight == 0).sum()) == 8
