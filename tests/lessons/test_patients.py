"""Every patient is as sick as it is said to be; cures help, wrong cures do not."""

import math
from dataclasses import replace

import pytest

from course import CourseError, load_data
from course.lessons.cases import READINGS, SEEDS, Case, Checkup, read_symptoms
from course.lessons.patients import patients
from course.training.replay import run_recipe

PATIENTS = patients()
CURES = [
    ("A", {"lr": 0.3}),
    ("A", {"lr": 0.1}),
    ("B", {"lr": 0.3}),
    ("B", {"lr": 0.1}),
    ("B", {"optimiser": "adam"}),
    ("C", {"activation": "tanh"}),
    ("C", {"activation": "relu"}),
    ("D", {"clip": "norm", "threshold": 0.1}),
    ("D", {"lr": 0.03}),
    ("E", {"batch_size": 20}),
    ("E", {"lr": 0.1}),
    ("F", {"lr": 0.1}),
    ("F", {"optimiser": "momentum"}),
    ("G", {"clip_order": "before"}),
    ("G", {"momentum": 0.5}),
]
WRONG = [
    ("A", {}),
    ("A", {"batch_size": 256}),
    ("A", {"lr": 0.001}),
    ("B", {}),
    ("B", {"lr": 3.0}),
    ("B", {"momentum": 0.9}),
    ("B", {"batch_size": 8}),
    ("B", {"clip": "norm"}),
    ("C", {}),
    ("C", {"lr": 1.0}),
    ("C", {"lr": 0.01}),
    ("C", {"clip": "norm"}),
    ("C", {"batch_size": 256}),
    ("D", {}),
    ("D", {"activation": "sigmoid"}),
    ("D", {"lr": 0.001}),
    ("E", {}),
    ("E", {"lr": 0.001}),
    ("E", {"lr": 1.0}),
    ("E", {"momentum": 0.9}),
    ("F", {}),
    ("F", {"momentum": 0.99}),
    ("F", {"lr": 3.0}),
    ("F", {"lr": 1e-4}),
    ("G", {}),
    ("G", {"threshold": 0.1}),
    ("G", {"clip": "off"}),
    ("G", {"momentum": 0.97}),
    ("G", {"lr": 0.01}),
]


def on_seed(recipe, seed):
    return replace(recipe, seed=seed, model=recipe.model | {"seed": seed})


@pytest.mark.parametrize("name", PATIENTS)
def test_its_symptoms_are_true_on_every_seed(name):
    case = PATIENTS[name]
    for seed in range(SEEDS):
        read = read_symptoms(run_recipe(on_seed(case.recipe, seed)))
        assert set(read) == set(READINGS)
        for symptom in case.symptoms:
            assert symptom.low <= read[symptom.reading] <= symptom.high, (seed, symptom, read)


@pytest.mark.parametrize(("name", "cure"), CURES, ids=str)
def test_a_cure_helps(name, cure):
    case = PATIENTS[name]
    result = case.check(case.treated(**cure))
    assert result.cured and result.words().startswith("Cured: on 3 seeds"), result


@pytest.mark.parametrize(("name", "cure"), WRONG, ids=str)
def test_a_wrong_cure_does_not_pass(name, cure):
    case = PATIENTS[name]
    result = case.check(case.treated(**cure))
    assert not result.cured and result.words().startswith("Not cured"), result


@pytest.mark.parametrize("name", PATIENTS)
def test_each_has_a_diagnosis_of_its_own_and_its_known_cure_is_tried(name):
    case = PATIENTS[name]
    assert (name, dict(case.cure)) in CURES
    assert [c.diagnosis for c in PATIENTS.values()].count(case.diagnosis) == 1
    assert case.diagnosis in case.diagnoses and case.diagnosis not in case.story


def test_three_of_them_share_the_first_symptom():
    assert [PATIENTS[n].symptoms[0].reading for n in "ABC"] == ["loss"] * 3


def test_a_run_that_broke_is_not_cured():
    assert not Checkup((0.1, math.nan, 0.1), 0.3).cured
    assert "not a number" in Checkup((math.nan,), 0.3).words()
    assert Checkup((0.1, 0.2), 0.3).cured and not Checkup((0.1, 0.3), 0.3).cured


def test_a_cure_may_be_turned_in_the_run_only_by_its_first_steps():
    case = PATIENTS["B"]
    late = replace(case.treated(), knobs=[[290, "lr", 0.3]])
    assert not case.check(late).cured


@pytest.mark.parametrize("change", [{"spike": None}, {"spike": {"at": 0, "factor": 0.5}}], ids=str)
def test_the_broken_batch_belongs_to_the_patient(change):
    case = PATIENTS["G"]
    recipe = case.treated(**change)
    with pytest.raises(CourseError, match="broken batch = .* is another patient; allowed: "):
        case.check(recipe)
    with pytest.raises(CourseError, match="broken batch"):
        case.check(replace(case.recipe, knobs=[[0, "spike", None]]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, data=load_data("moons").source), "data = "),
        (lambda r: replace(r, data=r.data | {"seed": 1}), "data = "),
        (lambda r: replace(r, label_noise=0.1), "label noise = 0.1"),
        (lambda r: replace(r, model=r.model | {"sizes": [64, 10]}), "widths = "),
    ],
)
def test_another_patient_is_refused(change, words):
    case = PATIENTS["A"]
    with pytest.raises(CourseError, match=f"{words}.* is another patient; allowed: "):
        case.check(change(case.recipe))


def test_bad_cures_and_cases_are_refused():
    case = PATIENTS["A"]
    with pytest.raises(CourseError, match="lr"):
        case.treated(lr=-1)
    with pytest.raises(CourseError, match="nonsense"):
        case.treated(nonsense=1)
    with pytest.raises(CourseError, match="diagnosis = 'flu'; allowed: "):
        replace(case, diagnosis="flu")
    with pytest.raises(CourseError, match="bar = nan"):
        replace(case, bar=math.nan)
    assert isinstance(case, Case)
