"""What every lab does, on one that only counts its steps: buttons, frames, words, a hung step."""

import html
import threading
from types import SimpleNamespace

import pytest
import torch
from still_pictures import picture
from test_runner import wait

from course import CourseError
from widgets.common import lab as labs
from widgets.common import panel as panels
from widgets.common import runner
from widgets.common.frames import decode
from widgets.common.front_end import LABS, SHOWN
from widgets.common.knobs import Number
from widgets.common.lab import Lab
from widgets.common.panel import Panel, headline, spoken
from widgets.common.requests import Busy


class Counting(Lab):
    """A lab that counts to `end`, and whose step waits for a gate."""

    end = None

    def __init__(self, interactive=True, name="counting"):
        super().__init__(name, interactive)
        self.steps, self.lr, self.seen = 0, 0.1, []
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        if self.interactive:
            self.panel = Panel(self, {}, {})
            turn = self.panel.turn("lr")
            self.panel.knobs["lr"] = Number("learning rate", self.lr, turn, -4, 2, log=True)
        self.opened()

    def step_once(self):
        self.entered.set()
        assert self.gate.wait(60)
        self.steps += 1
        return self.steps != self.end

    def apply(self, knob, value):
        if not 0 < value < 100:
            self.message = "Not changed: out of range"
            return
        self.lr = value

    def go_to(self, step):
        if step == "nowhere":
            raise CourseError("there is no such step <b>")
        self.seen.append(step)
        self.steps = int(step)

    def plan(self, knob, points):
        self.seen.append((knob, points))

    def guess(self, points):
        self.seen.append(points)

    def describe(self):
        return picture(step=self.steps)

    def speak(self):
        return f"Step {self.steps}."

    def drawn(self):
        return "A number."

    def heads(self):
        return [("step", str(self.steps))]

    def knob_values(self):
        return {"lr": self.lr, "unknown": 3}

    def headless(self):
        self.run(3)


@pytest.fixture
def hung(monkeypatch):
    """A lab that plays and whose step hangs; callers wait briefly."""
    lab = Counting()
    lab.run(2)
    lab.entered.clear()
    lab.gate.clear()
    lab.play()
    assert lab.entered.wait(60)
    monkeypatch.setattr(runner, "PATIENCE", 0.12)
    yield lab
    lab.runner.ask_to_stop()
    lab.gate.set()
    lab.runner.thread.join(60)


def frame(lab) -> dict:
    return decode(lab.panel.face.frame)


def answer(lab, seq=0) -> None:
    """Say what a browser says that looks; None: it looks away."""
    lab.panel.face._hear({"kind": "see", "view": "a", "seq": seq})


def clocked(monkeypatch, module):
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(module, "time", clock)
    return clock


# ---- driving --------------------------------------------------------------------------------


def test_a_pause_shows_the_step_where_it_stopped_however_far_the_browser_is_behind():
    lab = Counting()
    answer(lab, None)
    lab.set_speed(0.01)
    lab.play()
    wait(lambda: lab.steps == 1 and lab.runner.stuck == 0)
    lab.pause()
    assert frame(lab)["step"] == 1 and "<dd>1</dd>" in lab.panel.numbers.value
    assert "Step 1." in lab.panel.sentence.value and lab.panel.play.icon == "play"


def test_a_pause_while_a_step_hangs_says_so_and_the_button_says_play(hung):
    assert hung.panel.play.icon == "pause" and hung.playing
    hung.pause()
    assert hung.panel.play.icon == "play" and not hung.playing
    assert "Step 2. the step in progress has not ended" in hung.panel.sentence.value


def test_while_a_step_hangs_the_last_picture_and_words_are_given(hung):
    seq = hung.panel.face.seq
    hung.refresh()
    assert hung.panel.face.seq == seq and "has not ended" in hung.panel.sentence.value
    assert hung.picture()["step"] == 2
    assert hung.summary().startswith("Step 2. the step in progress has not ended")
    hung._picture = None
    with pytest.raises(Busy):
        hung.picture()


def test_play_again_forgets_what_was_said_and_pause_is_offered():
    lab = Counting()
    lab.say("Something went wrong.")
    assert "Step 0. Something went wrong." in lab.panel.sentence.value
    lab.set_speed(0.01)
    lab.play()
    assert lab.message == "" and lab.panel.play.icon == "pause"
    assert lab.panel.play.description == lab.panel.play.tooltip == "Pause"
    lab.toggle()
    assert not lab.playing and lab.panel.play.icon == "play"
    assert lab.panel.play.description == lab.panel.play.tooltip == "Play"
    lab.toggle()
    assert lab.playing
    lab.pause()
    steps = lab.steps
    lab.play()
    lab.step()
    assert not lab.playing and lab.steps > steps
    steps = lab.steps
    lab.step()
    assert lab.steps == steps + 1


def test_speeds_are_told_as_they_were_set():
    lab = Counting(interactive=False)
    assert lab.speed == 0
    lab.set_speed(30)
    assert lab.speed == 30 == lab.runner.speed
    lab.set_speed(0)
    assert lab.speed == 0 and lab.runner.speed is None
    for bad in (-1, float("nan"), 1e7):
        with pytest.raises(CourseError, match="speed"):
            lab.set_speed(bad)


def test_a_run_is_so_many_steps_each_after_what_was_to_come_before():
    lab, before = Counting(), []
    assert lab.run(3, before=lambda: before.append(lab.steps)) is lab
    assert before == [0, 1, 2] and frame(lab)["step"] == 3 and lab.run(0).steps == 3
    lab.end = 5
    assert lab.run(10).steps == 5, "the last for now"
    for bad in (-1, 1.5, 10**9 + 1):
        with pytest.raises(CourseError, match="steps"):
            lab.run(bad)


def test_a_lab_that_runs_out_of_memory_says_what_to_do():
    lab = Counting()
    lab.panel.put_playing(True)
    lab.failed(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"))
    assert "choose a smaller batch" in lab.message and "Tried" not in lab.message
    assert lab.panel.play.icon == "play"
    lab.failed(ValueError("no"))
    assert lab.message == "The run stopped: ValueError: no"


def test_a_base_lab_says_what_its_subclass_left_out():
    lab = Lab("bare", False)
    asked = (lab.step_once, lambda: lab.apply("lr", 1), lab.describe, lab.speak)
    for ask in asked:
        with pytest.raises(TypeError, match="Lab "):
            ask()
    assert lab.drawn() == "" and lab.heads() == []


# ---- frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize("calm, frames", [(False, 15), (True, 2)])
def test_so_many_frames_a_second_and_fewer_for_who_prefers_calm(monkeypatch, calm, frames):
    monkeypatch.setattr(Counting, "playing", True)
    lab, clock = Counting(), clocked(monkeypatch, labs)
    lab.panel.face._hear({"kind": "calm", "on": calm})
    monkeypatch.setattr(lab.panel, "ready", lambda: True)
    seq = lab.panel.face.seq
    for _ in range(1000):
        clock.now += 0.01
        lab.between()
    assert abs(lab.panel.face.seq - seq - 10 * frames) <= 1
    clock.now += 60
    seq = lab.panel.face.seq
    for _ in range(10):
        lab.between()
    assert lab.panel.face.seq <= seq + 2, "what a hold-up left out is not sent at once"


def test_pictures_take_a_third_of_the_time_at_most(monkeypatch):
    monkeypatch.setattr(Counting, "playing", True)
    lab, clock = Counting(), clocked(monkeypatch, labs)
    monkeypatch.setattr(lab.panel, "ready", lambda: True)

    def slow():
        clock.now += 0.5
        return picture(step=lab.steps)

    monkeypatch.setattr(lab, "describe", slow)
    begin, drawing = clock.now, 0.0
    while clock.now < begin + 60:
        before = clock.now
        lab.between()
        drawing += clock.now - before
        clock.now += 0.01
    assert 0.25 < drawing / (clock.now - begin) < 0.36


def test_a_browser_that_is_not_ready_gets_no_frame_while_it_plays(monkeypatch):
    monkeypatch.setattr(Counting, "playing", True)
    lab = Counting()
    monkeypatch.setattr(lab.panel, "ready", lambda: False)
    seq = lab.panel.face.seq
    lab.between()
    assert lab.panel.face.seq == seq
    monkeypatch.setattr(Counting, "playing", False)
    lab.between()
    assert lab.panel.face.seq == seq + 1, "the last of this stretch"


def test_while_it_plays_numbers_are_read_seldom_and_words_more_seldom(monkeypatch):
    monkeypatch.setattr(Counting, "playing", True)
    lab, clock = Counting(), clocked(monkeypatch, panels)
    answer(lab)
    numbers, sentences = [], []
    for _ in range(200):  # 0.1 s apart
        clock.now += 0.1
        lab.steps += 1
        lab.show()
        assert frame(lab)["step"] == lab.steps, "each frame is of now"
        numbers.append(lab.panel.numbers.value)
        sentences.append(lab.panel.sentence.value)
    assert 60 <= len(set(numbers)) <= 80 and 7 <= len(set(sentences)) <= 10
    monkeypatch.setattr(Counting, "playing", False)
    lab.steps += 1
    lab.show()
    assert f"<dd>{lab.steps}</dd>" in lab.panel.numbers.value
    assert f"Step {lab.steps}." in lab.panel.sentence.value


def test_a_picture_is_kept_while_it_is_fresh_and_the_lab_plays(monkeypatch):
    lab, clock = Counting(interactive=False), clocked(monkeypatch, labs)
    lab.set_speed(0.01)
    lab.play()
    wait(lambda: lab.steps == 1)
    first = lab.picture()
    assert lab.picture() is first
    clock.now += 0.2
    assert lab.picture() is not first
    lab.pause()
    assert lab.picture() is not lab.picture()


# ---- in a notebook --------------------------------------------------------------------------


def test_without_a_reader_it_goes_as_far_as_one_should_see():
    lab = Counting(interactive=False)
    bundle, metadata = lab._repr_mimebundle_()
    assert lab.steps == 3 and bundle["text/plain"] == "Counting. A number. Step 3."
    assert metadata["image/png"]["alt"] == "A number. Step 3."
    assert bundle["image/png"].startswith(b"\x89PNG") and len(bundle) == 2 and not SHOWN


def test_with_a_reader_it_is_kept_and_shown_as_widgets():
    lab = Counting()
    bundle, _ = lab._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == lab.panel.box.model_id and lab.steps == 0
    assert SHOWN["counting"] is lab is LABS["counting"]
    again = Counting()
    assert "counting" not in SHOWN and LABS["counting"] is again
    again._repr_mimebundle_()
    lab.close()
    assert SHOWN["counting"] is again, "an old lab takes no new one from the page"


def test_a_lab_that_is_replaced_stops():
    lab = Counting()
    lab.play()
    Counting()
    assert not lab.playing and not lab.runner.running


# ---- the panel ------------------------------------------------------------------------------


def test_what_a_hand_does_in_the_picture_reaches_the_lab():
    lab = Counting()
    act = lab.panel.act
    act("go_to", {"step": 7})
    act("plan", {"knob": "lr", "points": [[9, 0.1]]})
    act("guess", {"points": [[9, 0.5]]})
    act("turn", {"knob": "lr", "value": 0.3})
    assert lab.seen == [7, ("lr", [[9, 0.1]]), [[9, 0.5]]] and lab.lr == 0.3
    seq = lab.panel.face.seq
    act("see", {"seq": None})
    act("edit", {"name": "w"})
    assert lab.panel.face.seq == seq
    act("see", {"seq": 0})
    assert lab.panel.face.seq == seq + 1 and frame(lab)["step"] == 7
    lab.set_speed(0.01)
    act("play", {"on": True})
    assert lab.playing
    act("play", {})
    assert not lab.playing


def test_a_complaint_is_shown_and_the_knobs_go_back():
    lab = Counting()
    lab.panel.knobs["lr"].show(5.0)
    lab.panel.act("go_to", {"step": "nowhere"})
    said = lab.panel.sentence.value
    assert html.escape("Step 0. Not changed: there is no such step <b>") in said
    assert lab.panel.knobs["lr"].number.value == 0.1
    lab.panel.act("go_to", {"step": "three"})  # a fault of a learner's module
    assert "The run stopped: ValueError" in lab.panel.sentence.value


def test_a_call_that_comes_while_a_step_hangs_is_answered_in_words(hung):
    hung.panel.call(lambda lab: lab.run(1))()
    assert "has not ended" in hung.panel.sentence.value and hung.panel.play.icon == "play"


def test_a_knob_that_is_still_to_be_turned_stays_where_the_hand_put_it():
    lab = Counting()
    lab.panel.knobs["lr"].show(5.0)
    lab.runner._requests.knobs.put(("lr", 5.0))
    lab.panel.show_knobs()
    assert lab.panel.knobs["lr"].number.value == 5.0
    lab.runner.ask(lab.panel.show_knobs)  # turns it first
    assert lab.lr == 5.0 == lab.panel.knobs["lr"].number.value
    lab.lr = 0.2
    lab.set_speed(77)
    lab.panel.show_knobs()
    assert lab.panel.knobs["lr"].number.value == 0.2 and lab.panel.speed.list.value == 77
    assert lab.panel.speed.list.label == "77 steps/s"


def test_stills_are_shown_some_seconds_after_nobody_answered(monkeypatch):
    lab, clock = Counting(), clocked(monkeypatch, panels)
    shown = lab.panel
    clock.now += 100
    assert not shown.falling_back(), "nothing was asked for yet"
    shown.put_playing(True)
    clock.now += panels.FALLBACK - 0.1
    shown.put_playing(False)  # asks no second time
    assert not shown.falling_back()
    clock.now += 0.2
    assert shown.falling_back() and shown.ready()
    monkeypatch.setattr(shown.face, "ready", lambda: False)
    assert shown.ready(), "a still is always seen"
    seq = shown.face.seq
    lab.refresh()
    assert bytes(shown.still.value).startswith(b"\x89PNG") and shown.face.seq == seq
    assert shown.face.layout.display == "none" and shown.still.layout.display is None
    answer(lab)
    assert shown.face.seq > seq and not shown.falling_back()
    assert shown.face.layout.display is None and shown.still.layout.display == "none"


def test_the_transport_names_its_keys_and_its_speeds():
    transport = Counting().panel.box.children[0].children[0]
    play, speed = transport.children
    assert (play.description, play.icon, play.tooltip) == ("Play", "play", "Play")
    assert "face-keys" in transport._dom_classes and "face-speed" in speed._dom_classes
    *paces, (words, fastest) = panels.SPEEDS
    assert all(name.split()[0] == f"{steps:,}" for name, steps in paces) and fastest == 0
    assert words == "as fast as it goes" and dict(speed.options) == dict(panels.SPEEDS)


def test_a_copied_text_is_told_and_nothing_too():
    lab = Counting()
    lab.panel.copy("lr = 0.1")
    assert lab.panel.face.copied == "lr = 0.1" and "Copied." in lab.panel.sentence.value
    lab.panel.copy("")
    assert lab.panel.face.copied == "" and "nothing to copy" in lab.panel.sentence.value


def test_words_and_numbers_are_shown_as_they_are():
    assert spoken("a < b") == "<div role='status' aria-live='polite'>a &lt; b</div>"
    assert headline([("loss", "<1"), ("step & so", "2")]) == (
        "<dl><div><dt>loss</dt><dd>&lt;1</dd></div><div><dt>step &amp; so</dt><dd>2</dd></div></dl>"
    )
