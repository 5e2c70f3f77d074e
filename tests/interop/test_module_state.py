"""Losses, precision, random state and views of an adopted module. Referees: torch.nn, autograd."""

import copy

import pytest
import torch
import torch.nn.functional as F
from adopted_modules import KINDS, NO_CHUNK, X, cnn, losses, make, mlp, transformer
from torch import nn

from course import CourseError, compare
from course.interop.adopt import adopt

pytestmark = NO_CHUNK


# ---- losses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("mse", torch.randn(12, 4)),
        ("bce", torch.rand(12, 4)),
        (nn.HuberLoss(), torch.randn(12, 4)),
        (lambda outputs, y: (outputs * y).mean(), torch.randn(12, 4)),
    ],
)
def test_losses_by_name_and_of_your_own(loss, y):
    model = adopt(mlp().double(), loss=loss)
    x, encoded = model.encode(torch.randn(12, 6), y)
    referee = {"mse": nn.MSELoss(), "bce": nn.BCEWithLogitsLoss()}.get(loss, loss)
    assert encoded.dtype == torch.float64
    expected = referee(model.module(x), y.double())
    assert compare(model.loss_and_grad(x, encoded), expected.detach(), rtol=1e-12)
    assert compare(model.loss.value(model.predict(x), y), expected.detach(), rtol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_shapes_that_would_broadcast_are_refused(loss):
    model = adopt(nn.Linear(6, 1), loss=loss)
    with pytest.raises(CourseError, match=r"\(12, 1\) and y \(12,\)"):
        model.loss_and_grad(*model.encode(torch.randn(12, 6), torch.rand(12)))


def test_a_loss_that_is_no_single_number_is_refused():
    model = adopt(mlp(), loss=lambda outputs, y: (outputs - y).square())
    with pytest.raises(CourseError, match=r"returned \(12, 4\).*mean"):
        model.loss_and_grad(torch.randn(12, 6), torch.randn(12, 4))
    with pytest.raises(CourseError, match="'hinge' is unknown"):
        adopt(mlp(), loss="hinge")


# ---- precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.bfloat16, "bfloat16"])
def test_autocast_computes_in_bfloat16_and_keeps_weights_in_float32(kind):
    net, seen = mlp(), []
    net[0].register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    exact = adopt(copy.deepcopy(net))
    model = adopt(net, autocast=kind)
    x, y = model.encode(torch.randn(12, 6), torch.randint(4, (12,)))
    exact.loss_and_grad(x, y)
    loss = model.loss_and_grad(x, y)
    assert seen[-1] == torch.bfloat16 and model.theta.dtype == model.grad.dtype == loss.dtype
    assert loss.dtype == model.predict(x).dtype == torch.float32
    assert 0 < (model.grad - exact.grad).norm() / exact.grad.norm() < 0.02


def test_autocast_refuses_what_it_cannot_do():
    with pytest.raises(CourseError, match="float16"):
        adopt(mlp(), autocast=torch.float16)
    with pytest.raises(CourseError, match="'0.weight' is torch.float64"):
        adopt(mlp().double(), autocast="bfloat16")


# ---- looking without touching ----------------------------------------------------------------


@KINDS
def test_predict_is_eval_mode_and_changes_nothing(build):
    model, (x, y) = make(build)
    model.loss_and_grad(x, y)
    model.module.train()
    next(m for m in model.module.modules() if not list(m.children())).eval()
    modes = [m.training for m in model.module.modules()]
    rows = X[build]()
    before, random, gradient = model.state(), torch.get_rng_state(), model.grad.clone()
    outputs = model.predict(rows)
    assert outputs.shape == (12, 4) and not outputs.requires_grad
    assert modes == [m.training for m in model.module.modules()]
    assert torch.equal(torch.get_rng_state(), random) and torch.equal(model.grad, gradient)
    assert all(torch.equal(t, before[k]) for k, t in model.state().items())
    expected = copy.deepcopy(model.module).eval()(x)
    assert compare(model.predict(x), expected, rtol=1e-9, atol=1e-12)


def test_predict_changes_nothing_in_a_module_that_counts_and_draws_in_every_mode():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 4)
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("last", torch.zeros(12, 4))

        def forward(self, x):
            self.calls += 1
            self.last = self.linear(x).detach()
            return F.dropout(self.linear(x), 0.5)

    model = adopt(Noisy(), stochastic=True)
    before = model.module.last
    x = torch.randn(12, 6)
    assert torch.equal(model.predict(x), model.predict(x))
    assert model.module.calls == 0 and model.module.last is before and not before.any()
    model.loss_and_grad(x, torch.randint(4, (12,)))
    assert model.module.calls == 1


# ---- random state ----------------------------------------------------------------------------


def test_two_models_that_take_turns_draw_what_each_would_draw_alone():
    start = adopt(transformer().double())
    _, batch = make(transformer)
    a, b, alone = (copy.deepcopy(start) for _ in range(3))
    world = torch.get_rng_state()
    expected = losses([alone], batch)[0]
    torch.rand(5)  # another program draws
    assert losses([a, b], batch) == [expected, expected]
    assert len(set(expected)) == 6
    torch.set_rng_state(world)
    losses([a], batch)
    assert torch.equal(torch.get_rng_state(), world)


def test_which_modules_have_a_random_state_of_their_own():
    assert adopt(transformer()).stochastic
    assert adopt(nn.LSTM(3, 4, num_layers=2, dropout=0.1)).stochastic
    assert not adopt(nn.LSTM(3, 4, num_layers=2)).stochastic
    assert not adopt(cnn()).stochastic
    assert adopt(mlp(), stochastic=True).stochastic


def test_a_failed_forward_gives_the_global_random_state_back():
    model, (x, y) = make(transformer)
    world, own = torch.get_rng_state(), model.state()["random.cpu"]
    with pytest.raises(IndexError):
        model.loss_and_grad(x, y + 100)
    assert torch.equal(torch.get_rng_state(), world)
    assert torch.equal(model.state()["random.cpu"], own)
