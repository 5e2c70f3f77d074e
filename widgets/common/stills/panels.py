"""The panels beside the network: images, bars, samples, histograms, layers, and words."""

import math

import numpy as np

from .maps import HEAD, heading
from .scales import number
from .sheet import GREY, HUES, SIGNED, Box, Sheet, shortened, text_width, wrapped

ROW = 34  # height of a histogram's row
SAMPLE = 64  # height of a sample


# ---- tiles: many small images -------------------------------------------------------------------


def _columns(panel: dict, width: float) -> int:
    n, h, w = panel["shape"]
    return max(1, min(n, 8 if n <= 64 else math.ceil(math.sqrt(n)), int(width // 6) or 1))


def _cell(panel: dict, width: float) -> tuple[float, float]:
    """Return width and height of a tile with its gap and its caption."""
    _, h, w = panel["shape"]
    wide = min(width / _columns(panel, width), panel.get("largest", 48))
    return wide, (wide - 3) * h / w + 3 + (13 if panel.get("captions") else 0)


def tiles_height(panel: dict, width: float) -> float:
    rows = math.ceil(panel["shape"][0] / _columns(panel, width))
    return HEAD + rows * _cell(panel, width)[1] + (18 if panel["colours"] == "signed" else 4)


def paint_tiles(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint images in rows; signed ones in orange and blue, 128 standing for 0."""
    heading(sheet, panel, box)
    pixels = np.asarray(arrays[panel["pixels"]], dtype=float).reshape(panel["shape"])
    is_signed, captions = panel["colours"] == "signed", panel.get("captions") or []
    columns, (wide, high) = _columns(panel, box.width), _cell(panel, box.width)
    values = (pixels - 128) / 127 if is_signed else pixels / 127.5 - 1
    tall = (wide - 3) * values.shape[1] / values.shape[2]
    for i, tile in enumerate(values):
        x, y = box.x + i % columns * wide, box.y + HEAD + i // columns * high
        place = Box(x, y, wide - 3, tall)
        sheet.image(tile, place, SIGNED if is_signed else GREY, role="tile")
        if i < len(captions):
            words, middle = shortened(captions[i], wide, 9), x + (wide - 3) / 2
            sheet.text(words, middle, y + tall + 10, size=9, align="center", role="caption")
    if is_signed:
        base = box.y + HEAD + math.ceil(len(values) / columns) * high + 10
        sheet.text("orange −, blue +", box.x, base, role="legend")


# ---- bars and samples ---------------------------------------------------------------------------


def bars_height(panel: dict, width: float) -> float:
    return HEAD + 14 + 100 + 18


def paint_bars(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a bar for each class, its value above it."""
    heading(sheet, panel, box)
    values = [v if v is not None and math.isfinite(v) else 0.0 for v in panel["values"]]
    labels = panel.get("labels") or [number(100 * v, 3) for v in values]
    top, base = box.y + HEAD + 14, box.bottom - 18
    step = min(box.width / max(len(values), 1), 60)
    size = 11 if step > 24 else 9
    for i, (name, value, label) in enumerate(zip(panel["names"], values, labels, strict=False)):
        high = (base - top) * min(max(value, 0), 1)
        bar = Box(box.x + (i + 0.2) * step, base - high, 0.6 * step, high)
        sheet.rectangle(bar, "run", 0.5, role="bar")
        middle = bar.x + bar.width / 2
        sheet.text(shortened(label, step, size), middle, bar.y - 4, size=size, align="center")
        words = shortened(name, step - 2, size)
        sheet.text(words, middle, base + 14, "ink", size, "center", role="name")


def samples_height(panel: dict, width: float) -> float:
    return HEAD + SAMPLE * panel["shape"][0]


def paint_samples(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint samples under each other: the image, a bar for each class, and the verdict."""
    heading(sheet, panel, box)
    n, h, w = panel["shape"]
    pixels = np.asarray(arrays[panel["pixels"]], dtype=float).reshape(n, h, w) / 127.5 - 1
    shares = np.asarray(arrays[panel["probabilities"]], dtype=float).reshape(n, -1) / 255
    tall = (box.height - HEAD) / max(n, 1)
    for i, (image, row) in enumerate(zip(pixels, shares, strict=True)):
        side = tall - 8
        place = Box(box.x, box.y + HEAD + i * tall, side * w / h, side)
        sheet.image(image, place, GREY, role="sample")
        truth, guess = panel["truth"][i], panel["guess"][i]
        right = truth == guess
        words = ("✓ " if right else "✕ ") + shortened(panel["classes"][guess], 0.3 * box.width, 13)
        sheet.text(
            words, box.right - 2, place.y + side / 2 + 4, "ink" if right else "limit", 13, "right",
            role="verdict",
        )  # fmt: skip
        room = box.right - place.right - 8 - max(40, text_width(words, 13) + 12)
        bars = Box(place.right + 8, place.y, room, side)
        _probabilities(sheet, row, truth, guess, panel["classes"], bars)


def _probabilities(sheet: Sheet, shares, truth: int, guess: int, classes: list, box: Box) -> None:
    step, base = min(box.width / len(shares), 34), box.bottom - 12
    for c, share in enumerate(shares):
        hue = "run" if c == truth else "limit" if c == guess else "dim"
        high = max(1, share * (box.height - 14))
        bar = Box(box.x + c * step, base - high, step - 1.5, high)
        sheet.rectangle(bar, hue, role="probability")
        if text_width(classes[c], 9) < step:
            ink, middle = "ink" if c == truth else "dim", bar.x + bar.width / 2
            sheet.text(classes[c], middle, box.bottom, ink, 9, "center", role="class")


# ---- histograms, and a model layer by layer -----------------------------------------------------


def ridges_height(panel: dict, width: float) -> float:
    return HEAD + ROW * len(panel["rows"])


def paint_ridges(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a histogram a row, with its name, its range and its note."""
    heading(sheet, panel, box)
    counts = np.asarray(arrays[panel["counts"]]).reshape(len(panel["rows"]), -1)
    half = box.width / 2
    for i, (name, low, high, note) in enumerate(panel["rows"]):
        y = box.y + HEAD + i * ROW
        paint_histogram(sheet, counts[i], Box(box.x, y, half - 12, ROW - 6), low, high)
        sheet.text(shortened(name, half), box.x + half, y + 12, "ink", role="name")
        words = shortened(f"{_range(low, high)}{', ' if note else ''}{note}", half)
        sheet.text(words, box.x + half, y + 25, role="range")


def _range(low, high) -> str:
    return " to ".join("–" if end is None else number(end, 2) for end in (low, high))


def paint_histogram(sheet: Sheet, counts, box: Box, low, high) -> None:
    """Paint counts (bins; 255 is the full height) as an area with a line on top."""
    tops = box.bottom - np.asarray(counts, dtype=float) / 255 * box.height
    edges = np.linspace(box.x, box.right, len(tops) + 1)
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(tops, 2)
    sheet.layer.fill_between(x, y, box.bottom, color=HUES["run"], alpha=0.22, lw=0, gid="counts")
    sheet.line(x, y, "run", 1.2, alpha=0.9, role="histogram")
    if low is not None and high is not None and low < 0 < high:
        zero = box.x - box.width * low / (high - low)
        sheet.line((zero, zero), (box.y, box.bottom), "dim", 1, (1, 2), 0.8, role="zero")


def layers_height(panel: dict, width: float) -> float:
    return HEAD + 18 + ROW * len(panel["rows"])


def paint_layers(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a table of a model's layers: shape, sizes of weights and gradient, histogram."""
    heading(sheet, panel, box)
    name, histogram = 0.28 * box.width, 0.20 * box.width
    step = (box.width - name - histogram) / 3
    ends = [box.x + name + histogram + step * (k + 1) for k in range(3)]
    for end, words in zip(ends, ("weights", "gradient", "ratio"), strict=True):
        sheet.text(words, end, box.y + HEAD + 10, align="right", role="column")
    for i, row in enumerate(panel["rows"]):
        y = box.y + HEAD + 18 + i * ROW
        sheet.line((box.x, box.right), (y - 1, y - 1), "rule")
        sheet.text(shortened(row["name"], name - 8), box.x, y + 13, "ink", role="name")
        sheet.text(shortened(row["shape"], name - 8, 9), box.x, y + 26, size=9, role="shape")
        place = Box(box.x + name, y + 4, histogram - 8, ROW - 9)
        paint_histogram(sheet, arrays[row["counts"]], place, row["low"], row["high"])
        for end, key in zip(ends, ("weights", "grad", "ratio"), strict=True):
            value = row[key]
            words = "–" if value is None else number(value, 2)
            sheet.text(words, end, y + 19, "ink", align="right", role=key)


# ---- words --------------------------------------------------------------------------------------


def note_height(panel: dict, width: float) -> float:
    return HEAD + 16 * len(wrapped(panel["words"], width)) + 4


def paint_note(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Write why there is nothing to see."""
    heading(sheet, panel, box)
    for i, line in enumerate(wrapped(panel["words"], box.width)):
        sheet.text(line, box.x, box.y + HEAD + 10 + 16 * i, role="note")
