"""What `course regenerate` tells: progress with time left, a table on screen, the same as HTML."""

import html
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .outputs import write_bytes

GOOD = ("ok", "unchanged", "holds")


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
        return self.status in GOOD

    def columns(self) -> list[str]:
        peak = f"{self.peak / 2**20:,.0f} MiB" if self.peak else "–"
        return [f"{self.seconds:.1f} s", str(self.cells), peak, self.status]


HEADER = ["time", "cells", "peak memory", "status"]


class Progress:
    """How far all cells are. A notebook weighs what it took last time, else a second a cell.

    On a terminal one line that is drawn again, elsewhere one line for each notebook that ended.
    Worker threads only count; the thread that waits for them draws.
    """

    def __init__(self, cells: dict[Path, int], seconds: dict[Path, float]):
        """cells: code cells of each notebook; seconds: how long it took, where that is known."""
        self.cells = cells
        self.weights = {path: seconds.get(path, float(n)) for path, n in cells.items()}
        self.ran = dict.fromkeys(cells, 0)  # code cells of each
        self.done = 0
        self.start = time.perf_counter()

    def cell(self, path: Path) -> None:
        """One more cell of this notebook ran."""
        self.ran[path] = min(self.ran[path] + 1, self.cells[path])

    def notebook(self, result: Result) -> None:
        """This notebook ended, one way or the other."""
        self.ran[result.path] = self.cells[result.path]
        self.done += 1
        if not sys.stderr.isatty():
            print(f"{self}: {result.name} {result.status}", file=sys.stderr, flush=True)

    def draw(self) -> None:
        if sys.stderr.isatty():
            filled = round(30 * self.share())
            bar = "█" * filled + "·" * (30 - filled)
            print(f"\r\033[K{bar} {self}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def share(self) -> float:
        passed = sum(self.weights[p] * n / max(1, self.cells[p]) for p, n in self.ran.items())
        return passed / (sum(self.weights.values()) or 1.0)

    def __str__(self) -> str:
        share, spent = self.share(), time.perf_counter() - self.start
        left = f"{clock(spent / share - spent)} left" if share else "time left unknown"
        return f"{self.done} of {len(self.cells)} notebooks, {clock(spent)} spent, {left}"


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


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
    """The table as one HTML file with links to the notebooks and their pages."""

    def link(to: Path, text: str) -> str:
        href = Path(os.path.relpath(to, path.parent)).as_posix()
        return f'<a href="{html.escape(href)}">{html.escape(text)}</a>'

    rows = []
    for r in results:
        name = link(r.target, r.name) if r.target.exists() else html.escape(r.name)
        if r.page:
            name += f" ({link(r.page, 'as a page')})"
        numbers = "".join(f"<td>{html.escape(c)}</td>" for c in r.columns()[:-1])
        told = f": {html.escape(r.problem)}" if r.problem else ""
        mark = "good" if r.good else "bad"
        rows.append(
            f'<tr><th scope="row">{name}</th>{numbers}'
            f'<td class="{mark}">{html.escape(r.status)}{told}</td></tr>'
        )
    head = "".join(f'<th scope="col">{h}</th>' for h in ["notebook", *HEADER])
    bad = [r for r in results if not r.good]
    verdict = f"{len(bad)} of {len(results)} went wrong" if bad else f"All {len(results)} went well"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(PAGE.format(verdict=verdict, head=head, rows="\n".join(rows)).encode(), path)


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>course regenerate</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .8rem; text-align: left; }}
td:nth-child(n+2):nth-child(-n+4), th:nth-child(n+2):nth-child(-n+4) {{
  text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
tbody th {{ font-weight: normal; white-space: nowrap; }}
.bad {{ font-weight: bold; overflow-wrap: anywhere; }}
.bad::before {{ content: "✗ "; }}
.good::before {{ content: "✓ "; }}
</style>
<h1>course regenerate</h1>
<p>{verdict}.</p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</html>
"""
