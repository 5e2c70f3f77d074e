"""A small network with two inputs, evaluated from its weights: what each neuron answers."""

import math
from collections.abc import Callable

import numpy as np

GRID = 64  # points a side

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
    "gelu": lambda z: z * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2))) / 2,
}


def matrices(weights: np.ndarray, sizes: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (W (out, in), b (out,)) of each layer, from one row with W then b, layer by layer."""
    layers, at = [], 0
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        W = np.asarray(weights[at : at + n_in * n_out], dtype=float).reshape(n_out, n_in)
        at += n_in * n_out
        layers.append((W, np.asarray(weights[at : at + n_out], dtype=float)))
        at += n_out
    return layers


def activations(
    weights: np.ndarray, sizes: list[int], activation: str, x: np.ndarray
) -> list[np.ndarray]:
    """Return what each layer answers to rows x: (B, n_0), first x itself: arrays (B, n_l).

    The last layer has no activation.
    """
    answers = [np.asarray(x, dtype=float)]
    layers = matrices(weights, sizes)
    for layer, (W, b) in enumerate(layers, 1):
        z = answers[-1] @ W.T + b
        answers.append(ACTIVATIONS[activation](z) if layer < len(layers) else z)
    return answers


def log_odds(outputs: np.ndarray) -> np.ndarray:
    """Return the log odds of class 1 (B,), from one output or two: (B, 1) or (B, 2)."""
    return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs[:, 0]


def into_output(weights: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Return the weights of the log odds (n,): of the one output, or the difference of the two."""
    W, _ = matrices(weights, sizes)[-1]
    return W[1] - W[0] if len(W) == 2 else W[0]


def grid(extent: list[float]) -> np.ndarray:
    """Return the points of the plane, (GRID², 2), row by row; the first row is the upper edge."""
    x0, x1, y0, y1 = extent
    x, y = np.meshgrid(np.linspace(x0, x1, GRID), np.linspace(y1, y0, GRID))
    return np.stack([x.ravel(), y.ravel()], 1)


def finite(values) -> np.ndarray:
    """Return numbers to draw: 0 for NaN, at most 10⁹ in size."""
    return np.clip(np.nan_to_num(np.asarray(values, dtype=float)), -1e9, 1e9)


def maps(panel: dict, weights: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the maps of the neurons, one (n_l, GRID, GRID) a layer but the last; the log odds.

    Values that overflowed count as large ones.
    """
    with np.errstate(all="ignore"):
        answers = activations(weights, panel["sizes"], panel["activation"], grid(panel["extent"]))
    *below, output = (finite(a) for a in answers)
    return [a.T.reshape(-1, GRID, GRID) for a in below], log_odds(output).reshape(GRID, GRID)


def shades(values: np.ndarray, activation: str) -> np.ndarray:
    """Return the maps of a layer's neurons as −1 to 1 for the eye.

    tanh already lies there, a sigmoid is stretched; without a limit, each neuron's largest is 1.
    """
    if activation == "tanh":
        return values
    if activation == "sigmoid":
        return 2 * values - 1
    return values / np.maximum(np.abs(values).max(axis=(1, 2), keepdims=True), 1e-9)
