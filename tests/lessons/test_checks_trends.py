"""The checks of chapter 5_2_trends: each part of a statement decides a case of its own."""

import pytest
from ledger_cases import by_name, marks, numbers

from course.lessons.checks.trends import (
    CAUSES,
    best_splits,
    errors,
    flops,
    gains,
    given,
    growth,
    limits,
    samples_to,
    seconds_of,
)
from course.planner.scaling_laws import BESIROGLU, HOFFMANN, Split


@pytest.mark.parametrize("place", range(3))
def test_each_cause_has_a_case_for_its_direction_and_one_for_its_amount(place):
    cause = CAUSES[place]
    whole = list("✓✗✓✗✓✗")
    less = growth.document | {"helps": growth.document["helps"] | {cause: "less"}}
    whole[2 * place] = "✗"
    assert marks(growth.cases(less)) == "".join(whole)
    amount = gains()[cause][0]
    for by, mark in ((amount, "✓"), (1.2 * amount, "✓"), (1.4 * amount, "✗"), (0.5 * amount, "✗")):
        whole = list("✓✗✓✗✓✗")
        whole[2 * place + 1] = mark
        assert marks(growth.cases(growth.document | {"by": {cause: by}})) == "".join(whole)


def test_what_the_causes_bring_can_be_counted_by_hand():
    assert gains()[CAUSES[0]][0] == pytest.approx(2 ** (0.28 / 0.62))
    whole, batch = samples_to(0.3, 1438, 0), samples_to(0.3, 32, 0)
    assert whole % 14_380 == 0 and batch % 320 == 0 and whole > 5 * batch
    even, uneven = seconds_of((32, 32, 32, 32)), seconds_of((80, 16, 16, 16))
    weights = 65 * 64 + 65 * 10
    assert uneven - even == pytest.approx((80 - 32) * 6 * weights / 1e9)  # at 10⁹ FLOPs a second


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"compute": "grows", "data": "grows", "the algorithm": "stays"}, "✓✓✓"),
        ({"compute": "stays", "data": "grows", "the algorithm": "grows"}, "✗✓✗"),
        ({"compute": "grows", "data": "stays", "the algorithm": "stays"}, "✓✗✓"),
    ],
)
def test_each_limit_is_a_case(says, found):
    assert marks(limits.cases(says)) == found


def test_the_counts_are_those_of_the_shapes():
    total, kinds, parameters = flops(64)
    weights = 64 * 64 * 2 + 640
    assert (total, parameters) == (6 * weights, weights + 138) and kinds == flops(256)[1]
    case = by_name(limits.cases(limits.document))["as a network grows, its need for compute grows"]
    assert numbers(case.number)[2] == total
    few, many = best_splits()
    for split, budget in ((few, 2e6), (many, 6e6)):
        assert 6 * split.parameters * split.tokens == pytest.approx(budget)
    assert many.parameters > few.parameters and many.tokens > few.tokens


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "✓✓"), ({"floor": False}, "✓✗"), ({"split": BESIROGLU.best}, "✗✓"),
        ({"split": lambda flops: Split(*reversed(HOFFMANN.best(flops)))}, "✗✓"),
        ({"split": lambda flops: HOFFMANN.best(2 * flops)}, "✗✓"),
    ],
)  # fmt: skip
def test_what_the_chapter_gives_is_tried(change, found):
    assert marks(given.cases(given.planted | change)) == found


def test_the_errors_are_those_of_ten_seeds():
    assert errors().shape == (10, 6)
    means = errors().mean(0)
    assert (means[:-1] > means[1:]).all()
