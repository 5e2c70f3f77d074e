"""How weights start: torch's own initialisations, the variance they promise, what it is for."""

import pytest
import torch
from torch import nn

from course import MLP, Linear, Network, compare
from course.nn.initialisation import INITS

TORCHS = {
    "zeros": lambda W, generator: nn.init.zeros_(W),
    "normal": lambda W, generator: nn.init.normal_(W, 0, 0.01, generator=generator),
    "lecun": lambda W, generator: nn.init.kaiming_normal_(W, 0, "fan_in", "linear", generator),
    "xavier": lambda W, generator: nn.init.xavier_normal_(W, 1, generator),
    "he": lambda W, generator: nn.init.kaiming_normal_(W, 0, "fan_in", "relu", generator),
    "orthogonal": lambda W, generator: nn.init.orthogonal_(W, 3**0.5, generator),
    "torch": lambda W, generator: nn.init.kaiming_uniform_(W, 5**0.5, generator=generator),
}


@pytest.mark.parametrize("name", sorted(INITS))
@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (25, 25)])
def test_initialisations_are_torchs_to_the_last_draw(name, shape):
    if name == "orthogonal" and shape[0] < shape[1]:
        shape = shape[::-1]  # torch draws a wide matrix transposed: see the products below
    ours, theirs = torch.empty(2, *shape, dtype=torch.float64)
    INITS[name](ours, 3.0, torch.Generator().manual_seed(5))
    TORCHS[name](theirs, torch.Generator().manual_seed(5))
    assert compare(ours, theirs, rtol=1e-12, atol=1e-15)


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


@pytest.mark.parametrize(
    "activation, init, gain",
    [("relu", "he", 2), ("gelu", "he", 2), ("tanh", "xavier", 1), ("sigmoid", "xavier", 1)],
)
def test_an_mlp_starts_as_its_activation_wants(activation, init, gain):
    sizes, double = [6, 6, 6], torch.float64
    model = MLP(sizes, activation)
    assert model.init == init and torch.equal(model.theta, MLP(sizes, init=init).theta)
    orthogonal = MLP(sizes, activation, init="orthogonal", dtype=double)
    for W in orthogonal.views(orthogonal.theta):
        assert compare(W[:, :-1] @ W[:, :-1].t(), gain * torch.eye(6), rtol=1e-12, atol=1e-12)
    (W,) = [
        w[:, :-1] for w in [Network([Linear(6)], 6, init="orthogonal", dtype=double).layers[0].W]
    ]
    assert compare(W @ W.t(), torch.eye(6), rtol=1e-12, atol=1e-12)


def test_a_layers_own_start_comes_before_the_networks_and_biases_start_at_0():
    model = Network([Linear(4, init="he"), Linear(3)], 5, init="zeros")
    first, second = model.views(model.theta)
    assert (first[:, :-1] != 0).all() and (first[:, -1] == 0).all() and (second == 0).all()


def test_a_network_starts_from_its_seed_alone_and_the_seed_is_0():
    layers = [Linear(4), Linear(3)]
    theta = Network(layers, 5).theta
    torch.manual_seed(99)
    assert torch.equal(Network(layers, 5, seed=0).theta, theta)
    assert torch.equal(MLP([5, 4], seed=0).theta, MLP([5, 4]).theta)
    assert not torch.equal(Network(layers, 5, seed=1).theta, theta)
