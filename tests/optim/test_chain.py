"""Chains: their knobs, their order, their state, and what they refuse."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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
    LinearRamp,
    Momentum,
    Muon,
    Nesterov,
    Newton,
    NewtonCG,
    Prune,
    RMSProp,
    SignDescent,
    Warmup,
    chain,
    compare,
)
from course.optim.chain import TRANSFORMS, Context, build_chain

OURS = {  # without the ones that other tests define
    name: kind
    for name, kind in TRANSFORMS.builders.items()
    if kind.__module__.startswith("course.optim.")
}

# ---- knobs ------------------------------------------------------------------------------------

DEFAULTS = {  # torch's where torch has the transform, else the source's
    "Descend": {"lr": 0.1},
    "ClipByValue": {"threshold": 1.0},
    "ClipByNorm": {"threshold": 1.0},
    "Momentum": {"beta": 0.9},
    "HeavyBall": {"beta": 0.9},
    "Nesterov": {"beta": 0.9},
    "SignDescent": {},
    "Spike": {"at": 0, "factor": 100.0},
    "L2": {"weight_decay": 1e-4},
    "L1": {"strength": 1e-4},
    "L1Subgradient": {"strength": 1e-4},
    "RMSProp": {"beta": 0.99, "eps": 1e-8},
    "Adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "AdamW": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    "Muon": {"beta": 0.95, "iterations": 5},
    "Prune": {"sparsity": 0.5},
    "Newton": {"damping": 1e-3},
    "NewtonCG": {"damping": 1e-3, "iterations": 10},
    "GaussNewton": {"damping": 1e-3, "iterations": 10},
}


def chain_with(t):
    """A chain of this transform and, unless it is one, a Descend."""
    if t.descends:
        return chain(t)
    return chain(Descend(0.1), t) if t.after_descend else chain(t, Descend(0.1))


class Bowl:
    """½‖θ‖² as a curvature: H = I."""

    hvp = gauss_newton = staticmethod(torch.clone)

    def hessian(self):
        return torch.eye(7, dtype=torch.float64)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_knob_has_the_documented_default(name):
    ends = []
    for t in (OURS[name](), OURS[name](**DEFAULTS[name])):
        assert t.describe() == {"kind": name} | DEFAULTS[name]
        c, theta = chain_with(t), torch.ones(7, dtype=torch.float64)
        c.init(theta, curvature=Bowl)
        for g in gradients(3):
            c(g, theta)
        ends.append(theta)
    assert torch.equal(*ends) and len(OURS) == len(DEFAULTS) == 19


LIMITS = [  # kind, field, values that are allowed, values that are not
    (Descend, "lr", [0, 1e30], [-0.1, 1.05e30, math.nan, math.inf, "fast", None, True]),
    (Momentum, "beta", [0, 0.999], [-0.1, 1.0, 2, math.nan]),
    (HeavyBall, "beta", [0], [1.0]),
    (Nesterov, "beta", [0], [1.0, -1]),
    (Muon, "beta", [0], [1.0]),
    (RMSProp, "beta", [0], [1.0]),
    (RMSProp, "eps", [0, 1e30], [-1e-12, 1.05e30, math.inf]),
    (Adam, "beta1", [0, 0.999], [-1e-9, 1.0, "x"]),
    (Adam, "beta2", [0, 0.9999], [-1e-9, 1.0]),
    (ClipByNorm, "threshold", [1e-9, 1e30, math.inf], [0, -1, 1.05e30, math.nan]),
    (ClipByValue, "threshold", [1e-9, math.inf], [0, -1, math.nan]),
    (L1, "strength", [0, 2], [-1e-9, math.inf]),
    (L2, "weight_decay", [0, 2], [-1e-9, math.inf]),
    (Newton, "damping", [0, 2], [-1, math.nan, math.inf]),
    (NewtonCG, "damping", [0], [-1, math.nan]),
    (Prune, "sparsity", [0, 1], [-0.1, 1.1, math.nan]),
    (NewtonCG, "iterations", [1, 10_000], [0.5, 10_000.5]),
]


@pytest.mark.parametrize("kind, field, good, bad", LIMITS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_bad_value_is_refused_and_the_old_one_stays(kind, field, good, bad):
    t = kind()
    for value in good:
        setattr(t, field, value)
        assert getattr(t, field) == value
    last = getattr(t, field)
    for value in bad:
        with pytest.raises(CourseError, match=f"{kind.__name__}.{field}") as e:
            setattr(t, field, value)
        assert repr(value) in str(e.value) and ("must be" in str(e.value) or value == 1.05e30)
        assert getattr(t, field) == last


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


def test_a_number_ends_the_schedule_of_its_own_knob_only():
    adam = Adam(beta1=LinearRamp(0.5, 0.9, steps=10), beta2=Warmup(0.9, steps=3))
    assert adam.beta1 == 0.5 and adam.beta2 == pytest.approx(0.3)  # the first step's values
    adam.beta2 = 0.8
    assert adam.code() == (
        "Adam(beta1=LinearRamp(start=0.5, end=0.9, steps=10), beta2=0.8, eps=1e-08)"
    )
    c = chain(adam, Descend(0.1))
    run(c, gradients(6))
    assert (adam.beta1, adam.beta2) == (pytest.approx(0.7), 0.8)


def test_the_norm_of_the_raw_gradient_is_taken_once_a_step():
    g, other = gradients(2)
    context = Context(g)
    for vector in (g, other, g, other):
        assert compare(context.norm_of(vector), vector.norm(), rtol=1e-14)
    assert context.norm_of(g) is context.norm_of(g)


@pytest.mark.parametrize("first", [Momentum(0.5), ClipByNorm(0.7), ClipByValue(0.1)], ids=repr)
def test_a_chain_knows_the_norms_before_and_after_clipping(first):
    c = chain(L2(0.1), first, Descend(0.1))
    for g in gradients(3):
        theta = torch.ones_like(g)
        c.init(theta)
        c(g, theta)
        handed = g + 0.1
        left = {
            Momentum: g.norm(),
            ClipByNorm: handed.norm().clamp(max=0.7),
            ClipByValue: handed.clamp(-0.1, 0.1).norm(),
        }[type(first)]
        entered = g.norm() if isinstance(first, Momentum) else handed.norm()
        assert compare(torch.stack(c.norms()), torch.stack([g.norm(), left, entered]), rtol=1e-12)


# ---- order ------------------------------------------------------------------------------------


def test_a_chain_is_refused_without_one_descend_at_its_end():
    for wrong in (
        [], [Momentum(0.9)], [Descend(0.1), Momentum(0.9)], [0.1, Descend(0.1)],
        [L1(0.1), Descend(0.1)], [Descend(0.1), L1(0.1), Momentum(0.9)], [Descend(1), Descend(1)],
    ):  # fmt: skip
        with pytest.raises(CourseError):
            chain(*wrong)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([Momentum, Descend, L1]), max_size=5))
def test_one_descend_stands_behind_all_but_l1(kinds):
    names = "".join(kind.__name__[0] for kind in kinds)  # as MMDL
    fits = names.count("D") == 1 and set(names.split("D")[0]) <= {"M"}
    fits = fits and set(names.split("D")[1]) <= {"L"}
    if not fits:
        with pytest.raises(CourseError, match=r"exactly one Descend\(lr\) must stand last"):
            chain(*(kind() for kind in kinds))
    else:
        c = chain(*(kind() for kind in kinds))
        assert c.step == 0 and [type(t) for t in c.transforms] == kinds
        assert c.descend is c.find(Descend) and c.find(ClipByNorm, ClipByValue) is None


def test_transforms_come_and_go_while_the_others_keep_their_buffers():
    grads, c = gradients(3), chain(Momentum(0.5), SignDescent(), Descend(0.1))
    theta = run(c, grads)
    momentum, sign, descend = c.transforms
    v, at = momentum.v.clone(), theta.clone()
    clip, decay = ClipByNorm(0.1), L2(0.01)
    c.insert(1, clip)
    assert c.transforms == [momentum, clip, sign, descend] and c.clip is clip
    c.replace(sign, decay)
    assert c.transforms == [momentum, clip, decay, descend]
    with pytest.raises(CourseError, match="must stand last"):
        c.insert(4, Momentum())
    assert c.transforms == [momentum, clip, decay, descend] and c.step == 3
    c(grads[0], theta)
    v = 0.5 * v + 0.5 * grads[0]
    g = v * min(1.0, 0.1 / float(v.norm())) + 0.01 * at
    assert compare(theta, at - 0.1 * g, rtol=1e-12)
    c.replace(clip, None)
    assert c.transforms == [momentum, decay, descend] and c.clip is None


def test_of_two_equal_transforms_the_one_that_is_named_is_replaced():
    first, second, descend = L2(0.1), L2(0.1), Descend(0.1)
    c = chain(first, Momentum(0.5), second, descend)
    c.replace(second, None)
    assert c.transforms[0] is first and len(c.transforms) == 3


def test_a_chain_can_be_described_and_built_again():
    others = [kind() for name, kind in OURS.items() if name not in ("Descend", "L1", "Prune")]
    c = chain(*others, Descend(0.2), L1(0.1), Prune(0.7))
    assert repr(build_chain(c.describe())) == repr(c)
    with pytest.raises(CourseError, match="'Adagrad' is unknown"):
        build_chain([{"kind": "Adagrad"}])
    with pytest.raises(CourseError, match="allowed: a list"):
        build_chain({"kind": "Descend"})


# ---- state ------------------------------------------------------------------------------------

FIRST_ORDER = [kind for kind in OURS.values() if kind not in (Newton, NewtonCG, GaussNewton)]


@pytest.mark.parametrize("kind", FIRST_ORDER, ids=lambda kind: kind.__name__)
def test_a_chains_state_continues_to_the_bit_and_never_hides_a_nan(kind):
    first, second, grads = chain_with(kind()), chain_with(kind()), gradients(20)
    theta = run(first, grads[:10])
    other = theta.clone()
    second.init(other)
    second.load_state(first.state())
    for g in grads[10:]:
        first(g, theta)
        second(g, other)
    assert torch.equal(theta, other) and first.step == second.step == 20
    first(torch.full_like(theta, math.nan), theta)
    assert theta.isnan().all()


def test_a_state_is_a_copy():
    c = chain(Momentum(0.5), Descend(0.1))
    theta = run(c, gradients(3))
    state, v = c.state(), c.find(Momentum).v.clone()
    c(gradients(1)[0], theta)
    assert int(state[0]["step"]) == 3 and torch.equal(state[1]["v"], v)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_loaded_schedule_shows_the_last_steps_value(steps):
    rate = LinearRamp(1.0, 0.0, steps=10)
    first, second = chain(Descend(rate)), chain(Descend(rate))
    run(first, gradients(steps))
    run(second, gradients(7))
    second.load_state(first.state())
    assert second.step == steps and second.descend.lr == rate.value(max(0, steps - 1))


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes():
    c, other = (chain(Momentum(0.9), Adam(), Descend(0.1)) for _ in range(2))
    run(c, gradients(3)), run(other, gradients(5, seed=1))
    count, velocity, adam, empty = other.state()
    bad = [
        {}, [], [count, velocity, adam], [count, velocity, adam, empty, empty],
        [{}, velocity, adam, empty], [{"step": 5}, velocity, adam, empty],
        [{"step": torch.tensor(-1)}, velocity, adam, empty],
        [{"step": torch.tensor(5.0)}, velocity, adam, empty],
        [{"step": torch.tensor([5])}, velocity, adam, empty],
        [count, velocity, {"v": adam["v"]}, empty],
        [count, velocity, adam | {"more": adam["v"]}, empty],
        [count, velocity, adam | {"v": adam["v"][:-1]}, empty],
        [count, velocity, adam | {"s": adam["s"].float()}, empty],
        [count, velocity, adam | {"products": torch.tensor([0.5, 1.01]).double()}, empty],
        [count, velocity, adam | {"products": torch.tensor([-0.01, 0.5]).double()}, empty],
    ]  # fmt: skip
    before = c.state()
    for state in bad:
        with pytest.raises(CourseError, match="of the state|lacks|holds"):
            c.load_state(state)
        after = c.state()
        assert c.step == 3 and after[0] == before[0]
        for now, then in zip(after[1:], before[1:], strict=True):
            assert all(torch.equal(now[name], then[name]) for name in then)
    c.load_state([count, velocity, adam | {"products": torch.tensor([0.0, 1.0]).double()}, empty])
    assert c.find(Adam).products == [0.0, 1.0] and c.step == 5


def test_a_chain_without_buffers_or_curvature_says_so():
    with pytest.raises(CourseError, match="chain.init"):
        chain(Descend(0.1))(torch.ones(2), torch.ones(2))
    with pytest.raises(CourseError, match="curvature"):
        run(chain(Newton(), Descend(1.0)), gradients())
