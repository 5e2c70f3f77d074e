"""Stacks of any layers: the gradient is autograd's, the export is the same function."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES, autograd, batch, stacks

from course import (
    Network,
    compare,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(stacks(), st.sampled_from(LOSSES), st.integers(1, 9), st.integers(0, 10_000))
def test_any_stack_has_autograds_gradient(stack, loss, B, seed):
    features, layers = stack
    model = Network(layers, features, loss, dtype=torch.float64)
    x, y = batch(model, B, seed)
    ours = model.loss_and_grad(*model.encode(x, y)).clone()
    expected, gradient = autograd(model, x, y)
    assert compare(ours, expected, rtol=1e-12)
    assert compare(model.grad, gradient, rtol=1e-9, atol=1e-11 * (1 + float(gradient.abs().max())))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(stacks(), st.integers(1, 5), st.integers(0, 100))
def test_the_exported_module_predicts_the_same(stack, B, seed):
    features, layers = stack
    model = Network(layers, features, dtype=torch.float64)
    x, _ = batch(model, B, seed)
    module = model.to_module().eval()
    assert compare(model.predict(x), module(x), rtol=1e-10, atol=1e-12)
    module[-1].weight.data.zero_()  # a copy: the network stays as it is
    assert compare(model.predict(x), model.to_module().eval()(x), rtol=1e-10, atol=1e-12)
