"""Time travel: any step comes back to the bit, branches part where a knob was turned."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import MLP, ClipByNorm, CourseError, Descend, Momentum, Trainer, chain, load_data
from course.training.replay import history_digest, run_recipe
from course.training.timeline import EVERY, Timeline, size_of

DATA = load_data("digits").subset(300)
STEPS = 2 * EVERY + 30


def make(**options):
    model = MLP([64, 8, 10], dropout=0.1)
    steps = chain(ClipByNorm(2.0), Momentum(0.9), Descend(0.2))
    return Timeline(Trainer(model, DATA, steps, batch_size=16), **options)


def walk(timeline, to, turns=()):
    for step in range(timeline.trainer.step_count, to):
        for at, knob, value in turns:
            if at == step:
                timeline.trainer.set(knob, value)
        timeline.step()
    return timeline


TURNS = [(0, "lr", 0.1), (EVERY, "momentum", 0.5), (EVERY, "lr", 0.3), (EVERY + 7, "clip", "off"),
         (2 * EVERY, "optimiser", "adam"), (2 * EVERY, "lr", 0.01)]  # fmt: skip


def reference():
    """Weights and generator states after each of STEPS steps."""
    timeline, seen = make(), []
    for step in range(STEPS):
        seen.append(timeline.trainer.model.theta.clone())
        walk(timeline, step + 1, TURNS)
    return timeline, [*seen, timeline.trainer.model.theta.clone()]


@pytest.fixture(scope="module")
def whole():
    torch.set_num_threads(1)
    return reference()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(places=st.lists(st.integers(0, STEPS), min_size=1, max_size=4))
def test_any_step_comes_back_to_the_bit_and_the_way_on_is_the_same(whole, places):
    timeline, seen = whole
    numbers, knobs = timeline.note().numbers.copy(), list(timeline.note().knobs)
    for place in places:
        timeline.go_to(place)
        assert torch.equal(timeline.trainer.model.theta, seen[place])
        assert timeline.trainer.step_count == len(timeline.trainer.history.loss) == place
        walk(timeline, min(place + 5, STEPS))
        assert torch.equal(timeline.trainer.model.theta, seen[min(place + 5, STEPS)])
    timeline.go_to(STEPS)
    assert len(timeline.branches) == 1
    assert (timeline.trainer.history.numbers() == numbers).all()
    assert timeline.trainer.history.knobs == knobs


def test_a_knob_turned_in_the_past_starts_a_branch_whose_recipe_is_true():
    timeline = walk(make(), STEPS, TURNS)
    first = timeline.note().numbers.copy()
    timeline.go_to(EVERY)
    timeline.trainer.set("lr", 0.05)
    walk(timeline, STEPS)
    old, new = timeline.branches
    assert timeline.current is new and new.left_at == EVERY and old.left_at is None
    assert (old.numbers == first).all() and old.end == STEPS
    timeline.note()
    assert (new.numbers[:EVERY] == first[:EVERY]).all()
    assert not (new.numbers[EVERY + 1 :] == first[EVERY + 1 :]).all()
    again = run_recipe(timeline.trainer.recipe())
    assert history_digest(again) == history_digest(timeline.trainer)
    timeline.switch(0)
    assert (timeline.trainer.history.numbers() == first).all()
    assert history_digest(run_recipe(timeline.trainer.recipe())) == history_digest(timeline.trainer)
    timeline.switch(1)
    timeline.go_to(EVERY + 50)
    assert (timeline.trainer.history.numbers() == new.numbers[: EVERY + 50]).all()


def test_turning_the_same_knob_the_same_way_is_no_branch():
    timeline = walk(make(), STEPS, TURNS)
    timeline.go_to(EVERY)
    timeline.trainer.set("momentum", 0.5)
    walk(timeline, EVERY + 10)
    assert len(timeline.branches) == 1
    assert timeline.trainer.chain.descend.lr == 0.3  # the second change there, followed


def test_at_most_four_branches_and_never_the_one_in_use():
    timeline = walk(make(), 20)
    for k in range(6):
        timeline.go_to(10)
        timeline.trainer.set("lr", 0.1 + k / 100)
        walk(timeline, 20 + k)
    assert len(timeline.branches) == 4 and timeline.current is timeline.branches[-1]


def test_memory_is_bounded_and_every_step_still_comes_back():
    timeline = make(memory=2**20)
    one = size_of(timeline.current.snapshots[0])
    assert 5_000 < one < 100_000
    timeline.memory = 4 * one
    walk(timeline, 2000)
    assert timeline._bytes() <= 4 * one and timeline.every > EVERY
    theta = timeline.trainer.model.theta.clone()
    timeline.go_to(1234)
    timeline.go_to(2000)
    assert torch.equal(timeline.trainer.model.theta, theta)


@pytest.mark.parametrize("bad", [-1, 11, 2.5, "x"])
def test_steps_outside_the_run_are_refused_and_nothing_changes(bad):
    timeline = walk(make(), 10)
    theta = timeline.trainer.model.theta.clone()
    with pytest.raises(CourseError, match="step"):
        timeline.go_to(bad)
    assert torch.equal(theta, timeline.trainer.model.theta) and timeline.trainer.step_count == 10
    with pytest.raises(CourseError, match="branch"):
        timeline.switch(3)


def test_a_trainer_that_has_come_some_way_starts_there():
    trainer = make().trainer
    for _ in trainer.run(30):
        pass
    timeline = walk(Timeline(trainer), 50)
    timeline.go_to(30)
    with pytest.raises(CourseError, match=r"\[30, 50\]"):
        timeline.go_to(29)
    walk(timeline, 40)
    assert len(timeline.branches) == 1 and len(trainer.history.loss) == 40


def test_snapshots_are_taken_at_every_distance_and_at_the_start_only():
    timeline = walk(make(), STEPS)
    assert list(timeline.current.snapshots) == [0, EVERY, 2 * EVERY]
    assert timeline.end == STEPS


def test_the_memory_is_a_number_of_bytes_in_a_range():
    for memory in (2**20 - 1, 2**40 + 1):
        with pytest.raises(CourseError, match=f"memory = {memory} is out of range"):
            make(memory=memory)
    assert make(memory=2**20).memory == 2**20


def test_two_snapshots_stay_however_small_the_memory():
    timeline = make()
    timeline.memory = 1
    walk(timeline, 3 * EVERY)
    assert len(timeline.current.snapshots) == 2
    timeline.go_to(3 * EVERY - 1)


def test_a_branch_takes_along_what_was_measured_up_to_its_start():
    timeline = walk(make(), 20)
    timeline.note().evaluations += [(5, "test"), (10, "test"), (15, "test")]
    timeline.go_to(10)
    timeline.trainer.set("lr", 0.01)
    timeline.step()
    assert timeline.current.evaluations == [(5, "test"), (10, "test")]


def test_branches_tell_what_was_turned_since_they_parted():
    timeline = walk(make(), 40, [(0, "lr", 0.1), (12, "lr", 0.4), (25, "clip", "off")])
    (first,) = timeline.branches
    assert timeline.note().turned() == [(0, "lr", 0.1), (12, "lr", 0.4), (25, "clip", "off")]
    timeline.go_to(20)
    for rate in (0.2, 0.3, 12.0):  # one drag of a slider
        timeline.trainer.set("lr", rate)
    timeline.trainer.set("momentum", 0.5)
    walk(timeline, 30, [(28, "lr", 1.0)])
    second = timeline.note()
    assert second.turned() == [(20, "lr", 12.0), (20, "momentum", 0.5), (28, "lr", 1.0)]
    assert first.turned() == [(25, "clip", "off")]
    timeline.go_to(24)
    timeline.trainer.set("clip", "value")
    walk(timeline, 30)
    assert timeline.note().turned() == [(24, "clip", "value")]
    assert second.turned() == [(28, "lr", 1.0)]
    timeline.switch(0)
    timeline.go_to(10)  # before an earlier parting: the later one counts
    timeline.trainer.set("lr", 0.01)
    walk(timeline, 15)
    assert first.turned() == [(25, "clip", "off")]
    assert timeline.note().turned() == [(10, "lr", 0.01)]


def test_a_branch_that_was_left_before_its_last_turn_keeps_that_turns_step():
    timeline = walk(make(), 30, [(10, "lr", 0.4)])
    timeline.go_to(10)
    timeline.trainer.set("lr", 0.5)
    timeline.step()
    old, new = timeline.branches
    timeline.note()
    assert old.turned() == [(10, "lr", 0.4)] and new.turned() == [(10, "lr", 0.5)]
