"""Judges for chapter 3_06_momentum_clipping."""

import math

import torch
from torch import Tensor

from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ..checking import Exercise, near, unfinished

# ---- 1. one step by hand ------------------------------------------------------------------

W, V, G = [1.0, 1.0, 1.0], [0.9, 0.4, 0.4], [30.0, -40.0, -0.2]
LR, BETA, EPS = 0.1, 0.9, 1.0


def vector(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def average(g: Tensor, beta: float = BETA) -> Tensor:
    """Return the new v from the old one and g."""
    return beta * vector(V) + (1 - beta) * g


def wrong_memory(v: Tensor) -> str | None:
    """Return what is wrong with the new v, or None if it is right."""
    g, old = vector(G), vector(V)
    cut = g.clamp(-EPS, EPS)
    known = [
        (old, "v came back unchanged: return the new v, the next step needs it."),
        (
            average(g).clamp(-EPS, EPS),
            "You clipped v, after momentum, and kept the clipped one. The document clips g first.",
        ),
        (
            average(cut, 1 - BETA),
            "β and 1 - β are swapped: β weighs the *old* v, 1 - β the clipped gradient.",
        ),
        (
            average(g.clamp(-BETA, BETA)),
            "You used β as the limit. β is the decay of the memory, whatever the document calls "
            "it; the limit is ε.",
        ),
        (BETA * old + cut, "That is heavy ball: here the clipped g is multiplied by 1 - β."),
        (
            average(g * min(1.0, EPS / float(g.norm()))),
            "You clipped by norm. The document's formula clips by value, each entry for itself.",
        ),
        (average(g.clamp(max=EPS)), "Clip on both sides: a large *negative* entry stayed long."),
        (cut, "v is the clipped gradient alone: where has the memory βv gone?"),
    ]
    for wrong, words in known:
        if torch.allclose(v, wrong, rtol=1e-4):
            return words
    if torch.allclose(v, average(cut), rtol=1e-4):
        return None
    return (
        f"With g = {G}, v = {V}, β = {BETA}, ε = {EPS} your v is "
        f"{[round(x, 3) for x in v.tolist()]}. The formula: v ← βv + (1 - β)·clip(g, -ε, ε)."
    )


def judge_clipped_step(step) -> str | None:
    """Judge step(w, v, g, lr, beta, eps) → (w, v) after one step of the documents' formula."""
    if not callable(step):
        return "Hand over the function itself, without calling it: clipped_step."
    w0, v0, g0 = vector(W), vector(V), vector(G)
    got = step(w0, v0, g0, LR, BETA, EPS)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return w, v`."
    form = "Return two things, the new w and the new v: `return w, v`."
    if words := unfinished(got, 2, form, "things"):
        return words
    if not torch.equal(g0, vector(G)):
        return (
            "The function wrote into the gradient it was handed: `g.clamp(…)` makes a new tensor, "
            "`g.clamp_(…)` does not."
        )
    w, v = got
    g, new = vector(G), average(vector(G).clamp(-EPS, EPS))
    if torch.allclose(w, new, rtol=1e-4):
        return "The order is swapped: return w first, then v."
    moved = (vector(W) - w) / LR
    raw = average(g)
    if torch.allclose(v, raw, rtol=1e-4):
        if torch.allclose(moved, raw.clamp(-EPS, EPS), rtol=1e-4):
            return (
                "You clip *after* momentum: v has swallowed the whole spike, and will remember "
                "it. Clip g before it enters v."
            )
        return "Nothing was clipped: v has swallowed 30 and -40 whole."
    if words := wrong_memory(v):
        return words
    if torch.allclose(moved, -new, rtol=1e-4):
        return "v is right, but w climbs: the step is *minus* α times v."
    if torch.allclose(moved, vector(V), rtol=1e-4):
        return "v is right, but w moved along the old one. Update v first, then w."
    if torch.allclose(moved, g.clamp(-EPS, EPS), rtol=1e-4):
        return "v is right, but w moved along the clipped gradient: use the new v."
    if not torch.allclose(moved, new, rtol=1e-4):
        return f"v is right. w should be w - {LR}·v; yours is {[round(x, 3) for x in w.tolist()]}."
    return None


clipped_step = Exercise(
    "Exercise 1",
    judge_clipped_step,
    [
        "Three lines, in the order of the formula: clip, then v, then w.",
        "The clipped gradient is g.clamp(-eps, eps), a new tensor. It, not g, enters v.",
        "g = g.clamp(-eps, eps), then v = beta * v + (1 - beta) * g, then w = w - lr * v.",
    ],
)


# ---- 2. the bounds ------------------------------------------------------------------------


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
        "ε, ε/(1 - β), and, where the clipping is the last thing before Descend, α·ε.",
    ],
)


# ---- 3. how long it remembers -------------------------------------------------------------

TRIALS = [(0.9, 1000.0), (0.99, 1000.0), (0.5, 8.0), (0.9, 50.0), (0.9, 5.0)]


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


def answers(formula) -> list[float]:
    """Return the formula's values in all trials; NaN for one that fails."""
    values = []
    for trial in TRIALS:
        try:
            values.append(float(formula(*trial)))
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
    got, right = answers(formula), [float(simulate(*trial)) for trial in TRIALS]
    if got == right:
        return None
    if got[:-1] == right[:-1]:
        return (
            "Right, but for spikes so small that v never turns negative: there the logarithm is "
            "negative, and the count must be 0."
        )
    exact = [max(0.0, steps_back((1 - b) * (s + 1), b)) for b, s in TRIALS]
    if all(abs(a - b) < 1e-6 for a, b in zip(got[:-1], exact[:-1], strict=True)):
        return f"{got[0]:.2f} steps: the formula is right, a count is whole. Round up (math.ceil)."
    if got[:-1] == [r - 1 for r in right[:-1]]:
        return "One too few: you rounded down. The spike's own step counts too: round up."
    if got[:-1] == [r + 1 for r in right[:-1]]:
        return "One too many: the step at which v is positive again is no wrong-way step."
    if got[0] < 0:
        return "A negative count: ln β is negative. Divide by ln(1/β)."
    for wrong, words in WRONG_FORMULAS:
        if got[:-1] == answers(wrong)[:-1]:
            return words
    at = next(i for i, (a, b) in enumerate(zip(got, right, strict=True)) if a != b)
    beta, size = TRIALS[at]
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
        "k = ln((1 - β)(size + 1)) / ln(1/β), rounded up, and 0 where the logarithm is negative.",
    ],
)
