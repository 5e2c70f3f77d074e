"""The ward on a page: readings open one by one, cures are tried, the next patient comes in."""

import pytest
from bs4 import BeautifulSoup

from course import CourseError
from course.lessons import predictions
from course.lessons.clinic.diseases import DISEASES, draw
from course.lessons.clinic.ward import READINGS, Treatment, examine
from widgets import Ward
from widgets.lessons.ward import number_or_word, said


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


@pytest.fixture
def ward():
    made = Ward("6_clinic", seed=7, interactive=True)
    yield made
    made.lab.close()


def test_its_lab_shows_the_sick_run_and_its_readings_are_those_of_the_plan(ward):
    plan = draw(7).plan
    assert ward.patient.plan == plan and ward.lab.trainer.step_count == plan.steps
    assert ward.readings == examine(plan)
    story, lab, _readings, bet, _cure = ward.box.children
    assert "Patient 7." in story.value and lab is ward.lab.panel.box and bet is ward.bet.box


def test_a_reading_opens_once_and_is_counted(ward):
    assert ward._list.value == "" and ward.opened == {}
    value = ward.open("training")
    ward.open("aside")
    ward._keys["aside"].click()
    assert list(ward.opened) == ["training", "aside"] and value == ward.readings["training"]
    assert ward._keys["training"].disabled and not ward._keys["mix"].disabled
    words = BeautifulSoup(ward._list.value, "html.parser")
    assert [li.text for li in words.find_all("li")] == [
        f"{ward.readings[name]:.3g} {READINGS[name]}" for name in ("training", "aside")
    ]
    assert "2 readings opened." in words.text
    with pytest.raises(CourseError, match="reading 'pulse' is unknown; allowed: broken, growth"):
        ward.open("pulse")
    assert list(ward.opened) == ["training", "aside"], "nothing is lost"


def test_a_cure_is_tried_on_three_seeds_and_shown_in_the_lab(ward):
    before = ward.lab
    ward._knob.value = "rows"
    assert ward._value.value == str(ward.patient.plan.rows)
    ward._value.value = "1000"
    ward.try_cure()
    assert "Cured: on three seeds 9" in ward._said.value
    assert ward.lab is not before and len(ward.lab.trainer.data.x_train) == 1000
    assert ward.box.children[1] is ward.lab.panel.box and ward.lab.trainer.step_count == 300
    ward._knob.value, ward._value.value = "lr", "0.1"
    ward.try_cure()
    assert "Not cured: on three seeds" in ward._said.value


@pytest.mark.parametrize(
    ("knob", "value", "words"),
    [("lr", "fast", "lr = &#x27;fast&#x27; is not a number"),
     ("lr", "-1", "lr = -1"), ("order", "random", "allowed"), ("rows", "0", "rows = 0"),
     ("hidden", "2.5", "hidden = 2.5"), ("leak", "maybe", "leak = &#x27;maybe&#x27;"),
     ("loss", "", "loss = &#x27;&#x27;")],
)  # fmt: skip
def test_what_a_plan_does_not_take_is_told_and_nothing_is_lost(ward, knob, value, words):
    lab = ward.lab
    ward._knob.value, ward._value.value = knob, value
    ward.try_cure()
    assert words.lower() in ward._said.value.lower(), ward._said.value
    assert ward.lab is lab and ward.patient == draw(7)


def test_the_next_patient_is_somebody_else(ward, monkeypatch):
    monkeypatch.setattr("widgets.lessons.ward.random.randrange", lambda most: 11)
    ward.open("loss")
    ward.admit()
    assert ward.seed == 11 and ward.opened == {} and ward.patient == draw(11)
    assert "Patient 11." in ward.box.children[0].value
    assert "Patient 11: what is wrong" in ward.bet._wager.question


@pytest.mark.parametrize("seed", [-1, 1.5, "seven", True])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(CourseError, match="seed"):
        Ward("6_clinic", seed=seed, interactive=False)


def test_without_a_front_end_the_answers_are_stored_closed(shell):
    ward = Ward("6_clinic", seed=7, interactive=False)
    page = ward._repr_mimebundle_()
    soup = BeautifulSoup(page["text/html"], "html.parser")
    (details,) = soup.find_all("details")
    told = " ".join(details.get_text().split())
    disease = ward.patient.disease
    assert disease.explanation in told and "Cured: on three seeds" in told
    assert all(READINGS[name] in told for name in disease.symptoms)
    details.extract()
    assert disease.explanation not in soup.text + page["text/plain"]
    assert all(other.name in soup.text for other in DISEASES)
    assert f"Step {ward.patient.plan.steps}." in soup.img["alt"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.3", 0.3), (" 7 ", 7), ("1e-3", 0.001), ("True", True), ("false", False),
     ("stable", "stable"), ("", ""), ("nan", float("nan"))],
)  # fmt: skip
def test_what_is_typed_becomes_a_value(text, value):
    found = number_or_word(text)
    assert type(found) is type(value) and (found == value or value != value)


def test_a_treatment_in_words():
    assert said(Treatment((0.9, 0.81, 0.95))) == (
        "Cured: on three seeds 90%, 81%, 95% of the answers in use are right."
    )
    assert said(Treatment((0.9, 0.8, 0.95))).startswith("Not cured")
