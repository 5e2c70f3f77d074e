"""Back-propagation number by number: cards of numbers, weights as lines, and the step in words."""

from itertools import accumulate, pairwise
from typing import NamedTuple

from matplotlib.patches import PathPatch

from .drawing import DASH, bend
from .maps import HEAD, heading
from .sheet import HUES, Box, Sheet, dashes, text_width, wrapped

GAP = (26, 130)  # between two columns: at least, at most
ROW = (42, 24)  # above a row of cards, with titles and without
BESIDE = 10  # between two cards of a row
COLUMNS = (0, 210, 290)  # of the table of errors
LINE = 18  # height of a line of the legend, or of words


class Places(NamedTuple):
    """Where the cards lie, from the panel's corner: (x, y) of each, and how high all are."""

    corners: list[tuple[float, float]]
    flows: bool
    height: float


def places(panel: dict, width: float) -> Places:
    """Lay the cards out: in columns if there is room, else in rows."""
    cards = panel["cards"]
    columns: dict[int, float] = {}
    for card in cards:
        columns[card["column"]] = max(columns.get(card["column"], 0), card["width"])
    gap = min((width - sum(columns.values())) / max(len(columns) - 1, 1), GAP[1])
    if not panel["flows"] and gap >= GAP[0]:
        lefts = list(accumulate((w + gap for w in columns.values()), initial=0))
        corners = [(lefts[card["column"]], HEAD + card["top"]) for card in cards]
        return Places(corners, False, HEAD + panel["tall"])
    x, y, low = cards[0]["width"] + BESIDE, HEAD + ROW[0], cards[0]["height"]
    corners = [(0, y)]
    for before, card in pairwise(cards):
        if card["column"] != before["column"] or x + card["width"] > width:
            x, y, low = 0, y + low + ROW[0 if card["title"] else 1], 0
        corners.append((x, y))
        x, low = x + card["width"] + BESIDE, max(low, card["height"])
    return Places(corners, True, y + low)


def trace_height(panel: dict, width: float) -> float:
    words = len(_words(panel, width)) + len(panel["errors"])
    return places(panel, width).height + 20 + LINE * (words + 1)


def paint_trace(sheet: Sheet, panel: dict, arrays: dict, box: Box) -> None:
    """Paint the cards with their numbers, the legend, and the step with numbers filled in."""
    heading(sheet, panel, box)
    corners, flows, height = places(panel, box.width)
    corners = [(box.x + x, box.y + y) for x, y in corners]
    for edge in [] if flows else panel["edges"]:
        _paint_edge(sheet, panel, edge, corners)
    for card, corner in zip(panel["cards"], corners, strict=True):
        _paint_card(sheet, panel, card, corner)
    y = box.y + height + 18
    _paint_legend(sheet, panel["legend"], box.x, y)
    y += 14
    for words in _words(panel, box.width):
        y += LINE
        sheet.text(words, box.x, y, "ink", 12, role="step")
    for row in panel["errors"]:
        y += LINE
        for words, left in zip(row, COLUMNS, strict=True):
            sheet.text(words, box.x + left, y, size=12, role="error")


def _words(panel: dict, width: float) -> list[str]:
    """Return the lines below the drawing that tell the step."""
    step = panel["step"]
    rows = [step["title"], step["symbols"], *step["lines"]]
    return [line for words in rows if words for line in wrapped(words, width, 12)]


def _hue(level: float) -> str:
    return "pos" if level > 0 else "neg" if level < 0 else "rule"


def _paint_edge(sheet: Sheet, panel: dict, edge: dict, corners: list) -> None:
    """Paint a weight as a curved line: solid blue adds, dashed orange takes away."""
    cards, name = panel["cards"], edge["name"]
    (start, y0), (end, y1) = edge["from"], edge["to"]
    x0, x1 = corners[start][0] + cards[start]["width"], corners[end][0]
    level = panel["numbers"][name]["level"] if name else 0
    width, hue = 1 + 3 * abs(level), _hue(level)
    sheet.layer.add_patch(PathPatch(
        bend((x0, corners[start][1] + y0), (x1, corners[end][1] + y1)), fc="none", ec=HUES[hue],
        lw=width, ls=dashes(DASH["neg"] if level < 0 else (), width), zorder=1.5,
        alpha=1 if name in panel["running"] else 0.45, gid="weight",
    ))  # fmt: skip


def _paint_card(sheet: Sheet, panel: dict, card: dict, corner: tuple) -> None:
    x, y = corner
    sheet.outline(Box(x, y, card["width"], card["height"]), "rule", 1, 5, "paper", role="card")
    if card["title"]:
        sheet.text(card["title"], x, y - 20, "ink", 12, role="title")
    for at, words, align in card["heads"]:
        sheet.text(words, x + at, y - 5, align=align, role="head")
    for name, left, top, width, label in card["cells"]:
        shown = panel["numbers"][name]
        wide = min(width, 66 if name.startswith("doc") else 52)
        field = Box(x + left + width - wide, y + top + 1, wide - 2, 18)
        sheet.rectangle(field, _hue(shown["level"]), 0.3 * abs(shown["level"]), role="level")
        if label:
            sheet.text(label, x + left + 3, y + top + 14, role="label")
        if shown["active"]:
            sheet.outline(field, "ink", 1.5, 3, role="active")
        if shown["changed"]:
            ends = (field.x + 1, field.right - 1)
            sheet.line(ends, (field.bottom - 1,) * 2, "hand", 2.5, role="changed", zorder=3)
        at = (field.right - 3, y + top + 14)
        sheet.text(shown["text"], *at, "ink", 10, "right", role=f"number {name}")


def _paint_legend(sheet: Sheet, legend: list, x: float, y: float) -> None:
    """Say what colours and marks mean, but for what only the browser can do."""
    for sign, words in legend:
        if sign == "edit":
            continue
        if sign in DASH:
            sheet.rectangle(Box(x, y - 5, 18, 14), sign, 0.3)
            sheet.line((x, x + 18), (y + 2, y + 2), sign, 2.5, DASH[sign])
        elif sign == "active":
            sheet.outline(Box(x + 1, y - 4, 16, 12), "ink", 1.5, 0)
        else:
            sheet.line((x, x + 18), (y + 7, y + 7), "hand", 3)
        sheet.text(words, x + 24, y + 6, role="legend")
        x += 24 + text_width(words) + 16
