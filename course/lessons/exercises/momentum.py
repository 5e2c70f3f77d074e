"""Judges for chapter 3_04_momentum.

EMA is the documents' exponential average (`Momentum`), heavy ball the sum (`HeavyBall`).
"""

import torch
from torch import Tensor

from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ..checking import Exercise, first_match, near, same, unfinished
from ..judging import Draw, on_probes

CURVATURES = (1.0, 100.0)  # the chapter's ravine
ANOTHER = (1.0, 25.0)  # that of exercise 2
FEW = 50  # steps that exercise 2 allows


# ---- 1. one step by hand ------------------------------------------------------------------


def judge_ema_step(step) -> str | None:
    """Judge step(w, v, g, lr, beta) → (w, v) after one step of the documents' formula."""
    if not callable(step):
        return "Hand over the function itself, without calling it: ema_step."
    return on_probes(lambda draw: judge_one_step(step, draw))


def judge_one_step(step, draw: Draw) -> str | None:
    """Judge one call, with vectors of one size."""
    n = draw.size()
    vectors = [draw.normal(n) for _ in range(3)]  # w, v and g
    lr, beta = draw.numbers((0.02, 0.15), (0.55, 0.8))
    got = step(*(x.clone() for x in vectors), lr, beta)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with `return w, v`."
    form = "Return two things, the new w and the new v: `return w, v`."
    if words := unfinished(got, 2, form, "things"):
        return words
    w, v = map(torch.as_tensor, got)
    if any(x.shape != (n,) or not x.is_floating_point() for x in (w, v)):
        return f"For {n} weights return {n} new w and {n} new v, all of them real numbers."
    return wrong_memory(w, v, vectors, lr, beta) or wrong_move(w, vectors, lr, beta)


def wrong_memory(w: Tensor, v: Tensor, vectors: list[Tensor], lr: float, beta: float) -> str | None:
    """Return what is wrong with the new v, or None if it is right."""
    w0, v0, g = vectors
    new = beta * v0 + (1 - beta) * g
    if same(w, new) and same(v, w0 - lr * new):
        return "The order is swapped: return w first, then v."
    known = [
        ((1 - beta) * v0 + beta * g,
         "β and 1 - β are swapped: β weighs the *old* v, 1 - β the new gradient."),
        (beta * v0 + g, "That is heavy ball: in the documents' formula g is multiplied by 1 - β."),
        (new / (1 - beta), "You divided v by 1 - β, which the documents' formula does not do."),
        (v0, "v came back unchanged: return the new v, the next step needs it."),
        (lr * new, "α is inside your v. The documents keep it outside: w ← w - αv."),
        (beta * v0 - (1 - beta) * g, "The gradient enters v with *plus*; the step has the minus."),
        (lr * v0 + (1 - lr) * g, "α and β are swapped: β is the memory, α the length of the step."),
        ((1 - lr) * v0 + lr * g, "In v the factors are β and 1 - β; α stands in the step alone."),
    ]  # fmt: skip
    if words := first_match(v, known):
        return words
    if same(v, new):
        return None
    numbers = f"v = {float(v0[0]):.3g}, g = {float(g[0]):.3g}, β = {beta:.3g}"
    return f"With {numbers} your v is {float(v[0]):.3g}. The formula: v ← βv + (1 - β)g."


def wrong_move(w: Tensor, vectors: list[Tensor], lr: float, beta: float) -> str | None:
    """Return what is wrong with the new w, or None if it is right; the new v is right."""
    w0, v0, g = vectors
    new = beta * v0 + (1 - beta) * g
    known = [
        (w0, "w came back unchanged: it moves by -αv."),
        (w0 + lr * new, "w climbs: the step is *minus* α times v."),
        (w0 - lr * v0,
         "w moved along the old v. The formula has v_{t+1}: update v first, then w."),
        (w0 - lr * g, "w moved along g, as in gradient descent: use the new v instead."),
        (w0 - (1 - beta) * new, "The step has the length α, not 1 - β."),
        (w0 - lr * (1 - beta) * new, "1 - β is in v already: the step is α times v."),
        (w0 - new, "Where is α? The step is -αv."),
    ]  # fmt: skip
    if words := first_match(w, known):
        return words
    if same(w, w0 - lr * new):
        return None
    numbers = f"w = {float(w0[0]):.3g}, α = {lr:.3g}, the new v = {float(new[0]):.3g}"
    return f"v is right. With {numbers} your w is {float(w[0]):.3g}; the formula: w ← w - αv."


ema_step = Exercise(
    "Exercise 1",
    judge_ema_step,
    [
        "Two lines, in the order of the formula: first v, then w.",
        "The new v is a weighted mean of the old v and g; the weights are β and 1 - β.",
        "The first line: v = beta * v + (1 - beta) * g. Write the line for w in the same way. "
        "Which v does it use?",
    ],
)


# ---- 2. tame another ravine ---------------------------------------------------------------


def ravine_steps(lr: float, beta: float, cap: int = 2000, curvatures=CURVATURES) -> int | None:
    """Return the EMA steps from (1, 1) to a millionth of the distance; None: more than `cap`."""
    curvature = torch.tensor(curvatures, dtype=torch.float64)
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


def ravine_limit(beta: float, curvatures=CURVATURES) -> float:
    """Return the α from which the averaging form diverges in the ravine: 2(1 + β)/((1 - β)λ)."""
    return 2 * (1 + beta) / ((1 - beta) * curvatures[-1])


def judge_ravine(answer) -> str | None:
    """Judge (α, β), which is to need at most `FEW` steps in the ravine of `ANOTHER`."""
    if words := unfinished(answer, 2, "Give two numbers, (α, β), as (0.01, 0.5)."):
        return words
    lr, beta = map(float, answer)
    n = ravine_steps(lr, beta, curvatures=ANOTHER)
    limit = ravine_limit(beta, ANOTHER)
    if lr >= limit:
        return f"It diverges: with β = {beta:g} the steep direction allows α below {limit:.3g}."
    if n is not None and n <= FEW:
        return None
    if beta == 0:
        return f"Without memory (β = 0) no α gets there in {FEW} steps. Give β a value."
    needed = "more than 2000 steps" if n is None else f"{n} steps"
    a = [lr * (1 - beta) * c for c in ANOTHER]
    low, high = (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2
    if a[1] > high:
        return f"{needed}: so near the limit, the steep weight changes side at each step. Lower α."
    rescaled = lr / (1 - beta)
    if rescaled < limit and (ravine_steps(rescaled, beta, FEW, ANOTHER) or FEW + 1) <= FEW:
        return f"{needed}: that α is heavy ball's. The average needs it divided by 1 - β."
    if a[0] > low:
        return f"{needed}: both directions oscillate, and then β alone sets the pace. Lower β."
    return f"{needed}: the flat direction creeps. Raise α, with as much β as the steep one needs."


ravine = Exercise(
    "Exercise 2",
    judge_ravine,
    [
        "In the (α, β) diagram for this ravine, look for the fastest spot.",
        "While its eigenvalues are complex, a direction shrinks by √β a step, whatever its "
        "curvature. So take the smallest β at which those of both directions just are.",
        "β = ((√25 - √1)/(√25 + √1))². For α solve (1 - √β)² = α(1 - β)·1, in which the flat "
        "direction just begins to oscillate.",
    ],
)


# ---- 3. the long run ----------------------------------------------------------------------

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
    form = (
        "Give three things: (heavy ball's move, the average's move, 'letter'), as (0.5, 0.5, 'a')."
    )
    if words := unfinished(answer, 3, form, "parts"):
        return words
    ball, ema = float(answer[0]), float(answer[1])
    letter = str(answer[2]).strip().lower()
    if ball < 0 or ema < 0:
        return "Give the *lengths* of the moves; the minus sign of the descent is understood."
    if near(ball, 0.3) and near(ema, 30):
        return "The two are swapped: which formula has the factor (1 - β) in front of g?"
    if near(ball, 100) and near(ema, 1):
        return "Those are the two v. A move is α times v."
    if near(ball, 3):
        return "A heavy-ball move of 3 belongs to the old β = .9. What is it after β became .99?"
    if near(ball, 0.3) and near(ema, 0.003):
        return "Those are the *first* moves, from v = 0. Here the gradient has been 1 for long."
    if near(ball, 0.3):
        return "Heavy ball adds up, it does not average: solve v = βv + 1 for v, then times α."
    if near(ema, 30):
        return "The average: solve v = βv + (1 - β)·1 for v. What is the average of ones?"
    if not near(ball, 30):
        return "The heavy-ball move is not that: its v settles where v = βv + 1; then times α."
    if not near(ema, 0.3):
        return (
            "The average's move is not that: its v settles where v = βv + (1 - β)·1; then times α."
        )
    if letter != "b":
        return "Both moves are right. " + LETTERS.get(
            letter, "The reason: one of 'a', 'b', 'c', 'd'."
        )
    return None


long_run = Exercise(
    "Exercise 3",
    judge_long_run,
    [
        "When the gradient stays 1 for long, v stops changing: v_{t+1} = v_t = v. Put that into "
        "both formulas.",
        "Heavy ball: v = βv + 1. The average: v = βv + (1 - β). Solve each for v. A move is α·v.",
        "Heavy ball's v is 1/(1 - β), the average's is 1. Put in β = .99, multiply by α, and "
        "choose the reason that says where 1/(1 - β) comes from.",
    ],
)
