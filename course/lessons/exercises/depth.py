"""Judges for chapter 3_09_depth."""

import math

import torch
from torch import Tensor

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["n_var", "start"]

LAYERS, WIDTH = 20, 200

# ---- 1. the n·Var(w) that keeps a signal's size through 20 layers ----------------------------


def bent_line(right: float, left: float):
    """Return f with the slope `right` for z > 0, and `left` below."""

    def f(z):
        z = torch.as_tensor(z)
        return torch.where(z > 0, right * z, left * z)

    return f


def judge_n_var(answer) -> str | None:
    """Judge answer(f) → n·Var(w) of weights that keep the size of a signal."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_n_var."
    return on_probes(lambda draw: judge_one_line(answer, draw)) or judge_slopes(answer, 1.0, 0.0)


def judge_one_line(answer, draw: Draw) -> str | None:
    """Judge it on a line that is bent at 0."""
    left, right = draw.numbers((0.5, 0.7), (2.2, 2.6))  # so that no two mistakes look the same
    return judge_slopes(answer, right, left)


def judge_slopes(answer, right: float, left: float) -> str | None:
    """Judge it for slopes right and left of 0."""
    got = answer(bent_line(right, left))
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return n_var."
    if torch.as_tensor(got).numel() != 1 or isinstance(got, bool | complex):
        return "Return one number, n·Var(w)."
    n_var = float(got)
    if not math.isfinite(n_var):
        return f"{n_var} comes back: something is divided by 0, or is not a number."
    if n_var < 0:
        return f"{n_var:.3g} comes back: Var(w) is a mean square, so it is above 0."
    wanted = 2 / (right**2 + left**2)
    if math.isclose(n_var, wanted, rel_tol=0.03):
        return None
    z = torch.randn(10**5, generator=torch.Generator().manual_seed(3))
    a = bent_line(right, left)(z)
    mistakes = [
        (math.sqrt(wanted), "That is the root of it: what the weights do to a size. Var(w) is a "
         "mean square: leave the root out."),
        (1 / wanted, "Upside down: that is the mean of f(z)², which n·Var(w) must undo. Divide 1 "
         "by it."),
        (1 / math.sqrt(wanted), "That is the size of f(z). n·Var(w) multiplies its *square*, and "
         "must undo it."),
        (1.0, "n·Var(w) = 1 suits an f that leaves the size as it is. What does this f do to it?"),
        (2.0, "2 is He's, for ReLU alone. Measure the f that you are handed."),
        (1 / float(a.var()), "You divide by the variance of f(z), which takes the mean off. The "
         "next layer gets f(z) with its mean: use the mean square."),
        (1 / float(a.abs().mean()) ** 2, "You square the mean of |f(z)|. From unit to unit squares "
         "add up: square first, then take the mean."),
        (2 / right**2, "That takes f to be 0 left of 0, as ReLU is. Measure the f that you are "
         "handed."),
        (1 / right**2, "That looks at f right of 0 alone. Half of the z are negative."),
        ((2 / (right + left)) ** 2, "You square the mean slope. Squares add up: take the mean of "
         "the *squares*."),
    ]  # fmt: skip
    for value, words in mistakes:
        if math.isclose(n_var, value, rel_tol=0.03):
            return words
    if math.isclose(n_var, wanted, rel_tol=0.15):
        return f"{n_var:.3g} is near, but not within 3 %. Measure with more z: 100,000 or so."
    change = math.sqrt(n_var / wanted)
    return f"With n·Var(w) = {n_var:.3g} a signal is {grown(change)} through {LAYERS} layers."


def grown(factor: float) -> str:
    """Return in words what a factor a layer does, above 0 or 0."""
    change = factor**LAYERS
    return f"{change:.3g} times as large" if change > 1 else f"{change:.1e} of its size"


n_var = Exercise(
    "Exercise 1",
    judge_n_var,
    [
        "A layer does two things to the mean square: the weights multiply it by n·Var(w), then f "
        "multiplies it by something. By what, for z of size 1?",
        "Measure it: z = torch.randn(100_000), then the mean of f(z)².",
        "f(torch.randn(100_000)).square().mean() is what f does to a mean square. n·Var(w) times "
        "that must be 1.",
    ],
)


# ---- 2. first weights for a ReLU layer ------------------------------------------------------


def judge_start(answer) -> str | None:
    """Judge answer(n_out, n_in) → W, the first weights of a ReLU layer: He's."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_start."
    return on_probes(lambda draw: judge_one_start(answer, *draw.sizes(2, 150, 200)))


def judge_one_start(answer, n_out: int, n_in: int) -> str | None:
    """Judge two matrices of one shape, square or far from it."""
    if n_out != n_in:
        n_in += 150
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
