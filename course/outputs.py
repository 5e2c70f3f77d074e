"""A notebook's stored outputs: cleaned so that two runs give the same bytes, compared, written."""

import re
from itertools import count
from pathlib import Path

import nbformat

from .files import write_bytes

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


def write(notebook, target: Path) -> None:
    """Replace `target`: the old file or the new, never half. Raises OSError; the old one stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(nbformat.writes(notebook).rstrip("\n").encode() + b"\n", target)


def difference(old: nbformat.NotebookNode, new: nbformat.NotebookNode) -> str | None:
    """The first cell whose outputs in `old` are not those in `new`, in words; None if all hold.

    Text is compared exactly, images byte by byte. A cell tagged "volatile" shows measured times:
    for it `new` having run is enough. Both are cleaned in place.
    """
    clean(old)
    clean(new)
    for number, (before, after) in enumerate(zip(old.cells, new.cells, strict=True)):
        if after.cell_type != "code" or VOLATILE in after.metadata.get("tags", []):
            continue
        where = f"cell {number} (`{excerpt(after.source)}`)" if after.source.strip() else ""
        if after.source.strip() and before.execution_count is None:
            return f"{where} has no stored output: it was never run"
        counts = len(before.outputs), len(after.outputs)
        for was, now in zip(before.outputs, after.outputs, strict=False):
            told = _output_difference(was, now)
            if told:
                return f"{where}: {told}"
        if counts[0] != counts[1]:
            return f"{where} had {counts[0]} outputs, now has {counts[1]}"
    return None


def _output_difference(was: nbformat.NotebookNode, now: nbformat.NotebookNode) -> str | None:
    kinds = was.output_type, now.output_type
    if kinds[0] != kinds[1]:
        return f"the output was of type {kinds[0]}, now {kinds[1]}"
    if kinds[0] == "stream":
        if was.name != now.name:
            return f"the text went to {was.name}, now to {now.name}"
        return _text_difference(was.name, was.text, now.text)
    for mime in sorted({*was.data, *now.data}):
        if mime not in now.data or mime not in was.data:
            return f"{mime} was {'there' if mime in was.data else 'not there'} before"
        if was.data[mime] != now.data[mime]:
            if mime.startswith("image/") and mime != "image/svg+xml":
                return f"{mime} is another picture"
            return _text_difference(mime, str(was.data[mime]), str(now.data[mime]))
    if was.metadata != now.metadata:
        return f"the output's metadata was {dict(was.metadata)}, now {dict(now.metadata)}"
    return None


def _text_difference(kind: str, was: str, now: str) -> str | None:
    if was == now:
        return None
    before, after = was.splitlines(), now.splitlines()
    for number, (a, b) in enumerate(zip(before, after, strict=False), 1):
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
            start = max(0, at - 20)
            return f"{kind}, line {number}, was {a[start : at + 40]!r}, now {b[start : at + 40]!r}"
    return f"{kind} had {len(before)} lines, now {len(after)}"
