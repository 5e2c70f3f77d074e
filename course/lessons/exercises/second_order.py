"""Judges for chapter 3_07_second_order."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checking import Exercise
from ..judging import Draw, on_probes

# ---- 1. the largest eigenvalue, from products alone -----------------------------------------

PRODUCTS = 200  # that an answer may take
# (largest, lowest) eigenvalue of three matrices: no single shift suits them all
ENDS = ((9.0, 0.0), (900.0, -1400.0), (-2.0, -15.0))


class Products:
    """A symmetric matrix that is known by its products alone, and counts them.

    Args:
        draw: where its numbers come from.
        n: its size.
        ends: about its largest and its lowest eigenvalue; the others lie between, off both ends.
    """

    def __init__(self, draw: Draw, n: int, ends: tuple[float, float]):
        (shift,) = draw.numbers((0.1, 0.9))
        self.top, self.low = ends[0] + shift, ends[1] - shift
        between = self.low + (self.top - self.low) * (0.2 + 0.3 * torch.rand(
            n - 2, generator=draw.generator, dtype=torch.float64))  # fmt: skip
        values = torch.cat([torch.tensor([self.top, self.low], dtype=torch.float64), between])
        Q = torch.linalg.qr(draw.normal(n, n))[0]
        self.matrix = Q @ values.diag() @ Q.t()
        self.count = 0

    def __call__(self, r: Tensor) -> Tensor:
        self.count += 1
        return self.matrix @ torch.as_tensor(r).to(self.matrix)


def judge_largest(answer) -> str | None:
    """Judge answer(product, n) → the largest eigenvalue."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: largest."
    return on_probes(lambda draw: judge_largest_once(answer, draw))


def judge_largest_once(answer, draw: Draw) -> str | None:
    """Judge it on three matrices of one size."""
    (n,) = draw.sizes(1, low=PRODUCTS + 20, high=PRODUCTS + 60)
    for ends in ENDS:
        product = Products(draw, n, ends)
        got = answer(product, n)
        if words := judge_eigenvalue(got, product):
            return words
    return None


def judge_eigenvalue(got, product: Products) -> str | None:
    """Judge one number."""
    if got is None or got is ...:
        return "The function returns nothing yet: end it with a return of one number."
    if isinstance(got, Tensor) and got.numel() != 1:
        return "Return one number, the eigenvalue, not its direction."
    value, top, low = float(got), product.top, product.low
    if not math.isfinite(value):
        return "Not a finite number: r gets longer with each product. Divide it by its length."
    close = 1e-3 * abs(top)
    if product.count > PRODUCTS:
        return (f"{product.count} products for {product.matrix.shape[0]} weights; at most "
                f"{PRODUCTS}. A network has millions of weights: do not build H.")  # fmt: skip
    if abs(value - top) <= close:
        return None
    where = f"The eigenvalues lie between {low:.2f} and {top:.2f}; yours is {value:.2f}. "
    if low < 0 and abs(abs(value) - abs(low)) <= 0.02 * abs(low):
        return where + (
            "Repeated products grow what is largest in *size*, and here that is the lowest one. "
            "H + sI has the same directions, and each eigenvalue is larger by s."
        )
    shifted = top + max(abs(top), abs(low))
    if abs(value - shifted) <= 0.02 * shifted:
        return where + "That is still shifted: take s away again."
    if product.count < 2:
        return where + "One product is not enough: r must turn to the direction first."
    return where + "Take r·(Hr) for an r of length 1, after many products: how many did you take?"


largest = Exercise(
    "Exercise 1",
    judge_largest,
    [
        "Take any r, and replace it by product(r), again and again: the part with the largest "
        "eigenvalue in size grows most. Divide r by its length each time.",
        "In the end r·(Hr) is that eigenvalue. If it is negative, it is the lowest one: the "
        "largest is still to be found.",
        "First find the eigenvalue that is largest in size, and call its size s. All eigenvalues "
        "of H + sI are at least 0. Run the same loop with product(r) + s * r, and then …",
    ],
)

# ---- 2. tame Newton -------------------------------------------------------------------------

STEPS = 100
NEAR = 1e-6


@dataclass(frozen=True)
class Bent:
    """s·√(w² + (x - c)²): round near its bottom c, nearly straight far away.

    Attributes:
        scale, width, centre: s, w and c. The curvature at the bottom is s/w.
    """

    scale: float = 1.0
    width: float = 1.0
    centre: float = 0.0

    def loss(self, x: float) -> float:
        return self.scale * math.hypot(self.width, x - self.centre)

    def slope(self, x: float) -> float:
        return self.scale * (x - self.centre) / math.hypot(self.width, x - self.centre)

    def curvature(self, x: float) -> float:
        # The next float above 0 stands for what is too small for a float.
        far = math.hypot(self.width, x - self.centre)
        return max(self.scale * (self.width / far) ** 2 / far, 5e-324)


def judge_tamed(answer) -> str | None:
    """Judge answer(x, loss, slope, curvature) → the next x."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: tamed."
    first = Bent()
    got = answer(2.0, first.loss, first.slope, first.curvature)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with a return of the next x."
    try:
        value = float(got)
    except (TypeError, ValueError):
        return "Return one number: the next x."
    if math.isclose(value, -8, rel_tol=1e-9):
        return "That is Newton's whole step: from 2 it goes to -8, and then to 512."
    if math.isclose(value, -10, rel_tol=1e-9):
        return "That is the step itself. Return x plus the step."
    if math.isclose(value, 2, rel_tol=1e-9):
        return "x has not moved."
    if value > 2:
        return "From 2 it moves to the right, uphill: the step is *minus* slope / curvature."
    return follow(answer, first, 2.0) or on_probes(lambda draw: judge_others(answer, draw))


# (scale, width), from the widest to one so narrow that no step of a fixed length hits its bottom
CURVES = (
    ((0.1, 0.3), (2.1, 3.0)),
    ((1.1, 2.0), (0.3, 3.0)),
    ((3.1, 5.0), (0.3, 0.9)),
    ((0.3, 0.9), (0.01, 0.03)),
)


def judge_others(answer, draw: Draw) -> str | None:
    """Judge it on flat and steep, wide and narrow curves, from both sides."""
    for scale, width in CURVES:
        s, w, c, off = draw.numbers(scale, width, (3.5, 7.0), (8.0, 14.0))
        for side in (-1, 1):
            if words := follow(answer, Bent(s, w, c), c + side * off * w):
                return words
    return None


def follow(answer: Callable, bent: Bent, x: float) -> str | None:
    """Take steps from x; return what is wrong with them."""
    asked, path = [], [x]

    def curvature(x):
        asked.append(x)
        return bent.curvature(x)

    for n in range(STEPS):
        x = float(answer(x, bent.loss, bent.slope, curvature))
        if not math.isfinite(x) or abs(x - bent.centre) > 1e6:
            return (
                f"From {path[0]:.3g} it is lost after {n + 1} steps. Far away the curvature is "
                "nearly 0, and slope / curvature is very long: shorten it *as far as needed*."
            )
        path.append(x)
    off = abs(x - bent.centre) / bent.width
    if off <= NEAR:
        return None
    where = (f"From {path[0]:.3g} it is still {abs(x - bent.centre):.2g} from the bottom after "
             f"{STEPS} steps. ")  # fmt: skip
    if not asked:
        return where + "It never asks for the curvature, so it has one rate for every loss."
    older, before, last = (place - bent.centre for place in path[-3:])
    if older * before < 0 > before * last and abs(last) > 0.9 * abs(older):
        return where + (
            f"It jumps from one side to the other, {before:+.2g} and {last:+.2g} from the bottom, "
            "and comes no nearer: shorten a step until the loss is *clearly* lower there."
        )
    return where + (
        f"Here the curvature at the bottom is {bent.scale / bent.width:.2g}. Near the bottom the "
        "step must become Newton's own: a fixed share or a fixed damping does not."
    )


tame = Exercise(
    "Exercise 2",
    judge_tamed,
    [
        "Compute Newton's step d = -slope / curvature. Its direction is right; it may be too long.",
        "Line search: while loss(x + d) is not lower, halve d. Or damping: divide by curvature + "
        "μ, and begin with μ = 0: while the loss is not clearly lower there, make it larger.",
        "Ask for a little more than lower, so that the loop ends well: halve d until the loss "
        "falls by at least a tenth of what the slope promises, -slope(x) * d. What is left to "
        "return?",
    ],
)
