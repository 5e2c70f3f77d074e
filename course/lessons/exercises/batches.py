"""Judges for chapter 3_03b_batches."""

import math
from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..checking import Exercise, first_match, same, unfinished
from ..judging import Draw, on_probes

# ---- 1. one epoch -------------------------------------------------------------------------

EPOCHS = 60  # in which each row has to come early as often as late


class Diary:
    """Gradients of ½‖w - x_i‖² that note what was asked for: `calls` [(w, rows), …]."""

    def __init__(self, x: Tensor):
        self.x = x
        self.calls: list[tuple[Tensor, list[int]]] = []

    def gradients(self, w: Tensor, rows) -> Tensor:
        numbers = torch.as_tensor(rows).reshape(-1).tolist()
        self.calls.append((w.clone(), numbers))
        return w - self.x[numbers]

    @property
    def order(self) -> list[int]:
        return [row for _, rows in self.calls for row in rows]


def judge_epoch(epoch) -> str | None:
    """Judge epoch(w, n, gradients, lr, batch_size, generator) → w after one pass over n rows."""
    if not callable(epoch):
        return "Hand over the function itself, without calling it: epoch."
    return on_probes(lambda draw: judge_pass(epoch, draw)) or judge_places(epoch, Draw())


def judge_pass(epoch, draw: Draw) -> str | None:
    """Judge three passes over all rows: two from one seed, and the one that follows."""
    size, batch_size = draw.size(), draw.size() + 3
    (tail,) = draw.sizes(1, 2, batch_size - 1)
    n, start = 20 * batch_size + tail, draw.normal(size)
    (lr,) = draw.numbers((0.02, 0.4))
    x, seed, orders = draw.normal(n, size), draw.seed(), []
    generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
    for generator in (*generators, generators[1]):
        diary = Diary(x)
        end = epoch(start.clone(), n, diary.gradients, lr, batch_size, generator)
        if end is None or end is ...:
            return "The function returns nothing yet: end it with `return w`."
        if not diary.calls:
            return "No gradient was asked for: call gradients(w, rows) once for each batch."
        orders.append(diary.order)
    return judge_rows(diary, orders, batch_size) or judge_steps(diary, end, lr, batch_size)


def judge_places(epoch, draw: Draw) -> str | None:
    """Judge whether in many epochs each row comes early as often as late."""
    x, generator = draw.normal(100 + draw.size(), 1), draw.generator
    n, places = len(x), torch.zeros(len(x))
    for _ in range(EPOCHS):
        diary = Diary(x)
        epoch(x[0].clone(), n, diary.gradients, 0.1, 7, generator)
        places[diary.order] += torch.arange(n)
    off = (places / EPOCHS - (n - 1) / 2).abs().max()
    if off > 5.5 * n / (12 * EPOCHS) ** 0.5:  # more than chance can do
        return "Some rows come early in every epoch, or late. Shuffle all n rows."
    return None


def judge_rows(diary: Diary, orders: list[list[int]], batch_size: int) -> str | None:
    """Judge the rows: each once, in batches, in a random order that follows the generator."""
    order, n, sizes = orders[-1], len(diary.x), [len(rows) for _, rows in diary.calls]
    if order == list(range(len(order))):
        return "The rows come in the order of the file. Shuffle: torch.randperm(n, generator=…)."
    if len(order) != len(set(order)):
        return (
            f"{len(order) - len(set(order))} rows came twice or more: cut one permutation into "
            "pieces (drawing anew for each batch may draw a row again)."
        )
    if len(order) < n:
        return (
            f"{n - len(order)} of {n} rows were never looked at: with batches of {batch_size} the "
            "last one is smaller. Use it too."
        )
    if max(sizes) != batch_size or len(sizes) != math.ceil(n / batch_size):
        return (
            f"There were {len(sizes)} batches of at most {max(sizes)} rows, batch_size is "
            f"{batch_size}: take that many at a time."
        )
    if orders[0] != orders[1]:
        return "The same generator gave two orders: pass it on, torch.randperm(n, generator=…)."
    if orders[1] == orders[2]:
        return "Every epoch would have the same order: draw from the generator you were handed."
    return judge_shuffle(order, [rows for _, rows in diary.calls if len(rows) == batch_size])


def judge_shuffle(order: list[int], batches: list[list[int]]) -> str | None:
    """Judge whether rows far apart meet in a batch, early and late in the epoch."""
    n, half = len(order), len(order) // 2
    steps = Counter((b - a) % n for a, b in pairwise(order))
    spans = [max(rows) - min(rows) for rows in batches]
    if steps.most_common(1)[0][1] > n / 5 or sum(spans) / len(spans) < n / 4:
        return (
            "Rows that are neighbours in the file stay together (whole blocks, or a rotation). "
            "Shuffle the rows themselves: torch.randperm(n, generator=…)."
        )
    if abs(sum(order[:half]) / half - (n - 1) / 2) > n / 8:
        return "The first half of the epoch sees one part of the file only. Shuffle all n rows."
    return None


def judge_steps(diary: Diary, end, lr: float, batch_size: int) -> str | None:
    """Judge each move against -α times the mean gradient of its own rows."""
    path = [w for w, _ in diary.calls] + [torch.as_tensor(end)]
    if all(torch.equal(path[0], w) for w in path[:-1]):
        return (
            "Every gradient was taken at the old w: step after each batch, then go on from there."
        )
    for (before, after), (_, rows) in zip(pairwise(path), diary.calls, strict=True):
        move, total, count = after - before, (before - diary.x[rows]).sum(0), len(rows)
        mean = total / count
        if same(move, -lr * mean):
            continue
        return first_match(move, [
            (lr * mean, "w climbs: the step is *minus* α times the gradient."),
            (-lr * total, "That is the sum over the batch: take the mean, else B times as long a "
             "step."),
            (-mean, "The learning rate is missing: multiply the mean gradient by lr."),
            (-lr * mean.mean() * torch.ones_like(mean), "That mean is one number, over rows and "
             "weights: take it over the rows alone, .mean(0)."),
            (-lr * total / batch_size, f"The last batch has {count} rows and was divided by "
             f"batch_size = {batch_size}: its mean is over its own {count}."),
            (-lr * total / len(diary.x), "Divided by the rows of all batches: the mean is over the "
             "rows of this batch."),
            (0 * mean, "The last batch moved nothing: return the w after its step."),
        ]) or "A step differs from -lr times the mean of its rows' gradients."  # fmt: skip
    return None


epoch = Exercise(
    "Exercise 1",
    judge_epoch,
    [
        "Three things in this order: draw a permutation of the n rows, cut it into pieces of "
        "batch_size, make one step for each piece.",
        "order = torch.randperm(n, generator=generator); order.split(batch_size) gives the pieces, "
        "the last one as small as it must be.",
        "Loop over the pieces. gradients(w, rows) has one gradient in each of its rows: which "
        "mean of them, times which number, has to be taken from w?",
    ],
)


# ---- 2. parts of unequal size -------------------------------------------------------------


def judge_whole(whole) -> str | None:
    """Judge whole(means, counts) → the mean gradient over the rows of all parts."""
    if not callable(whole):
        return "Hand over the function itself, without calling it: whole."
    return on_probes(lambda draw: judge_parts(whole, draw))


def judge_parts(whole, draw: Draw) -> str | None:
    """Judge it on a few parts, none of which has as many rows as another."""
    counts = (1 + torch.randperm(40, generator=draw.generator))[: draw.size()]
    means = draw.normal(len(counts), draw.size())
    got = whole(means.clone(), counts.clone())
    if got is None or got is ...:
        return "The function returns nothing yet."
    return judge_mean(got, means, counts.double())


def judge_mean(got, means: Tensor, counts: Tensor) -> str | None:
    """Judge the gradient of all rows, from the parts' means (k, P) and row counts (k,)."""
    if not isinstance(got, Tensor) or got.shape != means.shape[1:]:
        return f"Return one gradient: a tensor of shape ({means.shape[1]},), as each part's."
    sums = counts[:, None] * means
    right = sums.sum(0) / counts.sum()
    if same(got, right):
        return None
    k = len(counts)
    mistakes = [
        (means.mean(0), "That is the mean of the means: a part of few rows counts as much as one "
         "of many. Give each *row* the same weight."),
        (means.sum(0), "That is the sum of the means. The parts' *sums* may be added up: a part's "
         "sum is its mean times its rows."),
        (sums.sum(0), "That is the sum over all rows. Divide by how many rows there are in all."),
        (sums.sum(0) / k, f"Divided by the {k} parts: divide by the rows in all."),
        (sums.mean(0) / counts.mean() / k, "Divided by the number of parts twice."),
        ((means / counts[:, None]).sum(0) / (1 / counts).sum(), "Upside down: a part of many rows "
         "counts for more, not for less."),
        (means[counts.argmax()], "That is the gradient of the largest part alone."),
        (means.median(0).values, "That is the median. The loss is a mean over rows, so its "
         "gradient is a mean, too."),
    ]  # fmt: skip
    otherwise = "Not the gradient of the mean over all rows: how much does each part's mean count?"
    return first_match(got, mistakes) or otherwise


whole = Exercise(
    "Exercise 2",
    judge_whole,
    [
        "A mean is a sum divided by a number of rows. From a part's mean and its number of rows "
        "you get its sum back.",
        "counts[:, None] * means has the parts' sums in its rows.",
        "Add these sums up over the parts: sum(0). One division is left: by what?",
    ],
)


# ---- 3. two budgets -----------------------------------------------------------------------


def samples_to(batch_size, lr, seed, dataset="digits", target=0.95, cap=120_000, device="cpu"):
    """Return the samples that 64 ReLU units need to get a share of the training rows right.

    Looked at every 100 samples, or after every step if a batch is larger; a sample that comes
    again in the next epoch counts again. None: not within `cap` samples.
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
        if wrong := judge_budget(unit, budget, float(part[0]), float(part[1])):
            return f"Few {unit}, B = {part[0]}, α = {part[1]}: {wrong}"
    return None


def judge_budget(unit: str, budget: int, rows: float, lr: float) -> str | None:
    if not 1 <= rows <= ROWS or rows != int(rows):
        return (
            f"the batch size is a whole number from 1 to {ROWS}, the training rows of the digits."
        )
    if not 0 < lr <= 100:
        return "the learning rate is a number above 0, as 0.1."
    B = int(rows)
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
        return "it hovers, or diverges: α is too large for so noisy a gradient. Lower α."
    return f"not within {budget} {unit}. Look at the figure: which batch sizes are below it?"


budgets = Exercise(
    "Exercise 3",
    judge_budgets,
    [
        "Look at the two panels with samples and steps against batch size: few samples is one end "
        "of the axis, few steps the other.",
        "Few samples: batches of 1 to 8 rows. Few steps: 128 rows or more. The larger the batch, "
        "the larger the rate that it can take, up to an edge near 1.",
        "The table above that figure lists a tuned rate for each batch size. Which of its rows "
        "stay below 2,500 samples, and which below 60 steps? Take one of each.",
    ],
)
