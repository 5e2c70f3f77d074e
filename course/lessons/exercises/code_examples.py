"""Judges for chapter 4_code_examples."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ...errors import real_number
from ..checking import Exercise, near
from ..judging import Draw, on_probes
from ..programs import accuracy, network

__all__ = ["memory", "report"]

# ---- 1. learn random labels by heart -------------------------------------------------------------

UPDATES = 100


def judge_memory(answer) -> str | None:
    """Judge answer(net, x, y): it trains the network until it knows all labels, in 100 updates."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_training."
    return on_probes(lambda draw: judge_one_memory(answer, draw))


@contextmanager
def counted_updates() -> Iterator[list]:
    """Count the updates of any optimiser of PyTorch: one entry for each."""
    made: list[None] = []
    handle = register_optimizer_step_pre_hook(lambda *_: made.append(None))
    try:
        yield made
    finally:
        handle.remove()


def judge_one_memory(answer, draw: Draw) -> str | None:
    """Judge it on random inputs and labels, whose size differs from draw to draw."""
    n, inputs = (300, 200) if draw.square else (240, 260)
    x = draw.normal(n, inputs, dtype=torch.float32)
    y = torch.randint(10, (n,), generator=draw.generator)
    net = network(inputs, 128, 10, seed=draw.seed())
    before = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    with counted_updates() as made:
        answer(net, x.clone(), y.clone())  # what it does to them is seen elsewhere
    after = nn.utils.parameters_to_vector(net.parameters()).detach()
    if not made and torch.equal(before, after):
        return "The network is as it was: no optimiser has made a step with its parameters."
    if torch.equal(before, after):
        return "Updates were made, but not of this network: hand net.parameters() to the optimiser."
    if not after.isfinite().all():
        return "The weights are not finite any more: the rate is too high."
    knows = accuracy(net, x, y)
    if len(made) > UPDATES:
        return f"It made {len(made)} updates; {UPDATES} are allowed."
    if knows == 1:
        return None
    told = f"After {len(made)} updates it knows {knows:.0%} of the {n} labels"
    if len(made) < UPDATES // 2:
        return f"{told}. More updates are allowed: {UPDATES}."
    if knows < 0.6:
        return f"{told}. Each update is too short, or it points elsewhere: look at rate and rule."
    return f"{told}. Nearly: all of them must be right."


memory = Exercise(
    "Exercise 1",
    judge_memory,
    [
        "Begin with the first program. What keeps it from learning by heart: the labels, the "
        "number of updates, or the length of each?",
        "A hundred updates of plain SGD with rate 0.01 are too short. Which rule makes steps of "
        "about the same length, however small the gradient is?",
        "torch.optim.Adam with its usual rate, on all rows at once, in a loop of 100. What must "
        "come before loss.backward()?",
    ],
)


# ---- 2. the mean loss of an epoch ----------------------------------------------------------------


def judge_report(answer) -> str | None:
    """Judge answer(losses, sizes) → the mean loss of all rows, from the means of batches."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_report."
    return on_probes(lambda draw: judge_one_report(answer, draw))


def judge_one_report(answer, draw: Draw) -> str | None:
    """Judge it on batches of one size and a shorter last one, with a loss far from the others."""
    size, last = (20, 7) if draw.square else (33, 5)
    count = 4 if draw.square else 6
    losses = [*(0.5 + draw.normal(count).abs()).tolist(), 9.0 + float(draw.normal(1).abs())]
    sizes = [*([size] * count), last]
    got = answer(list(losses), list(sizes))
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return mean."
    number = real_number(got)
    if number is None:
        return "Return one number, the mean loss of a row."
    rows, total = sum(sizes), sum(losses)
    summed = sum(loss * n for loss, n in zip(losses, sizes, strict=True))
    if near(number, summed / rows):
        return None
    asked = f"For batches of {size} rows and a last one of {last} you return {number:.4g}"
    mistakes = [
        (total / rows, "as the program does: each batch's loss is a mean already, and it is "
                       "divided by all rows once more. Count it once for each of its rows."),
        (total / len(losses), "the short last batch counts as much as a full one; weigh it by "
                              "its rows."),
        (size * total / rows, "the last batch is counted as if it were full."),
        (losses[-1], "that is the loss of the last batch alone."),
        (summed, "that is the sum over all rows; divide it by their number."),
        (summed / len(losses), "that is a sum over rows, divided by the number of batches."),
        (total, "that is the sum of the batches' means."),
    ]  # fmt: skip
    for wrong, words in mistakes:
        if near(number, wrong):
            return f"{asked}: {words}"
    low, high = min(losses), max(losses)
    return f"{asked}; the mean lies between {low:.3g} and {high:.3g}, near the full batches."


report = Exercise(
    "Exercise 2",
    judge_report,
    [
        "loss.item() of a batch is the mean over its rows. What is the sum over its rows?",
        "Add up loss · rows over all batches. By what must that be divided?",
        "By the number of all rows, sum(sizes). zip(losses, sizes) walks through both.",
    ],
)
