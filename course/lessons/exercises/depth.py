"""Judges for chapter 3_09_depth."""

import math

import torch
from torch import Tensor

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["factor", "start"]

LAYERS, WIDTH = 20, 200

# ---- 1. the factor that keeps a signal's size through 20 layers ------------------------------


def bent_line(right: float, left: float):
    """Return f with the slope `right` for z > 0, and `left` below."""

    def f(z):
        z = torch.as_tensor(z)
        return torch.where(z > 0, right * z, left * z)

    return f


def judge_factor(answer) -> str | None:
    """Judge answer(f) → g, so that weights from N(0, g²/n_in) keep the size of a signal."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_factor."
    return on_probes(lambda draw: judge_one_factor(answer, draw)) or judge_slopes(answer, 1.0, 0.0)


def judge_one_factor(answer, draw: Draw) -> str | None:
    """Judge it on a line that is bent at 0."""
    left, right = draw.numbers((0.2, 0.6), (2.8, 3.6))
    return judge_slopes(answer, right, left)


def judge_slopes(answer, right: float, left: float) -> str | None:
    """Judge it for slopes right and left of 0."""
    got = answer(bent_line(right, left))
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return g."
    if torch.as_tensor(got).numel() != 1 or isinstance(got, bool | complex):
        return "Return one number, g."
    g = float(got)
    if not math.isfinite(g):
        return f"g = {g}: a size of 0 was divided by, or is not a number."
    wanted = math.sqrt(2 / (right**2 + left**2))
    if math.isclose(g, wanted, rel_tol=0.03):
        return None
    z = torch.randn(10**5, generator=torch.Generator().manual_seed(3))
    a = bent_line(right, left)(z)
    mistakes = [
        (wanted**2, "That is g², the variance of the weights times n_in. Take the root."),
        (1 / wanted, "Upside down: what f makes smaller, g makes larger. Divide 1 by the size."),
        (1 / wanted**2, "That is the mean of f(z)², which g² must undo: divide 1 by it, and take "
         "the root."),
        (1.0, "g = 1 suits an f that leaves the size as it is. What does this f do to it?"),
        (math.sqrt(2), "√2 is He's factor, for ReLU alone. Measure the f that you are handed."),
        (1 / float(a.std()), "You divide by the standard deviation, which takes the mean off. The "
         "next layer gets f(z) with its mean: use the root of the mean square."),
        (1 / float(a.abs().mean()), "You divide by the mean of |f(z)|. Squares add up from unit to "
         "unit, lengths do not: use the root of the mean square."),
        (1 / right, "That looks at f right of 0 alone. Half of the z are negative."),
        (2 / (right + left), "That is 1 over the mean slope. Squares add up: mean the *squares*."),
    ]  # fmt: skip
    for value, words in mistakes:
        if math.isclose(g, value, rel_tol=0.03):
            return words
    return f"With g = {g:.3g} a signal is {grown(g / wanted)} through {LAYERS} layers."


def grown(factor: float) -> str:
    """Return in words what a factor a layer does."""
    change = abs(factor) ** LAYERS
    if factor < 0:
        return "turned round at each layer; g is a size, above 0,"
    return f"{change:.3g} times as large" if change > 1 else f"{change:.1e} of its size"


factor = Exercise(
    "Exercise 1",
    judge_factor,
    [
        "A layer does two things to the size: the weights multiply it by g (n_in products of "
        "variance g²/n_in), then f multiplies it by something. What is it for z of size 1?",
        "Measure it: z = torch.randn(100_000), then the root of the mean of f(z)².",
        "size = f(torch.randn(100_000)).square().mean().sqrt() is f's own factor. g times size "
        "must be 1.",
    ],
)


# ---- 2. first weights for a ReLU layer ------------------------------------------------------


def judge_start(answer) -> str | None:
    """Judge answer(n_out, n_in) → W, the first weights of a ReLU layer: He's."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_start."
    return on_probes(lambda draw: judge_one_start(answer, *draw.sizes(2, 150, 400)))


def judge_one_start(answer, n_out: int, n_in: int) -> str | None:
    """Judge two matrices of one shape."""
    got = answer(n_out, n_in)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return W."
    W = torch.as_tensor(got).double()
    if W.shape != (n_out, n_in):
        swapped = W.shape == (n_in, n_out)
        words = "Transposed: a row is a unit" if swapped else f"W has the shape {(*W.shape,)}"
        return f"{words}; it must be (n_out, n_in) = ({n_out}, {n_in})."
    if not bool(W.isfinite().all()):
        return "W holds numbers that are not finite."
    return (
        judge_alike(W, torch.as_tensor(answer(n_out, n_in)).double())
        or judge_mean(W)
        or judge_spread(W, n_out, n_in)
    )


def judge_alike(W: Tensor, other: Tensor) -> str | None:
    """Judge whether units, inputs and layers start differently."""
    if bool((W == W[0, 0]).all()):
        return (
            "All weights are equal. So all units of the layer give the same, get the same gradient "
            "and stay the same: draw random numbers."
        )
    if bool((W == W[0]).all()):
        return "All rows are equal: each unit is a copy of the first. Draw (n_out, n_in) numbers."
    if bool((W == W[:, :1]).all()):
        return "All columns are equal: each unit only sees the sum of its inputs."
    if torch.equal(W, other):
        return "Two calls give the same numbers, so all layers start alike: do not set the seed."
    return None


def judge_mean(W: Tensor) -> str | None:
    """Judge whether the weights are as often negative as positive."""
    if float(W.mean().abs()) < 5 * float(W.std()) / math.sqrt(W.numel()):
        return None
    return (
        "The mean of the weights is not 0. Then all units of a layer move together, and the signal "
        "grows or dies with the sum: torch.randn is around 0, torch.rand is not."
    )


def judge_spread(W: Tensor, n_out: int, n_in: int) -> str | None:
    """Judge the size of weights around 0; normal and even numbers are both welcome."""
    size, wanted = float(W.square().mean().sqrt()), math.sqrt(2 / n_in)
    if math.isclose(size, wanted, rel_tol=0.02):
        return None
    mistakes = [
        (2 / n_in, "2/n_in is the *variance*. Random numbers are multiplied by its root."),
        (math.sqrt(1 / n_in), "√(1/n_in) keeps the size without f. ReLU takes half of the mean "
         "square away: make up for it."),
        (math.sqrt(1 / (3 * n_in)), "That is PyTorch's start, with the variance 1/(3 n_in)."),
        (1.0, "Random, but each of size 1: z would be √n_in times as large as the input."),
        (math.sqrt(2 / n_in) / math.sqrt(3), "Even numbers from -√(2/n_in) to √(2/n_in) have a "
         "third of that variance: widen the ends by √3."),
    ]  # fmt: skip
    if n_out != n_in:
        mistakes += [
            (math.sqrt(2 / n_out), "You count the outputs. A unit sums over its *inputs*: n_in."),
            (math.sqrt(2 / (n_in + n_out)), "That is Xavier's, which leaves ReLU out."),
            (math.sqrt(4 / (n_in + n_out)), "Xavier's times √2 is right for equal widths only."),
        ]
    for value, words in mistakes:
        if math.isclose(size, value, rel_tol=0.02):
            return words
    change = size / wanted
    return (
        f"The weights have the size {size:.3g}: through {LAYERS} ReLU layers of this shape a "
        f"signal is {grown(change)}. What must n_in times the variance be?"
    )


start = Exercise(
    "Exercise 2",
    judge_start,
    [
        "Two repairs in one line: units that differ, and a size that lasts through many layers.",
        "torch.randn(n_out, n_in) makes them differ; each number has the variance 1. Which "
        "variance did *Why* ask for, for ReLU?",
        "The variance must be 2/n_in. Multiply random numbers by c, and their variance is "
        "multiplied by c².",
    ],
)
