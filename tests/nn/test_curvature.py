"""Curvature: products, Gauss-Newton products and the Hessian against torch's autograd."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, settings
from nn_problems import LOSSES, problem, problems
from torch.autograd.functional import hessian, jacobian

from course import (
    MLP,
    CourseError,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Tanh,
    adopt,
    compare,
    effort,
)
from course.nn.curvature import gauss_newton_product, hessian_product
from course.nn.losses import CrossEntropy

a_mixture = example([3, 4, 2, 3, 2], ["gelu", "tanh"], LOSSES[0], None, 0)
a_gap = example([2, 3, 4, 3, 2], ["sigmoid", None], LOSSES[3], None, 1)


@settings(max_examples=30, deadline=None, derandomize=True)
@a_mixture
@a_gap
@problems
def test_products_and_hessian_are_autograds(sizes, activations, loss, dropout, seed):
    model, batch, by_torch, *_ = problem(sizes, activations, loss, seed, dropout=dropout)
    curvature, H = model.curvature(*batch), hessian(by_torch, model.theta)
    assert compare(curvature.hessian(), H, rtol=1e-9, atol=1e-11)
    for v in torch.randn(2, len(model.theta), dtype=torch.float64):
        assert compare(curvature.hvp(v), H @ v, rtol=1e-9, atol=1e-10)
    assert compare(curvature.loss, by_torch(model.theta), rtol=1e-12)


@settings(max_examples=20, deadline=None, derandomize=True)
@a_mixture
@a_gap
@problems
def test_the_gauss_newton_product_is_its_definition(sizes, activations, loss, dropout, seed):
    model, batch, _, outputs, y = problem(sizes, activations, loss, seed, dropout=dropout)
    J = jacobian(lambda theta: outputs(theta).flatten(), model.theta)
    z = outputs(model.theta)
    S = hessian(lambda flat: model.loss.referee(flat.view_as(z), y), z.flatten())
    v = torch.randn(len(model.theta), dtype=torch.float64)
    ours = model.curvature(*batch).gauss_newton(v)
    assert compare(ours, J.t() @ (S @ (J @ v)), rtol=1e-9, atol=1e-10)
    assert float(v @ ours) >= -1e-12


def test_products_do_not_disturb_training_and_outlive_a_step():
    model, (X, Y), *_ = problem([3, 4, 2], ["tanh"], CrossEntropy(), 0)
    model.loss_and_grad(X, Y)
    curvature, v = model.curvature(X, Y), torch.randn(len(model.theta), dtype=torch.float64)
    gradient, first = model.grad.clone(), curvature.hvp(v)
    assert torch.equal(model.grad, gradient)
    X.mul_(2)  # the next batch, in the same memory
    model.loss_and_grad(X, Y)
    assert torch.equal(curvature.hvp(v), first)


def test_an_adopted_module_has_the_same_curvature():
    model, (X, Y), *_ = problem([3, 4, 2], ["gelu"], CrossEntropy(), 4)
    x, y = model.inputs(X).clone(), -(Y * len(X)).t()
    twin = adopt(model.to_module(), loss=F.cross_entropy)
    ours, theirs = model.curvature(X, Y), twin.curvature(x, y)
    x.zero_(), y.zero_()  # the next batch, in the same memory

    def in_their_order(flat):  # W and b of a layer lie in one matrix here, one by one there
        views = model.named_views(flat)
        return torch.cat([views[name].reshape(-1) for name in twin.named_views(twin.theta)])

    v = torch.randn(len(model.theta), dtype=torch.float64)
    w = in_their_order(v)
    assert compare(in_their_order(ours.hvp(v)), theirs.hvp(w), rtol=1e-9, atol=1e-12)
    expected = in_their_order(ours.gauss_newton(v))
    assert compare(expected, theirs.gauss_newton(w), rtol=1e-9, atol=1e-12)
    assert compare(theirs.hessian() @ w, theirs.hvp(w), rtol=1e-9, atol=1e-12)


def test_weights_that_bend_nothing_have_no_curvature():
    w, straight, unused = (torch.tensor([2.0, 3.0], requires_grad=True) for _ in range(3))
    v = [torch.tensor([1.0, -1.0])] * 3
    outputs = w**2 + straight
    found = hessian_product(outputs, torch.sum, [w, straight, unused], v)
    assert [h.tolist() for h in found] == [[2, -2], [0, 0], [0, 0]]
    found = hessian_product(straight, torch.sum, [straight, unused], v[:2])
    assert [h.tolist() for h in found] == [[0, 0], [0, 0]]
    found = gauss_newton_product(outputs, lambda z: (z**2).sum() / 2, [w, straight, unused], v)
    Jv = 2 * w * v[0] + v[1]  # S = I
    assert [h.tolist() for h in found] == [(2 * w * Jv).tolist(), Jv.tolist(), [0, 0]]
    assert gauss_newton_product(outputs, torch.sum, [unused], v[:1])[0].tolist() == [0, 0]


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers, words",
    [
        ([LayerNorm(), Linear(2)], "LayerNorm"),
        ([Linear(3), LayerNorm(), Linear(2)], "LayerNorm"),
        ([Tanh(), Linear(2)], "Tanh"),
        ([Linear(2), ReLU()], "ends with ReLU"),
        ([Linear(3), ReLU(), Tanh(), Linear(2)], "Tanh"),
    ],
)
def test_what_has_no_written_curvature_is_refused_in_words(layers, words):
    model = Network(layers, 3)
    batch = model.encode(torch.randn(4, 3), torch.zeros(4, dtype=torch.long))
    with pytest.raises(CourseError, match=words):
        model.curvature(*batch)


def test_a_hessian_beyond_the_limit_is_refused_unless_asked_anyway(monkeypatch):
    monkeypatch.setattr(effort, "memory_limit", lambda: 8e9)
    model = MLP([1000, 200, 10])
    batch = model.encode(torch.randn(4, 1000), torch.zeros(4, dtype=torch.long))
    with pytest.raises(CourseError, match=r"202,210 x 202,210 numbers: .* 16\d GB.* 8 GB.*hvp"):
        model.curvature(*batch).hessian()
    monkeypatch.setattr(effort, "memory_limit", lambda: 1000.0)
    small = MLP([2, 3, 2])
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 0, 1])
    adopted = adopt(small.to_module()).curvature(x, y)
    for curvature in (small.curvature(*small.encode(x, y)), adopted):
        with pytest.raises(CourseError, match="17 x 17"):
            curvature.hessian()
        assert curvature.hessian(anyway=True).shape == (17, 17)


def test_the_effort_of_a_hessian_counts_its_largest_block(monkeypatch):
    begun = []
    monkeypatch.setattr(effort, "begin", lambda effort, anyway=False: begun.append(effort))
    model = MLP([3, 5, 2], dtype=torch.float64)
    begun.clear()
    x, y = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1])
    model.curvature(*model.encode(x, y)).hessian()
    adopt(model.to_module()).curvature(x, y).hessian()
    block = 4 * 5 * 20  # rows of the batch, of the widest layer; weights of the largest
    assert begun == [
        effort.of_hessian(32, 4, torch.float64, block),
        effort.of_products(32, 4, torch.float64),
    ]
