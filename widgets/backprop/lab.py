"""BackpropLab: a small network as a drawing with live numbers, stepped forward and backward.

    lab = BackpropLab((2, 3, 2), activation="tanh"); lab

In a notebook with a front end: buttons, a drawing whose numbers tell their formula on hover and
focus, and whose inputs, target, weights and biases can be changed. Without one: a still.
"""

import math
import re

from course import CourseError
from course.errors import check_choice, check_count
from course.lessons.backprop_trace import READINGS, BackpropTrace
from course.lessons.formulas import lines, parse, show, symbol

from ..common.front_end import has_front_end
from .controls import Controls
from .still import layout, still

BARS = ("dw", "db", "docw", "docb")  # numbers with a bar for their size


class BackpropLab:
    """One sample through a small fully connected network, one operation at a time.

    sizes: 2 to 4 layers of up to 5 neurons. activation: "relu", "tanh", "sigmoid", "gelu". loss:
    "cross_entropy", "mse", "bce". x: (n_0,) input. target: for cross-entropy the number of the
    right output, counted from 1 as in the drawing, else (n_L,) values; default: the first output.
    lr: of `update`. interactive: None finds out. name: how the drawing is announced.
    Numbers have names as w2[1,3]: layer 2, to neuron 1 from neuron 3. See `BackpropTrace`.
    Raises `CourseError` for bad values.
    """

    def __init__(
        self, sizes=(2, 3, 2), activation="tanh", loss="cross_entropy", x=None, target=None,
        lr=0.5, seed=0, interactive=None, name="backprop",
    ):  # fmt: skip
        self._start = {"sizes": sizes, "activation": activation, "loss": loss, "x": x,
                       "target": target, "seed": seed}  # fmt: skip
        self.name, self.graph = name, BackpropTrace(lr=lr, **self._start)
        self.position, self.reading, self.message, self.bad = 0, None, "", False
        self._note: list[str] = []  # the loss before and after an update
        self._texts: dict[str, str] = {}
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.controls = Controls(self) if self.interactive else None
        self._show()

    # ---- driving ----------------------------------------------------------------------------

    def forward(self) -> None:
        """The next operation of the forward pass. `CourseError` when it is complete."""
        self._advance("forward", "the forward pass is complete; go on with backward, or reset")

    def backward(self) -> None:
        """The next operation of the backward pass. `CourseError` before the loss, or at the end."""
        why = "the backward pass is complete; update, or reset"
        if self.position < len(self.graph.operations) and "loss" not in self._known():
            why = "the backward pass starts at the loss; finish the forward pass first"
        self._advance("backward", why)

    def _advance(self, way, why):
        operations = self.graph.operations
        if self.position == len(operations) or operations[self.position].way != way:
            raise CourseError(why)
        self.position += 1
        self._say()

    def all(self) -> None:
        """Every operation, forward and backward."""
        self.position = len(self.graph.operations)
        self._say()

    def reset(self) -> None:
        """Start again: the first weights, input and target; nothing computed. The rate stays."""
        self.graph = BackpropTrace(lr=self.graph.lr, **self._start)
        self.position, self._texts = 0, {}
        self.show_wrong(self.reading)

    def update(self) -> None:
        """One step θ ← θ − αg, then all numbers anew. `CourseError` before every g is known."""
        if self.position < len(self.graph.operations):
            raise CourseError("an update needs every gradient; finish the backward pass, or all")
        before = self.graph.values["loss"]
        self.graph.update()
        after = self.graph.values["loss"]
        self._say(f"Loss before the update {before:.6g}, after it {after:.6g}.")
        self._note = [f"L = {before:.6g} before, {after:.6g} after"]
        self._show()

    def edit(self, what: str, *place_and_value) -> None:
        """edit("w", layer, i, j, value), ("b", layer, i, value), ("x", j, value), or
        ("target", i, value), ("target", i) for cross-entropy; ("lr", value). Counted from 1.

        What was computed already follows at once. Raises `CourseError`; then nothing changes.
        """
        wants = {"w": (4,), "b": (3,), "x": (2,), "target": (1, 2), "lr": (1,)}
        check_choice("what", what, wants, "these can be changed")
        if len(place_and_value) not in wants[what]:
            raise CourseError(f"edit({what!r}, …) takes {max(wants[what])} numbers; see its help")
        if what == "target" and len(place_and_value) == 1:
            place_and_value = (*place_and_value, 1)
        *place, value = place_and_value
        at = [check_count("place", p, 1, 5, "layers and neurons are counted from 1") for p in place]
        layer = str(at.pop(0)) if what in "wb" else ""
        kind = "y" if what == "target" else what
        self._set(f"{kind}{layer}" + (f"[{','.join(map(str, at))}]" if at else ""), value)

    def _set(self, name, value):
        before = dict(self.graph.values)
        self.graph.set(name, value)
        after = self.graph.compute()
        moved = sum(before[k] != after[k] for k in self._known() if k != name)
        total = len(self._known()) - (name in self._known())
        said = f"{symbol(name)} is now {show(after[name])}."
        self._say(said + (f" {moved} of {total} computed numbers followed." if total else ""))

    def show_wrong(self, reading: str | None = "twice") -> list[tuple[float, float]]:
        """Beside the right gradient, the one of the document (D0-3.2), under one reading.

        "twice": f′ once in δ and once more in ∂L/∂W; "printed": ∂L/∂W = ∂L/∂a aᵀ, f′ missing;
        None hides it. Returns, per layer, the relative errors against autograd: (right, document).
        """
        check_choice("reading", reading, (None, *READINGS))
        self.reading = reading
        self.graph.reading = reading or "twice"
        self.graph.compute()
        if self.controls:
            self.controls.drawing.scene = layout(self.graph, bool(reading))
        self._say()
        return self.graph.errors()

    # ---- reading ----------------------------------------------------------------------------

    def _known(self) -> set[str]:
        done = self.graph.operations[: self.position]
        return {name for operation in done for name in operation.names}

    def numbers(self) -> dict[str, float]:
        """Name → value of all that is given or computed so far; see `BackpropTrace`."""
        known = self._known() | set(self.graph.editable())
        return {name: self.graph.values[name] for name in self.graph.names() if name in known}

    def formula(self, name: str, digits: int = 4) -> str:
        """'z₁⁽²⁾ = w₁₁⁽²⁾a₁⁽¹⁾ + b₁⁽²⁾ = 0.5·1.2 + 0.1 = 0.7'; in symbols until computed."""
        return str(self.graph.formula(name, self._shown(), digits))

    def _shown(self) -> set[str]:
        known = self._known() | set(self.graph.editable())
        return known | {f"doc{name[1:]}" for name in known if name[:2] in ("dw", "db")}

    def summary(self) -> str:
        """The state in words."""
        g, done = self.graph, self._known()
        words = f"{'-'.join(map(str, g.sizes))} network, {g.activation}, {g.loss}. "
        words += f"Step {self.position} of {len(g.operations)}"
        if self.position:
            operation = g.operations[self.position - 1]
            words += f", {operation.way}: {operation.symbols}"
        words += f". Loss {g.values['loss']:.4g}." if "loss" in done else "."
        if self.reading:
            errors = "; ".join(
                f"layer {n}: {wrong:.2g}" for n, (_, wrong) in enumerate(g.errors(), 1)
            )
            words += f" Relative error of the document's gradient: {errors}."
        return f"{words} {self.message}".strip()

    # ---- showing ----------------------------------------------------------------------------

    def frame(self) -> dict:
        """What the drawing shows now: a text, size, bar and formula for each of its cells."""
        g, shown, cells = self.graph, self._shown(), {}
        drawn = g.names()
        if self.reading:
            drawn += [n for k in range(1, g.depth + 1) for n in g.entries("docw", k)]
            drawn += [n for k in range(1, g.depth + 1) for n in g.entries("docb", k)]
        size: dict[str, float] = {}
        for name in drawn:
            group = _group(name)
            size[group] = max(size.get(group, 0.0), abs(g.values[name]))
        for name in drawn:
            kind, known = parse(name)[0], name in shown
            made = g.formula(name, shown)
            text = short(g.values[name], kind in "xywb") if known else "·"
            level = g.values[name] / (size[_group(name)] or 1) if known else 0
            if (
                kind[:3] == "doc"
                and known
                and not math.isclose(
                    g.values[name], g.values[f"d{name[3:]}"], rel_tol=1e-9, abs_tol=1e-12
                )
            ):
                text = f"≠ {text}"
            cells[name] = {
                "text": text, "level": round(level, 3), "bar": known and kind in BARS,
                "formula": made.parts(), "uses": made.uses,
                "changed": known and self._texts.get(name, "·") not in ("·", text),
            }  # fmt: skip
        return {**self._words(), "cells": cells, "errors": self._errors()}

    def _words(self):
        g, total = self.graph, len(self.graph.operations)
        title, way, symbols = "Nothing is computed yet", "", ""
        filled, active, flow = [], [], []
        if self.position:
            op = g.operations[self.position - 1]
            title, way = f"Step {self.position} of {total}, {op.way}", op.way
            symbols, filled, active = op.symbols, lines(g, op), list(op.names)
            layer = op.layer + (op.kind == "da")
            if op.kind in ("z", "da", "dw"):
                flow = g.entries("w", layer)  # the edges it runs along
        if self._note:
            title, way, filled = "Update", "", self._note
            symbols = f"θ ← θ − α ∂L/∂θ,  α = {g.lr:g}"
            active = flow = [name for n in range(1, g.depth + 1) for name in g.entries("w", n)]
        then = ["Update, or change a number"] if self.position == total else []
        then = then or [f"{g.operations[self.position].way}, {g.operations[self.position].symbols}"]
        return {
            "title": title, "symbols": symbols, "lines": filled, "active": active,
            "next": f"next: {then[0]}", "message": self.message, "bad": self.bad,
            "way": way, "flow": flow,
            "text": f"Drawing {self.name!r}. {self.summary()}",
        }  # fmt: skip

    def _errors(self):
        if not self.reading:
            return []
        rows = [(f"layer {n}", *(f"{e:.1e}" if 0 < e < 1e-6 else f"{e:.3g}" for e in pair))
                for n, pair in enumerate(self.graph.errors(), 1)]  # fmt: skip
        return [("relative error against autograd", "right", READINGS[self.reading]), *rows]

    def _say(self, message: str = "", bad: bool = False) -> None:
        self.message, self.bad, self._note = message, bad, []
        self._show()

    def _show(self) -> None:
        if self.controls:
            frame = self.frame()
            self._texts = {name: cell["text"] for name, cell in frame["cells"].items()}
            self.controls.show(self, frame)

    def still(self) -> bytes:
        """The drawing as PNG bytes."""
        return still(layout(self.graph, bool(self.reading)), self.frame())

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/plain": f"BackpropLab. {self.summary()}", "image/png": self.still()}
        if self.controls:
            view = {"version_major": 2, "version_minor": 0, "model_id": self.controls.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, {"image/png": {"alt": self.summary()}}


def short(value: float, given: bool = False) -> str:
    """A number as the drawing shows it, in 7 places; what was typed in, as it was typed."""
    value, size = value + 0.0, abs(value)
    plain = f"{value:.4g}"
    if (given and len(plain) <= 6) or value == 0 or 100 <= size < 1e4:
        text = plain
    elif 1e-3 <= size < 100:
        text = f"{value:.{3 if size >= 1e-2 else 4}f}"
    else:
        text = f"{value:.{1 if size > 1 else 0}e}"
    return re.sub(r"e\+?(-?)0*", r"e\1", text).replace("-", "−")


def _group(name):
    """Numbers that share a scale: all weights, all activations, all gradients by weights, …"""
    kind = parse(name)[0]
    groups = {"b": "w", "db": "dw", "docw": "dw", "docb": "dw", "x": "a", "yhat": "a"}
    return groups.get(kind, kind)
