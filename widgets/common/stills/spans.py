"""Stretches in rows: who does what when, or what a whole is made of."""

from .maps import HEAD, heading
from .scales import number, ticks
from .sheet import Box, Sheet, shortened, text_width

GAP, AXIS, KEY = 6, 20, 18  # pixels between rows; of the axis's numbers; of a line of the key
NOTED = 0.36  # of the width, at most, for notes
MANY, FEW = 12, 4  # rows: lower than usual, and higher


def lanes(panel: dict) -> list[float]:
    """Return the heights of a row's lanes: what it does, and what goes on beside it."""
    count = len(panel["rows"])
    tall = 9 if count > MANY else 15 if count > FEW else 19
    return [tall, round(tall / 3)] if panel["lanes"] > 1 else [tall]


def pitch(panel: dict) -> float:
    """Return the pixels from row to row."""
    return sum(lanes(panel)) + GAP


def key_of(panel: dict, width: float) -> list[tuple[str, str, float, int]]:
    """Return (words, hue, left, line) of the key, as many a line as fit."""
    found, x, line = [], 0.0, 0
    hues = panel["hues"] + ([[panel["limit"][1], "limit", 0]] if "limit" in panel else [])
    for words, hue, _ in hues if len(hues) > 1 else []:
        wide = 26 + text_width(words)
        if x and x + wide > width:
            x, line = 0.0, line + 1
        found.append((words, hue, x, line))
        x += wide
    return found


def spans_height(panel: dict, width: float) -> float:
    lines = 1 + max((line for *_, line in key_of(panel, width)), default=-1)
    return HEAD + pitch(panel) * len(panel["rows"]) + AXIS + KEY * lines


def paint_spans(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint a row of stretches for each name, an axis below, and a key of the colours."""
    heading(sheet, panel, box)
    names = [name for name, _ in panel["rows"]]
    notes = [note for _, note in panel["rows"]]
    left = box.x + min(max(map(text_width, names)), box.width / 4) + 10
    widest = max(map(text_width, notes))
    room = widest if widest <= NOTED * box.width else 0
    right = box.right - (room + 10 if room else 6)
    scale, tall, top = (right - left) / panel["high"], lanes(panel), box.y + HEAD
    for k, (name, note) in enumerate(panel["rows"]):
        y = top + k * pitch(panel)
        sheet.outline(Box(left, y, right - left, tall[0]), "none", 0, 0, "wash", role="row")
        sheet.text(shortened(name, left - box.x - 8), box.x, y + 12, "ink", role="name")
        if room:
            sheet.text(note, box.right, y + 12, align="right", role="note")
    columns = [arrays[panel[field]] for field in ("row", "from", "to", "hue", "name")]
    for row, start, end, hue, name in zip(*columns, strict=True):
        _, colour, lane = panel["hues"][int(hue)]
        y = top + int(row) * pitch(panel) + (tall[0] + 1 if lane else 0)
        place = Box(left + start * scale, y, max((end - start) * scale, 1), tall[lane])
        inset = 0.5 if place.width > 4 else 0
        inner = place._replace(x=place.x + inset, width=place.width - 2 * inset)
        sheet.outline(inner, "none", 0, 0, colour, role="lane" if lane else "span")
        words = panel["names"][int(name)][0]
        if not lane and words and tall[0] >= 12 and text_width(words) + 4 <= place.width:
            middle = place.x + place.width / 2
            sheet.text(words, middle, y + tall[0] / 2 + 4, "paper", align="center", role="letter")
    _axis(sheet, panel, left, right, top + len(panel["rows"]) * pitch(panel))
    if limit := panel.get("limit"):
        x, bottom = left + limit[0] * scale, top + len(panel["rows"]) * pitch(panel) - GAP + 3
        sheet.line((x, x), (top - 4, bottom), "limit", 2, role="limit", zorder=4)
    base = top + len(panel["rows"]) * pitch(panel) + AXIS
    for words, hue, x, line in key_of(panel, box.width):
        y = base + 12 + line * KEY
        sheet.outline(Box(box.x + x, y - 9, 10, 10), "none", 0, 0, hue, role="key")
        sheet.text(words, box.x + x + 15, y, role="key in words")


def _axis(sheet: Sheet, panel: dict, left: float, right: float, bottom: float) -> None:
    marks = ticks("linear", 0, panel["high"], min(max((right - left) / 70, 2), 8))
    for v in marks:
        words = f"{number(v)} {panel['unit']}" if v == marks[-1] else number(v)
        half = text_width(words) / 2
        x = left + v / panel["high"] * (right - left)
        sheet.line((x, x), (bottom - GAP, bottom - GAP + 4), "dim", role="tick")
        place = min(max(x, half), right + 6 - half)
        sheet.text(words, place, bottom + 11, align="center", role="tick")
