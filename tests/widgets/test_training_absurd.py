"""Absurd numbers, in every way they can come: words in the lab, nothing turned, nothing killed."""

import itertools
import math

import numpy as np
import pytest
import torch
from hostile_values import HOSTILE, ITSELF, only_course_errors
from training_labs import answer, check_picture, live, same, small, wait

from course import CourseError
from course.training.replay import run_recipe

ABSURD = [math.nan, math.inf, -math.inf, 1e300, -1e300, 10**400, "x", "", None, [], [1] * 100_000,
          {}, {"kind": "Warmup", "peak": "x", "steps": 3}, {"kind": "Points", "points": 3}, 1j,
          object(), ITSELF]  # fmt: skip
NUMBERS = ["momentum", "threshold", "batch_size", "l1", "l2", "dropout", "label_noise"]


def state(lab) -> tuple:
    return lab.trainer.settings(), len(lab.trainer.history.knobs), lab.trainer.step_count


@pytest.mark.parametrize("knob", ["lr", *NUMBERS])
def test_no_knob_takes_an_absurd_number(knob):
    lab = live("spirals", speed=0, steps=10**6)
    before = state(lab)
    for value in ABSURD:
        if (knob, value) in (("threshold", math.inf), ("lr", 1e300)):
            continue
        for turn in (lab.set, lambda k, v: answer(lab, "turn", knob=k, value=v)):
            lab.message = ""
            turn(knob, value)
            assert "Not changed" in lab.panel.sentence.value, value
            assert state(lab) == before
    lab.play()
    for value in ABSURD[:4]:
        lab.set("momentum", value)
    steps = lab.trainer.step_count
    wait(lambda: lab.trainer.step_count > steps + 50)
    lab.pause()
    assert lab.trainer.knobs() == small("spirals").trainer.knobs() and "stopped" not in lab.message
    check_picture(lab)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_comes_for_a_knob_the_run_goes_on_and_can_be_replayed(value):
    lab = small("moons", instruments=("loss",))
    for knob in lab.trainer.knobs():
        lab.set(knob, value)
    lab.set(value, 0.1)
    lab.run(3)
    assert lab.trainer.step_count == 3 or lab.diverged is not None
    assert "stopped" not in lab.message
    check_picture(lab)
    assert same(run_recipe(lab.recipe()), lab.trainer) or lab.diverged is not None
    lab.reset()
    assert lab.trainer.step_count == 0


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_method_gets_it_works_or_says_why_not(value):
    lab = small("moons").run(5)
    for method in (lab.go_to, lab.set_speed, lab.plan_end, lab.switch, lab.guess, lab.watch):
        only_course_errors(method, value)
    for knob in ("lr", value):
        only_course_errors(lab.plan, knob, value)
    only_course_errors(lab.plan, "lr", [[9, value], [value, 0.1]])
    only_course_errors(lab.guess, [[9, value], [value, 0.1]])
    for field in ("data", "hidden", "activation", "init", "seed"):
        if value is not HOSTILE[7]:  # 10**6 hidden units take their time
            only_course_errors(lab.restart_with, **{field: value})
    lab.run(2)
    check_picture(lab)


KINDS = ["turn", "plan", "guess", "go_to", "see", "ack", "calm", "nope", None, 3]
FIELDS = ["knob", "value", "points", "step", "seq", "on", "view"]


@pytest.mark.parametrize("value", [*ABSURD[:13], 0, -1, True, [[5, math.nan]]], ids=repr)
def test_whatever_the_browser_sends_kills_nothing(value):
    lab = live("moons").run(5)
    for kind in KINDS:
        answer(lab, kind)
        answer(lab, kind, **dict.fromkeys(FIELDS, value))
        for field in FIELDS:
            answer(lab, kind, **{field: value})
    assert lab.trainer.knobs() == small("moons").trainer.knobs()
    assert lab.trainer.history.knobs == [] and lab.guessed.points == []
    assert lab.trainer.step_count in (5, 0)
    check_picture(lab)
    lab.panel.face._views.clear()
    assert lab.panel.face.seq < 400
    lab.step()


def test_the_widgets_of_the_knobs_refuse_in_words_and_go_back():
    lab = live("spirals")
    for name, knob in lab.panel.knobs.items():
        if not hasattr(knob, "number"):
            continue
        stands = knob.number.value
        for bad in (-3.0, math.nan, -math.inf, 1e300, math.inf):
            if name == "threshold" and bad == math.inf:
                continue
            lab.message = ""
            knob.number.value = bad
            assert "Not changed" in lab.panel.sentence.value, (name, bad)
            assert knob.number.value == stands
    assert lab.trainer.history.knobs == []
    lab.step()


def test_a_rate_that_is_large_but_a_number_diverges_in_words():
    lab = live("spirals", optimiser="gradient descent")
    lab.panel.knobs["lr"].number.value = 1e29
    lab.run(40)
    assert lab.trainer.step_count <= 20
    check_picture(lab)
    assert lab.still().startswith(b"\x89PNG")


# ---- the order of clipping, and a spike -----------------------------------------------------


def test_the_order_of_clipping_is_a_live_knob():
    """After momentum the velocity itself is cut: no step is longer than lr times c."""
    lab = live("spirals", clip="norm", threshold=0.05, optimiser="heavy ball", lr=0.5).run(30)
    lab.panel.knobs["clip_order"].row.value = "after"
    assert lab.trainer.knobs()["clip_order"] == "after"
    for _ in range(10):
        before = lab.trainer.model.theta.clone()
        lab.run(1)
        moved = float((lab.trainer.model.theta - before).norm())
        assert moved <= 0.5 * 0.05 * (1 + 1e-5)
    assert "clipping by norm at 0.05, after momentum" in lab.summary()
    names = [la.get("name") for la in check_picture(lab)["strips"][1]["layers"]]
    assert "velocity" in names and "gradient" in names and "after" in names
    lab.panel.knobs["clip_order"].row.value = "before"
    lab.panel.knobs["clip"].row.value = "value"
    lab.run(10)
    assert [turn[:2] for turn in lab.recipe().knobs] == [
        [30, "clip_order"], [40, "clip_order"], [40, "clip"]]  # fmt: skip
    assert same(run_recipe(lab.recipe()), lab.trainer)


def test_a_spike_comes_at_its_step_and_is_shown():
    lab, plain = live("spirals"), small("spirals")
    field = lab.panel.knobs["spike"].field
    field.value = "12 × 50"
    assert lab.trainer.knobs()["spike"] == {"at": 12, "factor": 50.0} and field.value == "12 × 50"
    norms = [la.run(20).trainer.history.numbers()[:, 1] for la in (lab, plain)]
    assert np.array_equal(norms[0][:12], norms[1][:12])
    assert norms[0][12] == pytest.approx(50 * norms[1][12], rel=1e-5)
    assert check_picture(lab)["turns"] == [[0, "spike ×50"]]
    assert same(run_recipe(lab.recipe()), lab.trainer)
    for again in ("30x2.5", "30 * 2.5", " 30   2.5 "):
        field.value = again
        assert lab.trainer.knobs()["spike"] == {"at": 30, "factor": 2.5}
        assert field.value == "30 × 2.5"
    field.value = ""
    assert lab.trainer.knobs()["spike"] is None
    for bad in ("12 × 50", "bang", "30", "30 × x", "-5 × 3", "30 × -1", "30 × nan", "30 × inf",
                "1e99 × 2", "9" * 5000 + " × 2", "30.5 × 2", "30 × 1e300"):  # fmt: skip
        lab.message = ""
        field.value = bad
        assert "Not changed" in lab.panel.sentence.value and "pike" in lab.panel.sentence.value
        assert lab.trainer.knobs()["spike"] is None and field.value == ""


@pytest.mark.parametrize("turned, shown", [(0.5, "norm"), (-1.0, "off"), (math.nan, "off")])
def test_the_threshold_taken_in_hand_clips_unless_it_is_refused(turned, shown):
    ways = itertools.product((small, live), ("set", "turn"))
    for make, way in ways:
        lab = make()
        if way == "set":
            lab.set("threshold", turned)
        elif lab.panel:
            answer(lab, "turn", knob="threshold", value=turned)
        else:
            continue
        assert lab.trainer.knobs()["clip"] == shown
        assert (lab.trainer.history.knobs == []) == (shown == "off")
        lab.run(5)
        assert same(run_recipe(lab.recipe()), lab.trainer)


def test_the_threshold_put_where_it_stands_clips_nothing():
    lab = small(threshold=2.0)
    lab.set("threshold", 2.0)
    assert lab.trainer.knobs()["clip"] == "off"


def test_bad_arguments_are_refused_in_words():
    for bad in ({"lr": -1}, {"momentum": 1}, {"clip": "hard"}, {"data": "mnst"}, {"steps": 0},
                {"threshold": 0}, {"device": "abacus"}, {"optimiser": "sgd"}, {"data": 3},
                {"instruments": ["heat"]}, {"activation": "swish"}, {"speed": -1},
                {"batch_size": 0}, {"seed": -1}, {"sizes": [2, 0, 2]},
                {"lr": math.nan}):  # fmt: skip
        with pytest.raises(CourseError):
            small(**bad)
    assert torch.get_num_threads() == 1
