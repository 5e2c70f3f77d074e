"""Sampling: by the step alone, and equal to what the trainer and the full Hessian say."""

import math

import numpy as np
import pytest
import torch
from real_runs import lab, module, views

from course import Dataset, Descend, HeavyBall, Momentum, chain
from course.training.knobs import OPTIMISERS
from widgets.training import sampling


def due(begin: int, end: int) -> list[int]:
    return [step for step in range(begin, end) if sampling.is_due(step)]


def test_the_grid_is_every_ten_steps_and_from_500_on_25_for_each_doubling():
    assert due(0, 501) == list(range(0, 501, 10))
    for power in range(1, 12):
        begin = 250 * 2**power
        samples = due(begin, 2 * begin + 1)
        assert len(samples) == 26 and set(np.diff(samples)) == {10 * 2**power}
    for begin in (10, 50, 99, 260, 777, 1234, 5001):
        assert len(due(begin, 2 * begin)) == pytest.approx(min(begin / 10, 25), abs=1.5)


def test_two_runs_of_the_same_steps_have_the_same_samples_whatever_the_portions():
    once, parts = lab(), lab()
    once.run(730)
    for steps in (1, 2, 7, 90, 300, 330):
        parts.run(steps)
    assert [s.step for s in once.evaluations] == due(0, 731)
    assert np.array_equal(np.array(once.evaluations), np.array(parts.evaluations), equal_nan=True)


def test_a_turn_is_sampled_where_it_is_made():
    run = lab().run(33)
    run.set("lr", 0.5)
    run.run(11)
    assert [s.step for s in run.evaluations] == [0, 10, 20, 30, 33, 40]


@pytest.mark.parametrize("make", [lab, lambda: lab("sine", lr=0.01), lambda: lab(module())])
def test_a_sample_holds_what_the_trainer_evaluates(make):
    run = make().run(40)
    sample = run.evaluations[-1]
    (train, right), (test, right_test) = map(run.trainer.evaluate, ("train", "test"))
    assert sample.step == 40
    found = sample.train_loss, sample.test_loss, sample.train_accuracy, sample.test_accuracy
    np.testing.assert_allclose(found, (train, test, right, right_test), rtol=1e-12)


def full_hessian_top(run) -> float:
    """The largest eigenvalue of the Hessian of the first 256 rows, by autograd and LAPACK."""
    net, data = run.trainer.model.to_module(), run.trainer.data
    x, y = data.x_train[:256].double(), data.y_train[:256]
    params = {name: p.detach().double() for name, p in net.named_parameters()}
    shapes = {name: p.shape for name, p in params.items()}
    loss = torch.nn.MSELoss() if data.is_regression else torch.nn.CrossEntropyLoss()

    def of(flat):
        parts = flat.split([math.prod(shape) for shape in shapes.values()])
        views = {n: p.view(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}
        return loss(torch.func.functional_call(net.double(), views, (x,)), y)

    flat = torch.cat([p.flatten() for p in params.values()])
    return float(torch.linalg.eigvalsh(torch.autograd.functional.hessian(of, flat))[-1])


@pytest.mark.parametrize(("options", "steps"), [({}, 200), ({}, 600), ({"seed": 3}, 300)])
def test_sharpness_is_the_largest_eigenvalue_of_the_full_hessian(options, steps):
    run = lab(sizes=(2, 5, 2), **options).run(steps)
    sample = run.evaluations[-1]
    assert sample.step == steps
    assert sample.sharpness == pytest.approx(full_hessian_top(run), rel=0.03)
    assert sample.edge == pytest.approx(2 * 1.9 / (0.1 * sample.sharpness))


def test_sharpness_is_that_of_the_first_256_rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=generator)
    x[256:] *= 30  # would change it by far
    y = (x.sum(1) > 0).long()
    run = lab(Dataset("mine", x, y, x, y, 2), sizes=[2, 4, 2], lr=1e-3).run(10)
    assert run.evaluations[-1].sharpness == pytest.approx(full_hessian_top(run), rel=0.03)


def test_the_row_after_the_256th_has_no_part_in_the_sharpness():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=generator)
    y = (x.sum(1) > 0).long()

    def sharpness(row: int | None) -> float:
        changed = x.clone()
        if row is not None:
            changed[row] += 1
        return lab(Dataset("mine", changed, y, x, y, 2), sizes=[2, 4, 2]).evaluations[0].sharpness

    assert sharpness(256) == sharpness(None) != sharpness(255)


def test_sharpness_is_measured_for_networks_of_our_own_and_finite_weights_only():
    assert math.isnan(lab(module()).run(10).evaluations[-1].sharpness)
    broken = lab()
    broken.trainer.model.theta.fill_(math.nan)
    assert math.isnan(sampling.measure(views(broken)).sharpness)
    still = lab()
    still.trainer.model.theta.zero_()  # where the gradient of the first layers is zero, too
    assert sampling.measure(views(still)).sharpness >= 0


RULES = [
    ("gradient descent", 0.0, lambda lr, beta: chain(Descend(lr))),
    ("heavy ball", 0.9, lambda lr, beta: chain(HeavyBall(beta), Descend(lr))),
    ("heavy ball", 0.5, lambda lr, beta: chain(HeavyBall(beta), Descend(lr))),
    ("momentum", 0.9, lambda lr, beta: chain(Momentum(beta), Descend(lr))),
    ("momentum", 0.3, lambda lr, beta: chain(Momentum(beta), Descend(lr))),
    ("momentum", 0.0, lambda lr, beta: chain(Momentum(beta), Descend(lr))),
]


@pytest.mark.parametrize("top", [0.25, 7.0])
@pytest.mark.parametrize(("rule", "beta", "build"), RULES)
def test_just_below_the_edge_a_rule_converges_on_a_quadratic_and_just_above_it_diverges(
    rule, beta, build, top
):
    edge = sampling.edge(top, {"optimiser": rule, "momentum": beta})

    def distance(lr: float) -> float:
        curvature = torch.tensor([top, top / 10], dtype=torch.float64)
        theta = torch.ones(2, dtype=torch.float64)
        steps = build(lr, beta)
        steps.init(theta)
        for _ in range(3000):
            steps(curvature * theta, theta)
        return float(theta.abs().max())

    assert distance(0.98 * edge) < 1e-3
    assert distance(1.02 * edge) > 1e3


@pytest.mark.parametrize("rule", [*OPTIMISERS, "own"])
def test_rules_without_a_formula_have_no_edge(rule):
    known = ("gradient descent", "heavy ball", "momentum")
    edge = sampling.edge(2.0, {"optimiser": rule, "momentum": 0.5})
    assert math.isnan(edge) == (rule not in known)
    assert math.isnan(sampling.edge(0.0, {"optimiser": "momentum", "momentum": 0.5}))
    assert math.isnan(sampling.edge(math.nan, {"optimiser": "momentum", "momentum": 0.5}))


@pytest.mark.parametrize("make", [lab, lambda: lab(module())])
def test_measuring_leaves_the_run_as_it_is_to_the_bit(make):
    watched, alone = make(), make()
    for _ in range(12):
        watched.trainer.step()
        alone.trainer.step()
        before = watched.trainer.model.grad.clone()
        sampling.measure(views(watched))
        assert torch.equal(watched.trainer.model.grad, before)
    assert torch.equal(watched.trainer.model.theta, alone.trainer.model.theta)
    assert np.array_equal(watched.trainer.history.numbers(), alone.trainer.history.numbers())
