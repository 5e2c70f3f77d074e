"""What a notebook costs before its first own line: pre-loaded kernels against fresh ones.

Targets: at most 0.8 s a notebook and at least 5 times less than a fresh kernel; the whole course
in at most 6 minutes. Takes a few minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from report import interleaved, publish, ratio, verdict

from course.publishing.execute import Run
from course.publishing.preloaded_kernels import preloaded

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
IMPORTS = "import torch\nimport matplotlib.pyplot as plt\nimport ipywidgets\n"


def run(path: Path, home: Path | None) -> None:
    problem = Run(path, kernels=home).execute().problem
    if problem:
        raise RuntimeError(problem)


def start_up(folder: Path) -> list[list[str]]:
    """Seconds from papermill's start to its end, of a notebook that only imports."""
    rows = []
    chapter = IMPORTS + "import course, widgets"
    for what, source in [("the three libraries", IMPORTS), ("and the course", chapter)]:
        path = folder / "imports.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
        begin = time.perf_counter()
        with preloaded() as home:
            server = time.perf_counter() - begin
            assert home is not None
            times = interleaved(
                {"forked": lambda: run(path, home), "fresh": lambda: run(path, None)},  # noqa: B023
                rounds=5,
            )
        forked, fresh = statistics.median(times["forked"]), statistics.median(times["fresh"])
        less = verdict(ratio(times["fresh"], times["forked"]), 5, at_most=False)
        rows.append([what, verdict(forked, 0.8), f"{fresh:.2f}", less, f"{server:.1f}"])
    return rows


def whole_course() -> float:
    """Seconds of `course regenerate --check` with one job a core."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "course.cli.main", "regenerate", "--check"], check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        rows = start_up(Path(name))
    count = len(list(NOTEBOOKS.rglob("*.ipynb")))
    text = (
        "Seconds for a notebook that imports and does nothing else, papermill included; target in\n"
        f"brackets. The whole course, {count} notebooks on {os.cpu_count()} cores with all"
        f" outputs compared: {verdict(whole_course(), 360)} s."
    )
    header = ["imports", "pre-loaded", "fresh", "times less", "server, once"]
    publish("Kernels", text, header, rows)
