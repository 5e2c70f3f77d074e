"""What strikes, how often, and which instrument shows it."""

import math

import numpy as np
import pytest
import torch
from drills import drill_with, fault, until_struck

from course import CourseError
from course.oncall import DRILLS, KINDS, STANDS_FOR, OnCall, plan_faults, rates
from course.oncall.faults import EVERY, SPEED_UP, weights
from course.oncall.machines import Machine
from course.planner import INTERRUPTIONS

HARMLESS = ["straggler", "corrupt"]  # for the numbers of the training


def test_the_rates_are_those_of_the_published_table():
    assert {*STANDS_FOR} == {*INTERRUPTIONS}
    assert math.isclose(sum(rates().values()), 419)  # Llama 3, table 5
    assert math.isclose(54 * 86_400 / 419 / SPEED_UP, EVERY)
    assert set(rates()) == set(KINDS) and math.isclose(sum(weights().values()), 1)


def test_drills_have_faults_in_these_shares():
    drawn = [fault.kind for seed in range(300) for fault in plan_faults("long", seed)]
    assert len(drawn) == 300 * DRILLS["long"] / EVERY
    for kind, share in weights().items():
        error = 4 * math.sqrt(share * (1 - share) / len(drawn))
        assert abs(drawn.count(kind) / len(drawn) - share) < error, kind


def test_the_first_fault_comes_after_two_minutes_and_the_last_before_the_end():
    for drill, minutes in (("short", 30), ("medium", 60), ("long", 120)):
        times = [[fault.at for fault in plan_faults(drill, seed)] for seed in range(200)]
        early, late = min(map(min, times)), max(map(max, times))
        assert 120 <= early < 123 + minutes / 10 and minutes * 59 < late <= minutes * 60
        assert all(at == sorted(at) and len(at) == minutes / 6 for at in times)


@pytest.mark.parametrize("bad", [("weekend", 0), ("short", -1), ("short", 1.5), (None, 0)])
def test_other_drills_are_refused(bad):
    with pytest.raises(CourseError, match="drill = |seed = "):
        OnCall(*bad)


def test_four_ranks_train_as_one_process_does():
    """The referee is autograd: a plain loop on whole batches, momentum written out."""
    drill = drill_with(steps=5)
    start = Machine(0)
    model = start.model.to_module()
    v, run = None, drill_with()
    for n in range(5):
        rows = run.feed.rows(n)
        data = run.feed.data
        loss = torch.nn.functional.cross_entropy(model(data.x_train[rows]), data.y_train[rows])
        g = torch.autograd.grad(loss, list(model.parameters()))
        v = [0.1 * b if v is None else 0.9 * a + 0.1 * b for a, b in zip(v or g, g, strict=True)]
        with torch.no_grad():
            for p, step in zip(model.parameters(), v, strict=True):
                p -= 0.1 * step
        assert math.isclose(drill.readings[n].loss, float(loss.detach()), rel_tol=1e-4)
        norm = math.sqrt(sum(float((part**2).sum()) for part in g))
        assert math.isclose(drill.readings[n].norm, norm, rel_tol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_shows_where_it_should_and_nowhere_else(kind):
    at = 400 if kind == "corrupt" else 180  # when a checkpoint is written
    drill, sound = until_struck(drill_with(fault(kind, at=at), steps=28)), drill_with(steps=28)
    for _ in range(45):
        drill.step()
    while len(sound.readings) < len(drill.readings):
        sound.step()
    first = next(k for k, r in enumerate(drill.readings) if r.clock > drill.truth[0].clock)
    ours, theirs = drill.readings[first:], sound.readings[first:]

    stands = [r.batch is None for r in ours]
    assert any(stands) == all(stands) == (kind == "dead")
    if kind == "dead":
        assert drill.silent == [2] and "rank 2 does not answer" in drill.alarms[0][1]
        return
    slow = [max(r.seconds) / np.median(r.seconds) > 1.3 for r in ours]
    assert any(slow) == all(slow) == (kind == "straggler")
    same = [a.loss == b.loss for a, b in zip(ours, theirs, strict=True)]
    assert all(same) == (kind in HARMLESS)

    finite = [math.isfinite(r.loss) for r in ours]
    assert all(finite) == (kind != "nan")
    own = [math.isfinite(n) for n in ours[0].norms]
    assert own == [True, True, kind != "nan", True]  # the others' follow one step later
    if kind == "flipped":  # the reduction hides it: the loss moves by less than it does by itself
        moved = max(abs(a.loss - b.loss) for a, b in zip(ours[:10], theirs[:10], strict=True))
        assert 0 < moved < np.std([r.loss for r in theirs[:10]])
    if kind == "shard":
        bad, good = (np.mean([r.norms for r in run if r.batch >= 40], 0) for run in (ours, theirs))
        assert bad[2] > 1.2 * np.median(bad) and good[2] < 1.1 * np.median(good)
    said = " ".join(words for _, words in drill.alarms)
    assert ("times the median" in said) == (kind == "spike") or kind == "shard"
    assert ("not finite" in said) == (kind == "nan")
    drill.act("check", what="weights")
    assert drill.differing == ([2] if kind == "flipped" else [])
    drill.act("check", what="checkpoints")
    assert ("damaged" in drill.alarms[-1][1]) == (kind == "corrupt")


@pytest.mark.parametrize("place", [0.0, 0.123, 0.5, 0.999999])
def test_a_flip_is_one_bit_of_one_weight_and_leaves_it_finite(place):
    machine, other = Machine(1), Machine(1)
    weight, bit = machine.flip(place)
    a = machine.theta.numpy().view(np.uint32) ^ other.theta.numpy().view(np.uint32)
    assert np.flatnonzero(a).tolist() == [weight] and a[weight] == 1 << bit
    assert machine.theta.isfinite().all()
    assert machine.checksum() != other.checksum()


def test_a_shard_with_wrong_labels_calls_each_digit_by_the_next_ones_name_for_40_batches():
    drill, sound = drill_with(), drill_with()
    drill.feed.wrong[1, 1] = 0
    for n, wrong in ((39, False), (40, True), (79, True), (80, False)):
        X, Y, faults = drill.feed.read(n)
        digits, theirs = Y.argmin(0), sound.feed.read(n)[1].argmin(0)  # Y is -1/64 there
        theirs[16:32] = (theirs[16:32] + wrong) % 10
        assert torch.equal(digits, theirs) and faults == ({0} if wrong else set())
        assert torch.equal(X, sound.feed.read(n)[0])


def test_the_first_weight_that_is_no_number_is_seen():
    machine = Machine(0)
    assert machine.is_finite()
    machine.theta[7] = torch.nan
    assert not machine.is_finite()


def test_an_alarm_needs_five_losses_before_it():
    for steps, heard in ((4, 0), (5, 1)):
        drill = drill_with(steps=steps)
        drill.feed.broken[steps] = 0
        drill.step()
        assert sum("times the median" in words for _, words in drill.alarms) == heard


def test_a_flipped_bit_is_damage_as_long_as_the_rank_runs():
    drill = until_struck(drill_with(fault("flipped", at=0)))
    for _ in range(119):
        drill.step()
    spent = drill.score().seconds
    assert spent["useful"] == 0 and spent["damaged"] > 119 * 5.7


def test_a_fault_without_a_rank_to_strike_does_nothing():
    drill = drill_with(fault("flipped", at=60))
    drill.act("evict", rank=2)
    until_struck(drill)
    assert "no rank runs in slot 2" in drill.truth[0].words
    assert all(not drill.machine(slot).marks for slot in drill.ranks)
