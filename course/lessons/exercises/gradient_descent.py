"""Judges for chapter 3_03_gradient_descent."""

import math
from itertools import pairwise

import torch

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..checking import Exercise, unfinished


def near(a, b) -> bool:
    return torch.allclose(torch.as_tensor(a), torch.as_tensor(b), rtol=1e-6, atol=1e-9)


# ---- 1. one epoch -------------------------------------------------------------------------

N, BATCH, RATE = 10, 4, 0.1  # two whole batches and a tail of two rows


class Diary:
    """Gradients of ½‖w - x_i‖² that note what was asked for: `calls` [(w, rows), …]."""

    def __init__(self):
        self.x = torch.randn(N, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
        self.calls: list[tuple[torch.Tensor, list[int]]] = []

    def __call__(self, w, rows):
        rows = torch.as_tensor(rows).reshape(-1)
        self.calls.append((w.clone(), rows.tolist()))
        return w - self.x[rows]

    @property
    def order(self) -> list[int]:
        return [row for _, rows in self.calls for row in rows]


def judge_epoch(epoch) -> str | None:
    """Judge epoch(w, n, gradients, lr, batch_size, generator) → w after one pass over n rows."""
    if not callable(epoch):
        return "Hand over the function itself, without calling it: epoch."
    start = torch.ones(3, dtype=torch.float64)
    orders = []
    for seed in (0, 0, 1):
        diary, w = Diary(), start.clone()
        end = epoch(w, N, diary, RATE, BATCH, torch.Generator().manual_seed(seed))
        if end is None or end is ...:
            return "The function returns nothing yet: end it with `return w`."
        if not diary.calls:
            return "No gradient was asked for: call gradients(w, rows) once for each batch."
        if not torch.equal(w, start):
            return "The w that was handed over has changed: write w = w - …, not w -= …"
        orders.append(diary.order)
    return judge_rows(diary.calls, orders) or judge_steps(diary, end)


def judge_rows(calls, orders) -> str | None:
    """Judge the rows: each once, in batches of BATCH, in an order that follows the generator."""
    order, sizes = orders[-1], [len(rows) for _, rows in calls]
    seen = set(order)
    if order == list(range(len(order))):
        return "The rows come in the order of the file. Shuffle: torch.randperm(n, generator=…)."
    if len(order) != len(seen):
        return (
            f"{len(order) - len(seen)} rows came twice or more: cut one permutation into pieces "
            "(drawing anew for each batch may draw a row again)."
        )
    if len(seen) < N:
        return (
            f"{N - len(seen)} of {N} rows were never looked at: with batches of {BATCH} the last "
            "one is smaller. Use it too."
        )
    if max(sizes) != BATCH:
        return f"A batch had {max(sizes)} rows, batch_size is {BATCH}: take that many at a time."
    if orders[0] != orders[1]:
        return "The same generator gave two orders: pass it on, torch.randperm(n, generator=…)."
    if orders[0] == orders[2]:
        return "Every epoch would have the same order: draw from the generator you were handed."
    return None


def judge_steps(diary: Diary, end) -> str | None:
    """Judge each move against -α times the mean gradient of its own rows."""
    path = [w for w, _ in diary.calls] + [end]
    if all(torch.equal(path[0], w) for w in path[:-1]):
        return (
            "Every gradient was taken at the old w: step after each batch, then go on from there."
        )
    for (before, after), (_, rows) in zip(pairwise(path), diary.calls, strict=True):
        move, total = after - before, (before - diary.x[rows]).sum(0)
        mean, size = total / len(rows), len(rows)
        if near(move, -RATE * mean):
            continue
        if near(move, RATE * mean):
            return "w climbs: the step is *minus* α times the gradient."
        if near(move, -RATE * total):
            return "That is the sum over the batch: take the mean, else B times as long a step."
        if near(move, -mean):
            return "The learning rate is missing: multiply the mean gradient by lr."
        if near(move, -RATE * total / BATCH):
            return (
                f"The last batch has {size} rows and was divided by batch_size = {BATCH}: its mean "
                f"is over its own {size}."
            )
        if near(move, -RATE * total / N):
            return f"Divided by all {N} rows: the mean is over the rows of this batch."
        return "A step differs from -lr times the mean of its rows' gradients."
    return None


epoch = Exercise(
    "Exercise 1",
    judge_epoch,
    [
        "Three things in this order: draw a permutation of the n rows, cut it into pieces of "
        "batch_size, make one step for each piece.",
        "order = torch.randperm(n, generator=generator); order.split(batch_size) gives the pieces, "
        "the last one as small as it must be.",
        "for rows in order.split(batch_size): w = w - lr * gradients(w, rows).mean(0); and after "
        "the loop: return w.",
    ],
)


# ---- 2. the edge --------------------------------------------------------------------------

BOWL = ((5.0, 4.0), (4.0, 5.0))  # curvatures 9 and 1
EDGES = {
    2 / 5: "2/5 looks along w₁ only. The steepest direction of this bowl lies between the axes.",
    1 / 9: "1/9 lands on the bottom of the steepest direction in one step. The edge is farther.",
    2.0: "2 is what the *flattest* direction would bear. The steepest one sets the limit.",
    1 / 5: "1/5 is another special rate (the fastest). At the edge |1 - αλ| = 1 for the largest λ.",
    9 / 2: "Upside down: the edge is 2/λ_max, not λ_max/2.",
    9.0: "9 is λ_max itself. The edge is 2/λ_max.",
}
FASTEST = {
    1 / 9: "At 1/9 the steep direction is done in one step and the flat one creeps: 1 - 1/9.",
    2 / 9: "At the edge the steep direction flips for ever. Fastest is where both shrink alike.",
    1.0: "At 1 the flat direction is done in one step and the steep one diverges.",
}


def judge_edge(answer) -> str | None:
    """Judge (the edge, the fastest rate) of gradient descent on ½ wᵀ H w, H = BOWL."""
    form = "Give two numbers, (edge, fastest), as (0.5, 0.1)."
    if words := unfinished(answer, 2, form, "parts"):
        return words
    edge, fastest = map(float, answer)
    low, high = torch.linalg.eigvalsh(torch.tensor(BOWL, dtype=torch.float64)).tolist()
    right = 2 / high, 2 / (low + high)
    if math.isclose(edge, right[1], rel_tol=1e-3) and math.isclose(fastest, right[0], rel_tol=1e-3):
        return "The two are swapped: the edge is the larger one."
    if not math.isclose(edge, right[0], rel_tol=1e-3):
        return explain(edge, EDGES, "The edge is not that: which λ has |1 - αλ| = 1 first?")
    if not math.isclose(fastest, right[1], rel_tol=1e-3):
        return "The edge is right. " + explain(
            fastest, FASTEST, "Fastest: the larger of |1 - α·λ_min| and |1 - α·λ_max| is smallest."
        )
    return None


def explain(value: float, known: dict[float, str], otherwise: str) -> str:
    return next((t for v, t in known.items() if math.isclose(value, v, rel_tol=1e-3)), otherwise)


edge = Exercise(
    "Exercise 2",
    judge_edge,
    [
        "Both answers come from the two curvatures of the bowl: the eigenvalues of its matrix of "
        "second derivatives H (torch.linalg.eigvalsh, or try the directions (1, 1) and (1, -1)).",
        "H(1, 1) = (9, 9) and H(1, -1) = (1, -1): the curvatures are 9 and 1. A step multiplies "
        "each direction by 1 - αλ.",
        "Edge: 1 - 9α = -1. Fastest: the two factors are equal in size, 1 - α = -(1 - 9α).",
    ],
)


# ---- 3. two budgets -----------------------------------------------------------------------


def samples_to(batch_size, lr, seed, dataset="digits", target=0.95, cap=120_000, device="cpu"):
    """Return the samples that 64 ReLU units need to get a share of the training rows right.

    Looked at every 100 samples, or after every step if a batch is larger; a sample that comes
    again in the next pass counts again. None: not within `cap` samples.

    Args:
        batch_size: rows a step, at most all.
        lr: the rate.
        seed: of data, start and order.
        dataset: its name.
        target: the share, in (0, 1].
        cap: samples at most.
        device: where to train.
    """
    data = load_data(dataset, seed)
    model = MLP([data.features, 64, data.classes], seed=seed, device=device)
    size = min(batch_size, len(data.y_train))
    trainer = Trainer(model, data, chain(Descend(lr)), batch_size=size, seed=seed)
    for step in trainer.run(int(cap) // size):
        if step % max(1, 100 // size) == 0 and trainer.evaluate("train")[1] >= target:
            return step * size
    return None


SEEDS = (10, 11, 12)
ROWS = 1438  # training rows of the digits
BUDGETS = {"samples": 2500, "steps": 60}


def judge_budgets(answer) -> str | None:
    """Judge ((B, α) for few samples, (B, α) for few steps): median of three fresh seeds."""
    form = "Give two pairs, ((B, α) for few samples, (B, α) for few steps)."
    if words := unfinished(answer, 2, form, "parts"):
        return words
    for part, (unit, budget) in zip(answer, BUDGETS.items(), strict=True):
        form = f"For few {unit}, give a pair (batch size, learning rate), as (32, 0.1)."
        if words := unfinished(part, 2, form):
            return words
        wrong = judge_budget(unit, budget, int(part[0]), float(part[1]))
        if wrong:
            return f"Few {unit}, B = {part[0]}, α = {part[1]}: {wrong}"
    return None


def judge_budget(unit: str, budget: int, B: int, lr: float) -> str | None:
    if not 1 <= B <= ROWS:
        return (
            f"the batch size is a whole number from 1 to {ROWS}, the training rows of the digits."
        )
    cap = budget if unit == "samples" else budget * B
    if unit == "samples" and B > 500:
        return f"{budget} samples are {budget // B} such steps. Take smaller batches."
    if unit == "steps" and B < 32:
        return "so small a batch is too noisy for a rate that arrives in 60 steps. Take more rows."
    got = sorted(samples_to(B, lr, seed, cap=cap) or math.inf for seed in SEEDS)
    if got[1] <= cap:
        return None
    if any(samples_to(B, factor * lr, SEEDS[0], cap=cap) for factor in (3, 10)):
        return "it moves too little at each step. Raise α."
    if any(samples_to(B, lr / factor, SEEDS[0], cap=cap) for factor in (3, 10)):
        return "it hovers, or flies apart: α is too large for so noisy a gradient. Lower α."
    return f"not within {budget} {unit}. Look at the picture: which batch sizes are under it?"


budgets = Exercise(
    "Exercise 3",
    judge_budgets,
    [
        "Look at the two panels with samples and steps against batch size: few samples is one end "
        "of the axis, few steps the other.",
        "Few samples: batches of 1 to 8 rows. Few steps: 128 rows or more. The larger the batch, "
        "the larger the rate that it bears, up to an edge near 1.",
        "The table of tuned rates above the picture holds a right pair for each: take its rows "
        "for B = 8 and B = 128.",
    ],
)
