"""A figure measured in pixels from its top left corner, as the canvas in the browser is."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import Stroke
from matplotlib.transforms import Bbox, TransformedBbox

FONT = "DejaVu Sans"  # comes with matplotlib: the same letters on every machine
INCH = 72  # pixels; so that a point, in which matplotlib measures lines and letters, is a pixel
HUES = {
    "paper": "#ffffff", "ink": "#212121", "dim": "#666666", "rule": "#e0e0e0", "wash": "#eeeeee",
    "run": "#0072b2", "run2": "#00805c", "run3": "#8a6d00", "run4": "#7048b6",
    "run5": "#b8305c", "run6": "#007a8c", "run7": "#7d4a1c", "run8": "#5c6470", "hand": "#b0508a",
    "limit": "#c24a00", "pos": "#0072b2", "neg": "#e69f00",
}  # fmt: skip


def mixed(hue: str, share: float) -> tuple[float, ...]:
    """Return the colour that lies `share` of the way from the paper to a hue."""
    paper, colour = np.array(to_rgb(HUES["paper"])), np.array(to_rgb(HUES[hue]))
    return tuple(paper + share * (colour - paper))


def _map(name: str, *stops) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(name, stops)


SIGNED = _map("signed", mixed("neg", 0.72), HUES["paper"], mixed("pos", 0.72))
GREY = _map("grey", HUES["paper"], HUES["ink"])
HEIGHT = _map("height", mixed("run", 0.5), HUES["paper"])  # blue is low
SPEED = _map("speed", mixed("limit", 0.72), HUES["paper"], mixed("run", 0.72))  # blue is fast


class Box(NamedTuple):
    """A rectangle in pixels; `y` is its upper edge."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@lru_cache(maxsize=2000)
def text_width(words: str, size: float = 11) -> float:
    """Return how wide words are, in pixels, with the letters set as Agg sets them."""
    font = FontProperties(family=FONT, size=size)
    return RendererAgg(1, 1, INCH).get_text_width_height_descent(words, font, False)[0]


def shortened(words: str, room: float, size: float = 11) -> str:
    """Return the words, or as many letters as fit in `room` pixels with "…" after them."""
    if text_width(words, size) <= room:
        return words
    while words and text_width(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip() + "…" if words else ""


def wrapped(words: str, room: float, size: float = 11) -> list[str]:
    """Return the lines into which words break so that each fits in `room` pixels."""
    lines = [""]
    for word in words.split():
        line = f"{lines[-1]} {word}".strip()
        if text_width(line, size) <= room or not lines[-1]:
            lines[-1] = shortened(line, room, size)
        else:
            lines.append(shortened(word, room, size))
    return lines


class Sheet:
    """A figure with one layer in pixels over everything, and plots with axes of their own below.

    What is drawn carries its role as matplotlib's `gid`.
    """

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / INCH, height / INCH), dpi=INCH)
        self.layer = self.figure.add_axes((0, 0, 1, 1), zorder=9, label="page")
        self.layer.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        self.layer.set_axis_off()

    def plot(self, box: Box, label: str):
        """Return new matplotlib axes that fill a box."""
        left, low = box.x / self.width, 1 - box.bottom / self.height
        shape = (left, low, box.width / self.width, box.height / self.height)
        axes = self.figure.add_axes(shape, label=label, facecolor=HUES["paper"])
        axes.spines[:].set_visible(False)
        axes.set_axisbelow(True)
        return axes

    def text(self, words, x, y, hue="dim", size=11, align="left", halo=False, role="words", **more):
        """Write words with their baseline at y. halo: with an edge of paper, over lines."""
        options = {
            "ha": align, "va": "baseline", "family": FONT, "size": size, "parse_math": False, **more
        }  # fmt: skip
        if halo:
            edge = [Stroke(linewidth=4, foreground=HUES["paper"])]
            self.layer.text(x, y, words, path_effects=edge, gid="halo", zorder=4, **options)
        return self.layer.text(x, y, words, color=HUES[hue], gid=role, zorder=4.1, **options)

    def line(self, xs, ys, hue="ink", width=1.0, dash=(), alpha=1.0, role=None, **more):
        self.layer.plot(
            xs, ys, color=HUES[hue], lw=width, ls=dashes(dash, width), alpha=alpha, gid=role,
            solid_capstyle="butt", **more,
        )  # fmt: skip

    def marker(self, kind, xs, ys, size, fill, edge="paper", width=1.0, alpha=1.0, role=None):
        """Draw a marker at each point; size: half its width."""
        self.layer.plot(
            xs, ys, **marker(kind, size, fill, edge, width), alpha=alpha, gid=role, zorder=3
        )

    def rectangle(self, box: Box, hue: str, alpha=1.0, role=None):
        """Fill a box."""
        return self.outline(box, "none", 0, 0, hue, alpha, role)

    def outline(self, box: Box, edge, width=0.8, radius=3.0, fill="none", alpha=1.0, role=None):
        """Draw a box with round corners; its patch also serves to clip what lies in it."""
        style = f"round,pad=0,rounding_size={radius}" if radius else "square,pad=0"
        patch = FancyBboxPatch(
            box[:2], box.width, box.height, boxstyle=style, lw=width, gid=role, alpha=alpha,
            ec=HUES.get(edge, "none"), fc=HUES.get(fill, "none"), zorder=2.5,
        )  # fmt: skip
        return self.layer.add_patch(patch)

    def image(self, values, box: Box, colours, smooth=False, clip=None, role=None):
        """Draw values from −1 to 1 (rows, columns), row 0 on top, with a colour map.

        smooth: the outermost values lie on the edges of the box. clip: a patch to stay inside.
        """
        rows, columns = values.shape
        x, y = (box.width / max(columns - 1, 1) / 2, box.height / max(rows - 1, 1) / 2)
        x, y = (x, y) if smooth else (0, 0)
        shown = self.layer.imshow(
            values, extent=(box.x - x, box.right + x, box.bottom + y, box.y - y), cmap=colours,
            vmin=-1, vmax=1, aspect="auto", interpolation="bilinear" if smooth else "nearest",
            gid=role, zorder=2,
        )  # fmt: skip
        if smooth:
            bounds = Bbox([(box.x, box.y), (box.right, box.bottom)])
            shown.set_clip_box(TransformedBbox(bounds, self.layer.transData))
        if clip is not None:
            shown.set_clip_path(clip)


def marker(kind: str, size: float, fill: str, edge="paper", width=1.0) -> dict:
    """Return matplotlib's options for markers without a line between them; size: half the width."""
    shape = {"dot": "o", "square": "s", "cross": "x", "diamond": "D"}[kind]
    if kind == "cross":
        edge, width = fill, 1.4
    elif kind == "diamond":
        size = size / np.sqrt(2)
    return {
        "ls": "none", "marker": shape, "ms": 2 * size, "mfc": HUES[fill], "mec": HUES[edge],
        "mew": width,
    }  # fmt: skip


def dashes(pattern: tuple, width: float):
    """Return a pattern in pixels as matplotlib wants it: in widths of the line."""
    return (0, tuple(part / width for part in pattern)) if pattern else "-"
