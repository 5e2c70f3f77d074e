"""The ten sentences on a page: a choice is in the file at once, a stored page has no verdict."""

import json

import ipywidgets as ipw
import pytest
from bs4 import BeautifulSoup

from course.lessons import day_one_verdicts, predictions
from course.lessons.day_one import SENTENCES, VERDICTS, day_one_claims
from widgets import DayOne
from widgets.lessons.day_one import OPEN, sentence
from widgets.lessons.keys import Keys


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))
    return tmp_path / "progress.json"


def test_each_sentence_is_the_label_of_its_list():
    page = DayOne(interactive=True)
    assert list(page.lists) == list(SENTENCES)
    for claim in day_one_claims():
        choice = page.lists[claim.id]
        assert choice.description == sentence(claim) and choice.value == "" and choice.label == OPEN
        assert claim.says.rstrip(".")[1:].replace("*", "") in choice.description
        assert f"(D{claim.document}, section {claim.section})" in choice.description
        assert [words for words, _ in choice.options] == [OPEN, *VERDICTS]
        assert not choice.description_allow_html


def test_a_choice_is_noted_at_once_and_can_be_changed(path):
    page = DayOne(interactive=True)
    assert "0 of 10 sentences judged" in page.words.value and not path.exists()
    page.lists["D2-1"].value = "holds"
    assert day_one_verdicts() == {"D2-1": "holds"}
    page.lists["D2-1"].value = "wrong"
    page.lists["D0-1"].value = "no idea"
    assert day_one_verdicts() == {"D0-1": "no idea", "D2-1": "wrong"}
    assert "2 of 10 sentences judged" in page.words.value and "role='status'" in page.words.value
    again = DayOne(interactive=True)
    assert {c: again.lists[c].value for c in ("D0-1", "D2-1", "D2-2a")} == {
        "D0-1": "no idea", "D2-1": "wrong", "D2-2a": "",
    }  # fmt: skip
    assert "2 of 10" in again.words.value
    again.lists["D2-1"].value = ""
    assert day_one_verdicts() == {"D0-1": "no idea"} and "1 of 10" in again.words.value


def test_what_cannot_be_noted_is_told_in_words(path):
    path.write_text(json.dumps({"schema": 2}))
    page = DayOne(interactive=True)
    page.lists["D2-1"].value = "wrong"
    assert "Your verdict is not noted: " in page.words.value
    assert "update the course" in page.words.value
    path.unlink()
    page.judge("D2-1", "right")
    assert "&#x27;right&#x27; is unknown" in page.words.value and not path.exists()


def test_the_stored_page_has_the_sentences_and_no_verdict_of_the_ledger():
    page = DayOne(interactive=False)
    assert page.box is None and page.lists == {}
    bundle = page._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    soup = BeautifulSoup(bundle["text/html"], "html.parser")
    assert [item.text for item in soup.find_all("li")] == [sentence(c) for c in day_one_claims()]
    for claim in day_one_claims():
        assert claim.true not in soup.text
    assert soup.b.text == bundle["text/plain"]
    assert soup.b.text == "10 sentences to judge: holds, imprecise, wrong, no idea?"


def test_live_it_is_core_widgets_and_what_keeps_the_keys():
    page = DayOne(interactive=True)
    assert set(page._repr_mimebundle_()) == {
        "text/plain", "application/vnd.jupyter.widget-view+json",
    }  # fmt: skip
    assert {"face", "face-bet"} <= set(page.box._dom_classes)
    *parts, keys = [page.box, *page.lists.values(), *page.box.children]
    assert isinstance(keys, Keys)
    assert {type(part).__module__.split(".")[0] for part in parts} == {"ipywidgets"}
    assert isinstance(page.box.children[1], ipw.VBox)
    assert "face-verdicts" in page.box.children[1]._dom_classes
