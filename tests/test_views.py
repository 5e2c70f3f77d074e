"""Looking at a run changes nothing in it: from any thread, at any moment, whatever goes wrong."""

import random
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from course import (
    MLP,
    Descend,
    Momentum,
    NewtonCG,
    Trainer,
    adopt,
    chain,
    load_data,
)
from course.recipe import run_recipe
from widgets import TrainingLab, instruments, looking
from widgets.front_end import LABS, SHOWN
from widgets.instruments import INSTRUMENTS


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
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


def adopted() -> Trainer:
    """Dropout, buffers that move in every forward, and a first layer that writes into its input."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(),
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
