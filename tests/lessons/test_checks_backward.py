"""The checks of back-propagation against `torch.nn` with its own autograd."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn
from torch.nn import functional as F

from course.lessons.checks.backward import (
    ACTIVATIONS,
    algorithm,
    as_printed,
    case,
    cross_entropy,
    examine,
    examine_three,
    formulas,
    gradients_of,
    mended,
    missing_formulas,
    start,
    trace,
)
from course.nn.network import MLP

SLOPES = {
    "relu": lambda z: (z > 0).double(),
    "tanh": lambda z: 1 / torch.cosh(z) ** 2,
    "sigmoid": lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
}


def by_torch(activation: str, seed: int, B: int) -> list[dict]:
    """Each hidden layer of the same network in `torch.nn`: rows are samples, as torch has them."""
    module = start(activation, seed).to_module()
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(4, B, generator=g, dtype=torch.float64), torch.randint(3, (B,), generator=g)
    a, layers, linear = x.t(), [], None
    for layer in module:
        below, a = a, layer(a)
        a.retain_grad()
        if isinstance(layer, nn.Linear):
            linear, z, at = layer, a, below
        else:
            layers.append({"a": at, "z": z, "out": a, "W": linear.weight, "b": linear.bias})
    F.cross_entropy(a, y).backward()
    return layers


@pytest.mark.parametrize("activation, seed, B", list(product(ACTIVATIONS, range(3), (1, 8))))
def test_what_is_known_of_each_layer_is_what_torch_knows(activation, seed, B):
    ours, theirs = trace(start(activation, seed), seed, B), by_torch(activation, seed, B)
    assert len(ours) == len(theirs) == 2
    for (known, dW), layer in zip(ours, theirs, strict=True):
        pairs = [
            (known.da.t(), layer["out"].grad), (known.dz.t(), layer["z"].grad),
            (known.slope.t(), SLOPES[activation](layer["z"])), (known.a.t(), layer["a"]),
            (dW[:, :-1], layer["W"].grad), (dW[:, -1], layer["b"].grad),
        ]  # fmt: skip
        for got, expected in pairs:
            torch.testing.assert_close(got, expected.detach(), rtol=1e-9, atol=1e-12)


def test_the_biases_are_not_zero():
    for seed in range(3):
        model = start("tanh", seed)
        moved = model.theta - MLP([4, 6, 6, 3], "tanh", seed=seed, dtype=torch.float64).theta
        assert moved.std().item() == pytest.approx(0.2, rel=0.2)
        assert moved.mean().item() == pytest.approx(0, abs=0.06)


def error_by_torch(claim: str, activation: str, in_order: bool) -> float:
    """The printed line's relative error over both layers, the median of three seeds."""
    found = []
    for seed in range(3):
        wrong, right = [], []
        for layer in by_torch(activation, seed, 1):
            da, dz, slope = layer["out"].grad, layer["z"].grad, SLOPES[activation](layer["z"])
            as_da = dz * slope if in_order else da
            printed = {"a": dz * slope, "W": as_da.t() @ layer["a"], "b": as_da[0]}
            truth = {"a": da, "W": layer["W"].grad, "b": layer["b"].grad}
            wrong.append((printed[claim] - truth[claim]).detach().flatten())
            right.append(truth[claim].detach().flatten())
        found.append(float(torch.cat(wrong).norm() / torch.cat(right).norm()))
    return float(np.median(found))


def test_the_errors_of_the_printed_lines_are_those_by_torch():
    cases = by_name(formulas.cases(formulas.document))
    lines = {
        "∂L/∂a from ∂L/∂z": ("a", False), "∂L/∂W, its line alone": ("W", False),
        "∂L/∂W, after the first line": ("W", True), "∂L/∂b, its line alone": ("b", False),
        "∂L/∂b, after the first line": ("b", True),
    }  # fmt: skip
    assert list(cases) == [*lines, "∂L/∂b, a batch of 8"]
    for name, line in lines.items():
        expected = [error_by_torch(line[0], f, line[1]) for f in ACTIVATIONS]
        assert numbers(cases[name].number) == pytest.approx(expected, abs=0.006)
    assert cases["∂L/∂b, a batch of 8"].number.startswith("one column for each of the 8 samples")


def test_an_error_is_relative_and_the_order_of_the_text_hands_it_on():
    def half_more(k):
        return {"z": 1.5 * k.da * k.slope, "W": k.dz @ k.a.t(), "b": -k.dz.sum(1, keepdim=True)}

    found = by_name(examine(half_more))
    errors = {name: numbers(c.number) for name, c in found.items()}
    assert errors["∂L/∂z from ∂L/∂a"] == errors["∂L/∂W, after the first line"] == 3 * [0.5]
    assert errors["∂L/∂W, its line alone"] == 3 * [0]
    assert errors["∂L/∂b, its line alone"] == errors["∂L/∂b, a batch of 8"] == 3 * [2]
    assert errors["∂L/∂b, after the first line"] == 3 * [2.5]
    assert marks(found.values()) == "✗✓✗✗✗|✗"


def test_a_formula_for_one_activation_is_not_the_formula():
    def for_relu(k):
        return mended(k) | {"z": k.da * (k.slope > 0)}

    found = case(for_relu, "", "z")
    relu, tanh, sigmoid = numbers(found.number)
    assert relu == 0 and tanh > 0.1 and sigmoid > 1 and not found.holds


def test_the_printed_lines_are_the_documents():
    known = trace(start("tanh", 0), 0, 1)[0][0]
    said = as_printed(known)
    assert torch.equal(said["a"], known.dz * known.slope)
    assert torch.equal(said["W"], torch.outer(known.da[:, 0], known.a[:, 0]))
    assert torch.equal(said["b"], known.da)


# ---- D0-3.2b ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what, counts", [("neuron", (12, 12)), ("sample", (0, 5))])
def test_what_a_backward_pass_gives(what, counts):
    assert gradients_of(what) == counts


def test_a_backward_pass_gives_every_hidden_weight():
    assert gradients_of("weight") == (6 * 5 + 6 * 7, 6 * 5 + 6 * 7)


def test_a_wrong_backward_pass_gives_less(monkeypatch):
    right = MLP.loss_and_grad

    def halved(self, *args):
        loss = right(self, *args)
        self.views(self.grad)[1][:] /= 2
        return loss

    monkeypatch.setattr(MLP, "loss_and_grad", halved)
    assert gradients_of("neuron") == (6, 12)
    found, of = gradients_of("weight")
    assert found == 6 * 5 and of == 6 * 5 + 6 * 7


@pytest.mark.parametrize(
    "core, found", [(("backward", "update"), "✓✓"), (("update",), "✓✗"), ((), "✗✗")]
)
def test_what_is_needed_and_what_is_enough(core, found):
    cases = algorithm.cases({"core": core, "gradient of": "weight"})
    assert marks(cases) == found + "✓"
    assert list(by_name(cases))[2] == "it gives the gradient of each weight"


# ---- D3-3.3 ---------------------------------------------------------------------------------


def test_the_cross_entropy_is_torchs_even_where_e_to_the_z_overflows():
    g = torch.Generator().manual_seed(0)
    z = 300 * torch.randn(20, 5, generator=g, dtype=torch.float64)
    y = torch.randint(5, (20,), generator=g)
    z[0] = torch.tensor([900.0, 0, 0, 0, 0])
    assert cross_entropy(z, y).item() == pytest.approx(F.cross_entropy(z, y).item(), rel=1e-12)


def test_the_numbers_of_the_three_formulas():
    found = missing_formulas.cases(missing_formulas.planted)
    first = math.log(1 + math.exp(-3) + math.exp(-1.5))  # of the row 2, -1, 0.5 and class 0
    assert numbers(found[0].number) == pytest.approx([(first + 200) / 2], abs=1e-3)
    assert numbers(found[1].number) == [0]
    assert numbers(found[2].number) == [0, 0, 0]


def careless(z, y):
    return -(z.exp() / z.exp().sum(1, keepdim=True)).log()[torch.arange(len(y)), y].mean()


def averaged_bias(k):
    return mended(k) | {"b": k.dz.mean(1, keepdim=True) * 0.5}


@pytest.mark.parametrize(
    "part, wrong, found",
    [
        ("cross_entropy", lambda z, y: 2 * cross_entropy(z, y), "✗✓✓"),
        ("cross_entropy", lambda z, y: cross_entropy(z, y + 1), "✗✓✓"),
        ("backward", averaged_bias, "✓✓✗"),
        ("backward", lambda k: mended(k) | {"z": k.da}, "✓✓✗"),
        ("backward", lambda k: mended(k) | {"W": k.da @ k.a.t()}, "✓✓✗"),
    ],
)
def test_one_wrong_formula_of_three_is_found(part, wrong, found):
    cases = examine_three(missing_formulas.planted | {part: wrong})
    assert marks(cases) == found


@pytest.mark.parametrize(
    "wrong, gap",
    [
        (lambda theta, g, lr: theta + lr * g, 0.4),
        (lambda theta, g, lr: theta, 0.2),
        (lambda theta, g, lr: theta - g, 1.8),
    ],
)
def test_a_wrong_descent_is_off_by_its_own_step(wrong, gap):
    cases = examine_three(missing_formulas.planted | {"descend": wrong})
    assert marks(cases) == "✓✗✓"
    assert numbers(cases[1].number) == pytest.approx([gap], abs=0.006)


def test_a_softmax_that_overflows_is_found():
    statement = missing_formulas.planted | {"cross_entropy": careless}
    z = torch.tensor([[0.0, 800.0]], dtype=torch.float64)
    assert math.isnan(careless(z, torch.tensor([1])).item())
    assert marks(examine_three(statement))[1:] == "✓✓"
