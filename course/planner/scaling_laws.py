"""Scaling laws: how a result falls with size, and which model is the best for so many FLOPs.

    y = scale · x^-exponent + floor            a power law; floor 0: a straight line in logarithms
    loss = floor + a / P^alpha + b / N^beta    of P parameters and N tokens (Hoffmann et al. 2022)

Training takes about 6·P·N FLOPs, so for a given number of FLOPs a larger model sees fewer tokens.
Of all pairs with the same product one has the lowest loss:

    P = ratio · (FLOPs / 6)^(beta / (alpha + beta))
    ratio = (alpha·a / (beta·b))^(1 / (alpha + beta))

Sources: Kaplan et al. (2020); Hoffmann et al. (2022), section 3; Besiroglu et al. (2024).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError, check_count, check_number, check_seed, shown

FLOORS = 60  # tried between 0 and the lowest value
HIGHEST = 0.98  # of the lowest value: the highest floor that is tried
PER_TOKEN = 6  # FLOPs of training for each parameter and token


@dataclass(frozen=True)
class PowerLaw:
    """y = scale · x^-exponent + floor.

    Attributes:
        scale: of y, at x = 1 and above the floor.
        exponent: above 0 if y falls.
        floor: what remains however large x is.
    """

    scale: float
    exponent: float
    floor: float = 0.0

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Return y for numbers x above 0, of the same shape."""
        return self.scale * np.asarray(x, float) ** -self.exponent + self.floor


def fit_power_law(x: ArrayLike, y: ArrayLike, floor: bool = False) -> PowerLaw:
    """Return the law with the least squares of log y.

    Without a floor this is the straight line of log y over log x. With one, the line of
    log(y - floor) is fitted for `FLOORS` floors below the lowest y, and the closest law is kept.

    Args:
        x, y: (K,) numbers above 0; at least two different x, with a floor three.
        floor: whether to look for one.

    Raises:
        CourseError: for fewer points, and for numbers that have no logarithm.
    """
    x, y = _check_points(x, y, 3 if floor else 2)
    floors = np.linspace(0, HIGHEST, FLOORS) * y.min() if floor else [0.0]
    laws = []
    for lowest in floors:
        slope, start = np.polyfit(np.log(x), np.log(y - lowest), 1)
        laws.append(PowerLaw(math.exp(start), -float(slope), float(lowest)))
    return min(laws, key=lambda law: float(((np.log(law(x)) - np.log(y)) ** 2).sum()))


def _check_points(x: ArrayLike, y: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    for name, values in (("x", x), ("y", y)):
        if values.ndim != 1 or not (np.isfinite(values) & (values > 0)).all():
            raise CourseError(
                f"{name} = {shown(values.tolist())}; allowed: a row of numbers above 0, since "
                "logarithms are taken; leave the others out"
            )
    if len(x) != len(y) or len(np.unique(x)) < least:
        raise CourseError(
            f"{len(x)} x and {len(y)} y; allowed: as many of both, with {least} different x or "
            "more; measure at more places"
        )
    return x, y


# ---- how sure it is -----------------------------------------------------------------------------


def resampled(
    x: ArrayLike, ys: ArrayLike, floor: bool = False, draws: int = 300, seed: int = 0
) -> list[PowerLaw]:
    """Return a law for each resampling of the runs: the bootstrap.

    Each draw takes as many rows as there are, with repetition, and fits their mean.

    Args:
        x: (K,), the sizes.
        ys: (S, K), a row for each run of all sizes, 2 or more.
        floor: as in `fit_power_law`.
        draws: how many laws.
        seed: of the draws.

    Raises:
        CourseError: for fewer rows, and as `fit_power_law` does.
    """
    ys = np.asarray(ys, float)
    if ys.ndim != 2 or len(ys) < 2:
        raise CourseError(f"ys has the shape {ys.shape}; allowed: (S, K), a row a run, 2 or more")
    draws = check_count("draws", draws, 1, 10**6, "a few hundred are enough")
    dice = np.random.default_rng(check_seed(seed))
    rows = dice.integers(0, len(ys), (draws, len(ys)))
    return [fit_power_law(x, ys[chosen].mean(0), floor) for chosen in rows]


def interval(laws: list[PowerLaw], x: float, share: float = 0.9) -> tuple[float, float]:
    """Return (low, high) between which this share of the laws lies at x, as much on either side.

    Args:
        laws: as `resampled` gives them.
        x: where.
        share: above 0, below 1.
    """
    check_number("share", share, 0, 1, "0.9 is common", open_low=True, open_high=True)
    low, high = np.quantile([law(x) for law in laws], [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def lowest_point(sizes: ArrayLike, losses: ArrayLike) -> float:
    """Return the size at the bottom of the parabola of log loss over log size.

    Args:
        sizes, losses: (K,), at least three different sizes, all for one budget.

    Raises:
        CourseError: if the parabola has no bottom: the best size lies outside.
    """
    x, y = _check_points(sizes, losses, 3)
    bend, slope, _ = np.polyfit(np.log(x), np.log(y), 2)
    if bend <= 0:
        raise CourseError(
            f"the losses {shown(y.tolist())} have no bottom between sizes {x.min():g} and "
            f"{x.max():g}; allowed: losses that fall and rise again; train other sizes, too"
        )
    return math.exp(-slope / (2 * bend))


# ---- published laws -----------------------------------------------------------------------------


class Split(NamedTuple):
    """What a number of FLOPs is best spent on."""

    parameters: float
    tokens: float


@dataclass(frozen=True)
class LossLaw:
    """loss = floor + a / P^alpha + b / N^beta, in nats a token.

    Attributes:
        floor: what no model and no data bring down.
        a, alpha: of the parameters.
        b, beta: of the tokens.
    """

    floor: float
    a: float
    alpha: float
    b: float
    beta: float

    def __call__(self, parameters: ArrayLike, tokens: ArrayLike) -> np.ndarray:
        """Return the loss; numbers or arrays."""
        P, N = np.asarray(parameters, float), np.asarray(tokens, float)
        return self.floor + self.a / P**self.alpha + self.b / N**self.beta

    def best(self, flops: float) -> Split:
        """Return the parameters and tokens of the lowest loss at 6·P·N = flops."""
        flops = check_number("flops", flops, 0, 1e40, "as in 6e23", open_low=True)
        both = self.alpha + self.beta
        ratio = (self.alpha * self.a / (self.beta * self.b)) ** (1 / both)
        P = ratio * (flops / PER_TOKEN) ** (self.beta / both)
        return Split(P, flops / (PER_TOKEN * P))


# As Hoffmann et al. print it, and as Besiroglu et al. fitted the runs, read off the figures. They
# find that the first search stopped early, and that its constants are printed too coarsely.
HOFFMANN = LossLaw(floor=1.69, a=406.4, alpha=0.34, b=410.7, beta=0.28)
BESIROGLU = LossLaw(floor=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)
