"""The strips of the training lab: what happened, on one step axis.

`Strips.describe` gives the plots (see `widgets.common.picture`): loss, gradient norm, learning
rate, momentum, and those of the instruments that have a step axis. Each is a function of one
argument, the `Scene`.
"""

import math
import weakref
from collections.abc import Callable

import numpy as np

from . import marks
from .bins import Bins

FADED = 0.3  # what lies ahead after going back
CLIPPED = 1e-6  # a gradient that got shorter by more than rounding
GRID = 8  # domains end on eighths of a decade, so that axes move seldom

Plot = dict


class Scene:
    """What the strips of one picture share: the view, the arrays, the bins of each branch."""

    def __init__(self, view, bins: Callable):
        self.view, self.bins = view, bins
        self.arrays: dict[str, np.ndarray] = {}
        self.hue = view.hues[view.branch]
        table = np.array(view.samples, dtype=float).reshape(-1, 7)
        self.samples = table[np.argsort(table[:, 0], kind="stable")]

    def put(self, name: str, values) -> str:
        """Keep an array under a name, and return the name."""
        self.arrays[name] = np.asarray(values)
        return name

    # ---- layers -----------------------------------------------------------------------------

    def curve(self, name: str, x, y, hue: str, look: str, **more) -> dict:
        """Return the layer of a curve; x: [first, distance], or an array, y: an array."""
        key = f"{name}{len(self.arrays)}"
        place = list(x) if isinstance(x, list) else self.put(f"{key}x", x)
        return {"kind": "curve", "name": name, "x": place, "y": self.put(key, y), "hue": hue,
                "look": look} | more  # fmt: skip

    def sampled(self, name: str, column: int, look: str, **more) -> list[dict]:
        """Return the layers of a sampled number: up to now, and pale what lies ahead."""
        x, y = self.samples[:, 0], self.samples[:, column]
        past = x <= self.view.step
        if not np.isfinite(y).any():
            return []
        layers = [self.curve(name, x[past], y[past], self.hue, look, read=True, **more)]
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
        return min(len(bins.means), math.ceil(self.view.step / bins.width))

    def others(self, draw: Callable) -> list[dict]:
        """Return the layers that draw(branch, hue, step at which it parts) gives for the others."""
        here = self.view.branch.left_at
        layers = []
        for branch in self.view.others:
            from_step = max(branch.left_at or 0, here or 0) if here and branch.left_at else (
                branch.left_at or here or 0)  # fmt: skip
            layers += draw(branch, self.view.hues[branch], from_step)
        return layers

    # ---- knobs ------------------------------------------------------------------------------

    def knob(self, knob: str, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the path of a knob on this branch up to a step."""
        return self.knob_of(self.view.branch, knob, end)

    def knob_of(self, branch, knob: str, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the path of a knob on any branch up to a step."""
        return marks.path(self.view.started[knob], knob, branch.knobs, end, self.view.first)

    def lane(self, knob: str, label: str, low: float, high: float, **more) -> dict:
        """Return a lane: the knob can be dragged, and its future drawn."""
        value = self.view.knobs[knob]
        plan = self.view.plans.get(knob, [])
        return {"knob": knob, "name": label, "symbol": marks.SYMBOLS[knob], "value": value,
                "low": low, "high": high, "off": False, "hue": self.hue, "plan": plan,
                "fill": True, "score": ""} | more  # fmt: skip


# ---- domains --------------------------------------------------------------------------------


def log_domain(values: np.ndarray, low: float, high: float) -> list[float]:
    """Return [low, high] around positive finite values, at least the range given."""
    fine = values[np.isfinite(values) & (values > 1e-12)]
    if len(fine):
        low, high = min(low, float(fine.min()) * 0.9), max(high, float(fine.max()) * 1.1)
    return [10 ** (math.floor(math.log10(low) * GRID) / GRID),
            10 ** (math.ceil(math.log10(min(high, 1e30)) * GRID) / GRID)]  # fmt: skip


def was_clipped(numbers: np.ndarray) -> np.ndarray:
    """Return (n,): whether the clip left less than what entered it; numbers: (n, 4)."""
    return numbers[:, 2] < numbers[:, 3] * (1 - CLIPPED)


def axis(scale: str, low: float, high: float) -> dict:
    return {"scale": scale, "low": low, "high": high, "label": ""}


def plot(name: str, title: str, height: int, y: dict, layers: list, **more) -> Plot:
    return {"kind": "plot", "id": name, "title": title, "height": height, "y": y,
            "layers": layers, "lane": None, "hint": ""} | more  # fmt: skip


# ---- the four strips of the start -----------------------------------------------------------


def loss(scene: Scene) -> Plot:
    """Batch, training and test loss; the test loss of other branches; your guess."""
    view, samples = scene.view, scene.samples

    def other(branch, hue, parts):
        table = np.array(branch.evaluations, dtype=float).reshape(-1, 7)
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
    hint = (
        ""
        if view.guess or view.others or not now
        else (
            "draw what comes next"
            if view.step
            else "how will the loss fall? draw it, then press play"
        )
    )
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
    if np.allclose(entered, means[:, 1], rtol=1e-5, equal_nan=True):
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
    c = view.knobs["threshold"]
    low, high = log_domain(np.concatenate([means[:, 1], highs[:, 3], [c]]), 0.05, 2.0)
    lane = scene.lane("threshold", "clip threshold", 1e-3, 1e2, off=off, hue="limit", fill=False)
    return plot("gradient norm", "gradient norm", 92, axis("log", low, high), layers, lane=lane)


def _clip_line(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y) of the threshold up to now, NaN while clipping was off."""
    steps, line = scene.knob("threshold", scene.view.step)
    changes = [
        (s, v) for s, k, v in scene.view.branch.knobs if k == "clip" and s <= scene.view.step
    ]
    states = [(0, scene.view.started["clip"]), *changes]
    edges = sorted({float(s) for s, _ in states} | set(steps.tolist()))
    xs: list[float] = []
    ys: list[float] = []
    for begin, end in zip(edges, [*edges[1:], edges[-1]], strict=True):
        clip = [v for s, v in states if s <= begin][-1]
        value = line[np.searchsorted(steps, begin, side="right") - 1]
        xs += [begin, end]
        ys += [math.nan if clip == "off" else value] * 2
    return np.array(xs), np.array(ys)


def learning_rate(scene: Scene) -> Plot:
    """The rate, and the edge of stability above which full-batch descent breaks."""
    view, samples = scene.view, scene.samples
    x, y = scene.knob("lr", view.step)
    edges = np.where(samples[:, 0] <= view.step, samples[:, 6], math.nan)
    low, high = log_domain(np.concatenate([y, samples[:, 6], [view.knobs["lr"]]]), 0.01, 10.0)
    layers: list[dict] = []
    if np.isfinite(edges).any():
        steps = samples[np.isfinite(edges), 0]
        curve = edges[np.isfinite(edges)]
        layers.append({"kind": "band", "x": scene.put("edge_x", steps),
                       "low": scene.put("edge_y", curve), "high": high, "hue": "limit",
                       "fade": 0.1})  # fmt: skip
        layers.append(scene.curve("edge", steps, curve, "limit", "dashed", read=True,
                                  label="edge of stability"))  # fmt: skip
    lane = scene.lane("lr", "learning rate", 1e-4, 1e2)
    layers += _knob_curves(scene, "lr", x, y, low)
    hint = "" if lane["plan"] else "draw a schedule"
    return plot("learning rate", "learning rate α", 80, axis("log", low, high), layers,
                lane=lane, hint=hint)  # fmt: skip


def momentum(scene: Scene) -> Plot:
    x, y = scene.knob("momentum", scene.view.step)
    lane = scene.lane("momentum", "momentum", 0.0, 0.99)
    layers = _knob_curves(scene, "momentum", x, y, 0.0)
    return plot("momentum", "momentum β", 44, axis("memory", 0.0, 0.99), layers, lane=lane)


def _knob_curves(scene: Scene, knob: str, x, y, low: float) -> list[dict]:
    """Return the layers of a lane: other branches dashed, what lies ahead pale, the past filled."""
    view, layers = scene.view, []
    for branch in view.others:
        bx, by = scene.knob_of(branch, knob, branch.end)
        layers.append(scene.curve("", bx, by, view.hues[branch], "dashed", fade=0.8))
    if view.branch.end > view.step:
        ax, ay = scene.knob(knob, view.branch.end)
        ahead = ax >= view.step
        layers.append(scene.curve("", ax[ahead], ay[ahead], scene.hue, "line", fade=FADED))
    layers.append({"kind": "band", "x": scene.put(f"{knob}_x", x), "low": low,
                   "high": scene.put(f"{knob}_y", y), "hue": scene.hue, "fade": 0.11})  # fmt: skip
    return [*layers, scene.curve(knob, x, y, scene.hue, "solid")]


STRIPS: dict[str, Callable[[Scene], Plot]] = {
    "loss": loss, "gradient norm": gradient_norm, "learning rate": learning_rate,
    "momentum": momentum,
}  # fmt: skip


class Strips:
    """Describes strips, and keeps the bins of each branch from picture to picture."""

    def __init__(self):
        self._bins: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def scene(self, view) -> Scene:
        return Scene(view, self.bins)

    def bins(self, branch) -> Bins:
        """Return the bins of a branch: a history's columns, and the share of clipped steps."""
        return self._bins.setdefault(branch, Bins(with_share)).read(branch.numbers)


def with_share(numbers: np.ndarray) -> np.ndarray:
    """Return rows of a history (n, 4) with a column that says which steps were clipped: (n, 5)."""
    return np.column_stack([numbers, was_clipped(numbers)])
