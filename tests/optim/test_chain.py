"""Chains: their knobs, their state, and what they refuse."""

import math

import pytest
import torch
from optim_runs import gradients, run

from course import (
    L1,
    L2,
    Adam,
    ClipByNorm,
    ClipByValue,
    CourseError,
    Descend,
    GaussNewton,
    HeavyBall,
    Momentum,
    Muon,
    Nesterov,
    Newton,
    NewtonCG,
    RMSProp,
    chain,
    compare,
)
from course.optim.chain import TRANSFORMS, build_chain

OURS = dict(TRANSFORMS.builders)  # without the ones that other tests define


def test_knobs_changed_between_steps_keep_the_state():
    grads = gradients(20)
    c = chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.1))
    theta = torch.ones(7, dtype=torch.float64)
    c.init(theta)
    expected, v = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    for i, g in enumerate(grads):
        if i == 10:
            c.find(ClipByNorm).threshold, c.find(Momentum).beta, c.find(Descend).lr = 0.5, 0.5, 0.3
        limit, beta, lr = (1.0, 0.9, 0.1) if i < 10 else (0.5, 0.5, 0.3)
        c(g, theta)
        v = beta * v + (1 - beta) * g * min(1, limit / float(g.norm()))
        expected = expected - lr * v
    assert compare(theta, expected, rtol=1e-12)


BAD = [
    (Descend, "lr", [-0.1, math.nan, math.inf, "fast", None, True]),
    (Momentum, "beta", [-0.1, 1.0, 2, math.nan]),
    (HeavyBall, "beta", [1.0]),
    (ClipByNorm, "threshold", [0, -1, math.nan]),
    (ClipByValue, "threshold", [0, -1, math.nan]),
    (Nesterov, "beta", [1.0, -1]),
    (RMSProp, "beta", [1.0]),
    (Adam, "beta1", [1.0, "x"]),
    (L1, "strength", [-1e-9, math.inf]),
    (L2, "weight_decay", [-1e-9, math.inf]),
    (Muon, "beta", [1.0]),
    (Newton, "damping", [-1, math.nan]),
    (NewtonCG, "damping", [-1, math.nan]),
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
    for wrong in (
        [], [Momentum(0.9)], [Descend(0.1), Momentum(0.9)], [0.1, Descend(0.1)],
        [L1(0.1), Descend(0.1)], [Descend(0.1), L1(0.1), Momentum(0.9)], [Descend(1), Descend(1)],
    ):  # fmt: skip
        with pytest.raises(CourseError):
            chain(*wrong)


def test_a_chain_can_be_described_and_built_again():
    others = [kind() for name, kind in OURS.items() if name not in ("Descend", "L1")]
    c = chain(*others, Descend(0.2), L1(0.1))
    assert repr(build_chain(c.describe())) == repr(c)
    assert len(OURS) == 16
    with pytest.raises(CourseError, match="'Adagrad' is unknown"):
        build_chain([{"kind": "Adagrad"}])


FIRST_ORDER = [kind for kind in OURS.values() if kind not in (Newton, NewtonCG, GaussNewton)]


@pytest.mark.parametrize("kind", FIRST_ORDER, ids=lambda kind: kind.__name__)
def test_a_chains_state_continues_to_the_bit_and_never_hides_a_nan(kind):
    def build():
        if kind is Descend:
            return chain(Descend(0.1))
        return chain(Descend(0.1), L1()) if kind is L1 else chain(kind(), Descend(0.1))

    first, second, grads = build(), build(), gradients(20)
    theta = run(first, grads[:10])
    other = theta.clone()
    second.init(other)
    second.load_state(first.state())
    for g in grads[10:]:
        first(g, theta)
        second(g, other)
    assert torch.equal(theta, other) and first.step == second.step == 20
    first(torch.full_like(theta, math.nan), theta)
    assert theta.isnan().any()


def test_a_chain_without_buffers_or_curvature_says_so():
    with pytest.raises(CourseError, match="chain.init"):
        chain(Descend(0.1))(torch.ones(2), torch.ones(2))
    with pytest.raises(CourseError, match="curvature"):
        run(chain(Newton(), Descend(1.0)), gradients())
