"""Cures, wrong cures, what they cost, and what is refused."""

import io
import math
import pickle

import pytest
import torch
from drills import drill_with, fault, until_struck
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from course.oncall import OnCall


def go(drill, steps):
    for _ in range(steps):
        drill.step()
    return drill.readings[-1]


def struck(kind, **more):
    return until_struck(drill_with(fault(kind, **more)))


def is_well(drill, steps=3):
    """Whether the next steps run, in time, with numbers, and none is damaged."""
    before = drill.score().seconds["damaged"]
    last = go(drill, steps)
    return (last.batch is not None and math.isfinite(last.loss)
            and drill.score().seconds["damaged"] == before
            and max(s for s in last.seconds if s == s) < 9)  # fmt: skip


CURES = {
    "straggler": [("evict", {"rank": 2})],
    "flipped": [("evict", {"rank": 2})],
    "nan": [("evict", {"rank": 2}), ("roll_back", {"batch": 0})],
    "dead": [("evict", {"rank": 2}), ("roll_back", {"batch": 0})],
    "spike": [("skip_batch", {"batch": 29}), ("roll_back", {"batch": 0})],
}
WRONG = {
    "straggler": ["roll_back", "skip_shard", "evict 1"], "flipped": ["skip_shard", "evict 1"],
    "nan": ["roll_back", "evict", "evict 1"], "dead": ["roll_back", "evict", "spare"],
    "spike": ["evict", "skip_batch"],
}  # fmt: skip


def do(drill, words):
    name, _, rank = words.partition(" ")
    named = {"roll_back": {"batch": 0}, "evict": {"rank": int(rank or 2)},
             "skip_shard": {"rank": 2}, "skip_batch": {"batch": drill.batch - 1}}  # fmt: skip
    if name == "spare":
        drill.act("evict", rank=1)
    drill.act(name, **named.get(name, {}))


@pytest.mark.parametrize("kind", CURES)
def test_each_cure_works_and_each_wrong_one_does_not(kind):
    drill = struck(kind)
    assert not is_well(drill)
    for name, named in CURES[kind]:
        if name == "skip_batch":
            named = {"batch": max(drill.feed.broken)}
        drill.act(name, **named)
    assert is_well(drill, 60)
    for words in WRONG[kind]:
        drill = struck(kind)
        do(drill, words)
        assert not is_well(drill, 35 if kind == "spike" else 3), words


def test_wrong_labels_come_again_until_their_shard_is_skipped():
    for cure in ("roll_back", "evict"):
        drill = struck("shard")
        while drill.batch < 41:
            drill.step()
        assert not is_well(drill)
        do(drill, cure)  # another rank gets the rows, or they are read again
        assert not is_well(drill, 45 if cure == "roll_back" else 3)
    drill = struck("shard")
    while drill.batch < 41:
        drill.step()
    do(drill, "skip_shard")
    assert is_well(drill, 60)


def test_a_skipped_shard_is_other_rows_and_the_rest_of_the_batch_stays():
    drill = drill_with(steps=1)
    X, Y, _ = (v.clone() if torch.is_tensor(v) else v for v in drill.feed.read(3))
    drill.act("skip_shard", rank=2)
    others, answers, _ = drill.feed.read(3)
    same = [torch.equal(others[k : k + 16], X[k : k + 16]) for k in range(0, 64, 16)]
    assert same == [True, True, False, True] and not torch.equal(answers, Y)


def test_the_rows_in_place_of_a_skipped_shard_are_not_those_of_the_next_batches():
    drill = drill_with(steps=1)
    coming = {tuple(drill.feed.rows(n)[32:48].tolist()) for n in range(3, 200)}
    drill.act("skip_shard", rank=2)
    others, later = (drill.feed.read(n)[0][32:48].clone() for n in (3, 4))
    assert not torch.equal(others, later)
    for rows in coming:
        assert not torch.equal(drill.feed.batches.gather(torch.tensor(rows))[0], others)


def test_a_roll_back_says_how_many_batches_are_done_again():
    drill = drill_with(steps=60)
    assert drill.act("roll_back", batch=50) == "the job goes on from batch 50, 10 batches back"


def test_what_is_not_kept_is_lost_and_all_seconds_still_add_up():
    drill = drill_with(steps=20)
    whole = drill.score()
    for kept in (0, 5, 19, 20):
        part = drill.ledger.score(kept)
        assert sum(part.seconds.values()) == pytest.approx(sum(whole.seconds.values()))
        assert (part.seconds["lost"] > 0) == (kept < 20)


def test_a_checkpoint_that_would_run_code_is_refused():
    machine = drill_with(steps=1).machine(0)
    content = io.BytesIO()
    torch.save({"theta": machine.theta, "chain": fault("nan")}, content)
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        machine.unpack(content.getvalue())


def test_the_first_and_the_five_newest_checkpoints_are_kept():
    drill = drill_with()
    drill.act("interval", steps=5)
    go(drill, 40)
    assert [c.batch for c in drill.checkpoints] == [0, 20, 25, 30, 35, 40]


def test_a_broken_batch_comes_again_after_a_roll_back():
    drill = struck("spike")
    n, loud = max(drill.feed.broken), drill.readings[-1].loss
    drill.act("roll_back", batch=0)
    while drill.batch <= n:
        drill.step()
    assert drill.readings[-1].batch == n
    assert math.isclose(drill.readings[-1].loss, loud, rel_tol=1e-3)


def test_an_alarm_comes_again_after_a_roll_back_that_cured_nothing():
    for kind, said in (("nan", "not finite"), ("spike", "times the median")):
        drill = struck(kind)
        go(drill, 3)
        heard = sum(said in words for _, words in drill.alarms)
        assert heard >= 1
        drill.act("roll_back", batch=0)
        go(drill, 45)
        assert sum(said in words for _, words in drill.alarms) > heard, kind


def test_a_damaged_checkpoint_is_found_by_its_digest_and_the_one_before_it_helps():
    drill = struck("corrupt", at=750)
    batches = [c.batch for c in drill.checkpoints]
    assert batches == [0, 50, 100]
    said = drill.act("roll_back", batch=100)
    assert said == "the restart failed: the checkpoint before batch 100 is damaged"
    assert drill.is_down and go(drill, 1).batch is None
    assert [c.known for c in drill.checkpoints] == [None, None, False]
    drill.act("roll_back", batch=50)
    assert is_well(drill) and [c.batch for c in drill.checkpoints] == [0, 50]


def test_the_first_rank_hands_its_damage_to_checkpoints_and_spares():
    drill = struck("flipped", slot=0)
    drill.act("save")
    drill.act("evict", rank=3)
    drill.act("spare")
    while len(drill.ranks) < 4:
        drill.step()
    assert drill.machine(3).checksum() == drill.machine(0).checksum()
    said = drill.act("check", what="weights")
    assert "no majority" in said and "0:" in said and drill.differing == []
    drill.act("roll_back", batch=drill.checkpoints[-1].batch)
    assert "agree" in drill.act("check", what="weights")  # all have the same wrong weight
    assert not is_well(drill)
    drill.act("roll_back", batch=0)
    assert is_well(drill)


def test_a_roll_back_gives_the_same_bits_again():
    drill, straight = drill_with(steps=70), drill_with(steps=70)
    drill.act("roll_back", batch=50)
    go(drill, 20)
    for slot in range(4):
        assert torch.equal(drill.machine(slot).theta, straight.machine(slot).theta)


@pytest.mark.parametrize(
    "do, named, words",
    [
        ("panic", {}, "do = 'panic' is unknown"),
        ("evict", {"rank": 7}, "rank = 7 is unknown. Allowed: 0, 1, 2, 3"),
        ("evict", {"rank": True}, "rank = True is unknown"),
        ("roll_back", {"batch": False}, "batch = False is unknown"),
        ("evict", {}, "'rank'"), ("evict", {"rank": 1, "now": 1}, "now"),
        ("roll_back", {"batch": 3}, "batch = 3 is unknown. Allowed: 0"),
        ("spare", {}, "evict a rank first"), ("interval", {"steps": 1}, r"\[5, 500\]"),
        ("interval", {"steps": "often"}, "not a number"),
        ("check", {"what": "luck"}, "what = 'luck'"),
        ("spare", {"self": 1}, "self"), ("spare", {"do": 1}, "do"), ("save", {"job": 1}, "job"),
        ("skip_batch", {"batch": -1}, "batch = -1"), ("skip_shard", {"rank": 4}, "rank = 4"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_a_sentence_and_changes_nothing(do, named, words):
    drill = drill_with(steps=2)
    before = drill.clock, drill.done[:], drill.ranks, drill.interval
    with pytest.raises(CourseError, match=words):
        drill.act(do, **named)
    assert (drill.clock, drill.done, drill.ranks, drill.interval) == before


def test_the_last_rank_stays_and_a_job_that_is_down_has_nothing_to_compare_or_save():
    drill = drill_with()
    for rank in (0, 1, 2):
        drill.act("evict", rank=rank)
    with pytest.raises(CourseError, match="rank = 3 is the only one left"):
        drill.act("evict", rank=3)
    drill = struck("dead")
    for do, named in (("check", {"what": "weights"}), ("save", {})):
        with pytest.raises(CourseError, match="the job is down"):
            drill.act(do, **named)


NUMBERS = st.sampled_from([0, 1, 2, 3, 50, 100])
ACTS = st.one_of(
    st.tuples(st.just("steps"), st.integers(1, 40)), st.tuples(st.just("evict"), NUMBERS),
    st.tuples(st.just("roll_back"), NUMBERS), st.tuples(st.just("spare"), st.none()),
    st.tuples(st.just("skip_shard"), NUMBERS), st.tuples(st.just("skip_batch"), NUMBERS),
    st.tuples(st.just("save"), st.none()), st.tuples(st.just("interval"), st.integers(5, 60)),
    st.tuples(st.just("check"), st.sampled_from(["weights", "checkpoints"])),
)  # fmt: skip
FIELD = {"evict": "rank", "roll_back": "batch", "skip_shard": "rank", "skip_batch": "batch",
         "interval": "steps", "check": "what"}  # fmt: skip


@settings(max_examples=12)
@given(seed=st.integers(0, 50), acts=st.lists(ACTS, max_size=10))
def test_whatever_is_done_all_seconds_add_up(seed, acts):
    drill = OnCall("short", seed)
    for name, value in acts:
        if name == "steps":
            go(drill, value)
            continue
        try:
            drill.act(name, **({FIELD[name]: value} if name in FIELD else {}))
        except CourseError as error:
            assert str(error)
    score = drill.score()
    assert math.isclose(score.wall, drill.clock, abs_tol=1e-6)
    assert all(seconds >= 0 for seconds in score.seconds.values())
    assert 0 <= score.goodput <= 1
    assert 1 <= len(drill.ranks) <= 4
    assert drill.readings == [] or drill.readings[-1].clock <= drill.clock
