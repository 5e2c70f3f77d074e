"""The ledger is whole, every chapter settles its claims, and no check is one that cannot fail."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from ledger_cases import NUMBER, marks, near, numbers

from course import CourseError
from course.lessons.contents import ROUTE
from course.lessons.ledger import check_of, claims, documents, settle
from course.lessons.plain_math import plain_math
from course.lessons.searches import is_missing
from course.lessons.verdicts import VERDICTS, Case, Check, verdict

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHAPTERS = {chapter.file for chapter in ROUTE} - {"errata"}  # it shows what the others settle
each_claim = pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.id)


def test_the_ledger_is_whole():
    names = [claim.id for claim in claims()]
    assert len(set(names)) == len(names) == 83
    for claim in claims():
        assert claim.verdict in VERDICTS and claim.says and claim.true and claim.core, claim.id
        assert re.fullmatch(r"D[0-4]-[1-6](\.\d)?[a-e]?", claim.id), claim.id
        assert claim.id.startswith(f"D{claim.document}-{claim.section}"), claim.id
        assert re.fullmatch(r"(00|\d(_\d+b?)?)_\w+", claim.chapter), claim.chapter
        for text in (claim.says, claim.true, claim.core):
            assert not re.search(r"[\\${}]", re.sub(r"_\{\S+?\}", "", plain_math(text))), text
            assert len(text) < 450 and "  " not in text, text
    assert list(documents()) == [0, 1, 2, 3, 4]


def test_every_claim_has_a_check_whose_every_clause_is_pinned_and_every_chapter_has_claims():
    assert {claim.chapter for claim in claims()} == CHAPTERS
    assert {claim.id for claim in claims()} == MARKS.keys()
    for claim in claims():
        assert isinstance(check_of(claim), Check), claim.id
        document, planted = MARKS[claim.id]
        assert planted.strip("|") and bool(document) != (claim.verdict == "missing"), claim.id


def test_what_is_missing_is_promised_and_not_given_and_nothing_else_was_searched():
    for claim in claims():
        assert bool(claim.promised and claim.given) == (claim.verdict == "missing"), claim.id
        assert is_missing(claim.promised, claim.given), claim.id
        assert (check_of(claim).document is None) == (claim.verdict == "missing"), claim.id


# What each case finds: of the document's statement, and of the planted falsehood. Core | asides.
MARKS = {
    "D2-3a": ("✗✗|✓", "✓✓|✓"),
    "D2-3b": ("✓✓✓✓", "✗✗"),
    "D3-2": ("✓✗✓✓✓", "✓✓✓"),
    "D3-5b": ("✗✗✗✓", "✓"),
    "D0-1": ("✓✓", "✗✗"),
    "D0-3.1": ("✓✓✗|✗", "✓✓✓|✓"),
    "D0-3.2": ("✗✗✗✗✗|✗", "✓✓✓✓✓|✓"),
    "D0-3.2b": ("✓✗✓", "✗✗✗"),
    "D0-2.1": ("✓✗✗|✗", "✗✗✗|✗"),
    "D0-2.2": ("✓✓✗|✓", "✗|✗"),
    "D0-3.3": ("", "✓✓"),
    "D0-2.3": ("✓✗✗✓✗✗|✓✓✓", "✓✓✓✓"),
    "D4-2.3": ("✓✗✓✓|✓✓", "✓✓✓✓"),
    "D0-6.1": ("✓✓✗✗|✗", "✓✓✓✓|✗"),
    "D1-2a": ("✓✓✓✓|✗", "✗✗✓✓|✓"),
    "D1-2b": ("✗✓✓|✓✓✓", "✓✓|✓✓"),
    "D1-2c": ("✓✓|✓", "✗✗|✓"),
    "D1-2d": ("✓✓✓", "✗"),
    "D1-2e": ("✗✓✓", "✓✓"),
    "D1-6a": ("✓✓✗✗✗", "✓✓✓✓✓"),
    "D1-6b": ("✓✓✓", "✗✗✗"),
    "D2-2b": ("✓✓✓", "✗✗✗"),
    "D1-1a": ("✓✓✗✗", "✗✗✗"),
    "D0-6.2": ("✓✗✓|✗✓", "✓✓✓|✓"),
    "D1-1b": ("✓✓✓✓", "✗✗✗✗"),
    "D1-1c": ("✓✗✗", "✗✗✗✗"),
    "D1-1d": ("✓✓✓|✗", "✗✗✗|✗"),
    "D1-1e": ("✓✗✓✓", "✗✗✗✗"),
    "D1-3": ("✗✗✓✓✓✓", "✓✓✓✓✓"),
    "D1-3.1a": ("✓✓✓✗✗|✗", "✓✓✓✓✓|✗"),
    "D1-3.1b": ("✗✗|✓", "✓✓|✓"),
    "D1-3.3a": ("✗✗✗", "✓✓✓✓"),
    "D1-3.3b": ("✗✗✗✗", "✓✓✓✓"),
    "D3-5c": ("✓✓✓|✗", "✗✗✗|✓"),
    "D2-3d": ("", "✓✓✓✓✓✓"),
    "D0-5b": ("✓✗✗✓", "✓✓✓"),
    "D0-6.3": ("✓✓✓✗✓✗✗✗✓", "✓✓✓✓✓✓✓✓✓"),
    "D3-3.2": ("✓✗✗", "✓✓✓"),
    "D4-1c": ("✓✓✗", "✓✓✓✓"),
    "D3-5a": ("✓✓✓✓✓", "✗✗✗"),
    "D3-5d": ("✓✗✗✓✗✓✓", "✗✗✗"),
    "D0-5a": ("✓✓|✓", "✗✗|✓"),
    "D0-5c": ("✓✓✓|✓✓✓✓✓✓✓✓", "✗✗✗|✓✓✓✓✓✓✓✓"),
    "D1-3.2a": ("✗✗|✓", "✓✓|✓"),
    "D1-3.2b": ("✗✗✗|✓", "✓✓✓|✗"),
    "D1-6c": ("✗✗✗", "✓✓✓"),
    "D2-1": ("✗✗|✗✓", "✓✓|✗✓"),
    "D2-1b": ("✓✗✗|✗", "✗✗|✗"),
    "D2-2d": ("✓✓✓✗✗", "✗✗✗"),
    "D2-2c": ("✗✓✗✓✗", "✓✓"),
    "D2-3c": ("✓✓✓", "✗✗✗"),
    "D2-3e": ("✗✓✓✓✓✗✓", "✓✓✓✓✓"),
    "D3-3.1": ("✓✓✗|✗", "✗✗✗|✗"),
    "D3-3.3": ("", "✓✓✓"),
    "D4-1a": ("✓✗✗|✗", "✗✗✗|✗"),
    "D4-1b": ("✓✓✓", "✗✗✗"),
    "D2-2a": ("✗✗✗|✗✓", "✓✓✓|✗✓"),
    "D4-2.1": ("✗✗✓✓", "✗✗✗✗"),
    "D4-2.2a": ("✓✗✗|✓", "✗|✗"),
    "D4-2.2b": ("✓✓✓✓", "✗✓✗✗"),
    "D4-3.1a": ("✓✓✓", "✗✗✗"),
    "D4-3.1b": ("✓✓✓✗✗|✗", "✗✗✗✗✗|✗"),
    "D4-3.1c": ("✓✓✗✗", "✗✗✗✗"),
    "D4-3.1d": ("✓✗✓✓", "✗✗✗✗"),
    "D4-3.2": ("✓✗|✓✓✗✗✓", "✗✗|✓✗✓✗✓"),
    "D4-3.3": ("✗✓|✓✓✗✓", "✗✗|✓✓✗✓"),
    "D4-3.4": ("✓✗✓✗|✓", "✗✗✗✗|✗"),
    "D4-3.5": ("✓✓✗✗✓|✓", "✗✗✗✗✗|✗"),
    "D4-3.5b": ("✓✗", "✗"),
    "D4-3.6": ("✗✓✓✗|✗✓", "✗✗✗✗|✗✗"),
    "D4-3.7": ("✓✗✓✗|✗✓", "✗✗✗✗|✗✗"),
    "D4-3.8": ("", "✓✓"),
    "D3-6.1": ("✓✓✓✗✓✗", "✗✗✗"),
    "D3-6.3": ("✗✗|✗✓", "✓✓|✗✓"),
    "D4-6": ("", "✓✓"),
    "D0-4": ("✓✓✗✗✗✗", "✓✓✓✓✓✓"),
    "D1-4": ("✗✗✗|✗✓", "✓✓✓|✓✓"),
    "D2-4": ("✗✗✗✗|✗✗✓", "✓✓✓✓|✓✗✗"),
    "D3-4": ("✗✗✗✗|✗✓", "✓✓✓✓|✓✓"),
    "D4-4": ("", "✓✓✓"),
    "D1-5a": ("✓✗✓✗✓✗", "✗✗✗✗✗✗"),
    "D1-5b": ("✓✓✗", "✗✗✗"),
    "D4-5": ("", "✓✓"),
}


@each_claim
def test_each_case_of_the_document_and_of_the_falsehood_is_as_it_was(claim):
    check = check_of(claim)
    document, planted = check.cases(check.document), check.cases(check.planted)
    assert (marks(document), marks(planted)) == MARKS[claim.id]
    assert verdict(document) == claim.verdict != verdict(planted)


@each_claim
def test_the_chapter_shows_each_case_as_it_is_today(claim):
    said = settled(claim.chapter).partition(f"{claim.id} ")[2]
    assert f"→ {claim.verdict}" in said
    check = check_of(claim)
    for case in check.cases(check.planted if claim.verdict == "missing" else check.document):
        words = [re.escape(part) for part in re.split(NUMBER, case.number)]
        mark = "✓ holds" if case.holds else "✗ fails"
        line = re.escape(f"{mark}: {case.name}: ") + f"({f'(?:{NUMBER})'.join(words)})"
        shown = re.search(line, said)
        assert shown, f"{case} is not in the chapter"
        pairs = zip(numbers(case.number), numbers(shown[1]), strict=True)
        assert all(near(a, b) for a, b in pairs), (case.number, shown[1])


def settled(chapter: str) -> str:
    """What the chapter's cells with `settle` showed when they were stored, in one line.

    Where the checks tell the result of the chapter's bet, they stand in its reveal.
    """
    cells = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells
    shown = [c for c in cells if c.cell_type == "code" and f'settle("{chapter}")' in c.source]
    texts = []
    for output in (output for cell in shown for output in cell.outputs):
        data = output.get("data", {})
        texts.append(data.get("text/html") or data.get("text/plain") or output.get("text", ""))
    return " ".join(BeautifulSoup("".join(texts), "html.parser").get_text().split())


@pytest.mark.parametrize(
    ("held", "asides", "word"),
    [
        ([], [], "missing"), ([], [1], "missing"), ([1, 1], [], "holds"), ([1, 1], [0], "holds"),
        ([1, 0], [1], "imprecise"), ([0, 0], [], "wrong"), ([0, 0], [1, 1], "wrong"),
    ],
)  # fmt: skip
def test_the_core_cases_alone_decide(held, asides, word):
    cases = [Case("", bool(h), "") for h in held] + [Case("", bool(h), "", True) for h in asides]
    assert verdict(cases) == verdict(cases[::-1]) == word


def test_settle_says_what_each_case_found_and_leaves_the_threads(capsys):
    import torch

    before = torch.get_num_threads()
    settle("00_start_here")
    said = capsys.readouterr().out
    assert "D1-1b" in said and "→ holds." in said and said.count("✓ holds") == 4
    assert torch.get_num_threads() == before
    with pytest.raises(CourseError, match="chapter"):
        settle("9_nowhere")
