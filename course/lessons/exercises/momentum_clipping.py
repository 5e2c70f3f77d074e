"""Judges for chapter 3_06_momentum_clipping; that of its first exercise is in `clipped_step`."""

import math

import torch

from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ..checking import Exercise, near, unfinished
from ..judging import Draw
from .clipped_step import clipped_step

__all__ = ["bounds", "clipped_step", "simulate", "wrong_way"]

# ---- the bounds ----------------------------------------------------------------------------


def judge_bounds(answer) -> str | None:
    """Judge the bounds (|v| of the average, |v| of heavy ball, longest move if clipped after)."""
    form = "Give three numbers: (average, heavy ball, longest move), as (1.0, 1.0, 1.0)."
    if words := unfinished(answer, 3, form):
        return words
    average_bound, ball, move = map(float, answer)
    if near(average_bound, 25) and near(ball, 0.5):
        return "The first two are swapped: which form has the factor 1 - β in front of g'?"
    if near(average_bound, 0.01):
        return (
            "(1 - β)ε is what *one* gradient adds to v. Add up all of them: (1 - β)ε·(1 + β + …)."
        )
    if near(average_bound, 0.98 * 0.5):
        return "β does not clip: the weights (1 - β)βᵏ add up to 1, so an average of ε's is …?"
    if not near(average_bound, 0.5):
        return "The average: no mean of numbers between -ε and ε leaves that range."
    if near(ball, 0.5):
        return "Heavy ball adds up: under gradients that stay ε, solve v = βv + ε."
    if math.isinf(ball):
        return "Heavy ball grows, but not for ever: each step it also loses the share 1 - β of v."
    if near(ball, 0.5 / 0.98):
        return "ε/β? Under gradients that stay ε, v settles where v = βv + ε. Solve for v."
    if not near(ball, 25):
        return "Heavy ball's |v| is largest when every gradient is ε: solve v = βv + ε."
    if near(move, 2.5):
        return "2.5 is α·v when the clipping stands *before*. After momentum v itself is cut to ε."
    if near(move, 0.5):
        return "That is |v| after the clipping. The move is α times it."
    if math.isinf(move):
        return "v may be as large as it likes; but what moves w has been clipped after it."
    if not near(move, 0.05):
        return "The longest move: what comes out of the clipping is at most ε, times α."
    return None


bounds = Exercise(
    "Exercise 2",
    judge_bounds,
    [
        "The worst that can happen: every clipped gradient is ε, for ever. Where does v settle?",
        "Average: v = βv + (1 - β)ε. Heavy ball: v = βv + ε. Solve both for v.",
        "The average settles at ε. For heavy ball solve v = βv + ε. And where the clipping is the "
        "last thing before Descend, α multiplies at most ε. Now put in the numbers.",
    ],
)


# ---- how long it remembers -----------------------------------------------------------------

TRIALS = [(0.9, 1000.0), (0.99, 1000.0), (0.5, 8.0), (0.9, 50.0)]
SMALL = [(0.9, 5.0), (0.99, 50.0), (0.6, 0.5)]  # v stays positive


def trials() -> list[tuple[float, float]]:
    """Return (β, size) of the fixed trials and of two random ones, not at the edge of a step."""
    draw = Draw()
    found: list[tuple[float, float]] = []
    while len(found) < 2:
        beta, size = draw.numbers((0.6, 0.97), (30, 3000))
        if 0.1 < steps_back((1 - beta) * (size + 1), beta) % 1 < 0.9:
            found.append((beta, size))
    return [*TRIALS, *found]


def simulate(beta: float, size: float) -> int:
    """Count the wrong-way steps after one gradient of -size among ones, v = 1 before it."""
    w = torch.zeros(1, dtype=torch.float64)
    rule = chain(Momentum(beta), Descend(1.0))
    rule.init(w)
    memory, one = rule.transforms[0], torch.ones_like(w)
    memory.load_state({"v": one})
    count, g = 0, -size * one
    while True:
        rule(g, w)
        if float(memory.state()["v"]) >= 0:
            return count
        count, g = count + 1, one


def answers(formula, pairs: list[tuple[float, float]]) -> list[float]:
    """Return the formula's values at pairs (β, size); NaN for one that fails."""
    values = []
    for pair in pairs:
        try:
            values.append(float(formula(*pair)))
        except (ValueError, ZeroDivisionError):
            values.append(math.nan)
    return values


def steps_back(factor, beta: float) -> float:
    return math.log(factor) / math.log(1 / beta)


WRONG_FORMULAS = [
    (lambda b, s: s, "That is the size of the spike. v forgets by the factor β a step."),
    (
        lambda b, s: 1 / (1 - b),
        "1/(1 - β) is how many points v remembers on the whole; the count also grows with the "
        "size of the spike: every factor 1/β costs one step more.",
    ),
    (
        lambda b, s: math.ceil(steps_back(s + 1, b)),
        "The spike enters v with the weight 1 - β: that factor is missing inside the logarithm.",
    ),
    (
        lambda b, s: math.ceil(steps_back(s, b)),
        "The spike enters v with the weight 1 - β: that factor is missing inside the logarithm.",
    ),
    (
        lambda b, s: math.ceil(max(0.0, steps_back((1 - b) * s, b))),
        "Nearly. v does not return to 0 but to 1: the distance that shrinks is 1 - v, and after "
        "the spike it is (1 - β)(size + 1).",
    ),
    (
        lambda b, s: math.ceil(max(0.0, math.log10((1 - b) * (s + 1)) / math.log(1 / b))),
        "Two kinds of logarithm are mixed: take the same one above and below.",
    ),
]


def judge_wrong_way(formula) -> str | None:
    """Judge formula(beta, size) → number of wrong-way steps."""
    if not callable(formula):
        return "Hand over the function itself, without calling it: wrong_way."
    first = formula(*TRIALS[0])
    if first is None or first is ...:
        return "The function returns nothing yet."
    tried = trials()
    got, right = answers(formula, tried), [float(simulate(*trial)) for trial in tried]
    if got == right:
        if answers(formula, SMALL) == [0, 0, 0]:
            return None
        return (
            "Right, but for spikes so small that v never turns negative: there the logarithm is "
            "negative, and the count must be 0."
        )
    exact = [steps_back((1 - b) * (s + 1), b) for b, s in tried]
    if all(abs(a - b) < 1e-6 for a, b in zip(got, exact, strict=True)):
        return f"{got[0]:.2f} steps: the formula is right, a count is whole. Round up (math.ceil)."
    if got == [r - 1 for r in right]:
        return "One too few: you rounded down. The spike's own step counts too: round up."
    if got == [r + 1 for r in right]:
        return "One too many: the step at which v is positive again is not a wrong-way step."
    if got[0] < 0:
        return "A negative count: ln β is negative. Divide by ln(1/β)."
    for wrong, words in WRONG_FORMULAS:
        if got == answers(wrong, tried):
            return words
    at = next(i for i, (a, b) in enumerate(zip(got, right, strict=True)) if a != b)
    beta, size = tried[at]
    return (
        f"At β = {beta:g} and a spike of -{size:g} yours says {got[at]:g}, the experiment "
        f"{right[at]:g}. Follow 1 - v: what is it just after the spike, and by what does it shrink?"
    )


wrong_way = Exercise(
    "Exercise 3",
    judge_wrong_way,
    [
        "Follow d = 1 - v. Under gradients of 1, v ← βv + (1 - β) turns d into βd: it shrinks by β "
        "a step.",
        "Just after the spike v = β - (1 - β)·size, so d = (1 - β)(size + 1). A step goes the "
        "wrong way while d·βᵏ > 1.",
        "Set (1 - β)(size + 1)·βᵏ = 1 and solve for k by a logarithm. Round up, and answer 0 where "
        "k is negative.",
    ],
)
