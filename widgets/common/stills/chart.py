"""The ground of a plot: its box, axes with nice ticks, and the layers in data units."""

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba

from . import scales
from .sheet import FONT, HUES, Box, Sheet, dashes, marker

LOOKS = {  # width and dash in pixels, opacity, whether y holds until the next x
    "solid": (2.2, (), 1, False),
    "line": (1.4, (), 1, False),
    "thin": (1, (), 0.42, False),
    "dotted": (1.5, (1.5, 2.5), 1, False),
    "dashed": (1.8, (6, 3), 1, False),
    "stairs": (2, (), 1, True),
    "stairs-dashed": (1.5, (5, 3), 1, True),
}
BAND, SHADE = 0.14, 0.15  # opacities


def places(x, length: int, arrays: dict) -> np.ndarray:
    """Return the x values of a layer: an array's, or [first, distance] for `length` points."""
    if isinstance(x, str):
        return np.asarray(arrays[x], dtype=float).ravel()
    return x[0] + x[1] * np.arange(length)


def series(layer: dict, arrays: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y values of a layer, as many of the one as of the other."""
    y = np.asarray(arrays[layer["y"]], dtype=float).ravel()
    x = places(layer["x"], len(y), arrays)
    length = min(len(x), len(y))
    return x[:length], y[:length]


class Chart:
    """A plot in its box, before its layers are painted.

    Args:
        x_axis: {"scale", "low", "high"}.
        most: how many ticks there may be at most, across and upwards.
    """

    def __init__(self, sheet: Sheet, box: Box, plot: dict, arrays: dict, x_axis: dict, most):
        self.sheet, self.box, self.plot, self.arrays = sheet, box, plot, arrays
        self.scale = plot["y"]["scale"]
        self.axes = sheet.plot(box, plot.get("id") or plot["title"])
        self.x_domain = self._axis("x", x_axis["scale"], scales.domain(x_axis), most[0])
        self.y_domain = self._axis("y", self.scale, scales.domain(plot["y"]), most[1])
        self.far = self.x_domain
        if x_axis["scale"] in ("linear", "share"):  # far outside, where no slope is seen to change
            reach = 10 * (self.x_domain[1] - self.x_domain[0])
            self.far = (self.x_domain[0] - reach, self.x_domain[1] + reach)

    def _axis(self, name: str, scale: str, domain: tuple, most: float) -> tuple:
        axis = getattr(self.axes, f"{name}axis")
        if scale in ("log", "memory"):
            options = {"functions": scales.SCALES[scale]} if scale == "memory" else {}
            getattr(self.axes, f"set_{name}scale")("function" if options else "log", **options)
        values = scales.ticks(scale, domain[0], domain[1], most)
        axis.set_ticks(values, scales.tick_labels(scale, values))
        axis.set_ticks([], minor=True)
        pale = 0.9 if name == "y" else 0.55
        self.axes.grid(True, axis=name, color=HUES["rule"], lw=1, alpha=pale)
        self.axes.tick_params(
            name, length=0, pad=8 if name == "y" else 5, labelsize=11, labelcolor=HUES["dim"],
            labelfontfamily=FONT,
        )  # fmt: skip
        getattr(self.axes, f"set_{name}lim")(*domain)
        return domain

    def clamped(self, y) -> np.ndarray:
        """Return y values inside the domain; NaN stays and breaks a line."""
        return np.clip(np.asarray(y, dtype=float), *self.y_domain)

    def across(self, x) -> np.ndarray:
        return np.clip(np.asarray(x, dtype=float), *self.far)

    def pixel(self, x, y) -> tuple[float, float]:
        """Return where a point lies on the sheet."""
        px, py = self.axes.transData.transform((self.across(x), self.clamped(y)))
        return float(px), self.sheet.height - float(py)

    def between(self, x0: float, x1: float, hue: str, alpha: float, role: str) -> None:
        """Fill the box from x0 to x1."""
        ends = self.across([x0, x1])
        self.axes.axvspan(*ends, color=HUES[hue], alpha=alpha, lw=0, zorder=0, gid=role)

    def trace(self, x, y, hue, width, dash=(), alpha=1.0, role=None, **more) -> None:
        """Draw a line through points in data units."""
        self.axes.plot(
            self.across(x), self.clamped(y), color=HUES[hue], lw=width, ls=dashes(dash, width),
            alpha=alpha, gid=role, zorder=2.5, solid_capstyle="butt", **more,
        )  # fmt: skip

    def fill(self, x, low, high, hue, alpha, role, **more) -> None:
        """Fill between two lines; NaN breaks."""
        x, low, high = np.broadcast_arrays(self.across(x), self.clamped(low), self.clamped(high))
        self.axes.fill_between(
            x, low, high, where=np.isfinite(low + high), color=HUES[hue], alpha=alpha, lw=0,
            zorder=2.5, gid=role, **more,
        )  # fmt: skip

    def paint_layers(self) -> None:
        for layer in self.plot["layers"]:
            PAINTERS[layer["kind"]](self, layer)


# ---- layers, in the order of the description ----------------------------------------------------


def look_of(layer: dict) -> tuple[float, tuple, float, dict]:
    width, dash, alpha, stairs = LOOKS[layer["look"]]
    style = {"drawstyle": "steps-post"} if stairs else {}
    return width, dash, alpha * layer.get("fade", 1), style


def _curve(chart: Chart, layer: dict) -> None:
    width, dash, alpha, style = look_of(layer)
    x, y = series(layer, chart.arrays)
    chart.trace(x, y, layer["hue"], width, dash, alpha, f"curve {layer['name']}", **style)


def _band(chart: Chart, layer: dict) -> None:
    low, high = (
        np.asarray(chart.arrays[side] if isinstance(side, str) else side, dtype=float)
        for side in (layer["low"], layer["high"])
    )
    x = places(layer["x"], max(low.size, high.size), chart.arrays)
    chart.fill(x, low, high, layer["hue"], layer.get("fade", BAND), "band")


def _shade(chart: Chart, layer: dict) -> None:
    share = np.asarray(chart.arrays[layer["share"]], dtype=float).ravel()
    x = places(layer["x"], len(share), chart.arrays)
    edges = chart.across(halfway(x))
    stripes = [
        ([(left, 0), (left, 1), (right, 1), (right, 0)], to_rgba(HUES[layer["hue"]], SHADE * part))
        for left, right, part in zip(edges[:-1], edges[1:], share, strict=True)
        if part > 0
    ]
    if stripes:
        corners, colours = zip(*stripes, strict=True)
        chart.axes.add_collection(
            PolyCollection(
                corners, facecolors=colours, linewidths=0, antialiaseds=False, zorder=1,
                transform=chart.axes.get_xaxis_transform(), gid="shade",
            ),
            autolim=False,
        )  # fmt: skip


def halfway(x: np.ndarray) -> np.ndarray:
    """Return the edges of stripes around the places x: (n,) → (n + 1,)."""
    if len(x) < 2:
        return np.concatenate([x - 0.5, x[-1:] + 0.5])
    middle = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])


def _level(chart: Chart, layer: dict) -> None:
    width, dash, alpha, _ = look_of(layer)
    ends, y = chart.x_domain, layer["y"]
    chart.trace(ends, (y, y), layer["hue"], width, dash, alpha, "level")


def _points(chart: Chart, layer: dict) -> None:
    x, y = series(layer, chart.arrays)
    style = marker(layer["marker"], layer.get("size", 3), layer["hue"])
    chart.axes.plot(chart.across(x), chart.clamped(y), **style, gid="points", zorder=2.6)


def _text(chart: Chart, layer: dict) -> None:
    x, y = chart.pixel(layer["x"], layer["y"])
    if not np.isfinite(x + y):
        return
    box = chart.box
    x, y = np.clip(x, box.x + 3, box.right - 3), np.clip(y + 4, box.y + 11, box.bottom - 2)
    chart.sheet.text(
        layer["words"], x, y, layer["hue"], align=layer.get("align", "left"), halo=True
    )


def _arrows(chart: Chart, layer: dict) -> None:
    x, y = series(layer, chart.arrays)
    dx, dy = (np.asarray(chart.arrays[layer[name]], dtype=float).ravel() for name in ("dx", "dy"))
    with np.errstate(over="ignore", invalid="ignore"):
        tips = x + dx, y + dy  # one that leaves the numbers is not drawn
    for ends in zip(x, y, *tips, strict=True):
        if np.isfinite(ends).all():
            width = layer.get("width", 1.5)
            style = {"arrowstyle": "-|>", "color": HUES[layer["hue"]], "lw": width, "shrinkA": 0,
                     "shrinkB": 0, "mutation_scale": 6 * width}  # fmt: skip
            start, tip = zip(chart.across(ends[::2]), chart.clamped(ends[1::2]), strict=True)
            chart.axes.annotate("", tip, start, arrowprops=style, gid="arrow")


PAINTERS = {
    "curve": _curve, "band": _band, "shade": _shade, "level": _level, "points": _points,
    "text": _text, "arrows": _arrows,
}  # fmt: skip
