"""What a DescentLab draws: trails, heights, map and diagram, against the race and against numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course.lessons.race import SEEDS, Race
from course.lessons.racers import NAMES
from course.lessons.surfaces import FORMS, SURFACES, make_surface
from widgets.common.picture import faults
from widgets.descent import diagram, scene, words
from widgets.descent.lab import DescentLab

EASY = settings(derandomize=True, deadline=None, max_examples=25)
CURVATURES = st.tuples(st.floats(0.1, 5), st.floats(1, 1000)).map(lambda c: (c[0], c[0] * c[1]))


def lab(n=0, **options) -> DescentLab:
    return DescentLab(interactive=False, **options).run(n)


def side(picture: dict, kind: str) -> dict:
    (panel,) = [panel for panel in picture["side"] if panel["kind"] == kind]
    return panel


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("noise", [0, 0.2])
def test_every_picture_can_be_drawn(surface, noise):
    for n in (0, 1, 30, 700):
        assert faults(lab(n, surface=surface, racers=NAMES, noise=noise).picture()) == []
    assert faults(lab(3, surface=surface, racers=[]).picture()) == []
    assert faults(lab(50, surface=surface, racers=NAMES, lr=1e3).picture()) == []


@settings(EASY, max_examples=12)
@given(st.sampled_from(sorted(SURFACES)), st.lists(st.sampled_from(NAMES), max_size=8, unique=True),
       st.floats(0, 1e9), st.sampled_from([0, 1e-3, 1e6]))  # fmt: skip
def test_no_rate_and_no_noise_breaks_it(surface, racers, lr, noise):
    some = lab(12, surface=surface, racers=racers, lr=lr, noise=noise)
    assert faults(some.picture()) == [] and words.table(some.race) != "" or not racers
    assert some.summary() and some.still().startswith(b"\x89PNG")


# ---- the surface --------------------------------------------------------------------------------


def test_trails_are_the_races_points():
    some = lab(40, racers=["gradient descent", "momentum", "Adam"])
    picture = some.picture()
    panel = side(picture, "surface")
    assert [racer["name"] for racer in panel["racers"]] == [*some.paths]
    assert panel["first"] == 0 and panel["start"] == [1, 1] and panel["minima"] == [[0, 0]]
    for racer in panel["racers"]:
        path = picture["arrays"][racer["path"]].reshape(-1, 2)
        assert np.array_equal(path, some.paths[racer["name"]])
        assert racer["at"] == path[-1].tolist() and "others" not in racer
    assert len({racer["hue"] for racer in panel["racers"]}) == 3
    assert len(set(words.HUES.values())) == len(NAMES) == len(scene.LOOKS)


def test_a_long_trail_is_cut_and_a_far_one_comes_nearer():
    some = lab(500, lr=1e-4)
    panel, arrays = side(some.picture(), "surface"), some.picture()["arrays"]
    path = arrays[panel["racers"][1]["path"]].reshape(-1, 2)
    assert panel["first"] == 500 - scene.TRAIL and len(path) == scene.TRAIL + 1
    assert np.array_equal(path, some.paths["momentum"][panel["first"] :])
    points = scene.nearer(np.array([[3e5, 4e5], [0.5, 0.5], [np.nan, 0]]), [-1, 1, -1, 1])
    assert points[0] == pytest.approx([8 * 0.6, 8 * 0.8]) and points[1].tolist() == [0.5, 0.5]
    assert np.isnan(points[2]).any()


def test_who_is_outside_or_lost_is_named_so():
    some = lab(40, surface="cliff", racers=("gradient descent", "clipped descent"))
    outside, inside = side(some.picture(), "surface")["racers"]
    x, _ = some.paths["gradient descent"][-1]
    assert x > 3.1 and outside["outside"] and outside["state"] == "outside the picture"
    assert not inside["outside"] and inside["state"] == ""
    lost = lab(30, lr={"gradient descent": 0.05}, racers=["gradient descent"])
    racer = side(lost.picture(), "surface")["racers"][0]
    assert racer["state"] == f"diverged at step {lost.race.racers['gradient descent'].diverged}"
    assert np.isfinite(racer["at"]).all()
    noisy = lab(30, lr={"gradient descent": 0.05}, racers=["gradient descent"], noise=0.1)
    assert f"{SEEDS} of {SEEDS} seeds diverged" in noisy.summary()
    rests = lab(50, surface="saddle", racers=["Newton"], damping=0)
    assert "rests at a saddle" in rests.summary()


def test_with_noise_the_other_seeds_are_dots():
    some = lab(20, noise=0.5)
    picture = some.picture()
    racer = side(picture, "surface")["racers"][1]
    others = [other.path[-1] for other in some.race.others["momentum"]]
    assert np.array_equal(picture["arrays"][racer["others"]].reshape(-1, 2), others)


@EASY
@given(st.sampled_from(sorted(SURFACES)), st.floats(-90, 90), st.floats(1, 1e3))
def test_the_map_rises_with_the_height(name, rotation, condition):
    levels = scene.levels(name, condition, rotation).reshape(scene.ROWS, scene.COLUMNS)
    shape = make_surface(name, condition, rotation)
    (left, right), (low, high) = words.window(shape)
    assert (high - low) / (right - left) == pytest.approx(words.FLATNESS)
    xs, ys = np.linspace(left, right, scene.COLUMNS), np.linspace(low, high, scene.ROWS)
    heights = [[float(shape.value(*torch.tensor([x, y], dtype=torch.float64))) for x in xs]
               for y in ys[::9]]  # fmt: skip
    above = np.array(heights) - shape.lowest
    order = np.argsort(above.ravel())
    assert (np.diff(levels[::9].ravel()[order]) >= -1e-6).all()
    assert levels.min() >= 0 and levels.max() == pytest.approx(255, abs=0.1)


# ---- heights ------------------------------------------------------------------------------------


def test_heights_are_above_the_minimum_step_by_step():
    some = lab(60, surface="saddle", racers=["gradient descent", "Adam"])
    picture = some.picture()
    (plot,) = picture["strips"]
    assert [layer["label"] for layer in plot["layers"]] == ["gradient descent", "Adam"]
    assert picture["arrays"]["steps"].tolist() == [*range(61)]
    for layer in plot["layers"]:
        assert layer["read"] and layer["hue"] == words.HUES[layer["name"]]
        x, y = some.paths[layer["name"]].T
        above = 0.5 * x**2 + 0.25 * y**4 - 0.5 * y**2 + 0.25
        assert np.allclose(picture["arrays"][layer["y"]], np.maximum(above, 1e-12), rtol=1e-9)
        assert plot["y"]["low"] <= picture["arrays"][layer["y"]].min()
        assert plot["y"]["high"] >= picture["arrays"][layer["y"]].max()


def test_with_noise_there_are_median_and_range():
    some = lab(20, racers=["Adam"], noise=0.5)
    picture = some.picture()
    (plot,) = picture["strips"]
    band, curve = plot["layers"]
    values = []
    for racer in some.race.seeds("Adam"):
        values.append([0.5 * (x * x + 100 * y * y) for x, y in racer.path])
    assert len(values) == SEEDS and band["kind"] == "band" and "9 seeds" in plot["title"]
    found = np.sort(values, axis=0)
    for name, row in ((curve["y"], 4), (band["low"], 0), (band["high"], 8)):
        assert np.allclose(picture["arrays"][name], found[row])
    assert words.height(some.race, "Adam") == words.brief(found[4, -1])


def test_a_long_race_is_sampled_to_its_last_step():
    some = lab(2001, lr=1e-5)
    steps = some.picture()["arrays"]["steps"]
    assert len(steps) <= scene.SAMPLES + 2 and steps[0] == 0 and steps[-1] == 2001
    found = some.picture()["arrays"]["height0"]
    x, y = some.paths["gradient descent"][steps.astype(int)].T
    assert np.allclose(found, 0.5 * (x * x + 100 * y * y))


@EASY
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_there_is_always_room_for_what_is_to_come(reached, steps):
    edge = scene.horizon(reached, steps)
    assert edge >= 1.2 * reached - 1 and edge <= max(2.6 * reached, 1.25 * max(steps, 1) + 1)


# ---- the diagram --------------------------------------------------------------------------------


def steps_of(alpha: float, beta: float, curvatures, form: str) -> list[np.ndarray]:
    share = 1 - beta if form == "exponential average" else 1.0  # of the gradient that enters v
    return [np.array([[beta, share * c], [-alpha * beta, 1 - alpha * share * c]])
            for c in curvatures]  # fmt: skip


def radius_of(*where) -> float:
    return max(abs(np.linalg.eigvals(step)).max() for step in steps_of(*where))


def behaves(alpha: float, beta: float, curvatures, form: str) -> str:
    """Name the region by numpy's eigenvalues of the step (v, w) → (v, w) in each direction."""
    found = [np.linalg.eigvals(step) for step in steps_of(alpha, beta, curvatures, form)]
    swings = [(abs(z.imag) > 1e-9).any() or (z.real < -1e-9).any() for z in found]
    return diagram.REGIONS[3 if max(abs(z).max() for z in found) > 1 else sum(swings)]


@EASY
@given(CURVATURES, st.sampled_from(FORMS))
@example((1.0, 5.0), "heavy ball")  # the names leave room for the word "fastest" at low β
def test_each_name_stands_in_its_region(curvatures, form):
    panel, _ = diagram.ground(*curvatures, form)
    for name, alpha, beta in panel["regions"]:
        assert name == behaves(alpha, beta, curvatures, form)
        assert panel["x"]["low"] <= alpha <= panel["x"]["high"] and 0 <= beta <= 0.995
    assert {name for name, _, _ in panel["regions"]} >= {"monotone", "diverges"}


@EASY
@given(CURVATURES, st.sampled_from(FORMS), st.integers(0, 71), st.integers(0, 49))
def test_the_map_of_speeds_is_numpys_radius(curvatures, form, column, row):
    panel, arrays = diagram.ground(*curvatures, form)
    alphas = np.geomspace(panel["x"]["low"], panel["x"]["high"], diagram.ALPHAS)
    beta = arrays["betas"][row]
    radius = radius_of(alphas[column], beta, curvatures, form)
    byte = arrays["speeds"].reshape(panel["shape"])[row, column]
    if abs(radius - 1) > 1e-3:
        assert (byte >= 128) == (radius < 1) or byte == 128
    best = panel["best"]
    corner = behaves(best[0] * 0.97, best[1], curvatures, form)
    assert corner != "diverges" and arrays["speeds"].max() == 255


def test_a_speed_is_a_byte_128_for_standing_still():
    rho = np.array([0.5, 0.75, 1.0, 2.0, 4.0, np.inf])
    bytes_ = [255, 128 + 127 * 0.5**0.6, 128, 128 - 127 * 0.4, 128 - 127 * 0.6, 128 - 127 * 0.8]
    assert diagram.speeds(rho).tolist() == [round(byte) for byte in bytes_]


@pytest.mark.parametrize("form", FORMS)
def test_the_fastest_point_is_where_no_other_is_faster(form):
    panel, _ = diagram.ground(1.0, 100.0, form)
    alpha, beta = panel["best"]
    least = radius_of(alpha, beta, (1, 100), form)
    assert least == pytest.approx((10 - 1) / (10 + 1), rel=1e-6)
    for a, b in ((1.02, 0), (0.98, 0), (1, 0.01), (1, -0.01), (1.02, 0.01), (0.98, -0.01)):
        assert radius_of(alpha * a, beta + b, (1, 100), form) > least


def test_the_lines_part_the_regions():
    panel, arrays = diagram.ground(1.0, 100.0, "heavy ball")
    beta = arrays["betas"][20]
    steep, flat, end = (arrays[name][20] for name in (*panel["swings"], panel["limit"]))
    names = [behaves(v, beta, (1.0, 100.0), "heavy ball") for line in (steep, flat, end)
             if not math.isnan(line) for v in (line * 0.999, line * 1.001)]  # fmt: skip
    assert names[:2] == ["monotone", "one oscillates"] and names[-1] == "diverges"


def test_the_diagram_is_there_when_a_racer_with_momentum_races():
    without = lab(racers=("gradient descent", "clipped descent"), surface="cliff")
    with_it = lab(racers=("gradient descent", "heavy ball"), surface="cliff", form="heavy ball")
    assert [panel["kind"] for panel in without.picture()["side"]] == ["surface"]
    assert "ρ" not in without.summary() and without.picture()["strips"][0]["height"] > 300
    panel = side(with_it.picture(), "diagram")
    assert panel["point"] == [*with_it.race.point] and "heavy ball" in panel["title"]
    assert panel["words"] in with_it.summary()


def test_the_sentence_tells_growth_from_decay():
    for lr, beta, said in ((0.1, 0.67, "both oscillate"), (0.4, 0.9, "diverges"),
                           (0.38, 0.9, "swings for ever")):  # fmt: skip
        race = Race(lr={"momentum": lr}, beta=beta)
        assert said in words.say_point(race)
    assert words.radius_words(1 + 1e-6) == "1 + 1.0e-06" and words.radius_words(1.0) == "1.0000"
    assert words.radius_words(1 - 2e-6) == "1 − 2.0e-06" and words.radius_words(0.5) == "0.5000"
    race = Race(lr={"momentum": 0.1}, beta=0.67)
    assert "ρ = 0.8185" in words.say_point(race) and "α 0.101" in words.say_point(race)
