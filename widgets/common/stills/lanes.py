"""What the hand does in a plot: the value of its knob now, and what is planned or guessed."""

import numpy as np

from .chart import Chart, series
from .scales import SCALES
from .words import Label, over_line

FILL = {"past": 0.11, "plan": 0.14}  # opacities


def planned(plan: list, step: float, scale: str) -> float:
    """Return the planned value at a step: straight in the axis's scale, held after the last point.

    NaN before the first point.
    """
    there, back = SCALES[scale]
    steps, values = np.array(plan, dtype=float).T
    if step < steps[0]:
        return np.nan
    return float(back(np.interp(step, steps, there(values))))


def paint_lane(chart: Chart, now: float, end: float) -> list[Label]:
    """Paint the lane of a plot from now to the end of the run; return its labels."""
    lane = chart.plot["lane"]
    if lane["knob"] == "guess":
        return _guess(chart, lane)
    if lane.get("fill"):
        _fill_past(chart, lane, now)
    plan = [point for point in lane.get("plan") or [] if point[0] >= now]
    if lane.get("off"):
        chart.trace(chart.x_domain, [lane["value"]] * 2, lane["hue"], 1, (2, 5), 0.8, "off")
    elif plan:
        _plan(chart, lane, plan, now, end)
    else:
        chart.trace((now, end), [lane["value"]] * 2, lane["hue"], 1.5, (2, 4), 0.7, "as it is")
    chart.sheet.marker(
        "dot", *chart.pixel(now, lane["value"]), 4.5, "paper", lane["hue"], 2.2, role="handle"
    )
    if lane.get("off") and now <= 0:
        return [over_line(chart, lane["value"], "drag down to clip", lane["hue"])]
    return []


def _plan(chart: Chart, lane: dict, plan: list, now: float, end: float) -> None:
    value = planned(lane["plan"], now, chart.scale)
    value = lane["value"] if np.isnan(value) else value
    points = [(now, value), (plan[0][0], value), *plan, (end, plan[-1][1])]
    steps, values = np.array(points, dtype=float).T
    if lane.get("fill"):
        chart.fill(steps, chart.y_domain[0], values, "hand", FILL["plan"], "planned area")
    chart.trace(steps, values, "hand", 2.5, role="plan")


def _fill_past(chart: Chart, lane: dict, now: float) -> None:
    """Fill under the stairs that the knob left behind."""
    for layer in chart.plot["layers"]:
        if layer.get("look") == "stairs" and layer["hue"] == lane["hue"] and "fade" not in layer:
            x, y = series(layer, chart.arrays)
            past = x <= now
            if past.any():
                x, y = np.append(x[past], now), np.append(y[past], y[past][-1])
                low = chart.y_domain[0]
                chart.fill(x, low, y, lane["hue"], FILL["past"], "past area", step="post")


def _guess(chart: Chart, lane: dict) -> list[Label]:
    if not lane.get("plan"):
        return []
    steps, values = np.array(lane["plan"], dtype=float).T
    chart.trace(steps, values, "hand", 4, role="guess")
    words = f"{lane['name']}: {lane['score']}" if lane.get("score") else lane["name"]
    px, py = chart.pixel(steps[-1], values[-1])
    below = 15 if px > chart.box.right - 150 else 0  # the curve itself is at the left
    return [Label(px + 10, py + below, words, "hand")]
