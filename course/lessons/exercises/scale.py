"""Judges for chapter 2_2_scale."""

import math
from collections.abc import Callable, Sequence

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["bytes_held", "collectives"]

# ---- 1. the bytes that a rank holds -----------------------------------------------------------

STAGES = range(4)  # 0: plain data parallelism


def bytes_of(P: int, ranks: int, stage: int) -> float:
    """Return the bytes of weights, gradient and Adam's state on a rank, four bytes a number."""
    return total(P, ranks, (stage > 2, stage > 1, stage > 0))


def total(P: int, ranks: int, cut: Sequence[bool], sizes: Sequence[int] = (4, 4, 8)) -> float:
    """Return the bytes on a rank if of weights, gradient and Adam's state these are cut.

    Args:
        P: how many weights.
        ranks: how many ranks a part that is cut lies on.
        cut: whether each of the three is.
        sizes: bytes of each for one weight.
    """
    parts = zip(sizes, cut, strict=True)
    return sum(size * P / (ranks if is_cut else 1) for size, is_cut in parts)


MISTAKES: list[tuple[Callable[[int, int, int], float], str]] = [
    (lambda P, ranks, stage: 16 * P, "That is what one device holds alone. From stage 1 on, a rank "
     "holds less: what is cut, and from which stage on?"),
    (lambda P, ranks, stage: 16 * P / ranks, "You cut everything at every stage. Stage 0 cuts "
     "nothing, stage 1 Adam's averages alone."),
    (lambda P, ranks, stage: bytes_of(P, ranks, stage) / 4, "You count numbers. Each of them takes "
     "4 bytes."),
    (lambda P, ranks, stage: bytes_of(P, ranks, stage) - 4 * P / (ranks if stage else 1),
     "Adam keeps *two* averages for each weight: v and s."),
    (lambda P, ranks, stage: bytes_of(P, ranks, min(stage + 1, 3)), "You are a stage ahead: stage "
     "1 cuts Adam's averages alone, stage 0 nothing."),
    (lambda P, ranks, stage: bytes_of(P, ranks, max(stage - 1, 0)), "You are a stage behind: stage "
     "1 cuts Adam's averages already."),
    (lambda P, ranks, stage: ranks * bytes_of(P, ranks, stage), "That is what all ranks hold "
     "together. The question is about one."),
    (lambda P, ranks, stage: total(P, ranks, (stage > 0, stage > 1, stage > 2)), "The order is "
     "another: stage 1 cuts Adam's averages, the largest part, and stage 3 the weights."),
    (lambda P, ranks, stage: total(P, ranks, (stage == 3, stage == 2, stage == 1)), "A stage keeps "
     "the cuts of the stages before it: stage 2 cuts the gradient and Adam's averages, stage 3 the "
     "weights too."),
    (lambda P, ranks, stage: total(P, ranks, (stage > 2, stage > 1, stage > 0), (2, 2, 12)),
     "2 + 2 + 12 is the paper's, with 16-bit weights and gradients. Here every number has 4 "
     "bytes."),
]  # fmt: skip


def judge_bytes(answer) -> str | None:
    """Judge answer(P, ranks, stage) → bytes of weights, gradient and Adam's state on a rank."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_bytes."
    return on_probes(lambda draw: judge_some_bytes(answer, draw))


def judge_some_bytes(answer, draw: Draw) -> str | None:
    """Judge all stages for one number of parameters, which the number of ranks divides."""
    ranks = draw.size()
    P = 840 * ranks * draw.sizes(1, 11, 97)[0]
    got = []
    for stage in STAGES:
        value = answer(P, ranks, stage)
        if value is None or value is ...:
            return "The function returns nothing yet: end it with return and a number."
        if isinstance(value, bool | complex | str) or not isinstance(value, int | float):
            return f"Return one number, the bytes of a rank; {value!r} came back."
        got.append(float(value))
    if fits(got, bytes_of, P, ranks):
        return None
    for mistake, words in MISTAKES:
        if fits(got, mistake, P, ranks):
            return words
    stage = next(s for s in STAGES if not math.isclose(got[s], bytes_of(P, ranks, s)))
    return (
        f"Stage {stage}: P = {P:,} on {ranks} ranks gives {got[stage]:,.0f} bytes; it must be "
        f"{bytes_of(P, ranks, stage):,.0f}. Add up weights, gradient and Adam's averages, each "
        "whole or cut."
    )


def fits(got: list[float], formula: Callable[[int, int, int], float], P: int, ranks: int) -> bool:
    """Tell whether these are the numbers of a formula, at all stages."""
    return all(math.isclose(got[s], formula(P, ranks, s), rel_tol=1e-6) for s in STAGES)


bytes_held = Exercise(
    "Exercise 1",
    judge_bytes,
    [
        "Three terms: weights, gradient, Adam's two averages. How many bytes does each take when "
        "nothing is cut?",
        "4P, 4P and 8P. Stage 1 cuts the last of them by the number of ranks, stage 2 one more, "
        "stage 3 the last one left.",
        "Write each term as bytes / (ranks if stage >= … else 1). Adam's term has stage >= 1.",
    ],
)


# ---- 2. which collective follows from which split ---------------------------------------------

COLLECTIVES = ("all_reduce", "reduce_scatter", "all_gather", "send", "nothing")
RIGHT = {
    "A": "all_reduce", "B": "reduce_scatter", "C": "all_gather", "D": "all_gather",
    "E": "all_reduce", "F": "send", "G": "nothing",
}  # fmt: skip
ABOUT = {
    "A": "Each rank has the gradient of its own rows, a *term* of the sum, and each needs the "
         "whole sum.",
    "B": "Each rank has a term of the sum, but needs a quarter of the sum alone.",
    "C": "Each rank has another *part* of the weights, and each needs all parts. Nothing is added "
         "up.",
    "D": "Each rank has other units, complete ones: parts, not terms. Nothing is added up.",
    "E": "Each rank has summed over its own inputs: a term of every z. Each needs the whole sum.",
    "F": "Only one rank has it, and only one needs it.",
    "G": "A rank has all rows of the batch and all it needs for its own layers.",
}  # fmt: skip
KNOWN = {
    ("A", "all_gather"): "Then each rank would hold four gradients, not their sum.",
    ("A", "reduce_scatter"): "Then each rank would have a quarter of the sum; here it updates all "
                             "weights.",
    ("B", "all_reduce"): "That works, but sends twice as much: it gives each rank three quarters "
                         "that it does not need.",
    ("C", "all_reduce"): "A sum of different weights means nothing.",
    ("D", "all_reduce"): "Units of different ranks must not be added up.",
    ("E", "all_gather"): "Then each rank would hold four terms of each z, and z is their sum.",
    ("F", "all_gather"): "Ranks 0 and 3 do not need it.",
    ("F", "all_reduce"): "Layers follow each other; nothing is added up.",
    ("G", "all_reduce"): "That is data parallelism. The gradients of *different* layers must not "
                         "be added or averaged.",
    ("G", "send"): "The gradient by a goes down to rank 1. The question is about ∂L/∂W.",
}  # fmt: skip


def judge_collectives(answer) -> str | None:
    """Judge a dict of which exchange each situation needs."""
    if not isinstance(answer, dict):
        return "Hand over the dict, with a name for each letter."
    if missing := [letter for letter in RIGHT if letter not in answer]:
        return f"There is nothing for {missing[0]} yet."
    if answer.keys() - RIGHT.keys():
        return "There is a letter too many: A to G."
    for letter, name in answer.items():
        if name is None or name is ...:
            return f"{letter} is still open."
        if not isinstance(name, str) or name not in COLLECTIVES:
            return f"{letter}: {name!r} is not one of {', '.join(COLLECTIVES)}."
    wrong = [letter for letter in RIGHT if answer[letter] != RIGHT[letter]]
    if not wrong:
        return None
    first = wrong[0]
    words = KNOWN.get((first, answer[first]), ABOUT[first])
    count = len(RIGHT) - len(wrong)
    return f"{count} of {len(RIGHT)} fit. {first}, {answer[first]}: {words}"


collectives = Exercise(
    "Exercise 2",
    judge_collectives,
    [
        "Ask two things of each: has a rank a *part* of what is needed, or a *term* of a sum? And "
        "does it need the whole, or a part?",
        "Terms and the whole: all_reduce. Terms and a part: reduce_scatter. Parts and the whole: "
        "all_gather. From one to one: send.",
        "A and E are terms, C and D are parts, B is the first half of A. In F one rank has what "
        "one other needs. What is left for G?",
    ],
)
