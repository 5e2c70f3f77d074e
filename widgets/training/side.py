"""What the network makes of the data: the panels beside the strips.

A network on the plane is drawn whole; images show the first layer's weights, the accuracy by class
and samples; a curve its fit; any other model its layers. Each panel is {kind, title, …}, and puts
its arrays into `arrays`.
"""

import functools
import itertools

import numpy as np
import torch
from torch import Tensor

from course import MLP

SHOWN = 200  # test points on the plane
SAMPLES = 8  # test images
TESTED = 2000  # test images whose accuracy is shown by class
TILES = 64  # first-layer units
GRID = 32  # cells of a map, a side
BINS = 24
LAYERS = 8
MOST = 64  # neurons of a layer whose network is still drawn
SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉"

Panel = dict


def side(view, arrays: dict) -> list[Panel]:
    """Return the panels that suit the data and the model."""
    data = view.data
    if data.is_2d and not data.is_regression and data.classes == 2:
        return [network(view, arrays) if is_drawn(view.source) else plane(view, arrays)]
    if data.is_image and not data.is_regression:
        outputs = view.predict_tests(TESTED)
        return [*first_layer(view, arrays), by_class(data, outputs), samples(data, outputs, arrays)]
    if data.is_regression and data.features == 1 and data.outputs == 1:
        return [fit(view, arrays), layers(view, arrays)]
    return [layers(view, arrays)]


def byte(values) -> np.ndarray:
    """Return numbers from 0 to 1 as uint8; NaN becomes 0."""
    return np.rint(np.fmin(np.fmax(np.asarray(values), 0), 1) * 255).astype(np.uint8)


# ---- the plane ------------------------------------------------------------------------------


def is_drawn(model) -> bool:
    """Return whether the painters can evaluate a model by themselves: a small plain MLP."""
    plain = isinstance(model, MLP) and not model.switches()
    return plain and max(model.sizes) <= MOST and len(model.sizes) <= 6


def extent(x: Tensor) -> list[float]:
    """Return [x0, x1, y0, y1] around points x (N, 2)."""
    low, high = x.double().min(0).values, x.double().max(0).values
    margin = 0.08 * torch.where(high > low, high - low, 1.0)
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return [x0, x1, y0, y1]


@functools.lru_cache(4)  # the same in every picture of a run
def places(x: Tensor, y: Tensor) -> tuple[list[float], np.ndarray]:
    """Return the extent of points x (N, 2), and the first of them in it with their labels y."""
    x0, x1, y0, y1 = extent(x)
    shares = (x[:SHOWN].numpy() - np.array([x0, y0])) / np.array([x1 - x0, y1 - y0])
    labels = y[:SHOWN].numpy().astype(np.uint8)
    return [x0, x1, y0, y1], np.column_stack([byte(shares), labels])


def points(view, arrays: dict) -> dict:
    """Return the test points on the plane, and which of them the model gets wrong."""
    y = view.data.y_test[:SHOWN]
    (x0, x1, y0, y1), arrays["points"] = places(view.data.x_test, view.data.y_test)
    arrays["wrong"] = (guesses(view.predict_tests(SHOWN)) != y.numpy()).astype(np.uint8)
    return {"points": "points", "wrong": "wrong", "extent": [x0, x1, y0, y1]}


def network(view, arrays: dict) -> Panel:
    model = view.source
    arrays["weights"] = weights(model)
    return {"kind": "network", "title": "output", "sizes": model.sizes,
            "activation": model.activation, "weights": "weights",
            "inputs": [f"x{i}" for i in SUBSCRIPTS[:2]], "classes": ["class 0", "class 1"],
            } | points(view, arrays)  # fmt: skip


def weights(model: MLP) -> np.ndarray:
    """Return an MLP's weights, layer by layer W (out, in) by rows and then b (out,)."""
    return model.theta.float().cpu().numpy()[order(tuple(model.sizes))]


@functools.lru_cache(4)
def order(sizes: tuple[int, ...]) -> np.ndarray:
    """Return where the weights of `weights` stand in the θ of an MLP."""
    model = MLP(sizes)
    matrices = model.views(torch.arange(len(model.theta)))
    parts = itertools.chain.from_iterable((w[:, :-1].ravel(), w[:, -1]) for w in matrices)
    return torch.cat([*parts]).numpy()


def plane(view, arrays: dict) -> Panel:
    found = points(view, arrays)
    x0, x1, y0, y1 = found["extent"]
    rows, columns = torch.meshgrid(torch.linspace(y0, y1, GRID), torch.linspace(x0, x1, GRID),
                                   indexing="ij")  # fmt: skip
    grid = torch.stack([columns.ravel(), rows.ravel()], 1)
    arrays["values"] = byte(probabilities(view.predict(grid))[:, 1])
    return {"kind": "map", "title": "output", "values": "values", "shape": [GRID, GRID],
            "colours": "two classes", "contour": True} | found  # fmt: skip


def probabilities(outputs: Tensor) -> Tensor:
    """Outputs (N, C) → (N, C); one output is the log odds of class 1."""
    if outputs.shape[1] == 1:
        p = outputs.sigmoid()
        return torch.cat([1 - p, p], 1)
    return outputs.softmax(1)


def guesses(outputs: Tensor) -> np.ndarray:
    """Return the likeliest class of each row of outputs (N, C): (N,)."""
    rows = outputs.numpy()  # on so few numbers NumPy is quicker than PyTorch
    return (rows[:, 0] > 0).astype(int) if rows.shape[1] == 1 else rows.argmax(1)


# ---- images ---------------------------------------------------------------------------------


def first_layer(view, arrays: dict) -> list[Panel]:
    """Return the first layer's weights as images, if the layer looks at whole images."""
    height, width = view.data.image_shape
    theta = view.source.theta
    matrices = [v for v in view.source.named_views(theta).values() if v.ndim > 1]
    W = matrices[0]
    if W.ndim != 2 or W.shape[1] != height * width:
        return [layers(view, arrays)]
    W = W[:TILES].detach().float().cpu().numpy()
    scale = np.abs(W).max()
    if not np.isfinite(scale):
        W = np.where(np.isfinite(W), W, 0)
        scale = np.abs(W).max()
    arrays["tiles"] = np.rint(W * (127 / max(float(scale), 1e-12)) + 128).astype(np.uint8)
    return [{"kind": "tiles", "title": f"first layer: {len(matrices[0])} units",
             "pixels": "tiles", "shape": [len(W), height, width],
             "colours": "signed"}]  # fmt: skip


def by_class(data, outputs: Tensor) -> Panel:
    """Return the accuracy on each class; outputs: of the first test rows."""
    y, n = data.y_test[:TESTED].numpy(), data.classes
    right = np.bincount(y[guesses(outputs) == y], minlength=n)
    shares = right / np.bincount(y, minlength=n).clip(min=1)
    values = [round(share, 4) for share in shares.tolist()]
    return {"kind": "bars", "title": "test accuracy by class", "names": [*map(str, range(n))],
            "values": values}  # fmt: skip


def samples(data, outputs: Tensor, arrays: dict) -> Panel:
    outputs = outputs[:SAMPLES]
    arrays["pixels"] = pixels(data.x_test)
    arrays["probabilities"] = byte(probabilities(outputs))
    return {"kind": "samples", "title": "test samples", "pixels": "pixels",
            "shape": [len(outputs), *data.image_shape], "probabilities": "probabilities",
            "truth": data.y_test[:SAMPLES].tolist(), "guess": guesses(outputs).tolist(),
            "classes": [str(k) for k in range(data.classes)]}  # fmt: skip


@functools.lru_cache(4)  # the same in every picture of a run
def pixels(x: Tensor) -> np.ndarray:
    """Return the first images x (N, …) in grey, from the darkest to the lightest: (n, pixels)."""
    grey = x[:SAMPLES].reshape(min(len(x), SAMPLES), -1).float()
    low, high = grey.min(), grey.max()
    return byte((grey - low) / (high - low).clamp(min=1e-9))


# ---- curves, and any other model ------------------------------------------------------------


def fit(view, arrays: dict) -> Panel:
    x, y = view.data.x_test[:80].float(), view.data.y_test[:80].float()
    grid = torch.linspace(float(x.min()), float(x.max()), 120)[:, None]
    arrays["fit_x"], arrays["fit_y"] = grid[:, 0].numpy(), view.predict(grid)[:, 0].numpy()
    arrays["data_x"], arrays["data_y"] = x[:, 0].numpy(), y[:, 0].numpy()
    span = 0.1 * float(y.max() - y.min()) or 1.0
    dots = {"kind": "points", "x": "data_x", "y": "data_y", "marker": "dot", "hue": "neg"}
    line = {"kind": "curve", "name": "network", "x": "fit_x", "y": "fit_y", "hue": "run",
            "look": "solid"}  # fmt: skip
    return {"kind": "plot", "id": "fit", "title": "the fitted curve", "note": "dots: test samples",
            "height": 220, "lane": None, "hint": "", "layers": [dots, line],
            "x": {"scale": "linear", "low": float(x.min()), "high": float(x.max()), "label": "x"},
            "y": {"scale": "linear", "low": float(y.min()) - span, "high": float(y.max()) + span,
                  "label": ""}}  # fmt: skip


def layers(view, arrays: dict) -> Panel:
    """Return every layer with weights: their histogram, the size of weights, gradient, update."""
    rows = []
    for i, (name, w, g, ratio) in enumerate(layer_sizes(view)):
        counts, low, high = histogram(w)
        arrays[f"layer{i}"] = counts
        shape = " × ".join(map(str, w.shape))
        rows.append({"name": name, "shape": shape, "weights": rms(w), "grad": rms(g),
                     "ratio": ratio, "counts": f"layer{i}", "low": low, "high": high})  # fmt: skip
    return {"kind": "layers", "title": "layers", "rows": rows}


def layer_sizes(view):
    """Yield (name, weights, gradient, ‖Δw‖/‖w‖ of the probed step or None) of the layers."""
    model = view.model
    flats = {"w": model.theta, "g": model.grad}
    if view.probe is not None and view.probe[0] <= view.step:
        flats |= {"old": view.probe[1], "new": view.probe[2]}
    views = {key: model.named_views(flat) for key, flat in flats.items()}
    names = [name for name, v in views["w"].items() if v.ndim > 1][:LAYERS]
    for number, name in enumerate(names, 1):
        ratio = None
        if "old" in views:
            old, new = views["old"][name], views["new"][name]
            size = float((new - old).norm() / old.norm().clamp(min=1e-30))
            ratio = size if np.isfinite(size) else None
        label = name.removesuffix(".weight")
        label = f"layer {number}" if label.isdigit() else label
        yield label, views["w"][name], views["g"][name], ratio


def rms(values: Tensor) -> float:
    """Return the root of the mean square; 0 where it is not finite."""
    size = float(values.detach().float().square().mean().sqrt())
    return size if np.isfinite(size) else 0.0


def histogram(values: Tensor) -> tuple[np.ndarray, float, float]:
    """Return (counts scaled to the largest as uint8 (BINS,), lowest, highest) of finite values."""
    flat = values.detach().float().cpu().flatten()
    flat = flat[flat.isfinite()]
    if not len(flat):
        return np.zeros(BINS, dtype=np.uint8), 0.0, 0.0
    low, high = float(flat.min()), float(flat.max())
    counts = torch.histc(flat, BINS, low, high)
    return byte(counts / counts.max()), low, high
