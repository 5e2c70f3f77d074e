"""The network as a drawing: a map of each neuron, weights as lines, the output large."""

from typing import NamedTuple

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.path import Path

from . import neurons
from .maps import colour_bar, contour, heading, paint_points
from .sheet import HUES, SIGNED, Box, Sheet, dashes

TOP = 40
SHOWN = 8  # neurons of a layer
DASH = {"pos": (), "neg": (5, 2.5)}  # of a weight's line
WIDE = 560  # from this width on the output takes the whole height


class Places(NamedTuple):
    """Where a drawing has its parts, in pixels: a box for each neuron shown, and the output."""

    layers: list[list[Box]]
    output: Box


def places(panel: dict, box: Box) -> Places:
    """Lay a drawing out in a box."""
    counts = [min(n, SHOWN) for n in panel["sizes"][:-1]]
    is_wide = box.width > WIDE
    side = min(max((box.height - TOP - 8) / 8 - 9, 14), 31)
    big = box.height - 74 if is_wide else min(max(box.width * 0.48, 130), box.height - 120)
    x0 = box.right - big - 1
    pitch = (x0 - box.x - 12 - side) / (len(counts) - 1 + 0.62)
    side = min(side, 0.6 * pitch)
    y0 = box.y + TOP
    if not is_wide:
        y0 = max(y0, box.y + min((box.height - big) / 2 - 14, 110))
    rows = (box.height - TOP - 6 - SHOWN * side) / (SHOWN - 1) + side  # from tile to tile
    layers = []
    for layer, count in enumerate(counts):
        gap = rows if layer or count > 2 else 1.5 * rows
        first = box.y + TOP + ((SHOWN - 1) * rows - (count - 1) * gap) / 2
        x = box.x + 1 + layer * pitch
        layers.append([Box(x, first + i * gap, side, side) for i in range(count)])
    return Places(layers, Box(x0, y0, big, big))


def paint_network(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Draw a network that has two inputs and tells two classes apart."""
    weights = neurons.finite(arrays[panel["weights"]]).ravel()
    layers, output = places(panel, box)
    _links(sheet, panel["sizes"], weights, layers, output)
    below, odds = neurons.maps(panel, weights)
    _tiles(sheet, panel, below, layers)
    frame = sheet.outline(output, "dim")
    sheet.image(np.tanh(odds / 2), output, SIGNED, True, frame, role="output")
    contour(sheet, odds, output, [0], 0.75, clip=frame)
    wrong = np.asarray(arrays[panel["wrong"]]).ravel()
    paint_points(sheet, np.asarray(arrays[panel["points"]]), wrong, output)
    title = Box(output.x, (box.y if box.width > WIDE else output.y - 24), output.width, 24)
    note = f"✕ {int((wrong > 0).sum())} of {len(wrong)} wrong"
    heading(sheet, {"title": "output", "note": note}, title)
    _legend(sheet, panel, output, box)


def _tiles(sheet: Sheet, panel: dict, below: list[np.ndarray], layers: list[list[Box]]) -> None:
    for layer, (values, boxes) in enumerate(zip(below, layers, strict=True)):
        shown = neurons.shades(values[: len(boxes)], panel["activation"] if layer else "identity")
        for tile, box in zip(shown, boxes, strict=True):
            frame = sheet.outline(box, "dim")
            sheet.image(tile, box, SIGNED, True, frame, role=f"layer {layer}")
        head = boxes[0].y - 6 if layer == 0 else boxes[0].y - TOP + 14
        name = f"layer {layer}" if len(layers) < 5 or box.width > 24 else str(layer)
        middle = box.x + box.width / 2
        if layer:
            sheet.text(name, middle, head, "ink", 12, "center", role="title")
            if len(values) > len(boxes):
                more = f"+ {len(values) - len(boxes)}"
                sheet.text(more, middle, boxes[0].y - 6, align="center", role="more")
    top = min(boxes[0].y for boxes in layers[1:] or layers) - TOP
    sheet.text("input", layers[0][0].x, top + 14, "ink", 12, role="title")
    for name, box in zip(panel["inputs"], layers[0], strict=True):
        sheet.text(name, box.x + box.width / 2, box.y - 5, align="center", role="input")


def _links(sheet: Sheet, sizes, weights, layers: list[list[Box]], output: Box) -> None:
    """Draw each weight as a curved line: solid blue adds, dashed orange takes away."""
    ends = []
    inner = zip(neurons.matrices(weights, sizes), layers, layers[1:], strict=False)
    for (W, _), left, right in inner:
        for o, b in enumerate(right):
            ends += [(W[o, i], a, (b.x - 1, b.y + b.height / 2)) for i, a in enumerate(left)]
    last = layers[-1]
    for i, (w, a) in enumerate(zip(neurons.into_output(weights, sizes), last, strict=False)):
        share = 0.25 + 0.5 * (i / (len(last) - 1) if len(last) > 1 else 0.5)
        ends.append((w, a, (output.x - 3, output.y + share * output.height)))
    ends.sort(key=lambda end: abs(end[0]))  # what counts most lies on top
    sizes_of = np.abs([w for w, _, _ in ends])
    widths = np.clip(0.9 * sizes_of, 0.6, 5)
    hues = ["pos" if w > 0 else "neg" for w, _, _ in ends]
    alphas = np.clip(0.18 + 0.22 * sizes_of, 0.18, 0.9)
    colours = [to_rgba(HUES[hue], a) for hue, a in zip(hues, alphas, strict=True)]
    styles = [dashes(DASH[hue], width) for hue, width in zip(hues, widths, strict=True)]
    paths = [bend((a.right + 1, a.y + a.height / 2), to) for _, a, to in ends]
    sheet.layer.add_collection(
        PathCollection(paths, facecolors="none", edgecolors=colours, linewidths=widths,
                       linestyles=styles, gid="weights", zorder=1.5),
        autolim=False,
    )  # fmt: skip


def bend(start, end) -> Path:
    """Return a curve that leaves one point to the right and reaches the other from the left."""
    middle = (start[0] + end[0]) / 2
    corners = [start, (middle, start[1]), (middle, end[1]), end]
    return Path(corners, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])


def _legend(sheet: Sheet, panel: dict, output: Box, box: Box) -> None:
    y = output.bottom + 12
    colour_bar(sheet, Box(output.x, y, output.width, 5), panel["classes"])
    if box.width > WIDE:
        return
    for words, hue in (("weight > 0, thick = large", "pos"), ("weight < 0", "neg")):
        y += 16
        sheet.line((output.x, output.x + 24), (y + 26, y + 26), hue, 2.5, DASH[hue])
        sheet.text(words, output.x + 31, y + 30, role="legend")
