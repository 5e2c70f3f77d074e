"""Judges for chapter 3_04_momentum.

EMA is the documents' exponential average (`Momentum`), heavy ball the sum (`HeavyBall`).
"""

import torch

from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ..checking import Exercise, near, unfinished

CURVATURES = (1.0, 100.0)  # the chapter's ravine


# ---- 1. the long run ----------------------------------------------------------------------

LETTERS = {
    "a": "Both forget at the same pace: the weight of a gradient k steps old falls as βᵏ in both. "
    "What differs between the two formulas?",
    "c": "The loss and its gradient are the same function for both; the runs part only after β "
    "moved. Look at what multiplies g.",
    "d": "The first step was long past when β moved, and heavy ball was fine until then. Add up "
    "the weights of *all* past gradients.",
}


def judge_long_run(answer) -> str | None:
    """Judge (heavy-ball move, EMA move, letter) at α = .3, β = .99 under gradients of 1."""
    form = "Give three things: (heavy-ball move, EMA move, 'letter'), as (0.5, 0.5, 'a')."
    if words := unfinished(answer, 3, form, "parts"):
        return words
    ball, ema = float(answer[0]), float(answer[1])
    letter = str(answer[2]).strip().lower()
    if ball < 0 or ema < 0:
        return "Give the *lengths* of the moves; the minus sign of the descent is understood."
    if near(ball, 0.3) and near(ema, 30):
        return "The two are swapped: which formula has the factor (1 - β) in front of g?"
    if near(ball, 3):
        return "A heavy-ball move of 3 belongs to the old β = .9. What is it after β became .99?"
    if near(ball, 0.3) and near(ema, 0.003):
        return "Those are the *first* moves, from v = 0. Here the gradient has been 1 for long."
    if near(ball, 0.3):
        return "Heavy ball adds up, it does not average: solve v = βv + 1 for v, then times α."
    if near(ema, 30):
        return "EMA averages: solve v = βv + (1 - β)·1 for v. An average of ones is …?"
    if not near(ball, 30):
        return "The heavy-ball move is not that: its v settles where v = βv + 1; then times α."
    if not near(ema, 0.3):
        return "The EMA move is not that: its v settles where v = βv + (1 - β)·1; then times α."
    if letter != "b":
        return "Both moves are right. " + LETTERS.get(
            letter, "The reason: one of 'a', 'b', 'c', 'd'."
        )
    return None


long_run = Exercise(
    "Exercise 1",
    judge_long_run,
    [
        "When the gradient stays 1 for long, v stops changing: v_{t+1} = v_t = v. Put that into "
        "both formulas.",
        "Heavy ball: v = βv + 1, so v = 1/(1 - β). EMA: v = βv + (1 - β), so v = 1. A move is α·v.",
        "At β = .99, 1/(1 - β) is 100. The reason is the letter that speaks of the *sum* of the "
        "weights.",
    ],
)


# ---- 2. one step by hand ------------------------------------------------------------------


def judge_ema_step(step) -> str | None:
    """Judge step(w, v, g, lr, beta) → (w, v) after one step of the documents' formula."""
    if not callable(step):
        return "Hand over the function itself, without calling it: ema_step."
    w0, v0, g0, lr, beta = 1.0, 0.5, 2.0, 0.1, 0.9
    given = [torch.tensor([x], dtype=torch.float64) for x in (w0, v0, g0)]
    got = step(*given, lr, beta)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return w, v`."
    form = "Return two things, the new w and the new v: `return w, v`."
    if words := unfinished(got, 2, form, "things"):
        return words
    if float(given[2]) != g0:
        return "The function changed the gradient it was handed: write g's part into a new value."
    new = beta * v0 + (1 - beta) * g0
    w, v = float(got[0]), float(got[1])
    if near(w, new) and near(v, w0 - lr * new):
        return "The order is swapped: return w first, then v."
    if near(v, (1 - beta) * v0 + beta * g0):
        return "β and 1 - β are swapped: β weighs the *old* v, 1 - β the new gradient."
    if near(v, beta * v0 + g0):
        return "That is heavy ball: in the documents' formula g is multiplied by 1 - β."
    if near(v, new / (1 - beta)):
        return "You divided by 1 - β: a bias correction, which the documents' formula lacks."
    if near(v, v0):
        return "v came back unchanged: return the new v, the next step needs it."
    if not near(v, new):
        start = f"v = {v0}, g = {g0}, β = {beta}"
        return f"With {start} your v is {v:.4g}. The formula: v ← βv + (1 - β)g."
    if near(w, w0 + lr * new):
        return "w climbs: the step is *minus* α times v."
    if near(w, w0 - lr * v0):
        return "w moved along the old v. The formula has v_{t+1}: update v first, then w."
    if near(w, w0 - lr * g0):
        return "w moved along g, as in gradient descent: use the new v instead."
    if not near(w, w0 - lr * new):
        return f"v is right. With w = {w0}, α = {lr} your w is {w:.4g}; the formula: w ← w - αv."
    return None


ema_step = Exercise(
    "Exercise 2",
    judge_ema_step,
    [
        "Two lines, in the order of the formula: first v, then w.",
        "The new v is a weighted mean of the old v and g; the weights are β and 1 - β.",
        "v = beta * v + (1 - beta) * g, then w = w - lr * v, then return both.",
    ],
)


# ---- 3. tame the ravine -------------------------------------------------------------------


def ravine_steps(lr: float, beta: float, cap: int = 2000) -> int | None:
    """Return the EMA steps from (1, 1) to a millionth of the distance; None: more than `cap`."""
    curvature = torch.tensor(CURVATURES, dtype=torch.float64)
    w = torch.ones_like(curvature)
    start = float(w.norm())
    rule = chain(Momentum(beta), Descend(lr))
    rule.init(w)
    for n in range(1, cap + 1):
        rule(curvature * w, w)
        distance = float(w.norm())
        if distance <= 1e-6 * start:
            return n
        if not distance < 1e3 * start:  # NaN too
            return None
    return None


def ravine_limit(beta: float) -> float:
    """Return the α from which the averaging form diverges in the ravine: 2(1 + β)/((1 - β)λ)."""
    return 2 * (1 + beta) / ((1 - beta) * CURVATURES[-1])


def judge_ravine(answer) -> str | None:
    """Judge (α, β), which is to need at most 100 steps on the ravine."""
    if words := unfinished(answer, 2, "Give two numbers, (α, β), as (0.01, 0.5)."):
        return words
    lr, beta = map(float, answer)
    n = ravine_steps(lr, beta)
    limit = ravine_limit(beta)
    if lr >= limit:
        return f"It diverges: with β = {beta:g} the steep direction allows α below {limit:.3g}."
    if n is not None and n <= 100:
        return None
    if beta == 0:
        return "Without memory (β = 0) no α gets there in 100 steps. Give β a value."
    needed = "more than 2000 steps" if n is None else f"{n} steps"
    a = [lr * (1 - beta) * c for c in CURVATURES]
    low, high = (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2
    if a[1] > high:
        return f"{needed}: so near the limit, the steep direction flips sign each step. Lower α."
    rescaled = lr / (1 - beta)
    if beta and rescaled < limit and (ravine_steps(rescaled, beta) or 101) <= 100:
        return f"{needed}: that α is heavy ball's. The average needs it divided by 1 - β."
    if a[0] > low:
        return f"{needed}: both directions oscillate, and then β alone sets the pace. Lower β."
    return f"{needed}: the flat direction creeps. Raise α, with as much β as the steep one needs."


ravine = Exercise(
    "Exercise 3",
    judge_ravine,
    [
        "In the (α, β) diagram, look for the darkest spot: it is near neither edge.",
        "While a direction oscillates, it shrinks by √β a step, whatever its curvature. So take "
        "the smallest β for which both directions just oscillate.",
        "β = ((√100 - 1)/(√100 + 1))², about two thirds, and α(1 - β) = (2/(√100 + √1))².",
    ],
)
