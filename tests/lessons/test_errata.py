"""The errata: claims by document, section, verdict, own verdicts and words; rows and counts."""

import pytest

from course import CourseError
from course.lessons import errata, predictions
from course.lessons.contents import ROUTE
from course.lessons.day_one import judge_sentence
from course.lessons.ledger import claims
from course.lessons.verdicts import VERDICTS


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


def ids(**conditions) -> list[str]:
    return [claim.id for claim in errata.select(**conditions)]


def test_without_a_condition_all_claims_are_there_in_the_order_of_the_documents():
    assert sorted(ids()) == sorted(claim.id for claim in claims())
    assert ids()[0] == "D0-1" and [name[:2] for name in ids()] == sorted(name[:2] for name in ids())
    places = [ids().index(name) for name in ("D4-2.3", "D4-3.1a", "D4-3.1b", "D4-3.2", "D4-4")]
    assert places == sorted(places)


def test_each_condition_leaves_those_that_meet_it():
    for number in errata.DOCUMENTS:
        assert {name[1] for name in ids(document=number)} == {str(number)}
    for number in errata.SECTIONS:
        assert {name[3] for name in ids(section=number)} == {str(number)}
    for verdict in VERDICTS:
        those = [claim for claim in claims() if claim.verdict == verdict]
        assert sorted(ids(verdict=verdict)) == sorted(claim.id for claim in those)
    both = ids(document=4, verdict="missing")
    assert set(both) == set(ids(document=4)) & set(ids(verdict="missing")) and both


def test_words_are_searched_in_the_claim_and_in_the_truth():
    found = errata.select(words="MOMENTUM  sgd")
    assert found
    for claim in found:
        text = (claim.says + claim.true).lower()
        assert "momentum" in text and "sgd" in text
    assert ids(words="d4-3.8") == ["D4-3.8"]
    assert ids(words="D3-6.2") == ["D0-6.3"], "under the name that it has elsewhere"
    assert ids(words="no such words") == []


def test_a_learners_own_verdicts_are_found_and_shown():
    wrong = next(name for name in ("D2-1", "D1-1a") if name in ids(verdict="wrong"))
    judge_sentence(wrong, "holds")
    judge_sentence("D0-1", "holds")
    assert errata.select(words="D0-1 ")[0].verdict == "holds"
    assert set(ids(day_one=errata.DAY_ONE)) == {wrong, "D0-1"}
    assert ids(day_one=errata.OTHERWISE) == [wrong]
    (claim,) = errata.select(day_one=errata.OTHERWISE)
    row = errata.unsettled(claim)
    assert row.verdict == "wrong" and "On day one you said: holds." in row.markdown()
    assert "On day one you said: holds." in " ".join(row.plain().split())


@pytest.mark.parametrize(
    "changed",
    [{"document": 5}, {"document": "D4"}, {"section": 0}, {"section": 7}, {"verdict": "true"},
     {"day_one": "all"}, {"words": 3}],
)  # fmt: skip
def test_what_is_no_condition_is_refused(changed):
    (name,) = changed
    with pytest.raises(CourseError, match=name):
        errata.select(**changed)


def test_a_row_says_where_the_claim_stands_and_which_chapter_settles_it():
    files = {chapter.file: chapter.title for chapter in ROUTE}
    for claim in claims():
        text = errata.unsettled(claim).markdown()
        assert f"Document D{claim.document}, section {claim.section}" in text
        link = f"]({claim.chapter}.ipynb)"
        assert f"Settled in [{files[claim.chapter]}{link}" in text


def test_a_settled_row_has_the_verdict_of_the_ledger_and_its_cases():
    (claim,) = errata.select(words="D4-3.1b")
    before, row = errata.unsettled(claim), errata.settled(claim)
    assert not before.cases and len(row.cases) >= 2
    assert before.verdict == row.verdict == claim.verdict
    assert row.notes == before.notes and "Settled in Gradient descent (3_03_" in row.plain()


def test_the_tally_counts_each_claim_once():
    rows = errata.tally(claims())
    assert [row["document"] for row in rows] == ["D0", "D1", "D2", "D3", "D4", "all"]
    *parts, total = rows
    for name in ("claims", *VERDICTS):
        assert total[name] == sum(part[name] for part in parts)
    for row in rows:
        assert row["claims"] == sum(row[verdict] for verdict in VERDICTS)
    assert total["claims"] == len(claims())
    assert errata.tally([])[-1]["claims"] == 0


def test_the_text_after_the_bet_says_what_the_ledger_says():
    """Fewer than a third hold; of the others few are wrong, and most are imprecise."""
    words = [claim.verdict for claim in claims()]
    others = [word for word in words if word != "holds"]
    assert words.count("holds") < len(words) / 3
    assert others.count("wrong") < len(others) / 3
    assert others.count("imprecise") > len(others) / 2
