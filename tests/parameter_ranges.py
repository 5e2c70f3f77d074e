"""What the parameters of each chapter may be, as its own cell says it."""

import re
from functools import cache
from pathlib import Path

import nbformat

from course.lessons.contents import ROUTE

FOLDER = Path(__file__).parents[1] / "notebooks"
PATHS = [FOLDER / f"{c.file}.ipynb" for c in ROUTE]


@cache
def parameters_cells(path: Path) -> tuple[str, str]:
    """The source of the cell tagged so, and of the one after it."""
    cells = nbformat.read(path, as_version=4).cells
    (at,) = [i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])]
    return cells[at].source, cells[at + 1].source


def own(path: Path) -> dict:
    """The parameters of a chapter, as they stand in its cell."""
    names: dict = {}
    exec(parameters_cells(path)[0], names)
    return {name: value for name, value in names.items() if name != "__builtins__"}


def stated(path: Path, name: str) -> tuple[int, int]:
    """The range that the comment beside a parameter gives."""
    lines = parameters_cells(path)[0].splitlines()
    (line,) = [s for s in lines if s.startswith(f"{name} = ")]
    low, high = re.search(r"([\d,]+) to ([\d,]+)", line).groups()
    return int(low.replace(",", "")), int(high.replace(",", ""))


def stated_datasets(path: Path) -> list[str]:
    lines = parameters_cells(path)[0].splitlines()
    (line,) = [s for s in lines if s.startswith("dataset = ")]
    return re.findall(r'"(\w+)"', line)


def ends(path: Path) -> list[dict]:
    """A chapter's parameters at both ends of its steps, with each of its data sets, and two seeds.

    Every end, data set and seed is there, not every pair of them. The first is run on Colab's
    kernel, the others on this machine's.
    """
    has = own(path)
    steps = [{"steps": end} for end in stated(path, "steps")] if "steps" in has else [{}]
    sets = [{"dataset": name} for name in stated_datasets(path)] if "dataset" in has else [{}]
    return [
        steps[i % len(steps)] | sets[i % len(sets)] | {"seed": (i + i // 2) % 2}
        for i in range(max(2, len(sets)))
    ]
