"""A data set: rows of inputs with their answers, checked once and never changed.

A set is split into rows to train on, rows to choose knobs by (validation, on demand) and rows
that judge the result at the end (test). `loading` builds one by name.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import (
    CourseError,
    check_count,
    check_number,
    check_seed,
)


@dataclass(frozen=True)
class Dataset:
    """Hold training, test and (on demand) validation rows; the methods return a new set.

    Args:
        name: of the set, as messages give it.
        x_train, x_test, x_val: inputs (N, …), at least one axis after the rows.
        y_train, y_test, y_val: class numbers (N,), int64, or (N, T), one for each of T places; or
            targets (N, K), floats.
        classes: the number of classes; None: a regression towards the targets.
        image_shape: (H, W) if a row is one grey image of H·W pixels.
        source: what `load_data` was asked for and what was done since, from which `build_data`
            builds the same set; None for data of your own.

    Raises:
        CourseError: for shapes, labels or numbers that do not fit.
    """

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int | None
    x_val: Tensor | None = None
    y_val: Tensor | None = None
    image_shape: tuple[int, int] | None = None
    source: dict | None = None

    def __post_init__(self):
        if (self.x_val is None) != (self.y_val is None):
            raise CourseError("only one of x_val and y_val is given; give both or neither")
        if self.classes is not None:
            check_count("classes", self.classes, 1, math.inf, "None stands for a regression")
        for split, x, y in self.splits():
            _check_rows(split, x, y)
            if x.shape[1:] != self.x_train.shape[1:] or y.shape[1:] != self.y_train.shape[1:]:
                raise CourseError(
                    f"a {split} row is x {tuple(x.shape[1:])}, y {tuple(y.shape[1:])}, a training "
                    f"row x {tuple(self.x_train.shape[1:])}, y {tuple(self.y_train.shape[1:])}; "
                    "allowed: the same in every split; reshape one of them"
                )
            if self.classes is None:
                _check_targets(split, y)
            else:
                _check_labels(split, y, self.classes)
        self._check_image_shape()

    def _check_image_shape(self) -> None:
        if self.image_shape is None:
            return
        sides = self.image_shape
        whole = isinstance(sides, tuple) and all(type(side) is int and side > 0 for side in sides)
        if not whole or len(sides) != 2 or math.prod(sides) != self.features:
            raise CourseError(
                f"image_shape = {sides!r} does not fit; allowed: a tuple (H, W) with H·W = "
                f"{self.features}, the numbers in a row; or leave it out"
            )

    def splits(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield ('train', x, y), ('test', x, y), and ('val', x, y) if there is one."""
        yield "train", self.x_train, self.y_train
        yield "test", self.x_test, self.y_test
        if self.x_val is not None and self.y_val is not None:
            yield "val", self.x_val, self.y_val

    @property
    def features(self) -> int:
        """Count the numbers in one row of x: D, or C·H·W."""
        return math.prod(self.x_train.shape[1:])

    @property
    def outputs(self) -> int:
        """Count what a model returns for a row: one logit per class, or the K targets."""
        return self.y_train.shape[1] if self.classes is None else self.classes

    @property
    def is_2d(self) -> bool:
        """Tell if a row is a point in the plane."""
        return self.features == 2

    @property
    def is_image(self) -> bool:
        """Tell if a row is an image."""
        return self.image_shape is not None

    @property
    def is_regression(self) -> bool:
        """Tell if the answers are targets, not classes."""
        return self.classes is None

    def with_validation(self, share: float = 0.2, seed: int = 0) -> "Dataset":
        """Move a random share of the training rows to a validation split.

        Args:
            share: of the training rows, in (0, 1).
            seed: of the draw.

        Raises:
            CourseError: for a share that leaves a split empty, and for a set that has this split.
        """
        if self.x_val is not None:
            raise CourseError(f"{self.name!r} has validation rows already; go on with those")
        share = check_number("share", share, 0, 1, "0.2 is usual", open_low=True, open_high=True)
        n = len(self.y_train)
        n_val = round(share * n)
        if not 0 < n_val < n:
            raise CourseError(
                f"share = {share!r} of {n} training rows leaves {n - n_val} to train on and "
                f"{n_val} to validate with; allowed: at least 1 each; take another share or more "
                "rows"
            )
        order, seed = self._shuffled(seed), check_seed(seed)
        val, train = order[:n_val], order[n_val:]
        return replace(
            self, x_train=self.x_train[train], y_train=self.y_train[train],
            x_val=self.x_train[val], y_val=self.y_train[val],
            source=self.after("with_validation", share=share, seed=seed),
        )  # fmt: skip

    def subset(self, n: int, seed: int = 0) -> "Dataset":
        """Keep n training rows of a seeded order; with one seed, more rows hold the fewer.

        Args:
            n: rows to keep, 1 to all of them.
            seed: of the order.

        Raises:
            CourseError: for an n that is out of this range.
        """
        n = check_count("n", n, 1, len(self.y_train), "the training rows there are")
        rows, seed = self._shuffled(seed)[:n], check_seed(seed)
        source = self.after("subset", n=n, seed=seed)
        return replace(self, x_train=self.x_train[rows], y_train=self.y_train[rows], source=source)

    def images(self) -> "Dataset":
        """Shape the inputs (N, 1, H, W), as a convolution takes them.

        Raises:
            CourseError: for a set without image_shape.
        """
        if self.image_shape is None:
            raise CourseError(
                f"{self.name!r} has no image_shape; allowed: image data such as 'digits', or a "
                "Dataset(…, image_shape=(H, W))"
            )
        shape = (1, *self.image_shape)
        x = {f"x_{split}": x.reshape(-1, *shape) for split, x, _ in self.splits()}
        return replace(self, **x, source=self.after("images"))  # type: ignore[arg-type]

    def noisy_labels(self, share: float, seed: int = 0) -> Tensor:
        """Return y_train, of its shape, with another label in a random share of its places.

        With one seed a larger share keeps the wrong labels of a smaller one.

        Args:
            share: the chance of each, in [0, 1].
            seed: of the draw.

        Raises:
            CourseError: for a share out of this range, and for data with fewer than two classes.
        """
        if self.classes is None or self.classes < 2:
            raise CourseError(f"{self.name!r} has no classes to confuse; label noise needs two")
        share = check_number("label_noise", share, 0, 1, "0.2 is much already")
        generator = torch.Generator().manual_seed(check_seed(seed))
        drawn = torch.rand(self.y_train.shape, generator=generator)
        shift = torch.randint(1, self.classes, self.y_train.shape, generator=generator)
        wrong = (self.y_train.cpu() + shift) % self.classes
        return torch.where(drawn < share, wrong, self.y_train.cpu()).to(self.y_train.device)

    def after(self, step: str, **options) -> dict | None:
        """Return `source` with one more step and its options."""
        if self.source is None:
            return None
        return self.source | {"then": [*self.source.get("then", []), [step, options]]}

    def _shuffled(self, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(check_seed(seed))
        return torch.randperm(len(self.y_train), generator=generator)


def _check_rows(split: str, x: Tensor, y: Tensor) -> None:
    if x.ndim < 2 or not y.ndim or len(x) != len(y) or not x.numel():
        raise CourseError(
            f"{split} data has x {tuple(x.shape)} and y {tuple(y.shape)}; "
            "allowed: x (N, D) or (N, C, H, W) and as many y, with N ≥ 1; reshape the inputs"
        )
    if not torch.isfinite(x).all():
        raise CourseError(f"{split} inputs hold NaN or infinity; remove or repair those rows")


def _check_labels(split: str, y: Tensor, classes: int) -> None:
    if y.ndim > 2 or not y.numel() or y.dtype != torch.int64:
        raise CourseError(
            f"{split} labels are {tuple(y.shape)} {y.dtype}; allowed: class numbers (N,) or (N, T) "
            "int64; convert with .long(), or pass classes=None for a regression"
        )
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise CourseError(
            f"{split} label {low if low < 0 else high} is out of range; "
            f"allowed: 0 to {classes - 1}; number the classes from 0"
        )


def _check_targets(split: str, y: Tensor) -> None:
    if y.ndim != 2 or not y.numel() or not y.is_floating_point():
        raise CourseError(
            f"{split} targets are {tuple(y.shape)} {y.dtype}; allowed without classes: (N, K) "
            "floats with K ≥ 1; reshape with y[:, None], or pass the number of classes"
        )
    if not torch.isfinite(y).all():
        raise CourseError(f"{split} targets hold NaN or infinity; remove or repair those rows")
