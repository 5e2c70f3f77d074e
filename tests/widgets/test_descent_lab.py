"""DescentLab without a browser: the race, its knobs, divergence in words, frames, stills."""

import math
import threading
import time

import numpy as np
import pytest
import torch

from course import CourseError, Descend, Momentum, chain
from course.lessons.exercises.momentum import CURVATURES
from course.lessons.race import LONGEST, NAMES, Race
from course.lessons.surfaces import SURFACES
from widgets.common.canvas import decode
from widgets.descent.controls import near
from widgets.descent.lab import DescentLab
from widgets.descent.still import frame, scene, summary


def wait(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def live(**options):
    """A lab as in a notebook, with a browser that has painted all it was sent."""
    lab = DescentLab(interactive=True, **options)
    painted(lab)
    return lab


def painted(lab):
    lab.controls.canvas.ack = lab.controls.canvas.seq


def shown(lab):
    return decode(lab.controls.canvas.frame)


# ---- the race -----------------------------------------------------------------------------


def test_divergence_is_told_in_words():
    lab = DescentLab(lr={"gradient descent": 0.03}, interactive=False).run(100)
    w, n = 1.0, 0
    while abs(w) <= 1e6:
        w, n = w * (1 - 0.03 * 100), n + 1
    assert lab.race.racers["gradient descent"].diverged == n
    assert f"diverged at step {n}" in lab.summary()
    path = lab.paths["gradient descent"]
    assert np.isfinite(path[:n]).all() and np.isnan(path[n:]).all() and len(path) == 101
    assert lab.still().startswith(b"\x89PNG"), "the picture shows where it was last"
    wild = DescentLab(racers=NAMES, lr=1e9, beta=0.5, interactive=False)
    for name in SURFACES:
        wild.set("surface", name)
        wild.set("lr", 1e9)
        wild.run(20)
        assert "diverged" in wild.summary()
        frame(wild.race)


def test_a_knob_turned_on_the_way_keeps_the_points_and_the_memory():
    lab = DescentLab(interactive=False).run(20)
    lab.set("beta", 0.5)
    lab.set("lr", {"momentum": 0.05})
    lab.run(20)
    w, rule = torch.ones(2, dtype=torch.float64), chain(Momentum(0.9), Descend(0.09))
    rule.init(w)
    for n in range(40):
        if n == 20:
            rule.transforms[0].beta, rule.descend.lr = 0.5, 0.05
        rule(torch.tensor(CURVATURES, dtype=torch.float64) * w, w)
    assert lab.paths["momentum"][-1] == pytest.approx(w.numpy(), rel=1e-12)


def test_the_start_the_surface_and_the_shape_begin_again():
    lab = DescentLab(interactive=False).run(5)
    for change in (("start", (0.5, -0.5)), ("surface", "quadratic"), ("condition", 10),
                   ("rotation", 45), ("surface", "Rosenbrock")):  # fmt: skip
        lab.run(3)
        lab.set(*change)
        assert lab.race.step_count == 0, change
        assert (lab.paths["momentum"] == lab.race.knobs["start"]).all()
    assert lab.race.knobs["start"] == (-1.2, 1) and lab.knobs()["lr"]["momentum"] == 0.005
    lab.run(5).reset(start=(0, 0))
    assert lab.race.step_count == 0 and lab.paths["momentum"].tolist() == [[0, 0]]


def test_racers_are_chosen_and_rates_suit_the_condition():
    lab = DescentLab("quadratic", ["Adam", "momentum"], condition=10, interactive=False)
    assert list(lab.paths) == ["momentum", "Adam"] and lab.knobs()["lr"]["gradient descent"] == 0.18
    lab.set("racers", [])
    assert lab.paths == {} and "nobody is shown" in lab.summary()
    lab.set("lr", 0.02)
    assert set(lab.knobs()["lr"].values()) == {0.02, 1.0}


BAD = [
    ("surface", "ridge"), ("racers", ["sprinter"]), ("lr", -1), ("lr", {"sprinter": 1}),
    ("lr", math.inf), ("beta", 1), ("beta", "much"), ("threshold", 0), ("damping", -1),
    ("form", "lookahead"), ("speed", 7), ("replay", "often"), ("start", (1,)), ("start", 5),
    ("start", (math.nan, 0)), ("start", (None, 0)), ("point", (0.1, 1.0)), ("point", (-1, 0.5)),
    ("point", [[1], 2]), ("condition", 0), ("rotation", 999), ("colour", "red"),
]  # fmt: skip


@pytest.mark.parametrize("knob, value", BAD)
def test_a_bad_value_is_told_and_changes_nothing(knob, value):
    surface = "quadratic" if knob in ("condition", "rotation") else "ravine"
    lab = DescentLab(surface, interactive=False).run(3)
    before, ends = lab.knobs(), {n: p.tolist() for n, p in lab.paths.items()}
    lab.set(knob, value)
    assert "Not changed" in lab.summary() and lab.knobs() == before
    assert {n: p.tolist() for n, p in lab.paths.items()} == ends
    lab.set("beta", 0.8)
    assert "Not changed" not in lab.summary()
    if knob not in ("point", "colour"):
        with pytest.raises(CourseError):
            DescentLab(**{"surface": surface, knob: value}, interactive=False)


def test_condition_is_the_quadratics_alone():
    for bad in ({"surface": "ravine", "condition": 50}, {"surface": "cliff", "rotation": 5}):
        with pytest.raises(CourseError, match="quadratic"):
            DescentLab(**bad, interactive=False)
    for steps in (-1, 1.5, LONGEST + 1):
        with pytest.raises(CourseError):
            DescentLab(steps=steps, interactive=False)


def test_several_changes_are_all_or_none():
    race = Race()
    with pytest.raises(CourseError):
        race.change(beta=0.5, lr=0.3, start=(2, math.inf))
    assert race.knobs["beta"] == 0.9 and race.knobs["start"] == (1, 1)
    race.change(point=(0.2, 0.3), form="heavy ball")
    assert race.knobs["lr"]["heavy ball"] == 0.2 and race.point == (0.2, 0.3)


# ---- pictures -----------------------------------------------------------------------------


def test_headless_it_races_and_shows_a_still_and_words():
    lab = DescentLab(steps=40, interactive=False)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.race.step_count == 40 and bundle["image/png"].startswith(b"\x89PNG")
    for words in ("Step 40 from (1, 1)", "gradient descent at", "momentum at", "both oscillate"):
        assert words in bundle["text/plain"]
    assert lab.summary() in metadata["image/png"]["alt"]
    assert "Contours of the ravine" in metadata["image/png"]["alt"]
    assert set(bundle) == {"text/plain", "image/png"}
    again = DescentLab(steps=40, interactive=False)._repr_mimebundle_()[0]
    assert again == bundle, "the same lab gives the same bytes"


@pytest.mark.parametrize("name", SURFACES)
def test_a_scene_shows_the_surface(name):
    race = Race(surface=name)
    picture = scene(race)
    heat, side = picture["arrays"]["heat"], picture["side"]
    assert heat.shape == (side, side) and heat.min() == 0 and heat.max() == 1
    row, column = np.unravel_index(heat.argmin(), heat.shape)  # the lowest cell: by a minimum
    (left, right), (low, high) = picture["window"]
    x, y = left + column * (right - left) / (side - 1), low + row * (high - low) / (side - 1)
    step = max(right - left, high - low) / (side - 1)
    assert race.surface.distance(torch.tensor([x, y])) < 3 * step
    rho = picture["arrays"]["rho"]
    assert rho.shape == tuple(picture["shape"]) and rho.min() >= picture["best"] - 1e-9
    assert {words for words, _, _ in picture["labels"]} >= {"monotone", "diverges"}
    assert all(0 <= x <= 1 and 0 <= y <= 1 for _, x, y in picture["labels"])


def test_a_quadratic_without_a_ravine_has_a_diagram_too():
    race = Race(surface="quadratic", condition=1)
    assert np.isfinite(scene(race)["arrays"]["rho"]).all() and scene(race)["best"] == 0


def test_the_diagram_is_there_when_somebody_has_momentum():
    without = DescentLab("cliff", ("gradient descent", "clipped descent"), interactive=False)
    with_it = DescentLab("cliff", ("gradient descent", "heavy ball"), interactive=False)
    assert not frame(without.race)["diagram"] and frame(with_it.race)["diagram"]
    assert "diagram" not in frame(without.race)["text"] and "ρ" not in without.summary()
    assert "diagram" in frame(with_it.race)["text"] and "ρ" in with_it.summary()
    assert without.still() != with_it.still()


def test_a_frame_holds_the_numbers_of_the_race():
    lab = live().run(50)
    painted(lab)
    picture = shown(lab)
    assert picture["step"] == 50 and picture["text"].endswith(summary(lab.race))
    momentum = picture["racers"][1]
    assert momentum["at"] == lab.race.racers["momentum"].path[-1]
    path = picture["arrays"]["path1"].reshape(-1, 2)
    assert np.allclose(path, lab.paths["momentum"], rtol=1e-6)
    values = [0.5 * (x * x + 100 * y * y) for x, y in lab.paths["momentum"]]
    assert np.allclose(10 ** picture["arrays"]["value1"], values, rtol=1e-4)
    assert len(lab.controls.canvas.frame) < 10_000


def test_long_races_make_small_frames_and_end(monkeypatch):
    monkeypatch.setattr("widgets.descent.lab.LONGEST", 1000)
    monkeypatch.setattr("course.lessons.race.LONGEST", 1000)
    lab = live(lr=1e-7)
    lab.run(1000)
    painted(lab)
    assert len(lab.controls.canvas.frame) < 12_000 and lab.race.over()
    assert lab.run(5).race.step_count == 1000
    lab.play()
    assert "over" in lab.status and not lab.runner.running


# ---- live ---------------------------------------------------------------------------------


def test_a_lab_of_another_name_goes_on_and_one_of_the_same_name_takes_its_place():
    first, second = live(name="cell 1", lr=1e-4), live(name="cell 2", lr=1e-4)
    first.play()
    second.play()
    wait(lambda: first.race.step_count > 0 and second.race.step_count > 0)
    assert first.runner.running
    live(name="cell 2")
    wait(lambda: not second.runner.running)
    assert first.runner.running


def test_playing_is_the_same_race_and_ends_by_itself():
    lab = live(speed=240, racers=["momentum"], name="live")
    lab.play()
    wait(lambda: lab.race.step_count > 10)
    lab.pause()
    assert not lab.runner.running
    n = lab.race.step_count
    plain = DescentLab(racers=["momentum"], interactive=False).run(n)
    assert np.array_equal(plain.paths["momentum"], lab.paths["momentum"])
    lab.set("point", (0.1, 0.67))  # quick enough to arrive soon
    lab.play()
    wait(lambda: not lab.runner.running)
    assert "arrived" in lab.status and lab.race.racers["momentum"].arrived == lab.race.step_count


def test_what_the_browser_sends_turns_the_knobs_between_steps():
    lab = live(speed=60)
    lab.play()
    wait(lambda: lab.race.step_count > 3)
    lab.controls._dragged(None, {"knob": "point", "value": [0.2, 0.75]}, [])
    wait(lambda: lab.race.point == (0.2, 0.75))
    assert lab.race.step_count > 3 and lab.runner.running
    lab.controls._dragged(None, {"knob": "start", "value": [0.25, -1]}, [])
    wait(lambda: lab.race.knobs["start"] == (0.25, -1))
    assert lab.runner.running and lab.paths["momentum"][0].tolist() == [0.25, -1]
    lab.pause()
    for odd in ("start", {"knob": "surface", "value": "cliff"}, {}, {"knob": ["start"]}, None):
        before = lab.knobs()
        lab.controls._dragged(None, odd, [])
        assert lab.knobs() == before


def test_the_widgets_turn_the_knobs_and_follow_them():
    lab = live(surface="quadratic", racers=NAMES)
    panel = lab.controls
    panel.surface.value = "saddle"
    assert lab.race.knobs["surface"] == "saddle" and lab.race.step_count == 0
    assert panel.condition.layout.display == "none" and panel.damping.layout.display == "flex"
    slider, number = panel.rates["Adam"].children
    number.value = 0.033
    assert lab.knobs()["lr"]["Adam"] == 0.033 and near(slider, 0.033)
    slider.value = 10**-1.48  # the browser's own step next to it: nobody turned it
    assert lab.knobs()["lr"]["Adam"] == 0.033
    slider.value = 0.1
    assert lab.knobs()["lr"]["Adam"] == number.value == 0.1
    panel.racers["Newton"].value = False
    assert "Newton" not in lab.paths and panel.damping.layout.display == "none"
    lab.set("point", (0.4, 0.35))
    assert panel.rates["momentum"].children[1].value == 0.4
    number.value = -2.0
    assert "Not changed" in panel.status.value and number.value == 0.1


def test_replay_shows_the_whole_path_at_every_change():
    lab = live(steps=60, replay=True)
    assert lab.race.step_count == 60
    lab.set("point", (0.1, 0.8))
    assert lab.race.step_count == 60
    plain = DescentLab(lr={"momentum": 0.1}, beta=0.8, interactive=False, name="plain").run(60)
    assert np.array_equal(lab.paths["momentum"], plain.paths["momentum"])


def test_a_slow_browser_gets_fewer_frames_and_the_last_one_always():
    lab = DescentLab(interactive=True)
    canvas = lab.controls.canvas
    assert canvas.seq == 1
    for beta in np.linspace(0.1, 0.8, 20):
        lab.set("beta", float(beta))
    assert canvas.seq == 1 and canvas.late
    painted(lab)
    assert canvas.seq == 2 and shown(lab)["point"] == [0.09, 0.8]
    painted(lab)
    assert canvas.seq == 2 and not canvas.late
    first = canvas.scene
    lab.set("form", "heavy ball")
    assert canvas.scene != first and decode(canvas.scene)["form"] == "heavy ball"


def test_running_the_cell_again_leaves_one_thread():
    def threads():
        return [t for t in threading.enumerate() if t.name == "course-lab" and t.is_alive()]

    for _ in range(3):
        lab = live(lr=1e-4)
        lab.play()
        wait(lambda lab=lab: lab.race.step_count > 0)
    assert len(threads()) == 1
    lab.close()
    assert threads() == []


def test_an_error_in_the_thread_is_shown(monkeypatch):
    lab = live()
    monkeypatch.setattr(lab.race, "step", lambda: 1 / 0)
    lab.play()
    wait(lambda: "ZeroDivisionError" in lab.controls.status.value)
