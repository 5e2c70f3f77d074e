"""How weights start: the variance that each initialisation promises, and what it is for."""

import pytest
import torch

from course import (
    MLP,
    compare,
)
from course.nn.initialisation import INITS


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
