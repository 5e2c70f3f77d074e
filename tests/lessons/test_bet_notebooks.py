"""The stored chapters keep every bet's secret: its reveal, and what follows, are closed details."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = [p for p in sorted(FOLDER.glob("*.ipynb")) if "Bet(" in p.read_text("utf-8")]
each_chapter = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)


def cells(path):
    return nbformat.read(path, as_version=4).cells


def html_of(cell):
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


def outside(text):
    """What a page shows of HTML or Markdown while all its <details> are closed."""
    soup = BeautifulSoup(text, "html.parser")
    for part in soup.find_all("details"):
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


def results(path):
    """What the experiments of a chapter found."""
    text = "".join(html_of(cell) for cell in cells(path) if cell.cell_type == "code")
    pages = BeautifulSoup(text, "html.parser").find_all("details")
    return [m[1] for page in pages if (m := re.search(r"The experiment: (.*)\.\n", page.text))]


def test_every_chapter_has_a_bet():
    assert len(PATHS) == len(list(FOLDER.glob("[0-9]*.ipynb"))) >= 7


@each_chapter
def test_every_reveal_is_a_closed_details(path):
    bets = [c for c in cells(path) if "Bet(" in c.source and c.cell_type == "code"]
    later = [c for c in cells(path) if "bet.then(" in c.source and c.cell_type == "code"]
    assert len(bets) == len(results(path)) == 1
    for cell in bets + later:
        (output,) = cell.outputs
        assert "text/html" in output.data and len(output.data) == 2
        assert output.data["text/plain"].endswith("[closed]")
        soup = BeautifulSoup(output.data["text/html"], "html.parser")
        (details,) = soup.find_all("details", recursive=False)
        assert not details.has_attr("open") and details.get_text(strip=True) != details.summary.text
        assert not soup.find("img", recursive=False) and not soup.find("pre", recursive=False)


@each_chapter
def test_its_result_reaches_other_cells_through_the_bet_alone(path):
    for cell in cells(path):
        if cell.cell_type == "code":
            assert not re.search(r"\bbet\.(?!then\()", cell.source), "the one way is bet.then"
            assert not re.search(r"^\s*(experiment\(\)|\w+ = experiment\()", cell.source, re.M)


@each_chapter
def test_no_other_cell_shows_the_number_that_was_found(path):
    (found,) = results(path)
    number = found.split()[0]
    if not re.fullmatch(r"\d+\.\d+|\d{2,}", number):
        return  # a word among the options
    pattern = rf"(?<![\d.]){re.escape(number)}0*(?![\d.]*\d)"
    for cell in cells(path):
        hit = re.search(pattern, shown(cell))
        assert hit is None, f"{number} is told in: {cell.source[:80]}"
