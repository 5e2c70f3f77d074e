"""Judges for chapter 3_13_pruning."""

import torch
from torch import Tensor

from ...errors import real_number
from ..checking import Exercise, near
from ..judging import Draw, on_probes

__all__ = ["mask", "worth"]

# ---- 1. which weights stay -----------------------------------------------------------------------


def judge_mask(answer) -> str | None:
    """Judge answer(W, sparsity) → a mask (n_out, n_in) of bool: the largest |w| stay."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_mask."
    return on_probes(lambda draw: judge_one_mask(answer, draw))


def kept(W: Tensor, lost: int) -> Tensor:
    """Return a mask of all but the `lost` smallest |w|; a private reference, by sorting."""
    order = W.abs().flatten().argsort()
    keep = torch.ones(W.numel(), dtype=torch.bool)
    keep[order[:lost]] = False
    return keep.view(W.shape)


def judge_one_mask(answer, draw: Draw) -> str | None:
    """Judge it on a matrix whose rows differ in size, and with 0 % and 90 % and a share between."""
    rows, columns = draw.sizes(2, 4, 9)
    W = draw.normal(rows, 10 * columns) * torch.linspace(0.5, 2, rows, dtype=torch.float64)[:, None]
    (between,) = draw.numbers((0.55, 0.8))
    for sparsity in (between, 0.9, 0.0):
        lost = round(sparsity * W.numel())
        got = answer(W.clone(), sparsity)
        if got is None or got is ...:
            return "The function returns nothing yet: end it with return keep."
        if not isinstance(got, Tensor) or got.shape != W.shape:
            return f"Return a mask of the shape of W, {tuple(W.shape)}: one bool for each weight."
        if got.dtype != torch.bool:
            return "Return bools, not numbers: a comparison as W.abs() > limit gives them."
        right = kept(W, lost)
        if int((got != right).sum()) <= 1:  # at the limit itself, > and ≥ are both right
            continue
        said = f"For sparsity {sparsity:.2f} your mask keeps {int(got.sum())} of {W.numel()}"
        return f"{said}; {_why(W, got, right, lost)}"
    return None


def _why(W: Tensor, got: Tensor, right: Tensor, lost: int) -> str:
    total = W.numel()
    signed = torch.ones(total, dtype=torch.bool)
    signed[W.flatten().argsort()[:lost]] = False
    per_row = torch.stack([kept(row, round(lost / total * len(row))) for row in W])
    if torch.equal(got, ~right):
        return "these are the weights that should go: True is a weight that stays."
    if abs(int(got.sum()) - lost) <= 1 != abs(2 * lost - total):
        return "sparsity is the share that goes, not the share that stays."
    if int((got != signed.view(W.shape)).sum()) <= 1:
        return "a large negative weight matters, too: compare |w|."
    if int((got != per_row).sum()) <= len(W):
        return "it throws the same share of each row away; compare all weights of the matrix."
    if abs(int(got.sum()) - int(right.sum())) > 1:
        return f"{int(right.sum())} should stay. Sort |w|: where does the limit stand?"
    return "the number is right, but some that stay are smaller than some that go."


mask = Exercise(
    "Exercise 1",
    judge_mask,
    [
        "The weights that go are the smallest in size. W.abs() has the sizes; how many go?",
        "W.abs().flatten().sort().values has them in order. The first round(sparsity · count) go.",
        "The limit is the value at that place: what is at least as large stays.",
    ],
)


# ---- 2. when the short form is shorter -----------------------------------------------------------


def judge_worth(answer) -> str | None:
    """Judge answer(value, index) → the sparsity above which values with indices are shorter."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_worth."
    return on_probes(lambda draw: judge_one_worth(answer, draw))


def judge_one_worth(answer, draw: Draw) -> str | None:
    """Judge it for bytes of a value and of an index, which differ."""
    value, index = draw.numbers((1.0, 8.0), (0.5, 6.0))
    got = answer(value, index)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return sparsity."
    number = real_number(got)
    if number is None:
        return "Return one number, a share between 0 and 1."
    right = index / (value + index)
    if near(number, right):
        return None
    asked = f"For {value:g} bytes a value and {index:g} an index you return {number:.4g}"
    mistakes = [
        (1 - right, "that is the share that stays; sparsity is the share that is 0."),
        (index / value, "a weight that stays costs its value and its index: divide by both."),
        (value / index, "a weight that stays costs its value and its index: divide by both."),
        (0.5, "that is right only where an index is as long as a value."),
        (100 * right, "that is a percentage; return a share between 0 and 1."),
    ]
    for wrong, words in mistakes:
        if near(number, wrong):
            return f"{asked}: {words}"
    stays = max(0.0, 1 - number)
    short = 100 * stays * (value + index)
    return (
        f"{asked}. Of 100 weights {100 * stays:.0f} stay then, in {short:.0f} bytes with their "
        f"indices; dense they are {100 * value:.0f}."
    )


worth = Exercise(
    "Exercise 2",
    judge_worth,
    [
        "Take 100 weights. How many bytes are they as they stand, and how many if some are left?",
        "Dense: 100 · value. With indices: (1 - sparsity) · 100 · (value + index). Where are the "
        "two equal?",
        "1 - sparsity = value / (value + index). Solve for the sparsity.",
    ],
)
