"""Layers: hand-derived gradients against autograd in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import autograd, batch, widths

from course import (
    MLP,
    Tanh,
    compare,
    gradient_check,
)
from course.nn.layers import ACTIVATIONS


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
