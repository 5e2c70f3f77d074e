"""A bet on a page: closed with Run all, opened by the bet, stored as a closed <details>."""

import html
import sys

import ipywidgets as ipw
import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from IPython.display import HTML, Markdown, display

from course import CourseError
from course.lessons import Choice, Curve, Number, predictions
from course.lessons.predictions import Predictions
from widgets import Bet
from widgets.lessons.reveal import Reveal, capture, static, words_of

WAYS = Choice("up <b>", "down & out")
SECRET = "a secret <i>number</i>"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


def experiment():
    print(SECRET)
    return "up <b>"


def bet(live, answer=WAYS, function=experiment, **options):
    return Bet("Which <way>?", function, answer, "3_05", interactive=live, **options)


def everything(widget):
    """All text that a widget and those inside it show."""
    texts = [str(getattr(widget, "value", "")), str(getattr(widget, "description", ""))]
    for output in getattr(widget, "outputs", ()):
        texts.append(str(output))
    return " ".join(texts + [everything(child) for child in getattr(widget, "children", ())])


def closed(bundle):
    """The parsed HTML of an output, and what it shows while its details are closed."""
    soup = BeautifulSoup(bundle["text/html"], "html.parser")
    assert soup.details is not None
    outside = BeautifulSoup(bundle["text/html"], "html.parser")
    for part in outside.find_all("details"):
        assert not part.has_attr("open")
        part.summary.extract()
        part.decompose()
    return soup, outside.get_text() + bundle["text/plain"]


@pytest.mark.parametrize(("function", "display_"), [(experiment, None), (lambda: "up <b>", "none")])
def test_an_experiment_that_shows_nothing_leaves_no_title(function, display_):
    page = bet(live=True, function=function)
    assert page._reveal.box.layout.display is None, "while it is closed the page says so"
    page.waive()
    assert page._reveal.box.layout.display == display_


def test_a_second_press_leaves_what_the_first_has_shown():
    page = bet(live=True)
    page.waive()
    shown, words = page._reveal.output.outputs, page.sentence.value
    page.waive()
    page.place()
    assert page._reveal.output.outputs == shown and SECRET in str(shown)
    assert page.sentence.value == words


# ---- stored -------------------------------------------------------------------------------------


def test_without_a_front_end_the_experiment_runs_and_is_stored_closed():
    page = bet(live=False)._repr_mimebundle_()
    soup, outside = closed(page)
    assert SECRET in soup.details.get_text() and SECRET not in outside
    assert "The experiment: up <b>." in soup.details.get_text()
    assert "Bet: Which <way>?" in outside and [li.text for li in soup.find_all("li")] == [
        "up <b>", "down & out",
    ]  # fmt: skip
    assert soup.find("details").summary.text == "The experiment"
    assert Predictions().entries == [], "nobody has bet"


def test_what_follows_is_stored_closed_as_well():
    later = bet(live=False).then(lambda found: print("so", found), "What <else>")
    soup, outside = closed(later._repr_mimebundle_())
    assert soup.pre.text == "so up <b>\n" and "so up" not in outside
    assert soup.summary.text == "What <else>"


def test_a_text_of_the_chapter_is_stored_closed(shell):
    page = Bet("Which way?", lambda: "up", Choice("up", "down"), "3_05_clipping", interactive=False)
    soup, outside = closed(page.tell("What came out")._repr_mimebundle_())
    text = " ".join(soup.details.get_text().split())
    assert "The mean has turned around." in text and "mean has turned" not in outside
    assert soup.summary.text == "What came out" and soup.strong.text == "mean over batches"


def test_a_text_of_the_chapter_waits_for_the_bet(shell):
    page = Bet("Which way?", lambda: "up", Choice("up", "down"), "3_05_clipping", interactive=True)
    told = page.tell("What came out")
    assert "It opens with the bet." in everything(told.box) and "turned" not in everything(told.box)
    page.waive()
    (output,) = told.output.outputs
    assert output["data"]["text/markdown"].startswith("The mean has turned around.")
    with pytest.raises(CourseError, match="title = 'Else' is unknown. Allowed: 'What came out'"):
        page.tell("Else")


def test_an_experiment_that_fails_fails_its_cell():
    with pytest.raises(ZeroDivisionError):
        bet(live=False, function=lambda: 1 / 0)
    with pytest.raises(CourseError, match="is unknown. Allowed: 'up <b>'"):
        bet(live=False, function=lambda: "left")


def test_every_kind_of_output_is_caught(shell, capsys):
    def show():
        print("words")
        display(HTML("<figure>drawn</figure>"))
        display(Markdown("some **bold** words"))
        display({"image/png": "aGVsbG8=", "text/plain": 'a "dog"'}, raw=True)
        display({"text/plain": "<plain>"}, raw=True)

    found, outputs = capture(show)
    soup = BeautifulSoup(static(outputs), "html.parser")
    assert found is None and "words" not in capsys.readouterr().out
    assert [pre.text for pre in soup.find_all("pre")] == ["words\n", "<plain>"]
    assert soup.figure.text == "drawn" and soup.strong.text == "bold"
    assert soup.img["alt"] == 'a "dog"' and soup.img["src"].endswith("base64,aGVsbG8=")


def test_a_figure_that_is_left_open_does_not_leak_into_the_cell(shell):
    plt.close("all")
    kept = plt.figure()
    _, outputs = capture(lambda: plt.figure())
    assert plt.get_fignums() == [kept.number] and len(outputs) == 1
    plt.close("all")


# ---- live ---------------------------------------------------------------------------------------


def test_run_all_runs_no_experiment():
    calls = []
    page = bet(live=True, function=lambda: calls.append(1) or "up <b>")
    later = page.then(lambda found: calls.append(2))
    assert set(page._repr_mimebundle_()) == set(later._repr_mimebundle_()) == {
        "text/plain", "application/vnd.jupyter.widget-view+json",
    }  # fmt: skip
    assert calls == [] and "It opens with the bet." in everything(later.box)


def test_the_bet_opens_the_experiment_and_what_follows():
    page = bet(live=True)
    first = page.then(lambda found: print("first", found))
    assert SECRET not in everything(page.box)
    page._form.buttons.value = "down & out"
    page._place.click()
    shown = everything(page.box)
    assert SECRET in shown and "Worth finding out why." in shown
    assert html.escape("Your bet: down & out. The experiment: up <b>.") in shown
    assert "first up <b>" in everything(first.box) and "Closed" not in everything(first.box)
    assert "second up <b>" in everything(page.then(lambda found: print("second", found)).box)
    assert page._form.buttons.disabled and page._acts.layout.display == "none"
    assert [entry["guess"] for entry in Predictions().entries] == ["down & out"]


def test_a_waived_bet_opens_too():
    page = bet(live=True)
    page._waive.click()
    assert SECRET in everything(page.box) and Predictions().entries == []


@pytest.mark.parametrize(
    ("answer", "fill", "words"),
    [
        (WAYS, lambda form: None, "no answer is chosen yet; choose one, or open without a bet"),
        (Number(0, 9), lambda form: None, "no number is given yet"),
        (Number(0, 9), lambda form: setattr(form.field, "value", "many"), "'many' is not a number"),
        (Number(0, 9), lambda form: setattr(form.field, "value", "10"), "10.0 is out of range"),
    ],
)
def test_a_bad_bet_is_told_and_stays_closed(answer, fill, words):
    page = bet(live=True, answer=answer)
    fill(page._form)
    page.place()
    assert words in html.unescape(page.sentence.value) and not page._wager.is_open
    assert not page._place.disabled and SECRET not in everything(page.box)


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), KeyboardInterrupt()])
def test_an_experiment_that_stops_is_told_and_can_be_placed_again(error):
    results = [error, "up <b>"]

    def sometimes():
        result = results.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    page = bet(live=True, function=sometimes)
    page.waive()
    assert f"The experiment stopped: {type(error).__name__}" in page.sentence.value
    assert not page._wager.is_open and not page._waive.disabled
    page.waive()
    assert page._wager.is_open


def test_what_follows_may_fail_alone():
    page = bet(live=True)
    bad = page.then(lambda found: 1 / 0, "Bad")
    good = page.then(lambda found: print("good"))
    page.waive()
    assert "Bad: ZeroDivisionError" in bad.words.value and "good" in everything(good.box)
    with pytest.raises(CourseError, match="function = 3; allowed: a function"):
        page.then(3)


def test_while_the_experiment_runs_nothing_can_be_pressed_and_it_is_said():
    seen = []

    def look():
        seen.append((page._place.disabled, page._waive.disabled, page._reveal.words.value))
        return "up <b>"

    page = bet(live=True, function=look)
    later = page.then(lambda found: seen.append(later.words.value), "So <what>")
    waiting = "Closed. It opens with the bet."
    assert page._reveal.words.value == f"<b>The experiment</b> {waiting}"
    assert later.words.value == f"<b>So &lt;what&gt;</b> {waiting}"
    page.waive()
    assert seen == [
        (True, True, "<b>The experiment</b> Running …"),
        "<b>So &lt;what&gt;</b> Running …",
    ]
    assert page._reveal.words.value == "<b>The experiment</b> "
    assert later.words.value == "<b>So &lt;what&gt;</b> "
    assert page.sentence.value == (
        "<div role='status' aria-live='polite'>No bet placed. The experiment: up &lt;b&gt;.</div>"
    )


def test_after_a_failure_all_is_as_before():
    page = bet(live=True, function=lambda: 1 / 0)
    page.waive()
    assert page._reveal.words.value.endswith("Closed. It opens with the bet.")
    assert not page._place.disabled and not page._waive.disabled
    assert page._acts.layout.display is None and not page._form.buttons.disabled


def test_what_a_page_holds_has_the_classes_of_the_face():
    page = bet(live=True)
    later = page.then(print)
    for box in (page.box, later.box):
        assert {"face", "face-bet"} <= set(box._dom_classes)
    assert "face-reveal" in later.box._dom_classes
    view = later._repr_mimebundle_()
    assert view["text/plain"] == "What follows [closed]"
    assert view["application/vnd.jupyter.widget-view+json"] == {
        "version_major": 2, "version_minor": 0, "model_id": later.box.model_id,
    }  # fmt: skip
    style, question, form, acts, sentence, reveal = page.box.children
    assert ".face-bet" in style.value and "--hand" in style.value and style.layout.display == "none"
    assert question.value == "<p>Which &lt;way&gt;?</p>" and form is page._form.box
    assert [act.description for act in acts.children] == ["Place the bet", "Open without a bet"]
    assert sentence is page.sentence and reveal is page._reveal.box


def test_what_is_printed_and_drawn_is_kept_with_its_words(shell):
    def show():
        print("out")
        print("err", file=sys.stderr)
        display({"image/png": "aGVsbG8=", "text/plain": "plain"}, raw=True,
                metadata={"image/png": {"alt": "a dog"}})  # fmt: skip

    _, outputs = capture(show)
    assert [output["output_type"] for output in outputs] == ["stream", "stream", "display_data"]
    assert [output.get("name") for output in outputs] == ["stdout", "stderr", None]
    soup = BeautifulSoup(static(outputs), "html.parser")
    assert soup.img["alt"] == "a dog" and soup.img["style"] == "max-width:100%;height:auto"
    assert [pre.text for pre in soup.find_all("pre")] == ["out\n", "err\n"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CourseError("of ours"), "of ours"),
        (ValueError("x"), "ValueError: x"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_an_error_is_one_sentence(error, words):
    assert words_of(error) == words


def test_only_core_widgets_are_used():
    page = bet(live=True, answer=Curve((0, 1), 0.1, 1))
    names = {type(w).__module__.split(".")[0] for w in [page.box, *page.box.children]}
    assert names == {"ipywidgets"} and isinstance(page.box, ipw.VBox)
    assert isinstance(Reveal("t", live=False).box, type(None))
