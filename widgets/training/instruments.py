"""Instruments: what looks deeper than the loss. Each is a switch; looking changes nothing.

They see a `View` of the run, which is made of copies: a run is the same bits with and without. Each
looks when the run is sampled (see `sampling`), so that two runs of the same steps show the same.
"""

import copy
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from course import CourseError, Network

from . import side, strips
from .depth import depth
from .inside import Text, inside
from .instrument import Instrument
from .scene import Scene, axis, log_domain, plot
from .validation import Validation

ROWS = 256  # training rows an instrument looks at
PLANE = 13  # loss slice: PLANE × PLANE points
PATH = 40  # weights kept for its path
MOST_LAYERS = 6
FAULTS = (Exception, SystemExit)  # what looking at a learner's module may raise
HUES = ("run", "run2", "run3", "hand", "neg", "ink")


class Strip(Instrument):
    """A strip that is made of the samples alone."""

    def __init__(self, describe: Callable[[Scene], dict | None]):
        self._describe = describe

    def strip(self, scene):
        return self._describe(scene)


def accuracy(scene: Scene) -> dict | None:
    """Return the strip of the training and test accuracy; None for a regression."""
    if scene.view.data.is_regression:
        return None
    layers = scene.sampled("train", 3, "dotted") + scene.sampled("test", 4, "solid")
    shares = scene.samples[:, 3:5]
    low = float(np.nanmin(shares)) if np.isfinite(shares).any() else 0.0
    return plot("accuracy", "accuracy", 72, axis("share", math.floor(low * 10) / 10, 1.0), layers)


def sharpness(scene: Scene) -> dict:
    """Return the strip of the Hessian's largest eigenvalue, and of the one that the knobs bear."""
    x, y = sharpness_limit(scene)
    layers = [scene.curve("limit", x, y, "limit", "dashed", read=True, label="limit")]
    layers = layers if np.isfinite(y).any() else []
    layers += scene.sampled("λ", 5, "solid")
    low, high = log_domain(np.concatenate([scene.samples[:, 5], y]), 1.0, 10.0)
    return plot("sharpness", "sharpness λ", 72, axis("log", low, high), layers)


def sharpness_limit(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest λ at which full-batch descent is stable, as stairs (x, y) up to now.

    For gradient descent it is 2/α: λ reaches it where the rate reaches the edge of stability.
    """
    view = scene.view
    past = scene.samples[scene.samples[:, 0] <= view.step]
    rates = np.interp(past[:, 0] + 1e-6, *scene.knob("lr", view.step))  # just after a turn
    limits = past[:, 6] * past[:, 5] / np.where(rates > 0, rates, np.nan)
    edges = np.append(past[1:, 0], view.step) if len(past) else past[:, 0]
    return np.column_stack([past[:, 0], edges]).ravel(), np.repeat(limits, 2)


class UpdateRatio(Instrument):
    """‖Δw‖ / ‖w‖ of one step, by layer. About 1e-3 is healthy; 1e-1 tears a layer to pieces."""

    def __init__(self):
        self.names: list[str] = []
        self.rows: dict[int, list[float]] = {}

    def look(self, view):
        if view.probe is None:
            return
        found = list(side.layer_sizes(view))[:MOST_LAYERS]
        self.names = [name for name, *_ in found]
        self.rows[view.probe[0]] = [ratio for *_, ratio in found]

    def forget(self, step):
        self.rows = {s: ratios for s, ratios in self.rows.items() if s <= step}

    def strip(self, scene):
        rows = [(step, *r) for step, r in sorted(self.rows.items()) if step <= scene.view.step]
        table = np.array(rows, dtype=float).reshape(len(rows), len(self.names) + 1)
        layers: list[dict] = [{"kind": "level", "y": 1e-3, "hue": "dim", "look": "dotted"}]
        for i, (name, hue) in enumerate(zip(self.names, HUES, strict=False)):
            layers.append(scene.curve(name, table[:, 0], table[:, i + 1], hue, "line", label=name))
        low, high = log_domain(table[:, 1:], 1e-4, 1e-2)
        title = "update ÷ weight, by layer"
        return plot("update ratio", title, 72, axis("log", low, high), layers)


class LossSlice(Instrument):
    """Training loss on the plane in which the last samples moved most, with their path on it."""

    def __init__(self):
        self.path: list[tuple[int, Tensor]] = []

    def look(self, view):
        self.path = [p for p in self.path if p[0] < view.step][-PATH + 1 :]
        self.path.append((view.step, view.model.theta.clone()))

    def forget(self, step):
        self.path = [p for p in self.path if p[0] <= step]

    def panels(self, view, arrays):
        title = "loss where the last samples moved"
        path = [theta for step, theta in self.path if step <= view.step]
        if len(path) < 3:
            return [{"kind": "note", "title": title, "words": "Needs three samples: train on."}]
        thetas = torch.stack(path)
        if not bool(thetas.isfinite().all()):
            return [{"kind": "note", "title": title, "words": "The weights are not finite."}]
        centre, places, axes = plane_of(thetas)
        half = 1.4 * places.abs().amax(0).clamp(min=1e-9)
        levels = losses_on(view, centre, half[:, None] * axes)
        low, high = float(levels.min()), float(levels.max())
        arrays["slice"] = side.byte((levels - low) / max(high - low, 1e-9))
        arrays["path"] = side.byte(0.5 + 0.5 * places / half)
        x, y = half.tolist()
        return [{"kind": "map", "title": title, "values": "slice", "shape": [PLANE, PLANE],
                 "extent": [-x, x, -y, y], "colours": "height", "path": "path",
                 "low": math.exp(low), "high": math.exp(high)}]  # fmt: skip


def plane_of(thetas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (centre (P,), places (n, 2), axes (2, P)) of the plane of the largest spread."""
    centre = thetas.mean(0)
    _, _, V = torch.linalg.svd(thetas - centre, full_matrices=False)
    return centre, (thetas - centre) @ V[:2].t(), V[:2]


def losses_on(view, centre: Tensor, axes: Tensor) -> Tensor:
    """Return the logarithm of the training loss on PLANE × PLANE points of a plane, float64.

    Where the loss is 0 or not finite it is the lowest or the highest of the others.

    Raises:
        CourseError: when there are no others.
    """
    model, losses = copy.deepcopy(view.model), []
    x, y = (rows.to(centre.device) for rows in view.rows(ROWS))
    x = x.to(centre.dtype) if x.is_floating_point() else x
    ticks = torch.linspace(-1, 1, PLANE, dtype=centre.dtype)
    for b in ticks:
        for a in ticks:
            model.theta.copy_(centre + a * axes[0] + b * axes[1])
            losses.append(model.loss.value(model.predict(x), y))
    levels = torch.stack(losses).double().log()
    fine = levels[levels.isfinite()]
    if not len(fine):
        raise CourseError("the loss is 0 or not finite all over the plane; lower the rate")
    low, high = float(fine.min()), float(fine.max())
    return levels.nan_to_num(nan=high, posinf=high, neginf=low)


class Panels(Instrument):
    """Panels without a memory."""

    def __init__(self, describe: Callable[..., list[dict]]):
        self._describe = describe

    def panels(self, view, arrays):
        return self._describe(view, arrays)


def activations(view, arrays: dict) -> list[dict]:
    """Return histograms of what each activation layer puts out, and the share of dead units."""
    found = outputs_of_activations(view)
    if not found:
        words = "This model has no activation layers of a kind known here."
        return [{"kind": "note", "title": "activations", "words": words}]
    rows = []
    for name, values in found:
        gone = float((values == values[:1]).all(0).float().mean())
        rows.append((name, values, f"{gone:.0%} of {values.shape[1]} dead"))
    return [ridges("activations", rows, arrays)]


def gradients(view, arrays: dict) -> list[dict]:
    """Return histograms of the last step's gradient, by layer: entries near 0 learn nothing."""
    found = list(side.layer_sizes(view))[:MOST_LAYERS]
    rows = [(name, g, f"rms {side.rms(g):.1e}") for name, _, g, _ in found]
    return [ridges("gradients", rows, arrays)]


def ridges(title: str, rows, arrays: dict) -> dict:
    """Return a panel of histograms; rows: [(name, values, note), …]."""
    counts, lines = [], []
    for name, values, note in rows:
        histogram, low, high = side.histogram(values)
        counts.append(histogram)
        lines.append([name, low, high, note])
    arrays[title] = np.stack(counts)
    return {"kind": "ridges", "title": title, "counts": title, "rows": lines}


@torch.no_grad()
def outputs_of_activations(run) -> list[tuple[str, Tensor]]:
    """Return (name, values (rows, units)) of the activation layers, on the first training rows.

    run: a `View` or a `Trainer`: its `model` and `data`.
    """
    net = run.model.to_module().eval() if isinstance(run.model, Network) else run.model.module
    found: list[tuple[str, Tensor]] = []
    kinds = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU)

    def noting(name: str):
        return lambda module, inputs, out: found.append((name, out.flatten(1)))

    handles = [
        m.register_forward_hook(noting(f"{type(m).__name__} {place}"))
        for place, m in net.named_modules()
        if isinstance(m, kinds)
    ]
    try:
        x = run.data.x_train[:ROWS]
        if isinstance(run.model, Network):
            net(x.reshape(len(x), -1).to(run.model.theta))
        else:
            run.model.predict(x)
    finally:
        for handle in handles:
            handle.remove()
    return found[:MOST_LAYERS]


def weight_images(view, arrays: dict) -> list[dict]:
    if not view.data.is_image:
        words = "Only images have weights that look like something."
        return [{"kind": "note", "title": "weights", "words": words}]
    return side.first_layer(view, arrays)


def layers(view, arrays: dict) -> list[dict]:
    return [side.layers(view, arrays)]


def guarded(make: Callable, title: str):
    """Call `make`; return [a note that says why] when it fails: training goes on."""
    try:
        return make()
    except CourseError as error:
        words = str(error)
    except FAULTS as error:  # of an instrument, or of a learner's own module
        words = f"This instrument failed: {type(error).__name__}: {error}"
    return [{"kind": "note", "title": title, "words": words}]


INSTRUMENTS: dict[str, Callable[[], Instrument]] = {
    **{name: partial(Strip, describe) for name, describe in strips.STRIPS.items()},
    "network": lambda: Panels(side.side),
    "accuracy": lambda: Strip(accuracy), "sharpness": lambda: Strip(sharpness),
    "update ratio": UpdateRatio, "layers": lambda: Panels(layers),
    "activations": lambda: Panels(activations), "gradients": lambda: Panels(gradients),
    "weights": lambda: Panels(weight_images), "loss slice": LossSlice,
    "depth": lambda: Panels(depth), "validation": Validation,
    "inside": lambda: Panels(inside), "text": Text,
}  # fmt: skip
DEFAULT = ("loss", "gradient norm", "learning rate", "momentum", "network")
