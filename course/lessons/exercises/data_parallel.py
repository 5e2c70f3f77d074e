"""Judges for chapter 3_14_data_parallel."""

import math

import torch
from torch import Tensor

from ..checking import Exercise, unfinished
from ..judging import Draw, on_probes

__all__ = ["critical", "ring", "shards"]

OPEN = "The function returns nothing yet: end it with return {}."


def number_in(got, what: str) -> float | str:
    """Return the number that an answer gave, or what is wrong with it."""
    if got is None or got is ...:
        return OPEN.format(what)
    if torch.as_tensor(got).numel() != 1 or isinstance(got, bool | complex):
        return f"Return one number, {what}."
    return float(got)


def told(got: float, wanted: float, mistakes: list[tuple[float, str]], otherwise: str):
    """Return None for the right number, else the words of the mistake that gives it."""
    if math.isclose(got, wanted, rel_tol=1e-6):
        return None
    found = (words for value, words in mistakes if math.isclose(got, value, rel_tol=1e-6))
    return next(found, otherwise)


# ---- 1. the seconds of a ring all-reduce -----------------------------------------------------


def judge_ring(answer) -> str | None:
    """Judge answer(size, ranks, latency, bandwidth) → seconds of a ring all-reduce."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_seconds."
    return on_probes(lambda draw: judge_one_ring(answer, draw))


def judge_one_ring(answer, draw: Draw) -> str | None:
    """Judge it on one vector, one number of ranks and one link."""
    n, latency, bandwidth = draw.numbers((300, 900), (0.2, 0.45), (20, 60))
    (p,) = draw.sizes(1)
    got = number_in(answer(n, p, latency, bandwidth), "seconds")
    if isinstance(got, str):
        return got
    rounds = 2 * (p - 1)
    wanted = rounds * (latency + n / p / bandwidth)
    mistakes = [
        (wanted / 2, "That is one journey around the ring: then each rank has one part of the sum. "
         "The parts must go round once more."),
        (rounds * (latency + n / bandwidth), "Each message holds a p-th part of the vector, not "
         "all of it."),
        (2 * p * (latency + n / p / bandwidth), "A part has p - 1 neighbours to pass, not p: "
         "the rank where it begins needs no message."),
        (latency + rounds * n / p / bandwidth, "The latency is paid for each message, not once."),
        (rounds * n / p / bandwidth, "The latency is left out: each message pays it."),
        (rounds * (latency + n / p * bandwidth), "You multiply bytes by bytes a "
         "second: *divide* them, and seconds come out."),
        (p * wanted, "All ranks send at the same time: do not add up their seconds."),
        ((p - 1) * (latency + n / bandwidth), "So much takes a rank that receives all vectors "
         "itself. In a ring each sends parts, and all at the same time."),
    ]  # fmt: skip
    otherwise = (
        f"For {n:g} bytes, {p} ranks, {latency:g} s a message and {bandwidth:g} bytes a second "
        f"{got:.4g} s comes back. How many messages does a rank send, and of how many bytes?"
    )
    return told(got, wanted, mistakes, otherwise)


ring = Exercise(
    "Exercise 1",
    judge_ring,
    [
        "How many messages does each rank send, one after the other? How many bytes has each?",
        "p - 1 messages until each rank has one part of the sum, and as many until all have all "
        "parts. A part is a p-th of the vector.",
        "A message takes its latency, plus its bytes divided by the bandwidth. Multiply that by "
        "the number of messages.",
    ],
)


# ---- 2. shards that local steps can live with ------------------------------------------------


def judge_shards(answer) -> str | None:
    """Judge answer(labels, ranks, generator) → a list of row numbers for each rank."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_shards."
    return on_probes(lambda draw: judge_one_dealing(answer, draw))


def judge_one_dealing(answer, draw: Draw) -> str | None:
    """Judge it on sorted labels; in the second trial the ranks do not divide the rows."""
    (p,) = draw.sizes(1)
    n = 50 * p + (0 if draw.square else 1 + draw.size() % (p - 1))
    labels, seed = torch.arange(n) * p // n, draw.seed()
    dealt = []
    for which in (seed, seed, seed + 1):
        got = answer(labels.clone(), p, torch.Generator().manual_seed(which))
        if wrong := no_dealing(got, labels, p):
            return wrong
        dealt.append([sorted(torch.as_tensor(rows).tolist()) for rows in got])
    first, again, other = dealt
    if first != again:
        return (
            "The same generator gives other shards: each rank would find its own. Draw from the "
            "generator alone, as torch.randperm(n, generator=generator) does."
        )
    most = max(count_most(labels[rows]) / len(rows) for rows in first)
    if most > 0.7:
        return (
            f"In one shard {most:.0%} of the rows have the same label: with many local steps that "
            "rank learns this label alone. Mix the rows first."
        )
    if first == other:
        return (
            "Another generator gives the same shards. In each epoch a rank should meet other rows: "
            "draw the order from the generator."
        )
    return None


def no_dealing(got, labels: Tensor, p: int) -> str | None:
    """Return why this is no dealing of the rows with these labels to p ranks; None if it is one."""
    n = len(labels)
    if got is None or got is ...:
        return OPEN.format("the shards")
    if not isinstance(got, list | tuple) or len(got) != p:
        return f"Return a list with one entry for each of the {p} ranks."
    rows = [torch.as_tensor(part) for part in got]
    if any(part.dim() != 1 or part.is_floating_point() for part in rows):
        return "A shard is a row of row numbers: a one-dimensional tensor of whole numbers."
    every = torch.cat(rows)
    if len(every) and (int(every.min()) < 0 or int(every.max()) >= n):
        return f"A row number is not from 0 to {n - 1}. Return row numbers, not labels or data."
    if torch.equal(every.sort().values, labels.sort().values):
        return "Those are the labels of the rows. Return their *numbers*, from 0 to n - 1."
    twice, missing = len(every) - len(every.unique()), n - len(every.unique())
    if twice:
        return f"{twice} rows come more than once: such a row counts more than others."
    if missing:
        return (
            f"{missing} of {n} rows are in no shard. If the ranks do not divide the rows, let some "
            "shards have one more: torch.tensor_split does."
        )
    sizes = {len(part) for part in rows}
    if max(sizes) - min(sizes) > 1:
        return f"One shard has {min(sizes)} rows, another {max(sizes)}: at most one more, please."
    return None


def count_most(labels: Tensor) -> int:
    """Return how often the most frequent label comes."""
    return int(labels.bincount().max())


shards = Exercise(
    "Exercise 2",
    judge_shards,
    [
        "What goes wrong is not the number of local steps alone: each rank sees one kind of rows.",
        "Shuffle the row numbers 0 … n - 1 with the generator, the same on each rank. The labels "
        "are then no longer needed.",
        "torch.randperm(n, generator=generator) is the new order. Cut it into as many parts as "
        "there are ranks: torch.tensor_split.",
    ],
)


# ---- 3. the critical batch size from two measurements ----------------------------------------


def judge_critical(answer) -> str | None:
    """Judge answer(B1, steps1, B2, steps2) → (fewest steps, critical batch size)."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_critical."
    return on_probes(lambda draw: judge_one_critical(answer, draw))


def judge_one_critical(answer, draw: Draw) -> str | None:
    """Judge it on one curve, looked at in two places."""
    least, size, B1, B2 = draw.numbers((15, 40), (60, 90), (4, 12), (200, 500))
    s1, s2 = (least * (1 + size / B) for B in (B1, B2))
    got = answer(B1, s1, B2, s2)
    if got is None or got is ...:
        return OPEN.format("fewest, critical")
    form = "Return two numbers: the fewest steps, and the critical batch size."
    if wrong := unfinished(got, 2, form):
        return wrong
    numbers = [number_in(part, "each of the two") for part in got]
    if words := next((n for n in numbers if isinstance(n, str)), None):
        return words
    fewest, critical_size = map(float, numbers)
    if math.isclose(fewest, size, rel_tol=1e-6) and math.isclose(
        critical_size, least, rel_tol=1e-6
    ):
        return "The two are swapped: first the fewest steps, then the critical batch size."
    wrong = told(fewest, least, [
        (s2, "The steps at the larger batch are not the fewest: a still larger one needs less."),
        (least * size, "That is the fewest *samples*: steps times the critical batch size."),
        ((s1 - s2) / (1 / B1 - 1 / B2), "That is the fewest *samples*. Divide out the batch size."),
    ], f"With a batch without end {fewest:.4g} steps come back. Put your two numbers into "
       "steps = fewest · (1 + critical/B): both measurements must come out.")  # fmt: skip
    if wrong:
        return wrong
    return told(critical_size, size, [
        (least * size, "That is the fewest samples. Divide them by the fewest steps."),
        (-size, "The sign is turned: a larger batch needs *fewer* steps."),
        (1 / size, "Upside down: that is 1 over the critical batch size."),
    ], f"The fewest steps are right; for the critical batch size {critical_size:.4g} comes back. "
       "At that size a run needs twice the fewest steps.")  # fmt: skip


critical = Exercise(
    "Exercise 3",
    judge_critical,
    [
        "Multiply the formula by B: steps · B = fewest · B + fewest · critical. That is a straight "
        "line over B.",
        "The slope of that line is the fewest steps: (steps2·B2 - steps1·B1) / (B2 - B1).",
        "Now one of the two measurements gives the critical size: steps1 / fewest = 1 + critical / "
        "B1. Solve it for critical.",
    ],
)
