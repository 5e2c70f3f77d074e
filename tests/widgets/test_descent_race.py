"""The race of DescentLab against torch's optimisers, and what its summary says of it."""

import numpy as np
import pytest
import torch

from course.lessons.exercises.momentum import ravine_steps
from course.lessons.race import NAMES
from course.lessons.surfaces import SURFACES
from widgets.descent.lab import DescentLab


def torch_path(surface, optimizer, n):
    """The path (n + 1, 2) that one of `torch.optim` takes, with autograd's gradients."""
    w = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    rule, path = optimizer([w]), [w.detach().clone()]
    for _ in range(n):
        rule.zero_grad()
        surface.value(*w).backward()
        rule.step()
        path.append(w.detach().clone())
    return torch.stack(path).numpy()


@pytest.mark.parametrize("name", SURFACES)
def test_the_racers_run_as_torchs_optimisers_do(name):
    n = 5 if name == "cliff" else 50  # on the wall the last digit decides where one is thrown
    lab = DescentLab(surface=name, racers=NAMES, interactive=False).run(n)
    rates, surface = lab.knobs()["lr"], lab.race.surface
    sgd = torch.optim.SGD
    referees = {
        "gradient descent": lambda p: sgd(p, lr=rates["gradient descent"]),
        "heavy ball": lambda p: sgd(p, lr=rates["heavy ball"], momentum=0.9),
        "momentum": lambda p: sgd(p, lr=rates["momentum"] * (1 - 0.9), momentum=0.9),
        "Adam": lambda p: torch.optim.Adam(p, lr=rates["Adam"]),
        "Nesterov": lambda p: sgd(p, lr=rates["Nesterov"], momentum=0.9, nesterov=True),
        "sign descent": lambda p: torch.optim.Adam(
            p, lr=rates["sign descent"], betas=(0.0, 0.0), eps=1e-30
        ),
    }
    for racer, referee in referees.items():
        expected = torch_path(surface, referee, n)
        assert lab.paths[racer].shape == (n + 1, 2)
        assert np.allclose(lab.paths[racer], expected, rtol=1e-6, atol=1e-9), racer


def test_newton_needs_one_step_on_a_bowl_and_is_drawn_to_a_saddle():
    lab = DescentLab("quadratic", ("Newton",), rotation=30, damping=0, interactive=False).run(1)
    assert np.allclose(lab.paths["Newton"][-1], 0, atol=1e-12)
    assert "Newton at (0, 0), arrived after 1 step, swings: 0 flat, 0 steep." in lab.summary()
    lab = DescentLab("saddle", ("Newton",), damping=0, interactive=False).run(50)
    assert "rests at a saddle" in lab.summary() and lab.race.racers["Newton"].arrived is None
    lab = DescentLab("saddle", ("Newton",), damping=1.5, interactive=False).run(50)
    assert "arrived" in lab.summary(), "with damping above -λ_min it leaves"


def test_a_turned_ravine_is_the_same_to_gradient_descent_and_another_to_adam():
    racers = ("gradient descent", "momentum", "Adam", "Newton")
    straight, turned = (
        DescentLab("quadratic", racers, rotation=angle, interactive=False).run(100).race.racers
        for angle in (0, 45)
    )
    for name in ("gradient descent", "momentum", "Newton"):
        ours, theirs = straight[name].values, turned[name].values
        assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-12), name
    assert turned["Adam"].values[-1] > 100 * straight["Adam"].values[-1]


def test_the_threshold_is_turned_on_the_way():
    """Clipped by norm, each step is at most α · c long: c as it stands then."""
    lab = DescentLab("cliff", ("clipped descent",), interactive=False).run(3)
    lab.set("threshold", 0.1)
    lab.run(5)
    lengths = np.linalg.norm(np.diff(lab.paths["clipped descent"], axis=0), axis=1)
    assert lengths[3:] == pytest.approx(0.3 * 0.1) and (lengths[:3] > 0.1).all()


@pytest.mark.parametrize("rotation", [0, 30])
def test_swings_are_counted_by_direction(rotation):
    """With α = 1.5/κ the steep direction keeps turning round, and the flat one never does."""
    lab = DescentLab("quadratic", ("gradient descent",), lr=0.15, condition=10, rotation=rotation,
                     interactive=False).run(10)  # fmt: skip
    assert lab.race.racers["gradient descent"].swings() == (0, 9)
    assert "swings: 0 flat, 9 steep" in lab.summary()
    lab = DescentLab("quadratic", ("gradient descent",), lr=0.05, condition=10, rotation=rotation,
                     interactive=False).run(10)  # fmt: skip
    assert lab.race.racers["gradient descent"].swings() == (0, 0)


@pytest.mark.parametrize("lr, words", [(0.0199999, "ρ 1 - 1.0e-05"), (0.02, "for ever, ρ 1.0000"),
                                       (0.0200001, "diverges, ρ 1 + 1.0e-05")])  # fmt: skip
def test_what_only_just_diverges_is_told_from_what_does_not(lr, words):
    lab = DescentLab(racers=("momentum",), lr=lr, beta=0.0, interactive=False)
    assert words in lab.summary() and ("diverges" in lab.summary()) == (lr > 0.02)


def test_clipping_saves_the_descent_from_the_cliff():
    lab = DescentLab("cliff", ("gradient descent", "clipped descent"), interactive=False).run(300)
    moves = {n: np.abs(np.diff(path[:, 0])) for n, path in lab.paths.items()}
    assert moves["gradient descent"].max() > 1
    assert moves["clipped descent"].max() <= 0.3 + 1e-9, "α · c"


@pytest.mark.parametrize("lr, beta", [(0.0198, 0.0), (0.09, 0.9), (0.1, 0.67)])
def test_arrival_is_counted_as_in_the_chapter(lr, beta):
    lab = DescentLab(racers=["momentum"], lr=lr, beta=beta, steps=2000, interactive=False).run(900)
    assert lab.race.racers["momentum"].arrived == ravine_steps(lr, beta)
