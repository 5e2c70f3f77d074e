"""The standard that each chapter of the route meets, as far as a program sees it.

Minutes: words ÷ 130 + lines of code that is not folded ÷ 12 + 4 for each thing to move + 5 for each
exercise. The words that a bet's reveal tells are words of the chapter, too.
"""

import re
import statistics
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
import pytest

from course.lessons.contents import ROUTE, badges, links

FOLDER = Path(__file__).parents[1] / "notebooks"
AFTER_BETS = Path(__file__).parents[1] / "course" / "lessons" / "after_bets"
STOP = "Stop mark"
LEDGER = "errata"  # its subject is the ledger itself, whole
MOVES = ("TrainingLab(", "DescentLab(", "BackpropLab(", "ClusterLab(", "PlannerLab(",
         "OnCallLab(", "explore(", "drag(", "Patient(", "Ward(")  # fmt: skip
KNOBS = MOVES[:-2]  # a patient comes at the end of a chapter; a sitting has one more thing to move
DRAWS = re.compile(r"\bplt\.|\bshow\(|\bplot\(|\bexplore\(|\bdrag\(")
BARE = re.compile(
    r"!\[[^\]]*\]\([^)]*\)"  # badges
    r"|(?<=\])\([^)]*\)"  # where links lead
    r"|</?[a-z][^>]*>"
)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.S)


def words(text: str) -> int:
    """Return how many words a reader meets; a formula counts as one."""
    text = BARE.sub(" ", FORMULA.sub(" formula ", text))
    return len(re.findall(r"[^\W_]+(?:[-'’.,][^\W_]+)*", text))


@dataclass
class Sitting:
    """The cells between two stop marks."""

    cells: list = field(default_factory=list)

    def code(self) -> list[str]:
        return [c.source for c in self.cells if c.cell_type == "code"]

    def count(self, names: tuple[str, ...]) -> int:
        return sum(any(name in source for name in names) for source in self.code())

    def exercises(self) -> int:
        return sum("exercise" in c.metadata.get("tags", []) for c in self.cells)

    def minutes(self, told: int = 0) -> float:
        """Return what it takes; told: words that a bet's reveal tells in it."""
        text = told + sum(words(c.source) for c in self.cells if c.cell_type == "markdown")
        lines = sum(
            len([line for line in c.source.splitlines() if line.strip()])
            for c in self.cells
            if c.cell_type == "code" and not is_folded(c)
        )
        return text / 130 + lines / 12 + 4 * self.count(MOVES) + 5 * self.exercises()


@dataclass(frozen=True)
class Chapter:
    file: str
    cells: list

    @property
    def text(self) -> str:
        return "\n\n".join(c.source for c in self.cells if c.cell_type == "markdown")

    @property
    def code(self) -> list:
        return [c for c in self.cells if c.cell_type == "code"]

    @property
    def told(self) -> int:
        path = AFTER_BETS / f"{self.file}.md"
        return words(path.read_text("utf-8")) if path.exists() else 0

    def sittings(self) -> list[Sitting]:
        found = [Sitting()]
        for cell in self.cells:
            if cell.cell_type == "markdown" and STOP in cell.source:
                found.append(Sitting())
            found[-1].cells.append(cell)
        return found

    def minutes(self) -> float:
        return sum(sitting.minutes() for sitting in self.sittings()) + self.told / 130

    def section(self, title: str) -> str:
        """Return the Markdown below a heading that begins so, up to the next of its level."""
        match = re.search(rf"(?ms)^## {title}[^\n]*\n(.*?)(?=^## |\Z)", self.text)
        assert match, f"{self.file} has no section '{title}'"
        return match[1]


def is_folded(cell) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


@cache
def read(file: str) -> Chapter:
    return Chapter(file, nbformat.read(FOLDER / f"{file}.ipynb", as_version=4).cells)


@pytest.fixture(params=[c.file for c in ROUTE])
def chapter(request) -> Chapter:
    return read(request.param)


# ---- length -------------------------------------------------------------------------------------


def test_it_has_at_most_65_cells_and_2_000_words(chapter):
    assert len(chapter.cells) <= 65
    assert words(chapter.text) + chapter.told <= 2000
    lengths = [len(c.source.splitlines()) for c in chapter.code]
    assert max(lengths) <= 20 and statistics.median(lengths) <= 8
    assert (FOLDER / f"{chapter.file}.ipynb").stat().st_size <= 250_000


def test_its_minutes_are_honest(chapter):
    minutes = 5 * round(chapter.minutes() / 5)
    sittings = chapter.sittings()
    first = chapter.cells[0].source
    said = re.search(r"About (\d+) minutes(?:, in (\w+) sittings)?", first)
    assert said and int(said[1]) == minutes, f"{chapter.minutes():.1f} minutes by the formula"
    assert next(c.minutes for c in ROUTE if c.file == chapter.file) == minutes
    assert {None: 1, "two": 2, "three": 3}[said[2]] == len(sittings)
    for sitting in sittings:
        assert sitting.minutes() <= 35


# ---- the first screen ---------------------------------------------------------------------------


def test_it_opens_with_its_question_and_what_to_know(chapter):
    first = chapter.cells[0].source
    entry = next(c for c in ROUTE if c.file == chapter.file)
    assert first.startswith(f"# {entry.title}\n\n**{entry.question}**")
    assert "now before" in first
    assert ("side trip" in first.lower().partition("<small>")[0]) == (entry.after is not None)
    *_, last = first.strip().splitlines()
    assert last.startswith("<small>") and last.endswith("</small>")
    assert badges(chapter.file) in last and links(chapter.file) in last
    assert links(chapter.file) in chapter.cells[-1].source


def test_its_navigation_leads_where_the_route_says_and_nowhere_else(chapter):
    """In the last line of the first cell and of the last: no link of an older route is left."""
    there = re.findall(r"\]\((\w+\.ipynb)\)", links(chapter.file))
    for cell in (chapter.cells[0], chapter.cells[-1]):
        last = cell.source.strip().splitlines()[-1]
        assert re.findall(r"\]\((\w+\.ipynb)\)", last) == there


def test_something_can_be_touched_by_cell_six(chapter):
    early = [c.source for c in chapter.cells[:6] if c.cell_type == "code"]
    assert any(name in source for name in (*KNOBS, "Bet(") for source in early)


def test_plumbing_and_drawing_are_folded(chapter):
    for cell in chapter.code:
        source, tags = cell.source, cell.metadata.get("tags", [])
        plumbing = "google.colab" in source or "parameters" in tags or "check_parameters" in source
        if plumbing or DRAWS.search(source) and not any(name in source for name in MOVES):
            assert is_folded(cell), source
        if is_folded(cell):
            assert re.match(r"# @title \w", source), source
            assert cell.metadata.get("cellView") == "form", source
        else:
            assert cell.metadata.get("cellView") is None and "@title" not in source


def test_its_small_arrays_use_one_thread(chapter):
    """More threads wait for each other: a chapter took four times as long on two busy cores."""
    assert "set_num_threads(1)" in "\n".join(cell.source for cell in chapter.code)


# ---- what a chapter has -------------------------------------------------------------------------


def test_it_has_one_bet_and_one_patient(chapter):
    code = "\n".join(c.source for c in chapter.code)
    assert len(re.findall(r"\bBet\(", code)) >= 1
    patients = 0 if chapter.file == LEDGER else 1  # the errata are about sentences
    assert len(re.findall(r"\b(Patient|Ward)\(", code)) == patients


def test_a_result_stands_within_ten_cells(chapter):
    sources = [c.source for c in chapter.cells]
    bet = next(i for i, s in enumerate(sources) if "Bet(" in s)
    assert bet <= 20
    assert any(re.search(r"\bbet\w*\.(tell|then)\(", s) for s in sources[bet + 1 : bet + 11])


def test_each_sitting_has_a_knob_and_an_exercise(chapter):
    for number, sitting in enumerate(chapter.sittings(), 1):
        assert sitting.count(KNOBS), f"sitting {number} has nothing to move"
        assert sitting.exercises(), f"sitting {number} has no exercise"


@pytest.mark.parametrize("file", [c.file for c in ROUTE[1:]])
def test_it_asks_back_twice(file):
    section = read(file).section("Two questions from earlier chapters")
    assert section.count("<details>") == section.count("</summary>") == 2


def test_it_has_a_referee(chapter):
    referees = [c for c in chapter.code if "referee" in c.metadata.get("tags", [])]
    assert referees
    for cell in referees:
        assert re.search(r"\b(compare|gradient_check)\(", cell.source), cell.source
        assert not is_folded(cell)


def test_what_the_documents_say_is_settled_by_programs(chapter):
    code = "\n".join(c.source for c in chapter.code)
    assert ("Errata()" if chapter.file == LEDGER else f'settle("{chapter.file}")') in code
    assert "| verdict |" not in chapter.text


def test_at_scale_is_five_lines_with_sources(chapter):
    lines = re.findall(r"(?m)^\d+\. (.*(?:\n(?!\d+\.|\n).*)*)", chapter.section("At scale"))
    assert len(lines) == 5
    sourced = [s for s in lines if re.search(r"(?i)\b(table|section|equation|figure|eq\.) ?\d", s)]
    assert sourced, "no table, section, equation or figure is named"
    cited = [s for s in lines if re.search(r"\b(19|20)\d\d\b", s)]
    assert len(cited) >= 2


def test_its_summary_is_five_lines(chapter):
    assert len(re.findall(r"(?m)^\d+\. ", chapter.section("Summary"))) == 5
    assert "\n* " in "\n" + chapter.section("Papers")


def test_its_figures_have_captions_and_words(chapter):
    for cell in chapter.code:
        for call in re.finditer(r"\b(show|plot|explore|drag)\(", cell.source):
            if "def " + call[1] in cell.source or re.search(rf"import.*\b{call[1]}\b", cell.source):
                continue
            assert "caption=" in cell.source and "alt=" in cell.source, cell.source


def test_its_exercises_hint_and_its_solutions_are_there(chapter):
    assert (FOLDER / "solutions" / f"{chapter.file}.ipynb").exists()
    for cell in chapter.code:
        if "exercise" in cell.metadata.get("tags", []):
            assert ".check(" in cell.source, cell.source
    assert ".hint()" in chapter.text
