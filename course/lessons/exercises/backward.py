"""Judges for chapter 3_02_backward, and gradients with one planted mistake each.

Columns are samples; a layer's weights and bias are one matrix [W b], as everywhere in the course.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...nn.layers import ACTIVATIONS
from ...nn.network import MLP
from ..checking import Exercise, first_match, same, unfinished

# What goes wrong in a gradient, and what to say of a check that lets it pass.
MISTAKES = {
    "twice": "f′ is applied twice, as in the document. It still goes downhill: compare the "
    "gradient with differences of the loss, in numbers.",
    "printed": "f′ is missing, as the document prints it. It still goes downhill.",
    "sign": "the sign is reversed. Lengths and absolute values cannot see that.",
    "bias": "the biases' part is 0. A look at a few weights does not find it: use every entry, or "
    "a random direction through all of them.",
    "first": "the first layer's part is 0. Use every entry, or a random direction.",
    "mean": "it is divided by B twice, a mean where the sum over the batch belongs. The direction "
    "is right, so a cosine or a loss that falls cannot see it: compare the size too.",
    "one less": "it is divided by B - 1 instead of B, a few per cent off. The "
    "tolerance is too wide.",
    "transposed": "the recursion has W where Wᵀ belongs. The layers are square, so shapes fit.",
    "swapped": "∂L/∂W has z of the layer below where its a belongs.",
    "slope": "f′ is taken at W a, without b. Where all biases are 0 that is the same: move theta "
    "to a random point before you compare.",
}


class Problem:
    """The loss of an MLP on some samples, as a function of one vector theta (P,).

    theta: the start of the MLP, so all biases are 0.

    Args:
        x: (B, n_0) rows.
        y: class numbers (B,).
        model: gives sizes, activation and start.
        scale: a factor of loss and gradient.
    """

    def __init__(self, x: Tensor, y: Tensor, model: MLP, scale: float = 1.0):
        self.x, self.y, self.model, self.scale = x, y, model, scale
        self.f = getattr(torch, model.activation)
        self.theta = model.theta.clone()
        self.columns = torch.arange(len(y), device=y.device)

    def forward(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return [W b] of every layer; every a, from a_0 = x; every z."""
        Ws, a, z = self.model.views(theta), [self.x.to(theta).t()], []
        for n, W in enumerate(Ws, 1):
            z.append(W[:, :-1] @ a[-1] + W[:, -1:])
            a.append(self.f(z[-1]) if n < len(Ws) else z[-1])
        return Ws, a, z

    def loss(self, theta: Tensor) -> float:
        """Return the scaled cross-entropy at theta."""
        z = self.forward(theta)[2][-1]
        return self.scale * float(-z.log_softmax(0)[self.y, self.columns].mean())

    def slope(self, z: Tensor) -> Tensor:
        """Return f′(z)."""
        f: Any = ACTIVATIONS[self.model.activation]
        return f.slopes(z, self.f(z))[0]

    def gradient(self, theta: Tensor, mistake: str | None = None) -> Tensor:
        """Return ∂L/∂theta (P,) by the chapter's formulas, with one of `MISTAKES` or none."""
        Ws, a, z = self.forward(theta)
        B, grads, below = len(self.y), [], torch.zeros_like(theta[:1])
        delta = z[-1].softmax(0)
        delta[self.y, self.columns] -= 1
        delta = delta / B
        for n in range(len(Ws) - 1, -1, -1):
            g, left = delta, a[n]
            if mistake == "twice" and n < len(Ws) - 1:
                g = delta * self.slope(z[n])
            if mistake == "printed" and n < len(Ws) - 1:
                g = below
            if mistake == "swapped" and n:
                left = z[n - 1]
            db = g.sum(1, keepdim=True) * (mistake != "bias")
            grads.append(torch.cat([g @ left.t(), db], 1) * (mistake != "first" or n > 0))
            if n:
                W, last = Ws[n][:, :-1], n == len(Ws) - 1
                below = (W if mistake == "transposed" and not last else W.t()) @ delta
                at = z[n - 1] - Ws[n - 1][:, -1:] if mistake == "slope" else z[n - 1]
                delta = below * self.slope(at)
        total = torch.cat([g.reshape(-1) for g in reversed(grads)])
        factors = {"sign": -1.0, "mean": 1 / B, "one less": B / (B - 1)}
        return total * self.scale * factors.get(mistake or "", 1.0)


def small_problem(seed: int, scale: float = 1.0, B: int = 32) -> Problem:
    """Return a 3-4-4-3 tanh network in float32 on B random samples; its biases are 0."""
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(B, 3, generator=g), torch.randint(3, (B,), generator=g)
    return Problem(x, y, MLP([3, 4, 4, 3], "tanh", seed=seed), scale)


# ---- 1. a check that no wrong formula passes ------------------------------------------------

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
    problems = [small_problem(seed) for seed in range(3)]
    verdict = ask(answer, problems[0], None)
    if verdict is None or verdict is ...:
        return "The function returns nothing yet: return True (right) or False (wrong)."
    try:
        bool(verdict)
    except (RuntimeError, ValueError):
        return "Return one verdict for all entries, True or False: .all(), or a norm."
    if all(ask(answer, p, m) for p in problems for m in (None, *MISTAKES)):
        return "It calls every gradient right."
    if not any(ask(answer, p, m) for p in problems for m in (None, *MISTAKES)):
        return "It calls every gradient wrong, the right one too. " + RIGHT[""]
    if not all(ask(answer, p, None) for p in problems):
        return RIGHT[""]
    for mistake, words in MISTAKES.items():
        if any(ask(answer, p, mistake) for p in problems):
            return f"A wrong gradient passes: {words}"
    for name, scale in (("tiny", 1e-6), ("large", 1e6)):
        if not all(ask(answer, small_problem(seed, scale), None) for seed in range(3)):
            return RIGHT[name]
    if any(ask(answer, small_problem(seed, 1e-6), "twice") for seed in range(3)):
        return (
            "A wrong gradient passes where every number is a million times smaller: compare "
            "*relative* to the size of the gradient, not with a fixed tolerance."
        )
    return None


def ask(answer: Callable, problem: Problem, mistake: str | None):
    """Return the learner's verdict on one gradient."""
    given = problem.theta.clone()
    return answer(problem.loss, lambda theta: problem.gradient(theta, mistake), given)


check_gradients = Exercise(
    "Exercise 1",
    judge_gradient_check,
    [
        "Start from a point that hides nothing: theta = theta.double() + noise, so that no bias is "
        "0. Then compare gradient(theta) with differences of the loss.",
        "Along a random direction v the slope is gradient(theta) @ v, and the referee's number is "
        "(loss(theta + h * v) - loss(theta - h * v)) / (2 * h), with h = 1e-5.",
        "v = torch.randn(len(theta), dtype=torch.float64), and at the end "
        "return abs(ours - referee) <= 1e-4 * abs(referee).",
    ],
)


# ---- 2. one layer backward ------------------------------------------------------------------


def judge_layer(answer) -> str | None:
    """Judge answer(da, z, W, a_below) → (dW, db, da_below) of a tanh layer, (n, B) columns."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_backward."
    g = torch.Generator().manual_seed(3)
    da, z, W, below = (torch.randn(4, 4, generator=g, dtype=torch.float64) for _ in range(4))
    given = da.clone()
    got = answer(given, z, W, below)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return dW, db, da_below."
    if words := unfinished(got, 3, "Return three things: dW, db, da_below.", "things"):
        return words
    if not torch.equal(given, da):
        return "The function changed the da it was handed; the layer above may still need it."
    dW, db, da_below = (torch.as_tensor(part) for part in got)
    slope = 1 - torch.tanh(z) ** 2
    delta, wrong_slope = da * slope, 1 - z**2
    deltas = [
        (da, "f′ is missing: δ = da ⊙ f′(z) comes first."),
        (da * slope**2, "f′ is in there twice: once makes δ, and that is enough."),
        (da * wrong_slope, "f′ = 1 - a² with a = tanh(z), not 1 - z²."),
        (da * torch.tanh(z), "That is f(z), where the slope f′(z) = 1 - tanh(z)² belongs."),
        (-delta, "The sign: the minus belongs to the update, not to the gradient."),
    ]
    for d, words in deltas:
        if same(dW, d @ below.t()):
            return "dW: " + words
    weights = [
        (delta @ below.t() / 4, "dW is divided by B. δ carries the 1/B of the loss already: sum."),
        (
            delta.t() @ below,
            "The transpose is on the wrong factor: dW = δ aᵀ, (n, B)·(B, n_below).",
        ),
        (below @ delta.t(), "Transposed: the factors of dW = δ aᵀ are swapped."),
        (delta * below, "`*` multiplies entry by entry; use the product `@`."),
        (delta @ below, "a is not transposed: dW = δ aᵀ sums over the batch."),
        (delta @ z.t(), "That is δ zᵀ: the layer reads a of the layer *below*."),
        (delta @ torch.tanh(z).t(), "That is the layer's own a; it reads a of the layer *below*."),
    ]
    if not same(dW, delta @ below.t()):
        return first_match(dW, weights) or "dW is not that. First δ = da ⊙ f′(z), then dW = δ aᵀ."
    return judge_rest(db, da_below, da, delta, W)


def judge_rest(db: Tensor, da_below: Tensor, da: Tensor, delta: Tensor, W: Tensor) -> str | None:
    """Judge db and da_below beside a right dW."""
    if db.shape == (4, 1):
        db = db[:, 0]
    biases = [
        (delta.mean(1), "db is a mean over the batch; the 1/B is in δ already: sum."),
        (delta.sum(0), "db sums over the neurons. Sum over the batch, along a row: .sum(1)."),
        (da.sum(1), "db has no f′: ∂L/∂b is the sum of δ, not of da, as the document has it."),
        (delta, "db is still one column a sample: the same b serves all of them, so sum."),
        (torch.zeros(4, dtype=db.dtype), "db is 0: the bias is forgotten."),
    ]
    if not same(db, delta.sum(1)):
        return first_match(db, biases) or "dW is right; db is not. b enters z with the factor 1."
    inputs = [
        (W @ delta, "W is not transposed: the error goes back along the weights, Wᵀδ."),
        (W.t() @ da, "da_below must start from δ, not from da: f′ is missing there."),
        (delta.t() @ W, "Transposed: one column a sample. Wᵀδ."),
        (W.t() * delta, "`*` multiplies entry by entry; use the product `@`."),
        (delta, "That is δ itself: it has yet to go through Wᵀ."),
    ]
    if not same(da_below, W.t() @ delta):
        return first_match(da_below, inputs) or "dW and db are right; da_below is not: Wᵀδ."
    return None


layer = Exercise(
    "Exercise 2",
    judge_layer,
    [
        "Four lines: δ, dW, db, da_below. Only the first one needs f′.",
        "For tanh f′(z) = 1 - tanh(z)². Then δ = da ⊙ f′(z), and `*` is the right sign here.",
        "dW = delta @ a_below.t(), db = delta.sum(1), da_below = W.t() @ delta.",
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
