"""Whatever a step does (raise, hang, exit, lose its lab), the other labs and the kernel go on."""

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from test_runner import Work, wait
from torch import nn

from course import CourseError, Descend, Trainer, adopt, chain, load_data
from widgets import TrainingLab
from widgets.common import interrupts, runner, watch
from widgets.common.requests import Busy

RAISED = [
    ValueError("words"), SystemExit("words"), KeyboardInterrupt("words"), GeneratorExit("words"),
    RecursionError("words"), MemoryError("words"), StopIteration("words"),
    type("Odd", (BaseException,), {})("words"),
]  # fmt: skip


class Hanging(Work):
    """A step that waits for a gate."""

    def __init__(self):
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()

    def step(self):
        self.entered.set()
        assert self.gate.wait(120)
        return super().step()


@pytest.fixture
def hanging(monkeypatch):
    """A run whose first step hangs, and callers that wait briefly."""
    work = Hanging()
    work.runner.start()
    assert work.entered.wait(60)
    monkeypatch.setattr(runner, "PATIENCE", 0.1)
    yield work
    work.gate.set()
    work.runner.stop()
    work.runner.thread.join(60)


# ---- a step that hangs --------------------------------------------------------------------


def test_a_hung_step_holds_nobody_up_and_nothing_is_lost(hanging):
    begin, run = time.monotonic(), hanging.runner
    assert run.stop() is False and run.stuck > 0
    for action in (run.start, lambda: run.ask(lambda: 1), lambda: run.here(print, 1),
                   lambda: run.alone().__enter__(), lambda: run.held().__enter__()):  # fmt: skip
        with pytest.raises(Busy, match="has not ended for .* restart the kernel"):
            action()
    run.turn("lr", 3)
    assert time.monotonic() - begin < 30 and hanging.steps == 0
    threads = threading.active_count()
    hanging.gate.set()
    run.thread.join(60)
    assert threading.active_count() < threads + 1 and run.stuck == 0 and run.stop()
    assert hanging.steps == 1 and hanging.knobs == [(1, "lr", 3)]
    assert hanging.shown[-1] == (1, True), "the lab can show where it stopped"
    run.start()
    wait(lambda: hanging.steps > 10)


@pytest.mark.parametrize("draws", [False, True])
def test_other_runs_go_on_beside_a_hung_one(hanging, monkeypatch, draws):
    monkeypatch.setattr(runner, "PATIENCE", 60)
    others = [Work() for _ in range(3)]
    for work in others:
        work.runner.draws = draws
        work.runner.start()
    wait(lambda: all(work.steps > 1000 for work in others))
    assert [work.runner.ask(lambda: 5) for work in others] == [5, 5, 5]
    here = Work()
    here.runner.here(lambda n: here.step(), 100)
    assert here.steps == 100 and all(work.runner.stop() for work in others)


def test_a_hung_step_that_ends_waits_for_its_turn(hanging, monkeypatch):
    """Nothing is drawn for its picture while another run that draws has its turn."""
    monkeypatch.setattr(runner, "PATIENCE", 60)
    other = Work()
    time.sleep(0.2)
    with other.runner.held():  # after the 1 s of the step that hangs
        seen = len(hanging.shown)
        hanging.gate.set()
        wait(lambda: hanging.steps > 0)
        time.sleep(0.3)
        assert len(hanging.shown) == seen
    wait(lambda: len(hanging.shown) > seen + 3)


def test_a_hung_step_is_told_until_it_ends(monkeypatch):
    monkeypatch.setattr(watch, "OVERDUE", 0.05)
    monkeypatch.setattr(watch, "EVERY", 0.01)
    work = Hanging()
    work.runner.start()
    wait(lambda: len(work.words) >= 2)
    assert "has not ended for" in work.words[0] and "Restart the kernel" in work.words[0]
    work.runner.ask_to_stop()
    wait(lambda: "the lab stops when it does" in work.words[-1])
    work.gate.set()
    assert work.runner.stop()
    told = len(work.words)
    wait(lambda: not any(t.name == "course-watch" for t in threading.enumerate()))
    assert len(work.words) == told


class Slow:
    """A run that plays for as many looks as it has numbers: how long its step has taken then."""

    def __init__(self, *seconds, breaks=False):
        self.seconds, self.breaks, self.looks, self.told = [*seconds], breaks, 0, []

    @property
    def running(self):
        return self.looks < len(self.seconds)

    @property
    def stuck(self):
        self.looks += 1
        return self.seconds[self.looks - 1]

    def tell(self, seconds):
        self.told.append(seconds)
        if self.breaks:
            raise ValueError("no words")


def test_a_step_is_told_at_3_6_and_12_seconds_and_the_next_one_from_the_start(monkeypatch):
    slept, me = [], threading.current_thread()
    sleep = lambda seconds: slept.append((threading.current_thread(), seconds))  # noqa: E731
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=sleep))
    first = Slow(0, 2.9, 3.0, 3.5, 6.0, 6.1, 9, 12.1, 12.3, 0.1, 3.2, 6.5)
    second = Slow(4.0, 5.0, 8.5, breaks=True)
    watcher = watch.Watch()
    with watcher._lock:
        watcher._runs.update([first, second])
    watcher._look()
    assert first.told == [3.0, 6.1, 12.3, 3.2, 6.5] and second.told == [4.0, 8.5]
    assert slept.count((me, watch.EVERY)) == 12, "between two looks it sleeps"
    assert not watcher._runs


def test_threads_are_waited_for_together_not_one_after_the_other(monkeypatch):
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(watch, "time", clock)
    waited = []

    def join(seconds):
        waited.append(seconds)
        clock.now += min(seconds, 0.75)

    watch.join_all([SimpleNamespace(join=join)] * 3, 1.0)
    assert waited == [1.0, 0.25, 0.0]


def test_a_lab_whose_module_hangs_says_so_and_the_others_train(monkeypatch):
    class Sleeper(nn.Linear):
        gate, entered = threading.Event(), threading.Event()

        def forward(self, x):
            if self.training and threading.current_thread() is not threading.main_thread():
                self.entered.set()
                self.gate.wait(120)
            return super().forward(x)

        def __deepcopy__(self, memo):
            return nn.Linear(2, 2)

    def learner(net, name):
        trainer = Trainer(adopt(net), load_data("moons"), chain(Descend(0.1)))
        return TrainingLab(trainer, interactive=True, name=name)

    monkeypatch.setattr(watch, "OVERDUE", 0.2)
    monkeypatch.setattr(watch, "EVERY", 0.05)
    hung, others = learner(Sleeper(2, 2), "hung"), []
    assert hung.runner.draws
    hung.play()
    assert hung.trainer.model.module.entered.wait(60)
    try:
        others = [learner(nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2)), "dropout"),
                  TrainingLab("moons", interactive=True, name="plain")]  # fmt: skip
        for lab in others:
            lab.play()
        wait(lambda: "has not ended" in hung.panel.sentence.value)
        wait(lambda: all(lab.trainer.step_count > 50 for lab in others))
        for lab in others:
            lab.pause()
            lab.run(3)
    finally:
        Sleeper.gate.set()
    for lab in (hung, *others):
        lab.close()


# ---- everything that can be raised --------------------------------------------------------


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_a_step_raises_is_told_and_the_run_can_go_on(error):
    work, plain = Work(), Work.step
    work.broken = False

    def step(self):
        if self.broken:
            raise error
        return plain(self)

    work.step = step.__get__(work)
    work.runner = runner.Runner(work.step, work.apply, work.between, work.failed)
    work.runner.start()
    wait(lambda: work.steps > 5)
    work.broken = True
    wait(lambda: not work.runner.running)
    work.runner.thread.join(60)
    assert work.errors == [error] and work.runner.ask(lambda: 3) == 3
    work.broken, steps = False, work.steps
    work.runner.start()
    wait(lambda: work.steps > steps + 5)
    assert work.runner.stop()


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_a_step_here_raises_words_and_ends_no_kernel(error):
    work = Work()

    def step(n):
        if n == 3:
            raise error

    quits = isinstance(error, SystemExit | GeneratorExit)
    with pytest.raises(CourseError if quits else type(error), match="words"):
        work.runner.here(step, 5)
    assert work.errors == ([] if isinstance(error, KeyboardInterrupt) else [error])
    work.runner.here(lambda n: work.step(), 5)
    assert work.steps == 5


@pytest.mark.parametrize("playing", [False, True])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_action_that_raises_gives_its_error_to_the_asker_alone(error, playing):
    def action():
        raise error

    work = Work()
    if playing:
        work.runner.start()
    quits = isinstance(error, SystemExit | GeneratorExit)
    with pytest.raises(CourseError if quits else type(error), match="words"):
        work.runner.ask(action)
    steps = work.steps
    if playing:
        wait(lambda: work.steps > steps + 5)
    assert work.errors == [] and work.runner.ask(lambda: 4) == 4 and work.runner.stop()


@pytest.mark.parametrize("playing", [False, True])
def test_a_knob_that_raises_keeps_no_other_from_being_turned(playing):
    work = Work(speed=0.01)
    if playing:
        work.runner.start()
        wait(lambda: work.steps == 1)
    with work.runner.held() if not playing else threading.Lock():
        for i, error in enumerate([None, *RAISED[:2], None]):
            work.runner._requests.knobs.put(("lr", error or i))
    work.runner.turn("l2", 9)
    wait(lambda: [value for _, _, value in work.knobs] == [0, 3, 9])
    assert work.errors == RAISED[:2] and work.runner.stop()


# ---- interrupts of the kernel -------------------------------------------------------------


def test_an_interrupt_comes_between_two_steps():
    work = Work()

    def step(n):
        work.steps += 1
        if n == 50:
            os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))  # half a step is left when an interrupt comes at once
        work.knobs.append(n)

    with pytest.raises(KeyboardInterrupt):
        work.runner.here(step, 10**6)
    assert work.steps == len(work.knobs) >= 50 and work.errors == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    work.runner.start()
    wait(lambda: work.steps > 10**4)
    assert work.runner.stop()


def test_a_step_that_hangs_here_is_interrupted(monkeypatch):
    monkeypatch.setattr(interrupts, "LONG", 0.05)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    work = Work()
    with pytest.raises(KeyboardInterrupt):
        work.runner.here(lambda n: time.sleep(120), 1)
    assert work.runner.ask(lambda: 1) == 1
