"""Maps of a plane: colours, contours, points, and what panels share: heading and colour bar."""

import numpy as np

from .scales import number
from .sheet import HEIGHT, HUES, SIGNED, Box, Sheet, shortened, text_width

HEAD = 26  # pixels from the top of a panel to its picture


def heading(sheet: Sheet, panel: dict, box: Box) -> None:
    """Write a panel's title, and its note at the right."""
    title = shortened(panel["title"], box.width, 12)
    sheet.text(title, box.x, box.y + 14, "ink", 12, role="title")
    room = box.width - text_width(title, 12) - 16
    note = shortened(panel.get("note") or "", room)
    if note:
        sheet.text(note, box.right, box.y + 14, align="right", role="note")


def colour_bar(sheet: Sheet, box: Box, classes: list[str], colours=SIGNED) -> None:
    """Draw a bar of all colours, with the mark and the name of each class below its ends."""
    sheet.image(np.linspace(-1, 1, 64)[None], box, colours, True, role="bar")
    base = box.bottom + 14
    for label, words in enumerate(classes[:2]):
        words = shortened(words, box.width / 2 - 20)
        x = box.right - 5 if label else box.x + 5
        paint_classes(sheet, np.array([x]), np.array([base - 4]), np.array([label]), 4)
        sheet.text(words, x + (-10 if label else 9), base, align=("left", "right")[label])


def paint_classes(sheet: Sheet, x, y, labels, size: float) -> None:
    """Draw a disc for class 0, a square for class 1."""
    for label, kind, hue in ((0, "dot", "neg"), (1, "square", "pos")):
        chosen = (labels > 0) == bool(label)
        if chosen.any():
            sheet.marker(kind, x[chosen], y[chosen], size, hue, role=f"class {label}")


def paint_points(sheet: Sheet, points: np.ndarray, wrong, box: Box) -> None:
    """Draw points (x, y, label; 0 to 255 over the box), and a cross on each that is wrong."""
    points = np.asarray(points, dtype=float).reshape(-1, 3)
    x, y = on_box(points[:, 0], points[:, 1], box)
    paint_classes(sheet, x, y, points[:, 2], 2.6 if box.width > 170 else 2)
    bad = np.asarray(wrong).ravel() > 0
    sheet.marker("cross", x[bad], y[bad], 3.6, "ink", role="wrong")


def on_box(x: np.ndarray, y: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of points given by bytes; the byte 0 of y lies at the bottom."""
    return box.x + x / 255 * box.width, box.bottom - y / 255 * box.height


def contour(sheet: Sheet, values: np.ndarray, box: Box, levels, alpha: float, clip=None) -> None:
    """Draw where a grid (rows, columns; row 0 on top) crosses levels."""
    rows, columns = values.shape
    levels = [v for v in levels if values.min() < v < values.max()]
    if not levels or min(rows, columns) < 2:
        return
    x, y = np.linspace(box.x, box.right, columns), np.linspace(box.y, box.bottom, rows)
    lines = sheet.layer.contour(
        x, y, values, levels, colors=HUES["ink"], linewidths=1.2, alpha=alpha, zorder=2.2,
        negative_linestyles="solid",
    )  # fmt: skip
    lines.set_gid("contour")
    if clip is not None:
        lines.set_clip_path(clip)


# ---- the panel ----------------------------------------------------------------------------------


def map_height(panel: dict, width: float) -> float:
    x0, x1, y0, y1 = panel["extent"]
    tall = width * (y1 - y0) / (x1 - x0) if x1 > x0 and y1 > y0 else width
    return HEAD + min(tall, width, 320) + 28 + (16 if panel.get("x_label") else 0)


def paint_map(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a map of values over a plane, with points or a path on it."""
    heading(sheet, panel, box)
    x0, x1, y0, y1 = panel["extent"]
    below = 28 + (16 if panel.get("x_label") else 0)
    high = box.height - HEAD - below
    aspect = (x1 - x0) / (y1 - y0) if x1 > x0 and y1 > y0 else 1
    plane = Box(box.x, box.y + HEAD, min(box.width, high * aspect), high)
    frame = sheet.outline(plane, "dim")
    is_height = panel["colours"] == "height"
    values = np.asarray(arrays[panel["values"]], dtype=float).reshape(panel["shape"])[::-1]
    signed = values / 127.5 - 1
    sheet.image(signed, plane, HEIGHT if is_height else SIGNED, True, frame, role="map")
    if panel.get("contour"):
        levels = np.linspace(-1, 1, 10)[1:-1] if is_height else [0]
        contour(sheet, signed, plane, levels, 0.22 if is_height else 0.75, frame)
    if panel.get("points"):
        wrong = arrays[panel["wrong"]] if panel.get("wrong") else []
        _points(sheet, arrays[panel["points"]], wrong, plane)
    if panel.get("path"):
        _path(sheet, np.asarray(arrays[panel["path"]], dtype=float).reshape(-1, 2), plane)
    _below(sheet, panel, plane)


def _points(sheet: Sheet, points, wrong, plane: Box) -> None:
    points = np.asarray(points).reshape(-1, 3)
    paint_points(sheet, points, wrong if len(wrong) else np.zeros(len(points)), plane)


def _path(sheet: Sheet, steps: np.ndarray, plane: Box) -> None:
    x, y = on_box(steps[:, 0], steps[:, 1], plane)
    sheet.line(x, y, "paper", 3.5, alpha=0.8, zorder=2.6)
    sheet.line(x, y, "limit", 1.6, role="path", zorder=2.7)
    sheet.marker("dot", x[-1:], y[-1:], 5, "limit", width=2, role="path's end")


def _below(sheet: Sheet, panel: dict, plane: Box) -> None:
    """Write what the colours mean, and the axes' names."""
    bar = Box(plane.x, plane.bottom + 8, plane.width, 5)
    if panel.get("x_label"):
        words = f"→ {panel['x_label']}"
        if panel.get("y_label"):
            words += f"   ↑ {panel['y_label']}"
        sheet.text(words, plane.x, plane.bottom + 14, role="axis")
        bar = bar._replace(y=bar.y + 16)
    if panel["colours"] == "height":
        sheet.image(np.linspace(-1, 1, 64)[None], bar, HEIGHT, True, role="bar")
        sheet.text(_end(panel, "low"), bar.x, bar.bottom + 14)
        sheet.text(_end(panel, "high"), bar.right, bar.bottom + 14, align="right")
    else:
        colour_bar(sheet, bar, panel.get("classes", ["class 0", "class 1"]))


def _end(panel: dict, key: str) -> str:
    return "" if panel.get(key) is None else number(panel[key])
