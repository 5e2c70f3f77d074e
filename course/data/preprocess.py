"""Prepare inputs: one scale for all features, and more training samples than were collected.

Standardising (LeCun et al. 1998, "Efficient BackProp", 4.3) gives every feature mean 0 and variance
1, so that one learning rate suits all weights. The numbers come from the training rows alone:
whatever touches the test rows before the end makes the test too kind.

Augmentation (Simard et al. 2003) trains on x' = T(x) with a random T that keeps the label: a seven
that is shifted or turned a little is a seven. T is drawn anew for every sample and every step.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from ..descriptions import Registry, describe
from ..errors import CourseError, check_count, check_number
from .dataset import Dataset


def standardise(data: Dataset) -> Dataset:
    """Scale each feature, x' = (x - μ)/σ, with μ and σ (over N, not N - 1) of the training rows.

    A feature that is constant there becomes 0 in every split: nothing can be learned from it.
    Regression targets stay as they are.

    Args:
        data: with float inputs x: (N, …).

    Raises:
        CourseError: for inputs that are not floats.

    Source: LeCun et al. 1998, "Efficient BackProp", 4.3.
    """
    if not data.x_train.is_floating_point():
        raise CourseError(
            f"x_train is {data.x_train.dtype}; allowed: floats; convert with .float()"
        )
    x = data.x_train.double()
    mean, std = x.mean(0), x.std(0, correction=0)
    # the mean of equal numbers may be off by rounding, so σ = 0 alone does not find them
    constant = (x == x[0]).all(0) | (std == 0)

    def scaled(rows: Tensor) -> Tensor:
        return ((rows.double() - mean) / std).masked_fill(constant, 0).to(rows.dtype)

    x_of = {f"x_{split}": scaled(rows) for split, rows, _ in data.splits()}
    return replace(data, **x_of, source=data.after("standardise"))  # type: ignore[arg-type]


# ---- augmentation -------------------------------------------------------------------------------


class Step:
    """Base of the steps: `step(x, image_shape, generator)` returns new samples, shaped as x.

    The field may be set between any two calls.

    Args:
        x: floats (B, H·W) or (B, 1, H, W), never written into.
        image_shape: (H, W).
        generator: on the device of x, the only source of chance.

    Raises:
        CourseError: for a field out of its range, and for an x that does not fit.
    """

    def __setattr__(self, name, value):
        super().__setattr__(name, self.check(name, value))

    def check(self, name: str, value):
        raise TypeError(f"{type(self).__name__} does not say what is allowed")

    def __call__(self, x: Tensor, image_shape: tuple[int, int] | None, generator: torch.Generator):
        raise TypeError(f"{type(self).__name__} does not say what to do with a batch")

    def images(self, x: Tensor, image_shape: tuple[int, int] | None) -> Tensor:
        """Return a view of x as (B, 1, H, W), or raise `CourseError`."""
        if image_shape is None:
            raise CourseError(f"{self!r} needs images, this data has no image_shape; leave it out")
        H, W = image_shape
        fits = x.shape[1:] in ((H * W,), (1, H, W))
        if not fits or not len(x) or not x.is_floating_point():
            raise CourseError(
                f"{type(self).__name__} got x {tuple(x.shape)} {x.dtype} for image_shape ({H}, {W})"
                "; allowed: floats (B, H·W) or (B, 1, H, W), B ≥ 1; reshape or convert x"
            )
        return x.reshape(len(x), 1, H, W)


@dataclass
class Shift(Step):
    """Move each image by its own whole pixels in [-pixels, pixels], each way; zeros move in."""

    pixels: int = 1

    def check(self, name, value):
        return check_count("Shift.pixels", value, 0, 2**20, "1 or 2 suit small images")

    def __call__(self, x, image_shape, generator):
        image = self.images(x, image_shape)
        (B, _, H, W), p = image.shape, self.pixels
        if p >= min(H, W):
            raise CourseError(
                f"Shift.pixels = {p} moves a {H} x {W} image out of sight; "
                f"allowed: 0 to {min(H, W) - 1}; 1 or 2 suit small images"
            )
        down, right = torch.randint(-p, p + 1, (2, B, 1), generator=generator, device=x.device)
        rows = torch.arange(p, p + H, device=x.device) - down
        columns = torch.arange(p, p + W, device=x.device) - right
        sample = torch.arange(B, device=x.device)[:, None, None]
        framed = pad(image[:, 0], (p, p, p, p))
        return framed[sample, rows[:, :, None], columns[:, None, :]].reshape(x.shape)


@dataclass
class Rotate(Step):
    """Turn each image about its centre by its own angle in ±degrees, bilinear; zeros turn in."""

    degrees: float = 10.0

    def check(self, name, value):
        return check_number("Rotate.degrees", value, 0, 180, "10 keeps a six a six")

    def __call__(self, x, image_shape, generator):
        image = self.images(x, image_shape)
        B, _, H, W = image.shape
        u = torch.rand(B, generator=generator, device=x.device, dtype=x.dtype)
        angle = math.radians(self.degrees) * (2 * u - 1)
        # W and H: affine_grid counts in half widths and half heights, a rotation in pixels
        c, s, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        turn = torch.stack([c, -s * H / W, zero, s * W / H, c, zero], 1).view(B, 2, 3)
        grid = affine_grid(turn, [B, 1, H, W], align_corners=False)
        return grid_sample(image, grid, align_corners=False).reshape(x.shape)


@dataclass
class Noise(Step):
    """Add σ·ε to each number, ε from N(0, 1): for x of any shape; image_shape may be None."""

    sigma: float = 0.1

    def check(self, name, value):
        return check_number("Noise.sigma", value, 0, math.inf, "0.1 is mild", open_high=True)

    def __call__(self, x, image_shape, generator):
        if not x.is_floating_point():
            raise CourseError(f"Noise got x {x.dtype}; allowed: floats; convert with .float()")
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return noise.mul_(self.sigma).add_(x)


class Augment:
    """Apply steps from left to right; without a step, x comes back as it is.

    Args:
        steps: such as Shift(1), Noise(0.1).

    Raises:
        CourseError: for what is not a `Step`.
    """

    def __init__(self, *steps: Step):
        for step in steps:
            if not isinstance(step, Step):
                raise CourseError(f"Augment got {step!r}; it takes steps such as Shift(1)")
        self.steps = list(steps)

    def __call__(self, x: Tensor, image_shape: tuple[int, int] | None, generator: torch.Generator):
        for step in self.steps:
            x = step(x, image_shape, generator)
        return x

    def describe(self) -> list[dict]:
        """Return [{'kind': 'Shift', 'pixels': 2}, …], plain JSON values to build it from again."""
        return [describe(step) for step in self.steps]

    def __repr__(self):
        return f"Augment({', '.join(map(repr, self.steps))})"


STEPS = Registry("step")
for _kind in (Shift, Rotate, Noise):
    STEPS.add(_kind)


def build_augment(description: list[dict]) -> Augment:
    """Return the augmentation that is described: the inverse of `Augment.describe`.

    Raises:
        CourseError: for what `Augment.describe` cannot have written.
    """
    return Augment(*map(STEPS.build, description))
