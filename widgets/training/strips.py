"""The strips of the training lab: what happened, on one step axis.

`Strips.describe` gives the plots (see `widgets.common.picture`): loss, gradient norm, learning
rate, momentum, and those of the instruments that have a step axis. Each is a function of one
argument, the `Scene`.
"""

import functools
import math
import weakref
from collections.abc import Callable

import numpy as np

from .bins import Bins
from .marks import SYMBOLS
from .sampling import Table
from .scene import FADED, Plot, Scene, axis, log_domain, memory_high, plot

FAR = 100.0  # an edge of stability above this rate may leave the picture
CLIPPED = 1e-6  # a gradient that got shorter by more than rounding
SAME = 1e-5  # relative difference of two norms that is rounding


def was_clipped(numbers: np.ndarray) -> np.ndarray:
    """Return (n,): whether the clip left less than what entered it; numbers: (n, 4)."""
    return numbers[:, 2] < numbers[:, 3] * (1 - CLIPPED)


def differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where two rows of norms differ by more than rounding; two infinite ones do not."""
    return (one > other * (1 + SAME)) | (one < other * (1 - SAME))


def loss(scene: Scene) -> Plot:
    """Batch, training and test loss; the test loss of other branches; your guess."""
    view, samples = scene.view, scene.samples

    def other(branch, hue, parts):
        table = scene.table(branch, branch.evaluations)
        table = table[table[:, 0] >= parts]
        label = view.names[branch]
        return [scene.curve(label, table[:, 0], table[:, 2], hue, "dashed", label=label)]

    bins = scene.bins(view.branch)
    layers = scene.others(other) + scene.stepped("batch", bins.means[:, 0], "thin", read=True)
    now = view.step >= view.branch.end
    label = {"label": "train"} if now and view.step else {}
    layers += scene.sampled("train", 1, "dotted", **label)
    layers += scene.sampled("test", 2, "solid", mark=True, **({"label": "test"} if label else {}))
    start = float(samples[0, 1]) if len(samples) and samples[0, 1] > 0 else 1.0
    seen = [bins.means[:, 0], samples[:, 1], samples[:, 2], *_guessed(view)]
    seen += [np.array([e[2] for e in b.evaluations]) for b in view.others]
    low, high = log_domain(np.concatenate(seen), *_around(start))
    guess = {"knob": "guess", "name": "your guess of the loss", "symbol": "", "low": low,
             "high": high, "off": False, "hue": "hand", "plan": view.guess, "fill": False,
             "score": view.score}  # fmt: skip
    ahead = "" if view.guess or view.others or not now else "draw what comes next"
    first = "how will the loss fall? draw it, then press play"
    hint = first if ahead and not view.step else ahead
    return plot("loss", "loss", 168, axis("log", low, high), layers, lane=guess, hint=hint)


def _around(start: float) -> tuple[float, float]:
    """Return the range that a loss axis has at least, from the loss at the start."""
    start = min(max(start, 1e-6), 1e6)
    return start / 12, start * 1.2


def _guessed(view) -> list[np.ndarray]:
    return [np.array([value for _, value in view.guess])] if view.guess else []


def gradient_norm(scene: Scene) -> Plot:
    """The gradient before and after clipping, the steps that were clipped, and the threshold."""
    view, bins = scene.view, scene.bins(scene.view.branch)
    n, means, highs = scene.past_bins, bins.means, bins.highs
    off = view.knobs["clip"] == "off"
    layers: list[dict] = []
    if bins.width > 1:
        layers.append({"kind": "band", "x": bins.x, "low": scene.put("lowest", bins.lows[:n, 3]),
                       "high": scene.put("highest", highs[:n, 3]), "hue": scene.hue,
                       "fade": 0.25})  # fmt: skip
    entered, left, share = means[:, 3], means[:, 2], means[:, 4]
    if (share[:n] > 0).any():
        layers.append({"kind": "shade", "x": bins.x, "share": scene.put("clipped", share[:n]),
                       "hue": "limit"})  # fmt: skip
    if not differ(entered, means[:, 1]).any():
        layers += scene.stepped("before", entered, "line", read=True)
    else:  # the velocity is clipped: both are shown
        layers += scene.stepped("gradient", means[:, 1], "thin", read=True)
        layers += scene.stepped("velocity", entered, "line", read=True)
    if (share[:n] > 0).any():
        after = np.where(share > 0, left, np.nan)[:n]
        layers.append({"kind": "band", "x": bins.x, "low": scene.put("left", after),
                       "high": scene.put("entered", entered[:n]), "hue": "limit",
                       "fade": 0.4})  # fmt: skip
        layers.append(scene.curve("after", bins.x, after, scene.hue, "line", read=True))
    steps, line = _clip_line(scene)
    if np.isfinite(line).any():
        layers.append(scene.curve("c", steps, line, "limit", "line"))
    if not off and math.isfinite(view.knobs["threshold"]):
        layers.append({"kind": "text", "x": max(view.planned, view.branch.end),
                       "y": view.knobs["threshold"], "words": f"clip by {view.knobs['clip']}",
                       "hue": "limit", "align": "right"})  # fmt: skip
    lane = scene.lane("threshold", "clip threshold", 1e-3, 1e2, off=off, hue="limit", fill=False)
    seen = [means[:, 1:4].ravel(), highs[:, 3], line, _in(lane)]
    low, high = log_domain(np.concatenate(seen), 0.05, 2.0)
    return plot("gradient norm", "gradient norm", 92, axis("log", low, high), layers, lane=lane)


def _clip_line(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y) of the threshold up to now, NaN while clipping was off."""
    steps, line = scene.knob("threshold", scene.view.step)
    span = range(scene.view.first, scene.view.step + 1)
    changes = [(s, v) for s, k, v in scene.view.branch.knobs if k == "clip" and s in span]
    states = [(scene.view.first, scene.view.started["clip"]), *changes]
    edges = sorted({float(s) for s, _ in states} | set(steps.tolist()))
    xs: list[float] = []
    ys: list[float] = []
    for begin, end in zip(edges, [*edges[1:], edges[-1]], strict=True):
        clip = [v for s, v in states if s <= begin][-1]
        value = line[np.searchsorted(steps, begin, side="right") - 1]
        xs += [begin, end]
        ys += [math.nan if clip == "off" else value] * 2
    return np.array(xs), np.array(ys)


def _in(lane: dict) -> np.ndarray:
    """Return the values that a lane shows: now, and in its plan."""
    return np.array([lane["value"], *(value for _, value in lane["plan"])])


def learning_rate(scene: Scene) -> Plot:
    """The rate, and the edge of stability above which full-batch descent breaks."""
    past = scene.samples[scene.samples[:, 0] <= scene.view.step]
    steps, edges = past[:, 0], past[:, 6]
    lane = scene.lane("lr", "learning rate", 1e-4, 1e2)
    rates = np.concatenate([_in(lane), *_paths(scene, "lr")])
    near = np.minimum(scene.samples[:, 6], FAR)
    low, high = log_domain(np.concatenate([rates, near]), 0.01, 10.0)
    layers: list[dict] = []
    if np.isfinite(edges).any():
        layers.append({"kind": "band", "x": scene.put("edge_x", steps),
                       "low": scene.put("edge_y", edges), "high": high, "hue": "limit",
                       "fade": 0.1})  # fmt: skip
        layers.append(scene.curve("edge", "edge_x", "edge_y", "limit", "dashed", read=True,
                                  label="edge of stability"))  # fmt: skip
    layers += _knob_curves(scene, "lr", low)
    hint = "" if lane["plan"] else "draw a schedule"
    return plot("learning rate", "learning rate α", 80, axis("log", low, high), layers,
                lane=lane, hint=hint)  # fmt: skip


def momentum(scene: Scene) -> Plot:
    """The momentum, on an axis where 0, 0.9 and 0.99 stand equally far apart."""
    lane = scene.lane("momentum", "momentum", 0.0, 0.99)
    high = memory_high(np.concatenate([_in(lane), *_paths(scene, "momentum")]))
    layers = _knob_curves(scene, "momentum", 0.0)
    return plot("momentum", "momentum β", 44, axis("memory", 0.0, high), layers, lane=lane)


def _paths(scene: Scene, knob: str) -> list[np.ndarray]:
    """Return the values that a knob has on each branch."""
    branches = [scene.view.branch, *scene.view.others]
    return [scene.knob_of(branch, knob, branch.end)[1] for branch in branches]


def _knob_curves(scene: Scene, knob: str, low: float) -> list[dict]:
    """Return the layers of a lane: other branches dashed, what lies ahead pale, the past as stairs.

    A rate of 0 has no place on its axis: it is drawn at the lower end.
    """
    view, layers = scene.view, []
    for branch in view.others:
        x, y = scene.knob_of(branch, knob, branch.end)
        layers.append(scene.curve("", x, np.maximum(y, low), view.hues[branch], "dashed", fade=0.8))
    if view.branch.end > view.step:
        x, y = scene.knob_ahead(knob)
        layers.append(scene.curve("", x, np.maximum(y, low), scene.hue, "line", fade=FADED))
    x, y = scene.knob(knob, view.step)
    return [*layers, scene.curve(SYMBOLS[knob], x, np.maximum(y, low), scene.hue, "stairs")]


STRIPS: dict[str, Callable[[Scene], Plot]] = {
    "loss": loss, "gradient norm": gradient_norm, "learning rate": learning_rate,
    "momentum": momentum,
}  # fmt: skip


class Strips:
    """Describes strips, and keeps bins and samples of each branch from picture to picture."""

    def __init__(self):
        self._bins: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
        self._tables: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def scene(self, view) -> Scene:
        return Scene(view, functools.cache(self.bins), self.rows)  # bins: read once a picture

    def rows(self, branch, samples: list) -> np.ndarray:
        """Return the samples of a branch as (n, 7)."""
        return self._tables.setdefault(branch, Table()).read(samples)

    def bins(self, branch) -> Bins:
        """Return the bins of a branch: a history's columns, and the share of clipped steps."""
        if branch not in self._bins:
            self._bins[branch] = Bins(with_share)
        return self._bins[branch].read(branch.numbers)


def with_share(numbers: np.ndarray) -> np.ndarray:
    """Return rows of a history (n, 4) with a column that says which steps were clipped: (n, 5)."""
    return np.column_stack([numbers, was_clipped(numbers)])
