"""Stacks of any layers: the gradient is autograd's, the export is the same function."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES, autograd, batch, stacks
from torch.func import functional_call

from course import (
    GELU,
    CourseError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sigmoid,
    Tanh,
    compare,
)
from course.nn.stack import build_layers

SIMPLE = [ReLU, Tanh, Sigmoid, GELU, LayerNorm, lambda: Dropout(0.4)]


def agrees(model, x, y, gradient):
    """Whether the network's gradient of the batch is this one."""
    atol = 1e-11 * (1 + float(gradient.abs().max()))
    return compare(model.grad, gradient, rtol=1e-9, atol=atol)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stacks(), st.sampled_from(LOSSES), st.integers(1, 9), st.integers(0, 10_000))
def test_any_stack_has_autograds_gradient(stack, loss, B, seed):
    features, layers = stack
    model = Network(layers, features, loss, dtype=torch.float64)
    x, y = batch(model, B, seed)
    ours = model.loss_and_grad(*model.encode(x, y)).clone()
    expected, gradient = autograd(model, x, y)
    assert compare(ours, expected, rtol=1e-12)
    assert agrees(model, x, y, gradient)


def with_masks(model, x, y):
    """The gradient (P,) through torch's layers, with the masks that dropout drew last."""
    theta = model.theta.clone().requires_grad_()
    views, a = model.named_views(theta), x
    for i, (layer, space) in enumerate(zip(model.layers, model.workspace(len(x)), strict=True)):
        if isinstance(layer, Dropout):
            a = a * space.cache.t()
            continue
        own = {name[2:]: view for name, view in views.items() if name.startswith(f"{i}.")}
        a = functional_call(layer.module(a.shape[1]).double(), own, (a,))
    return torch.autograd.grad(model.loss.referee(a, y), theta)[0]


@pytest.mark.parametrize("below", [[], [Linear(4)]], ids=["on the data", "on a Linear"])
def test_any_two_layers_in_a_row_share_memory_without_harm(below):
    for kinds in product(SIMPLE, repeat=2):
        model = Network([*below, *(kind() for kind in kinds), Linear(3)], 5, dtype=torch.float64)
        x, y = batch(model, 6, 1)
        data = x.clone()
        model.loss_and_grad(*model.encode(x, y))
        assert agrees(model, x, y, with_masks(model, x, y)), model
        assert torch.equal(x, data)


@pytest.mark.parametrize(
    "layers",
    [
        [Residual(Linear(5), Tanh()), Linear(2)],  # the data's own rows go into the block
        [Residual(Tanh(), Linear(3), ReLU(), Linear(5)), Linear(2)],
        [Residual(Residual(Linear(5))), ReLU(), Linear(2)],
        [Linear(4), Residual(Linear(4)), Residual(ReLU(), Linear(3), Linear(4)), Linear(2)],
    ],
    ids=repr,
)
def test_blocks_stand_anywhere(layers):
    model = Network(layers, 5, dtype=torch.float64)
    x, y = batch(model, 6, 2)
    for rows in (slice(0, 3), slice(3, 6)):  # the second batch finds the first one's numbers
        model.loss_and_grad(*model.encode(x[rows], y[rows]))
        assert agrees(model, x[rows], y[rows], autograd(model, x[rows], y[rows])[1])


def test_layers_compute_in_place_unless_the_one_below_still_reads_its_output():
    layers = [Linear(4), ReLU(), Dropout(), Linear(4), Dropout(), Tanh(), Sigmoid(), GELU(), Tanh()]
    spaces = Network([*layers, Linear(2)], 3).workspace(5)
    in_place = [s.a.data_ptr() == s.x.data_ptr() and s.da is s.dx for s in spaces]
    assert in_place == [False, True, False, False, True, True, False, False, True, False]


def test_the_first_linear_layer_computes_no_gradient_by_the_data():
    assert Network([Linear(4), Linear(2)], 3).workspace(5)[0].dx is None
    assert Network([Tanh(), Linear(2)], 3).workspace(5)[0].dx.shape == (3, 5)


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


@pytest.mark.parametrize("layers", [(), ("Linear",), (ReLU(), "Linear"), (Linear,)], ids=repr)
def test_a_block_takes_layers_only(layers):
    with pytest.raises(CourseError, match=r"give layers, as Residual\(ReLU\(\), Linear\(64\)\)"):
        Residual(*layers)


def test_descriptions_of_layers_come_in_a_list():
    with pytest.raises(CourseError, match="allowed: a list of objects"):
        build_layers({"kind": "ReLU"})
