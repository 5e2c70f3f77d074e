"""The checks of 2_1_networks: each case for the document, for its opposite, and referees."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import MLP, load_data
from course.lessons.checks import networks
from course.lessons.checks.networks import (
    between_0_and_1,
    connections,
    graph,
    heard,
    kind,
    trained,
    weights_and_connections,
)

DOCUMENT = {"connections": "✓✗✗|✗", "graph": "✗✗✓✓", "kind": "✓✓✓✓"}
PLANTED = {"connections": "✗✗✗|✗", "graph": "✗✗✗✗", "kind": "✗✓✗✗"}


@pytest.mark.parametrize("name", DOCUMENT)
def test_each_case_of_the_document_and_of_the_planted_falsehood(name):
    check = getattr(networks, name)
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
