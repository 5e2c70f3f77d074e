"""Judges for chapter 3_10_regularisation."""

import torch
from torch import Tensor

from ..checking import Exercise, first_match, same
from ..judging import Draw, on_probes

__all__ = ["decoupled_step", "soft_threshold"]


def fault(got, like: Tensor, name: str) -> str | None:
    """Return what is wrong with the form of an answer; None if it is a tensor like another."""
    if got is None or got is ...:
        return f"The function returns nothing yet: end it with return {name}."
    if not isinstance(got, Tensor) or not got.is_floating_point():
        return f"Return {name} as a tensor of real numbers."
    if got.shape != like.shape:
        return f"Return {len(like)} numbers, one for each weight; {tuple(got.shape)} came back."
    return None if bool(got.isfinite().all()) else "A number that is not finite comes back."


# ---- 1. the step of L1 that makes zeros ------------------------------------------------------


def judge_threshold(answer) -> str | None:
    """Judge answer(w, lr, strength) → the weights after the proximal step of L1."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_l1_step."
    return on_probes(lambda draw: judge_one_threshold(answer, draw))


def judge_one_threshold(answer, draw: Draw) -> str | None:
    """Judge weights on both sides of the threshold, and of 0."""
    lr, strength = draw.numbers((0.2, 0.6), (1.5, 3.0))
    t, n = lr * strength, draw.size()
    edges = torch.tensor([2.5, -2.2, 0.6, -0.4, 0.0, 1.3, -1.6], dtype=torch.float64)
    w = t * torch.cat([edges, 2 * draw.normal(n)])
    w = w[torch.randperm(len(w), generator=draw.generator)]
    got = answer(w.clone(), lr, strength)
    if words := fault(got, w, "w"):
        return words
    wanted = w.sign() * (w.abs() - t).clamp(min=0)
    if same(got, wanted):
        return None
    raw, sign = w.abs() - t, w.sign()
    mistakes = [
        (w, "The weights came back unchanged."),
        (w - t * sign, "That is the step of the gradient: a weight nearer to 0 than αγ jumps over "
         "it. Stop at 0."),
        (raw.clamp(min=0), "The negative weights have lost their sign: multiply by it."),
        ((w - t).clamp(min=0), "The negative weights are all 0. Shrink |w|, then give it back its "
         "sign."),
        (torch.where(raw > 0, w, 0 * w), "That sets small weights to 0 and leaves the others: hard "
         "thresholding. The others move by αγ, too."),
        (w.clamp(-t, t), "That is what must be taken away: w minus this."),
        (sign * (w.abs() - strength).clamp(min=0), "You took γ away. One step takes αγ."),
        (sign * (w.abs() - lr).clamp(min=0), "You took α away. One step takes αγ."),
        (sign * (w.abs() - t / 2).clamp(min=0), "Half of αγ was taken away. The ½ belongs to L2."),
        (w * (1 - t), "That is L2's step: every weight shrinks in proportion, and none becomes 0."),
        (sign * (w.abs() + t), "The weights moved away from 0."),
        (sign * raw.abs(), "Small weights bounced off 0: a |w| that would fall below 0 is 0."),
    ]  # fmt: skip
    if words := first_match(got, mistakes):
        return words
    at = int((got - wanted).abs().argmax())
    return (
        f"With αγ = {t:.3g} the weight {float(w[at]):.3g} must become {float(wanted[at]):.3g}; "
        f"yours is {float(got[at]):.3g}."
    )


soft_threshold = Exercise(
    "Exercise 1",
    judge_threshold,
    [
        "Each weight goes towards 0 by lr * strength. One that would pass 0 stops there.",
        "Work on the size w.abs(), and give the sign back at the end: w.sign() * (…).",
        "The new size is w.abs() - lr * strength where that is above 0: clamp(min=0).",
    ],
)


# ---- 2. decay that is not divided ------------------------------------------------------------


def judge_decoupled(answer) -> str | None:
    """Judge answer(w, v, s, lr, decay) → w after a step of Adam with decoupled decay."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_step."
    return on_probes(lambda draw: judge_one_decoupled(answer, draw))


def judge_one_decoupled(answer, draw: Draw) -> str | None:
    """Judge it on unlike sizes of gradients."""
    lr, decay = draw.numbers((0.05, 0.3), (0.4, 0.9))
    n = draw.size()
    w, v = 2 * draw.normal(n), draw.normal(n)
    s = draw.normal(n).square() + 0.1
    got = answer(w.clone(), v.clone(), s.clone(), lr, decay)
    if words := fault(got, w, "w"):
        return words
    root = s.sqrt()
    adam = v / root
    wanted = w - lr * (adam + decay * w)
    if same(got, wanted):
        return None
    mistakes = [
        (w, "The weights came back unchanged."),
        (w - lr * adam, "That is Adam alone: where is the decay?"),
        (w - lr * (v + decay * w) / root, "γw is divided by √s, too: that is L2 in the gradient, "
         "which we want to get away from. Add γw *after* the division."),
        (w - lr * adam - decay * w, "γw is not multiplied by α. Both parts belong to the step."),
        (w - lr * (adam - decay * w), "The weights grow: the decay has the sign of w, and the step "
         "is subtracted."),
        (w + lr * (adam + decay * w), "It climbs: the step is subtracted."),
        (w - lr * (adam + decay * w.sign()), "That is L1's pull, equal for all weights. L2's is in "
         "proportion to w."),
        (w - lr * (adam + decay * w**2), "The gradient of (γ/2)w² is γw."),
        (w - lr * (adam + decay / 2 * w), "The ½ in the penalty makes its slope γw, without a ½."),
        (w - lr * (adam + 2 * decay * w), "A factor of 2 too much: the gradient of (γ/2)w² is γw."),
        ((w - lr * adam) * (1 - lr * decay), "Nearly. You shrink the weights after Adam's step; in "
         "the formula γw is that of the old w."),
        (w - lr * (v / s + decay * w), "You divide by s. Adam divides by its root."),
        (w - lr * (v + decay * w), "Nothing was divided by √s."),
        (w * (1 - lr * decay), "That is the decay alone: where is Adam's step?"),
        (w - lr * decay * adam, "The decay multiplies Adam's step. It belongs to w."),
    ]  # fmt: skip
    if words := first_match(got, mistakes):
        return words
    at = int((got - wanted).abs().argmax())
    return (
        f"With w = {float(w[at]):.3g}, v = {float(v[at]):.3g}, s = {float(s[at]):.3g}, "
        f"α = {lr:.3g}, γ = {decay:.3g} the new w is {float(wanted[at]):.3g}; yours is "
        f"{float(got[at]):.3g}."
    )


decoupled_step = Exercise(
    "Exercise 2",
    judge_decoupled,
    [
        "Two parts: Adam's step, v / √s, and the decay, γw. Only the first is divided.",
        "The new w is w minus α times the sum of both parts.",
        "The first part is v / s.sqrt(); the second is decay * w. Add them, then take lr times it.",
    ],
)
