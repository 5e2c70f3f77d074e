"""A race on a surface: trails on a map of heights; and momentum's (α, β) diagram."""

import numpy as np

from .maps import HEAD, contour, heading
from .scales import SCALES, number, ticks
from .sheet import HEIGHT, HUES, SPEED, Box, Sheet, text_width
from .words import pushed_apart

LEFT, RIGHT, AXIS = 46, 6, 20  # room beside and below the map, as the strips have it
HEIGHTS = np.linspace(-1, 1, 10)[:-1] + 1 / 9
DASHES = {"solid": (), "dashed": (7, 3), "dotted": (2, 3)}
BLUES, SPEEDS = HEIGHT.resampled(36), SPEED.resampled(41)  # few colours make a small file
DOTTED = 80  # steps of a trail that are marked one by one, at most
LABEL, BELOW = 16, 38  # of the diagram: room for the names of its axes
HINT = "the stronger the blue, the faster"


# ---- the surface --------------------------------------------------------------------------------


def plane_of(panel: dict, box: Box) -> Box:
    """Return where the map lies in its panel."""
    x0, x1, y0, y1 = panel["extent"]
    wide = box.width - LEFT - RIGHT
    return Box(box.x + LEFT, box.y + HEAD, wide, wide * (y1 - y0) / (x1 - x0))


def surface_height(panel: dict, width: float) -> float:
    return plane_of(panel, Box(0, 0, width, 0)).bottom + AXIS


def paint_surface(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint the map, the minima, each racer's trail, and where each stands with its name."""
    heading(sheet, panel | {"note": ""}, box)  # a still cannot be dragged
    plane = plane_of(panel, box)
    frame = sheet.outline(plane, "rule", 1)
    values = np.asarray(arrays[panel["values"]], dtype=float).reshape(panel["shape"])[::-1]
    sheet.image(values / 127.5 - 1, plane, BLUES, True, frame, role="map")
    contour(sheet, values / 127.5 - 1, plane, HEIGHTS, 0.22, frame)
    for k, point in enumerate(panel["minima"]):
        (x,), (y,) = pixels([point], panel, plane)
        if k == 0:
            sheet.text("minimum", x - 8, y + 16, "ink", align="right", halo=True, role="minimum")
        sheet.line((x - 5, x + 5), (y, y), "ink", 1.5, role="minimum")
        sheet.line((x, x), (y - 5, y + 5), "ink", 1.5, role="minimum")
    for racer in panel["racers"]:
        _trail(sheet, racer, panel, arrays, plane, frame)
    _axes(sheet, panel, plane)
    (x,), (y,) = pixels([panel["start"]], panel, plane)
    x, y = np.clip(x, plane.x, plane.right), np.clip(y, plane.y, plane.bottom)
    sheet.marker("dot", [x], [y], 6, "paper", "ink", 2.5, role="start")
    _heads(sheet, panel, plane)


def pixels(points, panel: dict, plane: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of points (n, 2) on the sheet."""
    x0, x1, y0, y1 = panel["extent"]
    x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
    return (plane.x + (x - x0) / (x1 - x0) * plane.width,
            plane.y + (y1 - y) / (y1 - y0) * plane.height)  # fmt: skip


def _trail(sheet: Sheet, racer: dict, panel: dict, arrays: dict, plane: Box, frame) -> None:
    x, y = pixels(arrays[racer["path"]], panel, plane)
    inside = {"clip_path": frame, "zorder": 2.7}
    sheet.line(x, y, "paper", 3.5, alpha=0.8, **inside)
    name, hue = racer["name"], racer["hue"]
    sheet.line(x, y, hue, 1.6, DASHES[racer["look"]], 0.95, role=f"trail {name}", **inside)
    if len(x) <= DOTTED:
        sheet.layer.plot(
            x, y, ls="none", marker="o", ms=3.8, mew=0, color=HUES[hue], clip_path=frame,
            zorder=2.7, gid=f"steps {name}",
        )  # fmt: skip
    if "others" in racer:
        x, y = pixels(arrays[racer["others"]], panel, plane)
        here = (x >= plane.x) & (x <= plane.right) & (y >= plane.y) & (y <= plane.bottom)
        sheet.marker("dot", x[here], y[here], 3, hue, role=f"others {name}")


def _heads(sheet: Sheet, panel: dict, plane: Box) -> None:
    """Paint where the racers stand, one that is outside as a ring at the edge, and their names."""
    places = []
    for racer in panel["racers"]:
        (x,), (y,) = pixels([racer["at"]], panel, plane)
        at = np.clip(x, plane.x, plane.right), np.clip(y, plane.y, plane.bottom)
        fill, edge = (racer["hue"], "paper") if (x, y) == at else ("paper", racer["hue"])
        role = f"head {racer['name']}"
        sheet.marker("dot", [at[0]], [at[1]], 6, fill, edge, 1.5, role=role)
        words = f"{racer['name']}: {racer['state']}" if racer["state"] else racer["name"]
        places.append((*at, words, racer["hue"]))
    places.sort(key=lambda place: place[1])
    heights = pushed_apart([place[1] for place in places], plane.y + 10, plane.bottom - 10)
    for (x, _, words, hue), y in zip(places, heights, strict=True):
        wide = text_width(words)
        left = x + 10 if x + 10 + wide <= plane.right else max(plane.x + 3, x - 10 - wide)
        sheet.text(words, left, y + 4, hue, halo=True, role="racer")


def _axes(sheet: Sheet, panel: dict, plane: Box) -> None:
    x0, x1, y0, y1 = panel["extent"]
    for v in ticks("linear", x0, x1, min(max(plane.width / 60, 3), 7)):
        x = plane.x + (v - x0) / (x1 - x0) * plane.width
        sheet.text(number(v), x, plane.bottom + 15, align="center", role="tick")
    for v in ticks("linear", y0, y1, min(max(plane.height / 40, 3), 7)):
        y = plane.bottom - (v - y0) / (y1 - y0) * plane.height
        sheet.text(number(v), plane.x - 10, y + 4, align="right", role="tick")
    sheet.text("x", plane.right - 4, plane.bottom - 5, align="right", role="axis")
    sheet.text("y", plane.x + 5, plane.y + 13, role="axis")


# ---- the diagram --------------------------------------------------------------------------------


def diagram_height(panel: dict, width: float) -> float:
    return min(0.95 * width, 430)


def paint_diagram(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint the speeds, the lines between the regions, their names, the fastest and the point."""
    heading(sheet, panel, box)
    top = HEAD + LABEL
    plane = Box(box.x + 40, box.y + top, box.width - 46, box.height - top - BELOW)
    frame = sheet.outline(plane, "rule", 1)
    speeds = np.asarray(arrays[panel["values"]], dtype=float).reshape(panel["shape"])[::-1]
    sheet.image((speeds - 128) / 127, plane, SPEEDS, True, frame, role="speeds")
    betas = arrays[panel["betas"]]
    lines = [(panel["limit"], 1.8, ()), *((name, 1.2, (4, 3)) for name in panel["swings"])]
    for name, width, dash in lines:
        x, y = on_diagram(panel, plane, arrays[name], betas)
        options = {"clip_path": frame, "zorder": 2.6}
        sheet.line(x, y, "ink", width, dash, 0.8, role=f"line {name}", **options)
    _diagram_axes(sheet, panel, plane)
    x, y = on_diagram(panel, plane, *panel["best"])
    sheet.marker("dot", [x], [y], 3.5, "ink", role="best")
    align, side = ("right", -9) if x - plane.x > 70 else ("left", 9)
    sheet.text("fastest", x + side, y + 4, "ink", 12, align, True, role="fastest")
    (alpha, beta), axis = panel["point"], panel["x"]  # α = 0 has no place on a log axis
    point = on_diagram(panel, plane, np.clip(alpha, axis["low"], axis["high"]), beta)
    sheet.text("★", point[0], point[1] + 7, panel["hue"], 20, "center", True, role="point")
    for words, alpha, beta in panel["regions"]:
        x, y = on_diagram(panel, plane, alpha, beta)
        half = text_width(words, 12) / 2 + 16
        hidden = abs(x - point[0]) < half and abs(y - point[1]) < 20
        sheet.text(words, x, y + (30 if hidden else 4), "ink", 12, "center", True, role="region")


def on_diagram(panel: dict, plane: Box, alpha, beta):
    """Return x and y of points of the diagram on the sheet."""
    position = SCALES[panel["x"]["scale"]][0]
    left, right = position(panel["x"]["low"]), position(panel["x"]["high"])
    low, high = panel["y"]["low"], panel["y"]["high"]
    return (plane.x + (position(alpha) - left) / (right - left) * plane.width,
            plane.bottom - (np.asarray(beta) - low) / (high - low) * plane.height)  # fmt: skip


def _diagram_axes(sheet: Sheet, panel: dict, plane: Box) -> None:
    sheet.text(panel["y_label"], plane.x - 40, plane.y - 8, "ink", role="axis")
    most = min(max(plane.width / 60, 3), 6)
    for v in ticks(panel["x"]["scale"], panel["x"]["low"], panel["x"]["high"], most):
        x, _ = on_diagram(panel, plane, v, 0)
        sheet.text(number(v), x, plane.bottom + 16, align="center", role="tick")
    for v in ticks("linear", 0, 1, 5):
        _, y = on_diagram(panel, plane, 1, min(v, panel["y"]["high"]))
        sheet.text(number(v), plane.x - 8, y + 4, align="right", role="tick")
    base = plane.bottom + 33
    sheet.text(panel["x_label"], plane.right, base, "ink", align="right", role="axis")
    if text_width(HINT) + text_width(panel["x_label"]) + 16 < plane.width:
        sheet.text(HINT, plane.x, base, role="hint")
