"""Every hand-derived gradient against autograd in float64, layer by layer and loss by loss."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course import (
    GELU,
    MLP,
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
    gradient_check,
)
from course.nn.initialisation import INITS
from course.nn.layers import ACTIVATIONS
from course.nn.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from course.nn.network import build_network

LOSSES = [CrossEntropy(), CrossEntropy(0.2), MeanSquaredError(), BinaryCrossEntropy()]
widths = st.integers(1, 6)
simple = st.sampled_from([ReLU, Tanh, Sigmoid, GELU, LayerNorm, lambda: Dropout(0.0)])


@st.composite
def stacks(draw):
    """(features, layers): any order the library allows, a Residual among them."""
    layers, width = [], draw(widths)
    features = width
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["linear", "simple", "residual"]))
        if kind == "linear":
            width = draw(widths)
            layers.append(Linear(width))
        elif kind == "simple":
            layers.append(draw(simple)())
        else:
            inner = [draw(simple)(), Linear(draw(widths)), ReLU(), Linear(width)]
            layers.append(Residual(*draw(st.sampled_from([inner, [Residual(*inner)]]))))
    return features, [*layers, Linear(draw(st.integers(1, 4)))]


def batch(model, B, seed, scale=1.0):
    """Weights (biases too: zeros hide a wrong backward), rows and answers, all at random."""
    generator = torch.Generator().manual_seed(seed)
    model.theta.normal_(generator=generator).mul_(scale)
    x = torch.randn(B, model.features, dtype=torch.float64, generator=generator)
    if isinstance(model.loss, CrossEntropy):
        return x, torch.randint(0, model.outputs, (B,), generator=generator)
    return x, torch.rand(B, model.outputs, dtype=torch.float64, generator=generator)


def autograd(model, x, y):
    """(loss, gradient (P,)) through torch's own layers and loss."""
    theta = model.theta.clone().requires_grad_()
    outputs = torch.func.functional_call(model.to_module(), model.named_views(theta), (x,))
    loss = model.loss.referee(outputs, y)
    return loss.detach(), torch.autograd.grad(loss, theta)[0]


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


# ---- losses -------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from(LOSSES), st.integers(1, 7), st.integers(1, 6),
    st.floats(1e-3, 1e4), st.integers(0, 10_000),
)  # fmt: skip
@example(CrossEntropy(), 1, 1, 1e4, 0)
def test_losses_with_small_and_with_huge_outputs(loss, B, C, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    z = (scale * torch.randn(B, C, dtype=torch.float64, generator=generator)).requires_grad_()
    if isinstance(loss, CrossEntropy):
        y = torch.randint(0, C, (B,), generator=generator)
        expected = F.cross_entropy(z, y, label_smoothing=loss.smoothing)
    elif isinstance(loss, MeanSquaredError):
        y = torch.randn(B, C, dtype=torch.float64, generator=generator)
        expected = F.mse_loss(z, y)
    else:
        y = torch.rand(B, C, dtype=torch.float64, generator=generator)
        expected = F.binary_cross_entropy_with_logits(z, y)
    expected.backward()
    out, Z = torch.empty(C, B, dtype=torch.float64), z.detach().t().contiguous()
    ours = loss(Z, loss.encode(y, C, B, torch.float64), out, B)
    assert compare(ours, expected, rtol=1e-12, atol=1e-12 * scale)
    assert compare(out.t(), z.grad, rtol=1e-10, atol=1e-15)
    assert compare(loss.value(z.detach(), y), expected, rtol=1e-12, atol=1e-12 * scale)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(LOSSES), st.integers(1, 5), st.integers(0, 1000))
def test_the_loss_knows_its_own_curvature(loss, C, seed):
    generator = torch.Generator().manual_seed(seed)
    z, v = torch.randn(2, C, 3, dtype=torch.float64, generator=generator)
    y = torch.randint(0, C, (3,), generator=generator)
    if not isinstance(loss, CrossEntropy):
        y = torch.rand(3, C, dtype=torch.float64, generator=generator)
    Y = loss.encode(y, C, 3, torch.float64)
    up, down = torch.empty_like(z), torch.empty_like(z)
    loss(z + 1e-6 * v, Y, up, 3), loss(z - 1e-6 * v, Y, down, 3)
    ours = loss.curvature_times(v, loss.probabilities(z), 3)
    assert compare(ours, (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "loss, y, words",
    [
        (CrossEntropy(), torch.randn(3, 2), "class numbers"),
        (BinaryCrossEntropy(), torch.full((3, 2), 1.5), r"\[0, 1\]"),
    ],
)
def test_answers_that_do_not_suit_the_loss_are_refused(loss, y, words):
    with pytest.raises(CourseError, match=words):
        loss.encode(y, 2, 3)


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, math.nan, "much"])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(CourseError, match="smoothing"):
        CrossEntropy(smoothing)


# ---- dropout ------------------------------------------------------------------------------


def test_dropout_keeps_its_mask_for_the_way_back():
    model = Network([Linear(50), Dropout(0.4), Linear(2)], 6, dtype=torch.float64)
    x, y = batch(model, 20, 1)
    model.loss_and_grad(*model.encode(x, y))
    mask = model.workspace(20)[1].cache.t()
    (W0, W1), theta = (0, 1), model.theta.clone().requires_grad_()
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


# ---- initialisations ----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(INITS))
@pytest.mark.parametrize("shape", [(200, 300), (300, 200)])
def test_initialisations_have_the_variance_they_promise(name, shape):
    W = torch.empty(shape, dtype=torch.float64)
    INITS[name](W, 2.0, torch.Generator().manual_seed(0))
    n_out, n_in = shape
    expected = {
        "zeros": 0, "normal": 1e-4, "lecun": 1 / n_in, "xavier": 2 / (n_in + n_out),
        "he": 2 / n_in, "torch": 1 / (3 * n_in), "orthogonal": 2 / max(shape),
    }[name]  # fmt: skip
    assert float(W.var()) == pytest.approx(expected, rel=0.03)
    assert abs(float(W.mean())) < 0.01
    if name == "orthogonal":
        product = W @ W.t() if n_out < n_in else W.t() @ W
        assert compare(product, 2 * torch.eye(200), rtol=1e-12, atol=1e-12)


def test_a_signal_keeps_its_size_with_the_activations_own_start_and_dies_with_small_normal():
    x = torch.randn(64, 100)
    for activation in ("relu", "tanh"):
        sizes = [100] * 11
        alive = MLP(sizes, activation).predict(x).std()
        dead = MLP(sizes, activation, init="normal").predict(x).std()
        assert 0.1 < float(alive) < 10 and float(dead) < 1e-3 * float(alive)


# ---- whole networks -----------------------------------------------------------------------


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


@settings(max_examples=30, deadline=None, derandomize=True)
@given(stacks(), st.sampled_from(LOSSES), st.sampled_from(sorted(INITS)), st.integers(0, 100))
def test_a_described_network_is_built_again_with_the_same_start(stack, loss, init, seed):
    features, layers = stack
    model = Network(layers, features, loss, init, seed)
    again = build_network(model.describe())
    assert torch.equal(model.theta, again.theta) and repr(model) == repr(again)


def test_predict_is_the_forward_pass_and_disturbs_nothing():
    model = MLP([4, 5, 3], dtype=torch.float64)
    x, y = batch(model, 6, 6)
    model.loss_and_grad(*model.encode(x, y))
    space = model.workspace(len(x))
    before = [t.clone() for s in space for t in (s.a, s.da)] + [model.grad.clone()]
    assert compare(model.predict(x), space[-1].a.t(), rtol=1e-12)
    after = [t for s in space for t in (s.a, s.da)] + [model.grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda: MLP([4]), "4"),
        (lambda: MLP([4, 0]), "0"),
        (lambda: MLP([4, 2], "swish"), "swish"),
        (lambda: MLP([4, 2], init="kaiming"), "kaiming"),
        (lambda: MLP([4, 2], loss="hinge"), "hinge"),
        (lambda: MLP([4, 2], dtype=torch.int64), "int64"),
        (lambda: MLP([4, 3, 2], dropout=1.0), "Dropout.p = 1.0"),
        (lambda: Network([ReLU()], 4), "no weights"),
        (lambda: Network([Linear], 4), "not a layer"),
        (lambda: Network([Linear(2)], 0), "features"),
        (lambda: Network([Residual(Linear(3)), Linear(2)], 4), r"Linear\(4\)"),
        (lambda: Residual(), "give layers"),
        (lambda: Linear(0), "Linear.width"),
        (lambda: Linear(2, init="xaver"), "xaver"),
    ],
)
def test_bad_networks_are_refused_in_words(build, words):
    with pytest.raises(CourseError, match=words):
        build()
