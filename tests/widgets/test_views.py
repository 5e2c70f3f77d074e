"""Looking at a run changes nothing in it: from any thread, at any moment, whatever goes wrong."""

import random
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from course import (
    MLP,
    CourseError,
    Descend,
    Momentum,
    NewtonCG,
    Trainer,
    adopt,
    chain,
    load_data,
)
from course.training.replay import run_recipe
from widgets import DescentLab, TrainingLab
from widgets.common import runner
from widgets.common.front_end import LABS, SHOWN
from widgets.training import instruments, looking
from widgets.training.instruments import INSTRUMENTS, Instrument, histogram, layers_of
from widgets.training.view import View


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "PATIENCE", 120)  # nothing here is about how fast a machine is
    monkeypatch.setenv("TRAINING_AT_SCALE_HOME", str(tmp_path / "home"))
    yield
    for lab in list(LABS.values()):
        lab.close()
    LABS.clear()
    SHOWN.clear()


def wait(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    assert condition()


# ---- the runs -----------------------------------------------------------------------------


def hand_written() -> Trainer:
    return Trainer(MLP([2, 8, 2], seed=1), load_data("moons"), chain(Descend(0.1)))


def with_dropout() -> Trainer:
    model = MLP([64, 12, 10], seed=1, dropout=0.3)
    return Trainer(model, load_data("digits"), chain(Momentum(0.9), Descend(0.1)))


class Scaling(nn.Module):
    """Writes into its input, as a careless forward may."""

    def forward(self, x):
        return x.mul_(0.9)


def adopted() -> Trainer:
    """Dropout, buffers that move in every forward, and a first layer that writes into its input."""
    torch.manual_seed(0)
    net = nn.Sequential(Scaling(), nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(),
                        nn.Dropout(0.3), nn.Linear(8, 2))  # fmt: skip
    return Trainer(adopt(net), load_data("moons"), chain(Momentum(0.9), Descend(0.1)))


def averaged() -> Trainer:
    return Trainer(MLP([2, 8, 2], "tanh"), load_data("moons"), chain(Momentum(0.9), Descend(0.3)))


def newton_cg() -> Trainer:
    steps = chain(NewtonCG(0.1, 3), Momentum(0.5), Descend(0.3))
    return Trainer(MLP([2, 6, 2], "tanh"), load_data("moons"), steps)


class Counting(nn.Module):
    """What it computes depends on how often it was called and on numbers from everywhere."""

    def __init__(self):
        super().__init__()
        self.linear, self.calls, self.seen = nn.Linear(2, 2), 0, None

    def forward(self, x):
        self.calls += 1
        self.seen = self.linear(x)  # no leaf: such a tensor does not let itself be copied
        shift = np.random.rand() + random.random() + float(torch.rand(()))
        return self.seen * (1 + 1e-3 * self.calls) + 0.1 * shift


def counting() -> Trainer:
    np.random.seed(0)
    random.seed(0)
    torch.manual_seed(0)
    return Trainer(adopt(Counting()), load_data("moons"), chain(Descend(0.1)))


KINDS: dict[str, Callable[[], Trainer]] = {
    "hand-written": hand_written, "dropout": with_dropout, "adopted": adopted,
    "momentum": averaged, "Newton-CG": newton_cg,
}  # fmt: skip
TURNS = [("lr", 0.05), ("batch_size", 16), ("clip", "norm"), ("threshold", 0.5), ("lr", 0.2),
         ("l2", 1e-3), ("label_noise", 0.1), ("clip", "off"), ("batch_size", 32)]  # fmt: skip


def leaves(value) -> list:
    """Everything in nested dicts and lists, in order."""
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in (key, *leaves(value[key]))]
    if isinstance(value, list | tuple):
        return [x for item in value for x in leaves(item)]
    return [value.cpu().numpy().tobytes() if isinstance(value, torch.Tensor) else value]


def same(mine: Trainer, other: Trainer) -> bool:
    """The same numbers at every step, and the same bits of all that the next step depends on."""
    histories = [t.history.numbers().tobytes() for t in (mine, other)]
    return histories[0] == histories[1] and leaves(mine.snapshot()) == leaves(other.snapshot())


# ---- from other threads, at full speed ----------------------------------------------------


def readers(lab) -> list[Callable[[], object]]:
    canvas, drawer = lab.controls.canvas, lab.controls.drawer

    def toggle(name):
        canvas.set_trait(name, not getattr(canvas, name))

    def answer():
        canvas.ack = canvas.seq

    return [
        lab.picture, lab.summary, lab._repr_mimebundle_, lab.recipe, answer,
        lambda: lab.status, lambda: (lab.evaluations, lab.branches), lab.still,
        lambda: toggle("visible"), lambda: toggle("drawing"), lambda: toggle("calm"),
        lambda: lab.let_draw(True), lambda: lab.place_bet(0.5, 10**6),
        lambda: lab.guess_curve([[1, 1.0], [10**6, 0.5]]),
        lambda: lab.watch("loss slice", False), lambda: lab.watch("loss slice"),
        lab._show,
        lambda: setattr(drawer.draw, "value", not drawer.draw.value),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_readers_on_other_threads_leave_the_bits_of_a_run_as_they_are(kind, monkeypatch):
    monkeypatch.setattr(looking, "FRAMES", 1000)
    monkeypatch.setattr(looking, "SHARE", 10)
    monkeypatch.setattr(instruments, "PLANE", 5)
    lab = TrainingLab(KINDS[kind](), instruments=tuple(INSTRUMENTS), interactive=True)
    actions, wrong, over = readers(lab), [], threading.Event()

    def read(seed):
        order = random.Random(seed)
        while not over.is_set():
            try:
                order.choice(actions)()
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=read, args=(seed,), daemon=True) for seed in range(3)]
    for thread in threads:
        thread.start()
    lab.play()
    for i, (knob, value) in enumerate(TURNS):
        wait(lambda i=i: lab.trainer.step_count > 15 * i or wrong)
        lab.set(knob, value)
    wait(lambda: lab.trainer.step_count > 200 or wrong)
    lab.pause()
    over.set()
    for thread in threads:
        thread.join(60)
    assert not wrong and "stopped" not in lab.message
    assert len(lab.trainer.history.knobs) == len(TURNS)
    again = run_recipe(lab.recipe(), KINDS[kind]())
    assert same(again, lab.trainer)


def test_a_race_read_from_other_threads_is_the_race_that_nobody_read():
    lab = DescentLab("ravine", beta=0.9, interactive=True, name="read", speed=240)
    wrong, over = [], threading.Event()

    def read():
        while not over.is_set():
            try:
                path = lab.paths["momentum"]
                assert path.ndim == 2 and np.isfinite(path).all()
                lab.summary(), lab.knobs(), lab._repr_mimebundle_()
                lab.controls.canvas.ack = lab.controls.canvas.seq
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    lab.play()
    wait(lambda: lab.race.step_count > 60 or wrong)
    lab.pause()
    over.set()
    for thread in threads:
        thread.join(60)
    assert not wrong
    plain = DescentLab("ravine", beta=0.9, interactive=False, name="plain")
    plain.run(lab.race.step_count)
    for name, path in plain.paths.items():
        assert path.tobytes() == lab.paths[name].tobytes()


def test_pictures_of_one_lab_leave_another_as_it_is():
    """Modules with dropout share torch's one global generator."""
    trained = TrainingLab(adopted(), interactive=True, name="trained")
    read = TrainingLab(adopted(), instruments=tuple(INSTRUMENTS), interactive=True, name="read")
    over = threading.Event()

    def look():
        while not over.is_set():
            read.watch("samples", False)  # made anew, not only when it was evaluated
            read.watch("samples")
            read.picture()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    trained.play()
    wait(lambda: trained.trainer.step_count > 300)
    trained.pause()
    over.set()
    thread.join(60)
    plain = adopted()
    for _ in plain.run(trained.trainer.step_count):
        pass
    assert same(plain, trained.trainer)


# ---- every instrument alone, at any moment ------------------------------------------------

MOMENTS = st.lists(
    st.sampled_from(["step", "step", "step", "picture", "evaluate", "summary", "recipe"])
    | st.integers(0, len(TURNS) - 1),
    max_size=20,
)
OFTEN = ["step", "step", "picture", "step", "picture", "evaluate", "picture", "step"]


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@settings(max_examples=12, deadline=None)
@given(kind=st.sampled_from([*KINDS, "counting"]), moments=MOMENTS)
@example(kind="dropout", moments=OFTEN)
@example(kind="adopted", moments=OFTEN)
@example(kind="counting", moments=OFTEN)
def test_any_order_of_steps_and_pictures_gives_the_bits_of_no_pictures(instrument, kind, moments):
    make = KINDS.get(kind, counting)
    plain = make()
    for moment in moments:
        if moment == "step":
            plain.step()
        elif isinstance(moment, int):
            plain.set(*TURNS[moment])
    lab = TrainingLab(make(), instruments=(instrument,), interactive=False, name="looked at")
    for moment in moments:
        if moment == "step":
            lab.run(1)
        elif moment == "evaluate":
            lab.pause()
        elif isinstance(moment, int):
            lab.set(*TURNS[moment])
        else:
            getattr(lab, moment)()
    assert same(plain, lab.trainer)


# ---- whatever an instrument does ----------------------------------------------------------


class Vandal(Instrument):
    """Writes into all it can reach, draws from every global generator, then fails."""

    def __init__(self, error=None):
        super().__init__()
        self.error, self.threads = error, set()

    def panel(self, view, arrays):
        self.threads.add(threading.get_ident())
        model = view.model
        np.random.rand(), random.random(), torch.rand(3)
        model.theta.add_(1)
        model.grad.fill_(float("nan"))
        model.load_state({k: torch.zeros_like(v) if v.is_floating_point() else v
                          for k, v in model.state().items()})  # fmt: skip
        for layer in model.dropouts():
            layer.p = 0.9
        view.knobs.clear()
        view.evaluations.clear()
        view.branches.clear()
        for rows in (*view.rows(4)[:1], view.means(10)[1]):
            rows[:] = 7
        arrays["mine"] = view.numbers
        if self.error is not None:
            raise self.error
        return {"kind": "note", "title": "vandal", "words": "done"}


@pytest.mark.parametrize("error", [None, RuntimeError("it broke"), CourseError("cannot look"),
                                   MemoryError(), AssertionError()])  # fmt: skip
@pytest.mark.parametrize("kind", [*KINDS, "counting"])
def test_an_instrument_that_writes_or_fails_changes_nothing_and_training_goes_on(kind, error):
    make = KINDS.get(kind, counting)
    plain = make()
    for _ in plain.run(12):
        pass
    lab = TrainingLab(make(), instruments=("loss",), interactive=False)
    lab.instruments["vandal"] = vandal = Vandal(error)
    for _ in range(4):
        lab.run(3)
        panel = lab.picture()["panels"][-1]
        words = "done" if error is None else str(error) or type(error).__name__
        assert panel["kind"] == "note" and words in panel["words"]
        assert ("mine" in lab.picture()["arrays"]) == (error is None)
        assert lab.still().startswith(b"\x89PNG")
    assert same(plain, lab.trainer) and vandal.threads


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_that_an_instrument_sees_is_what_the_run_is(kind):
    lab = TrainingLab(KINDS[kind](), instruments=("gradients", "weights"), interactive=False)
    lab.run(7)
    live = lab.trainer.model
    seen = View(lab).model
    assert torch.equal(seen.theta, live.theta) and torch.equal(seen.grad, live.grad)
    assert leaves(seen.state()) == leaves(live.state()) and live.grad.any()
    names = [name for name, _ in layers_of(live.grad, live)]
    panel = lab.picture()["panels"][0]
    assert [row[0] for row in panel["rows"]] == names
    for row, (name, g) in zip(panel["rows"], layers_of(live.grad, live), strict=True):
        assert row == histogram(name, g)[1]
    x = lab.trainer.data.x_test[:5]
    assert torch.equal(View(lab).predict(x), live.predict(x))
    assert View(lab).evaluate("test") == lab.trainer.evaluate("test")


def test_a_picture_shares_no_memory_with_the_run():
    lab = TrainingLab("sine", instruments=tuple(INSTRUMENTS), interactive=False).run(5)
    numbers, x = lab.trainer.history.numbers().copy(), lab.trainer.data.x_test.clone()
    for values in lab.picture()["arrays"].values():
        values.fill(9)
    assert np.array_equal(lab.trainer.history.numbers(), numbers)
    assert torch.equal(lab.trainer.data.x_test, x)


def test_only_the_thread_that_steps_takes_pictures_while_it_trains(monkeypatch):
    monkeypatch.setattr(looking, "FRAMES", 1e6)
    monkeypatch.setattr(looking, "SHARE", 1e6)
    lab = TrainingLab("moons", interactive=False)
    lab.instruments["vandal"] = vandal = Vandal()
    lab.picture()
    assert vandal.threads == {threading.get_ident()}, "nothing trains: the reader stands in"
    vandal.threads.clear()
    lab.play()
    for _ in range(10):
        lab.picture(), lab.summary()
    lab._repr_mimebundle_()
    stepping = lab.runner.thread.ident
    lab.runner.stop()
    assert vandal.threads == {stepping}


# ---- the asking itself --------------------------------------------------------------------


class Stuck(nn.Linear):
    """A module whose forward waits, when told."""

    def __init__(self):
        super().__init__(2, 2)
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def forward(self, x):
        if self.training and not self.gate.is_set():
            self.entered.set()
            assert self.gate.wait(120)
        return super().forward(x)

    def __deepcopy__(self, memo):
        return Stuck()


def test_a_step_that_does_not_end_gives_the_last_picture_or_a_refusal(monkeypatch):
    net = Stuck()
    trainer = Trainer(adopt(net), load_data("moons"), chain(Descend(0.1)))
    lab = TrainingLab(trainer, interactive=True)
    lab.run(3)
    last, words = lab.picture(), lab.summary()
    monkeypatch.setattr(runner, "PATIENCE", 0.1)
    net.gate.clear()
    lab.play()
    assert net.entered.wait(120)
    try:
        assert lab.picture() is last and words in lab.summary()
        assert "text/plain" in lab._repr_mimebundle_()[0]
        for action in (
            lab.recipe, lambda: lab.place_bet(0.5, 99), lab.pause, lab.reset,
            lambda: lab.go_to(1), lambda: lab.evaluations, lambda: lab.run(1),
        ):  # fmt: skip
            with pytest.raises(CourseError, match="has not ended for"):
                action()
        lab.controls.canvas.visible = False
        lab.controls.canvas.visible = True  # a callback of the page: told, not raised
        assert "has not ended" in lab.controls.status.value
        with pytest.raises(CourseError, match="has not ended"):
            lab.play()  # a second thread would step beside the first
    finally:
        net.gate.set()
        monkeypatch.setattr(runner, "PATIENCE", 60)
    lab.runner.thread.join(60)
    lab.pause()
    assert lab.trainer.step_count == 4 and lab.bets == []
    assert lab.picture()["step"] == 4


def test_what_is_asked_and_turned_while_the_thread_comes_to_its_end_is_not_lost():
    lab = TrainingLab("moons", interactive=False)
    turned, over = [], threading.Event()

    def ask():
        while not over.is_set():
            turned.append(len(turned) / 1000)
            lab.set("l2", turned[-1])
            assert lab.recipe().knobs[-1][2] == turned[-1]

    hand = threading.Thread(target=ask)
    hand.start()
    for _ in range(60):
        lab.play()
        lab.runner.stop()
    over.set()
    hand.join(120)
    assert not hand.is_alive()
    assert [value for _, _, value in lab.trainer.history.knobs] == turned


def test_a_knob_turned_just_before_the_end_is_turned():
    lab = TrainingLab("moons", interactive=False)
    for i in range(1, 41):
        lab.play()
        lab.set("l2", i / 1000)
        lab.runner.stop()
        assert lab.trainer.history.knobs[-1][2] == i / 1000


def test_a_reader_that_fails_or_is_interrupted_gets_its_own_error(monkeypatch):
    lab = TrainingLab("moons", interactive=False)
    with pytest.raises(KeyboardInterrupt):
        lab.runner.ask(lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    lab.play()
    with pytest.raises(ZeroDivisionError):
        lab.runner.ask(lambda: 1 / 0)
    steps = lab.trainer.step_count
    wait(lambda: lab.trainer.step_count > steps)
    lab.pause()
    assert lab.runner.ask(lambda: 3) == 3


def test_an_evaluation_or_a_bet_that_fails_does_not_stop_the_training(tmp_path):
    class Shy(nn.Linear):
        def forward(self, x):
            if not self.training and len(x) > 2:
                raise RuntimeError("not while you look")
            return super().forward(x)

    trainer = Trainer(adopt(Shy(2, 2)), load_data("moons"), chain(Descend(0.1)))
    lab = TrainingLab(trainer, instruments=tuple(INSTRUMENTS), interactive=False).run(20)
    assert lab.trainer.step_count == 20 and "not while you look" in lab.summary()
    assert any("not while" in p.get("words", "") for p in lab.picture()["panels"])
    lab.pause()
    home = tmp_path / "home"
    home.mkdir()
    (home / "progress.json").write_text('{"schema": 2, "predictions": []}')
    lab = TrainingLab("moons", interactive=False)
    lab.place_bet(0.5, 10)
    lab.play()
    wait(lambda: "update the course" in lab.message)
    steps = lab.trainer.step_count
    wait(lambda: lab.trainer.step_count > steps)


class Work:
    """A runner's work: one step, then two knobs come while the thread is about to end."""

    def __init__(self, again):
        self.runner = runner.Runner(self.step, self.apply, self.between, self.failed)
        self.again, self.applied = again, []

    def step(self):
        self.runner.stopping.set()

    def apply(self, knob, value):
        self.applied.append(knob)
        if knob in ("a", "b"):
            self.again(self.runner)

    def between(self):
        for knob in "ab":
            self.runner._requests.knobs.put((knob, 1))

    def failed(self, error):
        raise error


@pytest.mark.parametrize(
    "again", [lambda r: r.ask(lambda: 3), lambda r: r.turn("more", 1)], ids=["asks", "turns"]
)
def test_a_knob_whose_turning_asks_or_turns_again_keeps_no_one_waiting(again):
    work = Work(again)
    work.runner.start()
    work.runner.thread.join(20)
    assert not work.runner.thread.is_alive()
    assert sorted(set(work.applied) - {"more"}) == ["a", "b"] and work.applied[0] == "a"
    assert work.runner.ask(lambda: 7) == 7
