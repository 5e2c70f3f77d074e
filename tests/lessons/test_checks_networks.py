"""The checks of 2_1_networks: each case for the document, for its opposite, and referees."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import MLP, load_data
from course.lessons.checks import few_samples, networks
from course.lessons.checks.few_samples import (
    accuracies,
    answers_need_no_other,
    coupling,
    learning,
    made_of_networks,
    parts,
    run,
    tells_five_or_more,
)
from course.lessons.checks.networks import (
    between_0_and_1,
    connections,
    graph,
    heard,
    kind,
    trained,
    weights_and_connections,
)
from course.lessons.pairs import together

DOCUMENT = {
    "connections": "✓✗✗|✗", "graph": "✗✗✓✓", "kind": "✓✓✓✓", "learning": "✓✓✗|✓",
    "generalising": "✓✓✗✗|✓", "parts": "✗✗✗|✗✓",
}  # fmt: skip
PLANTED = {
    "connections": "✗✗✗|✗", "graph": "✗✗✗✗", "kind": "✗✓✗✗", "learning": "✗|✗",
    "generalising": "✗|✗", "parts": "✓✓✓|✗✓",
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENT)
def test_each_case_of_the_document_and_of_the_planted_falsehood(name):
    check = getattr(networks, name, None) or getattr(few_samples, name)
    assert marks(check.cases(check.document)) == DOCUMENT[name]
    assert marks(check.cases(check.planted)) == PLANTED[name]
    by_name(check.cases(check.document))


# ---- who hears whom ---------------------------------------------------------------------------


def test_heard_is_the_pattern_of_the_weights():
    layer = nn.Linear(5, 3, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[1, 2] = layer.weight[0, 4] = 0
    assert torch.equal(heard(layer, 5), layer.weight != 0)


def test_training_moves_weights_and_leaves_connections():
    assert weights_and_connections() == (8, 8, 8)


def test_a_unit_that_slides_shares_its_weights():
    found = by_name(connections.cases(connections.document))
    assert numbers(found["as many weights as connections?"].number) == [8, 18, 3]


def test_the_share_of_answers_between_0_and_1_is_that_of_positive_sums():
    weight = MLP([64, 32, 10], seed=0).to_module()[0]
    z = weight(load_data("digits", 0).x_train)
    assert between_0_and_1() == pytest.approx(float((z > 0).float().mean()), abs=1e-6)


@pytest.mark.parametrize(("part", "value", "found"), [
    ("hears", "all", "✓✗✓✓"), ("tells", "all", "✗✓✓✓"), ("changes", ("weights",), "✗✗✗✓"),
    ("changes", ("biases",), "✗✗✗✓"), ("the loss", "rises", "✗✗✓✗"),
])  # fmt: skip
def test_each_clause_of_the_graph_has_its_own_case(part, value, found):
    assert marks(graph.cases(graph.document | {part: value})) == found


def test_training_lowers_the_loss_and_changes_both():
    changed, losses = trained()
    assert changed == {"weights", "biases"}
    assert len(losses) == 3 and all(last < first / 2 for first, last in losses)


@pytest.mark.parametrize(("part", "value", "found"), [
    ("kind", "all networks", "✓✗✓✓"), ("kind", "no network", "✗✓✓✓"), ("layers", "one", "✓✓✗✓"),
    ("hears", "all layers below", "✓✓✓✗"),
])  # fmt: skip
def test_each_clause_of_the_kind_has_its_own_case(part, value, found):
    assert marks(kind.cases(kind.document | {part: value})) == found


# ---- depth and samples --------------------------------------------------------------------------


@pytest.mark.parametrize("problem", ["spirals", "digits, 64 samples"])
def test_the_linear_model_is_as_good_as_that_of_scikit_learn(problem):
    from sklearn.linear_model import LogisticRegression

    name, rows, _ = few_samples.PROBLEMS[problem]
    scores = []
    for seed in few_samples.SEEDS:
        data = load_data(name, seed).with_validation(seed=seed)
        data = data.subset(min(rows, len(data.y_train)), seed)
        fit = LogisticRegression(max_iter=2000).fit(data.x_train, data.y_train)
        scores.append(fit.score(data.x_test, data.y_test))
    assert accuracies(problem)["linear"] == pytest.approx(sum(scores) / len(scores), abs=0.05)


def test_a_run_is_tuned_on_validation_and_reported_on_test():
    val, test = run("spirals", 600, [16, 16, 16], 0.3, 0)
    assert (
        0.8 < val <= 1
        and 0.8 < test <= 1
        and (val, test) == run("spirals", 600, [16, 16, 16], 0.3, 0)
    )


def test_the_rate_is_chosen_by_validation(monkeypatch):
    table = {0.3: (0.9, 0.1), 1.0: (0.8, 0.7)}
    monkeypatch.setattr(few_samples, "run", lambda name, rows, widths, rate, seed: table[rate])
    monkeypatch.setattr(few_samples, "accuracies", accuracies.__wrapped__)
    assert few_samples.accuracies("spirals") == {"depth": 0.1, "linear": 0.1}


def test_a_better_linear_model_is_seen():
    says = learning.document | {"better": "linear", "on": ("spirals", "digits, 64 samples")}
    assert marks(learning.cases(says)) == "✗✓|✓"


def test_features_that_were_trained_tell_more_than_those_that_were_not():
    found = tells_five_or_more(together(0)[0])
    assert found > tells_five_or_more(few_samples.untrained(0, 1)) + 0.1


# ---- parts ---------------------------------------------------------------------------------------


def test_the_left_gradient_depends_on_the_right_part():
    assert 0.01 < coupling() < 10


def test_the_answers_of_one_part_need_nothing_of_the_other():
    assert answers_need_no_other() and made_of_networks() == 0


def test_the_accuracies_are_those_of_the_pairs():
    words = [case.number for case in parts.cases(parts.document | {"trained": "together"})[:2]]
    assert [numbers(w)[0] for w in words] == [round(together(s)[1], 2) for s in range(2)]
