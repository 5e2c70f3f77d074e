"""The checks of what networks learn in 2_1_networks: each case for the document, its opposite."""

import numpy as np
import pytest
from ledger_cases import by_name, marks, numbers

from course import load_data
from course.lessons.checks import networks_training
from course.lessons.checks.networks_training import (
    accuracies,
    answers_need_no_other,
    coupling,
    learning,
    made_of_networks,
    parts,
    run,
    tells_five_or_more,
)
from course.lessons.pairs import together

DOCUMENT = {"learning": "✓✓✗|✓", "generalising": "✓✗✗|✓", "parts": "✗✗✗|✗✓"}
PLANTED = {"learning": "✗|✗", "generalising": "✗|✗", "parts": "✓✓✓|✗✓"}


@pytest.mark.parametrize("name", DOCUMENT)
def test_each_case_of_the_document_and_of_the_planted_falsehood(name):
    check = getattr(networks_training, name)
    assert marks(check.cases(check.document)) == DOCUMENT[name]
    assert marks(check.cases(check.planted)) == PLANTED[name]
    by_name(check.cases(check.document))


# ---- depth and samples --------------------------------------------------------------------------


@pytest.mark.parametrize("problem", ["spirals", "64 digits"])
def test_the_linear_model_is_as_good_as_that_of_scikit_learn(problem):
    """Its penalty is chosen on validation, as our rate is."""
    from sklearn.linear_model import LogisticRegression

    name, rows, _ = networks_training.PROBLEMS[problem]
    scores = {C: [] for C in (0.1, 1, 10, 100)}
    for seed in networks_training.SEEDS:
        data = load_data(name, seed).with_validation(seed=seed)
        data = data.subset(min(rows, len(data.y_train)), seed)
        for C, found in scores.items():
            fit = LogisticRegression(C=C, max_iter=2000).fit(data.x_train, data.y_train)
            found.append([fit.score(data.x_val, data.y_val), fit.score(data.x_test, data.y_test)])
    _, theirs = max(np.mean(found, 0).tolist() for found in scores.values())
    assert accuracies(problem)["linear"] == pytest.approx(theirs, abs=0.02)
    if problem == "64 digits":
        assert accuracies(problem)["depth"] < theirs - 0.01


def test_a_run_is_tuned_on_validation_and_reported_on_test():
    val, test = run("spirals", 600, [16, 16, 16], 0.3, 0)
    assert (
        0.8 < val <= 1
        and 0.8 < test <= 1
        and (val, test) == run("spirals", 600, [16, 16, 16], 0.3, 0)
    )


def test_the_rate_is_chosen_by_validation(monkeypatch):
    table = {0.1: (0.7, 0.9), 0.3: (0.9, 0.1), 1.0: (0.8, 0.7)}
    monkeypatch.setattr(
        networks_training, "run", lambda name, rows, widths, rate, seed: table[rate]
    )
    monkeypatch.setattr(networks_training, "accuracies", accuracies.__wrapped__)
    assert networks_training.accuracies("spirals") == {"depth": 0.1, "linear": 0.1}


def test_a_better_linear_model_is_seen():
    says = learning.document | {"better": "linear", "on": ("spirals", "64 digits")}
    assert marks(learning.cases(says)) == "✗✓|✓"


def test_features_that_were_trained_tell_more_than_those_that_were_not():
    found = tells_five_or_more(together(0)[0])
    assert found > tells_five_or_more(networks_training.untrained(0, 1)) + 0.1


# ---- parts ---------------------------------------------------------------------------------------


def test_the_left_gradient_depends_on_the_right_part():
    assert 0.01 < coupling() < 10


def test_the_answers_of_one_part_need_nothing_of_the_other():
    assert answers_need_no_other() and made_of_networks() == 0


def test_the_accuracies_are_those_of_the_pairs():
    words = [case.number for case in parts.cases(parts.document | {"trained": "together"})[:2]]
    assert [numbers(w)[0] for w in words] == [round(together(s)[1], 2) for s in range(2)]
