"""Searches of what is missing: in documents that the tests write."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import CourseError
from course.cli.main import main
from course.lessons import ledger
from course.lessons import search_again as again
from course.lessons.search_again import search_again
from course.lessons.searches import Search, is_missing

TEXTS = [f"# document {n}\n\n## 3.3 formulas\nwhere {n} is\n\n# 4 end = $\n" for n in range(5)]
PART = r"(?ms)^## 3\.3 .*?(?=^# 4)"


def claim(document: int, *given_: Search) -> ledger.Claim:
    """A claim of a document that promises formulas."""
    promised = (Search("announced", "formulas", 1), Search("explained", "where", 1, PART))
    return ledger.Claim(
        f"D{document}-3.3", "x", "missing", "", "", "", "", promised=promised, given=given_
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five documents, and a ledger that knows them."""
    digests = {n: hashlib.sha256(text.encode()).hexdigest() for n, text in enumerate(TEXTS)}
    known = (claim(0, Search("equals signs", "=", 0, PART)), claim(3, Search("dollars", r"\$", 1)))
    monkeypatch.setattr(again, "documents", lambda: digests)
    monkeypatch.setattr(again, "claims", lambda: known)
    for n, text in enumerate(TEXTS):
        (tmp_path / f"{n:03}_abc.txt").write_text(text, "utf-8")
    return tmp_path


def test_what_is_as_stored_is_said_so(folder, capsys):
    lines, same = search_again(folder)
    assert same and len(lines) == 5 + 2 * 3
    assert "  D0-3.3, equals signs: 0, as stored" in lines
    assert "  D3-3.3, dollars: 1, as stored" in lines
    assert main(["ledger", "--documents", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("where 0", "y = 3", "D0-3.3, equals signs: 1, STORED 0"),
        ("where 0", "that 0", "D0-3.3, explained: 0, STORED 1"),
        ("formulas", "words", "D0-3.3, announced: 0, STORED 1"),
        ("## 3.3", "## 3.4", "D0-3.3, equals signs: None, STORED 0"),
    ],
)
def test_another_text_is_found_by_its_digest_and_its_counts(folder, old, new, words, capsys):
    text = TEXTS[0].replace(old, new)
    (folder / "000_abc.txt").write_text(text, "utf-8")
    lines, same = search_again(folder)
    assert not same and f"  {words}" in lines
    assert hashlib.sha256(text.encode()).hexdigest() in lines[0] and "ANOTHER text" in lines[0]
    assert main(["ledger", "--documents", str(folder)]) == 1


def test_a_changed_letter_outside_all_searches_is_found_by_the_digest_alone(folder):
    (folder / "001_abc.txt").write_text(TEXTS[1] + " ", "utf-8")
    lines, same = search_again(folder)
    assert not same and sum("ANOTHER" in line for line in lines) == 1
    assert not any("STORED" in line for line in lines)


def test_a_folder_without_one_of_the_documents_is_refused(folder, tmp_path, capsys):
    (folder / "004_b.txt").write_text("", "utf-8")
    with pytest.raises(CourseError, match="has 2 files 004_"):
        search_again(folder)
    for path in folder.glob("004*"):
        path.unlink()
    assert main(["ledger", "--documents", str(folder)]) == 2
    assert "has 0 files 004_*.txt; allowed: 1" in capsys.readouterr().err
    with pytest.raises(CourseError, match="has 0 files 000_"):
        search_again(tmp_path / "nowhere")


def test_a_document_that_cannot_be_read_is_named(folder):
    (folder / "002_abc.txt").unlink()
    (folder / "002_abc.txt").mkdir()
    with pytest.raises(CourseError, match="002_abc.txt' cannot be read"):
        search_again(folder)


@given(st.text("ab=\n", max_size=40))
def test_a_plain_pattern_is_counted_as_str_counts(text):
    assert Search("", "=", 0).found(text) == text.count("=")
    first, stroke, rest = text.partition("\n")
    assert Search("", "=", 0, r"(?s)\n.*").found(text) == (rest.count("=") if stroke else None)


@pytest.mark.parametrize(
    "promised, given_, missing",
    [((1, 2), (0, 0), True), ((1, 0), (0, 0), False), ((1, 2), (0, 1), False)],
)
def test_missing_is_promised_and_not_given(promised, given_, missing):
    searches = [tuple(Search("", "", n) for n in counts) for counts in (promised, given_)]
    assert is_missing(*searches) == missing


def test_the_ledger_itself_searches_each_missing_claim_in_a_known_document():
    assert set(ledger.documents()) == set(range(5))
    assert all(len(digest) == 64 for digest in ledger.documents().values())
