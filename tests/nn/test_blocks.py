"""Dropout and LayerNorm against torch, and what dropout promises of its masks."""

import math

import pytest
import torch
import torch.nn.functional as F
from nn_problems import batch
from torch import nn

from course import (
    MLP,
    CourseError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    compare,
)


def test_dropout_keeps_its_mask_for_the_way_back():
    model = Network([Linear(50), Dropout(0.4), Linear(2)], 6, dtype=torch.float64)
    x, y = batch(model, 20, 1)
    model.loss_and_grad(*model.encode(x, y))
    mask = model.workspace(20)[1].cache.t()
    theta = model.theta.clone().requires_grad_()
    W0, W1 = model.views(theta)
    hidden = F.linear(x, W0[:, :-1], W0[:, -1]) * mask
    F.cross_entropy(F.linear(hidden, W1[:, :-1], W1[:, -1]), y).backward()
    assert compare(model.grad, theta.grad, rtol=1e-10, atol=1e-13)
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.6}
    assert 0.3 < float((mask == 0).double().mean()) < 0.5


def test_dropout_keeps_the_mean_and_is_the_identity_when_evaluating():
    model = Network([Dropout(0.3), Linear(1, init="zeros")], 1000)
    model.views(model.theta)[0][:] = 1 / 1000
    x = torch.ones(400, 1000)
    X, _ = model.encode(x, torch.zeros(400, dtype=torch.long))
    outputs = model.forward(model.workspace(400), X)
    assert float(outputs.std()) > 0.01
    assert abs(float(outputs.mean()) - 1.001) < 0.005
    assert compare(model.predict(x), torch.full((400, 1), 1.001), rtol=1e-5)


def test_p_moves_between_two_steps_and_out_of_range_is_refused():
    model = MLP([4, 30, 2], dropout=0)
    X, Y = model.encode(torch.randn(8, 4), torch.zeros(8, dtype=torch.long))
    model.loss_and_grad(X, Y)
    (layer,) = model.dropouts()
    assert (model.workspace(8)[2].cache == 1).all()
    layer.p = 0.5
    model.loss_and_grad(X, Y)
    assert (model.workspace(8)[2].cache == 0).any()
    for bad in (-0.1, 1, math.nan, None):
        with pytest.raises(CourseError, match="Dropout.p"):
            layer.p = bad
    assert layer.p == 0.5


def masks(model, steps=3):
    """The masks of the first dropout in so many steps."""
    X, Y = model.encode(torch.ones(8, model.features), torch.zeros(8, dtype=torch.long))
    at, drawn = model.layers.index(model.dropouts()[0]), []
    for _ in range(steps):
        model.loss_and_grad(X, Y)
        drawn.append(model.workspace(8)[at].cache.clone())
    return torch.stack(drawn)


def test_masks_come_from_the_networks_seed_and_never_repeat():
    first = masks(MLP([4, 30, 2], dropout=0.5))
    torch.manual_seed(99)
    assert torch.equal(masks(MLP([4, 30, 2], dropout=0.5)), first)
    assert not torch.equal(masks(MLP([4, 30, 2], dropout=0.5, seed=1)), first)
    assert not torch.equal(first[0], first[1])


def test_a_dropout_of_0_draws_nothing():
    model = MLP([4, 30, 2], dropout=0)
    before = model.state()["generator"]
    assert (masks(model) == 1).all()
    assert torch.equal(model.state()["generator"], before)


def test_dropouts_rate_is_torchs_when_none_is_named():
    assert Dropout().p == nn.Dropout().p


def test_layer_norm_starts_as_torchs_and_divides_by_the_same():
    model = Network([LayerNorm(), Linear(2)], 5, dtype=torch.float64)
    start = {k: v for k, v in model.named_views(model.theta).items() if k.startswith("0.")}
    theirs = nn.LayerNorm(5)
    for name, values in theirs.state_dict().items():
        assert compare(start[f"0.{name}"], values).exact
    x = 1e-3 * torch.randn(7, 5, dtype=torch.float64)  # as small as √ε
    X, _ = model.encode(x, torch.zeros(7, dtype=torch.long))
    spaces = model.workspace(7)
    model.forward(spaces, X)
    assert compare(spaces[0].a.t(), theirs.double()(x), rtol=1e-10, atol=1e-13)
