"""Where everything in the drawing of a small network lies, and the same drawing as a still.

One layout, two painters: `backprop.js` draws it in the browser, matplotlib here. A neuron is a
card: on its left one row for each weight that enters it and one for its bias, on its right what it
computes forward (above) and backward (below). So no two numbers can overlap, whatever the sizes.
Lengths are in pixels, y downwards.
"""

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path

from course.lessons.formulas import PREDICTED, symbol, words

from ..common.figure import png

ROW, PAD, GAP, SPACE = 20, 6, 66, 16  # row height, inside a card, between columns, between cards
INDEX, VALUE, NAME, WRONG = 27, 58, 42, 12  # widths: 'w₁₂', a number, '∂L/∂a₁', '≠'
LAST = {"cross_entropy": "linear; softmax", "bce": "linear; sigmoid", "mse": "linear"}
TOP = 50  # room for the headings
BLUE, ORANGE = "#0072B2", "#D55E00"  # negative, positive (Okabe-Ito)


def layout(graph, document: bool = False) -> dict:
    """{width, height, heads, cards, edges, cells}. document: a third column of ∂L/∂w."""
    made: dict = {"heads": [], "cards": [], "edges": [], "cells": []}
    editable = set(graph.editable())
    kinds = ["", "d", "doc"] if document else ["", "d"]
    ports = INDEX + VALUE * len(kinds) + WRONG * document
    body = NAME + VALUE
    wide = ports + body + 3 * PAD
    L = graph.depth
    rows = {n: _rows(graph, n) for n in range(1, L + 1)}
    high = [ROW + 2 * PAD] + [
        2 * PAD + ROW * max(graph.sizes[n - 1] + 1, sum(map(len, rows[n]))) for n in range(1, L + 1)
    ]
    stacks = [n * h + (n - 1) * SPACE for n, h in zip(graph.sizes, high, strict=True)]
    height = TOP + max(stacks) + PAD

    def cell(name, x, y, label, width=VALUE):
        made["cells"].append({
            "name": name, "x": x, "y": y, "w": width, "h": ROW, "label": label,
            "edit": name in editable, "words": words(name),
        })  # fmt: skip

    def head(x, y, text, anchor="start", strong=False):
        made["heads"].append({"x": x, "y": y, "text": text, "anchor": anchor, "strong": strong})

    def top(n):
        return TOP + (max(stacks) - stacks[n]) / 2

    x, sources = 2, []
    head(x, top(0) - 24, "input", strong=True)
    for j in range(1, graph.sizes[0] + 1):
        y = top(0) + (j - 1) * (high[0] + SPACE)
        w = INDEX + VALUE + 2 * PAD
        made["cards"].append({"x": x, "y": y, "w": w, "h": high[0], "tints": [[f"x[{j}]", 0, 1]]})
        cell(f"x[{j}]", x + PAD, y + PAD, symbol(f"x[{j}]"), INDEX + VALUE)
        sources.append((x + w, y + high[0] / 2))
    x += INDEX + VALUE + 2 * PAD + GAP
    for n in range(1, L + 1):
        f = graph.activation if n < L else LAST[graph.loss]
        head(x, top(n) - 24, f"layer {n}, {f}", strong=True)
        for k, text in enumerate(["w, b", "∂L/∂w", "document"][: len(kinds)]):
            end = x + PAD + INDEX + VALUE * (k + 1) + WRONG * (k == 2)
            head(end - 4, top(n) - 6, text, "end")
        ends = []
        for i in range(1, graph.sizes[n] + 1):
            y = top(n) + (i - 1) * (high[n] + SPACE)
            right = x + ports + 2 * PAD
            forward, backward = rows[n]
            start = y + (high[n] - ROW * (graph.sizes[n - 1] + 1)) / 2
            for j in range(1, graph.sizes[n - 1] + 2):
                row = start + (j - 1) * ROW
                last = j > graph.sizes[n - 1]
                for k, kind in enumerate(kinds):
                    name = f"{kind}b{n}[{i}]" if last else f"{kind}w{n}[{i},{j}]"
                    label = "" if k else symbol(name).split("⁽")[0]
                    at = x + PAD + (k and INDEX + VALUE * k)
                    cell(name, at, row, label, VALUE + (INDEX, 0, WRONG)[k])
                if not last:
                    x1, y1 = sources[j - 1]
                    edge = {"name": f"w{n}[{i},{j}]", "x1": x1, "y1": y1, "x2": x, "y2": row + 10}
                    made["edges"].append(edge)
            start = y + (high[n] - ROW * len(forward + backward)) / 2
            for k, kind in enumerate(forward + backward):
                name = f"{kind}[{i}]" if kind in ("yhat", "y") else f"{kind}{n}[{i}]"
                cell(name, right, start + k * ROW, symbol(name).split("⁽")[0], body)
                if kind == forward[-1] or kind == "yhat":
                    out = start + k * ROW + ROW / 2
            share = (start + len(forward) * ROW - y) / high[n]
            shown = forward[1] if len(forward) > 1 and forward[1] != "y" else forward[0]
            shown = f"yhat[{i}]" if shown == "yhat" else f"{shown}{n}[{i}]"
            tints = [[shown, 0, share], [f"delta{n}[{i}]", share, 1]]
            card = {"x": x, "y": y, "w": wide, "h": high[n], "tints": tints, "from": right - PAD}
            made["cards"].append(card)
            ends.append((x + wide, out))
        sources, x = ends, x + wide + GAP
    y = TOP + (max(stacks) - high[0]) / 2
    w = INDEX + VALUE + 2 * PAD
    head(x, y - 8, "loss", strong=True)
    made["cards"].append({"x": x, "y": y, "w": w, "h": high[0], "tints": []})
    cell("loss", x + PAD, y + PAD, "L", INDEX + VALUE)
    for x1, y1 in sources:
        made["edges"].append({"name": "", "x1": x1, "y1": y1, "x2": x, "y2": y + high[0] / 2})
    return {"width": x + w + 2, "height": height, **made}


def _rows(graph, n):
    """What a neuron's card shows: (forward, backward)."""
    if n < graph.depth:
        return ["z", "a"], ["da", "delta"]
    return ["z", "yhat", "y"] if graph.loss in PREDICTED else ["z", "y"], ["delta"]


# ---- the still ------------------------------------------------------------------------------


def still(scene: dict, frame: dict) -> bytes:
    """The drawing as PNG bytes, the same for the same numbers. frame: see `BackpropLab.frame`."""
    notes = [frame["title"], frame["symbols"], *frame["lines"]]
    notes += [""] * bool(frame["errors"]) + ["   ".join(row) for row in frame["errors"]]
    width, height = scene["width"], scene["height"] + 18 * len(notes) + 16
    figure = Figure(figsize=(width / 100, height / 100))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    cells, active, flow = frame["cells"], set(frame["active"]), set(frame["flow"])
    for edge in scene["edges"]:
        _edge(axes, edge, cells, flow)
    for card in scene["cards"]:
        _box(axes, card["x"], card["y"], card["w"], card["h"], facecolor="white", edgecolor="#888")
        for name, start, end in card["tints"]:
            x, level = card.get("from", card["x"]), cells[name]["level"]
            y, h = card["y"] + start * card["h"], (end - start) * card["h"]
            colour = ORANGE if level > 0 else BLUE
            axes.add_patch(Rectangle((x, y), card["x"] + card["w"] - x, h, facecolor=colour,
                                     alpha=0.32 * abs(level), linewidth=0))  # fmt: skip
    for cell in scene["cells"]:
        _cell(axes, cell, cells[cell["name"]], cell["name"] in active)
    for text in scene["heads"]:
        side = {"start": "left", "end": "right"}[text["anchor"]]
        weight = "bold" if text["strong"] else "normal"
        axes.text(text["x"], text["y"], text["text"], ha=side, fontsize=8, weight=weight)
    for k, line in enumerate(notes):
        weight = "bold" if k == 0 else "normal"
        axes.text(4, scene["height"] + 22 + 18 * k, line, fontsize=8.5, weight=weight)
    return png(figure)


def _box(axes, x, y, w, h, **style):
    axes.add_patch(FancyBboxPatch((x, y), w, h, "round,pad=0,rounding_size=5", **style))


def _edge(axes, edge, cells, flow):
    x1, y1, x2, y2 = (edge[k] for k in ("x1", "y1", "x2", "y2"))
    middle = (x1 + x2) / 2
    level = cells[edge["name"]]["level"] if edge["name"] else 0
    path = Path([(x1, y1), (middle, y1), (middle, y2), (x2, y2)], [1, 4, 4, 4])
    colour = "#888" if not level else ORANGE if level > 0 else BLUE
    axes.add_patch(PathPatch(
        path, facecolor="none", edgecolor=colour, linewidth=0.6 + 2.6 * abs(level),
        linestyle="-" if level >= 0 else (0, (4, 2)), zorder=0,
        alpha=1 if edge["name"] in flow else 0.55,
    ))  # fmt: skip


def _cell(axes, cell, shown, active):
    x, y, w = cell["x"], cell["y"], cell["w"]
    if shown["bar"]:
        long = (VALUE - 8) * abs(shown["level"])
        colour = ORANGE if shown["level"] > 0 else BLUE
        axes.add_patch(Rectangle((x + w - 4 - long, y + ROW - 4), long, 2, facecolor=colour))
    if active:
        _box(axes, x, y + 1, w, ROW - 2, facecolor="#F0E442", alpha=0.6, edgecolor="none")
    middle = y + ROW / 2 + 1
    if cell["label"]:
        axes.text(x + 3, middle, cell["label"], va="center", fontsize=8, color="#444")
    axes.text(x + w - 4, middle, shown["text"], va="center", ha="right", fontsize=8)
