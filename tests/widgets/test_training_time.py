"""Forward, back and aside: speed, planned end, going back, branches, starting again."""

import numpy as np
import pytest
import torch
from training_labs import check_picture, live, same, small, until_end, wait

from course import CourseError
from course.training.replay import run_recipe

# ---- forward --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["digits", "moons", "sine"])
def test_headless_it_trains_to_its_end_and_shows_a_still_and_words(data):
    lab = small(data, steps=40)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.trainer.step_count == 40 and lab.panel is None
    assert bundle["image/png"].startswith(b"\x89PNG")
    words = ("TrainingLab. Step 40.", "loss", "Learning rate 0.1", "momentum 0.9", "no clipping")
    assert all(word in bundle["text/plain"] for word in words)
    assert ("right" in bundle["text/plain"]) == (data != "sine")
    assert metadata["image/png"]["alt"] == lab.summary()
    assert small(data, steps=40)._repr_mimebundle_()[0] == bundle
    lab.headless()
    assert lab.trainer.step_count == 40, "it does not go on when it is shown again"


def test_it_stops_at_its_planned_end_and_goes_on_as_far():
    lab = live(steps=40, speed=0)
    for end in (40, 80, 120):
        lab.play()
        until_end(lab)
        assert lab.trainer.step_count == end == lab.planned and not lab.playing
        assert lab.panel.play.icon == "play" and lab.picture()["horizon"] == end
    lab.plan_end(150)
    lab.play()
    until_end(lab)
    assert lab.trainer.step_count == 150
    for bad in (150, 3, -1, None, "9", float("nan"), 10**12):
        with pytest.raises(CourseError, match="planned end"):
            lab.plan_end(bad)
    assert lab.planned == 150


def test_a_step_and_a_run_are_so_many_steps_and_pause():
    lab = live(speed=1)
    lab.play()
    wait(lambda: lab.playing)
    lab.step()
    assert not lab.playing and lab.panel.play.icon == "play"
    steps = lab.trainer.step_count
    lab.step()
    assert lab.trainer.step_count == steps + 1
    lab.run(400)
    assert lab.trainer.step_count == steps + 401 == lab.planned
    assert lab.run(0).trainer.step_count == steps + 401
    for bad in (-1, 0.5, None, "3", float("inf"), 10**10):
        with pytest.raises(CourseError, match="steps"):
            lab.run(bad)


def test_the_speed_may_change_while_it_plays():
    lab = live(speed=0.1, steps=10**6)
    lab.play()
    wait(lambda: lab.trainer.step_count == 1)
    lab.set_speed(0)
    wait(lambda: lab.trainer.step_count > 500)
    lab.panel.speed.list.value = 1
    assert lab.speed == 1 and lab.playing
    for bad in (-1, 0.001, 1e7, float("nan"), float("inf"), "fast", None, [30], 10**400):
        with pytest.raises(CourseError, match="speed"):
            lab.set_speed(bad)
    assert lab.speed == 1
    lab.toggle()
    assert not lab.playing
    lab.toggle()
    assert lab.playing


@pytest.mark.parametrize("speed", [12, 0.5, 30, 0])
def test_the_list_of_speeds_shows_any_speed(speed):
    lab = live(speed=speed)
    assert lab.panel.speed.list.value == speed
    lab.set_speed(77)
    lab.refresh()
    assert lab.panel.speed.list.label == "77 steps/s" and lab.speed == 77


# ---- back -----------------------------------------------------------------------------------


def test_any_step_of_the_past_comes_back_exactly():
    lab, plain = small(steps=120), small(steps=120)
    weights = []
    for _ in range(120):
        weights.append(plain.trainer.model.theta.clone())
        plain.run(1)
    lab.run(120)
    for step in (40, 119, 0, 7, 120):
        lab.go_to(step)
        assert lab.trainer.step_count == step
        assert step == 120 or torch.equal(lab.trainer.model.theta, weights[step])
    assert same(lab.trainer, plain.trainer)
    for bad in (121, -1, 3.5, float("nan"), float("inf"), None, "7", 1e300, [3]):
        with pytest.raises(CourseError, match="step"):
            lab.go_to(bad)
    assert lab.trainer.step_count == 120


def test_going_back_goes_to_before_the_last_turn_then_the_one_before_then_the_start():
    lab = small().run(20)
    lab.set("lr", 0.2)
    lab.run(20)
    lab.set("momentum", 0.5)
    lab.run(20)
    for step, lr, beta in [(40, 0.2, 0.9), (20, 0.1, 0.9), (0, 0.1, 0.9), (0, 0.1, 0.9)]:
        lab.go_back()
        knobs = lab.trainer.knobs()
        assert (lab.trainer.step_count, knobs["lr"], knobs["momentum"]) == (step, lr, beta)
    assert lab.timeline.end == 60


def test_a_diverged_run_stops_says_why_and_goes_back():
    lab = live(speed=0, steps=10**6, optimiser="gradient descent").run(50)
    lab.set("lr", 1e30)
    lab.play()
    until_end(lab)
    assert 50 < lab.diverged <= lab.trainer.step_count < 70
    assert "Diverged: from step" in lab.summary() and "rate 1e30 is" in lab.summary()
    check_picture(lab)
    lab.set("lr", 0.01)
    here = lab.trainer.step_count
    for go in (lab.play, lab.step, lambda: lab.run(5)):
        go()
        until_end(lab)
        assert lab.trainer.step_count == here and "Diverged" in lab.panel.sentence.value
    lab.go_back()
    assert lab.trainer.step_count == 50 and lab.trainer.knobs()["lr"] == 0.1
    assert lab.diverged is None and "Diverged" not in lab.summary()
    lab.set("lr", 0.3)
    lab.run(30)
    assert lab.diverged is None and np.isfinite(lab.trainer.history.numbers()).all()
    assert len(lab.timeline.branches) == 2, "the diverged way is kept"
    check_picture(lab)


# ---- aside ----------------------------------------------------------------------------------


def test_a_turn_in_the_past_makes_a_branch_with_a_hue_and_a_name():
    lab = live().run(60)
    end = lab.trainer.model.theta.clone()
    lab.go_to(30)
    assert len(lab.timeline.branches) == 1
    lab.set("lr", 0.7)
    lab.set("clip", "norm")
    lab.run(20)
    first, second = lab.timeline.branches
    assert (first.end, second.end, second.left_at) == (60, 50, 30)
    layers = check_picture(lab)["strips"][0]["layers"]
    assert layers[0]["label"] == "first run" and layers[0]["hue"] == "run"
    assert {layer["hue"] for layer in layers[1:]} == {"run2"}
    lab.switch(0)
    assert lab.trainer.step_count == 60 and torch.equal(lab.trainer.model.theta, end)
    layers = check_picture(lab)["strips"][0]["layers"]
    assert (layers[0]["label"], layers[0]["hue"]) == ("α 0.7, clip norm at 30", "run2")
    buttons = lab.panel.branches.list.children
    assert [b.description for b in buttons] == [
        "first run, to step 60", "α 0.7, clip norm at 30, to step 50"]  # fmt: skip
    buttons[1].click()
    assert lab.trainer.step_count == 50 and lab.trainer.knobs()["lr"] == 0.7
    assert same(run_recipe(lab.recipe()), lab.trainer)
    for bad in (2, -1, None, "first run"):
        with pytest.raises(CourseError, match="branch"):
            lab.switch(bad)


def test_four_branches_are_kept_and_each_keeps_its_hue():
    lab = live().run(40)
    hues = {}
    for i in range(1, 6):
        lab.go_to(20)
        lab.set("lr", i / 10 + 0.05)
        lab.run(10 + i)
        view_hues = {b: lab.watching.hue(b, lab.timeline.branches) for b in lab.timeline.branches}
        assert all(hues.get(b, hue) == hue for b, hue in view_hues.items())
        assert len(set(view_hues.values())) == len(view_hues) == min(i + 1, 4)
        hues |= view_hues
        check_picture(lab)
    assert len(lab.timeline.branches) == 4 == len(lab.panel.branches.list.children)
    assert lab.timeline.current is lab.timeline.branches[-1]
