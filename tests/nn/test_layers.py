"""Layers: hand-derived gradients and slopes against autograd in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import autograd, batch, widths

from course import (
    ACTIVATIONS,
    GELU,
    MLP,
    CourseError,
    Dropout,
    LayerNorm,
    Linear,
    ReLU,
    Residual,
    Sigmoid,
    Tanh,
    compare,
    gradient_check,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(widths, min_size=2, max_size=4), st.sampled_from(sorted(ACTIVATIONS)))
def test_and_central_differences_agree(sizes, activation):
    model = MLP([*sizes, 3], activation, dtype=torch.float64)
    errors = gradient_check(model, *batch(model, 5, sum(sizes)))
    assert errors.autograd < 1e-12 and errors.differences < 1e-5


def test_gradient_check_notices_a_wrong_backward(monkeypatch):
    monkeypatch.setattr(Tanh, "backward", lambda self, s: s.dx.copy_(s.da))
    model = MLP([4, 5, 3], "tanh", dtype=torch.float64)
    errors = gradient_check(model, *batch(model, 4, 3))
    assert errors.autograd > 1e-3 and errors.differences > 1e-3


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_network_of_zeros_sits_on_every_tie_and_agrees_with_torch(activation):
    model = MLP([3, 4, 4, 2], activation, dtype=torch.float64, init="zeros")
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    model.loss_and_grad(*model.encode(x, y))
    assert compare(model.grad, autograd(model, x, y)[1], rtol=1e-12)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_slopes_are_the_first_and_second_derivative(activation):
    layer = ACTIVATIONS[activation]()
    x = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)  # 0 is among them
    a = layer.module(1)(x)
    (first,) = torch.autograd.grad(a.sum(), x, create_graph=True)
    ours = layer.slopes(x.detach(), a.detach())
    assert compare(ours[0], first, rtol=1e-12, atol=1e-15)
    if activation == "relu":
        assert ours[1] is None  # f'' = 0
    else:
        (second,) = torch.autograd.grad(first.sum(), x)
        assert compare(ours[1], second, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "Linear(width=3)", "Linear(width=3, init='he')", "ReLU()", "Tanh()", "Sigmoid()", "GELU()",
        "LayerNorm()", "Dropout(p=0.25)", "Residual(Tanh(), Residual(Linear(width=4)))",
    ],
)  # fmt: skip
def test_a_layer_reads_as_the_code_that_builds_it(text):
    kinds = (GELU, Dropout, LayerNorm, Linear, ReLU, Residual, Sigmoid, Tanh)
    assert repr(eval(text, {kind.__name__: kind for kind in kinds})) == text


def test_a_layer_has_from_one_unit_to_a_million():
    assert Linear(1).width == 1 and Linear(10**6).width == 10**6
    for bad in (0, 10**6 + 1, 1.5):
        with pytest.raises(CourseError, match="Linear.width"):
            Linear(bad)
