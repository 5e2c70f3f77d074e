"""What each action costs, and which rules the two written operators follow."""

import math

import pytest
from drills import drill_with, fault

from course.oncall import Autopilot, Perfect, fly

COSTS = [
    ("evict", {"rank": 1}, "restarts", 15), ("roll_back", {"batch": 0}, "restarts", 45),
    ("skip_batch", {"batch": 9}, "checks", 6), ("skip_shard", {"rank": 1}, "checks", 6),
    ("save", {}, "checkpoints", 12), ("interval", {"steps": 20}, None, 0),
    ("check", {"what": "weights"}, "checks", 6), ("check", {"what": "checkpoints"}, "checks", 12),
]  # fmt: skip


@pytest.mark.parametrize("do, named, part, seconds", COSTS)
def test_each_action_takes_what_is_written_and_no_other_part_of_the_clock(do, named, part, seconds):
    drill = drill_with(steps=2)
    clock, before = drill.clock, drill.score().seconds
    drill.act(do, **named)
    assert drill.clock - clock == pytest.approx(seconds)
    after = drill.score().seconds
    training = ("useful", "waiting", "lost")  # a roll-back moves steps among these
    moved = {k: after[k] - before[k] for k in after if after[k] != before[k] and k not in training}
    assert moved == ({part: pytest.approx(seconds)} if part else {})


def test_a_spare_comes_in_240_seconds_and_its_joining_takes_15():
    drill = drill_with(steps=2)
    drill.act("evict", rank=0)
    called, said = drill.clock, drill.act("spare")
    assert said == "a spare comes in 240 s" and drill.score().seconds["restarts"] == 15
    drill.machines[1].marks[5] = 10**6
    while len(drill.ranks) < 4:
        assert drill.clock <= called + 250
        drill.step()
    assert drill.clock >= called + 240 and drill.score().seconds["restarts"] == 30
    assert drill.machine(0).marks.keys() == {5}  # it got the first rank's memory


def test_a_step_of_four_healthy_ranks_takes_six_seconds():
    drill = drill_with(steps=40)
    took = [r.took for r in drill.readings]
    assert sum(took) / 40 == pytest.approx(6, rel=0.03) and max(took) < 6.2


def acts_of(policy, drill, steps=90) -> list[tuple]:
    """What an operator did in so many steps: the action, and its value if it has one."""
    for _ in range(steps):
        policy(drill)
        drill.step()
    return [tuple(v for k, v in act.items() if k != "at") for act in drill.done]


CHECK = ("check", "weights")
REPLACED = [("evict", 2), ("spare",)]
PILOT = {
    "straggler": [*REPLACED, CHECK, CHECK], "flipped": [CHECK, *REPLACED, CHECK],
    "nan": [*REPLACED, ("roll_back", 0), CHECK, CHECK],
    "dead": [*REPLACED, ("roll_back", 0), CHECK, CHECK],
    "spike": [("skip_batch", 30), ("roll_back", 0), CHECK, CHECK], "shard": [CHECK, CHECK],
    "corrupt": [CHECK, CHECK],
}  # fmt: skip


@pytest.mark.parametrize("kind", PILOT)
def test_the_autopilot_does_what_it_has_written_down(kind):
    drill = drill_with(fault(kind))
    found = acts_of(Autopilot(), drill)
    if kind == "spike":
        assert found[0] == ("skip_batch", max(drill.feed.broken))
        found[0] = PILOT[kind][0]
    assert found == PILOT[kind]
    looked = [act["at"] for act in drill.done if act["do"] == "check"]
    assert sum(r.clock <= looked[0] for r in drill.readings) == 40


def test_the_autopilot_waits_for_three_slow_steps():
    drill = drill_with(fault("straggler", at=60))
    acts_of(Autopilot(), drill, 30)
    slow = [r for r in drill.readings if r.clock < drill.done[0]["at"] + 1 and r.seconds[2] > 7]
    assert drill.done[0]["do"] == "evict" and len(slow) == 3


def test_a_rank_is_slow_from_1_4_times_the_others_on():
    for slow, acts in ((1.3, 0), (1.55, 2)):
        drill = drill_with()
        drill.machines[1].slow = slow
        assert len(acts_of(Autopilot(), drill, 10)) == acts


def test_without_a_majority_the_autopilot_goes_back_to_where_all_agreed():
    drill = drill_with()
    pilot = Autopilot()
    acts_of(pilot, drill, 60)
    drill.act("evict", rank=3), drill.act("evict", rank=1)
    drill.machines[2].flip(0.5)
    acts_of(pilot, drill, 30)
    assert [act["do"] for act in drill.done] == ["check", "evict", "evict", "check", "roll_back"]
    assert drill.done[-1]["batch"] == 0  # the checkpoint before batch 50 came after the last look


KNOWS = {
    "straggler": REPLACED, "flipped": REPLACED, "shard": [("skip_shard", 2)], "corrupt": [],
    "nan": [("save",), *REPLACED, "roll_back"], "dead": [("save",), *REPLACED, "roll_back"],
    "spike": [("save",), "skip_batch", "roll_back"],
}  # fmt: skip


@pytest.mark.parametrize("kind", KNOWS)
def test_who_knows_the_plan_cures_each_fault_once_and_at_once(kind):
    drill = drill_with(fault(kind))
    found = acts_of(Perfect(), drill)
    assert found[0] == ("interval", 500)
    found = [act if act in REPLACED or len(act) == 1 or act[0] == "skip_shard" else act[0]
             for act in found[1:]]  # fmt: skip
    assert found == KNOWS[kind]
    assert drill.score().seconds["damaged"] == 0 or kind in ("straggler", "flipped", "nan", "spike")
    assert drill.score().seconds["lost"] < 4 * 6
    assert math.isfinite(drill.readings[-1].loss)


def test_nobody_who_knows_calls_a_spare_that_comes_too_late_to_pay():
    for left, acts in ((300, 2), (200, 0)):
        drill = drill_with(fault("straggler", at=1_800 - left))
        fly(Perfect(), drill)
        assert len(drill.done) - 1 == acts, left
