"""The race against torch's optimisers; its knobs, its past, its noise, and what it counts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from course.lessons.exercises.momentum import ravine_steps
from course.lessons.race import LONGEST, SEEDS, Race
from course.lessons.racers import KEEP, NAMES, Racer, seen
from course.lessons.surfaces import SURFACES, make_surface

EASY = settings(derandomize=True, deadline=None, max_examples=25)


def race(n=0, **knobs) -> Race:
    """Return a race after n steps."""
    made = Race(**knobs)
    for _ in range(n):
        made.step()
    return made


def ends(some: Race) -> dict:
    """Return where every racer of every seed stands."""
    return {(name, k): racer.path[-1] for name in NAMES for k, racer in enumerate(some.seeds(name))}


# ---- the rules ----------------------------------------------------------------------------------


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
    some = race(n, surface=name, racers=NAMES)
    rates, surface = some.knobs["lr"], some.surface
    sgd = torch.optim.SGD
    referees = {
        "gradient descent": lambda p: sgd(p, lr=rates["gradient descent"]),
        "heavy ball": lambda p: sgd(p, lr=rates["heavy ball"], momentum=0.9),
        "momentum": lambda p: sgd(p, lr=rates["momentum"] * (1 - 0.9), momentum=0.9),
        "Adam": lambda p: torch.optim.Adam(p, lr=rates["Adam"]),
        "Nesterov": lambda p: sgd(p, lr=rates["Nesterov"], momentum=0.9, nesterov=True),
    }
    for racer, optimizer in referees.items():
        path = some.paths()[racer]
        assert np.allclose(path, torch_path(surface, optimizer, n), rtol=1e-7, atol=1e-9), racer
    moves = np.abs(np.diff(some.paths()["sign descent"], axis=0))  # each weight by α, or not at all
    assert np.isclose(moves[moves > 0], rates["sign descent"], rtol=1e-9).all()


def test_newton_is_at_the_minimum_of_a_bowl_after_one_step_and_at_a_saddle_without_damping():
    bowl = race(1, surface="quadratic", racers=["Newton"], rotation=30, damping=0)
    assert bowl.racers["Newton"].arrived == 1
    assert race(50, surface="saddle", damping=0).racers["Newton"].at_saddle()
    damped = race(50, surface="saddle", damping=1.5).racers["Newton"]
    assert damped.arrived and not damped.at_saddle()


def test_a_turned_bowl_is_the_same_race_for_gradient_descent_alone():
    def values(angle, name):
        return race(40, surface="quadratic", rotation=angle).racers[name].values

    assert values(37, "gradient descent") == pytest.approx(values(0, "gradient descent"), rel=1e-6)
    assert values(37, "Adam") != pytest.approx(values(0, "Adam"), rel=0.1)


def test_clipping_bounds_each_step():
    path = race(3, surface="cliff", threshold=1.0).racers["clipped descent"].path
    moves = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert (moves <= 0.3 * (1 + 1e-12)).all()


def test_arriving_is_what_the_chapter_counts():
    for lr, beta in ((0.1, 0.67), (0.09, 0.9), (0.15, 0.8)):
        some = race(900, lr={"momentum": lr}, beta=beta)
        assert some.racers["momentum"].arrived == ravine_steps(lr, beta, cap=5000)


def test_a_divergence_is_noted_at_its_step_and_the_path_goes_on_as_nan():
    w, n = 1.0, 0
    while abs(w) <= 1e6:
        w, n = w * (1 - 0.03 * 100), n + 1
    some = race(100, lr={"gradient descent": 0.03})
    racer = some.racers["gradient descent"]
    assert racer.diverged == n and racer.done and racer.last == racer.path[n - 1]
    path = some.paths()["gradient descent"]
    assert np.isfinite(path[:n]).all() and np.isnan(path[n:]).all() and len(path) == 101
    heights = some.heights("gradient descent", range(101))
    assert np.isinf(heights[:, n:]).all() and np.isfinite(heights[:, :n]).all()


# ---- swings -------------------------------------------------------------------------------------


def referee(path, angle) -> tuple[int, int]:
    """Count turns along and across a direction by hand."""
    axis = (
        np.array([math.cos(angle), math.sin(angle)]),
        np.array([-math.sin(angle), math.cos(angle)]),
    )
    counts = []
    for direction in axis:
        places = [float(np.dot(point, direction)) for point in path]
        moves = [b - a for a, b in zip(places, places[1:], strict=False)]
        most = max(map(abs, moves))
        signs = [move > 0 for move in moves if abs(move) > 1e-6 * most]
        counts.append(sum(a != b for a, b in zip(signs, signs[1:], strict=False)))
    return counts[0], counts[1]


@EASY
@given(st.floats(-80, 80), st.floats(0.02, 0.19), st.floats(0, 0.95), st.sampled_from(NAMES[:4]))
def test_swings_are_counted_by_direction(rotation, lr, beta, name):
    some = race(60, surface="quadratic", condition=10, rotation=rotation, lr={name: lr}, beta=beta)
    racer = some.racers[name]
    assert racer.swings() == referee(racer.path, math.radians(rotation))


def test_gradient_descent_swings_across_from_the_half_of_its_edge_on():
    for lr, swings in ((0.05, (0, 0)), (0.18, (0, 39))):
        some = race(40, surface="quadratic", condition=10, rotation=25, lr=lr)
        assert some.racers["gradient descent"].swings() == swings
    assert seen(np.array([1.0, -1e-7, 2.0])).tolist() == [1, 2]  # too short to be seen


# ---- knobs --------------------------------------------------------------------------------------


def test_several_changes_are_all_or_none():
    some = Race()
    with pytest.raises(CourseError):
        some.change(beta=0.5, lr=0.3, start=(2, math.inf))
    assert some.knobs["beta"] == 0.9 and some.knobs["start"] == (1, 1)
    some.change(point=(0.2, 0.3), form="heavy ball")
    assert some.knobs["lr"]["heavy ball"] == 0.2 and some.point == (0.2, 0.3)


def test_a_turn_on_the_way_is_noted_in_words_if_those_shown_feel_it():
    some = race(10)
    some.change(beta=0.5)
    some.step()
    some.change(lr={"Adam": 3.0})  # is not shown
    some.step()
    some.change(lr=0.02)
    some.change(threshold=2)
    some.step()
    some.change(lr={"gradient descent": 0.01, "momentum": 0.03}, noise=0.25)
    assert some.turns() == [
        (10, "β 0.5"), (12, "α 0.02, clip at 2"),
        (13, "α 0.01 (gradient descent), α 0.03 (momentum), noise 0.25"),
    ]  # fmt: skip
    some.change(start=(1, 0))
    assert some.turns() == [] and some.step_count == some.reached == 0
    some.change(beta=0.1)
    assert some.turns() == [], "before the first step nothing has been turned"


# ---- back and forth -----------------------------------------------------------------------------


@settings(EASY, max_examples=8)
@given(st.lists(st.integers(0, 130), min_size=1, max_size=4), st.sampled_from([0.0, 0.3]))
def test_going_to_any_step_is_exact_and_so_is_going_on(steps, noise):
    def turned() -> Race:
        some = race(40, noise=noise)
        some.change(beta=0.6)
        for _ in range(50):
            some.step()
        some.change(lr={"momentum": 0.02})
        for _ in range(40):
            some.step()
        return some

    some, before = turned(), turned()
    for step in steps:
        some.go_to(step)
        assert some.step_count == step and some.reached == 130
        assert some.knobs["beta"] == (0.9 if step < 40 else 0.6)
        assert some.knobs["lr"]["momentum"] == (0.09 if step < 90 else 0.02)
        for name in NAMES:
            for racer, other in zip(some.seeds(name), before.seeds(name), strict=True):
                assert racer.path == other.path[: step + 1] and len(racer.values) == step + 1
    some.go_to(130)
    assert ends(some) == ends(before) and some.turns() == before.turns()


def test_a_turn_or_a_step_from_the_past_forgets_what_lay_ahead():
    some = race(60)
    some.change(beta=0.2)
    some.step()
    some.go_to(30)
    some.change(beta=0.5)
    assert some.reached == 30 and some.turns() == [(30, "β 0.5")]
    some.go_to(10)
    some.step()
    assert some.reached == 11 and some.turns() == [] and some.knobs["beta"] == 0.9
    for step in (-1, 12, 1.5):
        with pytest.raises(CourseError, match="step"):
            some.go_to(step)


def test_going_back_takes_back_what_has_happened_since():
    some = race(100, lr={"gradient descent": 0.03, "momentum": 0.1}, beta=0.67)
    lost, there = some.racers["gradient descent"].diverged, some.racers["momentum"].arrived
    some.go_to(lost - 1)
    assert not some.racers["gradient descent"].done and not some.racers["momentum"].done
    some.go_to(100)
    assert some.racers["gradient descent"].diverged == lost
    assert some.racers["momentum"].arrived == there > KEEP


# ---- noise --------------------------------------------------------------------------------------


def test_noise_is_added_to_the_gradient_alike_for_all_racers():
    some = race(1, lr={"gradient descent": 0.1, "heavy ball": 0.1}, noise=0.5)
    for k in range(SEEDS):
        a, b = (some.seeds(name)[k].path[1] for name in ("gradient descent", "heavy ball"))
        assert a == pytest.approx(b, rel=1e-12)
    quiet = np.array([1.0, 1.0]) - 0.1 * np.array([1.0, 100.0])
    drawn = [(quiet - some.seeds("gradient descent")[k].path[1]) / 0.1 for k in range(SEEDS)]
    assert 0.2 < np.std(drawn) < 0.8 and len({tuple(d) for d in drawn}) == SEEDS


def test_the_noise_has_the_deviation_that_was_asked_for():
    some = race(150, lr={"gradient descent": 1e-9}, noise=2.0)
    moves = [np.diff(racer.path, axis=0) for racer in some.seeds("gradient descent")]
    noise = np.array(moves) / -1e-9 - np.array([1.0, 100.0])
    assert np.std(noise) == pytest.approx(2.0, rel=0.05) and abs(np.mean(noise)) < 0.15
    assert abs(np.corrcoef(noise[0, 1:, 0], noise[0, :-1, 0])[0, 1]) < 0.2, "each step a new one"


def test_noise_turned_up_on_the_way_parts_the_seeds_from_there():
    some = race(20)
    assert some.seeds("momentum") == [some.racers["momentum"]]
    some.change(noise=0.1)
    for _ in range(10):
        some.step()
    paths = np.array([racer.path for racer in some.seeds("momentum")])
    assert paths.shape == (SEEDS, 31, 2)
    assert (paths[:, :21] == paths[0, :21]).all() and (paths[1:, 21:] != paths[0, 21:]).any()
    values = [[0.5 * (x * x + 100 * y * y) for x, y in path] for path in paths]
    assert np.allclose(some.heights("momentum", range(31)), values)
    assert ends(race(30, noise=0.1)) == ends(race(30, noise=0.1)), "the same noise each time"


def test_a_race_is_over_when_all_seeds_of_those_shown_are_done():
    some = race(200, racers=["momentum"], lr={"momentum": 0.1}, beta=0.67)
    assert some.over() and not race(10).over()
    some.change(racers=["gradient descent"])
    assert not some.over()
    some.change(racers=["momentum"], noise=1e-9)
    assert some.over()
    some.others["momentum"][3].arrived = None
    assert not some.over()
    some.step_count = LONGEST
    assert some.over()


def test_a_twin_has_the_past_the_memory_and_the_place():
    racer = Racer("Adam", make_surface("Rosenbrock"), (0.0, 1.0), Race().knobs)
    for _ in range(70):
        racer.step()
    other = racer.twin(Race().knobs)
    for _ in range(5):
        racer.step()
        other.step()
    assert other.path == racer.path and other.path is not racer.path
    other.step()
    assert len(racer.path) == 76
