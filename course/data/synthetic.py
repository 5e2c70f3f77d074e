"""The data sets that need no download: one function each, (generator) → x, y, number of classes.

Classification gives x (N, D) and class numbers (N,); regression x (N, 1), values (N, 1) and None.
"""

import importlib.util
import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .dataset import Dataset

Rows = tuple[Tensor, Tensor, int | None]  # x, y, classes


def load_digits(generator: torch.Generator) -> Rows:
    """Load 1,797 handwritten digits, 8 x 8, scaled to [0, 1].

    Source: scikit-learn; UCI, Alpaydin & Kaynak.
    """
    table = digits_table()
    return table[:, :64] / 16, table[:, 64].long(), 10


@cache
def digits_table() -> Tensor:
    """Return pixels and labels: (1797, 65). It is read once a process; do not write into it."""
    return torch.from_numpy(np.loadtxt(digits_file(), delimiter=","))


def digits_file() -> Path:
    """Return where scikit-learn keeps its digits; it takes a second and more to be imported."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None and package.origin is not None  # the course requires it
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


def moons(generator: torch.Generator, n=1000, noise=0.15) -> Rows:
    """Draw two half circles that reach into each other."""
    y = torch.arange(n) % 2
    t = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    upper = torch.stack([t.cos(), t.sin()], 1)
    lower = torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)
    x = torch.where(y[:, None] == 0, upper, lower) - torch.tensor([0.5, 0.25])
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), y, 2


def spirals(generator: torch.Generator, n=1000, noise=0.03) -> Rows:
    """Draw two spirals of 1.5 turns: no straight line separates them."""
    y = torch.arange(n) % 2
    r = 0.1 + 0.9 * torch.rand(n, generator=generator, dtype=torch.float64)
    t = 3 * math.pi * r + math.pi * y
    x = r[:, None] * torch.stack([t.cos(), t.sin()], 1)
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), y, 2


def rings(generator: torch.Generator, n=1000, noise=0.08) -> Rows:
    """Draw a ring of radius 1 (class 0) around one of radius 0.5 (class 1)."""
    y = torch.arange(n) % 2
    t = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    x = (1 - 0.5 * y)[:, None] * torch.stack([t.cos(), t.sin()], 1)
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), y, 2


def xor(generator: torch.Generator, n=1000, noise=0.2) -> Rows:
    """Draw four clusters at (±0.6, ±0.6); class 1 if exactly one coordinate is positive."""
    corner = torch.arange(n) % 4
    right, upper = corner % 2, corner // 2
    x = 1.2 * torch.stack([right, upper], 1).double() - 0.6
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), right ^ upper, 2


def sine(generator: torch.Generator, n=500, noise=0.1) -> Rows:
    """Draw y = sin(3πx)·(1 + x)/2 + noise on [-1, 1]: three waves that grow to the right."""
    x = 2 * torch.rand(n, 1, generator=generator, dtype=torch.float64) - 1
    y = (3 * math.pi * x).sin() * (1 + x) / 2
    return x, y + noise * torch.randn(n, 1, generator=generator, dtype=x.dtype), None


def steps(generator: torch.Generator, n=500, noise=0.1) -> Rows:
    """Draw five flat stretches of [-1, 1] with jumps between, plus noise."""
    levels = torch.tensor([-0.5, 0.5, -1.0, 1.0, 0.0], dtype=torch.float64)
    x = 2 * torch.rand(n, 1, generator=generator, dtype=torch.float64) - 1
    y = levels[(2.5 * (x + 1)).long()]
    return x, y + noise * torch.randn(n, 1, generator=generator, dtype=x.dtype), None


LOADERS = {
    "digits": load_digits, "moons": moons, "spirals": spirals, "rings": rings, "xor": xor,
    "sine": sine, "steps": steps,
}  # fmt: skip


def split_at_random(name: str, seed: int, test_share: float, dtype: torch.dtype) -> Dataset:
    """Return the named set, drawn and split by one seed.

    Args:
        name: one of `LOADERS`.
        seed: of the draw and of the split.
        test_share: of the rows, in (0, 1), that are for testing.
        dtype: of the inputs and of regression targets.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y, classes = LOADERS[name](generator)
    order = torch.randperm(len(y), generator=generator)
    n_test = round(test_share * len(y))
    test, train = order[:n_test], order[n_test:]
    x, y = x.to(dtype), y.to(dtype) if classes is None else y
    return Dataset(
        name, x[train], y[train], x[test], y[test], classes,
        image_shape=(8, 8) if name == "digits" else None,
        source=source_of(name, seed, test_share, dtype),
    )  # fmt: skip


def source_of(name: str, seed: int, test_share: float, dtype: torch.dtype) -> dict:
    """Return what `build_data` builds the set from again, as plain JSON values."""
    short = str(dtype).removeprefix("torch.")
    return {"name": name, "seed": seed, "test_share": test_share, "dtype": short}
