"""Surfaces against autograd; momentum's diagram against numpy, and against runs of the chain."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError, Descend, GaussNewton, HeavyBall, Momentum, Newton, NewtonCG, chain
from course.lessons.exercises.momentum import CURVATURES
from course.lessons.surfaces import (
    FORMS,
    SURFACES,
    CurvatureAt,
    Quadratic,
    behaviour,
    eigenvalues,
    first_swing,
    iteration_matrix,
    limit,
    make_surface,
    spectral_radius,
)

EASY = settings(derandomize=True, deadline=None, max_examples=60)
COORDINATES = st.floats(-2.5, 2.5)
RULES = {"exponential average": Momentum, "heavy ball": HeavyBall}
surfaces = st.one_of(
    st.sampled_from(list(SURFACES)).map(make_surface),
    st.builds(Quadratic, st.floats(1, 1e4), st.floats(-180, 180)),
)


@EASY
@given(surfaces, COORDINATES, COORDINATES)
def test_gradient_and_hessian_are_autograds(surface, x, y):
    point = torch.tensor([x, y], dtype=torch.float64)

    def value(p):
        return surface.value(p[0], p[1])

    gradient, hessian = torch.func.grad(value)(point), torch.func.hessian(value)(point)
    assert torch.allclose(surface.gradient(point), gradient, rtol=1e-9, atol=1e-9)
    assert torch.allclose(surface.hessian(point), hessian, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("name", SURFACES)
def test_the_minima_are_the_lowest_points_and_the_start_lies_in_the_window(name):
    surface = make_surface(name)
    xs, ys = (torch.linspace(*ends, 301, dtype=torch.float64) for ends in surface.window)
    assert float(surface.value(xs[None], ys[:, None]).min()) >= surface.lowest - 1e-12
    for minimum in surface.minima:
        at = torch.tensor(minimum, dtype=torch.float64)
        assert float(surface.value(*at)) == pytest.approx(surface.lowest, abs=1e-12)
        assert surface.gradient(at).norm() < 1e-9 and surface.distance(at) == 0
        assert (torch.linalg.eigvalsh(surface.hessian(at)) > 0).all()
    for v, (low, high) in zip(surface.start, surface.window, strict=True):
        assert low < v < high


def test_the_ravine_is_the_chapters():
    ravine = make_surface("ravine")
    assert ravine.start == (1, 1) and ravine.curvatures() == CURVATURES
    w = torch.tensor([0.3, -0.7], dtype=torch.float64)
    assert torch.equal(ravine.gradient(w), torch.tensor(CURVATURES).double() * w)


@EASY
@given(st.floats(1, 1e6), st.floats(-180, 180))
def test_a_quadratic_has_the_condition_and_the_flat_direction_it_was_given(condition, rotation):
    surface = Quadratic(condition, rotation)
    values, vectors = torch.linalg.eigh(surface.A)
    assert values.tolist() == pytest.approx([1, condition], rel=1e-6, abs=1e-9 * condition)
    flat = torch.tensor([math.cos(math.radians(rotation)), math.sin(math.radians(rotation))])
    assert torch.allclose(surface.A @ flat.double(), flat.double(), atol=1e-6 * condition)


@pytest.mark.parametrize(
    "bad", [("ridge",), ("quadratic", 0.5), ("quadratic", math.nan), ("quadratic", 10, 200)]
)
def test_bad_surfaces_are_refused(bad):
    with pytest.raises(CourseError):
        make_surface(*bad)


def test_newton_gets_its_curvature():
    """On a quadratic one step of Newton, and of its relatives, is the way to the bottom."""
    for rule in (Newton(0.0), NewtonCG(0.0, 5), GaussNewton(0.0, 5)):
        surface = Quadratic(50, 30)
        w = torch.tensor([1.0, -2.0], dtype=torch.float64)
        steps = chain(rule, Descend(1.0))
        steps.init(w, curvature=lambda w=w, surface=surface: CurvatureAt(surface, w))
        steps(surface.gradient(w), w)
        assert w.norm() < 1e-5
        assert torch.equal(surface.hessian(w), surface.A), "damping was added to a copy"


def test_at_a_saddle_gauss_newtons_stand_in_is_never_negative():
    at = CurvatureAt(make_surface("saddle"), torch.zeros(2, dtype=torch.float64))
    v = torch.tensor([0.6, 0.8], dtype=torch.float64)
    assert v @ at.hvp(v) < 0 < v @ at.gauss_newton(v)


# ---- the (α, β) diagram -------------------------------------------------------------------

RATES = st.floats(-5, 1).map(lambda e: 10**e)
MEMORIES = st.floats(0, 0.99)
LAMBDAS = st.floats(0.1, 200)


@EASY
@given(RATES, MEMORIES, LAMBDAS, st.sampled_from(FORMS))
def test_the_eigenvalues_are_numpys(lr, beta, curvature, form):
    numeric = np.linalg.eigvals(iteration_matrix(lr, beta, curvature, form))
    analytic = eigenvalues(lr, beta, curvature, form)
    # a nearly double eigenvalue is only known to about the root of the rounding
    size = max(1, np.abs(numeric).max())
    assert np.allclose(np.poly(numeric), np.poly(analytic), atol=1e-9 * size**2)
    radius = float(spectral_radius(lr, beta, [curvature], form))
    assert radius == pytest.approx(np.abs(numeric).max(), rel=1e-6, abs=1e-7)


@EASY
@given(RATES, MEMORIES, LAMBDAS, st.sampled_from(FORMS))
def test_the_matrix_is_one_step_of_the_chain(lr, beta, curvature, form):
    rule, w = chain(RULES[form](beta), Descend(lr)), torch.ones(1, dtype=torch.float64)
    rule.init(w)
    expected = np.array([0.0, 1.0])
    for _ in range(3):
        rule(curvature * w, w)
        expected = iteration_matrix(lr, beta, curvature, form) @ expected
    assert float(w) == pytest.approx(expected[1], rel=1e-9, abs=1e-9)


def measured_rate(lr, beta, curvatures, form, n=600):
    """How much a step multiplies the distance, over the second half of a long run.

    The run is scaled back whenever it has become tiny or huge: the map is linear.
    """
    lams = torch.tensor(curvatures, dtype=torch.float64)
    w = torch.ones(len(lams), dtype=torch.float64)
    rule = chain(RULES[form](beta), Descend(lr))
    rule.init(w)
    memory, logs, scale = rule.transforms[0], [], 0.0
    for _ in range(n):
        rule(lams * w, w)
        size = float(torch.hypot(w.norm(), memory.v.norm()))
        scale += math.log(size)
        w /= size
        memory.v /= size
        logs.append(scale)
    return math.exp((logs[-1] - logs[n // 2 - 1]) / (n - n // 2))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.67, 0.9])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95, 1.2])
def test_the_radius_is_the_rate_of_a_long_run_of_the_real_chain(form, beta, share):
    lr = share * limit(beta, 100, form)
    radius = float(spectral_radius(lr, beta, CURVATURES, form))
    assert measured_rate(lr, beta, CURVATURES, form) == pytest.approx(radius, rel=0.01)
    assert (radius >= 1) == (share > 1) == (behaviour(lr, beta, CURVATURES, form) == "diverges")


@EASY
@given(st.floats(0.01, 0.97), LAMBDAS, st.sampled_from(FORMS), st.floats(0.02, 0.98))
def test_what_the_regions_promise(beta, curvature, form, share):
    """Below the first swing w never changes sign; above it, it does; at the limit ρ is 1."""
    swing, end = first_swing(beta, curvature, form), limit(beta, curvature, form)
    assert float(spectral_radius(end, beta, [curvature], form)) == pytest.approx(1, abs=1e-6)
    for lr, swings in ((share * swing, False), (swing + share * (end - swing), True)):
        z = eigenvalues(lr, beta, curvature, form)
        both_positive = bool((np.abs(z.imag) < 1e-12).all() and (z.real > 0).all())
        assert both_positive != swings
        w, signs = torch.ones(1, dtype=torch.float64), []
        rule = chain(RULES[form](beta), Descend(lr))
        rule.init(w)
        for _ in range(400):
            rule(curvature * w, w)
            if abs(float(w)) > 1e-200:
                signs.append(float(w) > 0)
        if not swings:
            assert all(signs)
        elif np.abs(np.angle(z[0])) > 0.05:  # a swing of less takes longer than this run
            assert len(set(signs)) == 2


def test_the_best_point_is_polyaks():
    """β* = ((√κ-1)/(√κ+1))², α* = (2/(√λ_max+√λ_min))²: ρ = √β*, the lowest of the diagram."""
    beta = ((10 - 1) / (10 + 1)) ** 2
    lr = (2 / (10 + 1)) ** 2
    best = float(spectral_radius(lr, beta, CURVATURES, "heavy ball"))
    assert best == pytest.approx(9 / 11, rel=1e-6)
    alphas, betas = np.geomspace(1e-4, 0.1, 200)[None], np.linspace(0, 0.99, 200)[:, None]
    assert spectral_radius(alphas, betas, CURVATURES, "heavy ball").min() >= best - 1e-9
    same = spectral_radius(lr / (1 - beta), beta, CURVATURES, "exponential average")
    assert float(same) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(
    "lr, beta, words",
    [(0.0005, 0.2, "monotone"), (0.004, 0.75, "one direction oscillates"),
     (0.11, 0.91, "both oscillate"), (0.3, 0.25, "diverges")],
)  # fmt: skip
def test_the_words_are_the_chapters(lr, beta, words):
    assert behaviour(lr, beta, CURVATURES, "exponential average") == words
