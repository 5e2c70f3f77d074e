"""What a BackpropLab shows: its picture (a `trace` panel, see `common.picture`), words, numbers."""

import math
import re

from course.lessons.backprop_trace import READINGS
from course.lessons.formulas import lines, parse, words

from . import cards

LEGEND = [["pos", "> 0"], ["neg", "< 0"], ["active", "computed last"],
          ["changed", "moved by the last change"], ["edit", "yours to change"]]  # fmt: skip
LOSSES = {"cross_entropy": "cross-entropy", "bce": "binary cross-entropy", "mse": "squared error"}
SHARED_SCALE = {"b": "w", "db": "dw", "docw": "dw", "docb": "dw", "x": "a", "yhat": "a"}


def describe(lab, known: set[str], changed: set[str], losses: tuple | None) -> dict:
    """Return the picture.

    Args:
        lab: a `BackpropLab`.
        known: names of what has been computed so far.
        changed: names of what the last edit or update has moved.
        losses: the loss before and after the update that was the last move, else None.
    """
    graph = lab.graph
    seen = shown(graph, known)
    step, active, running = _step(lab, losses)
    names = graph.names() + (_document(graph) if lab.reading else [])
    scale: dict[str, float] = {}
    for name in names:
        kind = _scale(name)
        scale[kind] = max(scale.get(kind, 0.0), abs(graph.values[name]))
    editable, drawn = set(graph.editable()), set(names)
    numbers = {}
    for name in names:
        value, is_seen, made = graph.values[name], name in seen, graph.formula(name, seen)
        level = value / (scale[_scale(name)] or 1) if is_seen else 0.0
        numbers[name] = {
            "text": _text(graph, name) if is_seen else "·", "level": round(level, 3),
            "words": spell(name, lab.view == "batch"), "edit": name in editable,
            "active": name in active, "changed": name in changed, "formula": made.parts(),
            "uses": [use for use in made.uses if use in drawn],
        }  # fmt: skip
    ghosts = [[op.symbols, *_lines(lab, op)] for op in graph.operations]
    full = [graph.formula(name).parts() for name in names]
    panel = {
        "kind": "trace", "title": _title(lab), "note": _note(lab),
        **(cards.batch(graph, bool(lab.reading)) if lab.view == "batch"
           else cards.sample(graph, bool(lab.reading))),
        "numbers": numbers, "running": running, "legend": LEGEND, "step": step,
        "room": {"steps": ghosts, "formula": max(full, key=lambda parts: len("".join(parts)))},
        "errors": _errors(lab, known),
    }  # fmt: skip
    total = len(graph.operations)
    return {
        "step": lab.position, "horizon": total, "end": total, "playing": lab.playing,
        "strips": [], "turns": [], "side": [panel], "below": [], "arrays": {},
    }  # fmt: skip


def shown(graph, known: set[str]) -> set[str]:
    """Return the names of what may be seen: the given numbers, and what follows from the known."""
    document = {f"doc{name[1:]}" for name in known if parse(name)[0] in ("dw", "db")}
    return known | document | set(graph.editable())


def differences(before: dict[str, float], after: dict[str, float]) -> set[str]:
    """Return the names whose numbers differ."""
    return {name for name in after if before.get(name) != after[name]}


def speak(lab, known: set[str]) -> str:
    """Return the state in words."""
    graph = lab.graph
    said = f"{_title(lab)}. Step {lab.position} of {len(graph.operations)}"
    if lab.position:
        operation = graph.operations[lab.position - 1]
        said += f", {operation.way}: {operation.symbols}"
    said += f". Loss {graph.values['loss']:.4g}." if "loss" in known else "."
    rows = _errors(lab, known)[1:]
    if rows:
        errors = "; ".join(f"{name}: {wrong}" for name, _, wrong in rows)
        said += f" Relative error of the document's gradient: {errors}."
    return said


def heads(lab, known: set[str]) -> list[tuple[str, str]]:
    """Return the headline numbers."""
    graph = lab.graph
    loss = f"{graph.values['loss']:.4g}" if "loss" in known else "–"
    return [("step", f"{lab.position} of {len(graph.operations)}"), ("loss", loss)]


def spell(name: str, in_batch: bool) -> str:
    """Spell a name for a screen reader."""
    base, _, number = name.partition(":")
    if number:
        return f"{words(base)}, sample {number}"
    is_mean = in_batch and (base == "loss" or re.match(r"d[wb]|doc", base))
    return words(base) + (", mean over the samples" if is_mean else "")


def short(value: float, given: bool = False) -> str:
    """Write a number in at most 7 places; one that was typed in, as it was typed if that fits."""
    value, size = value + 0.0, abs(value)
    plain = f"{value:.4g}"
    if (given and len(plain) <= 6) or value == 0 or 100 <= size < 1e4:
        text = plain
    elif 1e-3 <= size < 100:
        text = f"{value:.{3 if size >= 1e-2 else 4}f}"
    else:
        text = f"{value:.{1 if size > 1 else 0}e}"
    return re.sub(r"e\+?(-?)0*", r"e\1", text).replace("-", "−")


# ---- parts of the panel -------------------------------------------------------------------------


def _title(lab) -> str:
    graph = lab.graph
    return f"{'-'.join(map(str, graph.sizes))} network, {graph.activation}, {LOSSES[graph.loss]}"


def _note(lab) -> str:
    count = len(lab.batch.traces)
    if lab.view == "batch":
        return f"batch of {count}: a column for each sample"
    return f"sample {lab.view} of {count}" if count > 1 else ""


def _scale(name: str) -> str:
    """Return which numbers share a scale: all weights, all activations, all gradients by them."""
    kind = parse(name.partition(":")[0])[0]
    return SHARED_SCALE.get(kind, kind)


def _document(graph) -> list[str]:
    layers = range(1, graph.depth + 1)
    return [name for kind in ("docw", "docb") for n in layers for name in graph.entries(kind, n)]


def _text(graph, name: str) -> str:
    value = graph.values[name]
    text = short(value, name[0] in "xyw" or name[0] == "b")
    if name.startswith("doc"):
        right = graph.values[f"d{name[3:]}"]
        is_right = math.isclose(value, right, rel_tol=1e-9, abs_tol=1e-12)
        return text if is_right else f"≠ {text}"
    return text


def _step(lab, losses: tuple | None) -> tuple[dict, set[str], list[str]]:
    """Return the step in words, the numbers that it gave, and the weights that it ran along."""
    graph, total = lab.graph, len(lab.graph.operations)
    title, way, symbols = "Nothing is computed yet", "", ""
    filled: list[str] = []
    active: set[str] = set()
    running: list[str] = []
    if losses:
        title, symbols = "Update", f"θ ← θ − α ∂L/∂θ,  α = {lab.batch.lr:g}"
        filled = [f"L = {losses[0]:.6g} before, {losses[1]:.6g} after"]
        active = {name for name in graph.editable() if name[0] in "wb"}
        running = [name for name in graph.editable() if name[0] == "w"]
    elif lab.position:
        operation = graph.operations[lab.position - 1]
        title, way = f"Step {lab.position} of {total}, {operation.way}", operation.way
        symbols, filled = operation.symbols, _lines(lab, operation)
        active = set(operation.names)
        if operation.kind in ("z", "da", "dw"):
            running = graph.entries("w", operation.layer + (operation.kind == "da"))
    if lab.position < total:
        then = f"{graph.operations[lab.position].way}, {graph.operations[lab.position].symbols}"
    else:
        then = "Update, or change a number"
    step = {"title": title, "way": way, "symbols": symbols, "lines": filled,
            "next": f"next: {then}"}  # fmt: skip
    return step, active, running


def _lines(lab, operation) -> list[str]:
    """Return an operation with its numbers filled in; of a batch only what is a single number."""
    if lab.view != "batch":
        return lines(lab.graph, operation)
    return [str(lab.graph.formula("loss"))] if operation.kind == "loss" else []


def _errors(lab, known: set[str]) -> list[list[str]]:
    """Return the errors of the two gradients, a row for each layer; none before there is one."""
    if not lab.reading or not any(parse(name)[0] == "dw" for name in known):
        return []
    rows = [["relative error against autograd", "right", READINGS[lab.reading]]]
    for n, pair in enumerate(lab.graph.errors(), 1):
        if f"dw{n}[1,1]" in known:
            rows.append([f"layer {n}", *map(_error, pair)])
    return rows


def _error(error: float) -> str:
    return f"{error:.1e}" if 0 < error < 1e-6 else f"{error:.3g}"
