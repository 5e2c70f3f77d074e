"""RMSProp, Adam and AdamW against torch.optim, Muon against its recurrence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_runs import betas, gradients, rates, run, run_torch, seeds, small

from course import (
    L2,
    Adam,
    AdamW,
    Descend,
    Muon,
    RMSProp,
    chain,
    compare,
)
from course.optim.adaptive import orthogonalise
from course.optim.chain import Context


@settings(max_examples=15, deadline=None, derandomize=True)
@given(betas, betas, small, rates, st.floats(0, 0.1), seeds)
def test_adaptive_steps_are_torchs(beta1, beta2, eps, lr, lam, seed):
    grads = gradients(seed=seed)
    cases = [
        (RMSProp(beta2, eps), torch.optim.RMSprop, {"alpha": beta2}),
        (Adam(beta1, beta2, eps), torch.optim.Adam, {"betas": (beta1, beta2)}),
        (AdamW(beta1, beta2, eps, lam), torch.optim.AdamW,
         {"betas": (beta1, beta2), "weight_decay": lam}),
    ]  # fmt: skip
    for transform, kind, options in cases:
        theirs = run_torch(grads, kind, lr=lr, eps=eps, **options)
        ours = run(chain(transform, Descend(lr)), grads)
        assert compare(ours, theirs, rtol=1e-8, atol=1e-9), transform
    decoupled = run(chain(Adam(beta1, beta2, eps), L2(lam), Descend(lr)), grads)
    assert compare(decoupled, run(chain(cases[2][0], Descend(lr)), grads), rtol=1e-9, atol=1e-9)


def test_adams_average_is_unbiased_also_when_beta_moves():
    """m̂ is a weighted mean: of equal gradients it is that gradient, whatever β did before."""
    adam, g = Adam(), torch.full((3,), 0.7, dtype=torch.float64)
    adam.init(g)
    for beta1, beta2 in [(0.9, 0.999), (0.5, 0.9), (0.99, 0.99), (0.0, 0.5)] * 5:
        adam.beta1, adam.beta2 = beta1, beta2
        assert compare(adam(g, Context(g)), torch.ones(3), rtol=1e-7)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 9), seeds)
def test_orthogonalise_brings_every_singular_value_near_one(n, m, seed):
    M = torch.randn(n, m, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    U, before, Vt = torch.linalg.svd(M, full_matrices=False)
    Q = orthogonalise(M)
    after = (U.t() @ Q @ Vt.t()).diagonal()  # the singular vectors stay
    assert compare(U @ after.diag() @ Vt, Q, rtol=1e-6, atol=1e-6)
    large = before > 0.0016 * before.norm()
    assert ((0.65 < after[large]) & (after[large] < 1.25)).all()


def test_orthogonalise_leaves_a_tiny_singular_value_small():
    before = torch.tensor([1.0, 1e-2, 1.6e-3, 1e-5, 0.0], dtype=torch.float64)
    after = torch.linalg.svdvals(orthogonalise(before.diag()))
    assert ((0.65 < after[:3]) & (after[:3] < 1.25)).all()
    assert float(after[3]) == pytest.approx(1e-5 * 3.4445**5, rel=1e-3) and after[4] == 0


def by_the_paper(M):
    """Five Newton-Schulz steps with the coefficients of Jordan et al. (2024)."""
    X = M / M.norm()
    for _ in range(5):
        G = X @ X.t()
        X = 3.4445 * X - 4.7750 * G @ X + 2.0315 * G @ G @ X
    return X


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (1, 5)])
def test_orthogonalise_takes_five_steps_of_the_paper(shape):
    M = torch.randn(shape, dtype=torch.float64)
    assert compare(orthogonalise(M), by_the_paper(M), rtol=1e-9)
    assert (orthogonalise(0 * M) == 0).all()


@pytest.mark.parametrize(
    "shape, scale", [((4, 2), 2**0.5), ((2, 4), 1), ((2, 2, 2), 1), ((4, 1, 2), 2**0.5)]
)
def test_muon_is_its_recurrence_on_matrices_and_normalises_biases(shape, scale):
    size = math.prod(shape)
    grads, theta = gradients(size=size + 2), torch.ones(size + 2, dtype=torch.float64)

    def named_views(flat):
        return {"weight": flat[:size].view(shape), "bias": flat[size:]}

    c = chain(Muon(0.9), Descend(0.1))
    c.init(theta, named_views)
    expected, v = theta.clone(), torch.zeros_like(theta)
    for g in grads:
        c(g, theta)
        v = 0.9 * v + g
        ahead = named_views(g + 0.9 * v)
        step = scale * by_the_paper(ahead["weight"].reshape(shape[0], -1))
        step = torch.cat([step.flatten(), ahead["bias"] / ahead["bias"].norm()])
        expected = expected - 0.1 * step
    assert compare(theta, expected, rtol=1e-9)


def test_muon_stands_still_where_the_gradient_is_0():
    muon, zero = Muon(), torch.zeros(6)
    muon.init(zero)
    views = Context(zero, lambda flat: {"weight": flat[:4].view(2, 2), "bias": flat[4:]})
    assert (muon(zero, views) == 0).all()
