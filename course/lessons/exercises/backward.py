"""Judges for chapter 3_02_backward.

Columns are samples; a layer's weights and bias are one matrix [W b], as everywhere in the course.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..checking import Exercise, first_match, same, unfinished
from ..judging import Draw, on_probes
from .planted_mistakes import MISTAKES, Problem, small_problem

__all__ = ["MISTAKES", "Problem", "check_gradients", "diagnosis", "layer", "report"]

# ---- 1. one layer backward ------------------------------------------------------------------


def judge_layer(answer) -> str | None:
    """Judge answer(da, z, W, a_below) → (dW, db, da_below) of a tanh layer, (n, B) columns."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_backward."
    return on_probes(lambda draw: judge_one_layer(answer, draw, *draw.sizes(3)))


def judge_one_layer(answer, draw: Draw, n: int, below: int, B: int) -> str | None:
    """Judge it on n neurons above `below` neurons, and B samples."""
    da, z, W, a = (draw.normal(*s) for s in ((n, B), (n, B), (n, below), (below, B)))
    got = answer(da.clone(), z.clone(), W.clone(), a.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return dW, db, da_below."
    if words := unfinished(got, 3, "Return three things: dW, db, da_below.", "things"):
        return words
    dW, db, da_below = (torch.as_tensor(part) for part in got)
    delta = da * (1 - torch.tanh(z) ** 2)
    return (
        judge_weights(dW, da, z, delta, a)
        or judge_bias(db, da, delta)
        or judge_below(da_below, da, delta, W)
    )


def judge_weights(dW: Tensor, da: Tensor, z: Tensor, delta: Tensor, a: Tensor) -> str | None:
    """Judge dW = δ aᵀ."""
    deltas = [
        (da, "f′ is missing: δ = da ⊙ f′(z) comes first."),
        (delta * (1 - torch.tanh(z) ** 2), "f′ is in there twice: once makes δ, that is enough."),
        (da * (1 - z**2), "f′ = 1 - a² with a = tanh(z), not 1 - z²."),
        (da * torch.tanh(z), "That is f(z), where the slope f′(z) = 1 - tanh(z)² belongs."),
        (-delta, "The sign: the minus belongs to the update, not to the gradient."),
    ]
    if words := first_match(dW, [(d @ a.t(), words) for d, words in deltas]):
        return "dW: " + words
    mistakes = [
        (delta @ a.t() / a.shape[1], "dW is divided by B. δ carries the loss's 1/B already: sum."),
        (a @ delta.t(), "Transposed: the factors of dW = δ aᵀ are swapped."),
    ]
    if a.shape == delta.shape:
        mistakes += [
            (delta * a, "`*` multiplies entry by entry; use the product `@`."),
            (delta @ z.t(), "That is δ zᵀ: the layer reads a of the layer *below*."),
            (delta @ z.tanh().t(), "That is the layer's own a; it reads a of the layer *below*."),
        ]
    if a.shape == delta.t().shape:
        mistakes += [
            (delta.t() @ a, "The transpose is on the wrong factor: dW = δ aᵀ, (n, B)·(B, below)."),
            (delta @ a, "a is not transposed: dW = δ aᵀ sums over the batch."),
        ]
    if same(dW, delta @ a.t()):
        return None
    return first_match(dW, mistakes) or "dW is not that. First δ = da ⊙ f′(z), then dW = δ aᵀ."


def judge_bias(db: Tensor, da: Tensor, delta: Tensor) -> str | None:
    """Judge db beside a right dW; as a column it is welcome."""
    if db.shape == (len(delta), 1):
        db = db[:, 0]
    mistakes = [
        (delta.mean(1), "db is a mean over the batch; the 1/B is in δ already: sum."),
        (delta.sum(0), "db sums over the units. Sum over the batch, along a row: .sum(1)."),
        (da.sum(1), "db has no f′: ∂L/∂b is the sum of δ, not of da, as the document has it."),
        (delta, "db is still one column a sample: the same b serves all of them, so sum."),
        (0 * delta[:, 0], "db is 0: the bias is forgotten."),
    ]
    if same(db, delta.sum(1)):
        return None
    return first_match(db, mistakes) or "dW is right; db is not. b enters z with the factor 1."


def judge_below(da_below: Tensor, da: Tensor, delta: Tensor, W: Tensor) -> str | None:
    """Judge da_below beside a right dW and db."""
    mistakes = [
        (W.t() @ da, "da_below must start from δ, not from da: f′ is missing there."),
        (delta.t() @ W, "Transposed: one column a sample. Wᵀδ."),
        (delta, "That is δ itself: it has yet to go through Wᵀ."),
    ]
    if W.shape == delta.shape == W.t().shape:
        mistakes += [
            (W @ delta, "W is not transposed: the error goes back along the weights, Wᵀδ."),
            (W.t() * delta, "`*` multiplies entry by entry; use the product `@`."),
        ]
    if same(da_below, W.t() @ delta):
        return None
    return first_match(da_below, mistakes) or "dW and db are right; da_below is not: Wᵀδ."


layer = Exercise(
    "Exercise 1",
    judge_layer,
    [
        "Four lines: δ, dW, db, da_below. Only the first one needs f′.",
        "For tanh f′(z) = 1 - tanh(z)². Then δ = da ⊙ f′(z), and `*` is the right sign here.",
        "All three start from δ. dW multiplies it by a_belowᵀ, and `@` sums over the samples; db "
        "sums over them too, .sum(1). For da_below look at line 3 of the way back.",
    ],
)


# ---- 2. a check that no wrong formula passes ------------------------------------------------

RIGHT = {
    "": "It calls a right gradient wrong. In float32 the difference of two losses is mostly "
    "rounding: theta.double(); and h neither huge nor tiny, as 1e-5.",
    "tiny": "It calls a right gradient wrong where the loss, and so every number, is a million "
    "times smaller. Compare *relative* to the size of the gradient.",
    "large": "It calls a right gradient wrong where the loss is a million times larger. Compare "
    "*relative* to the size of the gradient.",
}


def judge_gradient_check(answer) -> str | None:
    """Judge answer(loss, gradient, theta) → True for a right gradient, False for a wrong one."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_check."
    verdict = ask(answer, 0, None)
    if verdict is None or verdict is ...:
        return "The function returns nothing yet: return True (right) or False (wrong)."
    try:
        bool(verdict)
    except (RuntimeError, ValueError):
        return "Return one verdict for all entries, True or False: .all(), or a norm."
    verdicts = ask_all(answer, [(seed, m, 1.0) for seed in range(3) for m in (None, *MISTAKES)])
    if len(set(verdicts.values())) == 1:
        given = verdicts[0, None, 1.0]
        wrong = "It calls every gradient wrong, the right one too. " + RIGHT[""]
        return "It calls every gradient right." if given else wrong
    if not all(verdicts[seed, None, 1.0] for seed in range(3)):
        return RIGHT[""]
    for mistake, words in MISTAKES.items():
        if any(verdicts[seed, mistake, 1.0] for seed in range(3)):
            return f"A wrong gradient passes: {words}"
    return judge_scaled(answer)


def judge_scaled(answer) -> str | None:
    """Judge a check that is right at an ordinary size, where all numbers are tiny or large."""
    cases = [(seed, m, s) for seed in range(3) for m in (None, "twice") for s in (1e-6, 1e6)]
    verdicts = ask_all(answer, cases)
    for name, scale in (("tiny", 1e-6), ("large", 1e6)):
        if not all(verdicts[seed, None, scale] for seed in range(3)):
            return RIGHT[name]
    if any(verdicts[case] for case in cases if case[1]):
        return (
            "A wrong gradient passes where every number is a million times smaller: compare "
            "*relative* to the size of the gradient, not with a fixed tolerance."
        )
    return None


def ask_all(answer: Callable, cases: list[tuple]) -> dict[tuple, bool]:
    """Return the verdict on each case, asked in an order that nobody can count along."""
    order = torch.randperm(len(cases), generator=Draw().generator).tolist()
    return {cases[i]: bool(ask(answer, *cases[i])) for i in order}


def ask(answer: Callable, seed: int, mistake: str | None, scale: float = 1.0):
    """Return the learner's verdict on one gradient."""
    problem = small_problem(seed, scale)
    given = problem.theta.clone()
    return answer(problem.loss, lambda theta: problem.gradient(theta, mistake), given)


check_gradients = Exercise(
    "Exercise 2",
    judge_gradient_check,
    [
        "Start from a point that hides nothing: theta = theta.double() + noise, so that no bias is "
        "0. Then compare gradient(theta) with differences of the loss.",
        "Along a random direction r the slope is gradient(theta) @ r, and the referee's number is "
        "(loss(theta + h * r) - loss(theta - h * r)) / (2 * h), with h = 1e-5.",
        "theta and r need dtype=torch.float64, and r = torch.randn(len(theta), dtype=…). Two "
        "numbers are left. How far apart may they be? Their size ranges over twelve powers of ten.",
    ],
)


# ---- 3. which mistake is it? ----------------------------------------------------------------

CASES = ("first", "one less", "sign")


def report(case: int) -> dict[str, float]:
    """Return the relative error of a wrong gradient: of each part, and of the whole."""
    problem = small_problem(7, B=8)
    noise = torch.Generator().manual_seed(7)
    theta = problem.theta.double()
    theta = theta + 0.3 * torch.randn(len(theta), generator=noise, dtype=torch.float64)
    right, wrong = (problem.gradient(theta, m) for m in (None, CASES[case]))
    readings = {"whole": float((wrong - right).norm() / right.norm())}
    views = (problem.model.views(right), problem.model.views(wrong))
    for n, (r, w) in enumerate(zip(*views, strict=True), 1):
        for name, part in (("W", slice(None, -1)), ("b", slice(-1, None))):
            off, size = (w - r)[:, part].norm(), r[:, part].norm()
            readings[f"{name}{n}"] = float(off / size)
    return readings


DIAGNOSES = {
    "a": "a batch divided by B - 1 instead of B",
    "b": "the wrong sign",
    "c": "a first layer that gets no gradient",
    "d": "biases that get no gradient",
}
SOLUTION = ("c", "a", "b")


def judge_diagnosis(answer) -> str | None:
    """Judge three letters: what is wrong with the gradients of reports 0, 1, 2."""
    form = "Give three letters, one a report, as ('a', 'b', 'd')."
    if words := unfinished(answer, 3, form, "letters", (str, tuple, list)):
        return words
    letters = [str(part).strip().lower() for part in answer]
    for case, (got, right) in enumerate(zip(letters, SOLUTION, strict=True)):
        if got == right:
            continue
        if got not in DIAGNOSES:
            return f"Report {case}: one of 'a', 'b', 'c', 'd'."
        return f"Report {case} is not {DIAGNOSES[got]}. {READ_IT[got]}"
    return None


READ_IT = {
    "a": "B/(B - 1) is 8/7 here: then every part would be off by 1/7.",
    "b": "With -g for g, g - (-g) = 2g: then every part would have the error 2.",
    "c": "Then W1 and b1 would have the error 1, and all others 0.",
    "d": "Then b1, b2, b3 would have the error 1, and all W the error 0.",
}
diagnosis = Exercise(
    "Exercise 3",
    judge_diagnosis,
    [
        "What is the relative error of a part that is 0 where g belongs? Of one that is -g?",
        "‖0 - g‖/‖g‖ = 1 and ‖-g - g‖/‖g‖ = 2. A common factor c gives |c - 1| everywhere.",
        "Report 1 has the same small error in all parts: a common factor, 8/7 with B = 8.",
    ],
)
