"""Models of your own that raise, exit, hang or give NaN: words in the lab, and others go on."""

import gc
import math
import threading
import weakref

import pytest
import torch
from torch import nn
from training_labs import answer, check_picture, live, same, small, until_end, wait

from course import CourseError, Descend, Trainer, adopt, chain, load_data
from widgets import TrainingLab
from widgets.common import runner
from widgets.common.front_end import LABS, SHOWN
from widgets.training.instruments import INSTRUMENTS


class Moody(nn.Linear):
    """A layer that does something bad when told, while it trains or while it is looked at."""

    def __init__(self):
        super().__init__(2, 2)
        self.bad: dict[str, object] = {}  # shared with the copies that instruments look at

    def __deepcopy__(self, memo):
        twin = Moody()
        twin.load_state_dict(self.state_dict())
        twin.bad = self.bad
        return twin.train(self.training)

    def forward(self, x):
        act = self.bad.get("training" if self.training else "looking")
        if act is not None:
            act()
        return super().forward(x) * self.bad.get("factor", 1.0)


def moody(**options) -> tuple[Moody, TrainingLab]:
    net = Moody()
    trainer = Trainer(adopt(net), load_data("moons"), chain(Descend(0.1)))
    options.setdefault("steps", 10**6)
    lab = live(trainer, speed=options.pop("speed", 0), **options)
    return net, lab


def raising(error):
    def act():
        raise error

    return act


ERRORS = [
    RuntimeError("my layer broke"), torch.cuda.OutOfMemoryError("x"), SystemExit("bye"),
    MemoryError(), AssertionError(), KeyboardInterrupt(), RecursionError("deep"),
    GeneratorExit(), CourseError("my own words"),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_model_that_raises_stops_its_lab_in_words_and_no_other(error):
    net, lab = moody()
    other = live(speed=0, steps=10**6)
    for playing in (lab, other):
        playing.play()
    wait(lambda: lab.trainer.step_count > 5)
    net.bad["training"] = raising(error)
    until_end(lab)
    words = lab.panel.sentence.value
    assert "The run stopped" in words and lab.panel.play.icon == "play"
    assert str(error) in words or "memory is full" in words
    steps = other.trainer.step_count
    wait(lambda: other.trainer.step_count > steps + 50)
    lab.play()  # still broken: the same again
    until_end(lab)
    net.bad.clear()
    steps = lab.trainer.step_count
    lab.play()
    wait(lambda: lab.trainer.step_count > steps + 5)
    assert "stopped" not in lab.summary()
    check_picture(lab)


@pytest.mark.parametrize("error", ERRORS[:5], ids=lambda e: type(e).__name__)
def test_a_model_that_raises_in_a_cell_raises_there_and_kills_no_kernel(error):
    net, lab = moody()
    lab.run(5)
    net.bad["training"] = raising(error)
    with pytest.raises((type(error), CourseError)) as caught:
        lab.run(5)
    assert not isinstance(caught.value, SystemExit)
    assert "The run stopped" in lab.message and lab.trainer.step_count == 5
    lab.message = ""
    answer(lab, "go_to", step=2)  # on the way there it is trained again
    assert str(error) in lab.panel.sentence.value
    assert "Not changed" in lab.message or "The run stopped" in lab.message
    net.bad.clear()
    lab.go_to(5)
    assert lab.trainer.step_count == 5


@pytest.mark.parametrize("error", [RuntimeError("do not look"), SystemExit("bye"), MemoryError()])
def test_a_model_that_cannot_be_evaluated_trains_on(error):
    net, lab = moody(instruments=tuple(INSTRUMENTS))
    lab.run(15)
    net.bad["looking"] = raising(error)
    lab.play()
    wait(lambda: lab.trainer.step_count > 60)
    lab.pause()
    assert "The evaluation failed" in lab.summary() and str(error) in lab.summary()
    picture = check_picture(lab)
    failed = [p["title"] for p in [*picture["side"], *picture["below"]] if p["kind"] == "note"]
    assert "network" in failed and lab.still().startswith(b"\x89PNG")
    assert [s.step for s in lab.evaluations] == [0, 10]
    net.bad.clear()
    lab.run(30)
    assert "failed" not in lab.summary() and lab.evaluations[-1].step > 60


def test_a_model_that_fails_from_the_first_look_on_still_has_a_lab():
    net = Moody()
    trainer = Trainer(adopt(net), load_data("moons"), chain(Descend(0.1)))
    net.bad["looking"] = raising(RuntimeError("never"))
    lab = live(trainer)
    assert "The evaluation failed: RuntimeError: never" in lab.panel.sentence.value
    lab.run(20)
    assert lab.evaluations == [] and lab.heads()[0] == ("step", "20")
    check_picture(lab)
    assert lab.still().startswith(b"\x89PNG")


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e38])
def test_a_model_that_gives_nan_stops_in_words(factor):
    net, lab = moody(instruments=tuple(INSTRUMENTS))
    lab.run(20)
    net.bad["factor"] = factor
    lab.play()
    until_end(lab)
    assert lab.trainer.step_count < 60 and "Diverged" in lab.panel.sentence.value
    check_picture(lab)
    assert lab.still().startswith(b"\x89PNG")
    net.bad.clear()  # going back trains the way there again
    lab.go_to(20)
    lab.set("lr", 0.01)
    lab.run(20)
    assert lab.trainer.step_count == 40 and lab.diverged is None


def test_a_step_that_hangs_is_told_and_pause_answers(monkeypatch):
    gate, entered = threading.Event(), threading.Event()
    net, lab = moody()
    other = live(speed=0, steps=10**6)
    lab.run(3)
    lab.picture()

    def hang():
        entered.set()
        assert gate.wait(120)

    net.bad["training"] = hang
    monkeypatch.setattr(runner, "PATIENCE", 0.1)
    lab.play()
    other.play()
    try:
        assert entered.wait(120)
        for action in (lab.recipe, lab.reset, lambda: lab.go_to(1), lambda: lab.evaluations,
                       lambda: lab.run(1), lambda: lab.guess([[9, 1.0], [20, 1.0]]),
                       lambda: lab.plan("lr", [[9, 1.0]]),
                       lambda: lab.watch("sharpness")):  # fmt: skip
            with pytest.raises(CourseError, match="has not ended for"):
                action()
        for kind in ("see", "go_to", "plan", "guess", "turn"):
            answer(lab, kind, step=1, knob="l2", value=0.01, points=[[99, 1.0], [100, 1.0]])
        lab.panel.play.click()
        assert not lab.playing and lab.panel.play.icon == "play"
        assert "has not ended" in lab.panel.sentence.value
        assert lab.picture()["step"] == 3 and "has not ended" in lab.summary()
        assert "text/plain" in lab._repr_mimebundle_()[0]
        wait(lambda: "The step in progress has not ended for 3 s" in lab.panel.sentence.value)
        steps = other.trainer.step_count
        wait(lambda: other.trainer.step_count > steps + 50)
    finally:
        gate.set()
        monkeypatch.setattr(runner, "PATIENCE", 120)
    until_end(lab)
    assert lab.trainer.step_count == 4, "it stopped after that step"
    wait(lambda: [turn[1] for turn in lab.trainer.history.knobs] == ["l2"])  # it is not lost
    net.bad.clear()
    assert lab.run(3).trainer.step_count == 7


# ---- labs that go and come ------------------------------------------------------------------


def threads() -> int:
    return sum(t.name == "course-lab" and t.is_alive() for t in threading.enumerate())


def test_labs_without_a_reference_left_leave_no_thread():
    wait(lambda: threads() == 0)
    labs = [live(speed=speed, steps=10**6) for speed in [0, 30] * 10]
    for lab in labs:
        lab.play()
    wait(lambda: all(lab.trainer.step_count for lab in labs))
    gone = [weakref.ref(lab) for lab in labs]
    del lab
    labs.clear()
    wait(lambda: gc.collect() >= 0 and all(ref() is None for ref in gone))
    wait(lambda: threads() == 0)


def test_the_widgets_of_a_lab_that_is_gone_do_nothing():
    lab = live(speed=0)
    panel = lab.panel
    lab.run(3)
    gone = weakref.ref(lab)
    del lab
    wait(lambda: gc.collect() >= 0 and gone() is None)
    panel.play.click()
    panel.knobs["lr"].number.value = 0.3
    panel.speed.list.value = 5
    panel.act("plan", {"knob": "lr", "points": [[5, 0.1]]})
    panel.home.write_recipe  # noqa: B018  the button below asks the panel for the lab
    panel.titles[0].value = True
    assert threads() == 0


def test_a_lab_of_the_same_name_replaces_the_old_one():
    for _ in range(4):
        lab = live(name="cell", speed=0, steps=10**6)
        lab._repr_mimebundle_()
        lab.play()
        wait(lambda lab=lab: lab.trainer.step_count > 0)
        assert threads() == 1 and LABS["cell"] is lab is SHOWN["cell"]
    with pytest.raises(CourseError):
        live(name="cell", lr=-1)
    assert lab.playing, "a lab that cannot be built replaces none"
    lab.close()
    assert threads() == 0 and "cell" not in SHOWN


def test_labs_at_once_train_as_each_alone():
    labs = [live(data, speed=0, steps=300) for data in ("moons", "spirals", "digits")]
    for lab in labs:
        lab.play()
    for lab in labs:
        until_end(lab)
        assert same(lab.trainer, small(lab.trainer.data.name).run(300).trainer)
