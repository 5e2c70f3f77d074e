"""Curvature: products, Gauss-Newton products and the Hessian against torch.func."""

import pytest
import torch
from hypothesis import settings
from nn_problems import problem, problems

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
from course.nn.losses import CrossEntropy


@settings(max_examples=40, deadline=None, derandomize=True)
@problems
def test_products_and_hessian_are_torch_funcs(sizes, activation, loss, dropout, seed):
    model, batch, by_torch, *_ = problem(sizes, activation, loss, seed, dropout=dropout)
    curvature, H = model.curvature(*batch), torch.func.hessian(by_torch)(model.theta)
    assert compare(curvature.hessian(), H, rtol=1e-9, atol=1e-11)
    for v in torch.randn(2, len(model.theta), dtype=torch.float64):
        assert compare(curvature.hvp(v), H @ v, rtol=1e-9, atol=1e-10)
    assert compare(curvature.loss, by_torch(model.theta), rtol=1e-12)


@settings(max_examples=25, deadline=None, derandomize=True)
@problems
def test_the_gauss_newton_product_is_its_definition(sizes, activation, loss, dropout, seed):
    model, batch, _, outputs, y = problem(sizes, activation, loss, seed, dropout=dropout)
    J = torch.func.jacrev(lambda t: outputs(t).flatten())(model.theta)
    z = outputs(model.theta)
    S = torch.func.hessian(lambda flat: model.loss.referee(flat.view_as(z), y))(z.flatten())
    v = torch.randn(len(model.theta), dtype=torch.float64)
    ours = model.curvature(*batch).gauss_newton(v)
    assert compare(ours, J.t() @ (S @ (J @ v)), rtol=1e-9, atol=1e-10)
    assert float(v @ ours) >= -1e-12


def test_products_do_not_disturb_training_and_outlive_a_step():
    model, batch, *_ = problem([3, 4, 2], "tanh", CrossEntropy(), 0)
    model.loss_and_grad(*batch)
    curvature, v = model.curvature(*batch), torch.randn(len(model.theta), dtype=torch.float64)
    kept, first = model.grad.clone(), curvature.hvp(v)
    model.loss_and_grad(batch[0] * 2, batch[1])
    model.loss_and_grad(*batch)
    assert torch.equal(curvature.hvp(v), first) and torch.equal(model.grad, kept)


def test_an_adopted_module_has_the_same_curvature():
    model, (X, Y), *_ = problem([3, 4, 2], "gelu", CrossEntropy(), 4)
    x, y = model.inputs(X), -(Y * len(X)).t()
    twin = adopt(model.to_module(), loss=torch.nn.functional.cross_entropy)
    ours, theirs = model.curvature(X, Y), twin.curvature(x, y)

    def in_their_order(flat):  # W and b of a layer lie in one matrix here, one by one there
        views = model.named_views(flat)
        return torch.cat([views[name].reshape(-1) for name in twin.named_views(twin.theta)])

    v = torch.randn(len(model.theta), dtype=torch.float64)
    w = in_their_order(v)
    assert compare(in_their_order(ours.hvp(v)), theirs.hvp(w), rtol=1e-9, atol=1e-12)
    expected = in_their_order(ours.gauss_newton(v))
    assert compare(expected, theirs.gauss_newton(w), rtol=1e-9, atol=1e-12)
    assert compare(theirs.hessian() @ w, theirs.hvp(w), rtol=1e-9, atol=1e-12)


def test_what_has_no_written_curvature_is_refused_in_words(monkeypatch):
    for layers, words in [
        ([LayerNorm(), Linear(2)], "LayerNorm"),
        ([Linear(2), ReLU()], "ends with ReLU"),
        ([Linear(3), ReLU(), Tanh(), Linear(2)], "Tanh"),
    ]:
        model = Network(layers, 3)
        batch = model.encode(torch.randn(4, 3), torch.zeros(4, dtype=torch.long))
        with pytest.raises(CourseError, match=words):
            model.curvature(*batch)
    model = MLP([1000, 200, 10])
    batch = model.encode(torch.randn(4, 1000), torch.zeros(4, dtype=torch.long))
    monkeypatch.setattr(effort, "memory_limit", lambda: 8e9)
    with pytest.raises(CourseError, match=r"202,210 x 202,210 numbers: .* 16\d GB.* 8 GB.*hvp"):
        model.curvature(*batch).hessian()
