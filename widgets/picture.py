"""What a lab shows, as small named arrays. Two painters draw it: `canvas.js` and `still.py`.

A picture is {step, loss, text, panels, arrays}; a panel names its arrays:
    curves   {kind, title, log, curves: [(name, x array, y array), …]}
    regions  {kind, title, heat, shape, points}      2-D data: probability of class 1, and samples
    digits   {kind, title, pixels, answers}          samples, with (truth, guess, probability) each
"""

import numpy as np
import torch

POINTS = 200  # per curve: more than a panel has pixels to spare for
GRID = 40  # decision regions: GRID × GRID cells
DIGITS = 8  # how many samples in the row


def thin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) with at most `POINTS` points: means over equal stretches; NaN stays NaN."""
    n = len(values)
    if n <= POINTS:
        return np.arange(1, n + 1), values
    edges = np.linspace(0, n, POINTS + 1).astype(int)
    return (edges[:-1] + edges[1:] + 1) / 2, np.add.reduceat(values, edges[:-1]) / np.diff(edges)


def number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def describe(trainer, evaluations: list[tuple]) -> str:
    """The picture in words, for a screen reader, a text console and the status line."""
    knobs, loss = trainer.knobs(), trainer.history.loss
    words = f"Step {trainer.step_count}"
    if len(loss):
        words += f", training loss {loss[-1]:.4f}"
    if evaluations:
        words += f", test loss {evaluations[-1][2]:.4f}, test accuracy {evaluations[-1][4]:.1%}"
    return words + f", learning rate {knobs['lr']:.4g}, momentum {knobs['momentum']:g}"


def picture(trainer, evaluations: list[tuple]) -> dict:
    """Everything a painter needs, read from the trainer between two steps.

    evaluations: [(step, train loss, test loss, train accuracy, test accuracy), …].
    """
    numbers = trainer.history.numbers()
    table = np.array(evaluations, dtype=float).reshape(-1, 5)[-POINTS:]
    arrays = {"evaluated": table[:, 0]}
    for name, column in [("train", 1), ("test", 2), ("train_right", 3), ("test_right", 4)]:
        arrays[name] = table[:, column]
    for name, column in [("batch", 0), ("before", 1), ("after", 2)]:
        arrays[f"{name}_x"], arrays[name] = thin(numbers[:, column])

    def curve(name, key, x=None):
        return [name, x or f"{key}_x", key]

    panels = [
        {"kind": "curves", "title": "loss", "log": True, "curves": [
            curve("batch", "batch"), curve("train", "train", "evaluated"),
            curve("test", "test", "evaluated")]},
        {"kind": "curves", "title": "accuracy", "log": False, "curves": [
            curve("train", "train_right", "evaluated"), curve("test", "test_right", "evaluated")]},
        {"kind": "curves", "title": "gradient norm", "log": True, "curves": [
            curve("before clipping", "before"), curve("after", "after")]},
    ]  # fmt: skip
    data = trainer.data
    if data.is_2d:
        panels.append(_regions(trainer, arrays))
    elif data.is_image:
        panels.append(_digits(trainer, arrays))
    loss = number(numbers[-1, 0]) if len(numbers) else None
    text = describe(trainer, evaluations)
    return {
        "step": trainer.step_count, "loss": loss, "text": text, "panels": panels, "arrays": arrays,
    }  # fmt: skip


def _regions(trainer, arrays: dict) -> dict:
    x = trainer.data.x_test
    low, high = x.min(0).values - 0.2, x.max(0).values + 0.2
    axes = [torch.linspace(float(a), float(b), GRID) for a, b in zip(low, high, strict=True)]
    rows, columns = torch.meshgrid(axes[1], axes[0], indexing="ij")
    grid = torch.stack([columns.ravel(), rows.ravel()], 1).to(trainer.model.theta)
    arrays["heat"] = trainer.model.predict(grid).softmax(1)[:, 1].cpu().numpy()
    shown = (x[:120] - low) / (high - low)
    labels = trainer.data.y_test[:120, None].to(shown.dtype)
    arrays["points"] = torch.cat([shown, labels], 1).numpy()
    return {
        "kind": "regions", "title": "decision regions and test samples", "heat": "heat",
        "shape": [GRID, GRID], "points": "points",
    }  # fmt: skip


def _digits(trainer, arrays: dict) -> dict:
    x, y = trainer.data.x_test[:DIGITS], trainer.data.y_test[:DIGITS]
    sure, guess = trainer.model.predict(x.to(trainer.model.theta)).softmax(1).cpu().max(1)
    arrays["pixels"] = x.numpy()
    arrays["answers"] = torch.stack([y.double(), guess.double(), sure.double()], 1).numpy()
    return {
        "kind": "digits", "title": "test samples: what the network thinks", "pixels": "pixels",
        "answers": "answers",
    }  # fmt: skip
