"""OnCallLab without a browser: acting, what is shown and hidden, the debriefing, recipes."""

import json
import math
import time

import numpy as np
import pytest

from course import CourseError
from course.oncall import Autopilot, OnCall, fly
from widgets.common.frames import decode
from widgets.common.picture import faults
from widgets.oncall.lab import OnCallLab


def quiet(**options) -> OnCallLab:
    return OnCallLab(**{"interactive": False, **options})


def live(**options) -> OnCallLab:
    """Return a lab as in a notebook, with a browser that looks."""
    lab = OnCallLab(interactive=True, **options)
    lab.panel.face._hear({"kind": "see", "view": "v", "seq": lab.panel.face.seq})
    return lab


def over(lab) -> OnCallLab:
    """Let the autopilot do the rest."""
    fly(Autopilot(), lab.session)
    lab.refresh()
    return lab


def wait(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def press(lab, name: str) -> None:
    """Click the button of this name among the actions."""
    boxes = [*lab.panel.box.children[2].children, *lab.panel.tabs["Recipe"].children]
    key = next(k for box in boxes for k in box.children if getattr(k, "description", "") == name)
    key.click()


def test_it_is_the_drill_of_the_library():
    lab, drill = quiet(seed=3), OnCall("short", 3)
    lab.run(20)
    for _ in range(20):
        drill.step()
    assert repr(lab.session.readings) == repr(drill.readings)
    arrays = lab.picture()["arrays"]
    assert np.array_equal(arrays["loss"], [r.loss for r in drill.readings])
    assert np.array_equal(arrays["norm2"], [r.norms[2] for r in drill.readings])
    assert np.array_equal(arrays["seconds1"], [r.seconds[1] for r in drill.readings])


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.full) for s in (1, 7))])
def test_every_picture_can_be_drawn_and_shows_no_truth_before_the_end(seed):
    lab = quiet(seed=seed)
    while not lab.session.is_over:
        Autopilot()(lab.session)
        lab.run(30)
        picture = lab.picture()
        assert faults(picture) == [] and lab.heads() and lab.summary()
        if not lab.session.is_over:
            hidden = lab.session.score().seconds["damaged"]
            spans = picture["side"][1]
            hues = picture["arrays"]["spent_hue"].tolist()
            assert spans["hues"][2][0] == "damaged" and 2 not in hues, hidden
            for struck in lab.session.truth:
                assert struck.words not in lab.summary() or "dies" in struck.words
    assert [name for name, _ in picture["side"][1]["rows"]] == ["you", "autopilot", "possible"]
    assert lab.still().startswith(b"\x89PNG")


def test_an_alarm_pauses_it_and_only_if_asked():
    lab = quiet(seed=0)  # whose first fault is a broken batch
    lab.run(300)
    assert lab.session.alarms and len(lab.session.readings) < 60
    assert "Last alarm: the loss of batch" in lab.summary()
    other = quiet(seed=0)
    other.set("stops", False)
    other.run(1000)
    assert other.session.is_over and len(other.session.alarms) > 1


def test_actions_act_cost_time_and_are_told():
    lab = live(seed=0)
    lab.run(3)
    lab.panel.rank.row.value = 1
    before = lab.session.clock
    press(lab, "Evict")
    assert lab.session.ranks == [0, 2, 3] and lab.session.clock == before + 15
    assert "Rank 1 is out; 3 share its rows." in lab.panel.sentence.value
    press(lab, "Evict")
    assert "Not changed: rank = 1 is unknown. Allowed: 0, 2, 3" in lab.panel.sentence.value
    press(lab, "Call a spare")
    press(lab, "Compare weights")
    assert "the weights of 3 ranks agree" in lab.panel.log.value
    press(lab, "Checkpoint now")
    assert [value for _, value in lab.panel.checkpoint.options] == [3, 0]
    press(lab, "Read checkpoints")
    lab.panel.checkpoint.value = 0
    press(lab, "Roll back")
    assert lab.session.batch == 0
    lab.panel.batch.value = "2"
    press(lab, "Skip batch")
    lab.panel.batch.value = "two"
    press(lab, "Skip batch")
    assert "batch = &#x27;two&#x27; is not a whole number" in lab.panel.sentence.value
    lab.run(3)
    assert [r.batch for r in lab.session.readings[-3:]] == [0, 1, 3]
    assert [one["do"] for one in lab.session.done] == [
        "evict", "spare", "check", "save", "check", "roll_back", "skip_batch"]  # fmt: skip
    assert "spare in" in lab.summary()
    lab.close()


def test_knobs_act_once_and_refuse_in_a_sentence():
    lab = live()
    lab.set("interval", 20)
    lab.set("interval", 20)
    assert [one["do"] for one in lab.session.done] == ["interval"]
    lab.set("interval", 1)
    assert "Not changed: steps = 1 is out of range" in lab.summary()
    lab.run(2)
    lab.set("seed", "x")
    assert "Not changed: seed = 'x'" in lab.summary() and len(lab.session.readings) == 2
    lab.panel.knobs["seed"].field.value = "12"
    assert lab.session.seed == 12 and lab.session.readings == []
    lab.set("drill", "long")
    assert lab.session.length == 7200 and lab.session.seed == 12
    lab.panel.act("go_to", {"step": 3})
    assert "Not changed: on call, time goes one way" in lab.panel.sentence.value
    lab.close()


def test_it_acts_while_it_plays_and_the_recipe_knows_when():
    lab = live(seed=3, speed=0)
    lab.set("stops", False)
    lab.play()
    wait(lambda: len(lab.session.readings) > 5)
    lab.act("check", what="weights")
    lab.pause()
    lab.run(2)
    recipe = json.loads(json.dumps(lab.recipe()))
    seen = repr(lab.session.readings)
    lab.reset()
    assert lab.session.readings == [] and lab.session.done == []
    lab.replay(recipe)
    assert repr(lab.session.readings) == seen
    lab.close()


def test_the_recipe_goes_through_its_field():
    lab = live(seed=2)
    lab.run(4)
    press(lab, "Take this drill's")
    assert json.loads(lab.panel.text.value)["seed"] == 2
    lab.run(3)
    press(lab, "Replay")
    assert len(lab.session.readings) == 4
    for bad in ("{", "[" * 100_000, "9" * 5_000):
        lab.panel.text.value = bad
        press(lab, "Replay")
        assert "the field holds no JSON" in lab.panel.sentence.value
        assert len(lab.panel.sentence.value) < 400 and len(lab.session.readings) == 4
    lab.close()


def test_the_debriefing_tells_all_at_the_end_and_nothing_before():
    lab = live(seed=0)
    with pytest.raises(CourseError, match="the debriefing comes at the end"):
        lab.debriefing()
    assert "stands here at the end" in lab.panel.report.value
    over(lab)
    said = lab.debriefing()
    for struck in lab.session.truth:
        assert struck.words in said and struck.words in lab.panel.log.value
    pilot, knows, sound = lab.compared()
    assert lab.session.score() == pilot and pilot.goodput < knows.goodput
    assert math.isfinite(sound) and "the autopilot reaches" in lab.summary()
    assert "you  autopilot  possible" in lab.panel.report.value
    assert dict(lab.heads())["goodput"] == f"{100 * pilot.goodput:.0f} %"
    lab.run(3)
    assert lab.session.score() == pilot
    with pytest.raises(CourseError, match="the drill is over"):
        lab.act("spare")
    lab.close()


def test_what_a_browser_gets_is_what_was_described():
    lab = live()
    lab.run(5)
    picture = decode(lab.panel.face.frame)
    assert picture["axis"] == "clock (s)" and picture["horizon"] == 1800
    assert len(picture["strips"]) == 3
    lab.close()


def test_headless_it_shows_a_job_that_nobody_looks_after():
    lab = quiet(steps=40)
    bundle, extra = lab._repr_mimebundle_()
    assert len(lab.session.readings) == 40 and lab.session.done == []
    assert "gradient's norm of each rank" in bundle["text/plain"]
    assert extra["image/png"]["alt"] in bundle["text/plain"]


@pytest.mark.parametrize("bad", [{"drill": "weekend"}, {"seed": -1}, {"speed": -1}, {"steps": 1.5}])
def test_bad_arguments_are_refused(bad):
    with pytest.raises(CourseError):
        quiet(**bad)
