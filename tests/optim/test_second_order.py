"""Solvers against torch.linalg, second-order steps against what they solve."""

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
