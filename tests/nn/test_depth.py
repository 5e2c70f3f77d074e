"""The sizes of signal and error signal, layer by layer, against autograd on the exported module."""

import pytest
import torch
from torch import nn

from course import MLP, Dropout, Linear, Network, ReLU, Residual
from course.nn.depth import sizes_by_layer


def by_autograd(model, x, y):
    """What goes into each nn.Linear, and ∂L/∂z of what it gives, for a sum over samples."""
    module, met = model.to_module().eval(), []

    def note(layer, inputs, z):
        z.retain_grad()
        met.append((inputs[0].detach(), z))

    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(note)
    nn.functional.cross_entropy(module(x), y, reduction="sum").backward()
    return [[float(v.square().mean().sqrt()) for v in vs]
            for vs in ([a for a, _ in met], [z.grad for _, z in met])]  # fmt: skip


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "gelu"])
@pytest.mark.parametrize("residual", [None, False, True])
@pytest.mark.parametrize("norm", [None, False, True])
def test_they_are_autograds(activation, residual, norm):
    model = MLP([5, 7, 7, 7, 3], activation, residual=residual, norm=norm, dtype=torch.float64)
    g = torch.Generator().manual_seed(1)
    x = torch.randn(9, 5, generator=g, dtype=torch.float64)
    y = torch.randint(3, (9,), generator=g)
    found = sizes_by_layer(model, x, y)
    signal, error = by_autograd(model, x, y)
    assert found.signal == pytest.approx(signal) and found.error == pytest.approx(error)
    assert len(found.signal) == 4


def test_looking_changes_nothing():
    model = Network([Linear(4), Residual(Linear(4), ReLU(), Dropout(0.5)), Linear(2)], 3)
    x, y = torch.randn(6, 3), torch.zeros(6, dtype=torch.long)
    model.loss_and_grad(*model.encode(x, y))
    before = model.theta.clone(), model.grad.clone(), model.state()["generator"]
    sizes_by_layer(model, x, y)
    after = model.theta, model.grad, model.state()["generator"]
    assert all(map(torch.equal, before, after))
