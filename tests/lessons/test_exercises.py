"""Exercises: every solution passes; the stub and every known wrong answer do not, and say why."""

import ast
import itertools
import re
from importlib import import_module
from pathlib import Path

import blind_checks
import nbformat
import pytest

from course import Exercise
from course.lessons import judging
from course.lessons.contents import ROUTE
from course.lessons.exercises import backward, networks
from course.lessons.judging import Draw

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = {chapter.file: re.sub(r"^\d+(_\d+b?)?_", "", chapter.file) for chapter in ROUTE}
MODULES = {file: import_module(f"course.lessons.exercises.{name}") for file, name in NAMES.items()}
CHAPTERS = {
    file: [made for made in vars(module).values() if isinstance(made, Exercise)]
    for file, module in MODULES.items()
}
WRONG = [wrong for name in NAMES.values() for wrong in import_module(f"wrong_{name}").WRONG]


def imported(chapter: str) -> dict:
    """What the chapter's cell of imports brings, by name: an answer may use it."""
    cells = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells
    source = "\n".join(c.source for c in cells if c.source.startswith("# @title Imports"))
    names: dict = {}
    for line in ast.parse(source).body:
        if isinstance(line, ast.Import | ast.ImportFrom):
            exec(ast.unparse(line), names)
    return names


def run_exercises(path):
    """Execute the exercises' cells, and other ways below them, in one namespace as a kernel.

    Returns:
        How often an answer is handed to a judge.
    """
    names = imported(path.stem) | {"exercises": MODULES[path.stem]}
    asked = 0
    for cell in nbformat.read(path, as_version=4).cells:
        if "exercise" in cell.metadata.get("tags", []) or ".check(" in cell.source:
            exec(cell.source, names)
            asked += cell.source.count(".check(")
    return asked


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_solution_passes(chapter, capsys):
    asked = run_exercises(NOTEBOOKS / "solutions" / f"{chapter}.ipynb")
    assert all(exercise.passed for exercise in CHAPTERS[chapter])
    said = capsys.readouterr().out
    assert said.count("right!") == asked >= len(CHAPTERS[chapter]) and "not yet" not in said


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_solution_stands_below_the_heading_of_its_exercise(chapter):
    headings, judged = [], []
    path = NOTEBOOKS / "solutions" / f"{chapter}.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            headings += re.findall(r"(?m)^## (Exercise \d)$", cell.source)
        elif ".check(" in cell.source and headings:
            said = "".join(output.get("text", "") for output in cell.outputs)
            judged += re.findall(r"(?m)^(Exercise \d): right!", said)
            assert headings == list(dict.fromkeys(judged))  # two ways may stand below one
    exercises = [e.name for e in CHAPTERS[chapter] if e.name.startswith("Exercise ")]
    assert headings == sorted(exercises)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_stub_runs_and_does_not_pass(chapter):
    for exercise in CHAPTERS[chapter]:
        exercise.passed = True
    run_exercises(NOTEBOOKS / f"{chapter}.ipynb")
    assert not any(exercise.passed for exercise in CHAPTERS[chapter])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_exercises_and_its_judges_know_common_mistakes(chapter):
    assert chapter == "00_start_here" or 2 <= len(CHAPTERS[chapter]) <= 4
    for exercise in CHAPTERS[chapter]:
        assert sum(wrong[0] is exercise for wrong in WRONG) >= 4, exercise.name


@pytest.mark.parametrize(("exercise", "answer", "says"), WRONG)
def test_wrong_answers_are_recognised(exercise, answer, says, capsys):
    assert not exercise.check(answer) and not exercise.passed
    message = capsys.readouterr().out
    assert says in message and "not answered yet" not in message


@pytest.mark.parametrize("mistake", backward.MISTAKES)
def test_a_check_that_is_blind_to_one_mistake_is_told_to_which(mistake):
    answer = blind_checks.passes_only(mistake)  # it reads its judge, so it is handed over directly
    assert backward.MISTAKES[mistake] in backward.judge_gradient_check(answer)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.full
def test_no_draw_lets_a_wrong_answer_pass_or_refuses_a_right_one(seed, monkeypatch, capsys):
    seeds = itertools.count(1000 * (seed + 1))
    monkeypatch.setattr(judging, "new_seed", lambda: next(seeds))
    slow = [backward.check_gradients, *CHAPTERS["00_start_here"]]  # they draw little, and are slow
    for exercise, answer, _ in WRONG:
        if exercise not in slow and callable(answer):
            assert not exercise.check(answer)
    capsys.readouterr()  # which words an answer earns may depend on the draw
    for chapter in CHAPTERS.keys() - {"00_start_here"}:
        run_exercises(NOTEBOOKS / "solutions" / f"{chapter}.ipynb")
        assert all(exercise.passed for exercise in CHAPTERS[chapter])


@pytest.mark.parametrize("square", [True, False])
def test_in_each_drawn_table_depth_loses_somewhere(square):
    """Else an answer that leaves one N out would be right."""
    for seed in range(100):
        assert networks.losing_sizes(*networks.draw_tables(Draw(seed, square)))


def test_no_answer_is_no_error(capsys):
    for exercise in sum(CHAPTERS.values(), []):
        assert not exercise.check(...) and not exercise.check(None)
        assert capsys.readouterr().out.count("not answered yet") == 2


def test_three_hints_each(capsys):
    for exercise in sum(CHAPTERS.values(), []):
        exercise.shown = 0
        assert len(exercise.hints) == 3
        for hint in exercise.hints:
            exercise.hint()
            assert hint in capsys.readouterr().out
