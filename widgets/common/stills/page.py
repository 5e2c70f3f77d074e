"""The still painter: where strips and panels lie on the page, and the page as a PNG."""

import warnings
from collections.abc import Callable

import matplotlib.style
from matplotlib.figure import Figure

from ..figure import png
from . import panels
from .chart import Chart
from .drawing import WIDE, paint_network
from .maps import map_height, paint_map
from .sheet import INCH, Box, Sheet, text_width, wrapped
from .spans import paint_spans, spans_height
from .strips import LEFT, RIGHT, height_of, paint_strips
from .surface import diagram_height, paint_diagram, paint_surface, surface_height
from .trace import paint_trace, trace_height
from .words import labels_of, write_heading, write_labels

MARGIN, COLUMN_GAP, ROW_GAP = 8, 22, 18
FULL, HALF = 1000, 620  # widths with and without a side column
NETWORK = (330, 410, 560)  # heights: wide; in a column at least, at most


def still(picture: dict) -> bytes:
    """Paint a picture (see `picture.py`): PNG bytes, the same for the same picture."""
    with matplotlib.style.context("default"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in any script
        return png(figure_of(picture), INCH)


def figure_of(picture: dict) -> Figure:
    """Return a picture as a figure: one pixel of the page is 1/72 inch.

    Its parts carry what they are as `gid`; a plot's axes have its id as their label.
    """
    strips, side, below = picture["strips"], picture["side"], picture["below"]
    is_trace = any(panel["kind"] == "trace" for panel in side)
    wide = bool(strips and side) or len(below) > 2 or is_trace
    width = FULL if wide else HALF
    left = 0.54 * (width - COLUMN_GAP) if strips and side else width
    right = width - left - COLUMN_GAP if strips and side else width
    place = Box(MARGIN, MARGIN, left, height_of(picture, left) if strips else 0)
    surfaces = [panel for panel in side if panel["kind"] == "surface"]
    tops: list[tuple[dict, Box]] = []
    if surfaces:
        tops, place = _above(surfaces[0], place, len(side) > 1, right)
        side = [panel for panel in side if panel["kind"] != "surface"]
    tall = place.bottom - MARGIN
    beside = tops + _column(side, MARGIN + width - right, right, tall)
    height = max([tall, *(box.bottom - MARGIN for _, box in beside)])
    rows = _grid(below, width, height + (ROW_GAP if height else 0))
    height = max([height, *(box.bottom - MARGIN for _, box in rows)])
    lines = wrapped(picture["words"], width, 12) if picture["words"] else []
    sheet = Sheet(width + 2 * MARGIN, round(height + 2 * MARGIN + 17 * len(lines) + 10))
    if strips:
        paint_strips(sheet, picture, place)
    for panel, box in beside + rows:
        PANELS[panel["kind"]][1](sheet, panel, picture["arrays"], box)
    for i, line in enumerate(lines):
        base = MARGIN + height + 24 + 17 * i
        sheet.text(line, MARGIN, base, size=12, role="sentence")
    return sheet.figure


def _above(panel: dict, strips: Box, crowded: bool, right: float) -> tuple[list, Box]:
    """Return where a surface lies, and the strips: below it, or beside it if the side is free."""
    top = Box(strips.x, strips.y, strips.width, surface_height(panel, strips.width))
    if crowded:
        return [(panel, top)], strips._replace(y=top.bottom + ROW_GAP)
    place = strips._replace(x=top.right + COLUMN_GAP, width=right)
    return [(panel, top)], place


def _column(side: list[dict], x: float, width: float, room: float) -> list[tuple[dict, Box]]:
    """Return where the panels of a side column lie; samples stand beside the others."""
    samples = [panel for panel in side if panel["kind"] == "samples"]
    others = [panel for panel in side if panel["kind"] != "samples"]
    places, y = [], float(MARGIN)
    narrow = 0.58 * width if samples and others else width
    for panel in others:
        high = max(PANELS[panel["kind"]][0](panel, narrow), _least(panel, narrow, room))
        places.append((panel, Box(x, y, narrow, high)))
        y += high + ROW_GAP
    left = x + (narrow + COLUMN_GAP if others else 0)
    for panel in samples:
        high = panels.samples_height(panel, width)
        places.append((panel, Box(left, MARGIN, x + width - left, high)))
    return places


def _least(panel: dict, width: float, room: float) -> float:
    """Return how high a panel is at least: a diagram fills the side, a network if it gains."""
    if panel["kind"] == "diagram":
        return room
    return min(max(room, 0), NETWORK[2]) if panel["kind"] == "network" and width <= WIDE else 0


def _grid(below: list[dict], width: float, top: float) -> list[tuple[dict, Box]]:
    """Return where the panels below lie: each in the column that is the shortest so far.

    Stretches of time take the whole width.
    """
    columns = 3 if len(below) > 2 else 2 if len(below) == 2 or width == FULL else 1
    wide = (width - (columns - 1) * COLUMN_GAP) / columns
    places, ends = [], [top + MARGIN] * columns
    for panel in below:
        if panel["kind"] == "spans":
            high = PANELS[panel["kind"]][0](panel, width)
            places.append((panel, Box(MARGIN, max(ends), width, high)))
            ends = [max(ends) + high + ROW_GAP] * columns
            continue
        column = ends.index(min(ends))
        high = PANELS[panel["kind"]][0](panel, wide)
        places.append((panel, Box(MARGIN + column * (wide + COLUMN_GAP), ends[column], wide, high)))
        ends[column] += high + ROW_GAP
    return places


# ---- kinds of panels ----------------------------------------------------------------------------


def _network_height(panel: dict, width: float) -> float:
    return NETWORK[0] if width > WIDE else NETWORK[1]


def _plot_height(panel: dict, width: float) -> float:
    return 22 + _tall(panel, width) + (36 if panel["x"].get("label") else 22)


def _tall(panel: dict, width: float) -> float:
    """Return a plot's height; with equal axes a unit is as long upwards as across."""
    if not panel.get("equal"):
        return panel["height"]
    x, y = panel["x"], panel["y"]
    return (y["high"] - y["low"]) / (x["high"] - x["low"]) * (width - LEFT - RIGHT)


def _paint_plot(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a plot with an x axis of its own; its heading reads the last values."""
    curves = [layer for layer in panel["layers"] if layer["kind"] == "curve"]
    names = max((text_width(layer.get("label") or "") for layer in curves), default=0)
    room = 0 if panel.get("equal") else min(names + 9, 0.3 * box.width)
    right = box.right - max(RIGHT, room)
    place = Box(box.x + LEFT, box.y + 22, right - box.x - LEFT, _tall(panel, box.width))
    chart = Chart(sheet, place, panel, arrays, panel["x"], (place.width / 60, place.height / 19))
    chart.paint_layers()
    write_labels(chart, labels_of(chart), box.right - 2)
    write_heading(chart, box.y + 14, float("-inf" if panel.get("quiet") else "inf"))
    if words := panel["x"].get("label"):
        middle = place.x + (place.width - text_width(words)) / 2
        sheet.text(words, middle, place.bottom + 32, role="axis")


PANELS: dict[str, tuple[Callable, Callable]] = {  # height by width; painter
    "network": (_network_height, paint_network),
    "map": (map_height, paint_map),
    "tiles": (panels.tiles_height, panels.paint_tiles),
    "bars": (panels.bars_height, panels.paint_bars),
    "samples": (panels.samples_height, panels.paint_samples),
    "ridges": (panels.ridges_height, panels.paint_ridges),
    "layers": (panels.layers_height, panels.paint_layers),
    "trace": (trace_height, paint_trace),
    "surface": (surface_height, paint_surface),
    "diagram": (diagram_height, paint_diagram),
    "spans": (spans_height, paint_spans),
    "note": (panels.note_height, panels.paint_note),
    "plot": (_plot_height, _paint_plot),
}
