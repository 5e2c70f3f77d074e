"""First-order transforms against their recurrence: by hand, or torch.optim's."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_runs import betas, gradients, rates, run, run_torch, seeds

from course import (
    L1,
    L2,
    ClipByNorm,
    ClipByValue,
    Descend,
    HeavyBall,
    L1Subgradient,
    Momentum,
    Nesterov,
    SignDescent,
    chain,
    compare,
)
from course.optim.chain import Context


def test_two_momentum_steps_by_hand():
    g1, g2 = torch.tensor([2.0]).double(), torch.tensor([-1.0]).double()
    theta = run(chain(Momentum(0.9), Descend(0.5)), torch.stack([g1, g2]))
    v1 = 0.1 * 2.0
    v2 = 0.9 * v1 + 0.1 * -1.0
    assert compare(theta, [1 - 0.5 * v1 - 0.5 * v2], rtol=1e-14)


def test_descend_is_sgd():
    assert compare(
        run(chain(Descend(0.1)), gradients()), run_torch(gradients(), lr=0.1), rtol=1e-13
    )


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_heavy_ball_is_torch_sgd_with_momentum(beta):
    ours = run(chain(HeavyBall(beta), Descend(0.1)), gradients())
    assert compare(ours, run_torch(gradients(), lr=0.1, momentum=beta), rtol=1e-11)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_momentum_is_heavy_ball_at_a_smaller_rate(beta):
    ours = run(chain(Momentum(beta), Descend(0.1)), gradients())
    assert compare(ours, run_torch(gradients(), lr=0.1 * (1 - beta), momentum=beta), rtol=1e-11)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(betas, rates, st.floats(0, 0.1), seeds)
def test_momenta_and_l2_are_torch_sgd(beta, lr, lam, seed):
    grads, options = gradients(seed=seed), {"lr": lr, "momentum": beta, "weight_decay": lam}
    ours = run(chain(L2(lam), HeavyBall(beta), Descend(lr)), grads)
    assert compare(ours, run_torch(grads, **options), rtol=1e-9, atol=1e-10)
    ours = run(chain(L2(lam), Nesterov(beta), Descend(lr)), grads)
    theirs = run_torch(grads, nesterov=beta > 0, **options)
    assert compare(ours, theirs, rtol=1e-9, atol=1e-10)


def test_momentum_is_not_torch_dampening():
    ours = run(chain(Momentum(0.9), Descend(0.1)), gradients(1))
    assert not compare(ours, run_torch(gradients(1), lr=0.1, momentum=0.9, dampening=0.9))


def test_sign_descent_moves_every_weight_alike():
    grads = gradients()
    expected = torch.ones(7, dtype=torch.float64)
    for g in grads:
        expected = expected - 0.1 * ((g > 0).double() - (g < 0).double())
    assert compare(run(chain(SignDescent(), Descend(0.1)), grads), expected, rtol=1e-12)
    sign, odd = SignDescent(), torch.tensor([0.0, -0.0, math.nan, math.inf, -math.inf])
    sign.init(odd)
    assert sign(odd, Context(odd)).isnan().tolist() == [False, False, True, True, True]
    assert (sign(odd, Context(odd))[:2] == 0).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), c=st.floats(1e-3, 1e3), scale=st.floats(1e-3, 1e3))
def test_clipping_against_torch(seed, c, scale):
    g = scale * gradients(1, seed=seed)[0]
    by_norm, by_value = ClipByNorm(c), ClipByValue(c)
    for t in (by_norm, by_value):
        t.init(g)
    p = torch.zeros_like(g, requires_grad=True)
    p.grad = g.clone()
    torch.nn.utils.clip_grad_norm_([p], c)
    assert compare(by_norm(g, Context(g)), p.grad, rtol=2e-3)  # torch divides by the norm + 1e-6
    assert compare(by_norm(g, Context(g)), g * min(1.0, c / float(g.norm())), rtol=1e-12)
    assert compare(by_norm.norms(), [by_norm.out.norm(), g.norm()], rtol=1e-12)
    p.grad = g.clone()
    torch.nn.utils.clip_grad_value_([p], c)
    assert compare(by_value(g, Context(g)), p.grad).exact
    assert compare(by_value.norms(), [p.grad.norm(), g.norm()], rtol=1e-12)


def test_clipping_never_hides_a_nan():
    g = torch.tensor([1.0, math.nan])
    by_norm, by_value = ClipByNorm(1), ClipByValue(1)
    by_norm.init(g)
    by_value.init(g)
    assert by_norm(g, Context(g)).isnan().all()
    assert by_value(g, Context(g)).isnan().tolist() == [False, True]


def test_clip_before_momentum_bounds_the_velocity():
    c = chain(ClipByValue(0.5), Momentum(0.9), Descend(0.1))
    run(c, 100 * gradients())
    assert float(c.find(Momentum).v.abs().max()) <= 0.5


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rates, st.floats(0, 0.5), seeds)
def test_l1_is_the_proximal_step(lr, lam, seed):
    grads, expected = gradients(seed=seed), torch.ones(7, dtype=torch.float64)
    for g in grads:
        moved = expected - lr * g
        expected = moved.sign() * (moved.abs() - lr * lam).clamp(min=0)
    ours = run(chain(Descend(lr), L1(lam)), grads)
    assert compare(ours, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rates, st.floats(0, 0.5), seeds)
def test_the_subgradient_of_l1_is_that_of_autograd(lr, lam, seed):
    grads = gradients(seed=seed)
    p = torch.ones(7, dtype=torch.float64, requires_grad=True)
    other = torch.optim.SGD([p], lr)
    for g in grads:
        p.grad = None
        (p @ g + lam * p.abs().sum()).backward()
        other.step()
    before = grads.clone()
    assert compare(run(chain(L1Subgradient(lam), Descend(lr)), grads), p.detach(), rtol=1e-9)
    assert torch.equal(grads, before)


def test_the_subgradient_leaves_a_weight_at_0_and_jumps_over_it_from_beside():
    theta, c = torch.tensor([0.0, 0.05]), chain(L1Subgradient(1.0), Descend(0.1))
    c.init(theta)
    for expected in (-0.05, 0.05, -0.05):
        c(torch.zeros(2), theta)
        assert theta[0] == 0 and abs(theta[1] - expected) < 1e-6


@pytest.mark.parametrize("penalty", [0.0, 0.02, 0.2, 0.6, 2.5])
def test_l1_finds_the_exact_zeros_of_the_lasso(penalty):
    from sklearn.linear_model import Lasso

    generator = torch.Generator().manual_seed(1)
    A = torch.randn(80, 12, dtype=torch.float64, generator=generator)
    b = A[:, :3] @ torch.tensor([2.0, -1.5, 0.7]).double() + 0.1 * torch.randn(
        80, dtype=torch.float64, generator=generator
    )
    theta, c = torch.zeros(12, dtype=torch.float64), chain(Descend(0.3), L1(penalty))
    c.init(theta)
    for _ in range(300):
        c(A.t() @ (A @ theta - b) / 80, theta)
    if penalty:
        lasso = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12)
        expected = lasso.fit(A.numpy(), b.numpy()).coef_
    else:
        expected = torch.linalg.lstsq(A, b[:, None]).solution[:, 0].numpy()
    assert compare(theta, expected, rtol=1e-6, atol=1e-9)
    zeros = theta == 0
    assert (zeros.numpy() == (expected == 0)).all()
    assert {0.0: 0, 0.2: 8, 2.5: 12}.get(penalty, 0) <= zeros.sum()
