"""Curvature against torch.func, solvers against torch.linalg, second-order steps against both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import (
    MLP,
    CourseError,
    Dataset,
    Descend,
    GaussNewton,
    LayerNorm,
    Linear,
    Network,
    Newton,
    NewtonCG,
    ReLU,
    Tanh,
    Trainer,
    adopt,
    chain,
    compare,
    effort,
    load_data,
)
from course.nn.layers import ACTIVATIONS
from course.nn.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from course.optim.second_order import conjugate_gradients, sharpness

LOSSES = [CrossEntropy(), CrossEntropy(0.1), MeanSquaredError(), BinaryCrossEntropy()]


def problem(sizes, activation, loss, seed, B=5, dropout=None):
    """(model, encoded batch, L(θ) by torch, outputs(θ) by torch, answers)."""
    model = MLP(sizes, activation, dtype=torch.float64, loss=loss, dropout=dropout)
    generator = torch.Generator().manual_seed(seed)
    model.theta.normal_(generator=generator)
    x = torch.randn(B, sizes[0], dtype=torch.float64, generator=generator)
    y = torch.randint(0, sizes[-1], (B,), generator=generator)
    if not isinstance(loss, CrossEntropy):
        y = torch.rand(B, sizes[-1], dtype=torch.float64, generator=generator)
    module = model.to_module().eval()

    def outputs(theta):
        return torch.func.functional_call(module, model.named_views(theta), (x,))

    return model, model.encode(x, y), lambda t: model.loss.referee(outputs(t), y), outputs, y


problems = given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.sampled_from(LOSSES),
    st.sampled_from([None, 0.5]),
    st.integers(0, 1000),
)


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


# ---- solvers ------------------------------------------------------------------------------


def symmetric(eigenvalues, seed):
    generator = torch.Generator().manual_seed(seed)
    n = len(eigenvalues)
    Q = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))[0]
    b = torch.randn(n, dtype=torch.float64, generator=generator)
    return Q @ torch.tensor(eigenvalues, dtype=torch.float64).diag() @ Q.t(), b


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=12), st.integers(0, 1000))
def test_conjugate_gradients_solve_what_linalg_solves(eigenvalues, seed):
    A, b = symmetric(eigenvalues, seed)
    found = conjugate_gradients(A.mv, b, 3 * len(b), 1e-10)
    assert compare(found.x, torch.linalg.solve(A, b), rtol=1e-6, atol=1e-8)
    assert not found.negative_curvature and found.iterations <= 3 * len(b)
    assert found.residual == pytest.approx(float((b - A @ found.x).norm() / b.norm()), abs=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(-5, 10), min_size=1, max_size=12), st.integers(0, 1000))
def test_where_the_curvature_is_negative_it_stops_and_still_goes_downhill(eigenvalues, seed):
    A, b = symmetric([*eigenvalues, -1.0], seed)
    found = conjugate_gradients(A.mv, b, 50)
    assert found.negative_curvature
    assert float(found.x @ b) > 0  # so θ - αx goes downhill at first, with gradient b


def test_conjugate_gradients_of_nothing():
    A, b = symmetric([1.0, 2.0], 0)
    assert conjugate_gradients(A.mv, 0 * b, 5).x.tolist() == [0, 0]
    assert conjugate_gradients(A.mv, b, 1).iterations == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(0, 1000))
def test_sharpness_is_the_largest_eigenvalue(eigenvalues, seed):
    A, start = symmetric(eigenvalues, seed)
    value, vector = sharpness(A.mv, start, 30)
    assert value == pytest.approx(max(eigenvalues), rel=1e-6, abs=1e-6)
    assert compare(A @ vector, value * vector, rtol=1e-3, atol=1e-4)


def test_a_warm_start_needs_few_products():
    model, batch, by_torch, *_ = problem([6, 8, 3], "tanh", CrossEntropy(), 2)
    exact = float(torch.linalg.eigvalsh(torch.func.hessian(by_torch)(model.theta))[-1])
    product = model.curvature(*batch).hvp
    _, vector = sharpness(product, torch.randn_like(model.theta), 25)
    assert sharpness(product, vector, 4)[0] == pytest.approx(exact, rel=1e-4)


# ---- steps --------------------------------------------------------------------------------


class Quadratic:
    """½ θᵀHθ as a curvature."""

    def __init__(self, H):
        self.H = H
        self.hvp = self.gauss_newton = H.mv

    def hessian(self):
        return self.H.clone()


def steps(transform, H, theta, n=1):
    c = chain(transform, Descend(1.0))
    c.init(theta, curvature=lambda: Quadratic(H))
    for _ in range(n):
        c(H @ theta, theta)
    return theta


@pytest.mark.parametrize("kind", [Newton, NewtonCG, GaussNewton])
def test_one_undamped_step_reaches_the_bottom_of_a_bowl(kind):
    H, theta = symmetric([0.1, 1.0, 10.0], 3)
    assert compare(steps(kind(0.0), H, theta), torch.zeros(3), atol=1e-5)


def test_newton_goes_to_the_saddle_and_damping_or_cg_leave_it():
    H, start = torch.diag(torch.tensor([2.0, -1.0]).double()), torch.tensor([1.0, 0.1]).double()
    assert compare(steps(Newton(0.0), H, start.clone()), [0, 0], atol=1e-12)
    damped = steps(Newton(1.5), H, start.clone())
    assert abs(float(damped[1])) > 0.1 > abs(float(damped[0]) - 1) - 0.9
    assert abs(float(steps(NewtonCG(0.0), H, start.clone())[1])) > 0.1


def test_damping_is_added_to_every_eigenvalue():
    H, theta = symmetric([0.5, 3.0, -0.2], 1)
    expected = theta - torch.linalg.solve(H + 0.7 * torch.eye(3), H @ theta)
    assert compare(steps(Newton(0.7), H, theta.clone()), expected, rtol=1e-10)
    assert compare(steps(NewtonCG(0.7, 50), H, theta.clone()), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", [Newton, NewtonCG, GaussNewton])
def test_second_order_steps_train_a_network(kind):
    data = load_data("moons", dtype=torch.float64).subset(200)
    model = MLP([2, 8, 2], "tanh", dtype=torch.float64)
    trainer = Trainer(model, data, chain(kind(0.1), Descend(0.5)), batch_size=200)
    before = trainer.evaluate("train")[0]
    for _ in trainer.run(30):
        pass
    assert trainer.evaluate("train")[0] < 0.5 * before


def test_newton_and_an_adopted_module_go_together():
    data = Dataset("line", *(torch.randn(20, 2).double(), torch.randn(20, 1).double()) * 2, None)
    model = adopt(torch.nn.Linear(2, 1).double(), loss="mse")
    trainer = Trainer(model, data, chain(Newton(0.0), Descend(1.0)), batch_size=20)
    for _ in trainer.run(1):
        pass
    A = torch.cat([data.x_train, torch.ones(20, 1)], 1)
    best = torch.linalg.lstsq(A, data.y_train).solution
    assert compare(model.theta[:, None], best, rtol=1e-6)
