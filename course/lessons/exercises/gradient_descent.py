"""Judges for chapter 3_03_gradient_descent."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..checking import Exercise, near, unfinished
from ..judging import Draw

# ---- 1. one rate for two curvatures ------------------------------------------------------

FLAT, STEEP = 1.0, 100.0
EDGE, BEST = 2 / STEEP, 2 / (FLAT + STEEP)
LEFT = (STEEP - FLAT) / (STEEP + FLAT)
NO_EDGE = {
    1 / STEEP: "at 1/100 the steep direction is done in one step. The edge is farther.",
    2 / FLAT: "2 is the edge of the *flat* direction. The steep one sets the limit.",
    1 / FLAT: "1 lands on the bottom of the *flat* direction. The steep one sets the limit.",
    BEST: "that is another special rate. At the edge 1 - 100α is -1.",
    STEEP / 2: "upside down: the edge is 2/λ_max, not λ_max/2.",
    2 * STEEP: "multiplied: the edge is 2/λ_max, not 2λ_max.",
}
NOT_BEST = {
    1 / STEEP: "at 1/100 the steep direction is done, and the flat one keeps 99 % a step.",
    EDGE: "at the edge the steep direction jumps from side to side for ever.",
    1 / FLAT: "at α = 1 the flat direction is done, and the steep one diverges.",
    1 / (FLAT + STEEP): "half of it: the two factors meet where 1 - α = -(1 - 100α).",
    2 / (STEEP - FLAT): "check the sign: 1 - α = -(1 - 100α) gives 101α = 2.",
    (FLAT + STEEP) / 2: "upside down: from 101α = 2 follows α = 2/101.",
}
NOT_LEFT = {
    BEST: "that is what a step takes away. What is left is 1 minus that.",
    LEFT**2: "that is the share of the *loss*, a square. Give the share of the distance.",
    1 - 1 / STEEP: "that belongs to α = 1/100. Put your best rate into 1 - α.",
    -LEFT: "give its size: without the sign.",
    1 / LEFT: "more than 1 would be growth: turn it over.",
    (STEEP - FLAT) / STEEP: "that belongs to α = 1/100. Put your best rate into 1 - α.",
}


def explain(value: float, known: dict[float, str], otherwise: str) -> str:
    return next((words for number, words in known.items() if near(value, number)), otherwise)


def judge_best_rate(answer) -> str | None:
    """Judge (edge, best rate, share of the distance left a step) for curvatures 1 and 100."""
    form = "Give three numbers, (edge, best rate, share left), as (0.5, 0.1, 0.9)."
    if words := unfinished(answer, 3, form):
        return words
    edge, best, left = map(float, answer)
    if near(edge, BEST) and near(best, EDGE):
        return "The first two are swapped: the edge is the larger one."
    if not near(edge, EDGE):
        words = "which of the two directions has |1 - αλ| = 1 first, and where?"
        return f"The edge: {explain(edge, NO_EDGE, words)}"
    if not near(best, BEST):
        words = "the larger of |1 - α| and |1 - 100α| must be as small as it can be."
        return f"The edge is right. The best rate: {explain(best, NOT_BEST, words)}"
    if not near(left, LEFT):
        words = "put the best rate into 1 - α, the factor of the flat direction."
        return f"Both rates are right. What is left: {explain(left, NOT_LEFT, words)}"
    return None


best_rate = Exercise(
    "Exercise 1",
    judge_best_rate,
    [
        "A step multiplies the flat direction by 1 - α and the steep one by 1 - 100α. For which α "
        "does one of the two reach -1 first?",
        "The best rate makes the larger of |1 - α| and |1 - 100α| as small as possible: draw both "
        "against α, as in the figure above. Where do they cross?",
        "They cross where 1 - α = -(1 - 100α). Solve this for α, then put it into 1 - α.",
    ],
)

# ---- 2. patience --------------------------------------------------------------------------

Rule = Callable[[list[float], int], tuple[int, int]]


def stop_rule(
    losses: list[float], patience: int, last: bool = False, total: bool = False,
    ties: bool = False, late: int = 0,
) -> tuple[int, int]:  # fmt: skip
    """Return (the look at which patience ends, the look with the lowest loss until then).

    Args:
        losses: of the validation rows, one a look, from look 0 on.
        patience: so many looks in a row without a new lowest loss end the run.
        last: compare with the look before instead of the lowest one.
        total: count all such looks, not those in a row.
        ties: an equal loss counts as a new lowest one.
        late: wait for so many looks more.
    """
    best, worse = 0, 0
    for look in range(1, len(losses)):
        than = losses[look - 1] if last else losses[best]
        lower = losses[look] < than or (ties and losses[look] == than)
        worse = worse + 1 if not lower else worse if total else 0
        if losses[look] < losses[best] or (ties and losses[look] == losses[best]):
            best = look
        if worse >= patience + late:
            return look, best
    return len(losses) - 1, best


def lowest(losses: list[float]) -> int:
    return min(range(len(losses)), key=losses.__getitem__)


MISTAKES: list[tuple[Rule, str]] = [
    (lambda x, p: (len(x) - 1, lowest(x)), "The run goes on to its end: return at the "
     "look where patience is over."),
    (lambda x, p: stop_rule(x, p)[::-1], "The two are swapped: first the stop, then the best."),
    (lambda x, p: (stop_rule(x, p)[0], lowest(x)),
     "The second number looks ahead: at the stop the later losses are not known yet."),
    (lambda x, p: (stop_rule(x, p)[0],) * 2,
     "The weights at the stop are not the best ones: keep the look with the lowest loss so far."),
    (lambda x, p: stop_rule(x, 1), "It stops at the first look that is not lower: wait for "
     "`patience` of them in a row."),
    (lambda x, p: stop_rule(x, p, late=1), "It stops one look too late: the look that makes it "
     "`patience` in a row is the last."),
    (lambda x, p: stop_rule(x, p, late=-1), "It stops one look too early: count `patience` looks "
     "after the best one."),
    (lambda x, p: stop_rule(x, p, last=True), "It compares with the look before: compare with the "
     "lowest loss so far."),
    (lambda x, p: stop_rule(x, p, total=True), "It counts all looks without a new lowest loss: a "
     "new lowest one must set the count back to 0."),
    (lambda x, p: stop_rule(x, p, ties=True), "An equal loss is not a lower one: it does not set "
     "the count back."),
    (lambda x, p: (lowest(x), lowest(x)), "That is the lowest loss of the whole list. The rule has "
     "to stop without knowing what comes."),
    (lambda x, p: (stop_rule(x, p)[0] + 1, stop_rule(x, p)[1] + 1), "Looks are counted from 0, as "
     "the places of a list are."),
]  # fmt: skip


def probe(draw: Draw, count: int, patience: int) -> list[float]:
    """Return validation losses (count,) on which every mistake gives a pair of its own."""
    while True:
        steps = torch.randint(1, 9, (count,), generator=draw.generator)  # few values: some equal
        losses = (steps / 7 + 3 / (1 + torch.arange(count))).double().round(decimals=1).tolist()
        right = stop_rule(losses, patience)
        found = {rule(losses, patience) for rule, _ in MISTAKES}
        if right not in found and len(found) == len(MISTAKES):
            return losses


def judge_patience(rule) -> str | None:
    """Judge rule(losses, patience) → (the look at which it stops, the best look until then)."""
    if not callable(rule):
        return "Hand over the function itself, without calling it: stop."
    draw = Draw()
    large = [1000 * loss for loss in probe(draw, 26, 4)]
    short = [[5.0, 4.0, 3.0, 3.5], [2.0, 3.0], [1.5]]  # patience is never over
    trials = [(probe(draw, 17, 3), 3), (large, 4), *((losses, 3) for losses in short)]
    for losses, patience in trials:
        found = rule([*losses], patience)
        if found is None or found is ...:
            return (
                "It returns nothing when patience is never over: return the last look then."
                if losses in short
                else "The function returns nothing yet: end it with `return look, best`."
            )
        if words := wrong_looks(rule, found, losses, patience):
            return words
    return None


def wrong_looks(rule: Rule, found, losses: list[float], patience: int) -> str | None:
    """Say what is wrong with the two numbers that a rule returned; None if they are right."""
    if not isinstance(found, tuple | list) or len(found) != 2:
        return "Return two numbers: return look, best."
    right = stop_rule(losses, patience)
    if all(float(a) == b for a, b in zip(found, right, strict=True)):
        return None
    if any(float(a) != int(a) for a in found):
        return "Return the *numbers* of the looks, not their losses."
    for mistake, words in MISTAKES:
        if tuple(map(int, found)) == mistake(losses, patience) != right:
            return words
    return (
        f"For losses {losses} and patience {patience} the run stops at look {right[0]}; the lowest "
        f"loss until then is at look {right[1]}. Yours: {tuple(map(int, found))}."
    )


patience = Exercise(
    "Exercise 2",
    judge_patience,
    [
        "Keep two numbers while you walk through the losses: the best look so far, and how many "
        "looks in a row were not lower than its loss.",
        "At each look: if the loss is lower than losses[best], it becomes the best and the count "
        "goes back to 0. Otherwise the count goes up by 1.",
        "for look in range(1, len(losses)): … if count == patience: return look, best. And after "
        "the loop? No look is left: which two numbers then?",
    ],
)

# ---- 3. the edge of any bowl --------------------------------------------------------------


def bowl(seed: int, size: int) -> Tensor:
    """Return a random symmetric matrix with positive eigenvalues: (size, size), float64."""
    draw = torch.Generator().manual_seed(seed)
    turned = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=draw))[0]
    shares = torch.arange(size) + torch.rand(size, dtype=torch.float64, generator=draw)
    curvatures = 0.3 + 20 * shares / size  # apart from each other
    half = turned * curvatures.sqrt()
    return half @ half.T


def special_rates(H: Tensor) -> list[tuple[tuple[float, float], str]]:
    """Return [((edge, fastest), what to say), …]: the right pair, and those of common mistakes."""
    low, high = torch.linalg.eigvalsh(H)[[0, -1]].tolist()
    small, large = H.diagonal().min().item(), H.diagonal().max().item()
    trace, norm = H.trace().item(), H.norm().item()
    return [
        ((2 / high, 2 / (low + high)), ""),
        ((2 / (low + high), 2 / high), "The two are swapped: the edge is the larger one."),
        ((2 / large, 2 / (small + large)), "These are the curvatures along the axes, the diagonal "
         "of H. The steepest direction lies between the axes: take the eigenvalues."),
        ((2 / low, 2 / (low + high)), "2/λ_min is the edge of the flattest direction. The steepest "
         "one sets the limit."),
        ((2 / high, 1 / high), "The edge is right. At 1/λ_max the steepest direction is done in "
         "one step and the flattest one creeps: fastest is where both shrink alike."),
        ((2 / high, 2 / high), "The edge is right. At the edge the steepest direction jumps for "
         "ever: fastest is where both shrink alike."),
        ((1 / high, 2 / (low + high)), "At 1/λ_max the steepest direction is done in one step. The "
         "edge is farther."),
        ((high / 2, (low + high) / 2), "Upside down: the edge is 2/λ_max, not λ_max/2."),
        ((2 / high, 1 / (low + high)), "The edge is right. The fastest is half of what it should "
         "be: 1 - αλ_min = -(1 - αλ_max)."),
        ((2 / high, 2 / trace), "The edge is right. For the fastest only the smallest and the "
         "largest curvature count, not the sum of all."),
        ((2 / trace, 2 / trace), "The trace is the sum of all curvatures. Only the largest sets "
         "the edge."),
        ((2 / norm, 2 / norm), "The norm of H mixes all curvatures. Only the largest sets the "
         "edge."),
    ]  # fmt: skip


def judge_edge(function) -> str | None:
    """Judge function(H) → (edge, fastest rate) of gradient descent on ½ wᵀ H w."""
    if not callable(function):
        return "Hand over the function itself, without calling it: edge."
    draw = Draw()
    for H in (bowl(draw.seed(), 3), bowl(draw.seed(), 7), 30 * bowl(draw.seed(), 2)):
        found = function(H.clone())
        if found is None or found is ...:
            return "The function returns nothing yet: end it with `return edge, fastest`."
        if not isinstance(found, tuple | list) or len(found) != 2:
            return "Return two numbers: return edge, fastest."
        if any(isinstance(part, complex) or torch.is_complex(torch.as_tensor(part))
               for part in found):  # fmt: skip
            return "These are complex numbers: for a symmetric matrix take torch.linalg.eigvalsh."
        pair = float(found[0]), float(found[1])
        if words := wrong_rates(pair, special_rates(H)):
            return words
    return None


def wrong_rates(pair: tuple[float, float], known) -> str | None:
    """Say what is wrong with (edge, fastest); None if both are right."""
    for rates, words in known:
        if all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(pair, rates, strict=True)):
            return words or None
    if math.isclose(pair[0], known[0][0][0], rel_tol=1e-4):
        return "The edge is right. Fastest: the larger of |1 - αλ_min| and |1 - αλ_max| is least."
    return "The edge is not that: for which λ does |1 - αλ| reach 1 first?"


edge = Exercise(
    "Exercise 3",
    judge_edge,
    [
        "Both answers come from two curvatures of the bowl: the smallest and the largest "
        "eigenvalue of H. torch.linalg.eigvalsh(H) gives all of them, from low to high.",
        "A step multiplies each direction by 1 - αλ. Edge: the first direction that reaches -1. "
        "Fastest: the two outer directions shrink alike.",
        "Edge: 1 - α·λ_max = -1. Fastest: 1 - α·λ_min = -(1 - α·λ_max). Solve both for α.",
    ],
)
