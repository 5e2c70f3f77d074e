"""The strips: plots under each other on one step axis, with what the hand turned in all of them."""

from typing import NamedTuple

import numpy as np

from . import scales
from .chart import Chart, series
from .lanes import paint_lane
from .sheet import Box, Sheet, text_width
from .words import labels_of, write_heading, write_labels

LEFT, RIGHT = 46, 6  # room for the ticks' numbers
HEAD, GAP, AXIS, WORDS = 21, 8, 22, 15  # heights: heading, between strips, step numbers, turns


class Row(NamedTuple):
    """Where a strip lies: the base line of its heading, and the box of its plot."""

    plot: dict
    head: float
    box: Box


def rows_of(picture: dict, place: Box) -> list[Row]:
    """Return where the strips lie under each other; the height of `place` does not count."""
    rows, y = [], place.y
    for i, plot in enumerate(picture["strips"]):
        top = y + HEAD + (0 if i else WORDS * bands_of(picture, place))
        box = Box(place.x + LEFT, top, place.width - LEFT - RIGHT, plot["height"])
        rows.append(Row(plot, y + 14, box))
        y = box.bottom + GAP
    return rows


def height_of(picture: dict, width: float) -> float:
    """Return how high all strips are together, with their axis."""
    rows = rows_of(picture, Box(0, 0, width, 0))
    return rows[-1].box.bottom + AXIS if rows else 0


def horizon(picture: dict) -> float:
    """Return the step at the right edge."""
    return max(picture["horizon"], picture["step"], 1)


def bands_of(picture: dict, place: Box) -> int:
    """Return how many rows of words the turns need: none, one, or two if one would be crowded."""
    return 1 + max((row for _, row in word_places(picture, place) if row is not None), default=-1)


def word_places(picture: dict, place: Box) -> list[tuple[float, int | None]]:
    """Return for the words of each turn where they begin and their row; None: no room."""
    left, right = place.x + LEFT, place.right - RIGHT
    free, places = [0.0, 0.0], []  # where the next words may begin, in either row
    for step, words in picture["turns"]:
        at = left + min(step / horizon(picture), 1) * (right - left)
        start = max(left, min(at, right - text_width(words)))
        row = next((row for row in (0, 1) if free[row] <= start), None)
        if row is not None:
            free[row] = start + text_width(words) + 10
        places.append((start, row))
    return places


def paint_strips(sheet: Sheet, picture: dict, place: Box) -> None:
    """Paint all strips of a picture into the upper part of a place."""
    rows, now, end = rows_of(picture, place), picture["step"], horizon(picture)
    x_axis = {"scale": "linear", "low": 0, "high": end}
    charts = []
    for plot, head, box in rows:
        most = (7 if place.width >= 420 else 4, box.height / 19)
        chart = Chart(sheet, box, plot, picture["arrays"], x_axis, most)
        chart.axes.tick_params("x", labelbottom=False)
        chart.between(now, end, "wash", 0.42, "future")
        chart.paint_layers()
        labels = labels_of(chart)
        if plot.get("lane"):
            labels = paint_lane(chart, now, end) + labels
        write_labels(chart, labels, box.right - 3)
        write_heading(chart, head, now)
        _hint(chart, now)
        charts.append(chart)
    if rows:
        _turns(charts, picture, place, rows[0].head)
        _now(charts, now, picture.get("axis", "step"))


def _hint(chart: Chart, now: float) -> None:
    """Write what a reader could do, if the run has not begun and there is room."""
    words, lane = chart.plot.get("hint"), chart.plot.get("lane") or {}
    left = chart.pixel(now, chart.y_domain[0])[0]
    room = chart.box.right - left
    if words and now <= 0 and not lane.get("plan") and room > text_width(words) + 16:
        middle, base = left + room / 2, chart.box.bottom - 8
        chart.sheet.text(words, middle, base, align="center", halo=True, role="hint")


# ---- what goes through all strips ---------------------------------------------------------------


def _turns(charts: list[Chart], picture: dict, place: Box, head: float) -> None:
    """Mark each turn of a knob: a hairline, a diamond on the marked curve, words above."""
    sheet, first, last = charts[0].sheet, charts[0], charts[-1]
    ends = (first.box.y - 4, last.box.bottom)
    places = word_places(picture, place)
    for (step, words), (start, row) in zip(picture["turns"], places, strict=True):
        past = step <= picture["step"]
        x = first.pixel(step, first.y_domain[0])[0]
        sheet.line((x, x), ends, "ink", 1, (1, 3), 0.55 if past else 0.25, role="turn")
        hue, y = _on_the_curve(first, step)
        if y is not None:
            alpha = 1 if past else 0.45
            sheet.marker("diamond", x, y, 5, "paper", hue, 1.8, alpha, role="turned")
        if row is not None:
            base = head + 17 + 14 * row
            sheet.text(words, start, base, "ink" if past else "dim", role="turn in words")


def _on_the_curve(chart: Chart, step: float) -> tuple[str, float | None]:
    """Return hue and pixel height of the marked curve at a step; None where it is not known."""
    for layer in chart.plot["layers"]:
        if layer.get("mark"):
            x, y = series(layer, chart.arrays)
            known = ~np.isnan(x + y)
            if known.any():
                there, back = scales.SCALES[chart.scale]
                heights = np.interp(step, x[known], there(chart.clamped(y[known])))
                return layer["hue"], chart.pixel(step, back(heights))[1]
    return "run", None


def _now(charts: list[Chart], now: float, name: str) -> None:
    """Draw the line of the present, the step numbers, and the pill with the present step.

    name: of the axis.
    """
    sheet, box = charts[0].sheet, charts[-1].box
    x = charts[0].pixel(now, charts[0].y_domain[0])[0]
    sheet.line((x, x), (charts[0].box.y, box.bottom), "ink", 1.2, role="now", zorder=2.4)
    words = scales.whole(now)
    half = 7 + text_width(words) / 2
    middle = min(max(x, half + 1), sheet.width - half - 1)
    base = box.bottom + 17
    for step in charts[-1].axes.get_xticks():
        tick = charts[-1].pixel(step, charts[-1].y_domain[0])[0]
        wide = text_width(scales.whole(step)) / 2
        clear = abs(tick - middle) > half + wide + 4
        if clear and tick + wide < box.right - text_width(name) - 6:
            sheet.text(scales.whole(step), tick, base, align="center", role="step")
    if middle + half < box.right - text_width(name) - 4:
        sheet.text(name, box.right, base, align="right", role="axis")
    pill = Box(middle - half, box.bottom + 4, 2 * half, 18)
    sheet.outline(pill, "ink", 1.2, 9, "paper", role="pill")
    sheet.text(words, middle, base, "ink", align="center", role="pill in words")
