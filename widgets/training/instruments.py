"""Instruments: panels that look deeper than the loss. Each is a switch; looking changes nothing.

They see a `View` of the run, which is made of copies: a run is the same bits with and without.
"""

import copy
import math

import torch
from torch import Tensor, nn

from course import CourseError, Network
from course.optim.second_order import sharpness

from ..common.picture import (
    POINTS,
    accuracy_panel,
    bytes_of,
    loss_panel,
    norm_panel,
    samples_panel,
    thin_rows,
)

BINS = 24
ROWS = 256  # training rows an instrument looks at
PLANE = 13  # loss slice: PLANE × PLANE points
PATH = 40  # weights kept for its path


def layers_of(flat: Tensor, model) -> list[tuple[str, Tensor]]:
    """(name, values) of every weight matrix in a flat (P,) vector; biases left out."""
    return [(k, v) for k, v in model.named_views(flat).items() if v.ndim > 1][:6]


class Instrument:
    """Base. `look` measures, at every frame; `panel` gives what to draw, or None."""

    def __init__(self):
        self.rows: list[tuple] = []  # (step, numbers …)

    def look(self, view) -> None:
        """Measure now."""

    def panel(self, view, arrays: dict) -> dict | None:
        raise TypeError(f"{type(self).__name__} does not say what to draw")

    def curves(self, view, arrays: dict, names: list[str], key: str) -> list:
        """The measured numbers as curves; what lies ahead of the present step is left out."""
        rows = [row for row in self.rows if row[0] <= view.step]
        if not rows:
            return []
        table = thin_rows(torch.tensor(rows, dtype=torch.float64).numpy(), POINTS // 2)
        arrays[f"{key}_x"] = table[:, 0]
        for i, _ in enumerate(names):
            arrays[f"{key}{i}"] = table[:, i + 1]
        return [[name, f"{key}_x", f"{key}{i}", i] for i, name in enumerate(names)]


def guarded(instrument: Instrument, title: str):
    """The instrument's panel; where it fails, a panel that says why."""

    def make(view, arrays: dict) -> dict | None:
        mine: dict = {}
        try:
            instrument.look(view)
            panel = instrument.panel(view, mine)
        except CourseError as error:
            return {"kind": "note", "title": title, "words": str(error)}
        except Exception as error:  # of an instrument, or of a stranger's module: training goes on
            words = f"This instrument failed: {type(error).__name__}: {error}"
            return {"kind": "note", "title": title, "words": words}
        arrays |= mine
        return panel

    return make


class UpdateRatio(Instrument):
    """‖Δw‖ / ‖w‖ of one step, by layer. About 1e-3 is healthy; 1e-1 tears a layer to pieces."""

    def look(self, view) -> None:
        if view.probe is None:
            return
        step, before, after = view.probe
        if self.rows and self.rows[-1][0] >= step:
            self.rows = [row for row in self.rows if row[0] < step]
        olds, news = (layers_of(t, view.model) for t in (before, after))
        tiny = torch.finfo(before.dtype).tiny
        ratios = [
            float((new - old).norm() / old.norm().clamp(min=tiny))
            for (_, old), (_, new) in zip(olds, news, strict=True)
        ]
        self.rows.append((step, *ratios))

    def panel(self, view, arrays):
        names = [name for name, _ in layers_of(view.model.theta, view.model)]
        return {"kind": "curves", "title": "update ÷ weight, by layer", "log": True,
                "curves": self.curves(view, arrays, names, "ratio"),
                "lines": [["1e-3", 1e-3]]}  # fmt: skip


class Activations(Instrument):
    """Histograms of what each activation layer puts out, and the share of units that are dead."""

    def panel(self, view, arrays):
        found = activations(view)
        if not found:
            return None
        counts, rows = zip(*(histogram(name, a, dead=True) for name, a in found), strict=True)
        arrays["activations"] = torch.stack(counts).numpy()
        return {"kind": "hist", "title": "activations", "counts": "activations", "rows": rows}


class Gradients(Instrument):
    """Histograms of the last step's gradient, by layer: entries near 0 learn nothing."""

    def panel(self, view, arrays):
        found = layers_of(view.model.grad, view.model)
        counts, rows = zip(*(histogram(name, g) for name, g in found), strict=True)
        arrays["gradients"] = torch.stack(counts).numpy()
        return {"kind": "hist", "title": "gradients", "counts": "gradients", "rows": rows}


class Sharpness(Instrument):
    """The Hessian's largest eigenvalue, and the edge of stability, above which steps overshoot.

    On a quadratic, gradient descent is stable below 2/α; with averaged momentum below
    2(1 + β)/((1 - β)α) (Cohen et al. 2021). Few Lanczos steps, warm-started from the last vector.
    """

    def __init__(self):
        super().__init__()
        self.vector: Tensor | None = None

    def look(self, view) -> None:
        model = view.model
        product = model.curvature(*model.encode(*view.rows(ROWS))).hvp
        start, last = torch.ones_like(model.theta), self.vector
        warm = last is not None and last.shape == start.shape
        if last is not None and warm:
            start.copy_(last)
        value, self.vector = sharpness(product, start, 4 if warm else 12)
        if not bool(torch.isfinite(self.vector).all()):
            self.vector = None
            return
        edge = 2 / max(view.knobs["lr"], 1e-12)
        if view.averaging is not None:
            edge *= (1 + view.averaging) / (1 - view.averaging)
        self.rows = [row for row in self.rows if row[0] < view.step]
        self.rows.append((view.step, max(value, 1e-12), edge))

    def panel(self, view, arrays):
        return {"kind": "curves", "title": "sharpness and the edge of stability", "log": True,
                "curves": self.curves(view, arrays, ["sharpness", "edge"], "sharp")}  # fmt: skip


class Weights(Instrument):
    """The first layer's weights of up to 16 units, as images: what each unit looks for."""

    def panel(self, view, arrays):
        shape = view.data.image_shape
        (_, W), *_ = layers_of(view.model.theta, view.model)
        if shape is None or W.ndim != 2 or W.shape[1] != shape[0] * shape[1]:
            return None
        W = W[:16].detach().float().cpu()
        scale = W.abs().amax(1, keepdim=True).clamp(min=1e-12)
        arrays["weights"] = bytes_of(0.5 + 0.5 * W / scale)
        captions = [str(i + 1) for i in range(len(W))]
        return {"kind": "images", "title": "first-layer weights: white > 0, black < 0",
                "pixels": "weights", "shape": [len(W), *shape], "captions": captions,
                "wrong": [0] * len(W)}  # fmt: skip


class LossSlice(Instrument):
    """Training loss on the plane in which the last steps moved most, with their path on it."""

    def __init__(self):
        super().__init__()
        self.path: list[tuple[int, Tensor]] = []

    def look(self, view) -> None:
        self.path = [p for p in self.path if p[0] < view.step][-PATH + 1 :]
        self.path.append((view.step, view.model.theta.clone()))

    def panel(self, view, arrays):
        if len(self.path) < 3:
            return None
        thetas = torch.stack([theta for _, theta in self.path])
        centre = thetas.mean(0)
        _, _, V = torch.linalg.svd(thetas - centre, full_matrices=False)
        places = (thetas - centre) @ V[:2].t()  # (steps, 2)
        if not bool(torch.isfinite(places).all()):
            return None
        half = 1.4 * places.abs().amax(0).clamp(min=1e-9)
        ticks = torch.linspace(-1, 1, PLANE, dtype=centre.dtype)
        model, losses = copy.deepcopy(view.model), []
        x, y = view.rows(ROWS)
        x, y = x.to(centre.device, centre.dtype), y.to(centre.device)
        for b in ticks.tolist():
            for a in ticks.tolist():
                model.theta.copy_(centre + a * half[0] * V[0] + b * half[1] * V[1])
                losses.append(model.loss.value(model.predict(x), y))
        levels = torch.stack(losses).double().log()
        levels = levels.nan_to_num(posinf=float(levels[levels.isfinite()].max()))
        low, high = float(levels.min()), float(levels.max())
        arrays["slice"] = bytes_of((levels - low) / max(high - low, 1e-9))
        arrays["path"] = bytes_of(0.5 + 0.5 * places / half).ravel()
        low, high = math.exp(low), math.exp(high)
        return {"kind": "slice", "title": "loss where the last steps moved", "heat": "slice",
                "shape": [PLANE, PLANE], "path": "path", "low": low, "high": high}  # fmt: skip


@torch.no_grad()
def activations(run) -> list[tuple[str, Tensor]]:
    """(name, values (rows, units)) of the activation layers, on the first training rows.

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
    return found[:6]


def histogram(name: str, values: Tensor, dead: bool = False) -> tuple[Tensor, list]:
    """(counts scaled to the largest as uint8 (BINS,), [name, low, high, note])."""
    flat = values.detach().float().cpu().flatten()
    flat = flat[flat.isfinite()]
    if not len(flat):
        return torch.zeros(BINS, dtype=torch.uint8), [name, 0.0, 0.0, "no finite number"]
    low, high = float(flat.min()), float(flat.max())
    counts = torch.histc(flat, BINS, low, high)
    note = f"σ {float(flat.std(correction=0)):.2g}"
    if dead:
        gone = (values == values[:1]).all(0).float().mean()
        note += f", {float(gone):.0%} of {values.shape[1]} units dead"
    return (counts / counts.max() * 255).round().byte(), [name, low, high, note]


class Plain(Instrument):
    """A panel without a memory."""

    def __init__(self, make):
        super().__init__()
        self.panel = make


class Slow(Instrument):
    """A panel made anew only when the lab has evaluated: while it trains, not at every frame."""

    def __init__(self, make):
        super().__init__()
        self.make, self.kept, self.of = make, None, None

    def panel(self, view, arrays):
        if self.kept is None or view.looked != self.of:
            fresh: dict = {}
            self.kept, self.of = (self.make(view, fresh), fresh), view.looked
        panel, made = self.kept
        arrays |= made
        return panel


INSTRUMENTS = {
    "loss": lambda: Plain(loss_panel), "accuracy": lambda: Slow(accuracy_panel),
    "gradient norm": lambda: Plain(norm_panel), "samples": lambda: Slow(samples_panel),
    "update ratio": UpdateRatio, "activations": Activations, "gradients": Gradients,
    "sharpness": Sharpness, "weights": Weights, "loss slice": LossSlice,
}  # fmt: skip
DEFAULT = ("loss", "accuracy", "gradient norm", "samples")
