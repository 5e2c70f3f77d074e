"""Another statement gets another verdict: each claim's own, changed in one place."""

import mutants_code_examples as code
import pytest
import torch
from ledger_cases import marks
from other_statements import CLAIMS, MUTANTS

from course.lessons.checks.backward import cross_entropy
from course.lessons.checks.batches import shuffled
from course.lessons.ledger import check_of
from course.lessons.verdicts import verdict
from course.optim.chain import chain
from course.optim.first_order import Descend, HeavyBall
from course.planner.scaling_laws import Split


@pytest.mark.parametrize(
    "name, what, statement, word",
    MUTANTS,
    ids=[" ".join(m[:2]) for m in MUTANTS],
)
def test_another_statement_gets_another_verdict(name, what, statement, word):
    check = check_of(CLAIMS[name])
    cases = check.cases(statement)
    assert verdict(cases) == word, marks(cases)
    assert word != CLAIMS[name].verdict


def test_each_claim_that_states_something_is_changed():
    assert {name for name, *_ in MUTANTS} == {
        n for n, c in CLAIMS.items() if c.verdict != "missing"
    }


ASIDES = code.ASIDES + [
    ("D4-3.2", "moves all weights", "one", 0), ("D4-3.2", "memory", "both", 1),
    ("D4-3.2", "its step", "the same", 3), ("D4-3.2", "rows", "not all", 4),
    ("D4-3.3", "slower", "all", 1),
    ("D4-3.3", "order", torch.arange, 0), ("D3-3.1", "loss", "mse", 0),
    ("D4-3.6", "the clipping factor", "ε", 0), ("D4-3.7", "λ regularises", "the step", 0),
    ("D0-2.1", "answers", "any", 0),
    ("D0-2.2", "features", "people", 0), ("D4-2.2a", "features", "people", 0),
    ("D3-6.3", "second", "reinforcement learning", 1), ("D3-6.3", "second", "boosting", 0),
    ("D2-2a", "made of", "layers", 0), ("D2-2a", "forward", "one after the other", 1),
]  # fmt: skip


@pytest.mark.parametrize("name, part, value, place", ASIDES)
def test_another_aside_changes_its_mark_and_not_the_verdict(name, part, value, place):
    check = check_of(CLAIMS[name])
    before = check.cases(check.document)
    after = check.cases(check.document | {part: value})
    asides = [[case.holds for case in cases if case.aside] for cases in (before, after)]
    if (name, part) == ("D4-3.2", "moves all weights"):
        assert asides[0][place] and asides[1][place]  # one sample moves them all, too
    else:
        assert asides[0][place] != asides[1][place]
    assert verdict(before) == verdict(after)


GIVEN = {
    name: check_of(CLAIMS[name]).planted
    for name in ("D0-3.3", "D3-3.3", "D4-3.8", "D4-4", "D4-5", "D4-6")
}


@pytest.mark.parametrize(
    "name, statement",
    [
        ("D0-3.3", GIVEN["D0-3.3"] | {"momentum": lambda: chain(HeavyBall(0.9), Descend(0.1))}),
        ("D3-3.3", GIVEN["D3-3.3"] | {"cross_entropy": lambda z, y: 2 * cross_entropy(z, y)}),
        ("D4-3.8", lambda rows: rows.sum(0)),
        ("D4-5", GIVEN["D4-5"] | {"floor": False}),
        (
            "D4-5",
            GIVEN["D4-5"]
            | {"split": lambda flops: Split((flops / 120) ** 0.5, 20 * (flops / 120) ** 0.5)},
        ),
        ("D4-6", GIVEN["D4-6"] | {"overflow": "a least deviation"}),
        ("D4-6", GIVEN["D4-6"] | {"division by zero": "clipping by norm"}),
        code.GIVEN,
    ],
)
def test_what_is_given_for_a_missing_formula_is_tried(name, statement):
    check = check_of(CLAIMS[name])
    assert check.verdict(check.document) == "missing"
    assert check.verdict(GIVEN[name]) == "holds" != check.verdict(statement)


def test_a_pass_in_random_order_meets_every_row_once():
    assert sorted(shuffled(50).tolist()) == list(range(50)) != shuffled(50).tolist()
