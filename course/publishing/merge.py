"""Merge a learner's notebook with a newer release, given the release that both started from.

A cell is *edited* if its type, text or attachments changed; running it is not an edit.

    learner        release        merged
    -              edited         the release's cell, with its outputs
    edited         -              the learner's cell
    edited         edited         the learner's cell: a clash
    deleted        edited         nothing: a clash
    edited         deleted        the learner's cell
    -              deleted        nothing
    added          added          both, each behind the cell it was put behind
    moved          moved          the learner's order

Metadata is merged likewise, key by key. The learner's outputs stay if neither side edited the cell.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import count, pairwise
from typing import Any

import nbformat

Cell = dict[str, Any]


def merge(base: bytes, mine: bytes, new: bytes) -> tuple[bytes, int]:
    """Merge three notebooks; return the merged one and the number of clashes.

    Args:
        base: the release that both sides started from
        mine: the learner's notebook
        new: the newer release

    Raises:
        ValueError: one of them is not a readable notebook, or less than a quarter of the cells of
            `base` are in `mine`: then `mine` is another notebook under the same name.
    """
    try:
        a, b, c = map(_read, (base, mine, new))
        intact = sum(
            _text(a.cells[i]) == _text(b.cells[j]) for i, j in pair(a.cells, b.cells).items()
        )
        if 4 * intact < len(a.cells):
            raise ValueError("another notebook")
        cells, clashes = merge_cells(a.cells, b.cells, c.cells)
        merged = c | {
            "cells": cells,
            "metadata": _merge_keys(a.metadata, b.metadata, c.metadata),
            "nbformat_minor": max(5, b.nbformat_minor, c.nbformat_minor),  # 5: cells have ids
        }
        merged = nbformat.from_dict(merged)
        nbformat.validate(merged)
    except (KeyError, TypeError, AttributeError, RecursionError, nbformat.ValidationError) as error:
        raise ValueError(f"not a notebook: {error}") from error
    return nbformat.v4.writes(merged).encode() + b"\n", clashes


def _read(content: bytes) -> nbformat.NotebookNode:
    notebook = nbformat.v4.reads(content.decode("utf-8-sig"))
    if notebook.nbformat != 4:
        raise ValueError(f"nbformat {notebook.nbformat}")
    return notebook


def merge_cells(base: list, mine: list, new: list) -> tuple[list[Cell], int]:
    """Merge three lists of cells; return the merged one and the number of clashes.

    Each id in the merged list is unique. The lists stay as they are.

    Args:
        base: the cells of the release that both sides started from
        mine: the learner's
        new: the newer release's
    """
    to_mine, to_new = pair(base, mine), pair(base, new)
    both = [i for i in to_mine if i in to_new]
    twins = {to_mine[i]: to_new[i] for i in both}  # of a cell of mine, the same cell in new
    additions = pair(_without(mine, to_mine), _without(new, to_new), by_id=False)
    twins |= additions
    edits = {j for i, j in to_mine.items() if _text(base[i]) != _text(mine[j])}
    own = edits | set(range(len(mine))) - set(to_mine.values()) - additions.keys()
    dropped = {j for i, j in to_mine.items() if i not in to_new} - edits  # by the release
    declined = {k for i, k in to_new.items() if i not in to_mine}  # by the learner
    clashes = sum(_text(base[i]) != _text(new[k]) for i, k in to_new.items() if k in declined)

    result: dict[int, Cell] = {j: mine[j] for j in range(len(mine)) if j not in dropped}
    for j, k in additions.items():
        result[j] = mine[j] | {"id": _id(new[k])}
    for i in both:
        j, k = to_mine[i], to_new[i]
        result[j], clash = _merge_cell(base[i], mine[j], new[k])
        clashes += clash
    in_new = {k: j for j, k in twins.items()}
    arrivals = {~k: new[k] for k in range(len(new)) if k not in in_new and k not in declined}

    ours = [*result]
    theirs = [in_new.get(k, ~k) for k in range(len(new)) if k not in declined]
    order = weave(ours, theirs, behind=lambda n: n not in theirs)
    if _moved(to_new[i] for i in both) and not _moved(to_mine[i] for i in both):
        other = weave(theirs, ours)
        if [n for n in other if n in own] == [n for n in ours if n in own]:
            order = other  # the release's order, as it keeps that of what the learner wrote
    result |= arrivals
    of_release = {n for n in order if n in arrivals or n in twins}
    return _with_ids([(result[n], n in of_release) for n in order]), clashes


def pair(base: dict | list, other: dict | list, by_id: bool = True) -> dict[int, int]:
    """Find the cells of `base` in `other`.

    First those with the same id and text; then those with the same id, whatever their text; then
    those with the same text, in their order. If a tool has counted the ids anew, text goes first.

    Args:
        base, other: cells, or some of them by index
        by_id: whether a cell with the same id and another text is the same cell

    Returns:
        {index in base: index in other}
    """
    a = base if isinstance(base, dict) else dict(enumerate(base))
    b = other if isinstance(other, dict) else dict(enumerate(other))
    names: list[Callable[[Cell], Hashable]] = [lambda c: (_id(c), _text(c)), _text]
    if by_id:
        names.insert(2 if _counted_anew([*a.values()], [*b.values()]) else 1, _id)
    pairs: dict[int, int] = {}
    for name in names:
        unpaired = defaultdict(list)
        for j in sorted(b.keys() - set(pairs.values())):
            unpaired[name(b[j])].append(j)
        for i in sorted(a.keys() - pairs.keys()):
            if name(a[i]) is not None and unpaired[name(a[i])]:
                pairs[i] = unpaired[name(a[i])].pop(0)
    return dict(sorted(pairs.items()))


def _counted_anew(base: list, other: list) -> bool:
    """Tell whether a cell of `other` has the id of one cell of `base` and the text of another."""
    ids, texts = {_id(c) for c in base}, {_text(c) for c in base}
    pairs = {(_id(c), _text(c)) for c in base}
    return any(
        _id(c) in ids and _text(c) in texts and (_id(c), _text(c)) not in pairs for c in other
    )


def weave(spine: list[int], other: list[int], behind: Callable[[int], bool] | None = None) -> list:
    """Insert into `spine` what only `other` has, each item behind its predecessor in `other`.

    Args:
        spine: indices, whose order stays
        other: indices, of which some may be in `spine`
        behind: an inserted item goes behind those that follow and for which this holds
    """
    order, known = list(spine), set(spine)
    last = None
    for n in other:
        if n not in known:
            at = 0 if last is None else order.index(last) + 1
            while behind and at < len(order) and behind(order[at]):
                at += 1
            order.insert(at, n)
        last = n
    return order


def _merge_cell(base: Cell, mine: Cell, new: Cell) -> tuple[Cell, bool]:
    """Merge one cell that all three have; tell whether both sides edited it, and differently."""
    texts = _text(base), _text(mine), _text(new)
    merged = new if texts[1] == texts[0] else mine
    if texts[0] == texts[1] == texts[2] and _outputs(mine) != _outputs(base):
        merged = mine  # the learner ran it
    metadata = _merge_keys(base["metadata"], mine["metadata"], new["metadata"])
    clash = texts[1] not in (texts[0], texts[2]) and texts[2] != texts[0]
    return merged | {"id": _id(new), "metadata": metadata}, clash


def _merge_keys(base: dict, mine: dict, new: dict) -> dict:
    """Merge three dicts key by key: the learner's value if the learner changed it."""
    own = {key for key in base.keys() | mine.keys() if mine.get(key) != base.get(key)}
    return {k: v for k, v in mine.items() if k in own} | {
        k: v for k, v in new.items() if k not in own
    }


def _text(cell: Cell) -> tuple[str, str, str]:
    attachments = json.dumps(cell.get("attachments") or {}, sort_keys=True)
    return cell["cell_type"], cell["source"].replace("\r\n", "\n"), attachments


def _id(cell: Cell) -> str | None:
    return cell.get("id")


def _outputs(cell: Cell) -> tuple:
    return cell.get("outputs"), cell.get("execution_count")


def _moved(places: Iterable[int]) -> bool:
    return any(a > b for a, b in pairwise(places))


def _without(cells: list, pairs: dict[int, int]) -> dict[int, Cell]:
    return {n: cell for n, cell in enumerate(cells) if n not in pairs.values()}


def _with_ids(cells: list[tuple[Cell, bool]]) -> list[Cell]:
    """Make ids unique; a cell of the release keeps its id, which the next merge looks for.

    Args:
        cells: each with whether it is of the release
    """
    ids = {_id(cell) for cell, _ in cells}
    free_ids = (name for name in map("own-{}".format, count()) if name not in ids)
    seen: set = {None}
    result = {}
    for n in sorted(range(len(cells)), key=lambda n: not cells[n][1]):
        cell = cells[n][0]
        result[n] = cell if _id(cell) not in seen else cell | {"id": next(free_ids)}
        seen.add(result[n]["id"])
    return [result[n] for n in range(len(cells))]
