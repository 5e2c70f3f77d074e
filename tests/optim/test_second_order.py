"""Solvers against torch.linalg, second-order steps against what they solve."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import (
    MLP,
    Dataset,
    Descend,
    GaussNewton,
    Newton,
    NewtonCG,
    Trainer,
    adopt,
    chain,
    compare,
    load_data,
)
from course.optim.second_order import conjugate_gradients, sharpness


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


class Counted:
    """A matrix known by its products; counts them."""

    def __init__(self, A):
        self.A, self.products = A, 0

    def __call__(self, v):
        self.products += 1
        return self.A @ v


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.integers(1, 6), st.integers(0, 99))
def test_each_iteration_is_the_best_of_its_krylov_space(eigenvalues, k, seed):
    """x_k minimises ½ xᵀAx - bᵀx over the span of b, Ab, …, Aᵏ⁻¹b."""
    A, b = symmetric(eigenvalues, seed)
    k, start, b = min(k, len(b)), b.clone(), 3 * b
    product = Counted(A)
    found = conjugate_gradients(product, b, k, tolerance=0.0)
    K = torch.linalg.qr(torch.stack([torch.linalg.matrix_power(A, i) @ b for i in range(k)], 1))[0]
    expected = K @ torch.linalg.solve(K.t() @ A @ K, K.t() @ b)
    assert compare(found.x, expected, rtol=1e-5, atol=1e-6)
    assert found.residual == pytest.approx(float((b - A @ found.x).norm() / b.norm()), abs=1e-7)
    assert found.iterations == product.products and torch.equal(b, 3 * start)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3])
def test_it_stops_at_the_first_residual_within_the_tolerance(tolerance):
    A, b = symmetric([0.1, 0.5, 1.0, 3.0, 7.0, 20.0], 1)
    for scale in (1e-3, 1.0, 1e3):
        steps = [conjugate_gradients(A.mv, scale * b, k, tolerance=0.0) for k in range(7)]
        within = [k for k, step in enumerate(steps) if step.residual <= tolerance]
        found = conjugate_gradients(A.mv, scale * b, 50, tolerance)
        assert found.iterations == within[0] > 1
        assert found.residual == pytest.approx(steps[within[0]].residual)


def test_conjugate_gradients_stop_at_a_millionth_when_nothing_is_said():
    default = inspect.signature(conjugate_gradients).parameters["tolerance"].default
    assert default == 1e-6


def test_conjugate_gradients_of_nothing():
    A, b = symmetric([1.0, 2.0], 0)
    for iterations in (0, 5):
        nothing = conjugate_gradients(A.mv, 0 * b, iterations)
        assert nothing.x.tolist() == [0, 0] and nothing[1:] == (0, 0.0, False)
    assert conjugate_gradients(A.mv, b, 1).iterations == 1
    assert conjugate_gradients(A.mv, b, 0)[1:] == (0, 1.0, False)


@pytest.mark.parametrize("A", [torch.zeros(2, 2), -torch.eye(2)], ids=["flat", "a hill"])
def test_where_the_first_direction_has_no_bottom_it_is_the_answer(A):
    product, b = Counted(A.double()), torch.tensor([1.0, 2.0]).double()
    found = conjugate_gradients(product, b, 5)
    assert torch.equal(found.x, b) and found.x is not b
    assert found[1:] == (1, 1.0, True) and product.products == 1


def test_a_later_direction_without_bottom_leaves_what_was_reached():
    A, b = torch.diag(torch.tensor([3.0, 1.0, -1.0]).double()), torch.ones(3).double()
    product = Counted(A)
    found = conjugate_gradients(product, b, 9)
    last = conjugate_gradients(A.mv, b, found.iterations - 1)
    assert found.negative_curvature and product.products == found.iterations > 1
    assert torch.equal(found.x, last.x) and found.residual == last.residual


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(0, 1000))
def test_sharpness_is_the_largest_eigenvalue(eigenvalues, seed):
    A, start = symmetric(eigenvalues, seed)
    value, vector = sharpness(A.mv, start, 30)
    assert value == pytest.approx(max(eigenvalues), rel=1e-6, abs=1e-6)
    assert compare(A @ vector, value * vector, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize(
    "eigenvalues, products",
    [
        ([3.0, 3.0, 3.0, 3.0, 3.0], 1), ([-3.0] * 5, 1), ([2.0, 2.0, -1.0, -1.0, -1.0], 2),
        ([-5.0, -5.0, -2.0, -2.0, -1.0], 3), ([1.0, 2.0, 3.0, 4.0, 5.0], 5),
    ],
)  # fmt: skip
def test_sharpness_takes_one_product_for_each_different_eigenvalue(eigenvalues, products, scale):
    A, start = symmetric([scale * value for value in eigenvalues], 3)
    product = Counted(A)
    value, vector = sharpness(product, start)
    assert value == pytest.approx(scale * max(eigenvalues), rel=1e-9)
    assert float(vector.norm()) == pytest.approx(1, rel=1e-9)
    assert product.products == products


def test_sharpness_takes_no_more_products_than_it_may():
    A, start = symmetric([float(i) for i in range(30)], 2)
    for iterations, options in [(4, {"iterations": 4}), (20, {})]:
        product = Counted(A)
        sharpness(product, start, **options)
        assert product.products == iterations
    assert sharpness(Counted(0 * A), start)[0] == 0


def test_nearly_equal_eigenvalues_do_not_spoil_the_vector_in_float32():
    for seed in range(20):
        A, start = symmetric([2 + 1e-6 * i for i in range(40)] + [1.0, 3.0], seed)
        value, vector = sharpness(A.float().mv, start.float(), 30)
        assert value == pytest.approx(3, rel=1e-5)
        assert float(vector.norm()) == pytest.approx(1, abs=1e-4)


def test_a_warm_start_needs_few_products():
    model = MLP([6, 8, 3], "tanh", dtype=torch.float64)
    model.theta.normal_(generator=torch.Generator().manual_seed(2))
    batch = model.encode(torch.randn(5, 6, dtype=torch.float64), torch.arange(5) % 3)
    exact = float(torch.linalg.eigvalsh(model.curvature(*batch).hessian())[-1])
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
