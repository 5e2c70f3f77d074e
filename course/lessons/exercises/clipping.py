"""Judges for chapter 3_05_clipping."""

import math

import torch
from torch import Tensor

from ...optim.chain import chain
from ...optim.first_order import ClipByValue, Descend
from ..checking import Exercise, near, same, unfinished
from ..judging import Draw, on_probes

# ---- 1. clip by norm ----------------------------------------------------------------------

OFF = "Nothing was clipped: the joint norm is longer than c."


def layers(draw: Draw) -> tuple[list[Tensor], float]:
    """Return random gradients of some layers, and a c that is shorter than each of them."""
    gradients = []
    for place in range(draw.size()):
        n = draw.size() + 3 * place
        g = draw.normal(*(n, n + 1)[: 1 + place % 2])
        length = min(1.0 + place, 3.0)  # the first is the shortest
        gradients.append(g * length / g.norm())
    size, c = draw.numbers((5, 12), (1.2, 3))
    return [size * g for g in gradients], c


def norm_of(gradients: list[Tensor]) -> float:
    """Return the joint norm of all layers."""
    return float(torch.cat([g.flatten() for g in gradients]).norm())


def scaled(gradients: list[Tensor], factor: float) -> list[Tensor]:
    return [g * factor for g in gradients]


def equal(got, wanted: list[Tensor]) -> bool:
    return all(same(a, b) for a, b in zip(got, wanted, strict=True))


def mistakes(gradients: list[Tensor], c: float) -> list[tuple[list[Tensor], str]]:
    """Return what wrong formulas make of these gradients, and what to say then."""
    norms = [float(g.norm()) for g in gradients]
    norm, sizes = norm_of(gradients), torch.cat([g.flatten().abs() for g in gradients])
    factors = [
        (1.0, OFF),
        (c / norm**2, "You divided by the *squared* norm: the root is missing. The result is too "
         "short."),
        (c / sum(norms), "You added up the norms of the layers. The joint norm is the root of the "
         "sum of their *squares*, as for one long vector."),
        (c / norm_of(gradients[:1]), "The norm is that of the first layer only."),
        (c / norm_of(gradients[:2]), "The norm is that of the first two layers only."),
        (c / max(norms), "You took the norm of the longest layer. The joint norm is that of all "
         "layers together."),
        (c / (norm + 1), "You added 1 to the norm. The factor is c/‖g‖ itself."),
        (1 / norm, "Every gradient ends at length 1: c is missing, the factor is c/‖g‖."),
        (norm / c, "It got longer: the factor is upside down. It is c/‖g‖, below 1."),
        (c, "You multiplied by c, but did not divide by the norm."),
        (c / float(sizes.max()), "You divided by the largest entry, not by √(sum of squares)."),
        (c / float(sizes.sum()), "You divided by the sum of the sizes. The norm is the root of the "
         "sum of the squares."),
        (c * len(sizes) ** 0.5 / norm, "You divided by the root of the *mean* square. The norm has "
         "the sum in it."),
        (-c / norm, "The sign is turned: clipping shortens, the minus belongs to descent."),
        (0.0, "Everything became 0. The direction stays, and the joint norm becomes c."),
    ]  # fmt: skip
    return [
        *((scaled(gradients, factor), words) for factor, words in factors),
        ([g.clamp(-c, c) for g in gradients], "That clips by value: each entry on its own, and the "
         "direction turns. By norm *one* factor multiplies every entry."),
        ([g * min(1.0, c / float(g.norm())) for g in gradients], "Each layer is clipped on its "
         "own, so the layers no longer keep their proportion and the whole vector turns. First one "
         "norm of all layers together."),
    ]  # fmt: skip


def judge_once(clip, gradients: list[Tensor], c: float) -> str | None:
    """Judge what clip makes of gradients that are longer than c."""
    got = clip([g.clone() for g in gradients], c)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return` and a list."
    form = "Return a list with one tensor for each layer, in the same order."
    if not isinstance(got, list | tuple) or len(got) != len(gradients):
        return form
    if any(part is None or part is ... for part in got):
        return "One of the tensors is still open."
    if not all(isinstance(part, Tensor) for part in got):
        return form
    if any(a.shape != b.shape for a, b in zip(got, gradients, strict=True)):
        return "The shapes changed: each layer's tensor keeps its shape."
    norm = norm_of(gradients)
    if equal(got, scaled(gradients, c / norm)):
        return None
    for wrong, words in mistakes(gradients, c):
        if equal(got, wrong):
            return words
    return (
        f"For {len(gradients)} layers with the joint norm {norm:.3g} and c = {c:.3g} your result "
        f"has norm {norm_of(list(got)):.3g}. Multiply every entry by min(1, c/‖g‖)."
    )


def judge_layers(clip, draw: Draw) -> str | None:
    """Judge what clip makes of gradients that are far longer than c, a little longer, shorter."""
    gradients, c = layers(draw)
    if words := judge_once(clip, gradients, c):
        return words
    norm = norm_of(gradients)
    for share, words in (
        (0.95, "A gradient only a little longer than c was not clipped to c."),
        (1.05, "A gradient that is *shorter* than c was changed. Clipping never lengthens: the "
         "factor is min(1, c/‖g‖)."),
        (3 + c, "A gradient that is much *shorter* than c was changed: it stays as it is."),
    ):  # fmt: skip
        if not equal(clip([g.clone() for g in gradients], share * norm),
                     scaled(gradients, min(1.0, share))):  # fmt: skip
            return words
    return None


def judge_clip_by_norm(clip) -> str | None:
    """Judge clip(gradients, c) → new list of tensors with joint norm at most c."""
    if not callable(clip):
        return "Hand over the function itself, without calling it: clip_by_norm."
    if words := on_probes(lambda draw: judge_layers(clip, draw)):
        return words
    zeros = clip([torch.zeros(2), torch.zeros(3)], 1.0)
    if not equal(zeros, [torch.zeros(2), torch.zeros(3)]):
        return "At g = 0 it gives NaN: 0/0, or c/0 times 0. Scale only when the norm exceeds c."
    return None


clip_by_norm = Exercise(
    "Exercise 1",
    judge_clip_by_norm,
    [
        "Three lines: one norm over all layers together, one factor, and the new list.",
        "The joint norm is the root of the sum of all squares, of all layers. The factor is "
        "c/norm where the norm exceeds c, else 1.",
        "norm = sum((g**2).sum() for g in gradients) ** 0.5, and the last line is "
        "[g * factor for g in gradients]. The factor between them is yours.",
    ],
)


# ---- 3. the clipped mean by hand ----------------------------------------------------------


def judge_mean(answer) -> str | None:
    """Judge (mean at c = 2, the c above which its sign is true), of -1 (80 %), +10 (20 %)."""
    form = "Give two numbers: (mean at c = 2, the c from which the sign is right)."
    if words := unfinished(answer, 2, form):
        return words
    mean, c = map(float, answer)
    if near(mean, 1.2):
        return (
            "1.2 is the mean without clipping, and clipping *it* changes nothing. Here each "
            "gradient is clipped first and the mean is taken after."
        )
    if near(mean, -0.6):
        return "-0.6 belongs to c = 1. At c = 2 the rare gradient counts as +2."
    if near(mean, 0.5):
        return "That is the mean of -1 and +2 as if both were equally frequent: 80 % and 20 %."
    if near(mean, -1.2):
        return "At c = 2 the gradient -1 is short enough and stays -1; only +10 becomes +2."
    if near(mean, 0.4):
        return "The size is right, the sign is not: which of the two terms is larger?"
    if not near(mean, -0.4):
        return "The mean is not that. It is 0.8·(clipped -1) + 0.2·(clipped +10)."
    if near(c, 10):
        return (
            "-0.4 is right. At c = 10 nothing is clipped any more and the sign is right, but a "
            "smaller c does it too: where is the mean zero?"
        )
    if near(c, 1):
        return "-0.4 is right. At c = 1 the mean was -0.6. Solve 0.8·(-1) + 0.2·c = 0."
    if near(c, 5):
        return "-0.4 is right. At c = 5 the mean is already +0.2. Where is it exactly zero?"
    if not near(c, 4):
        return "-0.4 is right, the c is not. For c between 1 and 10 the mean is -0.8 + 0.2·c."
    return None


mean_sign = Exercise(
    "Exercise 3",
    judge_mean,
    [
        "Clip each of the two gradients first. Then take the mean, with the shares as weights.",
        "At c = 2 the frequent gradient stays -1 and the rare one becomes +2.",
        "For c between 1 and 10 the mean is 0.8·(-1) + 0.2·c. Put in c = 2 for the first number. "
        "For the second ask: which c makes it 0?",
    ],
)


# ---- 2. a steep valley --------------------------------------------------------------------

STARTS = (8.0, 9.0, 10.0, 11.0, 12.0)
REACH = 0.2
GOAL = 15


def quartic_path(lr: float, c: float, cap: int) -> tuple[Tensor, int | None]:
    """Return (paths (n + 1, 5), steps) on J(x) = x⁴ from five starts, until all have |x| ≤ 0.2.

    Clipped by value, so each start is a problem of its own. steps: None if more than `cap`.
    """
    x = torch.tensor(STARTS, dtype=torch.float64)
    rule = chain(ClipByValue(c), Descend(lr))
    rule.init(x)
    path, arrived = [x.clone()], torch.zeros(len(x), dtype=torch.bool)
    for n in range(1, cap + 1):
        rule(4 * x**3, x)
        path.append(x.clone())
        arrived |= x.abs() <= REACH
        if arrived.all():
            return torch.stack(path), n
        if not float(x.abs().max()) < 1e3:  # NaN too
            break
    return torch.stack(path), None


def quartic_steps(lr: float, c: float = math.inf, cap: int = 1500) -> int | None:
    """Return the steps on J(x) = x⁴ to within 0.2 from all five starts; None: never."""
    return quartic_path(lr, c, cap)[1]


def judge_quartic(answer) -> str | None:
    """Judge (α, c), which is to bring all five starts home in at most 15 steps."""
    form = "Give two numbers, (α, c), as (0.01, 1.0)."
    if words := unfinished(answer, 2, form):
        return words
    lr, c = map(float, answer)
    path, n = quartic_path(lr, c, 1500)
    if n is not None and n <= GOAL:
        return None
    if not float(path[-1].abs().max()) < 1e3:
        return (
            "It diverges: with so large a c the far starts are hardly clipped, and there "
            "α·4x³ is longer than x. Lower c."
        )
    needed = f"{n or 'more than 1500'} steps"
    if not bool((path[: GOAL + 1].min(dim=0).values < 1).all()):
        step, travel = lr * c, max(STARTS) / (lr * c)
        if c > 4 * max(STARTS) ** 3:
            return f"{needed}: with this c nothing is clipped, and α alone is too small. Lower c."
        return (
            f"{needed}: a clipped step has length α·c = {step:.3g}, so the way from 12 takes "
            f"{travel:.0f} steps. Raise the product α·c."
        )
    if int((path[1:] * path[:-1] < 0).sum(dim=0).max()) > 4:
        return (
            f"{needed}: it jumps from side to side over the bottom. α·c is longer than the valley "
            "there is wide. Lower α or c."
        )
    return f"{needed}: it arrives near the bottom quickly and creeps there. Raise α and lower c."


quartic = Exercise(
    "Exercise 2",
    judge_quartic,
    [
        "Two stretches. Far away every step has length α·c: make the way from 12 take about ten. "
        "Near the bottom the step is α·4x³: that wants a large α.",
        "Clipping ends where 4x³ = c. From there a step must not jump over the bottom and back: "
        "α·4x² below about 1 at that x.",
        "Try c = 4: clipping ends at x = 1, and α·4x² = 4α there. Choose α so that this is between "
        "1 and 2.",
    ],
)
