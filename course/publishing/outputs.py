"""A notebook's stored outputs: cleaned so that two runs give the same bytes, compared, written."""

import math
import re
from itertools import count
from pathlib import Path

import nbformat

from ..files import write_bytes
from .meaning import output_difference

VOLATILE = "volatile"  # the tag of a cell that shows measured times
WIDGET = "application/vnd.jupyter.widget-view+json"


def excerpt(source: str) -> str:
    """The first line of a cell, by which a message names it."""
    line = next(line for line in source.splitlines() if line.strip()).strip()
    return line if len(line) <= 50 else line[:49] + "…"


def clean(notebook) -> None:
    """Drop what differs from run to run: times, paths, widget ids, papermill's own notes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    _give_ids(notebook.cells)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
            for output in cell.outputs:
                if len(output.get("data", {})) > 1:
                    output.data.pop(WIDGET, None)  # a random id; its text form stays
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]


def _give_ids(cells: list) -> None:
    """Give an unused id to each cell without a valid one of its own. The others keep theirs:
    `course lab` recognises a cell of an earlier release by it."""
    taken = {cell.get("id") for cell in cells}
    unused = (name for name in map("cell-{}".format, count()) if name not in taken)
    seen = set()
    for cell in cells:
        name = cell.get("id")
        made_up = "injected-parameters" in cell.metadata.get("tags", [])  # papermill's random id
        if made_up or name in seen or not re.fullmatch(r"[\w-]{1,64}", str(name or ""), re.ASCII):
            cell.id = next(unused)
        seen.add(cell.id)


def merge_streams(outputs: list) -> list:
    """Printed text arrives in pieces cut and mixed by chance: between two displays, join what
    went to stdout, then what went to stderr."""
    merged: list = []
    for output in outputs:
        stream = output.output_type == "stream"
        run = []
        for last in reversed(merged):
            if not stream or last.output_type != "stream":
                break
            run.append(last)
        same = [last for last in run if last.name == output.name] if stream else []
        if same:
            same[0].text += output.text
        elif run and output.name == "stdout":
            merged.insert(len(merged) - len(run), output)
        else:
            merged.append(output)
    return merged


def write(notebook, target: Path, only_over: bytes | None = None) -> bool:
    """Replace `target`: the old file or the new, never half. Raises OSError; the old one stays.

    only_over: what `target` must hold still; where it has changed it stays, and False comes back.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    content = nbformat.writes(notebook).rstrip("\n").encode() + b"\n"
    there = target.read_bytes() if target.exists() else None
    if only_over is not None and there != only_over:
        return False
    if there != content:
        write_bytes(content, target)
    return True


def tolerance(cell) -> float:
    """The share by which the numbers that a cell prints may differ from run to run.

    0 for most; what its metadata says of a chaotic run; anything for measured times.
    """
    if VOLATILE in cell.metadata.get("tags", []):
        return math.inf
    return cell.metadata.get("course", {}).get("tolerance", 0.0)


def differences(old: nbformat.NotebookNode, new: nbformat.NotebookNode) -> list[str]:
    """The cells whose outputs in `old` and in `new` do not mean the same, each in words.

    What counts as the same is said in `meaning`. A cell tagged "volatile" shows measured times: its
    words must hold, its numbers and pictures need not. Both are cleaned in place.
    """
    clean(old)
    clean(new)
    found = []
    for number, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)):
        if after.cell_type == "code" and after.source.strip():
            told = _cell_difference(before, after)
            if told:
                found.append(f"cell {number} (`{excerpt(after.source)}`){told}")
    return found


def _cell_difference(before, after) -> str | None:
    if before.execution_count is None:
        return " has no stored output: it was never run"
    for was, now in zip(before.outputs, after.outputs, strict=False):
        told = output_difference(was, now, tolerance(after))
        if told:
            return f": {told}"
    if len(before.outputs) != len(after.outputs):
        return f" had {len(before.outputs)} outputs, now has {len(after.outputs)}"
    return None


def keep_unchanged(old: nbformat.NotebookNode, new: nbformat.NotebookNode) -> None:
    """Put the outputs of `old` into `new` where the source is the same and they mean the same.

    So a picture drawn on another processor, or a time measured again, changes no stored byte.
    """
    known = {cell.id: cell for cell in old.cells if cell.cell_type == "code" and "id" in cell}
    for cell in new.cells:
        before = known.get(cell.get("id"))
        if cell.cell_type == "code" and before is not None and before.source == cell.source:
            if _cell_difference(before, cell) is None:
                cell.outputs = before.outputs
