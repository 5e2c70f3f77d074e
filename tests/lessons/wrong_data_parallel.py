"""Wrong answers to the exercises of 3_14_data_parallel: (exercise, answer, what is said)."""

import torch

from course.lessons.exercises import data_parallel

RING, SHARDS, CRITICAL = data_parallel.ring, data_parallel.shards, data_parallel.critical


def right(n, p, a, b):
    return 2 * (p - 1) * (a + n / p / b)


def cut(order):
    """Shards that are cut from order(n, generator)."""
    return lambda labels, ranks, generator: [
        *order(len(labels), generator).tensor_split(ranks)
    ]  # fmt: skip


def shuffled(n, generator):
    return torch.randperm(n, generator=generator)


def even(labels, ranks, generator):
    n = len(labels) // ranks
    order = shuffled(len(labels), generator)
    return [order[r * n : (r + 1) * n] for r in range(ranks)]


def greedy(labels, ranks, generator):
    parts = [*shuffled(len(labels), generator).tensor_split(ranks)]
    return [torch.cat([parts[0], parts[1][:5]]), parts[1][5:], *parts[2:]]


def solve(B1, s1, B2, s2):
    least = (s1 * B1 - s2 * B2) / (B1 - B2)
    return least, s1 * B1 / least - B1


def by(change):
    return lambda *given: change(*solve(*given))


WRONG = [
    (RING, 3.0, "function itself"),
    (RING, lambda n, p, a, b: None, "returns nothing"),
    (RING, lambda n, p, a, b: (1.0, 2.0), "Return one number"),
    (RING, lambda *given: right(*given) / 2, "one journey around"),
    (RING, lambda n, p, a, b: 2 * (p - 1) * (a + n / b), "p-th part of the vector"),
    (RING, lambda n, p, a, b: 2 * p * (a + n / p / b), "not p: "),
    (RING, lambda n, p, a, b: a + 2 * (p - 1) * n / p / b, "for each message, not once"),
    (RING, lambda n, p, a, b: 2 * (p - 1) * n / p / b, "latency is left out"),
    (RING, lambda n, p, a, b: 2 * (p - 1) * (a + n / p * b), "*divide* them"),
    (RING, lambda n, p, a, b: p * right(n, p, a, b), "at the same time"),
    (RING, lambda n, p, a, b: (p - 1) * (a + n / b), "receives all vectors"),
    (RING, lambda *given: 1.1 * right(*given), "How many messages"),
    (RING, lambda n, p, a, b: 1 / 0, "ZeroDivisionError"),
    (SHARDS, [1, 2], "function itself"),
    (SHARDS, lambda labels, ranks, generator: None, "returns nothing"),
    (SHARDS, lambda labels, ranks, generator: [labels], "one entry for each"),
    (SHARDS, lambda labels, ranks, generator: [torch.rand(3)] * ranks, "whole numbers"),
    (SHARDS, lambda labels, ranks, generator: [
        *labels[shuffled(len(labels), generator)].tensor_split(ranks)], "Those are the labels"),
    (SHARDS, cut(lambda n, generator: 1 + shuffled(n, generator)), "not from 0 to"),
    (SHARDS, cut(lambda n, generator: torch.randint(n, (n,), generator=generator)), "more than"),
    (SHARDS, cut(lambda n, generator: shuffled(n, generator)[: n // 2]), "are in no shard"),
    (SHARDS, even, "are in no shard"),
    (SHARDS, greedy, "at most one more"),
    (SHARDS, cut(lambda n, generator: torch.arange(n)), "have the same label"),
    (SHARDS, cut(lambda n, generator: torch.randperm(n)), "same generator gives other"),
    (SHARDS, lambda labels, ranks, generator: [torch.arange(len(labels))[r::ranks]
                                               for r in range(ranks)], "Another generator gives"),
    (CRITICAL, (1.0, 2.0), "function itself"),
    (CRITICAL, lambda *given: None, "returns nothing"),
    (CRITICAL, lambda *given: 3.0, "Return two numbers"),
    (CRITICAL, lambda *given: (solve(*given)[0], ...), "still open"),
    (CRITICAL, lambda *given: ("a", torch.ones(2)), "raised"),
    (CRITICAL, by(lambda least, size: (size, least)), "swapped"),
    (CRITICAL, lambda B1, s1, B2, s2: (s2, 3.0), "a still larger one"),
    (CRITICAL, by(lambda least, size: (least * size, size)), "fewest *samples*"),
    (CRITICAL, by(lambda least, size: (1.1 * least, size)), "both measurements must come out"),
    (CRITICAL, by(lambda least, size: (least, least * size)), "fewest samples"),
    (CRITICAL, by(lambda least, size: (least, -size)), "sign is turned"),
    (CRITICAL, by(lambda least, size: (least, 1 / size)), "Upside down"),
    (CRITICAL, by(lambda least, size: (least, 1.1 * size)), "twice the fewest steps"),
]  # fmt: skip
