"""Small data sets that need no download: digits (real), moons and spirals (drawn from a seed)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import CourseError, check_choice, check_count


@dataclass(frozen=True)
class Dataset:
    """x: (N, D) floats, y: (N,) class numbers, split into training and test rows."""

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int

    def __post_init__(self):
        for split, x, y in (
            ("train", self.x_train, self.y_train),
            ("test", self.x_test, self.y_test),
        ):
            if x.ndim != 2 or len(x) != len(y) or not len(x):
                raise CourseError(
                    f"{split} data has x {tuple(x.shape)} and y {tuple(y.shape)}; "
                    "allowed: x (N, D) and y (N,) with N ≥ 1; reshape the inputs to rows"
                )
            if not torch.isfinite(x).all():
                raise CourseError(
                    f"{split} inputs hold NaN or infinity; remove or repair those rows"
                )
            low, high = int(y.min()), int(y.max())
            if low < 0 or high >= self.classes:
                bad = low if low < 0 else high
                raise CourseError(
                    f"{split} label {bad} is out of range; allowed: 0 to {self.classes - 1}; "
                    "number the classes from 0"
                )

    @property
    def features(self) -> int:
        return self.x_train.shape[1]

    @property
    def is_2d(self) -> bool:
        return self.features == 2

    @property
    def is_image(self) -> bool:
        return self.name == "digits"


def load_digits(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """1,797 handwritten digits, 8 x 8, scaled to [0, 1] (scikit-learn; UCI, Alpaydin & Kaynak)."""
    from sklearn.datasets import load_digits as sklearn_digits  # slow import: only when asked

    digits = sklearn_digits()
    return torch.from_numpy(digits.data) / 16, torch.from_numpy(digits.target).long(), 10


def moons(generator: torch.Generator, n=1000, noise=0.15) -> tuple[Tensor, Tensor, int]:
    """Two half circles that reach into each other."""
    y = torch.arange(n) % 2
    t = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    upper = torch.stack([t.cos(), t.sin()], 1)
    lower = torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)
    x = torch.where(y[:, None] == 0, upper, lower) - torch.tensor([0.5, 0.25])
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), y, 2


def spirals(generator: torch.Generator, n=1000, noise=0.03) -> tuple[Tensor, Tensor, int]:
    """Two spirals of 1.5 turns: no straight line separates them."""
    y = torch.arange(n) % 2
    r = 0.1 + 0.9 * torch.rand(n, generator=generator, dtype=torch.float64)
    t = 3 * math.pi * r + math.pi * y
    x = r[:, None] * torch.stack([t.cos(), t.sin()], 1)
    return x + noise * torch.randn(n, 2, generator=generator, dtype=x.dtype), y, 2


LOADERS = {"digits": load_digits, "moons": moons, "spirals": spirals}


def load_data(name: str, seed: int = 0, test_share: float = 0.2, dtype=torch.float32) -> Dataset:
    """Load a data set by name and split it at random: same seed, same split.

    Raises `CourseError` for an unknown name, a negative seed or a share outside (0, 1).
    """
    check_choice("dataset", name, LOADERS)
    check_count("seed", seed, 0, 2**63 - 1, "any whole number from 0")
    if not 0 < test_share < 1:
        raise CourseError(f"test_share = {test_share!r}; allowed: between 0 and 1, as 0.2")
    generator = torch.Generator().manual_seed(seed)
    x, y, classes = LOADERS[name](generator)
    order = torch.randperm(len(y), generator=generator)
    held = round(test_share * len(y))
    test, train = order[:held], order[held:]
    x = x.to(dtype)
    return Dataset(name, x[train], y[train], x[test], y[test], classes)
