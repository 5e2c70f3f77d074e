"""What a lab shows, as small named arrays. Two painters draw it: `canvas.js` and `still.py`.

A picture is {step, loss, text, panels, arrays}; every panel has a kind, a title, and names its
arrays. x is the name of an array, or [first, distance] where points are equally spaced.
    curves  {log, x_label, curves: [[name, x, y, style], …], lines: [[name, value], …]}
            style: a number (colour and dash) or "dots"
    regions {heat, shape, points}             2-D data: probability of class 1, and test samples
    images  {pixels, shape: [n, h, w], captions, wrong}   grey images, 0 black to 1 white
    hist    {counts, rows: [[name, low, high, note], …]}  one histogram a row, counts (rows, bins)
    slice   {heat, shape, path, low, high}    loss on a plane, and the path of the weights on it
    note    {words}                           why there is nothing to see
An array is float32, or uint8 standing for 0 to 1 in steps of 1/255: pixels and heat.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from course.training.history import thin

POINTS = 120  # per curve: as many as a panel can show apart
EVALUATIONS = 50
GRID = 32  # decision regions: GRID × GRID cells
SAMPLES = 8  # test images in the row

Curve = list  # [name, x, y, style]


def thin_rows(table: np.ndarray, rows: int = EVALUATIONS) -> np.ndarray:
    """At most `rows` of the rows, evenly spaced over the whole, the last always among them."""
    if len(table) <= rows:
        return table
    return table[np.linspace(0, len(table) - 1, rows).round().astype(int)]


def bytes_of(values) -> np.ndarray:
    """0 to 1 → uint8."""
    return np.rint(np.clip(np.asarray(values), 0, 1) * 255).astype(np.uint8)


def number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def describe(trainer, evaluations: Sequence[tuple]) -> str:
    """The picture in words, for a screen reader, a text console and the status line."""
    knobs, loss = trainer.knobs(), trainer.history.loss
    words = f"Step {trainer.step_count}"
    if len(loss):
        words += f", training loss {loss[-1]:.4f}"
    if evaluations:
        words += f", test loss {evaluations[-1][2]:.4f}"
        if np.isfinite(evaluations[-1][4]):
            words += f", test accuracy {evaluations[-1][4]:.1%}"
    return words + f", learning rate {knobs['lr']:.4g}, momentum {knobs['momentum']:g}"


# ---- the panels a lab starts with ---------------------------------------------------------------


def loss_panel(view, arrays: dict) -> dict:
    """Batch loss and evaluations of this run; the batch loss of the branches it left."""
    x, means = view.means(POINTS)
    arrays["batch"] = means[:, 0]
    table = evaluated(view, arrays)
    curves: list[Curve] = [["batch", x, "batch", 0]]
    if len(table):
        curves += [["train", "evaluated", "train", 1], ["test", "evaluated", "test", 2]]
    for i, branch in enumerate(view.branches):
        bx, arrays[f"branch{i}"] = thin(branch.numbers[:, 0], POINTS)
        curves.append([branch_name(branch), bx, f"branch{i}", 3 + i])
    panel = {"kind": "curves", "title": "loss", "log": True, "curves": curves}
    if view.drawn is not None:
        arrays["drawn_x"], arrays["drawn"] = view.drawn
        curves.append(["your guess", "drawn_x", "drawn", 5])
    return panel


def evaluated(view, arrays: dict) -> np.ndarray:
    """Rows of (step, train loss, test loss, train accuracy, test accuracy), put into `arrays`."""
    table = thin_rows(np.array(view.evaluations, dtype=float).reshape(-1, 5))
    for i, name in enumerate(("evaluated", "train", "test")):
        arrays[name] = table[:, i]
    return table


def branch_name(branch) -> str:
    """What was turned last in a branch: its name in the legend."""
    if not branch.knobs:
        return f"to {branch.end}"
    step, knob, value = branch.knobs[-1]
    shown = f"{value:.3g}" if isinstance(value, float) else value
    if isinstance(value, dict | list):
        shown = "…"
    return f"{knob} {shown} at {step}"


def accuracy_panel(view, arrays: dict) -> dict | None:
    if view.data.is_regression:
        return None
    table = thin_rows(np.array(view.evaluations, dtype=float).reshape(-1, 5))
    arrays["accuracy_x"], arrays["train_right"], arrays["test_right"] = table[:, [0, 3, 4]].T
    curves = [["train", "accuracy_x", "train_right", 1], ["test", "accuracy_x", "test_right", 2]]
    return {"kind": "curves", "title": "accuracy", "log": False, "curves": curves}


def norm_panel(view, arrays: dict) -> dict:
    """Gradient norm before and after clipping, and the share of steps that were clipped."""
    x, means = view.means(POINTS)
    arrays["before"] = means[:, 1]
    curves = [["before clipping", x, "before", 0]]
    title = "gradient norm"
    if was_clipped(means).any():
        arrays["after"] = means[:, 2]
        curves.append(["after", x, "after", 1])
        last = was_clipped(view.numbers[-100:])
        title += f" ({last.mean():.0%} of the last {len(last)} steps clipped)"
    return {"kind": "curves", "title": title, "log": True, "curves": curves}


def was_clipped(rows: np.ndarray) -> np.ndarray:
    """(n, 3) rows of a history → (n,): was the gradient made shorter, beyond rounding?"""
    return rows[:, 2] < rows[:, 1] * (1 - 1e-6)


def samples_panel(view, arrays: dict) -> dict | None:
    """What the network makes of test samples: regions of the plane, images, or a fitted curve."""
    data = view.data
    if data.is_regression and data.features == 1 and data.outputs == 1:
        return _fit(view, arrays)
    if data.is_2d and data.classes == 2:
        return _regions(view, arrays)
    if data.is_image and not data.is_regression:
        return _images(view, arrays)
    return None


def _class_probabilities(outputs: torch.Tensor) -> torch.Tensor:
    """Outputs (N, C) → (N, C); one output is the log odds of class 1."""
    if outputs.shape[1] == 1:
        p = outputs.sigmoid()
        return torch.cat([1 - p, p], 1)
    return outputs.softmax(1)


def _regions(view, arrays: dict) -> dict:
    x = view.data.x_test.float()
    low, high = x.min(0).values - 0.2, x.max(0).values + 0.2
    axes = [torch.linspace(float(a), float(b), GRID) for a, b in zip(low, high, strict=True)]
    rows, columns = torch.meshgrid(axes[1], axes[0], indexing="ij")
    grid = torch.stack([columns.ravel(), rows.ravel()], 1)
    arrays["heat"] = bytes_of(_class_probabilities(view.predict(grid))[:, 1])
    shown = (x[:120] - low) / (high - low)
    labels = view.data.y_test[:120, None].float()
    arrays["points"] = bytes_of(torch.cat([shown, labels], 1))
    return {"kind": "regions", "title": "decision regions and test samples", "heat": "heat",
            "shape": [GRID, GRID], "points": "points"}  # fmt: skip


def _images(view, arrays: dict) -> dict:
    data = view.data
    x, y = data.x_test[:SAMPLES], data.y_test[:SAMPLES].tolist()
    sure, guess = _class_probabilities(view.predict(x)).max(1)
    grey = x.reshape(len(x), -1).float()
    low, high = grey.min(), grey.max()
    arrays["pixels"] = bytes_of((high - grey) / (high - low).clamp(min=1e-9))
    marks = ["✓" if a == b else "✗" for a, b in zip(y, guess.tolist(), strict=True)]
    answers = zip(marks, guess.tolist(), sure.tolist(), strict=True)
    return {"kind": "images", "title": "test samples: what the network thinks", "pixels": "pixels",
            "shape": [len(x), *data.image_shape], "wrong": [int(m == "✗") for m in marks],
            "captions": [f"{m} {g}\n{p:.0%}" for m, g, p in answers]}  # fmt: skip


def _fit(view, arrays: dict) -> dict:
    x, y = view.data.x_test[:80].float(), view.data.y_test[:80].float()
    grid = torch.linspace(float(x.min()), float(x.max()), 80)[:, None]
    arrays["data_x"], arrays["data_y"] = x[:, 0].numpy(), y[:, 0].numpy()
    arrays["fit"] = view.predict(grid)[:, 0].numpy()
    step = float(grid[1] - grid[0])
    curves = [["network", [float(grid[0]), step], "fit", 0], ["test samples", "data_x", "data_y",
                                                              "dots"]]  # fmt: skip
    return {"kind": "curves", "title": "the fitted curve", "log": False, "x_label": "x",
            "curves": curves}  # fmt: skip


Panel = Callable[..., dict | None]


def picture(view, panels: Sequence[Panel]) -> dict:
    """Everything a painter needs; view: a `View` of the run between two steps."""
    arrays: dict[str, np.ndarray] = {}
    made = [panel for make in panels if (panel := make(view, arrays)) is not None]
    return {
        "step": view.step, "loss": number(view.numbers[-1, 0]) if len(view.numbers) else None,
        "text": view.words, "panels": made,
        "arrays": {name: np.array(values) for name, values in arrays.items()},  # nobody else's
    }  # fmt: skip
