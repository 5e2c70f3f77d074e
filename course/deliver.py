"""Bring the chapters into a learner's folder, and a newer release without losing their work.

    deliver(Path.home() / "training-at-scale")

The folder keeps, hidden in `.course`, each file as it was delivered. So a newer release can tell
what the learner changed: notebooks are merged cell by cell as `diff3` merges lines. Where only one
side changed, that side's cells stand; where both did, the learner's stay, and the new notebook is
put beside as NAME.new.ipynb. A cell counts as changed when its source is; outputs are no change,
and the learner's are kept.
"""

import json
import uuid
from difflib import SequenceMatcher
from pathlib import Path

from .errors import CourseError
from .files import write_bytes

KEPT = ".course"


def deliver(folder: Path, source: Path) -> list[str]:
    """Copy or merge all files of `source` into `folder`; what happened, a line for each file that
    is new or has changed.

    Raises `CourseError` when the folder cannot be written. A file is replaced whole or not at all.
    """
    told = []
    try:
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            name = path.relative_to(source)
            if any(part.startswith(".") for part in name.parts):
                continue
            base = folder / KEPT / name
            new = path.read_bytes()
            if base.exists() and base.read_bytes() == new and (folder / name).exists():
                continue
            told.append(f"{name}: {_bring(folder / name, base, new)}")
            _write(base, new)
    except OSError as error:
        raise CourseError(
            f"{str(folder)!r} cannot be written ({error}); name another: course lab FOLDER"
        ) from error
    return told


def _bring(path: Path, base: Path, new: bytes) -> str:
    """Put one file in its place; says what was done."""
    if not path.exists():
        _write(path, new)
        return "new"
    mine, old = path.read_bytes(), base.read_bytes() if base.exists() else b""
    if mine in (old, new):
        _write(path, new)
        return "renewed"
    known = path.suffix == ".ipynb" and base.exists()
    merged, clashes = merge(old, mine, new) if known else (mine, 1)
    if merged != mine:
        _write(path, merged)
    if not clashes:
        return "merged with your changes"
    beside = path.with_suffix(f".new{path.suffix}")
    _write(beside, new)
    return f"yours is kept where both changed; the new one is {beside.name}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(data, path)


def merge(base: bytes, mine: bytes, new: bytes) -> tuple[bytes, int]:
    """Three notebooks as bytes → the merged one, and how often both had changed a place.

    A notebook that cannot be read is left as it is: (mine, 1).
    """
    try:
        a, b, c = (json.loads(text)["cells"] for text in (base, mine, new))
        cells, clashes = merge_cells(a, b, c)
        whole = json.loads(new) | {"cells": _with_ids(cells)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return mine, 1
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode(), clashes


def merge_cells(base: list, mine: list, new: list) -> tuple[list, int]:
    """diff3 over cells: (cells, places that both sides had changed; there `mine` stands)."""
    to_mine, to_new = _matches(base, mine), _matches(base, new)
    anchors = [i for i in range(len(base)) if i in to_mine and i in to_new]
    merged, clashes = [], 0
    a = b = c = 0
    for i in [*anchors, len(base)]:
        j, k = to_mine.get(i, len(mine)), to_new.get(i, len(new))
        made, clashed = _between(base[a:i], mine[b:j], new[c:k])
        merged += made
        clashes += clashed
        if i < len(base):
            merged.append(mine[j])
        a, b, c = i + 1, j + 1, k + 1
    return merged, clashes


def _between(old: list, ours: list, theirs: list) -> tuple[list, int]:
    """The same for a stretch in which no cell is common to all three."""
    if len(old) == len(ours) == len(theirs) > 1:  # changed in place: neighbours do not clash
        pairs = [_between([x], [y], [z]) for x, y, z in zip(old, ours, theirs, strict=True)]
        return [cell for made, _ in pairs for cell in made], sum(n for _, n in pairs)
    keys = [[*map(_key, part)] for part in (old, ours, theirs)]
    if keys[1] == keys[0]:
        return theirs, 0
    if keys[2] in (keys[0], keys[1]):
        return ours, 0
    if not old:  # both added
        return ours + theirs, 0
    return ours, 1


def _key(cell: dict) -> tuple[str, str]:
    source = cell["source"]
    return cell["cell_type"], source if isinstance(source, str) else "".join(source)


def _matches(base: list, other: list) -> dict[int, int]:
    """Base cell → the same cell in `other`, in order."""
    matcher = SequenceMatcher(None, [*map(_key, base)], [*map(_key, other)], autojunk=False)
    return {m.a + i: m.b + i for m in matcher.get_matching_blocks() for i in range(m.size)}


def _with_ids(cells: list[dict]) -> list[dict]:
    """The same cells; where two have one id, the later gets another."""
    seen: set[str] = set()
    made = []
    for cell in cells:
        if cell.get("id") in seen:
            cell = cell | {"id": uuid.uuid4().hex[:8]}
        seen.add(cell.get("id", ""))
        made.append(cell)
    return made
