"""The lab without a browser: knobs, frames, divergence, re-running, stills."""

import threading
import time

import numpy as np
import pytest
import torch

from course import CourseError
from widgets import TrainingLab
from widgets.common.canvas import Canvas, decode, encode
from widgets.common.front_end import LABS, SHOWN
from widgets.training.controls import Controls


@pytest.fixture(autouse=True)
def stop_labs():
    yield
    for lab in list(LABS.values()):
        lab.close()
    LABS.clear()
    SHOWN.clear()


def wait(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def lab_threads():
    return [t for t in threading.enumerate() if t.name == "course-lab" and t.is_alive()]


@pytest.mark.parametrize("data", ["digits", "moons", "spirals"])
def test_headless_it_trains_and_shows_a_still_and_words(data):
    lab = TrainingLab(data=data, steps=60, interactive=False)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.trainer.step_count == 60
    assert bundle["image/png"].startswith(b"\x89PNG")
    words = ("Step 60", "loss", "test accuracy", "learning rate")
    assert all(word in bundle["text/plain"] for word in words)
    assert metadata["image/png"]["alt"] == lab.summary()
    again = TrainingLab(data=data, steps=60, interactive=False)._repr_mimebundle_()[0]
    assert again == bundle, "the same lab gives the same bytes"


def test_the_lab_trains_as_the_trainer_does():
    live, plain = TrainingLab(interactive=True), TrainingLab(interactive=False, name="other")
    live.play()
    wait(lambda: live.trainer.step_count > 150)
    live.pause()
    for _ in plain.trainer.run(live.trainer.step_count):
        pass
    assert torch.equal(plain.trainer.model.theta, live.trainer.model.theta)


def test_knobs_turned_from_another_thread_are_applied_between_steps_and_recorded():
    lab = TrainingLab(interactive=True)
    lab.play()
    wait(lambda: lab.trainer.step_count > 20)
    for i in range(1, 21):
        lab.set("lr", i / 100)
    wait(lambda: len(lab.trainer.history.knobs) == 20)
    lab.pause()
    assert [value for _, _, value in lab.trainer.history.knobs] == [i / 100 for i in range(1, 21)]
    replay = TrainingLab(interactive=False, name="replay").trainer
    changes = list(lab.trainer.history.knobs)
    while replay.step_count < lab.trainer.step_count:
        while changes and changes[0][0] == replay.step_count:
            replay.set(*changes.pop(0)[1:])
        replay.step()
    assert torch.equal(replay.model.theta, lab.trainer.model.theta)


def test_the_widgets_turn_the_knobs():
    lab = TrainingLab(interactive=True)
    knobs = lab.controls.knobs
    knobs["lr"].number.value = 0.25
    knobs["momentum"].slider.value = 0.5
    knobs["clip"].list.value = "norm"
    knobs["threshold"].number.value = 2.0
    knobs["batch_size"].list.value = 64
    drawer = lab.controls.drawer.knobs
    drawer["optimiser"].list.value = "nesterov"
    drawer["l1"].number.value = 1e-4
    drawer["l2"].slider.value = 1e-3
    drawer["dropout"].slider.value = 0.2
    drawer["label_noise"].number.value = 0.1
    drawer["augment"].list.value = "shift"
    expected = {
        "lr": 0.25, "momentum": 0.5, "clip": "norm", "threshold": 2.0, "batch_size": 64,
        "optimiser": "nesterov", "l1": 1e-4, "l2": 1e-3, "dropout": 0.2, "label_noise": 0.1,
        "augment": "shift",
    }  # fmt: skip
    now = lab.trainer.knobs()
    assert {k: now[k] for k in expected} == expected
    assert abs(knobs["lr"].slider.value - 0.25) < 0.02
    drawer["l2"].slider.value = 1e-7  # the far left switches off
    assert lab.trainer.knobs()["l2"] == 0 == drawer["l2"].number.value
    assert len(lab.trainer.history.knobs) == 12


def test_a_bad_value_is_shown_and_nothing_changes():
    lab = TrainingLab(interactive=True)
    field = lab.controls.knobs["lr"].number
    field.value = -3.0
    assert "-3" in lab.controls.status.value and "common start" in lab.controls.status.value
    assert lab.trainer.knobs()["lr"] == field.value == 0.1
    for bad in ({"lr": -1}, {"momentum": 1}, {"clip": "hard"}, {"data": "mnst"}, {"steps": -1},
                {"threshold": 0}, {"device": "abacus"}, {"optimiser": "sgd"},
                {"instruments": ["heat"]}, {"data": 3}, {"activation": "swish"}):  # fmt: skip
        with pytest.raises(CourseError):
            TrainingLab(interactive=False, **bad)


def test_a_diverged_run_pauses_says_why_and_goes_back():
    lab = TrainingLab(interactive=True)
    lab.run(250)
    lab.set("lr", 1e30)
    lab.play()
    wait(lambda: lab.diverged is not None and not lab.runner.running)
    assert "Diverged" in lab.status and f"step {lab.diverged + 1}" in lab.status
    assert 250 <= lab.diverged < 260
    lab.go_back()
    assert lab.trainer.step_count == 250 and lab.trainer.knobs()["lr"] == 0.1
    assert "before lr was turned" in lab.status
    assert np.isfinite(lab.trainer.history.numbers()).all()
    lab.run(20)
    assert lab.trainer.step_count == 270 and lab.diverged is None
    assert len(lab.timeline.branches) == 2  # the diverged run is kept to look at


def test_running_the_cell_again_leaves_one_thread():
    for _ in range(5):
        lab = TrainingLab(interactive=True)
        lab.play()
        wait(lambda lab=lab: lab.trainer.step_count > 0)
    assert len(lab_threads()) == 1
    lab.pause()
    assert lab_threads() == []


def test_two_labs_take_turns():
    labs = [TrainingLab(interactive=True, name=n) for n in "ab"]
    for lab in labs:
        lab.play()
    wait(lambda: min(lab.trainer.step_count for lab in labs) > 200, seconds=20)
    for lab in labs:
        lab.pause()


def test_reset_keeps_the_knobs_and_starts_again():
    lab = TrainingLab(interactive=True).run(30)
    lab.set("lr", 0.4)
    lab.reset()
    assert lab.trainer.step_count == 0 and lab.trainer.knobs()["lr"] == 0.4


def test_an_error_in_the_thread_is_shown(monkeypatch):
    lab = TrainingLab(interactive=True)
    monkeypatch.setattr(lab.trainer.model, "loss_and_grad", lambda *a: 1 / 0)
    lab.play()
    wait(lambda: "ZeroDivisionError" in lab.controls.status.value)


def test_a_frame_decodes_to_the_numbers_it_was_made_from():
    lab = TrainingLab(data="moons", interactive=False).run(50)
    frame = encode(lab.picture(), 7)
    picture = decode(frame)
    assert picture["seq"] == 7 and picture["step"] == 50
    assert np.allclose(picture["arrays"]["batch"], lab.trainer.history.loss, rtol=1e-6)
    assert picture["loss"] == lab.trainer.history.loss[-1]
    assert picture["arrays"]["heat"].shape == (32 * 32,)
    assert picture["arrays"]["heat"].dtype == np.uint8


def test_without_any_answer_from_a_canvas_the_lab_shows_stills(monkeypatch):
    monkeypatch.setattr("widgets.training.controls.FALLBACK", 0.0)
    lab = TrainingLab(interactive=True)
    stills, canvas = threading.Event(), threading.Event()
    lab.controls.image.observe(lambda change: stills.set(), "value")
    lab.controls.canvas.layout.observe(
        lambda change: canvas.set() if change["new"] is None else None, "display"
    )
    lab.play()
    assert stills.wait(120) and bytes(lab.controls.image.value).startswith(b"\x89PNG")
    assert lab.controls.canvas.layout.display == "none"
    lab.controls.canvas.ack = lab.controls.canvas.seq  # a browser after all
    assert canvas.wait(120) and lab.controls.image.layout.display == "none"


def test_a_slow_browser_gets_fewer_frames_never_a_queue():
    lab = TrainingLab(interactive=True)
    controls = lab.controls
    assert isinstance(controls, Controls)
    controls.canvas.ack = controls.canvas.seq
    assert controls.ready()
    for _ in range(Canvas.window):
        assert controls.ready()
        controls.show()
    assert not controls.ready(), "as many frames as may be are on their way"
    controls.canvas.ack = controls.canvas.seq
    assert controls.ready()
