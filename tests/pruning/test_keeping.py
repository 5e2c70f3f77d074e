"""A pruned weight is exactly 0 for ever, and training beside it is PyTorch's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course import (
    L1,
    L2,
    MLP,
    Adam,
    ClipByNorm,
    CourseError,
    Descend,
    HeavyBall,
    Momentum,
    Muon,
    Newton,
    Trainer,
    adopt,
    chain,
)  # fmt: skip
from course.data.dataset import Dataset
from course.pruning.choosing import by_magnitude, matrices
from course.pruning.keeping import Mask, Pruning, cubic_shares, prune_and_tune

CHAINS = {
    "momentum": lambda: chain(HeavyBall(0.9), Descend(0.05)),
    "Adam": lambda: chain(L2(0.01), Adam(), Descend(0.01)),
    "Adam without ε": lambda: chain(Adam(eps=0), Descend(0.01)),
    "Muon": lambda: chain(Muon(), Descend(0.01)),
    "Newton": lambda: chain(Newton(damping=1.0), Descend(0.5)),
    "L1": lambda: chain(Momentum(0.9), Descend(0.05), L1(0.01)),
}


def rows(n=12):
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(n, 3, generator=g).double(), torch.randn(n, 2, generator=g).double()
    return Dataset("rows", x, y, x, y, None)


def network():
    return MLP([3, 4, 2], "tanh", loss="mse", dtype=torch.float64)


def steps(trainer, n):
    for _ in trainer.run(n):
        pass


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_a_pruned_weight_stays_0_after_every_step_of_any_chain(name, adopted):
    model = adopt(network().to_module(), loss="mse") if adopted else network()
    trainer = Trainer(model, rows(), CHAINS[name](), 4)
    pruning = Pruning(trainer)
    steps(trainer, 3)
    assert (model.theta != 0).all() or name == "L1"
    keep = by_magnitude(model, 0.5)
    before = model.theta.clone()
    pruning.prune(keep)
    assert torch.equal(model.theta, before * keep) and torch.equal(pruning.keep, keep)
    for _ in trainer.run(5):
        assert (model.theta[~keep] == 0).all() and model.theta.isfinite().all()
        if name in ("momentum", "Adam", "L1"):
            vectors = [v for t in trainer.chain.transforms for v in t.state().values()]
            vectors = [v for v in vectors if v.shape == keep.shape and v.dtype != torch.bool]
            assert vectors and all((v[~keep] == 0).all() for v in vectors)
    assert (model.theta[keep] != before[keep]).any()


@pytest.mark.parametrize(
    "make, optimiser",
    [
        (lambda: chain(HeavyBall(0.9), Descend(0.05)),
         lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
        (lambda: chain(Adam(), Descend(0.01)), lambda p: torch.optim.Adam(p, 0.01)),
        (lambda: chain(ClipByNorm(0.1), Descend(0.05)), lambda p: torch.optim.SGD(p, 0.05)),
    ],
    ids=["momentum", "Adam", "clipped"],
)  # fmt: skip
def test_training_under_a_mask_equals_that_of_pytorch(make, optimiser):
    data, net = rows(), network()
    module = net.to_module()
    for layer in (module[0], module[2]):
        prune.l1_unstructured(layer, "weight", 0.5)
    other = optimiser(module.parameters())
    trainer = Trainer(net, data, make(), len(data.y_train))
    Pruning(trainer).prune(by_magnitude(net, 0.5))
    for _ in trainer.run(8):
        other.zero_grad()
        nn.functional.mse_loss(module(data.x_train), data.y_train).backward()
        if trainer.chain.clip:
            nn.utils.clip_grad_norm_(module.parameters(), 0.1)
        other.step()
    # clip_grad_norm_ adds 1e-6 to the norm
    error = (net.predict(data.x_train) - module(data.x_train)).abs().max()
    assert error < (1e-5 if trainer.chain.clip else 1e-10)


def test_a_weight_that_comes_back_starts_at_0_without_memory():
    net = network()
    trainer = Trainer(net, rows(), chain(HeavyBall(0.9), Descend(0.05)), 12)
    pruning = Pruning(trainer)
    steps(trainer, 3)
    keep = by_magnitude(net, 0.5)
    pruning.prune(keep)
    steps(trainer, 2)
    pruning.prune(torch.ones_like(keep))
    X, Y = net.encode(trainer.data.x_train, trainer.data.y_train)
    net.loss_and_grad(X, Y)
    expected = -0.05 * net.grad[~keep]  # heavy ball's first step from rest
    steps(trainer, 1)
    assert torch.allclose(net.theta[~keep], expected, atol=1e-12) and (expected != 0).any()


def test_a_pruned_run_resumes_to_the_bit():
    def fresh():
        trainer = Trainer(network(), rows(), CHAINS["Adam"](), 4)
        return trainer, Pruning(trainer)

    one, pruning = fresh()
    steps(one, 2)
    keep = by_magnitude(one.model, 0.5)
    pruning.prune(keep)
    saved = one.state_dict()
    steps(one, 4)
    two, other = fresh()
    two.load_state_dict(saved)
    assert torch.equal(other.keep, keep)
    steps(two, 4)
    assert torch.equal(one.model.theta, two.model.theta) and (two.model.theta[~keep] == 0).all()


@given(st.floats(0, 1), st.integers(1, 20))
def test_the_cubic_schedule_rises_to_its_share_in_ever_smaller_steps(share, rounds):
    shares = cubic_shares(share, rounds)
    assert len(shares) == rounds and shares[-1] == share
    assert abs(shares[0] - share * (1 - (1 - 1 / rounds) ** 3)) < 1e-12
    gains = [b - a for a, b in zip([0, *shares], shares, strict=False)]
    assert all(b <= a + 1e-12 for a, b in zip(gains, gains[1:], strict=False))


def test_rounds_of_pruning_and_training():
    net = network()
    trainer = Trainer(net, rows(), CHAINS["momentum"](), 4)
    pruning, gone = Pruning(trainer), torch.zeros_like(net.theta, dtype=torch.bool)
    for i, share in enumerate(prune_and_tune(pruning, [0.25, 0.5, 0.75], 3), 1):
        assert share == 0.25 * i and trainer.step_count == 3 * i
        for view in matrices(net, pruning.keep).values():
            assert int((~view).sum()) == share * view.numel()
        assert pruning.keep[gone].sum() == 0  # what is pruned once stays so
        gone = ~pruning.keep
    assert list(prune_and_tune(pruning, [0.5], 0, lambda model, s: by_magnitude(model, s, "all")))


def test_bad_input_is_named_in_one_sentence():
    trainer = Trainer(network(), rows(), CHAINS["Adam"](), 4)
    pruning = Pruning(trainer)
    with pytest.raises(CourseError, match="gradient_hook = .*; allowed: None"):
        Pruning(trainer)
    for bad in (torch.ones(3, dtype=torch.bool), torch.ones(26), "all"):
        with pytest.raises(CourseError, match="(?s)keep = .*allowed: a bool for each of the 26"):
            pruning.prune(bad)
    with pytest.raises(CourseError, match="rounds = 0"):
        cubic_shares(0.5, 0)
    with pytest.raises(CourseError, match="share = 2"):
        cubic_shares(2, 3)
    with pytest.raises(CourseError, match="steps = -1"):
        next(prune_and_tune(pruning, [0.5], -1))
    with pytest.raises(CourseError, match="share = 7"):
        next(prune_and_tune(pruning, [7], 1))
    assert Mask() == Mask() and pruning.keep.all()
