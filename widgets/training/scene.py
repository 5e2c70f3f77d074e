"""What the strips of one picture share: curves of a branch, its knobs, and the domains of axes."""

import math
from collections.abc import Callable
from itertools import zip_longest

import numpy as np

from . import marks

FADED = 0.3  # what lies ahead after going back
GRID = 8  # domains end on eighths of a decade, so that axes move seldom
LARGEST = 1e30  # a picture knows no infinity
ACROSS = 700  # samples that are drawn, at most: one a pixel

Plot = dict


class Scene:
    """What the strips of one picture share: the view, the arrays, the bins of each branch.

    Args:
        view: of the run.
        bins: bins(branch) gives those of a branch.
        rows: rows(branch, its samples) gives them as (n, 7).
    """

    def __init__(self, view, bins: Callable, rows: Callable):
        self.view, self.bins, self._rows = view, bins, rows
        self.arrays: dict[str, np.ndarray] = {}
        self.hue = view.hues[view.branch]
        self.samples = self.table(view.branch, view.samples)

    def table(self, branch, samples: list) -> np.ndarray:
        """Return samples by step, (n, 7); of those on one pixel the first."""
        table = self._rows(branch, samples)
        steps = table[:, 0]
        pixel = steps // (max(self.view.planned, self.view.branch.end, 1) / ACROSS)
        is_first = np.diff(pixel, prepend=-1) > 0
        is_first[-1:] = True
        return table[is_first | (steps == self.view.step)]

    def put(self, name: str, values) -> str:
        """Keep an array under a name, and return the name."""
        self.arrays[name] = np.asarray(values)
        return name

    # ---- layers -----------------------------------------------------------------------------

    def curve(self, name: str, x, y, hue: str, look: str, **more) -> dict:
        """Return the layer of a curve; x: [first, distance], x and y: arrays or names of such."""
        key = f"{name}{len(self.arrays)}"
        place = x if isinstance(x, list | str) else self.put(f"{key}x", x)
        values = y if isinstance(y, str) else self.put(key, y)
        return {"kind": "curve", "name": name, "x": place, "y": values, "hue": hue,
                "look": look} | more  # fmt: skip

    def sampled(self, name: str, column: int, look: str, **more) -> list[dict]:
        """Return the layers of a sampled number: up to now, and pale what lies ahead."""
        x, y = self.samples[:, 0], self.samples[:, column]
        past = x <= self.view.step
        if not np.isfinite(y).any():
            return []
        steps = self.put("sampled", x[past])  # one array for all of them
        layers = [self.curve(name, steps, y[past], self.hue, look, read=True, **more)]
        if not past.all():
            cut = max(int(past.sum()) - 1, 0)
            layers.append(self.curve("ahead", x[cut:], y[cut:], self.hue, look, fade=FADED))
        return layers

    def stepped(self, name: str, values: np.ndarray, look: str, **more) -> list[dict]:
        """Return the layers of one number a bin of the branch's steps, ahead included."""
        (first, distance), n = self.bins(self.view.branch).x, self.past_bins
        hue = more.pop("hue", self.hue)
        layers = [self.curve(name, [first, distance], values[:n], hue, look, **more)]
        if n < len(values):
            x = [first + distance * n, distance]
            layers.append(self.curve("ahead", x, values[n:], hue, look, fade=FADED / 2))
        return layers

    @property
    def past_bins(self) -> int:
        """How many bins of this branch lie before now."""
        bins = self.bins(self.view.branch)
        return min(len(bins.lows), math.ceil(self.view.step / bins.width))

    def others(self, draw: Callable) -> list[dict]:
        """Return the layers that draw(branch, hue, the step at which it parts) gives for others."""
        layers = []
        for branch in self.view.others:
            layers += draw(branch, self.view.hues[branch], parting(self.view.branch, branch))
        return layers

    # ---- knobs ------------------------------------------------------------------------------

    def knob(self, knob: str, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the path of a knob on this branch up to a step."""
        return self.knob_of(self.view.branch, knob, end)

    def knob_of(self, branch, knob: str, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the path of a knob on any branch up to a step."""
        return marks.path(self.view.started[knob], knob, branch.knobs, end, self.view.first)

    def knob_ahead(self, knob: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the path of a knob on this branch from now to the branch's end."""
        now, (x, y) = self.view.step, self.knob(knob, self.view.branch.end)
        ahead = np.searchsorted(x, now, side="right")
        return np.append(now, x[ahead:]), np.append(np.interp(now, x, y), y[ahead:])

    def lane(self, knob: str, label: str, low: float, high: float, **more) -> dict:
        """Return a lane: the knob can be dragged, and its future drawn."""
        value = min(self.view.knobs[knob], LARGEST)
        plan = self.view.plans.get(knob, [])
        return {"knob": knob, "name": label, "symbol": marks.SYMBOLS[knob], "value": value,
                "low": low, "high": high, "off": False, "hue": self.hue, "plan": plan,
                "fill": True, "score": ""} | more  # fmt: skip


def parting(one, other) -> int:
    """Return the step at which two branches part: that of the first turn that they do not share."""
    for turns in zip_longest(one.knobs, other.knobs):
        if turns[0] != turns[1]:
            return min(turn[0] for turn in turns if turn)
    return min(one.end, other.end)


# ---- domains --------------------------------------------------------------------------------


def log_domain(values: np.ndarray, low: float, high: float) -> list[float]:
    """Return [low, high] around positive finite values, at least the range given."""
    fine = values[np.isfinite(values) & (values > 1e-12)]
    if len(fine):
        low, high = min(low, float(fine.min()) * 0.9), max(high, float(fine.max()) * 1.1)
    return [10 ** (math.floor(math.log10(low) * GRID) / GRID),
            10 ** (math.ceil(math.log10(min(high, LARGEST)) * GRID) / GRID)]  # fmt: skip


def memory_high(values: np.ndarray) -> float:
    """Return the end of an axis of momentum: 0.99, or more nines when there are values above."""
    top = float(values.max(initial=0.99))
    return 0.99 if top <= 0.99 else 1 - 10.0 ** math.floor(math.log10(1 - top))


def axis(scale: str, low: float, high: float) -> dict:
    """Return an axis (see `widgets.common.picture`)."""
    return {"scale": scale, "low": low, "high": high, "label": ""}


def plot(name: str, title: str, height: int, y: dict, layers: list, **more) -> Plot:
    """Return a plot without a lane, or with what else is given."""
    return {"kind": "plot", "id": name, "title": title, "height": height, "y": y,
            "layers": layers, "lane": None, "hint": ""} | more  # fmt: skip
