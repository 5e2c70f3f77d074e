"""A notebook's stored outputs: cleaned so that two runs give the same bytes, compared, written."""

import math
import re
from itertools import count
from pathlib import Path

from nbformat import NotebookNode, writes

from ..files import write_bytes
from .meaning import output_difference

VOLATILE = "volatile"  # the tag of a cell that shows measured times
WIDGET = "application/vnd.jupyter.widget-view+json"


def excerpt(source: str) -> str:
    """Return the first line of a cell, by which a message names it, at most 50 characters."""
    line = next(line for line in source.splitlines() if line.strip()).strip()
    return line if len(line) <= 50 else line[:49] + "…"


# ---- clean --------------------------------------------------------------------------------------


def clean(notebook: NotebookNode) -> None:
    """Drop in place what differs from run to run: times, paths, widget ids, papermill's notes."""
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
    """Give a free id to each cell without a valid one.

    The others keep theirs: `course lab` recognises a cell of an earlier release by its id.
    """
    ids = {cell.get("id") for cell in cells}
    free_ids = (name for name in map("cell-{}".format, count()) if name not in ids)
    seen = set()
    for cell in cells:
        name = cell.get("id")
        is_valid = re.fullmatch(r"[\w-]{1,64}", str(name or ""), re.ASCII) and name not in seen
        is_random = "injected-parameters" in cell.metadata.get("tags", [])  # papermill's cell
        if is_random or not is_valid:
            cell.id = next(free_ids)
        seen.add(cell.id)


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join printed text, which arrives in pieces that are cut and mixed by chance.

    Between two displays, what went to stdout comes first, then what went to stderr.
    """
    merged: list = []
    for output in outputs:
        is_stream = output.output_type == "stream"
        streams = []  # at the end of `merged`, without a display between them
        for last in reversed(merged):
            if not is_stream or last.output_type != "stream":
                break
            streams.append(last)
        same = [stream for stream in streams if stream.name == output.name]
        if same:
            same[0].text += output.text
        elif streams and output.name == "stdout":
            merged.insert(len(merged) - len(streams), output)
        else:
            merged.append(output)
    return merged


# ---- compare ------------------------------------------------------------------------------------


def tolerance(cell: NotebookNode) -> float:
    """Return the share by which the numbers that a cell prints may differ from run to run.

    0 for most cells, what the metadata of a chaotic cell says, infinity for measured times.
    """
    if VOLATILE in cell.metadata.get("tags", []):
        return math.inf
    return cell.metadata.get("course", {}).get("tolerance", 0.0)


def differences(old: NotebookNode, new: NotebookNode) -> list[str]:
    """Describe each cell whose outputs in `old` and in `new` do not mean the same.

    `meaning` defines what means the same. In a cell tagged "volatile" the words must hold; numbers
    and pictures need not. Both notebooks are cleaned in place.

    Args:
        old, new: notebooks with the same cells
    """
    clean(old)
    clean(new)
    descriptions = []
    for number, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)):
        if after.cell_type == "code" and after.source.strip():
            difference = _cell_difference(before, after)
            if difference:
                descriptions.append(f"cell {number} (`{excerpt(after.source)}`){difference}")
    return descriptions


def _cell_difference(before: NotebookNode, after: NotebookNode) -> str | None:
    if before.execution_count is None:
        return " has no stored output: it was never run"
    for old, new in zip(before.outputs, after.outputs, strict=False):
        difference = output_difference(old, new, tolerance(after))
        if difference:
            return f": {difference}"
    if len(before.outputs) != len(after.outputs):
        return f" had {len(before.outputs)} outputs, now has {len(after.outputs)}"
    return None


# ---- store --------------------------------------------------------------------------------------


def keep_unchanged(old: NotebookNode, new: NotebookNode) -> None:
    """Put the outputs of `old` into `new` if the source is the same and they mean the same.

    So a picture drawn on another processor, or a time measured again, changes no stored byte.
    """
    old_cells = {cell.id: cell for cell in old.cells if cell.cell_type == "code" and "id" in cell}
    for cell in new.cells:
        before = old_cells.get(cell.get("id"))
        if cell.cell_type == "code" and before is not None and before.source == cell.source:
            if _cell_difference(before, cell) is None:
                cell.outputs = before.outputs


def write(notebook: NotebookNode, target: Path, only_over: bytes | None = None) -> bool:
    """Replace `target`, if that changes it; tell whether it now holds `notebook`.

    Args:
        notebook: the new content
        target: the file; its folder is made if it is missing
        only_over: what `target` must still hold; otherwise it stays

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    content = writes(notebook).rstrip("\n").encode() + b"\n"
    present = target.read_bytes() if target.exists() else None
    if only_over is not None and present != only_over:
        return False
    if present != content:
        write_bytes(content, target)
    return True
