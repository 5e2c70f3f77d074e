"""Every optimiser against its recurrence, written out by hand or taken from torch.optim."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import (
    ClipByNorm,
    ClipByValue,
    CourseError,
    Descend,
    HeavyBall,
    Momentum,
    chain,
    compare,
)
from course.chains import Context, build_chain


def gradients(steps=60, size=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, size, dtype=torch.float64, generator=generator)


def run(c, grads):
    theta = torch.ones(grads.shape[1], dtype=grads.dtype)
    c.init(theta)
    for g in grads:
        kept = g.clone()
        c(g, theta)
        assert torch.equal(g, kept), "a transform wrote into the gradient it was handed"
    return theta


def run_torch(grads, **options):
    theta = torch.ones(grads.shape[1], dtype=grads.dtype, requires_grad=True)
    optimizer = torch.optim.SGD([theta], **options)
    for g in grads:
        theta.grad = g.clone()
        optimizer.step()
    return theta.detach()


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


def test_momentum_is_not_torch_dampening():
    ours = run(chain(Momentum(0.9), Descend(0.1)), gradients(1))
    assert not compare(ours, run_torch(gradients(1), lr=0.1, momentum=0.9, dampening=0.9))


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
    assert float(by_norm(g, Context(g)).norm()) <= c * (1 + 1e-12) or float(g.norm()) <= c
    p.grad = g.clone()
    torch.nn.utils.clip_grad_value_([p], c)
    assert compare(by_value(g, Context(g)), p.grad).exact


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


def test_knobs_changed_between_steps_keep_the_state():
    grads = gradients(20)
    c = chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.1))
    theta = torch.ones(7, dtype=torch.float64)
    c.init(theta)
    expected, v = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    for i, g in enumerate(grads):
        if i == 10:
            c.find(ClipByNorm).c, c.find(Momentum).beta, c.find(Descend).lr = 0.5, 0.5, 0.3
        limit, beta, lr = (1.0, 0.9, 0.1) if i < 10 else (0.5, 0.5, 0.3)
        c(g, theta)
        v = beta * v + (1 - beta) * g * min(1, limit / float(g.norm()))
        expected = expected - lr * v
    assert compare(theta, expected, rtol=1e-12)


BAD = [
    (Descend, "lr", [-0.1, math.nan, math.inf, "fast", None, True]),
    (Momentum, "beta", [-0.1, 1.0, 2, math.nan]),
    (HeavyBall, "beta", [1.0]),
    (ClipByNorm, "c", [0, -1, math.nan]),
    (ClipByValue, "eps", [0, -1, math.nan]),
]


@pytest.mark.parametrize("kind, field, values", BAD, ids=lambda v: getattr(v, "__name__", ""))
def test_bad_values_are_refused_and_the_old_one_stays(kind, field, values):
    t = kind(0.5)
    for value in values:
        with pytest.raises(CourseError, match=f"{kind.__name__}.{field}") as e:
            setattr(t, field, value)
        assert repr(value) in str(e.value) and "must be" in str(e.value)
        assert getattr(t, field) == 0.5


def test_a_chain_is_refused_without_one_descend_at_its_end():
    for wrong in ([], [Momentum(0.9)], [Descend(0.1), Momentum(0.9)], [0.1, Descend(0.1)]):
        with pytest.raises(CourseError):
            chain(*wrong)


def test_a_chain_can_be_described_and_built_again():
    c = chain(ClipByNorm(2.0), Momentum(0.5), Descend(0.2))
    assert repr(build_chain(c.describe())) == repr(c)
