"""The widgets of the training lab: transport, knobs, tabs, and stills without a browser."""

import io
import json
from threading import Thread
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from training_labs import answer, check_picture, live, same, small, until_end, wait

from course import (
    MLP,
    Descend,
    GaussNewton,
    Linear,
    Network,
    Newton,
    NewtonCG,
    Tanh,
    Trainer,
    chain,
    load_data,
)
from course.data.synthetic import LOADERS
from course.training.presets import PRESETS
from course.training.replay import run_recipe
from widgets.common import panel
from widgets.common.face import WINDOW
from widgets.common.frames import decode
from widgets.common.requests import Busy
from widgets.training.instruments import DEFAULT, INSTRUMENTS
from widgets.training.tabs import card


def all_below(box):
    for child in getattr(box, "children", ()):
        yield child
        yield from all_below(child)


def pressed(lab, name):
    """Press the button of this name."""
    for widget in all_below(lab.panel.box):
        if hasattr(widget, "on_click") and name in (widget.description, widget.tooltip):
            widget.click()
            return
    raise AssertionError(f"no button {name!r}")


def tab(lab, title):
    (found,) = [t for t in lab.panel.titles if t.description == title]
    return found


# ---- transport, numbers, sentence -----------------------------------------------------------


def test_the_transport_plays_steps_goes_back_and_resets():
    lab = live(speed=0, steps=30)
    pressed(lab, "Play")
    until_end(lab)
    assert lab.trainer.step_count == 30
    lab.set("lr", 0.3)
    pressed(lab, "One step")
    assert lab.trainer.step_count == 31
    pressed(lab, "Back to the last turn")
    assert lab.trainer.step_count == 30 and lab.trainer.knobs()["lr"] == 0.1
    lab.set("lr", 0.2)
    pressed(lab, "Reset to the first step")
    assert lab.trainer.step_count == 0 and lab.trainer.knobs()["lr"] == 0.2
    lab.set_speed(1)
    pressed(lab, "Play")
    wait(lambda: lab.panel.play.icon == "pause")
    lab.panel.play.click()
    assert not lab.playing and lab.panel.play.icon == "play"


def test_every_button_has_words_and_the_name_of_an_icon_or_none():
    lab = live()
    found = [w for w in all_below(lab.panel.box) if hasattr(w, "on_click")]
    icons = {w.description: w.icon for w in found}
    expected = {"One step": "step-forward", "Back to the last turn": "step-backward",
                "Reset to the first step": "refresh", "Start again with this network": "refresh",
                "Recipe": "file-text", "Code": "code", "Copy": "copy", "Duel": "trophy",
                "Stop": "stop", "moons": "", "over-fit": "",
                "first run, to step 0": ""}  # fmt: skip
    assert {words: icons[words] for words in expected} == expected
    assert all(w.description and w.tooltip for w in found)
    assert lab.panel.home.text.tooltip == "recipe or code, to copy"


def test_the_play_button_does_what_it_said_when_it_was_pressed():
    lab = live(speed=1, steps=30)
    lab.panel.act("play", {"on": False})  # said Pause, and the run has ended meanwhile
    assert not lab.playing
    for _ in range(2):
        lab.panel.act("play", {"on": True})
        assert lab.playing and lab.panel.play.icon == "pause"
    lab.panel.act("play", {"on": False})
    assert not lab.playing and lab.panel.play.icon == "play"


@pytest.mark.parametrize("data", ["digits", "moons", "sine"])
def test_numbers_and_sentence_follow_the_run(data):
    lab = live(data).run(40)
    t = lab.trainer
    loss, right = t.evaluate("test")
    numbers = lab.panel.numbers.value
    heads = dict(lab.heads())
    assert heads["step"] == "40" and heads["batch loss"] == f"{t.history.loss[-1]:.3f}"
    assert heads["test loss"] == f"{loss:.3f}" and heads["clipped, last 100"] == "0%"
    assert heads.get("test accuracy") == (None if data == "sine" else f"{right:.1%}")
    for name, value in heads.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in numbers
    sentence = lab.panel.sentence.value
    assert "role='status'" in sentence and lab.summary() in sentence
    assert sentence.count("Step 40.") == 1 and lab.picture()["words"] == lab.summary()
    lab.set("threshold", 1e-3)
    lab.run(25)
    assert dict(lab.heads())["clipped, last 100"] == "38%", "25 of 65 steps"
    assert "clipping by norm at 0.001, before momentum" in lab.summary()


def test_the_edge_of_stability_is_told_as_a_share():
    lab = live("spirals", optimiser="heavy ball").run(20)
    edge = lab.evaluations[-1].edge
    assert f"Learning rate 0.1, {0.1 / edge:.0%} of the edge of stability" in lab.summary()
    lab.set("lr", 1e-9)  # as on a flat spot: a share that would be shown as 0%
    assert "edge" not in lab.summary()
    lab.set("optimiser", "adam")
    assert "edge" not in lab.summary() and np.isnan(lab.evaluations[-1].edge)


# ---- knobs ----------------------------------------------------------------------------------


def test_the_widgets_turn_the_knobs():
    lab = live("digits")
    knobs = lab.panel.knobs
    knobs["lr"].number.value = 0.25
    knobs["momentum"].slider.value = 0.5
    knobs["clip"].row.value = "value"
    knobs["threshold"].number.value = 2.0
    knobs["batch_size"].list.value = 64
    knobs["clip_order"].row.value = "after"
    knobs["optimiser"].list.value = "nesterov"
    knobs["l1"].number.value = 1e-4
    knobs["l2"].slider.value = 1e-3
    knobs["dropout"].slider.value = 0.2
    knobs["label_noise"].number.value = 0.1
    knobs["augment"].list.value = "shift"
    expected = {
        "lr": 0.25, "momentum": 0.5, "clip": "value", "threshold": 2.0, "batch_size": 64,
        "clip_order": "after", "optimiser": "nesterov", "l1": 1e-4, "l2": 1e-3, "dropout": 0.2,
        "label_noise": 0.1, "augment": "shift",
    }  # fmt: skip
    now = lab.trainer.knobs()
    assert {k: now[k] for k in expected} == expected
    assert knobs["lr"].slider.value == pytest.approx(0.25, rel=0.06)
    knobs["l2"].slider.value = 1e-7  # the far left switches off
    assert lab.trainer.knobs()["l2"] == 0 == knobs["l2"].number.value
    assert [turn[1] for turn in lab.trainer.history.knobs] == [*expected, "l2"]
    lab.run(5)
    assert same(run_recipe(lab.recipe()), lab.trainer)


def test_a_slider_goes_as_far_as_the_lane_of_its_knob():
    lab = live()
    lanes = [plot["lane"] for plot in lab.picture()["strips"]]
    for lane in lanes[1:]:
        slider = lab.panel.knobs[lane["knob"]].slider
        ends = (slider.min, slider.max)
        ends = ends if lane["knob"] == "momentum" else tuple(10.0**end for end in ends)
        assert ends == pytest.approx((lane["low"], lane["high"])), lane["knob"]


def test_the_far_ends_of_the_sliders_are_values_that_the_knobs_take():
    model = MLP([2, 3, 2], dropout=0.0)
    lab = live(Trainer(model, load_data("moons"), chain(Newton(0.01), Descend(1.0))))
    ends = {"l1": (0, 1), "l2": (0, 1), "dropout": (0, 0.9), "label_noise": (0, 1),
            "Newton.damping": (0, 100)}  # fmt: skip
    for name, far in ends.items():
        slider = lab.panel.knobs[name].slider
        for place, value in zip((slider.max, slider.min), reversed(far), strict=True):
            slider.value = 10.0**place if lab.panel.knobs[name].log else place
            assert lab.trainer.knobs()[name] == pytest.approx(value), name


def test_the_far_left_of_a_slider_that_switches_off_is_tiny():
    trainer = Trainer(MLP([2, 3, 2]), load_data("moons"), chain(Newton(0.01), Descend(1.0)))
    knobs = live(trainer).panel.knobs
    assert [knobs[name].slider.min for name in ("l1", "l2", "Newton.damping")] == [-7, -7, -6]


def test_batches_are_powers_of_two_up_to_all_rows():
    assert [n for _, n in live(batch_size=7).panel.knobs["batch_size"].list.options] == [
        1, 4, 7, 8, 16, 32, 64, 128, 256, 512, 800
    ]  # fmt: skip


@pytest.mark.parametrize("rule", [Newton, NewtonCG, GaussNewton])
def test_the_damping_of_a_second_order_step_has_a_knob(rule):
    trainer = Trainer(MLP([2, 3, 2]), load_data("moons"), chain(rule(0.01), Descend(1.0)))
    lab, name = live(trainer), f"{rule.__name__}.damping"
    assert lab.panel.more.knobs[name].number.value == 0.01
    lab.panel.more.knobs[name].number.value = 0.5
    wait(lambda: lab.trainer.knobs()[name] == 0.5)
    lab.panel.more.knobs["optimiser"].list.value = "adam"
    wait(lambda: lab.trainer.knobs()["optimiser"] == "adam")
    lab.panel.more.knobs[name].number.value = 0.7
    wait(lambda: "damping" in lab.panel.sentence.value)
    assert name not in lab.trainer.knobs() and "Not changed" in lab.panel.sentence.value
    assert not any(n.endswith("damping") for n in live().panel.knobs)
    lab.close()


def test_the_knobs_follow_the_run():
    lab = live(speed=0, steps=60)
    knobs = lab.panel.knobs
    answer(lab, "turn", knob="lr", value=0.033)
    answer(lab, "turn", knob="clip", value="norm")
    answer(lab, "plan", knob="momentum", points=[[50, 0.5]])
    assert (knobs["lr"].number.value, knobs["clip"].row.value) == (0.033, "norm")
    lab.play()
    until_end(lab)
    assert knobs["momentum"].number.value == 0.5 == knobs["momentum"].slider.value
    lab.go_to(0)
    assert (knobs["lr"].number.value, knobs["clip"].row.value) == (0.1, "off")
    assert [turn[1] for turn in lab.timeline.current.knobs] == ["lr", "clip", "momentum"]
    lab.set("batch_size", 7)
    assert knobs["batch_size"].list.value == 7, "a size that the list had not"


def test_the_browser_rounding_a_slider_turns_nothing():
    lab = live(lr=0.123)
    slider = lab.panel.knobs["lr"].slider
    slider._trait_values["value"] = 0.0
    slider.value = 10 ** (round(np.log10(0.123) / 0.05) * 0.05)
    assert lab.trainer.history.knobs == []


# ---- frames ---------------------------------------------------------------------------------


def test_frames_carry_the_numbers_of_the_run():
    lab = live().run(50)
    picture = decode(lab.panel.face.frame)
    assert picture["step"] == 50 and picture["words"] == lab.summary()
    (batch,) = [la for la in picture["strips"][0]["layers"] if la["name"] == "batch"]
    seen = picture["arrays"][batch["y"]]
    assert np.allclose(seen, lab.trainer.history.loss, rtol=1e-4) and batch["x"] == [1.0, 1]
    weights = picture["arrays"][picture["side"][0]["weights"]]
    assert len(weights) == len(lab.trainer.model.theta)


def test_a_slow_browser_gets_fewer_frames_and_a_hidden_one_none():
    lab = small(interactive=True, speed=0, steps=10**6)
    face = lab.panel.face
    answer(lab, "see")
    answer(lab, "ack")
    start = face.seq
    lab.play()
    wait(lambda: lab.trainer.step_count > 300 and face.seq >= start + WINDOW)
    steps = lab.trainer.step_count
    wait(lambda: lab.trainer.step_count > steps + 300)
    assert face.seq == start + WINDOW, "no answer came"
    answer(lab, "ack")
    wait(lambda: face.seq > start + WINDOW)
    answer(lab, "see", seq=None)
    hidden, steps = face.seq, lab.trainer.step_count
    wait(lambda: lab.trainer.step_count > steps + 500)
    assert face.seq <= hidden + 1
    answer(lab, "see")
    wait(lambda: face.seq > hidden)


def test_stills_stand_in_until_a_browser_answers(monkeypatch):
    monkeypatch.setattr(panel, "FALLBACK", 0.0)
    lab = small(interactive=True, speed=0, steps=10**6)
    shown = lab.panel
    lab.play()
    wait(lambda: bytes(shown.still.value).startswith(b"\x89PNG"))
    assert shown.face.layout.display == "none" and shown.still.layout.display is None
    answer(lab, "see")
    wait(lambda: shown.face.layout.display is None)
    assert shown.still.layout.display == "none"
    lab.pause()
    assert decode(shown.face.frame)["step"] == lab.trainer.step_count


# ---- tabs -----------------------------------------------------------------------------------


def test_tabs_open_one_at_a_time_and_close():
    lab = live()
    titles = [t.description for t in lab.panel.titles]
    assert titles == ["Start again with …", "More knobs", "Instruments", "Branches",
                      "Take it home", "Duel"]  # fmt: skip

    def opened():
        return [name for name, box in lab.panel.tabs.items() if box.layout.display != "none"]

    assert opened() == []
    for title in titles:
        tab(lab, title).value = True
        assert opened() == [title] == [t.description for t in lab.panel.titles if t.value]
    tab(lab, "Duel").value = False
    assert opened() == []


def test_the_switches_of_the_instruments_switch_them():
    lab = live("digits").run(20)
    switches = lab.panel.instruments.switches
    assert [name for name, switch in switches.items() if switch.box.value] == list(DEFAULT)
    for name in INSTRUMENTS:
        switches[name].box.value = True
    assert set(lab.watching.instruments) == set(INSTRUMENTS)
    lab.run(20)
    picture = check_picture(lab)
    titles = {p["title"] for p in [*picture["strips"], *picture["side"], *picture["below"]]}
    assert {"accuracy", "sharpness λ", "update ÷ weight, by layer", "layers"} <= titles
    for name in INSTRUMENTS:
        switches[name].box.value = False
    picture = check_picture(lab)
    assert picture["strips"] == picture["side"] == picture["below"] == []
    lab.reset()
    assert lab.watching.instruments == {}, "what is off stays off"
    lab.watch("sharpness")
    assert [name for name, switch in switches.items() if switch.box.value] == ["sharpness"]


def test_a_switch_that_was_not_followed_goes_back(monkeypatch):
    lab = live("moons")
    monkeypatch.setattr(lab.runner, "ask", Mock(side_effect=Busy(2.0)))
    switch = lab.panel.instruments.switches["sharpness"].box
    switch.value = True
    assert "2 s" in lab.panel.sentence.value
    monkeypatch.undo()
    lab.run(1)
    assert not switch.value and "sharpness" not in lab.watching.instruments
    assert lab.still().startswith(b"\x89PNG")


def test_what_is_taken_home_is_the_run():
    lab = live(clip="norm").run(10)
    lab.set("lr", 0.3)
    lab.run(10)
    pressed(lab, "write the recipe below")
    text = lab.panel.home.text
    assert json.loads(text.value) == json.loads(lab.recipe().json())
    assert "The recipe is in the field below." in lab.panel.sentence.value
    assert same(run_recipe(text.value), lab.trainer)
    pressed(lab, "copy the text below")
    assert lab.panel.face.copied == text.value
    pressed(lab, "write the program below")
    assert text.value == lab.code() and "trainer.set(knob, value)" in text.value
    assert "The code is in the field below." in lab.panel.sentence.value


def test_starting_again_by_card_form_and_preset():
    lab = live(steps=40).run(5)
    lab.set("lr", 0.3)
    again = lab.panel.start_again
    pressed(lab, "start again on digits")
    assert lab.trainer.data.name == "digits" and lab.trainer.model.sizes == [64, 4, 10]
    assert lab.trainer.step_count == 0 and lab.trainer.knobs()["lr"] == 0.3
    check_picture(lab)
    again.hidden.value, again.activation.value, again.seed.value = "8, 5", "tanh", 4
    pressed(lab, "Start again with this network")
    model = lab.trainer.model
    assert (model.sizes, model.activation, model.init, model.seed) == (
        [64, 8, 5, 10], "tanh", "xavier", 4)  # fmt: skip
    assert again.init.value == "xavier"
    lab.run(3)
    pressed(lab, "Start again with this network")
    assert lab.trainer.step_count == 0, "the same network, too, starts again"
    again.hidden.value = "8, many"
    pressed(lab, "Start again with this network")
    assert "8, many" in lab.panel.sentence.value and lab.trainer.model.sizes == [64, 8, 5, 10]
    again.data.value = "steps"
    assert lab.trainer.data.name == "steps" and lab.trainer.model.sizes == [1, 8, 5, 1]
    pressed(lab, "over-fit")
    assert lab.trainer.knobs()["optimiser"] == "adam" and len(lab.trainer.data.y_train) == 100
    assert PRESETS["over-fit"].words.split(":")[0] in again.about.value
    assert (again.hidden.value, again.activation.value) == ("256", "relu")
    assert lab.panel.knobs["optimiser"].list.value == "adam"
    lab.run(5)
    assert same(run_recipe(lab.recipe()), lab.trainer)


def test_each_button_goes_to_its_branch_when_old_ones_have_gone():
    lab = live().run(20)
    for _ in range(5):
        lab.switch(0)
        lab.go_to(10)
        lab.set("lr", 0.3)  # the same again: the names are the same, too
        lab.run(5)
    buttons = lab.panel.branches.list.children
    assert len(buttons) == 4 == len(lab.timeline.branches)
    lab.refresh()
    assert lab.panel.branches.list.children == buttons, "they stay, and with them the focus"
    for button, branch in zip(buttons, lab.timeline.branches, strict=True):
        button.click()
        assert lab.timeline.current is branch and lab.trainer.step_count == branch.end


def test_branches_are_listed_by_where_they_parted():
    lab = live().run(60)
    for step, lr in ((40, 0.3), (20, 0.5)):
        lab.switch(0)
        lab.go_to(step)
        lab.set("lr", lr)
        lab.run(5)
    words = [b.description for b in lab.panel.branches.list.children]
    assert words == ["first run, to step 60", "α 0.5 at 20, to step 25", "α 0.3 at 40, to step 45"]


def test_a_button_of_a_branch_that_has_gone_does_nothing():
    lab = live().run(20)
    old = None
    for i in range(5):
        lab.switch(0)
        lab.go_to(10)
        lab.set("lr", 0.1 + 0.1 * (i + 1))
        lab.run(5)
        old = old or lab.panel.branches.list.children[1]
    here, words = lab.timeline.current, lab.panel.sentence.value
    old.click()
    assert lab.timeline.current is here and lab.panel.sentence.value == words


def test_the_card_of_these_data_is_marked_and_all_others_are_in_the_list():
    lab = live()
    again = lab.panel.start_again

    def chosen() -> list:
        return [n for n, card in again.cards.items() if "face-chosen" in card._dom_classes]

    assert chosen() == ["moons"]
    pressed(lab, "start again on xor")
    assert chosen() == ["xor"]
    names = [value for _, value in again.data.options]
    assert names[0] == "" == again.data.value and {"steps", "mnist", "fashion_mnist"} <= set(names)
    assert not set(names) & set(again.cards)
    assert set(names) | set(again.cards) == {"", "mnist", "fashion_mnist", *again.cards, *LOADERS}


@pytest.mark.parametrize("own", ["trainer", "network"])
def test_what_is_your_own_has_no_form_to_start_again(own):
    net = MLP([2, 3, 2]) if own == "trainer" else Network([Linear(3), Tanh(), Linear(2)], 2)
    lab = live(Trainer(net, load_data("moons"), chain(Descend(0.1))))
    if own == "network":
        lab = live(lab.run(2).recipe())
    (about,) = lab.panel.start_again.box.children
    assert "your own trainer or network" in about.value
    lab.reset()
    assert lab.trainer.step_count == 0


# ---- a hand while it plays ------------------------------------------------------------------


def test_a_move_while_the_lab_reads_its_knobs_is_not_taken_back(monkeypatch):
    lab = live(speed=0.01, lr=0.1).run(3)
    slider, read = lab.panel.knobs["lr"].slider, lab.knob_values
    places = [10**-0.9, 0.1]

    def moved_meanwhile():
        values = read()
        if places:
            hand = Thread(target=lambda: setattr(slider, "value", places.pop(0)))
            hand.start()
            hand.join()
        return values

    monkeypatch.setattr(lab, "knob_values", moved_meanwhile)
    lab.play()
    for place in tuple(places):
        lab.refresh()  # the thread that steps reads the knobs, and a hand moves one
        wait(lambda: lab.trainer.knobs()["lr"] == pytest.approx(place, rel=1e-3))  # noqa: B023
        assert slider.value == place
    lab.pause()
    assert lab.trainer.knobs()["lr"] == 0.1 and slider.value == 0.1


def test_the_planned_end_is_a_field():
    lab = live(speed=0, steps=30)
    end = lab.panel.knobs["end"].field
    assert end.value == "30"
    end.value = "1,200"
    assert lab.planned == 1200 and lab.picture()["horizon"] == 1200
    for bad in ("soon", "-3", "0", "1e99", ""):
        end.value = bad
        assert lab.planned == 1200 and end.value == "1,200" and "planned end" in lab.message, bad
    end.value = "40"
    lab.play()
    until_end(lab)
    assert lab.trainer.step_count == 40
    end.value = "1 500"
    assert lab.planned == 1500


# ---- the cards of the data ------------------------------------------------------------------


def picture_of(name) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(card(name))).convert("RGBA")).astype(float)


@pytest.mark.parametrize("name", ["moons", "xor", "sine"])
def test_a_card_has_dots_where_the_data_are_in_the_colour_of_their_class(name):
    image, data = picture_of(name), load_data(name, 0)
    x, y = data.x_train[:150].double().numpy(), data.y_train[:150].double().numpy()
    places = np.column_stack([x, y]) if data.is_regression else x
    labels = np.ones(150, int) if data.is_regression else y.astype(int)
    share = (places - places.min(0)) / (places.max(0) - places.min(0))
    spots = np.rint(6 + share * [52, -52] + [0, 52]).astype(int)  # a margin of 6 of 64 pixels
    colours = np.array([[0xE6, 0x9F, 0x00], [0x00, 0x72, 0xB2]])
    assert image.shape == (64, 64, 4)
    seen = image[spots[:, 1], spots[:, 0]]
    right = (abs(seen[:, :3] - colours[labels]).max(1) < 60) & (seen[:, 3] > 128)
    assert right.mean() > 0.9, "but where dots of two classes overlap"
    assert (image[..., 3] == 0).mean() > 0.3 and image[:3, :, 3].max() < 50


def test_a_card_of_images_has_four_dark_on_white():
    image, x = picture_of("digits"), load_data("digits", 0).x_train[:4].numpy()
    assert image.shape == (64, 64, 4) and max(image[0, :, 3].max(), image[:, 0, 3].max()) < 50
    for i, digit in enumerate(x.reshape(4, 8, 8)):
        top, left = 32 * (i // 2), 32 * (i % 2)
        tile = image[top + 1 : top + 31, left + 1 : left + 31, 0]
        middles = np.rint((np.arange(8) + 0.5) * 30 / 8 - 0.5).astype(int)
        seen = tile[np.ix_(middles, middles)] / 255
        assert abs(seen - (1 - digit / x.max())).mean() < 0.1
