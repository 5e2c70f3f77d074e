"""DescentLab without a browser: driving, knobs, what is said, and the widgets."""

import math
import re
import threading
import time

import numpy as np
import pytest
import torch

from course import CourseError, Descend, Momentum, chain
from course.lessons.exercises.momentum import CURVATURES
from course.lessons.race import LONGEST
from course.lessons.racers import NAMES
from widgets.common import panel
from widgets.common.frames import decode
from widgets.descent.lab import DescentLab


def wait(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def live(**options) -> DescentLab:
    """A lab as in a notebook, with a browser that looks."""
    lab = DescentLab(interactive=True, **options)
    answer(lab)
    return lab


def answer(lab, kind="see", **content) -> None:
    """Say what the browser would say."""
    face = lab.panel.face
    face._hear(
        {"kind": kind, "view": "v", **({"seq": face.seq} if kind == "see" else {}), **content}
    )


def still(**options) -> DescentLab:
    return DescentLab(interactive=False, **options)


# ---- driving ------------------------------------------------------------------------------------


def test_headless_it_races_and_shows_a_still_and_words():
    lab = still(steps=40)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.race.step_count == 40 and bundle["image/png"].startswith(b"\x89PNG")
    for words in ("Ravine, step 40 from (1, 1)", "gradient descent at", "momentum at", "both osc"):
        assert words in bundle["text/plain"]
    alt = metadata["image/png"]["alt"]
    assert alt == f"{lab.drawn()} {lab.summary()}"
    for words in ("Contours of the ravine", "y from −1.5 to 1.5", "diagram of rate α", "log axis"):
        assert words in alt
    assert "diagram" not in still(racers=["Adam"]).drawn()
    assert set(bundle) == {"text/plain", "image/png"}
    assert still(steps=40)._repr_mimebundle_()[0] == bundle, "the same lab gives the same bytes"
    assert "application/vnd.jupyter.widget-view+json" in live()._repr_mimebundle_()[0]


def test_playing_is_the_same_race_and_ends_when_all_have_arrived():
    lab = live(speed=240, racers=["momentum"], name="live")
    lab.play()
    wait(lambda: lab.race.step_count > 10)
    lab.pause()
    assert not lab.runner.running
    n = lab.race.step_count
    assert np.array_equal(
        still(racers=["momentum"]).run(n).paths["momentum"], lab.paths["momentum"]
    )
    lab.set("point", (0.1, 0.67))  # quick enough to arrive soon
    lab.play()
    wait(lambda: not lab.runner.running)
    assert "arrived" in lab.summary() and lab.race.racers["momentum"].arrived == lab.race.step_count
    assert lab.panel.play.icon == "play"
    lab.set_speed(1)
    lab.play()  # a race that is over begins again
    assert lab.playing and lab.race.step_count < 5
    lab.pause()


def test_a_run_goes_on_after_the_arrival_and_ends_with_the_longest_race(monkeypatch):
    lab = still(racers=["Newton"]).run(50)
    assert lab.race.step_count == 50 and lab.race.over()
    monkeypatch.setattr("widgets.descent.lab.LONGEST", 60)
    assert lab.run(50).race.step_count == 60 and lab.run(5).race.step_count == 60
    for steps in (-1, 1.5, LONGEST + 1):
        with pytest.raises(CourseError, match="steps"):
            still(steps=steps)


def test_labs_of_two_names_play_at_once_and_one_of_the_same_name_takes_its_place():
    first, second = live(name="cell 1", lr=1e-4), live(name="cell 2", lr=1e-4)
    first.play()
    second.play()
    wait(lambda: first.race.step_count > 2 and second.race.step_count > 2)
    assert first.runner.running and second.runner.running
    third = live(name="cell 2", lr=1e-4)
    wait(lambda: not second.runner.running)
    steps = first.race.step_count
    wait(lambda: first.race.step_count > steps)
    first.close()
    third.close()
    threads = [t for t in threading.enumerate() if t.name == "course-lab" and t.is_alive()]
    assert threads == []


def test_an_error_in_the_thread_is_shown(monkeypatch):
    lab = live()
    monkeypatch.setattr(lab.race, "step", lambda: 1 / 0)
    lab.play()
    wait(lambda: "ZeroDivisionError" in lab.panel.sentence.value and lab.panel.play.icon == "play")


def test_the_button_says_play_when_the_thread_ends_before_play_returns(monkeypatch):
    lab = live()
    start = lab.runner.start

    def slow_start():
        start()
        lab.runner.thread.join(20)

    monkeypatch.setattr(lab.race, "step", lambda: 1 / 0)
    monkeypatch.setattr(lab.runner, "start", slow_start)
    lab.play()
    assert "ZeroDivisionError" in lab.panel.sentence.value and lab.panel.play.icon == "play"


def test_play_that_cannot_start_leaves_the_button(monkeypatch):
    lab = live()

    def start():
        raise CourseError("the last step has not ended")

    monkeypatch.setattr(lab.runner, "start", start)
    with pytest.raises(CourseError):
        lab.play()
    assert lab.panel.play.icon == "play"


def test_going_back_and_on_again():
    lab = live(lr=1e-3).run(30)
    lab.set("beta", 0.5)
    path = lab.run(20).paths["momentum"]
    lab.go_to(10)
    assert lab.race.step_count == 10 and lab.knobs()["beta"] == 0.9
    assert decode(lab.panel.face.frame)["step"] == 10 and lab.picture()["end"] == 50
    lab.go_to(50)
    assert np.array_equal(lab.paths["momentum"], path) and lab.knobs()["beta"] == 0.5
    with pytest.raises(CourseError, match="step = 51"):
        lab.go_to(51)
    lab.reset()
    assert lab.race.step_count == 0 and lab.knobs()["beta"] == 0.5
    assert decode(lab.panel.face.frame)["step"] == 0
    lab.run(5).reset(start=(0, 0))
    assert lab.race.step_count == 0 and lab.paths["momentum"].tolist() == [[0, 0]]
    with pytest.raises(CourseError, match="start"):
        lab.reset(start=(0, math.nan))


# ---- knobs --------------------------------------------------------------------------------------


def test_a_knob_turned_on_the_way_keeps_the_points_and_the_memory():
    lab = still().run(20)
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
    assert lab.picture()["turns"] == [[20, "α 0.05, β 0.5"]]


def test_the_start_the_surface_and_the_shape_begin_again():
    lab = still().run(5)
    for change in (("start", (0.5, -0.5)), ("surface", "quadratic"), ("condition", 10),
                   ("rotation", 45), ("surface", "Rosenbrock")):  # fmt: skip
        lab.run(3)
        lab.set(*change)
        assert lab.race.step_count == 0, change
        assert (lab.paths["momentum"] == lab.race.knobs["start"]).all()
    assert lab.race.knobs["start"] == (-1.2, 1) and lab.knobs()["lr"]["momentum"] == 0.005


def test_racers_are_chosen_and_rates_suit_the_condition():
    lab = still(surface="quadratic", racers=["Adam", "momentum"], condition=10)
    assert list(lab.paths) == ["momentum", "Adam"] and lab.knobs()["lr"]["gradient descent"] == 0.18
    lab.set("lr", 0.02)
    assert set(lab.knobs()["lr"].values()) == {0.02, 1.0}
    lab.set("racers", [])
    assert lab.paths == {} and "no racer is shown" in lab.summary() and lab.still()


BAD = [
    ("surface", "ridge"), ("racers", ["sprinter"]), ("lr", -1), ("lr", {"sprinter": 1}),
    ("lr", math.inf), ("beta", 1), ("beta", "much"), ("threshold", 0), ("damping", -1),
    ("noise", -0.1), ("noise", math.nan), ("form", "lookahead"), ("replay", "often"),
    ("start", (1,)), ("start", 5), ("start", (math.nan, 0)), ("start", (None, 0)),
    ("point", (0.1, 1.0)), ("point", (-1, 0.5)), ("point", [[1], 2]), ("condition", 0),
    ("rotation", 999), ("colour", "red"),
]  # fmt: skip


@pytest.mark.parametrize("knob, value", BAD)
def test_a_bad_value_is_told_and_changes_nothing(knob, value):
    surface = "quadratic" if knob in ("condition", "rotation") else "ravine"
    lab = still(surface=surface).run(3)
    before, ends = lab.knobs(), {n: p.tolist() for n, p in lab.paths.items()}
    lab.set(knob, value)
    assert "Not changed" in lab.summary() and lab.knobs() == before
    assert {n: p.tolist() for n, p in lab.paths.items()} == ends
    lab.set("beta", 0.8)
    assert "Not changed" not in lab.summary()
    if knob not in ("point", "colour"):
        with pytest.raises(CourseError, match=rf"{knob}|racer"):
            still(**{"surface": surface, knob: value})


def test_condition_and_rotation_are_the_quadratics_alone():
    for bad in ({"surface": "ravine", "condition": 50}, {"surface": "cliff", "rotation": 5}):
        with pytest.raises(CourseError, match="quadratic"):
            still(**bad)


def test_replay_shows_the_whole_path_at_every_change():
    lab = live(steps=60, replay=True)
    assert lab.race.step_count == 60
    lab.set("point", (0.1, 0.8))
    assert lab.race.step_count == 60
    plain = still(lr={"momentum": 0.1}, beta=0.8).run(60)
    assert np.array_equal(lab.paths["momentum"], plain.paths["momentum"])
    lab.set("replay", False)
    lab.set("beta", 0.5)
    assert lab.race.step_count == 60 and lab.picture()["turns"] == [[60, "β 0.5"]]


# ---- widgets ------------------------------------------------------------------------------------


def test_what_the_browser_sends_turns_the_knobs_between_steps():
    lab = live(speed=60, lr=1e-4)
    lab.play()
    wait(lambda: lab.race.step_count > 3)
    answer(lab, "turn", knob="point", value=[0.2, 0.75])
    wait(lambda: lab.race.point == (0.2, 0.75))
    assert lab.race.step_count > 3 and lab.runner.running
    answer(lab, "turn", knob="start", value=[0.25, -1])
    wait(lambda: lab.race.knobs["start"] == (0.25, -1))
    assert lab.runner.running and lab.paths["momentum"][0].tolist() == [0.25, -1]
    lab.pause()
    lab.run(20)
    answer(lab, "go_to", step=7)
    assert lab.race.step_count == 7
    for odd in ({"knob": "start"}, {"knob": "point", "value": ["x", 2]}, {"knob": ["start"]}, {}):
        before = lab.knobs()
        answer(lab, "turn", **odd)
        assert lab.knobs() == before and "Not changed" in lab.panel.sentence.value


def test_the_widgets_turn_the_knobs_and_follow_them():
    lab = live(surface="quadratic", racers=NAMES)
    knobs = lab.panel.knobs
    transport = lab.panel.box.children[0].children[0].children
    keys = [(key.description, key.icon) for key in transport[:3]]
    assert keys == [("Play", "play"), ("Step", "step-forward"), ("Reset", "refresh")]

    def hidden() -> set[str]:
        return {n for n, knob in knobs.items() if knob.box.layout.display == "none"}

    assert hidden() == set()
    knobs["surface"].list.value = "saddle"
    assert lab.race.knobs["surface"] == "saddle" and hidden() == {"condition", "rotation"}
    knobs["lr Adam"].number.value = 0.033
    assert lab.knobs()["lr"]["Adam"] == 0.033
    assert knobs["lr Adam"].slider.value == pytest.approx(0.033, rel=0.06)
    knobs["lr Adam"].slider.value = 1.0
    assert lab.knobs()["lr"]["Adam"] == knobs["lr Adam"].number.value == 1
    knobs["racers"].keys["Newton"].value = False
    assert "Newton" not in lab.paths and hidden() == {
        "condition",
        "rotation",
        "lr Newton",
        "damping",
    }
    lab.set("racers", ["gradient descent"])
    assert [n for n, key in knobs["racers"].keys.items() if key.value] == ["gradient descent"]
    assert {"beta", "threshold", "lr momentum"} <= hidden() and "noise" not in hidden()
    lab.set("point", (0.4, 0.35))
    assert knobs["lr momentum"].number.value == 0.4 and knobs["beta"].number.value == 0.35
    knobs["noise"].slider.value = 0.1
    assert lab.knobs()["noise"] == 0.1
    knobs["noise"].slider.value = 1e-3
    assert lab.knobs()["noise"] == 0
    knobs["beta"].number.value = -2.0
    assert "Not changed" in lab.panel.sentence.value and knobs["beta"].number.value == 0.35


def test_the_table_and_the_headlines_say_how_the_racers_stand():
    lab = live(racers=["gradient descent", "momentum"], lr={"momentum": 0.1}, beta=0.67).run(100)
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", lab.panel.table.value)
    rows = [cells[k : k + 5] for k in range(0, len(cells), 5)]
    paths, racer = lab.paths, lab.race.racers["momentum"]
    x, y = paths["gradient descent"][-1]
    assert rows[1][0] == "gradient descent" and rows[2][0] == "momentum"
    assert float(rows[1][1]) == pytest.approx(0.5 * (x * x + 100 * y * y), rel=5e-3)
    assert rows[2][2:] == [*map(str, racer.swings()), f"arrived after {racer.arrived} steps"]
    heads = dict(lab.heads())
    assert heads["step"] == "100" and heads["height, gradient descent"] == rows[1][1]
    assert float(heads["ρ of momentum"]) == pytest.approx(0.67**0.5, abs=1e-4)
    lab.set("racers", [])
    assert lab.panel.table.value == "" and [*dict(lab.heads())] == ["step"]
    lab.set("racers", NAMES)
    assert [*dict(lab.heads())] == ["step", "ρ of momentum"] and len(lab.panel.table.value) > 900


def test_a_frame_is_small_and_holds_the_picture():
    lab = live(racers=NAMES, lr=1e-6, noise=0.1).run(1000)
    frame = lab.panel.face.frame
    assert len(frame) < 60_000 and decode(frame)["step"] == 1000
    assert len(live(lr=1e-6).run(1000).panel.face.frame) < 30_000


def test_without_an_answer_from_a_browser_the_still_is_shown(monkeypatch):
    monkeypatch.setattr(panel, "FALLBACK", 0.0)
    lab = DescentLab(interactive=True)
    lab.play()
    lab.pause()
    lab.refresh()
    assert lab.panel.still.layout.display is None and lab.panel.still.value == lab.still()
