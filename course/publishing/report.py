"""What `course regenerate` reports: progress with time left, a table, and the same as HTML."""

import math
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template
from tqdm import tqdm

from ..files import write_bytes

GOOD = ("ok", "unchanged", "holds")
HEADER = ("time", "cells", "peak memory", "status")


@dataclass
class Result:
    """What became of one notebook."""

    path: Path
    target: Path  # where its outputs are stored
    name: str  # as listed
    status: str = "stopped"  # ok, unchanged, holds, DIFFERS, FAILED, stopped
    seconds: float = 0.0
    cells: int = 0  # code cells that ran well
    peak: int | None = None  # bytes that the kernel held at most
    problem: str | None = None  # in words
    page: Path | None = None  # the notebook as HTML

    @property
    def good(self) -> bool:
        """Whether nothing is left to mend."""
        return self.status in GOOD

    def columns(self) -> list[str]:
        """Return the cells of the table below `HEADER`."""
        peak = f"{self.peak / 2**20:,.0f} MiB" if self.peak else "–"
        return [f"{self.seconds:.1f} s", str(self.cells), peak, self.status]


class ProgressLine:
    """Show how far all cells are. A notebook weighs its seconds of last time, or 1 s a cell.

    On a terminal tqdm draws one line again and again; elsewhere each notebook that ends gets a
    line. Worker threads only count; the thread that waits for them draws.

    Args:
        cells: the number of code cells of each notebook
        seconds: how long each notebook took last time, if that is known
    """

    def __init__(self, cells: dict[Path, int], seconds: dict[Path, float]):
        self.cells = cells
        self.weights = {path: seconds.get(path, float(n)) for path, n in cells.items()}
        self.cells_done = dict.fromkeys(cells, 0)
        self.notebooks_done = 0
        self.on_terminal = sys.stderr.isatty()
        screen = shutil.get_terminal_size()  # 80 x 24 if unknown; tqdm then draws nothing
        self.bar = tqdm(
            desc=f"0 of {len(cells)} notebooks",
            total=sum(self.weights.values()) or 1.0,
            bar_format="{bar:30} " * self.on_terminal + "{desc}, {elapsed} spent, {remaining} left",
            delay=0 if self.on_terminal else math.inf,  # inf: tqdm itself draws nothing
            ncols=screen.columns,
            nrows=screen.lines,
            leave=False,
        )

    def count_cell(self, path: Path) -> None:
        """Count one more cell of this notebook."""
        self.cells_done[path] = min(self.cells_done[path] + 1, self.cells[path])

    def count_notebook(self, result: Result) -> None:
        """Count a notebook that ended, well or not."""
        self.cells_done[result.path] = self.cells[result.path]
        self.notebooks_done += 1
        if not self.on_terminal:
            print(f"{self}: {result.name} {result.status}", file=sys.stderr, flush=True)

    def draw(self) -> None:
        """Draw the line again on a terminal."""
        self._update()
        if self.on_terminal:
            self.bar.refresh()

    def clear(self) -> None:
        """Remove the line."""
        self.bar.close()

    def __str__(self) -> str:
        self._update()
        return str(self.bar)

    def _update(self) -> None:
        shares = {path: n / max(1, self.cells[path]) for path, n in self.cells_done.items()}
        self.bar.n = sum(self.weights[path] * share for path, share in shares.items())
        counts = f"{self.notebooks_done} of {len(self.cells)} notebooks"
        self.bar.set_description_str(counts, refresh=False)


def show_table(results: list[Result]) -> None:
    """Print the table, then each problem in full."""
    rows = [["notebook", *HEADER], *([r.name, *r.columns()] for r in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for name, *numbers, status in rows:
        cells = [name.ljust(widths[0])]
        cells += [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=False)]
        print("  ".join([*cells, status]))
    for result in results:
        if result.problem:
            print(f"\n{result.name}.ipynb: {result.problem}")


def save_summary(results: list[Result], path: Path) -> None:
    """Write the table as one HTML file with links to the notebooks and their pages.

    Args:
        results: one for each row
        path: the HTML file; its folder is made if it is missing

    Raises:
        OSError: the file cannot be written; an earlier one stays.
    """

    def link(target: Path) -> str:
        return Path(os.path.relpath(target, path.parent)).as_posix()

    page = Template(PAGE, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = page.render(results=results, header=["notebook", *HEADER], link=link)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(text.encode(), path)


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>course regenerate</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .4rem .8rem; text-align: left; }
td:nth-child(n+2):nth-child(-n+4), th:nth-child(n+2):nth-child(-n+4) {
  text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tbody th { font-weight: normal; white-space: nowrap; }
.bad { font-weight: bold; overflow-wrap: anywhere; }
.bad::before { content: "✗ "; }
.good::before { content: "✓ "; }
</style>
<h1>course regenerate</h1>
{% set bad = results | rejectattr("good") | list %}
<p>
{%- if bad %}{{ bad | length }} of {{ results | length }} went wrong
{%- else %}All {{ results | length }} went well{% endif %}.</p>
<table>
<thead><tr>
{% for title in header %}
<th scope="col">{{ title }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for r in results %}
<tr>
<th scope="row">
{%- if r.target.exists() %}<a href="{{ link(r.target) | urlencode }}">{{ r.name }}</a>
{%- else %}{{ r.name }}{% endif %}
{% if r.page %} (<a href="{{ link(r.page) | urlencode }}">as a page</a>){% endif %}
</th>
{% for number in r.columns()[:-1] %}
<td>{{ number }}</td>
{% endfor %}
<td class="{{ "good" if r.good else "bad" }}">{{ r.status }}
{%- if r.problem %}: {{ r.problem }}{% endif %}</td>
</tr>
{% endfor %}
</tbody>
</table>
</html>
"""
