"""The runner: pace, turns, shares, requests. Nothing here depends on how fast a machine is."""

import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import CourseError
from widgets import TrainingLab
from widgets.common import front_end, runner, turns
from widgets.common.access import Access
from widgets.common.pace import BEHIND, BURSTS, Pace
from widgets.common.runner import Runner, patience
from widgets.common.turns import Turn, Turns
from widgets.training.instruments import INSTRUMENTS


def wait(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    assert condition()


class Work:
    """A lab of nothing but a runner: it counts its steps."""

    def __init__(self, end=None, speed=None):
        self.runner = Runner(self.step, self.apply, self.between, self.failed, self.overdue)
        self.runner.speed, self.end = speed, end
        self.steps, self.shown, self.knobs, self.errors, self.words = 0, [], [], [], []
        self.inside = 0

    def step(self):
        self.inside += 1
        assert self.inside == 1, "two threads step one run"
        self.steps += 1
        self.inside -= 1
        return self.steps != self.end

    def apply(self, knob, value):
        if isinstance(value, BaseException):
            raise value
        self.knobs.append((self.steps, knob, value))

    def between(self):
        self.shown.append((self.steps, self.runner.stopping.is_set()))

    def failed(self, error):
        self.errors.append(error)

    def overdue(self, words):
        self.words.append(words)


# ---- the pace -----------------------------------------------------------------------------


def walk(pace, now, seconds, delay=lambda: 0.0):
    """Return the times of the steps of a thread that sleeps exactly as long as `rest` says."""
    times, end = [], now + seconds
    while now < end:
        now += max(pace.rest(now), 0) + delay() + 1e-6
        while pace.is_due(now):
            pace.count()
            times.append(now)
        assert pace.rest(now) > 0
    return np.array(times)


@settings(deadline=None)
@given(st.floats(0.5, 2000), st.floats(0, 1e6))
def test_steps_come_on_time_and_nothing_drifts(speed, start):
    pace = Pace()
    pace.speed = speed
    times = walk(pace, start, 20.0)
    assert abs(len(times) - 20 * speed) <= 2 + speed / BURSTS
    distances = np.diff(np.unique(times))
    assert np.allclose(distances, distances[0], rtol=1e-3, atol=1e-6), "bursts are equal"
    if speed <= BURSTS:
        assert np.allclose(np.diff(times), 1 / speed, rtol=1e-3, atol=1e-6)
    else:
        assert 1 / 95 < distances[0] < 1 / 40 or len(distances) == 0


@settings(deadline=None)
@given(st.floats(5, 400), st.integers(0, 2**32))
def test_small_delays_leave_the_mean_alone(speed, seed):
    pace, rng = Pace(), random.Random(seed)
    pace.speed = speed
    times = walk(pace, 0.0, 20.0, lambda: rng.uniform(0, BEHIND / 2))
    assert abs(len(times) - 20 * speed) <= 2 + speed * (BEHIND / 2 + 1 / 40)


@settings(deadline=None)
@given(st.floats(0.5, 2000), st.floats(BEHIND * 1.01, 1e6))
def test_after_a_hold_up_it_goes_on_and_does_not_catch_up(speed, hold_up):
    pace = Pace()
    pace.speed = speed
    now = walk(pace, 0.0, 2.0)[-1] + 1 / speed + hold_up
    pace.rest(now), pace.is_due(now)
    again = walk(pace, now, 2.0)
    assert (again < now + 1 / speed + 1e-3).sum() <= 2 + speed / BURSTS
    assert len(again) <= 2 * speed + 2 + speed / BURSTS


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0.01, 1e6)), min_size=1), st.floats(1, 1000))
def test_a_new_speed_holds_at_once(speeds, last):
    pace, now = Pace(), 100.0
    for speed in speeds:
        pace.speed = speed
        pace.rest(now)
        for _ in range(3):
            if pace.is_due(now):
                pace.count()
        now += 0.01
    pace.speed = last
    assert pace.rest(now) <= 1 / last + 1 / 40
    pace.speed = None
    assert pace.is_due(now) and pace.rest(now) <= 0


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), 1e300, "fast", True])
def test_an_absurd_speed_changes_nothing(bad):
    work = Work(speed=30)
    with pytest.raises(CourseError, match="speed"):
        work.runner.speed = bad
    assert work.runner.speed == 30


def test_a_slow_run_answers_at_once_and_takes_its_knobs_between_steps():
    work = Work(speed=0.01)
    work.runner.start()
    wait(lambda: work.steps == 1)  # the next one is due in 100 s
    before = time.monotonic()
    for i in range(20):
        work.runner.turn("lr", i)
        assert work.runner.ask(lambda: len(work.knobs)) == i + 1
    assert work.knobs == [(1, "lr", i) for i in range(20)]
    assert work.runner.stop() and time.monotonic() - before < 50
    work.runner.start()
    work.runner.speed = None
    wait(lambda: work.steps > 1000)
    assert work.runner.stop() and not work.errors


def test_a_paced_run_keeps_its_pace():
    work = Work(speed=50)
    begin = time.monotonic()
    work.runner.start()
    wait(lambda: work.steps >= 50)
    assert 0.9 < time.monotonic() - begin, "no burst"
    work.runner.stop()


def test_a_planned_end_stops_the_run_and_is_shown():
    work = Work(end=7)
    work.runner.start()
    work.runner.thread.join(60)
    assert work.steps == 7 and not work.runner.running and not work.errors
    assert work.shown[-1] == (7, True), "the lab hears that the run stops"
    work.runner.here(lambda n: n < 3, 10)
    work.runner.start()
    wait(lambda: work.steps > 20)
    work.runner.stop()


# ---- turns --------------------------------------------------------------------------------


def clocked(monkeypatch):
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(turns, "time", clock)
    return clock


def turn(draws, hasty, thread):
    new = Turn(draws, hasty)
    new.thread = thread
    return new


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=6),
    st.lists(st.tuples(st.sampled_from("join end wait hurry".split()), st.integers(0, 5))),
)
def test_the_line_keeps_its_promises(kinds, moves):
    with pytest.MonkeyPatch.context() as patch:
        clock, line = clocked(patch), Turns()
        places = [turn(*kind, i) for i, kind in enumerate(kinds)]
        for move, i in moves:
            place = places[i % len(places)]
            if move == "join" and place not in line._line + line._going:
                line._line.append(place)
                line._move()
            elif move == "end":
                line.end(place)
            elif move == "hurry":
                line.hurry(place)
            elif move == "wait":
                clock.now += (0.03, 0.2, 1.1)[i % 3]
                line._move()
            going, waiting = line._going, line._line
            assert not set(going) & set(waiting)
            assert len(set(going)) == len(going) and len(set(waiting)) == len(waiting)
            for a in going:
                for b in going[going.index(a) + 1 :]:
                    assert b.began - a.began > 0.1
                    assert b.began - a.began > 1 or (b.hasty and not (a.draws and b.draws))
            for w in waiting:
                assert any(clock.now - g.began <= 1 for g in going)
                assert any(clock.now - g.began <= 0.1 or g.draws for g in going) or not w.hasty


def test_first_come_first_served_but_who_is_asked_goes_next():
    line, order, threads = Turns(), [], []
    last = Turn(False)
    assert line.take(last)
    last.began = float("inf")  # it does not lapse

    def work(i, place):
        assert line.take(place)
        order.append(i)
        line.end(place)

    places = [Turn(False) for _ in range(5)]
    for i, place in enumerate(places):
        threads.append(threading.Thread(target=work, args=(i, place)))
        threads[-1].start()
        wait(lambda place=place: place in line._line)
    line.hurry(places[3])
    line.end(last)
    for thread in threads:
        thread.join(60)
    assert order == [3, 0, 1, 2, 4]


def test_who_waits_sleeps_until_it_is_woken_and_looks_again_now_and_then():
    line, first, second = Turns(), Turn(True), Turn(True)
    assert line.take(first)
    first.began, first.thread = float("inf"), -1  # another thread's; it does not lapse
    set_when_it_slept, asked = [], []

    def wait(seconds):
        assert 0 < seconds < 0.1
        set_when_it_slept.append(second.wake.is_set())

    def give_up():
        asked.append(second in line._line)
        if len(asked) == 2:
            second.wake.set()
        return len(asked) == 5

    second.wake.wait = wait
    assert not line.take(second, give_up=give_up)
    assert asked == [True] * 5 and set_when_it_slept == [False, True, False, False]
    line.end(second)
    assert not line._line and line._going == [first]


def test_who_is_first_goes_before_all_others_and_else_comes_last():
    line, here = Turns(), threading.get_ident()
    going, *waiting = [turn(True, False, -i) for i in range(1, 4)]
    line._going, line._line = [going], list(waiting)
    going.began = float("inf")
    last, first = Turn(True), Turn(True)
    assert not line.take(last, give_up=lambda: True)
    assert not line.take(first, first=True, give_up=lambda: True)
    assert line._line == [first, *waiting, last] and first.thread == here


def test_who_is_hurried_goes_next_and_wakes_even_when_it_stands_in_no_line():
    line, going, last, free = Turns(), turn(True, False, -1), Turn(True), Turn(True)
    going.began = float("inf")
    line._going, line._line = [going], [turn(True, False, -2), last]
    for place in (last, free):
        line.hurry(place)
        assert place.wake.is_set()
    assert line._line[0] is last and free not in line._line


def test_only_what_a_person_waits_for_goes_beside_a_turn_that_has_just_begun():
    going = turn(False, False, -1)
    going.began = 100.0
    for draws in (False, True):
        background, asked = Turn(draws), Turn(draws, hasty=True)
        assert [going.lets_pass(background, now) for now in (100.2, 101.1)] == [False, True]
        assert [going.lets_pass(asked, now) for now in (100.05, 100.2)] == [False, True]
    both_draw = turn(True, False, -1)
    both_draw.began = 100.0
    assert not both_draw.lets_pass(Turn(True, hasty=True), 100.2)


def test_what_is_done_between_two_steps_does_not_count_as_a_step(monkeypatch):
    clock, stuck = SimpleNamespace(now=50.0, monotonic=lambda: clock.now), []
    monkeypatch.setattr(runner, "time", clock)
    run = Work().runner

    def step():
        stuck.append(run.stuck)
        clock.now += 2.0
        stuck.append(run.stuck)

    run._slice(step, lambda: stuck.append(run.stuck))
    assert stuck == [0.0, 2.0, 0.0] and run.stuck == 0


def test_a_turn_is_renewed_only_after_others_may_be_going(monkeypatch):
    clock, line, mine, other = clocked(monkeypatch), Turns(), Turn(True), turn(True, True, -1)
    assert line.take(mine)
    line._line.append(other)
    taken = []
    line.take = lambda *place, first: taken.append((*place, first))
    clock.now += 0.09
    line.renew(mine)
    assert line._going == [mine] and not taken
    clock.now += 0.02
    line.renew(mine)
    assert line._going == [other] and taken == [(mine, True)], "before all others"


def test_a_turn_ends_with_its_block_and_one_thread_touches_a_run():
    access, seen = Access(), []

    def other():
        seen.append(access.mine())
        with access.taken(Turn(True), 0.01) as touched:
            seen.append(touched)

    def aside():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(60)

    assert not access.mine()
    with access.taken(Turn(True), 1) as touched:
        assert touched and access.mine()
        with access.taken(Turn(True), 1, give_up=lambda: True) as again:
            assert again and access.mine(), "the thread that has it may take it again"
        assert access.mine()
        aside()
    assert not access.mine() and seen == [False, False]
    aside()
    assert seen[2:] == [False, True]


def test_after_a_block_others_go_at_once(monkeypatch):
    clocked(monkeypatch)  # so nothing lapses
    with Access().taken(Turn(True), 1):
        pass
    free = []

    def other():
        with Access().taken(Turn(True), 1, give_up=lambda: True) as touched:
            free.append(touched)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(60)
    assert free == [True]


@pytest.mark.parametrize("options, first", [({}, False), ({"first": True}, True)])
def test_who_touches_a_run_comes_last_unless_it_is_asked_for(monkeypatch, options, first):
    asked, give_up = [], lambda: False
    monkeypatch.setattr(turns.TURNS, "take", lambda *taken: asked.append(taken) or True)
    with Access().taken(place := Turn(True), 1, give_up=give_up, **options) as touched:
        assert touched and asked == [(place, first, give_up)]


def test_who_gives_up_touches_nothing():
    access, going = Access(), turn(True, False, -1)
    going.began = float("inf")
    turns.TURNS._going.append(going)
    try:
        with access.taken(Turn(True), 1, give_up=lambda: True) as touched:
            assert not touched and not access.mine()
    finally:
        turns.TURNS.end(going)
    with access.taken(Turn(True), 1) as touched:
        assert touched, "the lock is free again"


def test_who_is_asked_does_not_sleep_first_and_who_is_not_looks_after_a_while():
    work, slept = Work(speed=0.01), []
    run = work.runner
    run._turn.wake.wait = slept.append
    assert run._rest() and len(slept) == 1 and slept[0] == runner.REST, "a step is due"
    run._pace.count()
    assert run._rest() and slept[1:] == [runner.IDLE], "the next one is due in 100 s"
    run._requests.ask(lambda: 1)
    assert run._rest() and len(slept) == 2
    run._serve()
    run.stopping.set()
    assert not run._rest() and len(slept) == 2


def test_equal_runs_get_equal_shares():
    works = [Work() for _ in range(4)]
    for work in works:
        work.runner.start()
    wait(lambda: sum(len(work.shown) for work in works) > 200)
    slices = [len(work.shown) for work in works]  # of 15 ms each
    for work in works:
        assert work.runner.stop()
    assert max(slices) < 2 * min(slices) + 5


def test_four_labs_at_full_speed_get_equal_shares():
    fast = {"speed": 0, "steps": 10**7, "interactive": False}
    labs = [TrainingLab("moons", name=f"share{i}", **fast) for i in range(4)]
    for lab in labs:
        lab.play()
    wait(lambda: sum(lab.trainer.step_count for lab in labs) > 8000, 120)
    steps = [lab.trainer.step_count for lab in labs]
    for lab in labs:
        lab.close()
    assert max(steps) < 2 * min(steps)


# ---- global generators --------------------------------------------------------------------


def test_a_hand_written_run_draws_from_no_global_generator():
    """So it needs no turn for its numbers, whatever its knobs and instruments are."""
    lab = TrainingLab("digits", instruments=tuple(INSTRUMENTS), interactive=False, name="pure")
    assert not lab.runner.draws
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    for knob, value in (("dropout", 0.3), ("label_noise", 0.2), ("augment", "shift"), ("l1", 0.01)):
        lab.set(knob, value)
        lab.run(20)
        lab.picture(), lab.summary()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all() and random.getstate() == states[2]


# ---- who may wait how long ----------------------------------------------------------------


def test_who_is_kept_from_the_processor_is_answered_all_the_same(monkeypatch):
    work = Work()
    monkeypatch.setattr("widgets.common.runner.patience", lambda: -1.0)  # its time is over
    assert work.runner.ask(lambda: 7) == 7


@pytest.mark.parametrize("kind, brief", [("comm_msg", True), ("execute_request", False)])
def test_a_callback_of_the_page_waits_briefly_and_a_cell_patiently(monkeypatch, kind, brief):
    kernel = SimpleNamespace(get_parent=lambda channel: {"header": {"msg_type": kind}})
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert front_end.in_callback() is brief and (patience() < 0.2) is brief
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert not front_end.in_callback()


def test_only_the_threads_of_the_kernel_answer_messages_of_the_page(monkeypatch):
    kernel = SimpleNamespace(get_parent=lambda channel: {"header": {"msg_type": "comm_msg"}})
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    told = {}

    def tell():
        told[threading.current_thread().name] = front_end.in_callback()

    for name in ("subshell-1", "course-lab"):
        thread = threading.Thread(target=tell, name=name)
        thread.start()
        thread.join(60)
    assert told == {"subshell-1": True, "course-lab": False}


# ---- the reader ---------------------------------------------------------------------------


@pytest.mark.parametrize("kernel, reads", [
    (None, False), (SimpleNamespace(), False), (SimpleNamespace(_allow_stdin=False), False),
    (SimpleNamespace(_allow_stdin=True), True),
])  # fmt: skip
def test_a_reader_looks_where_a_front_end_allows_input(monkeypatch, kernel, reads):
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert front_end.has_front_end() is reads
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert not front_end.has_front_end()


def test_a_lab_is_named_after_its_cell(monkeypatch):
    parents = [{"metadata": {"cellId": "cell-7"}}, {"metadata": {}}, None]
    kernel = SimpleNamespace(get_parent=lambda channel: parents[0])
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    names = []
    while parents:
        names.append(front_end.cell_name())
        parents.pop(0)
        parents or monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert [*names, front_end.cell_name()] == ["cell-7", "lab", "lab", "lab"]
