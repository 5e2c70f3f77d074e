"""`plot`: curves as a figure, with labels at their ends, a caption, and a text for the blind.

    plot({"α = 0.1": losses_a, "α = 0.5": losses_b}, x="step", y="loss", log="y",
         caption="…", alt="…")

It is described as a lab's picture is (`common.picture`), and painted by the same painters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from course.errors import CourseError, check_choice, check_number, real_number, shown

from .curves import Curve, check_log, domain, read_curve, read_ends, thinned
from .page import figure_html

HUES = ("run", "limit", "run2", "hand", "run3", "ink")
LOOKS = ("solid", "dashed", "dotted", "line", "dashed", "dotted")
MARKERS = ("dot", "square", "diamond", "cross", "dot", "square")
HEIGHT = 220  # pixels
FEW = 16  # points: so few are marked
MOST = 300  # points of a curve that a page shows


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        x, y: what the axes show; y is also the title.
        scales: of x and y, "linear" or "log".
        ends: from where to where they reach.
        layers: curves with their (hue, look, marker), "" for no line.
        levels, events: {words: y}, {words: x}: lines across and upwards.
        notes: (x, y, words).
    """

    x: str
    y: str
    scales: tuple[str, str]
    ends: tuple[tuple[float, float], tuple[float, float]]
    layers: list[tuple[Curve, str, str, str]]
    levels: Mapping[str, float]
    events: Mapping[str, float]
    notes: list[tuple[float, float, str]]

    def describe(self, key: str, most: int) -> tuple[dict, dict]:
        """Return the panel as a plot of a picture, and its arrays.

        Args:
            key: begins the names of the arrays.
            most: about how many points a curve may have.
        """
        layers: list[dict] = []
        arrays: dict = {}
        for i, (whole, hue, look, marker) in enumerate(self.layers):
            add_curve(layers, arrays, f"{key}{i}", thinned(whole, most), hue, look, marker)
        for words, level in self.levels.items():
            line = {"kind": "level", "y": level, "hue": "dim", "look": "dotted", "label": words}
            layers.insert(0, line)
        low, high = self.ends[1]
        for i, (words, place) in enumerate(self.events.items()):
            name = f"{key}e{i}"
            arrays |= {f"{name}x": np.full(2, place), f"{name}y": np.array([low, high])}
            line = {"kind": "curve", "name": words, "x": f"{name}x", "y": f"{name}y",
                    "hue": "dim", "look": "dashed", "fade": 0.6}  # fmt: skip
            layers.insert(0, line)
            layers.append(note(place, high, f" {words}", "dim"))
        layers += [note(x, y, words, "ink") for x, y, words in self.notes]
        x, y = (
            {"scale": scale, "low": ends[0], "high": ends[1], "label": label}
            for scale, ends, label in zip(self.scales, self.ends, (self.x, ""), strict=True)
        )
        plot = {"kind": "plot", "id": key, "title": self.y, "height": HEIGHT, "x": x, "y": y}
        return plot | {"layers": layers, "lane": None, "hint": ""}, arrays


def note(x: float, y: float, words: str, hue: str) -> dict:
    return {"kind": "text", "x": x, "y": y, "words": words, "hue": hue, "align": "left"}


def add_curve(layers, arrays, key: str, curve: Curve, hue: str, look: str, marker: str) -> None:
    """Append the layers and the arrays of a curve: band, line, marks."""
    if look:
        arrays |= {f"{key}x": curve.x, f"{key}y": curve.y}
    if curve.low is not None and look:
        arrays |= {f"{key}l": curve.low, f"{key}h": curve.high}
        band = {"kind": "band", "x": f"{key}x", "low": f"{key}l", "high": f"{key}h", "hue": hue}
        layers.insert(sum(layer["kind"] == "band" for layer in layers), band)
    if look:
        layers.append({"kind": "curve", "name": curve.name, "x": f"{key}x", "y": f"{key}y",
                       "hue": hue, "look": look, "label": curve.name, "read": True})  # fmt: skip
    if marker:
        seen = np.isfinite(curve.y)
        arrays |= {f"{key}u": curve.x[seen], f"{key}v": curve.y[seen]}
        layers.append({"kind": "points", "x": f"{key}u", "y": f"{key}v", "marker": marker,
                       "hue": hue, "size": 3})  # fmt: skip
        if not look and curve.name and seen.any():  # a curve of one point only carries the name
            arrays |= {f"{key}n": curve.x[seen][-1:], f"{key}m": curve.y[seen][-1:]}
            layers.append({"kind": "curve", "name": curve.name, "x": f"{key}n", "y": f"{key}m",
                           "hue": hue, "look": "thin", "label": curve.name})  # fmt: skip


class Plot:
    """A figure: the last expression of a cell shows it; `a | b` stands beside each other.

    Attributes:
        panels: from left to right, at most three.
        captions: of the panels; `caption`, what everybody reads, says what they share once.
        alt: what a reader needs who cannot see the figure.
    """

    def __init__(self, panels: list[Panel], captions: tuple[str, ...], alt: str):
        self.panels, self.captions, self.alt = panels, captions, alt

    @property
    def caption(self) -> str:
        return " ".join(dict.fromkeys(self.captions))

    def __or__(self, other: "Plot") -> "Plot":
        if not isinstance(other, Plot):
            return NotImplemented
        panels = self.panels + other.panels
        if len(panels) > 3:
            raise CourseError(f"{len(panels)} plots beside each other, allowed: 1 to 3; make two")
        return Plot(panels, self.captions + other.captions, f"{self.alt} {other.alt}")

    def picture(self, most: int = MOST) -> dict:
        """Return the picture (see `common.picture`)."""
        found = [panel.describe(f"p{i}", most) for i, panel in enumerate(self.panels)]
        plots = [plot | {"alt": self.alt, "quiet": True} for plot, _ in found]
        arrays = {name: values for _, more in found for name, values in more.items()}
        alone = len(plots) == 1
        return {
            "step": 0, "horizon": 1, "end": 0, "playing": False, "words": "", "strips": [],
            "turns": [], "side": plots if alone else [], "below": [] if alone else plots,
            "arrays": arrays,
        }  # fmt: skip

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": figure_html([self]), "text/plain": f"{self.caption}\n[{self.alt}]"}


def on_common_axes(plots: list[Plot]) -> list[Plot]:
    """Return the plots with axes that show all of them, so that they can be compared.

    Raises:
        CourseError: if they do not have equally many panels.
    """
    counts = sorted({len(plot.panels) for plot in plots})
    if len(counts) > 1:
        raise CourseError(
            f"the function returned {counts[0]} plots for one value and {counts[-1]} for another; "
            "return equally many for each"
        )
    columns = []
    for same in zip(*(plot.panels for plot in plots), strict=True):
        ends = tuple(
            (min(p.ends[i][0] for p in same), max(p.ends[i][1] for p in same)) for i in (0, 1)
        )
        columns.append([replace(panel, ends=ends) for panel in same])
    return [
        Plot(list(panels), plot.captions, plot.alt)
        for panels, plot in zip(zip(*columns, strict=True), plots, strict=True)
    ]


# ---- what a chapter writes ----------------------------------------------------------------------


def plot(
    curves, *, x: str, y: str, caption: str, alt: str, log: str = "", at=None, xlim=None,
    ylim=None, marks=None, levels=None, events=None, notes=(),
) -> Plot:  # fmt: skip
    """Return a figure of curves; as the last expression of a cell it is shown.

    Several runs become their median and a band from the lowest to the highest. Few points are
    marked. The pointer, or the arrow keys, read the values.

    Args:
        curves: {name: values}, at most six, or the values of a single one. Values: (n,), several
            runs as (runs, n), or a tuple (x, y) with such a y; lists, arrays or tensors.
        x, y: what the axes show.
        caption: one or two sentences that everybody reads.
        alt: what is drawn, on which axes, for a reader who cannot see it.
        log: the axes that are logarithmic: "", "x", "y" or "xy".
        at: (n,), the places of values that come without an x; None: 0, 1, 2, …
        xlim, ylim: (low, high); None for an end to be found.
        marks: as `curves`: points without a line, in the hue of the curve of that name.
        levels: {words: y}, lines across.
        events: {words: x}, lines upwards.
        notes: [(x, y, words), …], words in the plot.

    Raises:
        CourseError: for a missing text, values that cannot be drawn, and more than six curves.
    """
    texts = {"x": x, "y": y, "caption": caption, "alt": alt}
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise CourseError(f"{name} = {shown(text)} is empty, allowed: words; say what is drawn")
    log = check_choice("log", log, ("", "x", "y", "xy"), "name the axes that are logarithmic")
    lines = {n: read_curve(n, v, at) for n, v in _named("curves", curves, y).items()}
    dots = {n: read_curve(n, v, at) for n, v in _named("marks", marks or {}, "").items()}
    if len(lines) > len(HUES) or not lines and not dots:
        raise CourseError(
            f"{len(lines)} curves, allowed: 1 to {len(HUES)} in a plot; split them: plot(…) | "
            "plot(…)"
        )
    styles = dict(zip(lines, zip(HUES, LOOKS, MARKERS, strict=True), strict=False))
    layers = []
    for name, curve in lines.items():
        hue, look, marker = styles[name]
        single = not isinstance(curves, Mapping)
        shape = marker if len(curve.x) <= FEW else ""
        layers.append((curve._replace(name="" if single else name), hue, look, shape))
    for name, curve in dots.items():
        hue, _, marker = styles.get(name, ("dim", "", "dot"))
        flat = curve._replace(  # every run's points
            name="" if name in lines else name, x=np.tile(curve.x, len(curve.runs)),
            y=curve.runs.ravel(), low=None, high=None,
        )  # fmt: skip
        layers.append((flat, hue, "", marker))
    rows, columns = (_places("levels", levels, "y"), _places("events", events, "x"))
    panel = Panel(x, y, _scales(log), ((0, 1), (0, 1)), layers, rows, columns, _notes(notes))
    return Plot([replace(panel, ends=_ends(panel, xlim, ylim))], (caption,), alt)


def _named(what: str, values, name: str) -> dict:
    """Return {name: values}, of a single curve with the name given."""
    if not isinstance(values, Mapping):
        return {name: values}
    for key in values:
        if not isinstance(key, str) or not key.strip():
            raise CourseError(f"a name in {what} is {shown(key)}, allowed: words; name each curve")
    return dict(values)


def _places(what: str, places, axis: str) -> dict[str, float]:
    pairs = _named(what, places or {}, axis)
    return {n: check_number(f"{what}[{n!r}]", v, -1e300, 1e300, f"a value of {axis}")
            for n, v in pairs.items()}  # fmt: skip


def _notes(notes) -> list[tuple[float, float, str]]:
    for one in notes:
        three = isinstance(one, tuple | list) and len(one) == 3
        if not three or real_number(one[0]) is None or real_number(one[1]) is None:
            raise CourseError(f"notes has {shown(one)}, allowed: (x, y, words); give numbers first")
    return [(float(x), float(y), str(words)) for x, y, words in notes]


def _scales(log: str) -> tuple[str, str]:
    return ("log" if "x" in log else "linear", "log" if "y" in log else "linear")


def _ends(panel: Panel, xlim, ylim):
    """Return from where to where the axes of a panel reach."""
    xs = [curve.x for curve, *_ in panel.layers] + [np.array([*panel.events.values()])]
    ys = [np.array([*panel.levels.values()])]
    for curve, *_ in panel.layers:
        ys += [part for part in (curve.y, curve.low, curve.high) if part is not None]
    ends = []
    for name, parts, scale, given in zip(
        ("x", "y"), (xs, ys), panel.scales, (xlim, ylim), strict=True
    ):
        values = np.concatenate(parts)
        if scale == "log":
            what = panel.x if name == "x" else panel.y
            check_log(what, values, name)
        few = name == "y" or all(len(c.x) <= FEW or not look for c, _, look, _ in panel.layers)
        found = domain(values, scale, 0.05 if few else 0)
        ends.append(read_ends(f"{name}lim", given, found, scale))
    return tuple(ends)
