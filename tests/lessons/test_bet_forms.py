"""The forms of a bet: buttons, a field, and a curve whose picture is read here line by line."""

import math

import pytest
from bs4 import BeautifulSoup

from course import CourseError
from course.lessons import Choice, Curve, Marks, Number, predictions
from course.lessons.predictions import Predictions
from widgets import Bet
from widgets.lessons.answer_forms import ChoiceForm, CurveForm, NumberForm
from widgets.lessons.sketches import heights_to_read, sketch


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


def bet(live, answer, function):
    return Bet("Which way?", function, answer, "3_05", interactive=live)


def test_a_choice_is_made_once():
    form = ChoiceForm(Choice("up", "down"))
    assert form.buttons.options == ("up", "down") and form.buttons.value is None
    assert form.box.children == (form.buttons,) and "face-options" in form.box._dom_classes
    with pytest.raises(CourseError, match="no answer is chosen yet"):
        form.read()
    form.buttons.value = "down"
    assert form.read() == "down" and not form.buttons.disabled
    form.close("up")
    assert form.buttons.disabled


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (Number(0, 200, "steps"), "Your bet, 0 to 200, steps"),
        (Number(-0.5, 1e6), "Your bet, -0.5 to 1e+06"),
    ],
)
def test_a_number_has_its_range_and_its_unit_beside_it(answer, label):
    form = NumberForm(answer)
    assert form.field.description == label and form.field.value == ""
    assert form.box.children == (form.field,)
    assert {"face-knob", "face-field"} <= set(form.box._dom_classes)
    form.field.value = "7"
    assert form.read() == 7 and not form.field.disabled
    form.close(3)
    assert form.field.disabled


@pytest.mark.parametrize("text", ["0.5", "0,5", " .5 ", "5e-1"])
def test_a_number_may_be_written_in_many_ways(text):
    page = bet(live=True, answer=Number(-1, 1), function=lambda: 0.5)
    page._form.field.value = text
    page.place()
    assert "Exactly" in page.sentence.value


def test_a_minus_may_be_typeset():
    page = bet(live=True, answer=Number(-1, 1), function=lambda: -0.5)
    page._form.field.value = "−0.5"
    page.place()
    assert "Your bet: -0.5." in page.sentence.value


def test_a_curve_is_set_at_each_place_and_the_result_is_drawn_into_it():
    answer = Curve((0, 100), 0.01, 1, "loss")
    page = bet(live=True, answer=answer, function=lambda: [[0, 1.0], [100, 0.01]])
    first, last = page._form.lists
    assert (first.description, last.description) == ("loss at step 0", "loss at step 100")
    levels = [height for _, height in first.options]
    assert levels[0] == 1 and levels[-1] == 0.01 and levels[12] == first.value == 0.1
    first.value = 1.0
    assert "solid" not in page._form.picture.value
    page.place()
    assert Predictions().entries[0]["guess"] == [[0.0, 1.0], [100.0, 0.1]]
    assert "solid" in page._form.picture.value and first.disabled


def test_the_corners_of_a_sketch_are_where_the_axes_say():
    answer = Curve((0, 100), 0.01, 1, "loss")
    soup = BeautifulSoup(
        sketch(answer, [(0, 1), (100, 0.01)], [[50, 0.1], [200, 1]]), "html.parser"
    )
    guess, result = (line["points"] for line in soup.find_all("polyline"))
    assert guess == "52.0,6.0 408.0,130.0" and result == "230.0,68.0", "the middle, on a log axis"
    assert "0.01" in soup.text and "step 0" in soup.text and soup.svg["aria-label"]


# ---- the picture of a curve ---------------------------------------------------------------------

ANSWER = Curve((0, 50, 100), 0.01, 1, "loss <1>")


def drawn(answer, guess, result):
    soup = BeautifulSoup(sketch(answer, guess, result), "html.parser")
    return soup, [line["points"].split() for line in soup.find_all("polyline")]


def test_the_axes_have_their_ends_as_words():
    soup, _ = drawn(ANSWER, [(0, 1)], [])
    words = {
        text.text: (text["x"], text["y"], text["text-anchor"]) for text in soup.find_all("text")
    }
    assert words == {
        "1": ("46", "12", "end"), "0.01": ("46", "132", "end"),
        "step 0": ("52", "146", "start"), "100": ("408", "146", "end"),
        "0.02": ("46", "115.3", "end"), "0.05": ("46", "90.7", "end"), "0.1": ("46", "72.0", "end"),
        "0.2": ("46", "53.3", "end"), "0.5": ("46", "28.7", "end"),
    }  # fmt: skip
    assert soup.svg["viewbox"] == "0 0 420 150" and soup.svg["role"] == "img"
    assert soup.path["d"] == "M52,6V130.0H408" and soup.path["stroke"] == "var(--rule)"


def test_a_bet_is_dashed_and_the_experiment_solid():
    soup, _ = drawn(ANSWER, [(0, 1)], [(0, 1)])
    bet_line, found = soup.find_all("polyline")
    assert bet_line["stroke"] == "var(--hand)" and bet_line["stroke-dasharray"] == "6 3"
    assert found["stroke"] == "var(--run)" and not found.has_attr("stroke-dasharray")
    assert bet_line["fill"] == found["fill"] == "none"
    words = "Your curve of the loss <1>, dashed; the experiment's, solid"
    assert soup.svg["aria-label"] == words and soup.div.text == f"{words}."
    alone, lines = drawn(ANSWER, [(0, 1)], [])
    assert len(lines) == 1 and alone.svg["aria-label"] == "Your curve of the loss <1>, dashed"


def test_what_lies_outside_is_left_out_sideways_and_held_at_the_edge_upwards():
    result = [(-1, 1), (0, 5), (25, 1e-9), (50, math.nan), (60, 0), (75, -1), (100, 0.1), (101, 1)]
    _, (_, found) = drawn(ANSWER, [(0, 1)], result)
    assert found == ["52.0,6.0", "141.0,130.0", "408.0,68.0"]


def test_the_curve_is_drawn_at_once_and_again_with_each_height():
    form = CurveForm(ANSWER)
    middle = BeautifulSoup(form.picture.value, "html.parser").polyline["points"]
    assert middle == "52.0,68.0 230.0,68.0 408.0,68.0" and form.read() == [0.1, 0.1, 0.1]
    form.lists[1].value = 1.0
    moved = BeautifulSoup(form.picture.value, "html.parser").polyline["points"]
    assert moved == "52.0,68.0 230.0,6.0 408.0,68.0"
    form.close([(0, 1), (100, 1)])
    assert all(place.disabled for place in form.lists)
    assert len(BeautifulSoup(form.picture.value, "html.parser").find_all("polyline")) == 2
    picture, row = form.box.children
    assert picture is form.picture and [box.children[0] for box in row.children] == form.lists


@pytest.mark.parametrize(
    ("low", "high", "marked"),
    [
        (0.5, 100, [1, 2, 5, 10, 20, 50]), (0.01, 100, [0.1, 1, 10]), (1, 1.4, []),
        (1e-9, 1e9, [1e-8, 1e-5, 1e-2, 1e1, 1e4, 1e7]), (0.3, 4, [0.5, 1, 2]),
    ],
)  # fmt: skip
def test_round_heights_are_marked_between_the_ends(low, high, marked):
    assert heights_to_read(low, high) == marked
    svg = BeautifulSoup(sketch(Curve((0, 1), low, high), [], []), "html.parser").svg
    told = [float(part.text) for part in svg.find_all("text")[4:]]
    assert told == marked and len(svg.find_all("path")) == 1 + len(marked)
    middle = BeautifulSoup(sketch(Curve((0, 1), 0.1, 10), [], []), "html.parser").svg
    (one,) = [part for part in middle.find_all("text") if part.text == "1"][-1:]
    assert float(one["y"]) == pytest.approx(68 + 4)


def test_the_heights_to_choose_from_rise_by_equal_factors():
    (_, heights) = zip(*CurveForm(Curve((0, 1), 0.013, 700)).lists[0].options, strict=True)
    assert len(heights) == 25 and heights[0] == 700 and heights[-1] == 0.013
    factors = [a / b for a, b in zip(heights, heights[1:], strict=False)]
    assert factors == pytest.approx([(700 / 0.013) ** (1 / 24)] * 24, rel=0.02)
    assert all(words == f"{height:.3g}" for words, height in CurveForm(ANSWER).lists[0].options)


# ---- fields of a table --------------------------------------------------------------------------

TABLE = Marks(("weights", "gradient"), ("rank 0", "rank 1", "rank 2"))
HELD = [("weights", "rank 0"), ("weights", "rank 2"), ("gradient", "rank 2")]


def test_fields_are_marked_and_then_say_what_is_so():
    page = bet(live=True, answer=TABLE, function=lambda: HELD)
    form = page._form
    assert [row.children[0].value for row in form.box.children] == ["weights", "gradient"]
    assert [b.description for b in form.box.children[0].children[1:]] == list(TABLE.columns)
    page.place()
    assert "no field is marked yet" in page.sentence.value and not page._wager.is_open
    for field in (("weights", "rank 0"), ("gradient", "rank 0"), ("gradient", "rank 2")):
        form.buttons[field].value = True
    page.place()
    assert "4 of 6 fields are as you marked them" in page.sentence.value
    assert "weights: rank 0, rank 2; gradient: rank 2." in page.sentence.value
    entry = Predictions().entries[0]
    assert entry["guess"] == "weights: rank 0; gradient: rank 0, rank 2" and entry["miss"] == 1
    for field, button in form.buttons.items():
        assert button.disabled and button.description.endswith("●" if field in HELD else "○")
        missed = field in {("weights", "rank 2"), ("gradient", "rank 0")}
        assert ("face-missed" in button._dom_classes) == missed


def test_marks_that_are_right_are_well_seen_in_any_order():
    page = bet(live=True, answer=TABLE, function=lambda: HELD[::-1])
    for field in HELD:
        page._form.buttons[field].value = True
    page.place()
    assert "6 of 6 fields" in page.sentence.value and "Well seen!" in page.sentence.value
    assert Predictions().entries[0]["miss"] == 0


def test_marks_as_a_text_can_be_read_again():
    for fields in (HELD, [], [("gradient", "rank 1")]):
        text = TABLE.check(fields)
        assert TABLE.fields(text) == set(fields) and TABLE.result(map(list, fields)) == text
    assert TABLE.check([]) == "weights: none; gradient: none"


@pytest.mark.parametrize("guess", ["weights", 3, [("weights", "rank 3")], [("weights",)], [{}]])
def test_only_fields_of_the_table_can_be_marked(guess):
    with pytest.raises(CourseError, match="the bet = .*allowed: .row, column. pairs of weights"):
        TABLE.check(guess)


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [((), ("a", "b"), "rows"), (("a",), ("b",), "columns"), (("a",), ("b", "b"), "columns"),
     (("a; b",), ("c", "d"), "rows"), (("a",), tuple("bcdefghij"), "columns"),
     ((1,), ("b", "c"), "rows")],
)  # fmt: skip
def test_a_table_needs_names(rows, columns, words):
    with pytest.raises(CourseError, match=rf"{words} = .*allowed: . to 8 different texts"):
        Marks(rows, columns)
