"""Networks: built, refused, described, moved, copied and saved."""

import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES, batch, stacks

from course import (
    MLP,
    CourseError,
    Dataset,
    Dropout,
    Linear,
    Network,
    ReLU,
    Residual,
    Sigmoid,
    Tanh,
    compare,
    effort,
)
from course.nn.initialisation import INITS
from course.nn.layers import ACTIVATIONS
from course.nn.network import build_network

# ---- what a network can be --------------------------------------------------------------------


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda: MLP([4]), "4"),
        (lambda: MLP(4), "sizes = 4"),
        (lambda: MLP("44"), "sizes = '44'"),
        (lambda: MLP([4, 0]), "a layer size = 0"),
        (lambda: MLP([10**6 + 1, 1]), "a layer size = 1000001"),
        (lambda: MLP([1] * 1001), "at most 1000 widths"),
        (lambda: MLP([4, 2], "swish"), "swish"),
        (lambda: MLP([4, 2], init="kaiming"), "kaiming"),
        (lambda: MLP([4, 2], loss="hinge"), "hinge"),
        (lambda: MLP([4, 2], dtype=torch.int64), "int64"),
        (lambda: MLP([4, 3, 2], dropout=1.0), "Dropout.p = 1.0"),
        (lambda: Network([ReLU()], 4), "no weights"),
        (lambda: Network([Linear], 4), "not a layer"),
        (lambda: Network(Linear(2), 4), "a list of up to 3000"),
        (lambda: Network([Linear(1)] * 3001, 1), "a list of up to 3000"),
        (lambda: Network([Linear(2)], 0), "features"),
        (lambda: Network([Linear(10**6)], 10**8 + 1), "features"),
        (lambda: Network([Linear(10**6)], 10**8), "weights"),  # the width itself is allowed
        (lambda: Network([Residual(Linear(3)), Linear(2)], 4), r"Linear\(4\)"),
        (lambda: Linear(2, init="xaver"), "xaver"),
        (lambda: build_network(None), "model"),
        (lambda: build_network(MLP([4, 2]).describe() | {"device": "cpu"}), "'device'"),
        (lambda: build_network(MLP([4, 2]).describe() | {"anyway": True}), "'anyway'"),
        (lambda: build_network(MLP([4, 2]).describe() | {"dtype": "int8"}), "'int8'"),
    ],
)
def test_bad_networks_are_refused_in_words(build, words):
    with pytest.raises(CourseError, match=words):
        build()


def test_the_largest_of_each_kind_is_built():
    assert len(MLP([1] * 1000).layers) == 2 * 998 + 1
    assert len(Network([*[ReLU()] * 2999, Linear(1)], 1).layers) == 3000
    assert len(MLP([10**6, 1], init="zeros").theta) == 10**6 + 1
    assert len(MLP((1, 1)).theta) == len(Network((Linear(1),), 1).theta) == 2


def test_more_weights_than_memory_allows_are_built_only_when_asked_anyway(monkeypatch):
    monkeypatch.setattr(effort, "memory_limit", lambda: 1000.0)
    described = MLP([100, 10], anyway=True).describe()
    for build in (
        lambda **options: MLP([100, 10], **options),
        lambda **options: Network([Linear(10)], 100, **options),
        lambda **options: build_network(described, **options),
    ):
        assert len(build(anyway=True).theta) == 1010
        with pytest.raises(CourseError, match="1,010 weights"):
            build()


def test_an_mlp_is_a_row_of_layers():
    hidden = [Linear(4), Tanh(), Dropout(0.1), Linear(5), Tanh(), Dropout(0.1)]
    expected = Network([*hidden, Linear(2)], 3, init="xavier")
    ours = MLP([3, 4, 5, 2], "tanh", dropout=0.1)
    assert repr(ours).splitlines()[1:] == repr(expected).splitlines()[1:]
    assert torch.equal(ours.theta, expected.theta)
    assert [type(layer) for layer in MLP([3, 4, 2], "sigmoid").layers] == [Linear, Sigmoid, Linear]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(stacks(), st.sampled_from(LOSSES), st.sampled_from(sorted(INITS)), st.integers(0, 100))
def test_a_described_network_is_built_again_with_the_same_start(stack, loss, init, seed):
    features, layers = stack
    model = Network(layers, features, loss, init, seed)
    again = build_network(model.describe())
    assert torch.equal(model.theta, again.theta) and repr(model) == repr(again)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4), st.sampled_from(sorted(ACTIVATIONS)),
    st.sampled_from([None, 0, 0.3]), st.sampled_from([None, *sorted(INITS)]),
    st.sampled_from([torch.float32, torch.float64]), st.integers(0, 100),
)  # fmt: skip
def test_and_so_is_an_mlp(sizes, activation, dropout, init, dtype, seed):
    model = MLP(sizes, activation, seed, dtype, "cpu", init, dropout, "mse")
    again = build_network(model.describe())
    assert again.describe() == model.describe() and repr(again) == repr(model)
    assert torch.equal(model.theta, again.theta) and again.loss.name == "mse"


# ---- what it computes -------------------------------------------------------------------------


def test_a_batch_in_parts_adds_up_to_the_whole():
    model = MLP([4, 5, 3], dtype=torch.float64, loss=LOSSES[1])
    x, y = batch(model, 7, 3)
    X, Y = model.encode(x, y)
    assert X.shape[0] == Y.shape[model.sample_dim] == 7
    loss, gradient = model.loss_and_grad(X, Y).clone(), model.grad.clone()
    parts, total = torch.zeros_like(loss), torch.zeros_like(gradient)
    for rows in (slice(0, 3), slice(3, 7)):
        parts += model.loss_and_grad(*model.encode(x[rows], y[rows], 7), 7)
        total += model.grad
    assert compare(parts, loss, rtol=1e-12) and compare(total, gradient, rtol=1e-10, atol=1e-13)


def test_images_are_rows_and_inputs_are_the_datas_own_columns():
    model = MLP([6, 2])
    x = torch.randn(5, 2, 3)
    X, _ = model.encode(x, torch.zeros(5, dtype=torch.long))
    assert X.shape == (5, 7) and torch.equal(model.inputs(X), x.flatten(1))


def test_workspaces_for_training_are_made_once_and_those_for_evaluation_are_not_kept():
    model = MLP([4, 2])
    evaluation = model.workspace(3, training=False)
    training = model.workspace(3)
    assert model.workspace(3) is training is not evaluation
    assert model.workspace(3, training=False) is not evaluation
    assert [s.training for s in (*training, *evaluation)] == [True, False]


def test_predict_is_the_forward_pass_and_disturbs_nothing():
    model = MLP([4, 5, 3], dtype=torch.float64, dropout=0)
    x, y = batch(model, 6, 6)
    model.loss_and_grad(*model.encode(x, y))
    space = model.workspace(len(x))
    before = [t.clone() for s in space for t in (s.a, s.da)] + [model.grad.clone()]
    assert compare(model.predict(x), space[-1].a.t(), rtol=1e-12)
    after = [t for s in space for t in (s.a, s.da)] + [model.grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_other_weights_do_not_touch_the_networks_own():
    model = Network([Linear(4), Residual(Tanh(), Linear(4)), Linear(2)], 3, dtype=torch.float64)
    x, y = batch(model, 5, 1)
    X, Y = model.encode(x, y)
    model.loss_and_grad(X, Y)
    gradient, theta = model.grad.clone(), model.theta.clone()
    other = torch.zeros_like(theta)
    assert (model.predict(x, other) == 0).all()
    twin = model.at(other)
    twin.loss_and_grad(X, Y)
    assert twin.theta is other and torch.equal(model.grad, gradient)
    model.loss_and_grad(X, Y)
    assert torch.equal(model.grad, gradient) and torch.equal(model.theta, theta)


@pytest.mark.parametrize(
    "classes, loss, features, outputs, fits",
    [
        (3, "cross_entropy", 4, 3, True),
        (3, "cross_entropy", 5, 3, False),
        (3, "cross_entropy", 4, 2, False),
        (2, "cross_entropy", 4, 1, False),
        (2, "bce", 4, 1, True),
        (2, "bce", 5, 1, False),
        (2, "bce", 4, 2, True),
        (2, "bce", 4, 3, False),
        (3, "bce", 4, 1, False),
        (None, "mse", 4, 2, True),
        (None, "mse", 4, 1, False),
    ],
)
def test_the_data_must_have_the_networks_widths(classes, loss, features, outputs, fits):
    y = torch.randn(6, 2) if classes is None else torch.arange(6) % classes
    data = Dataset("some", *(torch.randn(6, 4), y) * 2, classes)
    model = MLP([features, outputs], loss=loss)
    if fits:
        return model.validate_data(data)
    with pytest.raises(CourseError, match=r"use sizes \[4, …"):
        model.validate_data(data)


# ---- moving, copying, saving ------------------------------------------------------------------


def a_step(model):
    """The gradient of one training step on ones: it shows which mask was drawn."""
    X, Y = model.encode(torch.ones(6, model.features), torch.zeros(6, dtype=torch.long))
    model.loss_and_grad(X, Y)
    return model.grad.cpu().clone()


def test_a_moved_network_trains_on_with_weights_of_its_own(device):
    model = MLP([4, 30, 2], dropout=0.5)
    assert (model.grad == 0).all()
    a_step(model)
    theta, before = model.theta, model.theta.clone()
    assert model.to(device) is model and model.theta.device.type == device
    assert torch.equal(model.theta.cpu(), before) and (model.grad == 0).all()
    model.theta.zero_()
    assert torch.equal(theta, before)
    assert (a_step(model) != 0).any() and model.generator.device.type == device


def test_a_generator_of_another_device_is_replaced_and_seeded_alike():
    model = MLP([4, 30, 2], dropout=0.5, seed=7)
    first = a_step(model)
    model.generator = SimpleNamespace(device=SimpleNamespace(type="elsewhere"))
    assert torch.equal(a_step(model.to("cpu")), first)


@pytest.mark.parametrize("device", ["cuda:99", "warp", "meta", 3.5])
def test_a_device_that_is_not_here_is_refused_and_nothing_moves(device):
    model = MLP([4, 2])
    theta = model.theta
    for move in (model.to, lambda d: MLP([4, 2], device=d)):
        with pytest.raises(CourseError, match="is not here; see available_devices"):
            move(device)
    assert model.theta is theta


def test_a_copy_draws_the_same_masks_and_shares_nothing():
    model = MLP([4, 30, 2], dropout=0.5)
    a_step(model)
    twin, before = copy.deepcopy(model), model.state()["generator"]
    next_of_the_twin = a_step(twin)
    assert torch.equal(model.state()["generator"], before)
    assert torch.equal(a_step(model), next_of_the_twin)
    twin.theta.zero_()
    assert (model.theta != 0).any()


def test_a_state_brings_the_masks_back_and_one_that_does_not_fit_changes_nothing():
    model = MLP([4, 30, 2], dropout=0.5)
    state = model.state()
    first = a_step(model)
    later = model.state()
    broken = {"generator": state["generator"][:-1]}
    for bad in ({}, state | {"more": 1}, broken, {"generator": None}):
        for refuse in (model.check_state, model.load_state):
            with pytest.raises(CourseError, match="of the state is"):
                refuse(bad)
    assert torch.equal(model.state()["generator"], later["generator"])
    model.load_state(state)
    assert torch.equal(a_step(model), first)
