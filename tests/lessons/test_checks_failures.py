"""The check of chapter 3_17_failures against published times and plain arithmetic."""

import pytest
from ledger_cases import by_name, marks, numbers

from course.lessons.checks import failures as checks
from course.lessons.checks.failures import STATED, trend
from course.lessons.milestones import MILESTONES


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, "✓✓✓|✗"),
        ({"with each network": "shorter"}, "✗✓✓|✗"),
        ({"with each network": "neither"}, "✗✓✓|✗"),
        ({"parallel": "longer"}, "✓✗✓|✗"),
        ({"distributed": "longer"}, "✓✓✗|✗"),
        ({"failures": "more often"}, "✓✓✓|✓"),
    ],
)
def test_each_clause_has_a_case_of_its_own(changed, found):
    assert marks(trend.cases(STATED | changed)) == found


def test_what_is_planted_is_wrong_and_the_document_holds():
    assert trend.verdict(STATED) == "holds" and trend.verdict(trend.planted) == "wrong"


def test_the_times_are_those_of_the_sources():
    cases = by_name(trend.cases(STATED))
    *_, years = numbers(
        cases["training takes longer and longer: known networks, one device"].number
    )
    # 39.3 million hours on H100s, by the model card of Llama 3.1; 30.84 of them for 405 billion
    assert years == pytest.approx(30.84e6 / 24 / 365.25, rel=0.5)
    assert checks.on_one_device()[-1] == pytest.approx(MILESTONES[-1].flops / 494.7e12 / 3.156e7,
                                                       rel=1e-3)  # fmt: skip
    _, one, _, eight = numbers(cases["parallel computing: the devices of one machine"].number)
    assert one / eight == pytest.approx(8, rel=0.05)
    # SC21, table 1: 1.7 billion parameters on 32 A100 at 137 TFLOP/s, of 6·N·tokens and more
    assert checks.days(32) == pytest.approx(8 * 1.7e9 * 3e11 / 137e12 / 32 / 86400, rel=0.25)


@pytest.mark.parametrize(
    ("times", "way"),
    [([1, 2, 3], "longer"), ([3, 2, 1], "shorter"), ([1, 3, 2], "neither"), ([1, 1], "neither")],
)
def test_a_way_is_one_way(times, way):
    assert checks.goes(times) == way
