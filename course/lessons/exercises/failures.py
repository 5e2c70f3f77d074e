"""Judges for chapter 3_17_failures."""

import math

from ...errors import real_number
from ...oncall.machines import flip_bit
from ...planner.goodput import best_interval, daly, expected_minutes, young
from ..checking import Exercise, near
from ..judging import Draw, on_probes

__all__ = ["faulty_rank", "interval"]

# ---- 1. how often to write a checkpoint ----------------------------------------------------------


def judge_interval(answer) -> str | None:
    """Judge answer(checkpoint, mtbf) → the interval, in minutes, that loses the least time."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_interval."
    return on_probes(lambda draw: judge_one_interval(answer, draw))


def judge_one_interval(answer, draw: Draw) -> str | None:
    """Judge it for one checkpoint and one MTBF; √(2KM), Daly's and the exact interval are right."""
    K, M = draw.numbers((0.5, 5.0), (120.0, 900.0))
    got = answer(K, M)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return minutes."
    number = real_number(got)
    if number is None:
        return "Return one number, the minutes of work between two checkpoints."
    if any(near(number, right) for right in (young(K, M), daly(K, M), best_interval(K, M))):
        return None
    asked = f"For a checkpoint of {K:g} minutes and an MTBF of {M:g} you return {number:.4g}"
    mistakes = [
        (math.sqrt(K * M), "the 2 is missing: a failure costs half an interval on average."),
        (math.sqrt(K * M / 2), "the 2 is on the wrong side: K/τ = τ/(2·MTBF)."),
        (2 * K * M, "that is τ², take the root."),
        (math.sqrt(2 * M / K), "a longer checkpoint should be written less often: K multiplies."),
        (math.sqrt(2 * K / M), "the more seldom it fails, the longer τ may be: MTBF multiplies."),
        (M, "one checkpoint a failure: half of the work is done again."),
        (M / 2, "does it not depend on how long a checkpoint takes?"),
        (K, "then half of the time goes into checkpoints."),
        (math.sqrt(2 * M), "does it not depend on how long a checkpoint takes?"),
        (math.sqrt(2 * K * M) / 60, "these are hours; all times here are minutes."),
    ]
    for value, words in mistakes:
        if near(number, value):
            return f"{asked}: {words}"
    if not 0 < number < 1e6:
        return f"{asked}. That is no interval: it must be above 0, and finite."

    def lost(minutes: float) -> float:
        return 1 - minutes / expected_minutes(minutes, K, 0.0, M)

    least = lost(best_interval(K, M))
    return f"{asked}. It loses {lost(number):.1%} of the time; the best one loses {least:.1%}."


interval = Exercise(
    "Exercise 1",
    judge_interval,
    [
        "An hour of work loses K/τ for checkpoints and τ/(2·MTBF) for work done again. When τ "
        "grows, which of the two falls?",
        "The sum is least where both are equal: K/τ = τ/(2·MTBF). Solve for τ².",
        "τ² = 2·K·MTBF. math.sqrt does the rest.",
    ],
)


# ---- 2. the rank with one flipped bit ------------------------------------------------------------

FLIPS = {  # the value that is hit, or None for one as it comes; the bit; what to say
    "middle": (None, 29, "Each rank can be the faulty one: ask the majority."),  # never NaN
    "low": (None, 0, "It is the last bit of one weight: a sum or a norm in float32 rounds it away, "
                     "and so does a tolerance. Compare the bits: w.view(torch.int32)."),
    "zero": (0.0, 31, "0.0 became -0.0, and == calls them equal. Compare the bits: "
                      "w.view(torch.int32)."),
    "nan": (1.5, 30, "1.5 became NaN, which is equal to nothing, not even to itself. Compare the "
                     "bits: w.view(torch.int32)."),
}  # fmt: skip


def judge_rank(answer) -> str | None:
    """Judge answer(weights) → the rank whose weights have a flipped bit."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_faulty_rank."
    return on_probes(lambda draw: judge_one_rank(answer, draw))


def judge_one_rank(answer, draw: Draw) -> str | None:
    """Judge it on some ranks, each in turn the faulty one, with several kinds of flips."""
    p, n = draw.sizes(2, 4, 8)
    healthy = draw.normal(40 * n).float()
    for number, (value, bit, words) in enumerate(FLIPS.values()):
        rank, place = (0, p - 1, 1, 0)[number], 7 * n + number
        weights = healthy.clone()
        if value is not None:
            weights[place] = value
        copies = [weights.clone() for _ in range(p)]
        flip_bit(copies[rank], place, bit)
        got = answer(copies)
        if got is None and number == 0:
            return "The function returns nothing yet, or finds no rank: end it with return rank."
        found = real_number(got)
        if found is None and got is not None:
            return "Return one number, the rank: 0 for the first one."
        if found == rank:
            continue
        said = (
            f"For {p} ranks you return {got if found is None else f'{found:g}'}; it is rank {rank}."
        )
        if rank and found == rank + 1:
            return f"{said} Ranks are counted from 0."
        if rank == 0 and found == 1 and bit:
            return f"{said} Do you compare with rank 0? It can be the faulty one: ask the majority."
        return f"{said} {words}".strip()
    return None


faulty_rank = Exercise(
    "Exercise 2",
    judge_rank,
    [
        "After each step the copies should be equal to the last bit. Which one differs from most "
        "of the others?",
        "w.view(torch.int32) reads the same bytes as whole numbers. Their sum, with "
        "dtype=torch.int64, is exact: one flipped bit always changes it.",
        "Make a list of these sums, one a rank. The faulty rank's sum occurs once: "
        "sums.count(s) == 1 for it.",
    ],
)
