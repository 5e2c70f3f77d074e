"""Judges for chapter 3_15_model_parallel."""

import math

import torch
from torch import Tensor

from ...errors import real_number
from ...parallel.communicator import cuts
from ...parallel.in_turn import InTurn
from ..checking import Exercise, first_match, same
from ..judging import Draw, on_probes, on_ranks
from ..puzzles import puzzle

__all__ = ["block", "less_memory", "micro_batches"]

# ---- 1. how many micro-batches -------------------------------------------------------------------


def judge_count(answer) -> str | None:
    """Judge answer(p, share) → the fewest micro-batches with at most this idle share."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_micro_batches."
    return on_probes(lambda draw: judge_one_count(answer, draw))


def judge_one_count(answer, draw: Draw) -> str | None:
    """Judge it for one pipeline, and an idle share that no number of micro-batches hits exactly."""
    while True:
        p, (share,) = draw.sizes(1, 4, 12)[0], draw.numbers((0.03, 0.2))
        exact = (p - 1) * (1 - share) / share
        if 0.1 < exact % 1 < 0.4 and math.ceil(p / share) != math.ceil(exact):
            break
    got = answer(p, share)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return m."
    number = real_number(got)
    if number is None:
        return "Return one number, how many micro-batches."
    wanted = math.ceil(exact)
    if number == wanted:
        return None
    asked = f"For {p} ranks and an idle share of at most {share:g}"
    if math.isclose(number, exact, rel_tol=1e-6):
        return f"{asked} you return {number:.4g}. Micro-batches are whole: which way must it go?"
    mistakes = [
        (math.floor(exact), "one micro-batch fewer is not enough: round up."),
        (math.ceil((p - 1) / share), "you divide p - 1 by the share. That is the idle time over "
         "the *working* time; the share is of the whole time, m + p - 1."),
        (math.ceil(p * (1 - share) / share), "you take p for p - 1: one rank alone has no bubble."),
        (math.ceil((1 - share) / share), "does it not depend on the number of ranks?"),
        (math.ceil((p - 1) * share / (1 - share)), "upside down: a smaller share needs more."),
    ]  # fmt: skip
    for value, words in mistakes:
        if number == value:
            return f"{asked} you return {number:g}: {words}"
    idle = (p - 1) / (number + p - 1) if number > 0 else 1.0
    less = "That is enough, but not the fewest." if number > wanted else "That is too much."
    return f"{asked} you return {number:g}. Then {idle:.3g} is idle. {less}"


micro_batches = Exercise(
    "Exercise 1",
    judge_count,
    [
        "The idle share is (p - 1)/(m + p - 1). It must be at most `share`.",
        "Solve (p - 1)/(m + p - 1) = share for m: multiply by the denominator first.",
        "m = (p - 1)(1 - share)/share, and m is a whole number: math.ceil.",
    ],
)


# ---- 2. a block on one rank ----------------------------------------------------------------------


def judge_block(answer) -> str | None:
    """Judge answer(x, W1, b1, W2, b2, all_reduce) → the block's output on each rank."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_block."
    return on_probes(lambda draw: judge_one_block(answer, draw))


def judge_one_block(answer, draw: Draw) -> str | None:
    """Judge it on ranks in turn, with one block."""
    p, rows, n = 3, *draw.sizes(2)
    width, out = 2 * p, n if draw.square else draw.size() + 3
    x, W1, b1 = draw.normal(rows, n), draw.normal(width, n), draw.normal(width)
    W2, b2 = draw.normal(out, width), draw.normal(out)
    parts, sums = cuts(width, p), []

    def program(comm):
        mine = parts[comm.rank]

        def all_reduce(t: Tensor) -> Tensor:
            sums.append(comm.rank)
            return comm.all_reduce(torch.as_tensor(t).clone())

        return answer(x, W1[mine], b1[mine], W2[:, mine], b2, all_reduce)

    got = on_ranks(answer, lambda: InTurn(p).run(program))
    if any(part is None or part is ... for part in got):
        return "The function returns nothing yet: end it with return y."
    if not all(isinstance(part, Tensor) for part in got) or got[0].shape != (rows, out):
        shape = (*got[0].shape,) if isinstance(got[0], Tensor) else type(got[0]).__name__
        return f"Return a tensor (rows, outputs) = ({rows}, {out}); this is {shape}."
    z = x @ W1.t() + b1
    outputs = torch.stack([z[:, part].relu() @ W2[:, part].t() for part in parts])
    linear = torch.stack([z[:, part] @ W2[:, part].t() for part in parts]).sum(0)
    mixed = torch.stack([z[:, part] for part in parts]).sum(0).relu()
    total = outputs.sum(0)
    whole = total + b2
    if all(same(part, whole) for part in got):
        if len(sums) > p:
            return f"Right, with {len(sums) // p} sums on each rank. One is enough: where?"
        return None
    mistakes = [
        (outputs[0] + b2, "The numbers are those of this rank's part alone: sum over the ranks."),
        (whole + (p - 1) * b2, f"b2 is in the sum {p} times, once from each rank: add it after."),
        (total, "The bias b2 is missing."),
        (whole / p, f"That is the mean over {p} ranks. The parts are summed, nothing is averaged."),
        (total / p + b2, "That is the mean of the parts. They are summed, not averaged."),
        (whole.relu(), "There is no ReLU after the second matrix."),
        (linear + b2, "The ReLU is missing."),
        (linear.relu() + b2, "ReLU comes before the second matrix; of a sum it is something else."),
        (mixed @ W2[:, parts[0]].t() + b2, "You sum between the two matrices. There each rank has "
         "units of its own, and adds up units that have nothing to do with each other."),
    ]  # fmt: skip
    return first_match(got[0], mistakes) or "The numbers are not those of one process."


block = Exercise(
    "Exercise 2",
    judge_block,
    [
        "What does this rank's part of the units need from others? And the outputs?",
        "torch.relu(x @ W1.t() + b1) are this rank's hidden units, whole: nothing is sent. Times "
        "W2.t() they give a part of each output.",
        "all_reduce(hidden @ W2.t()) is the sum over the ranks. One thing is left to add, once.",
    ],
)


# ---- 3. a puzzle ---------------------------------------------------------------------------------

less_memory = puzzle(2)
