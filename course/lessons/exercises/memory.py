"""Judges for chapter 3_16_memory."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...errors import real_number
from ...planner.ways.measuring import SMALL, measure_step
from ...planner.ways.steps import Way
from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["scale", "three_lines", "three_moves"]

BF16, F16 = torch.bfloat16, torch.float16

# Activation checkpointing loads PyTorch's compiler, which replaces torch.manual_seed: do it now, or
# it seems to be the learner's answer that does.
torch.compiler.disable(lambda: None)

# ---- 1. reach 2.0 in three lines -----------------------------------------------------------------


def judge_sum(answer) -> str | None:
    """Judge answer(w, updates) → w after all updates, in bfloat16."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_weight."
    return on_probes(lambda draw: judge_one_sum(answer, draw))


def judge_one_sum(answer, draw: Draw) -> str | None:
    """Judge it with updates that are too small for bfloat16, one by one, and together are not."""
    n, count = draw.sizes(2, 3, 9)
    w = (2 + draw.normal(n).abs()).to(BF16)
    updates = (0.0015 * (1 + draw.normal(100 * count, n).abs().clamp(max=1))).float()
    got = answer(w.clone(), updates.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return and the weight."
    if not isinstance(got, Tensor) or got.shape != w.shape:
        shape = (*got.shape,) if isinstance(got, Tensor) else type(got).__name__
        return f"Return a tensor like w, of shape ({n},); this is {shape}."
    wanted = w.double() + updates.double().sum(0)
    if got.dtype != BF16:
        if torch.allclose(got.double(), wanted, rtol=2e-3):
            kind = str(got.dtype).removeprefix("torch.")
            return f"The numbers are right, but w came as bfloat16 and leaves as {kind}."
        return "Return the weight in bfloat16, as it came."
    if torch.allclose(got.double(), wanted, rtol=2**-7):
        return None
    total = updates.sum(0)
    rounded, halves = w.clone(), w.to(F16)
    for update in updates:
        rounded = rounded + update.to(BF16)
        halves = halves + update.to(F16)
    mistakes = [
        (rounded, "You add in bfloat16, one by one, and rounding removes every update."),
        (halves.to(BF16), "That is a sum in float16. It has more digits, and still too few."),
        (total.to(BF16), "That is the sum of the updates alone: w is missing."),
        ((w.double() + updates.double().mean(0)).to(BF16),
         "That is one mean update. All of them are to be added."),
        ((w.double() - total.double()).to(BF16), "You subtract. Here the updates are added."),
    ]  # fmt: skip
    for wrong, words in mistakes:
        if torch.equal(got, wrong) or torch.allclose(got.double(), wrong.double(), rtol=2**-9):
            return words
    return "The numbers are not those of the sum. In which type do you add?"


three_lines = Exercise(
    "Exercise 1",
    judge_sum,
    [
        "The weight must be kept somewhere with more digits while updates are added.",
        "w.float() is a copy in float32, whose neighbours lie 65,536 times as close.",
        "One line makes the copy, one adds each update to it, one returns it; and what came as "
        "bfloat16 leaves as .bfloat16().",
    ],
)


# ---- 2. the factor of the loss -------------------------------------------------------------------


def judge_scale(answer) -> str | None:
    """Judge answer(gradients) → the largest power of two with which none overflows in float16."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_scale."
    return on_probes(lambda draw: judge_one_scale(answer, draw))


def judge_one_scale(answer, draw: Draw) -> str | None:
    """Judge it for gradients whose largest one is negative."""
    largest = torch.finfo(F16).max
    while True:
        size, (low,) = draw.numbers((1e-4, 1e-2))[0], draw.sizes(1, 20, 40)
        gradients = (size * draw.normal(low)).float()
        top = float(gradients.abs().max())
        gradients[0] = -1.4 * top
        top = float(gradients.abs().max())
        exact = math.log2(largest / top)
        signed = math.log2(largest / float(gradients.max()))
        if 0.1 < exact % 1 < 0.6 and math.floor(signed) != math.floor(exact):
            break
    got = answer(gradients.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return S."
    number = real_number(got)
    if number is None or number <= 0:
        return "Return one number above 0, the factor."
    wanted = 2.0 ** math.floor(exact)
    if number == wanted:
        return None
    asked = f"For gradients of at most {top:.3g} you return {number:.6g}"
    if number == 2.0 ** math.floor(signed):
        return f"{asked}: the largest gradient may be negative; look at absolute values."
    if math.isclose(number, largest / top, rel_tol=1e-4):
        return (f"{asked}: exactly at the limit. Take a power of two, so that multiplying and "
                "dividing change no digit.")  # fmt: skip
    if number * top > largest:
        return f"{asked}: {number * top:.3g} is above {largest:,.0f}, an overflow."
    if math.log2(number) % 1:
        return f"{asked}, which is no power of two: multiplying by it rounds."
    return f"{asked}: no overflow, but a larger power of two is possible."


scale = Exercise(
    "Exercise 2",
    judge_scale,
    [
        "float16 goes up to torch.finfo(torch.float16).max. Which gradient gets there first?",
        "S times the largest |gradient| must not be above that limit: S ≤ limit / largest.",
        "A power of two is 2.0 ** k with a whole k; math.log2 tells which k, and it must go down.",
    ],
)


# ---- 3. three moves ------------------------------------------------------------------------------

DEEPER = replace(SMALL, layers=8)
TARGET = 10e6


def judge_way(answer) -> str | None:
    """Judge a `Way`: a step of the model with eight layers in float32, alone, within the target."""
    if not isinstance(answer, Way):
        return "Hand over a Way, as in my_way = Way(recompute=True)."
    if answer.precision != "float32":
        return f"Stay in float32: precision = {answer.precision!r} makes other numbers."
    if answer.zero:
        return "There is one device: zero shares with others."
    found = measure_step(answer, DEEPER)
    if found.total <= TARGET:
        return None
    kind = max(found.kinds, key=lambda name: found.kinds[name])
    return (f"the worst moment of a step has {found.total / 1e6:.1f} MB, and {TARGET / 1e6:.0f} "
            f"are there. Most of it: {kind}, {found.kinds[kind] / 1e6:.1f} MB.")  # fmt: skip


three_moves = Exercise(
    "Exercise 3",
    judge_way,
    [
        "One move is not enough: each kind of memory has a move of its own.",
        "Adam's state and the gradients need not lie on the device; a layer need not keep all.",
        "Two fields are True. What is left of the activations shrinks with the third: how many "
        "parts of the batch?",
    ],
)
