"""The words in and over a plot: names at the curves' ends, and read-outs in the heading."""

from typing import NamedTuple

import numpy as np

from .chart import Chart, series
from .scales import number, reading
from .sheet import text_width

LINE = 12  # pixels from one label to the next


class Label(NamedTuple):
    """Words beside a point of a plot: `x`, `y` in pixels."""

    x: float
    y: float
    words: str
    hue: str


def labels_of(chart: Chart) -> list[Label]:
    """Return the names at the ends of the curves and over the levels that have one."""
    labels = []
    for layer in chart.plot["layers"]:
        if layer.get("label") and layer["kind"] == "level":
            labels.append(over_line(chart, layer["y"], layer["label"], layer["hue"]))
        elif layer.get("label"):
            x, y = series(layer, chart.arrays)
            known = np.flatnonzero(np.isfinite(x) & ~np.isnan(y))
            if len(known):
                px, py = chart.pixel(x[known[-1]], y[known[-1]])
                labels.append(Label(px + 6, py, layer["label"], layer["hue"]))
    return labels


def over_line(chart: Chart, y: float, words: str, hue: str) -> Label:
    """Return a label at the right end of a horizontal line, above it if there is room."""
    _, py = chart.pixel(chart.x_domain[1], y)
    line = py - 10 if py - 6 > chart.box.y + 9 else py + 10
    return Label(chart.box.right - 3 - text_width(words), line, words, hue)


def write_labels(chart: Chart, labels: list[Label], right: float) -> None:
    """Write labels pushed apart, inside the plot; the first ones if there is no room for all.

    right: how far they may reach, in pixels.
    """
    box = chart.box
    labels = [label for label in labels if np.isfinite(label.x + label.y)]
    labels = labels[: max(1, int((box.height - 2) // LINE))]
    labels = sorted(labels, key=lambda label: label.y)
    heights = pushed_apart([label.y for label in labels], box.y + 6, box.bottom - 6)
    for (x, _, words, hue), y in zip(labels, heights, strict=True):
        x = min(x, right - text_width(words))
        chart.sheet.text(words, max(x, box.x + 3), y + 4, hue, halo=True, role="label")


def pushed_apart(heights: list[float], top: float, bottom: float) -> list[float]:
    """Return ascending heights at least `LINE` apart, inside where there is room for all."""
    apart: list[float] = []
    for y in heights:
        apart.append(max(y, apart[-1] + LINE if apart else top))
    for i in reversed(range(len(apart))):
        apart[i] = min(apart[i], apart[i + 1] - LINE if i + 1 < len(apart) else bottom)
    return apart


# ---- read-outs ----------------------------------------------------------------------------------


def sample(layer: dict, arrays: dict, place: float) -> float:
    """Return the last y up to a place; the first one if it is the middle of a bin that began.

    NaN if there is none.
    """
    x, y = series(layer, arrays)
    at = int(np.searchsorted(x, place, side="right")) - 1
    in_bin = not isinstance(layer["x"], str) and len(x) > 0 and x[0] < layer["x"][1]
    at = 0 if at < 0 and in_bin else at
    return float(y[at]) if at >= 0 else np.nan


def read_outs(chart: Chart, place: float) -> list[tuple[str, str, str]]:
    """Return (name, value in words, hue) of what the heading tells."""
    rows = []
    for layer in chart.plot["layers"]:
        if layer.get("read"):
            value = sample(layer, chart.arrays, place)
            if np.isfinite(value):
                rows.append((layer["name"], reading(chart.scale, value), layer["hue"]))
    lane = chart.plot.get("lane")
    if lane and lane.get("value") is not None:
        words = "off" if lane.get("off") else number(lane["value"])
        rows.append((lane["symbol"], words, lane["hue"]))
    return rows


def write_heading(chart: Chart, base: float, place: float) -> None:
    """Write the title, and at the right the read-outs: from the right as many as have room."""
    sheet, box = chart.sheet, chart.box
    sheet.text(chart.plot["title"], box.x, base, "ink", 12, halo=True, role="title")
    left, x = box.x + text_width(chart.plot["title"], 12) + 8, box.right
    for name, value, hue in reversed(read_outs(chart, place)):
        if x - text_width(name) - 4 - text_width(value) < left:
            break
        sheet.text(value, x, base, "ink", align="right", halo=True, role=f"value of {name}")
        x -= text_width(value) + 4
        sheet.text(name, x, base, hue, align="right", halo=True, role="name")
        x -= text_width(name) + 12
