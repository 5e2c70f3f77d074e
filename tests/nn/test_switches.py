"""Layers that can be switched off: off they are not there, on they are what they always were."""

import math

import pytest
import torch
from nn_problems import autograd, batch

from course import (
    MLP,
    CourseError,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Tanh,
    build_network,
    compare,
)
from course.nn.stack import build_layers

BOTH = [(residual, norm) for residual in (False, True) for norm in (False, True)]


def deep(residual=None, norm=None, activation="tanh", **options):
    return MLP([5, 6, 6, 6, 3], activation, residual=residual, norm=norm, dtype=torch.float64,
               **options)  # fmt: skip


def put(model, residual, norm):
    for layer in model.switches():
        layer.on = {"residual": residual, "norm": norm}[layer.knob]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_the_gradient_is_autograds_however_the_switches_stand(activation):
    model = deep(False, False, activation)
    for i, (residual, norm) in enumerate([*BOTH, *reversed(BOTH)]):
        put(model, residual, norm)  # between two batches, in the same workspaces
        x, y = batch(model, 7, i)
        model.loss_and_grad(*model.encode(x, y))
        loss, gradient = autograd(model, x, y)
        assert compare(model.grad, gradient, rtol=1e-9, atol=1e-12)
        assert compare(model.to_module()(x), model.predict(x), rtol=1e-10, atol=1e-12)


def test_what_is_off_is_not_there():
    model, plain = deep(False, False), deep()
    for W, own in zip(plain.views(plain.theta), matrices(model, model.theta), strict=True):
        W.copy_(own)
    x, y = batch(plain, 8, 3)
    for own, W in zip(matrices(model, model.theta), plain.views(plain.theta), strict=True):
        own.copy_(W)
    losses = [float(net.loss_and_grad(*net.encode(x, y))) for net in (model, plain)]
    assert losses[0] == losses[1] and torch.equal(model.predict(x), plain.predict(x))
    for own, W in zip(matrices(model, model.grad), plain.views(plain.grad), strict=True):
        assert torch.equal(own, W)
    scales = [v for v in model.views(model.grad) if v.shape[1] == 2]
    assert len(scales) == 3 and all((v == 0).all() for v in scales)


def matrices(model, flat):
    """The [W b] of a network's Linear layers: those of a LayerNorm have two columns."""
    return [v for v in model.views(flat) if v.shape[1] > 2]


def test_where_the_connections_and_the_norms_stand():
    kinds = [type(layer).__name__ for layer in deep(True, True).layers]
    assert kinds == ["Linear", "LayerNorm", "Tanh", "Residual", "Residual", "Linear"]
    inner = deep(True, True, dropout=0.1).layers[-2].layers
    assert [type(layer).__name__ for layer in inner] == ["Linear", "LayerNorm", "Tanh", "Dropout"]
    assert deep().switches() == [] and len(deep(None, True).switches()) == 3
    assert [layer.knob for layer in deep(True).switches()] == ["residual"] * 2
    square = MLP([4, 4, 2], residual=True)
    assert isinstance(square.layers[0], Residual), "the first layer, too, if it is as wide"


def test_without_two_equal_widths_there_is_nothing_to_add():
    with pytest.raises(CourseError, match=r"sizes = \[5, 6, 7, 3\] have no hidden .*; repeat a"):
        MLP([5, 6, 7, 3], residual=False)


@pytest.mark.parametrize(("residual", "norm"), [*BOTH, (None, None), (None, True), (False, None)])
def test_a_description_builds_the_same_again(residual, norm):
    model = deep(residual, norm, seed=4)
    told = model.describe()
    assert [k for k in ("residual", "norm") if k in told] == [
        k for k, v in (("residual", residual), ("norm", norm)) if v is not None
    ]
    twin = build_network(told)
    assert twin.describe() == told and torch.equal(twin.theta, model.theta)
    layers = build_layers([layer.describe() for layer in model.layers])
    assert list(map(repr, layers)) == list(map(repr, model.layers))


@pytest.mark.parametrize(
    "text", ["LayerNorm(on=False)", "Residual(Tanh(), on=False)", "Residual(LayerNorm(on=False))"]
)
def test_a_layer_that_is_off_reads_as_its_code(text):
    assert repr(eval(text, {"LayerNorm": LayerNorm, "Residual": Residual, "Tanh": Tanh})) == text


@pytest.mark.parametrize("layer", [LayerNorm(), Residual(Linear(3), ReLU())], ids=repr)
def test_a_switch_is_on_or_off(layer):
    for bad in (None, 1, 0.0, "on", math.nan):
        with pytest.raises(CourseError, match=rf"{type(layer).__name__}.on = .* Allowed: True, F"):
            layer.on = bad
    assert layer.on is True


def test_a_copy_has_switches_of_its_own():
    model = deep(False, False)
    twin = model.at(model.theta.clone())
    put(twin, True, True)
    assert not any(layer.on for layer in model.switches())


def test_a_learners_stack_may_mix_them():
    layers = [Residual(LayerNorm(), Residual(Tanh(), Linear(5), on=False)), LayerNorm(False)]
    model = Network([*layers, Linear(2)], 5, dtype=torch.float64)
    x, y = batch(model, 6, 2)
    model.loss_and_grad(*model.encode(x, y))
    assert compare(model.grad, autograd(model, x, y)[1], rtol=1e-9, atol=1e-12)
    assert [layer.on for layer in model.switches()] == [True, True, False, False]
