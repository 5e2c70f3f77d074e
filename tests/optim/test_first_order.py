"""Every optimiser against its recurrence, written out by hand or taken from torch.optim."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import (
    L1,
    L2,
    Adam,
    AdamW,
    ClipByNorm,
    ClipByValue,
    Cosine,
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
    RMSProp,
    SignDescent,
    StepDecay,
    Warmup,
    chain,
    compare,
)
from course.optim.adaptive import orthogonalise
from course.optim.chain import TRANSFORMS, Context, build_chain

OURS = dict(TRANSFORMS.builders)  # without the ones that other tests define


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


def run_torch(grads, kind=torch.optim.SGD, schedule=None, **options):
    theta = torch.ones(grads.shape[1], dtype=grads.dtype, requires_grad=True)
    optimizer = kind([theta], **options)
    schedule = schedule and schedule(optimizer)
    for g in grads:
        theta.grad = g.clone()
        optimizer.step()
        if schedule:
            schedule.step()
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


betas = st.floats(0, 0.999)
small = st.floats(1e-12, 1e-2)
rates = st.floats(1e-4, 1.0)
seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(betas, rates, st.floats(0, 0.1), seeds)
def test_momenta_and_l2_are_torch_sgd(beta, lr, lam, seed):
    grads, options = gradients(seed=seed), {"lr": lr, "momentum": beta, "weight_decay": lam}
    ours = run(chain(L2(lam), HeavyBall(beta), Descend(lr)), grads)
    assert compare(ours, run_torch(grads, **options), rtol=1e-9, atol=1e-10)
    ours = run(chain(L2(lam), Nesterov(beta), Descend(lr)), grads)
    theirs = run_torch(grads, nesterov=beta > 0, **options)
    assert compare(ours, theirs, rtol=1e-9, atol=1e-10)


@settings(max_examples=40, deadline=None, derandomize=True)
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


def test_sign_descent_moves_every_weight_alike():
    grads = gradients()
    expected = torch.ones(7, dtype=torch.float64)
    for g in grads:
        expected = expected - 0.1 * ((g > 0).double() - (g < 0).double())
    assert compare(run(chain(SignDescent(), Descend(0.1)), grads), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rates, st.floats(0, 0.5), seeds)
def test_l1_is_the_proximal_step(lr, lam, seed):
    grads, expected = gradients(seed=seed), torch.ones(7, dtype=torch.float64)
    for g in grads:
        moved = expected - lr * g
        expected = moved.sign() * (moved.abs() - lr * lam).clamp(min=0)
    ours = run(chain(Descend(lr), L1(lam)), grads)
    assert compare(ours, expected, rtol=1e-9, atol=1e-12)


def test_l1_finds_the_exact_zeros_of_the_lasso():
    from sklearn.linear_model import Lasso

    generator = torch.Generator().manual_seed(1)
    A = torch.randn(80, 12, dtype=torch.float64, generator=generator)
    b = A[:, :3] @ torch.tensor([2.0, -1.5, 0.7]).double() + 0.1 * torch.randn(
        80, dtype=torch.float64, generator=generator
    )
    theta, c = torch.zeros(12, dtype=torch.float64), chain(Descend(0.3), L1(0.2))
    c.init(theta)
    for _ in range(2000):
        c(A.t() @ (A @ theta - b) / 80, theta)
    expected = Lasso(alpha=0.2, fit_intercept=False, tol=1e-12).fit(A.numpy(), b.numpy()).coef_
    assert compare(theta, expected, rtol=1e-6, atol=1e-9)
    assert ((theta == 0).numpy() == (expected == 0)).all() and (theta == 0).sum() >= 8


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 9), seeds)
def test_orthogonalise_brings_every_singular_value_near_one(n, m, seed):
    M = torch.randn(n, m, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    U, before, Vt = torch.linalg.svd(M, full_matrices=False)
    Q = orthogonalise(M)
    after = (U.t() @ Q @ Vt.t()).diagonal()  # the singular vectors stay
    assert compare(U @ after.diag() @ Vt, Q, rtol=1e-6, atol=1e-6)
    large = before > 0.02 * before.norm()
    assert ((0.6 < after[large]) & (after[large] < 1.3)).all()


def test_muon_is_its_recurrence_on_matrices_and_normalises_biases():
    grads, theta = gradients(size=10), torch.ones(10, dtype=torch.float64)
    names = {"weight": slice(0, 8), "bias": slice(8, 10)}

    def named_views(flat):
        return {"weight": flat[names["weight"]].view(4, 2), "bias": flat[names["bias"]]}

    c = chain(Muon(0.9), Descend(0.1))
    c.init(theta, named_views)
    expected, v = theta.clone(), torch.zeros_like(theta)
    for g in grads:
        c(g, theta)
        v = 0.9 * v + g
        ahead = named_views(g + 0.9 * v)
        X = ahead["weight"] / ahead["weight"].norm()
        for _ in range(5):
            G = X @ X.t()
            X = 3.4445 * X - 4.7750 * G @ X + 2.0315 * G @ G @ X
        step = torch.cat([(2**0.5 * X).flatten(), ahead["bias"] / ahead["bias"].norm()])
        expected = expected - 0.1 * step
    assert compare(theta, expected, rtol=1e-9)


# ---- schedules ----------------------------------------------------------------------------

lrs = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    "schedule, theirs",
    [
        (Cosine(0.5, steps=60), lambda o: lrs.CosineAnnealingLR(o, 60)),
        (Cosine(0.5, steps=60, end=0.1), lambda o: lrs.CosineAnnealingLR(o, 60, eta_min=0.1)),
        (StepDecay(0.5, every=7, factor=0.3), lambda o: lrs.StepLR(o, 7, 0.3)),
        (Warmup(0.5, steps=10), lambda o: lrs.LambdaLR(o, lambda t: min(1, (t + 1) / 10))),
        (LinearRamp(0.5, 0.05, steps=40), lambda o: lrs.LinearLR(o, 1.0, 0.1, total_iters=40)),
    ],
)
def test_schedules_are_torchs(schedule, theirs):
    ours = run(chain(HeavyBall(0.9), Descend(schedule)), gradients())
    reference = run_torch(gradients(), schedule=theirs, lr=0.5, momentum=0.9)
    assert compare(ours, reference, rtol=1e-8)


def test_a_schedule_fits_any_knob_and_a_number_ends_it():
    c = chain(
        ClipByNorm(LinearRamp(2.0, 1.0, steps=10)), Momentum(Warmup(0.9, steps=5)), Descend(0.1)
    )
    run(c, gradients(3))
    assert (
        c.find(ClipByNorm).threshold == pytest.approx(1.8) and c.find(Momentum).beta == 0.9 * 3 / 5
    )
    c.find(Momentum).beta = 0.5
    run(c, gradients(3))
    assert c.find(Momentum).beta == 0.5
    assert repr(build_chain(c.describe()).describe()) == repr(c.describe())


def test_warmup_comes_before_the_cosine():
    schedule = Cosine(1.0, steps=20, warmup=4)
    assert [schedule.value(t) for t in (0, 3, 4, 12, 20, 99)] == [0.25, 1, 1, 0.5, 0, 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Warmup(0.1, steps=0),
        lambda: Cosine(-0.1, steps=10),
        lambda: Cosine(0.1, steps=10, warmup=11),
        lambda: StepDecay(0.1, every=5, factor=2),
        lambda: LinearRamp(0.1, math.nan, steps=5),
        lambda: Momentum(Warmup(1.5, steps=100)),  # too large only at its end
        lambda: ClipByNorm(Cosine(1.0, steps=10)),  # 0 only at its end
    ],
)
def test_bad_schedules_are_refused_when_they_are_made(make):
    with pytest.raises(CourseError, match="must"):
        make()


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
