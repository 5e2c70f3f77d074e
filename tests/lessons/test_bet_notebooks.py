"""The stored chapters keep every bet's secret: its reveal, and what follows, are closed details."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from course.lessons.texts_after_bets import texts

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = [p for p in sorted(FOLDER.glob("**/*.ipynb")) if "Bet(" in p.read_text("utf-8")]
each_chapter = pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.name}/{p.stem}")
NAMES = r"\b(?:bet|clinic)"  # the bet, and a patient that is not a `Patient`


def cells(path):
    return nbformat.read(path, as_version=4).cells


def code(path, words):
    return [c for c in cells(path) if words in c.source and c.cell_type == "code"]


def html_of(cell):
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


def outside(text):
    """What a page shows of HTML or Markdown while all its <details> are closed."""
    soup = BeautifulSoup(text, "html.parser")
    for part in soup.find_all("details"):
        if not part.decomposed:  # with the one around it
            assert not part.has_attr("open")
            part.decompose()
    return soup.get_text()


def shown(cell):
    """All that a stored cell shows, its source included."""
    if cell.cell_type == "markdown":
        return outside(cell.source)
    texts = [cell.source]
    for output in cell.outputs:
        data = output.get("data", {})
        texts += [output.get("text", ""), data.get("text/plain", ""),
                  outside(data.get("text/html", ""))]  # fmt: skip
    return "\n".join(texts)


def hidden(path):
    """All that the reveals of a chapter hold, their images' words included."""
    soup = BeautifulSoup("".join(map(html_of, code(path, ""))), "html.parser")
    for image in soup.find_all("img"):
        image.replace_with(image["alt"])
    return "\n".join(part.get_text() for part in soup.find_all("details"))


def result(path):
    """What the chapter's experiment found."""
    (cell,) = code(path, "bet = Bet(")
    text = BeautifulSoup(html_of(cell), "html.parser").get_text()
    return re.search(r"The experiment: (.*)\.\n", text)[1]


def after_the_bet(path):
    """The cells below the chapter's bet, with what betrays its result."""
    every = cells(path)
    (at,) = [i for i, cell in enumerate(every) if "bet = Bet(" in cell.source]
    return every[at].metadata["course"]["betrays"], every[at + 1 :]


def test_every_chapter_has_a_bet_and_a_patient():
    chapters = {p.stem for p in FOLDER.glob("*.ipynb")}
    assert {p.stem for p in PATHS} == chapters and len(chapters) >= 7
    for path in PATHS:
        patients = [c for word in ("patient = Patient(", "clinic = Bet(", "ward = Ward(")
                    for c in code(path, word)]  # fmt: skip
        assert len(patients) == (path.stem != "errata"), path


@each_chapter
def test_every_reveal_is_a_closed_details(path):
    reveals = [
        c for c in code(path, "") if re.search(rf"{NAMES}(?: = Bet|\.then|\.tell)\(", c.source)
    ]
    for cell in reveals + code(path, "= Patient("):
        (output,) = cell.outputs
        assert "text/html" in output.data and len(output.data) == 2
        soup = BeautifulSoup(output.data["text/html"], "html.parser")
        (details,) = soup.find_all("details", recursive=False)
        assert not details.has_attr("open") and details.get_text(strip=True) != details.summary.text
        if cell in reveals:
            assert output.data["text/plain"].endswith("[closed]")
            assert not soup.find("img", recursive=False) and not soup.find("pre", recursive=False)


@each_chapter
def test_its_result_reaches_other_cells_through_the_bet_alone(path):
    for cell in code(path, ""):
        assert not re.search(rf"{NAMES}\.(?!then\(|tell\()", cell.source), "two ways: then, tell"
        assert not re.search(r"^\s*(experiment\(\)|\w+ = experiment\()", cell.source, re.M)


@each_chapter
def test_no_prose_that_waits_for_the_bet_opens_without_it(path):
    _, below = after_the_bet(path)
    assert not [cell.source for cell in below if "<details" in cell.source]


@each_chapter
def test_every_text_of_its_file_is_told_once(path):
    told = [
        title
        for cell in code(path, "")
        for title in re.findall(rf'{NAMES}\.tell\("(.*?)"\)', cell.source)
    ]
    assert sorted(told) == sorted(texts(path.stem))


@each_chapter
def test_no_cell_below_the_bet_betrays_it(path):
    patterns, below = after_the_bet(path)
    for pattern in patterns:
        for cell in below:
            hit = re.search(pattern, shown(cell))
            assert hit is None, f"{hit[0]!r} ({pattern}) is told in: {cell.source[:80]}"
        assert re.search(pattern, hidden(path)), f"{pattern} is nowhere: it guards nothing"


@each_chapter
def test_no_other_cell_shows_the_number_that_was_found(path):
    number = result(path).split()[0]
    if not re.fullmatch(r"\d+\.\d+|\d{2,}", number):
        return  # a word among the options
    pattern = rf"(?<![\d.]){re.escape(number)}0*(?![\d.]*\d)"
    for cell in cells(path):
        hit = re.search(pattern, shown(cell))
        assert hit is None, f"{number} is told in: {cell.source[:80]}"
