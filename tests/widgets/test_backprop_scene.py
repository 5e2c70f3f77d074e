"""What a BackpropLab draws is what its trace says: fields, marks, legend, stills, and its knobs."""

import math

import numpy as np
import pytest
from backprop_labs import fewer, labs, python
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from still_pictures import assert_words_are_apart_and_inside, drawn, words_of

from course.lessons.formulas import show
from widgets.backprop.lab import BackpropLab
from widgets.backprop.scene import short
from widgets.common.picture import faults
from widgets.common.stills import figure_of
from widgets.common.stills.sheet import HUES


def panel(lab):
    return lab.picture()["side"][0]


def marked(lab, mark):
    return {name for name, number in panel(lab)["numbers"].items() if number[mark]}


@fewer
@given(labs(), st.sampled_from(["sample", "batch"]), st.sampled_from([None, "twice", "printed"]))
def test_what_is_drawn_is_the_traces_number(lab, view, reading):
    lab.all()
    lab.show_wrong(reading)
    if view == "batch":
        lab.look("batch")
    shown = panel(lab)
    cells = [name for card in shown["cards"] for name, *_ in card["cells"]]
    assert sorted(cells) == sorted(shown["numbers"]), "each number once"
    assert set(cells) >= set(lab.numbers())
    for name, number in shown["numbers"].items():
        value = lab.graph.values[name]
        text = number["text"].removeprefix("≠ ")
        assert math.isclose(python(text), value, rel_tol=0.51, abs_tol=1e-300)
        assert number["level"] * value >= 0 and abs(number["level"]) <= 1
        assert " = ".join(number["formula"]) == lab.formula(name)
        if name.startswith("doc"):
            right = lab.graph.values[f"d{name[3:]}"]
            is_right = math.isclose(value, right, rel_tol=1e-9, abs_tol=1e-12)
            assert number["text"].startswith("≠") != is_right
    assert faults(lab.picture()) == []


def test_levels_share_a_scale_within_their_kind():
    lab = BackpropLab((1, 2), loss="mse", x=[2], target=[0, 0], interactive=False)
    for name, value in {"w1[1,1]": 1, "w1[2,1]": -0.5, "b1[1]": 0.25, "b1[2]": 0}.items():
        lab.set(name, value)
    numbers = panel(lab)["numbers"]
    levels = {name: numbers[name]["level"] for name in ("w1[1,1]", "w1[2,1]", "b1[1]", "b1[2]")}
    assert levels == {"w1[1,1]": 1, "w1[2,1]": -0.5, "b1[1]": 0.25, "b1[2]": 0}
    assert numbers["z1[1]"] | {"formula": 0, "uses": 0, "words": 0} == {
        "text": "·", "level": 0, "edit": False, "active": False, "changed": False,
        "formula": 0, "uses": 0, "words": 0,
    }, "nothing of what is not computed yet"  # fmt: skip


@pytest.mark.parametrize("view", [1, "batch"])
def test_an_update_marks_weights_and_biases_and_all_that_followed(view):
    lab = BackpropLab((2, 3, 2), interactive=False)
    lab.look(view)
    lab.all()
    assert marked(lab, "changed") == set()
    before = lab.numbers()
    lab.update()
    parameters = {name for name in before if name[0] in "wb"}
    assert {name[0] for name in parameters} == {"w", "b"}
    assert marked(lab, "active") == parameters
    moved = {name for name, value in lab.numbers().items() if value != before[name]}
    assert marked(lab, "changed") == moved > parameters
    assert set(panel(lab)["running"]) == {name for name in parameters if name[0] == "w"}
    lab.edit("lr", 0.1)
    assert marked(lab, "changed") == set(), "only the last change is marked"


def test_an_edit_marks_what_it_moved_and_no_more():
    lab = BackpropLab((2, 3, 2), interactive=False)
    lab.all()
    lab.edit("w", 2, 1, 1, 0.9)
    changed = marked(lab, "changed")
    assert {"w2[1,1]", "z2[1]", "loss", "dw2[1,2]", "dw1[1,1]"} <= changed
    assert not changed & {"z1[1]", "a1[1]", "z2[2]", "x[1]", "w2[1,2]"}
    lab.edit("target", 2)
    assert {"y[1]", "y[2]", "loss"} <= marked(lab, "changed")


def test_the_errors_stand_there_once_there_is_a_gradient():
    lab = BackpropLab((2, 3, 2), interactive=False)
    lab.show_wrong("twice")
    assert panel(lab)["errors"] == [] and "Relative error" not in lab.summary()
    rows = []
    while lab.position < len(lab.graph.operations):
        lab.step()
        rows.append([row[0] for row in panel(lab)["errors"][1:]])
    assert rows == [[]] * 6 + [["layer 2"]] * 3 + [["layer 1", "layer 2"]]
    errors = lab.show_wrong("twice")
    for (_, right, wrong), pair in zip(panel(lab)["errors"][1:], errors, strict=True):
        assert [float(right), float(wrong)] == pytest.approx(pair, rel=0.05, abs=1e-14)
    lab.show_wrong(None)
    assert panel(lab)["errors"] == [] and "docw1[1,1]" not in panel(lab)["numbers"]


@pytest.mark.parametrize(
    ("loss", "document", "view"),
    [("cross_entropy", None, 1), ("mse", "printed", 1), ("bce", "twice", "batch")],
)
def test_nothing_overlaps_on_a_card_and_the_words_of_a_still_are_apart(loss, document, view):
    lab = BackpropLab((5, 4, 3), loss=loss, interactive=False)
    lab.look(view)
    lab.show_wrong(document)
    lab.all()
    for card in panel(lab)["cards"]:
        boxes = [(x, y, x + width, y + 20) for _, x, y, width, _ in card["cells"]]
        for k, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0 and top >= 0 and right <= card["width"] and bottom <= card["height"]
            for a, b, c, d in boxes[:k]:
                assert right <= a or c <= left or bottom <= b or d <= top
    assert_words_are_apart_and_inside(figure_of(lab.picture()))


@pytest.mark.parametrize("sizes", [(2, 3, 2), (1, 2), (5, 5, 5, 5)])
def test_the_still_draws_the_numbers_the_weights_and_the_marks(sizes):
    lab = BackpropLab(sizes, interactive=False)
    lab.show_wrong("printed" if len(sizes) == 4 else None)
    lab.all()
    lab.update()
    figure, shown = figure_of(lab.picture()), panel(lab)
    for name, number in shown["numbers"].items():
        assert words_of(figure, f"number {name}") == [number["text"]]
    order = [name for card in shown["cards"] for name, *_ in card["cells"]]
    for patch, name in zip(drawn(figure, "level"), order, strict=True):
        level = shown["numbers"][name]["level"]
        hue = "pos" if level > 0 else "neg" if level < 0 else "rule"
        colour = to_rgba(HUES[hue], 0.3 * abs(level))
        assert patch.get_facecolor() == pytest.approx(colour), name
        (number,) = figure.findobj(lambda artist, name=name: artist.get_gid() == f"number {name}")
        (_, y), field = number.get_position(), patch.get_bbox()
        wide = number.get_window_extent()
        assert field.x0 <= wide.x0 and wide.x1 < field.x1 - 1, "whole, and not at its edge"
        assert sorted([field.y0, y, field.y1])[1] == y, name
    titles = [card["title"] for card in shown["cards"] if card["title"]]
    assert [words for words in words_of(figure, "title") if words in titles] == titles
    cells = figure.findobj(lambda artist: artist.get_gid() == "error")
    columns = np.array([cell.get_position()[0] for cell in cells]).reshape(-1, 3)
    assert (np.diff(columns, axis=1) > 60).all() and (columns == columns[:1]).all()
    assert len(drawn(figure, "active")) == len(marked(lab, "active"))
    assert len(drawn(figure, "changed")) == len(marked(lab, "changed"))
    assert words_of(figure, "legend") == [
        words for sign, words in shown["legend"] if sign != "edit"
    ]
    assert words_of(figure, "step")[:2] == ["Update", "θ ← θ − α ∂L/∂θ, α = 0.5"]
    weights = drawn(figure, "weight")
    if sizes == (5, 5, 5, 5):
        assert weights == [], "too wide for columns: the cards stand in rows"
        return
    levels = [shown["numbers"][e["name"]]["level"] for e in shown["edges"] if e["name"]]
    assert [w.get_linewidth() for w in weights[: len(levels)]] == pytest.approx(
        [1 + 3 * abs(level) for level in levels]
    )
    dashed = [w.get_linestyle() not in ("-", "solid") for w in weights[: len(levels)]]
    assert dashed == [level < 0 for level in levels]
    assert len(weights) == len(levels) + sizes[-1]


@pytest.mark.parametrize("sizes", [(2, 3, 2), (4, 5, 5, 3), (1, 2)])
def test_headless_it_shows_a_still_and_words(sizes):
    def bundle():
        lab = BackpropLab(sizes, interactive=False)
        lab.all()
        lab.show_wrong("twice")
        return lab, lab._repr_mimebundle_()

    (lab, (content, metadata)), (_, again) = bundle(), bundle()
    assert content == again[0], "the same lab gives the same bytes"
    assert content["image/png"].startswith(b"\x89PNG") and lab.summary() in content["text/plain"]
    assert metadata["image/png"]["alt"] == lab.summary()
    assert "Relative error of the document's gradient" in lab.summary()


# ---- knobs and fields ---------------------------------------------------------------------------


REFUSED = [
    ("w1[1,1]", "x"), ("z1[1]", "1"), ("w9[1,1]", "1"), ("__class__", "1"), ("w1[1,1]", "nan"),
    ("x[1]:2", "1"), ("view", "9"), ("reading", ""),
]  # fmt: skip


def test_what_the_browser_sends_is_checked_and_shown():
    lab = BackpropLab(interactive=True)
    controls = lab.panel
    controls.act("edit", {"name": "w1[1,1]", "value": " −0.25 "})
    assert lab.numbers()["w1[1,1]"] == -0.25
    assert panel(lab)["numbers"]["w1[1,1]"]["text"] == "−0.25"
    for name, value in REFUSED:
        controls.act("edit", {"name": name, "value": value})
        assert "Not changed" in controls.sentence.value
    controls.act("edit", {})
    assert lab.numbers()["w1[1,1]"] == -0.25 and lab.reading is None and lab.view == 1


def test_the_knobs_turn_the_lab_and_follow_it():
    lab = BackpropLab(interactive=True)
    knobs = lab.panel.knobs
    assert (knobs["lr"].slider.min, knobs["lr"].slider.max) == (-3, 2)  # a thousandth to a hundred
    assert knobs["view"].row.value == 1 and knobs["reading"].row.value == "hidden"
    knobs["lr"].number.value = 0.2
    assert lab.batch.lr == 0.2 and abs(knobs["lr"].slider.value - 0.2) < 0.02
    knobs["lr"].number.value = -2
    assert lab.batch.lr == knobs["lr"].number.value == 0.2
    knobs["reading"].row.value = "printed"
    assert lab.reading == "printed" and "docw1[1,1]" in panel(lab)["numbers"]
    lab.show_wrong(None)
    assert knobs["reading"].row.value == "hidden"
    knobs["view"].row.value = "batch"
    assert lab.view == "batch" and "x[1]:3" in panel(lab)["numbers"]
    lab.set("x[1]:2", 0.4)
    assert "x₁ of sample 2 is now 0.4." in lab.panel.sentence.value
    lab.set("w1[1,1]", 0.3)
    assert "w₁₁⁽¹⁾ is now 0.3." in lab.panel.sentence.value
    lab.look(2)
    assert knobs["view"].row.value == 2 and panel(lab)["note"] == "sample 2 of 3"
    knobs["change"].field.value = "w1[1,2] = −0.75"
    assert lab.numbers()["w1[1,2]"] == -0.75
    for words in ("w1[1,2]", "nonsense = 3", "w1[1,2] = much"):
        knobs["change"].field.value = words
        assert "Not changed" in lab.panel.sentence.value and lab.numbers()["w1[1,2]"] == -0.75


def test_one_sample_has_no_choice_of_samples():
    assert "view" not in BackpropLab(x=[1, 2], interactive=True).panel.knobs


def test_buttons_walk_and_complain_in_words():
    lab = BackpropLab(interactive=True)
    forward, backward, everything, update, reset = (
        lab.panel.box.children[0].children[0].children[1:6]
    )
    backward.click()
    assert "starts at the loss" in lab.panel.sentence.value and lab.position == 0
    forward.click()
    assert lab.position == 1 and "z₁⁽¹⁾" in panel(lab)["step"]["lines"][0]
    update.click()
    assert "needs every gradient" in lab.panel.sentence.value
    everything.click()
    update.click()
    assert panel(lab)["step"]["title"] == "Update" and "before" in lab.panel.sentence.value
    reset.click()
    assert lab.position == 0 and panel(lab)["step"]["title"] == "Nothing is computed yet"


def test_play_walks_to_the_end_and_begins_again():
    lab = BackpropLab(interactive=True)
    lab.set_speed(0)
    for _ in range(2):
        lab.play()
        lab.runner.thread.join(20)
        assert lab.position == len(lab.graph.operations) and not lab.playing
    lab.close()


def test_play_after_an_update_begins_anew(monkeypatch):
    lab = BackpropLab(interactive=True)
    lab.all()
    lab.update()
    monkeypatch.setattr(lab.runner, "start", lambda: None)
    lab.play()
    assert panel(lab)["step"]["title"] == "Nothing is computed yet"
    assert not marked(lab, "active") and not marked(lab, "changed")


def test_without_any_answer_from_the_browser_the_lab_shows_stills(monkeypatch):
    monkeypatch.setattr("widgets.common.panel.FALLBACK", -1.0)
    lab = BackpropLab(interactive=True)
    lab.panel.act("see", {"seq": 0})
    lab.forward()
    assert bytes(lab.panel.still.value).startswith(b"\x89PNG")
    assert "Step 1 of 10" in lab.panel.sentence.value


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(-1e9, 1e9), st.booleans())
def test_short_numbers_are_near_and_short(value, typed):
    text = short(value, typed)
    assert len(text) <= 7 and "e+" not in text
    assert math.isclose(python(text), value, rel_tol=0.51, abs_tol=1e-300) or value == 0
    assert math.isclose(python(show(value)), value, rel_tol=5.1e-4, abs_tol=1e-300)


def test_thousandths_keep_their_point():
    assert short(0.001) == "0.0010" and short(0.00099) == "1e−3" and short(100.0) == "100"


def test_numbers_near_one_keep_their_distance_from_it():
    assert show(0.9999877) == "0.9999877" and show(0.5) == "0.5" and show(1) == "1"
    assert show(0.93414) == "0.9341" and show(-1.5e-7) == "−1.5e−7" and show(-0.0) == "0"
