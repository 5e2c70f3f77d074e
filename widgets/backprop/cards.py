"""Where the numbers of a small network stand: on cards, for the painters to place.

Of a sample, a card is a neuron: on its left a row for each weight that enters it and one for its
bias, on its right what it computes forward (above) and backward (below). Of a batch, a card is a
matrix, a column for each sample; the gradient stands below what it belongs to, in the same shape.
So no two numbers can overlap. Lengths are in pixels, y downwards.
"""

from course.lessons.formulas import PREDICTED, above, symbol

ROW, PAD, SPACE, TOP = 20, 5, 22, 40  # row; inside a card; between cards; room for the first titles
INDEX, VALUE, NAME, WRONG = 24, 52, 40, 14  # widths: 'w₁₂', a number, '∂L/∂a₁', '≠'
LAST = {"cross_entropy": "linear; softmax", "bce": "linear; sigmoid", "mse": "linear"}


def sample(graph, document: bool) -> dict:
    """Return the cards of one sample, a column for each layer, and the weights between them.

    Args:
        graph: a `BackpropTrace`.
        document: whether the document's gradient has a column.
    """
    L, sizes = graph.depth, graph.sizes
    rows = {n: _rows(graph, n) for n in range(1, L + 1)}
    low = ROW + 2 * PAD
    heights = [low] + [
        2 * PAD + ROW * max(sizes[n - 1] + 1, sum(map(len, rows[n]))) for n in range(1, L + 1)
    ]
    stacks = [n * h + (n - 1) * SPACE for n, h in zip(sizes, heights, strict=True)]
    tops = [TOP + (max(stacks) - stack) / 2 for stack in stacks]
    given = INDEX + VALUE + 2 * PAD
    cards = [
        {
            "column": 0, "title": "" if j else "input", "top": tops[0] + j * (low + SPACE),
            "width": given, "height": low, "heads": [],
            "cells": [_cell(f"x[{j + 1}]", PAD, PAD, INDEX + VALUE)],
        }
        for j in range(sizes[0])
    ]  # fmt: skip
    outlets, edges = [(j, low / 2) for j in range(sizes[0])], []
    for n in range(1, L + 1):
        name = graph.activation if n < L else LAST[graph.loss]
        following = []
        for i in range(1, sizes[n] + 1):
            card, ports, outlet = _neuron(graph, n, i, rows[n], heights[n], document)
            card["title"] = f"layer {n}, {name}" if i == 1 else ""
            card["top"] = tops[n] + (i - 1) * (heights[n] + SPACE)
            for j, (source, port) in enumerate(zip(outlets, ports, strict=False), 1):
                edges.append({"name": f"w{n}[{i},{j}]", "from": source, "to": (len(cards), port)})
            following.append((len(cards), outlet))
            cards.append(card)
        outlets = following
    top = TOP + (max(stacks) - low) / 2
    cells = [_cell("loss", PAD, PAD, INDEX + VALUE, "L")]
    loss = {"column": L + 1, "title": "loss", "top": top, "width": given, "height": low,
            "heads": [], "cells": cells}  # fmt: skip
    edges += [{"name": "", "from": source, "to": (len(cards), low / 2)} for source in outlets]
    return {"cards": [*cards, loss], "edges": edges, "tall": TOP + max(stacks), "flows": False}


def _rows(graph, n: int) -> tuple[list[str], list[str]]:
    """Return what a neuron of layer n computes: (forward, backward)."""
    if n < graph.depth:
        return ["z", "a"], ["da", "delta"]
    return ["z", "yhat", "y"] if graph.loss in PREDICTED else ["z", "y"], ["delta"]


def _neuron(graph, n, i, rows, height, document) -> tuple[dict, list[float], float]:
    """Return a neuron's card, the heights at which weights enter it, and at which it answers."""
    kinds = ["", "d", "doc"] if document else ["", "d"]
    ends = [PAD + INDEX + VALUE * (k + 1) + WRONG * (k == 2) for k in range(len(kinds))]
    right, m = ends[-1] + PAD, graph.sizes[n - 1]
    start = (height - ROW * (m + 1)) / 2
    cells = []
    for j in range(1, m + 2):
        for k, (kind, end) in enumerate(zip(kinds, ends, strict=True)):
            name = f"{kind}b{n}[{i}]" if j > m else f"{kind}w{n}[{i},{j}]"
            left = ends[k - 1] if k else PAD
            cells.append(_cell(name, left, start + (j - 1) * ROW, end - left, "" if k else None))
    forward, backward = rows
    start = (height - ROW * len(forward + backward)) / 2
    outlet = start
    for k, kind in enumerate(forward + backward):
        name = f"{kind}[{i}]" if kind in ("yhat", "y") else f"{kind}{n}[{i}]"
        cells.append(_cell(name, right, start + k * ROW, NAME + VALUE))
        if kind in ("z", "a", "yhat"):
            outlet = start + k * ROW + ROW / 2
    words = ["w, b", "∂L/∂w", "document"]
    heads = [(end - 4, word, "right") for end, word in zip(ends, words, strict=False)]
    width = right + NAME + VALUE + PAD
    start = (height - ROW * (m + 1)) / 2 + ROW / 2
    card = {"column": n, "width": width, "height": height, "heads": heads, "cells": cells}
    return card, [start + j * ROW for j in range(m)], outlet


def _cell(name: str, x: float, y: float, width: float, label: str | None = None) -> tuple:
    """Return a number's place in its card: (name, x, y, width, label)."""
    return name, x, y, width, symbol(name).split("⁽")[0] if label is None else label


# ---- a batch ------------------------------------------------------------------------------------


def batch(graph, document: bool) -> dict:
    """Return the cards of a batch, in rows: of each layer forward, and backward below it.

    Args:
        graph: a `BackpropBatch`.
        document: whether the document's gradient has cards.
    """
    L, inputs = graph.depth, [f"x[{j}]" for j in range(1, graph.sizes[0] + 1)]
    outputs = [f"y[{i}]" for i in range(1, graph.sizes[-1] + 1)]
    cards = [_samples(graph, 0, "inputs X", inputs)]
    for n in range(1, L + 1):
        up, kinds = above(n), ["z", "a"] if n < L else ["z"]
        forward = [_matrix(graph, 2 * n - 1, f"layer {n}: W{up}, b{up}", "", n)]
        forward += [_samples(graph, 2 * n - 1, f"{kind.upper()}{up}", graph.entries(kind, n))
                    for kind in kinds]  # fmt: skip
        backward = [_matrix(graph, 2 * n, "∂L/∂W, ∂L/∂b: means", "d", n),
                    _samples(graph, 2 * n, f"δ{up}", graph.entries("delta", n))]  # fmt: skip
        if n < L:
            backward.append(_samples(graph, 2 * n, f"∂L/∂A{up}", graph.entries("da", n)))
        else:
            if graph.loss in PREDICTED:
                forward.append(_samples(graph, 2 * n - 1, "Ŷ", graph.entries("yhat", n)))
            forward.append(_samples(graph, 2 * n - 1, "targets Y", outputs))
            backward.append(_samples(graph, 2 * n, "loss of each, and mean", ["loss"], ["loss"]))
        if document:
            backward.insert(1, _matrix(graph, 2 * n, "the document's", "doc", n))
        cards += forward + backward
    return {"cards": cards, "edges": [], "tall": 0, "flows": True}


def _samples(graph, row: int, title: str, names: list[str], means=()) -> dict:
    """Return a card with a row for each name and a column for each sample."""
    numbers = range(1, len(graph.traces) + 1)
    grid = [[f"{name}:{k}" for k in numbers] + [m for m in means if m == name] for name in names]
    heads = [str(k) for k in numbers] + ["mean"] * bool(means)
    labels = [symbol(name).split("⁽")[0] for name in names]
    return _grid(row, title, heads, labels, grid, NAME if len(labels[0]) > 3 else INDEX)


def _matrix(graph, row: int, title: str, kind: str, n: int) -> dict:
    """Return a card with W and b of a layer, or a gradient by them."""
    columns = range(1, graph.sizes[n - 1] + 1)
    neurons = range(1, graph.sizes[n] + 1)
    grid = [[f"{kind}w{n}[{i},{j}]" for j in columns] + [f"{kind}b{n}[{i}]"] for i in neurons]
    heads = [f"from {j}" for j in columns] + ["b"]
    wrong = WRONG if kind == "doc" else 0
    return _grid(row, title, heads, [f"to {i}" for i in neurons], grid, INDEX + 4, wrong)


def _grid(row: int, title: str, heads, labels, grid, left: float, wrong: float = 0) -> dict:
    step, cells = VALUE + wrong, []
    for k, (label, names) in enumerate(zip(labels, grid, strict=True)):
        for c, name in enumerate(names):
            x, width = (PAD + left + c * step, step) if c else (PAD, left + step)
            cells.append(_cell(name, x, PAD + k * ROW, width, "" if c else label))
    ends = [PAD + left + (c + 1) * step - 4 for c in range(len(heads))]
    return {
        "column": row, "title": title, "top": 0, "width": left + step * len(heads) + 2 * PAD,
        "height": 2 * PAD + ROW * len(grid), "cells": cells,
        "heads": [(end, head, "right") for end, head in zip(ends, heads, strict=True)],
    }  # fmt: skip
