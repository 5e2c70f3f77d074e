"""Operators against each other, recipes, and where the time went."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from drills import drill_with, fault

from course import CourseError
from course.oncall import Autopilot, OnCall, Perfect, fly, healthy_loss, nothing, replay
from course.oncall.faults import STEP


@pytest.mark.parametrize("seed", [0, 1, 2, pytest.param(3, marks=pytest.mark.full)])
def test_the_autopilot_beats_doing_nothing_and_who_knows_the_plan_beats_both(seed):
    lazy, pilot, knows = (fly(who, OnCall("short", seed)).score().goodput
                          for who in (nothing, Autopilot(), Perfect()))  # fmt: skip
    assert lazy < pilot < knows


@pytest.mark.full
@pytest.mark.parametrize("drill, seed", [(d, s) for d in ("medium", "long") for s in range(3)])
def test_also_in_longer_drills(drill, seed):
    test = [fly(who, OnCall(drill, seed)).score() for who in (nothing, Autopilot(), Perfect())]
    assert test[0].goodput < test[1].goodput < test[2].goodput


def test_without_faults_all_but_checkpoints_and_noise_is_useful():
    drill = drill_with()
    fly(nothing, drill)
    spent = drill.score().seconds
    count = len(drill.readings)
    assert math.isclose(spent["checkpoints"], 12 * (count // 50))
    assert spent["useful"] > 0.99 * STEP * count and spent["waiting"] < 0.02 * STEP * count
    assert spent["lost"] == spent["damaged"] == spent["down"] == spent["restarts"] == 0


def test_three_ranks_take_four_thirds_of_the_computation():
    drill = drill_with(steps=20)
    drill.act("evict", rank=1)
    for _ in range(20):
        drill.step()
    four, three = (sum(r.seconds[0] for r in part) / 20
                   for part in (drill.readings[:20], drill.readings[20:]))  # fmt: skip
    assert math.isclose(three / four, 4 / 3, rel_tol=0.05)
    assert math.isnan(drill.readings[-1].norms[1]) and drill.readings[-1].ranks == (0, 2, 3)


def test_a_crash_loses_what_was_in_memory():
    drill = fly(nothing, drill_with(fault("dead", at=900)))
    spent = drill.score().seconds
    kept = drill.checkpoints[-1].batch
    assert math.isclose(spent["useful"], kept * STEP, rel_tol=0.01) and spent["lost"] > 0
    assert spent["down"] > 800


def test_a_roll_back_loses_the_steps_after_the_checkpoint():
    drill = drill_with(steps=70)
    late = drill.readings[69].clock - drill.readings[49].clock - 12  # and a checkpoint
    drill.act("roll_back", batch=50)
    assert math.isclose(drill.score().seconds["lost"], late, abs_tol=1e-6)
    assert math.isclose(drill.score().wall, drill.clock)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_recipe_replays_to_the_bit_also_through_json(seed):
    drill = fly(Autopilot(), OnCall("short", seed))
    again = replay(json.loads(json.dumps(drill.recipe())))
    assert again.done == drill.done and again.alarms == drill.alarms
    assert again.score() == drill.score() and again.clock == drill.clock
    assert repr(again.readings) == repr(drill.readings)
    for slot in drill.ranks:
        assert torch.equal(again.machine(slot).theta.view(torch.int32),
                           drill.machine(slot).theta.view(torch.int32))  # fmt: skip


def test_a_recipe_stops_where_it_was_taken():
    drill = OnCall("short", 2)
    for _ in range(7):
        drill.step()
    drill.act("check", what="weights")
    drill.act("interval", steps=np.int64(20))
    again = replay(json.loads(json.dumps(drill.recipe())))
    assert again.clock == drill.clock and len(again.readings) == 7


def test_a_recipe_that_was_written_down_is_still_one():
    written = {"oncall": 1, "drill": "short", "seed": 0, "until": 21.0,
               "actions": [{"at": 0, "do": "evict", "rank": 2},
                           {"at": 15.0, "do": "check", "what": "weights"}]}  # fmt: skip
    assert replay(written).recipe() == written
    assert OnCall().recipe() == OnCall("short", 0).recipe()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"oncall": 2}, "what recipe"), ({"drill": "weekend"}, "drill = 'weekend'"),
        ({"seed": "x"}, "seed = 'x'"), ({"actions": 3}, "actions = 3"),
        ({"actions": ["go"]}, r"actions\[0\] = 'go'"),
        ({"actions": [{"at": 1.5, "do": "spare"}]}, "no step ends then"),
        ({"actions": [{"at": 0, "do": "panic"}]}, "do = 'panic'"),
        ({"actions": [{"at": math.nan, "do": "save"}]}, "out of range"),
        ({"until": -1}, "until = -1"), ({"extra": 1}, "extra"),
    ],
)  # fmt: skip
def test_what_is_not_a_recipe_is_refused_in_a_sentence(change, words):
    recipe = copy.deepcopy(OnCall("short", 0).recipe()) | change
    with pytest.raises(CourseError, match=words):
        replay(recipe)
    with pytest.raises(CourseError, match="recipe"):
        replay(change)


def test_damage_shows_in_what_was_learned():
    sound = healthy_loss(0, 100)
    drill = drill_with(fault("nan", at=300), steps=60)
    assert math.isfinite(sound) and sound < 1.5 and not math.isfinite(drill.test_loss())


def test_the_loss_of_a_healthy_run_is_that_of_a_drill_without_faults():
    drill = drill_with(steps=30)
    assert healthy_loss(0, 30) == drill.test_loss() != healthy_loss(0, 29)
