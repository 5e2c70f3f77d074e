"""A patient on a page: what is stored is closed, what the lab's knobs say is what is checked."""

import html
import re

import pytest
from bs4 import BeautifulSoup

from course import CourseError
from course.lessons import predictions
from course.lessons.cases import READINGS, Checkup, read_symptoms
from course.lessons.clinic import patients
from course.training.replay import run_recipe
from widgets import Patient
from widgets.lessons.patient import INSTRUMENTS


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


@pytest.fixture
def live():
    patient = Patient("B", chapter="3_03", interactive=True)
    yield patient
    patient.lab.close()


def test_its_lab_has_repeated_the_sick_run(live):
    theirs = run_recipe(patients()["B"].recipe)
    assert live.lab.trainer.step_count == 300
    assert live.lab.trainer.history.loss[-1] == pytest.approx(theirs.history.loss[-1], rel=1e-4)
    assert live.readings == pytest.approx(read_symptoms(theirs), rel=1e-3)
    assert "nothing happens" in live._story() and f"{live.readings['reach']:.3g}" in live._story()


def test_without_a_front_end_the_answers_are_stored_closed(shell):
    patient = Patient("A", chapter="3_03", interactive=False)
    page = patient._repr_mimebundle_()
    soup = BeautifulSoup(page["text/html"], "html.parser")
    (details,) = soup.find_all("details")
    case = patient.case
    told = " ".join(details.get_text().split())
    assert case.explanation in told and "Cured: on 3 seeds" in told
    assert all(symptom.words in told for symptom in case.symptoms)
    details.extract()
    assert "Cured" not in soup.text and case.explanation not in soup.text + page["text/plain"]
    assert [li.text for li in soup.find_all("ul")[1].find_all("li")] == list(case.diagnoses)
    assert "Step 300." in soup.img["alt"] and len(soup.img["src"]) > 10_000


def test_a_live_patient_is_story_lab_diagnosis_and_cure(live):
    story, lab, bet, cure = live.box.children
    assert story.value == live._story() and "face-case" in story._dom_classes
    assert lab is live.lab.panel.box and bet is live.bet.box
    words, acts, sentence = cure.children
    assert words.value == (
        "<p>Turn the knobs of the lab, then check: the run is repeated on three seeds from its "
        "first step, with the knobs as they stand. The bar is a training loss of 0.5.</p>"
    )
    (act,) = acts.children
    assert act.description == "Check the cure" and "face-main" in act._dom_classes
    assert sentence is live.sentence and {"face", "face-bet"} <= set(cure._dom_classes)
    assert [names for names, box in (("acts", acts), ("said", sentence))
            if f"face-{names}" in box._dom_classes] == ["acts", "said"]  # fmt: skip
    bundle = live._repr_mimebundle_()
    assert bundle == {
        "text/plain": f"Patient B. {live.case.story}",
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2, "version_minor": 0, "model_id": live.box.model_id,
        },
    }  # fmt: skip


def test_the_story_has_a_line_for_each_instrument(live):
    soup = BeautifulSoup(live._story(), "html.parser")
    assert soup.p.text == f"Patient B. {live.case.story}" and soup.p.b.text == "Patient B."
    assert [li.text for li in soup.find_all("li")] == [
        f"{live.readings[name]:.3g} {words}" for name, words in READINGS.items() if name != "gap"
    ]  # no rows are kept aside
    assert live.lab._watched == INSTRUMENTS["train"]


def test_a_patient_who_is_judged_on_rows_kept_aside_has_an_instrument_for_them():
    over_fitted = Patient("T", chapter="3_10_regularisation", interactive=False)
    assert "validation" in over_fitted.lab._watched and "least" in over_fitted.lab.summary()


def test_its_lab_stops_for_the_check_and_the_page_says_so(live, monkeypatch):
    seen = []

    def look(case, recipe):
        seen.append((live.lab.playing, html.unescape(live.sentence.value)))
        raise KeyboardInterrupt

    monkeypatch.setattr(type(live.case), "check", look)
    live.lab.plan_end(10_000)
    live.lab.play()
    live.check()
    said = "<div role='status' aria-live='polite'>{}</div>"
    assert seen == [(False, said.format("Repeating the run …"))]
    assert live.sentence.value == said.format("KeyboardInterrupt")


def test_a_patient_whose_cell_shows_it_lives_as_long_as_the_cell(monkeypatch):
    pinned = []
    monkeypatch.setattr("widgets.lessons.patient.pin", pinned.append)
    patient = Patient("B", chapter="3_03", interactive=True)
    patient._repr_mimebundle_()
    assert pinned == [patient.lab]
    patient.lab.close()
    Patient("B", chapter="3_03", interactive=False)._repr_mimebundle_()
    assert len(pinned) == 1


def checked(patient):
    patient.check()
    return html.unescape(re.sub("<.*?>", "", patient.sentence.value))


def test_the_cure_is_what_the_labs_knobs_say(live):
    assert checked(live).startswith("Not cured")
    live.lab.set("lr", 0.3)
    recipe = live.prescribed()
    assert recipe.chain[-1]["lr"] == 0.3 and recipe.knobs == []
    words = checked(live)
    assert words.startswith("Cured: on 3 seeds")
    assert words == live.case.check(live.case.treated(lr=0.3)).words(), "as with the knob turned"


def test_another_network_is_tried_and_another_patient_is_refused():
    patient = Patient("C", chapter="3_03", interactive=True)
    patient.lab.restart(activation="tanh")
    assert checked(patient).startswith("Cured")
    patient.lab.restart(hidden=[64])
    assert "is another patient; allowed: " in checked(patient)
    patient.lab.restart(data="moons")
    assert "is another patient; allowed: " in checked(patient)
    patient.lab.close()


def test_the_diagnosis_is_a_bet(live, monkeypatch):
    monkeypatch.setattr(type(live.case), "check", lambda case, recipe: Checkup((0.1,), 0.5))
    live.bet._form.buttons.value = "the learning rate is far too low"
    live.bet.place()
    assert "Well seen!" in live.bet.sentence.value
    (entry,) = predictions.Predictions().entries
    assert entry["question"] == "Patient B: what is wrong with it?" and entry["miss"] == 0


def test_an_unknown_patient_is_refused():
    with pytest.raises(CourseError, match="case = 'a' is unknown. Allowed: 'A', 'B', 'C', 'D'"):
        Patient("a", chapter="3_03")
