"""Wrong answers to the exercises of 3_17_failures: (exercise, answer, what is said)."""

import torch

from course.lessons.exercises import failures

INTERVAL, RANK = failures.interval, failures.faulty_rank


def odd_one(sums):
    """The place of what occurs once, or None."""
    return next((rank for rank, s in enumerate(sums) if sums.count(s) == 1), None)


def not_equal_to_rank_0(weights):
    return next((r for r, w in enumerate(weights) if not torch.equal(w, weights[0])), 0)


def bits(w):
    return int(w.view(torch.int32).sum(dtype=torch.int64))


def most_differ(same):
    """The rank that most of the others are not the same as."""

    def rank(weights):
        counts = [sum(not same(w, v) for v in weights) for w in weights]
        return counts.index(max(counts))

    return rank  # fmt: skip


WRONG = [
    (INTERVAL, 27, "Hand over the function itself"),
    (INTERVAL, lambda K, M: None, "returns nothing yet"),
    (INTERVAL, lambda K, M: "often", "Return one number"),
    (INTERVAL, lambda K, M: (K * M) ** 0.5, "the 2 is missing"),
    (INTERVAL, lambda K, M: (K * M / 2) ** 0.5, "on the wrong side"),
    (INTERVAL, lambda K, M: 2 * K * M, "take the root"),
    (INTERVAL, lambda K, M: (2 * M / K) ** 0.5, "written less often"),
    (INTERVAL, lambda K, M: (2 * K / M) ** 0.5, "the longer τ may be"),
    (INTERVAL, lambda K, M: M, "one checkpoint a failure"),
    (INTERVAL, lambda K, M: M / 2, "how long a checkpoint takes"),
    (INTERVAL, lambda K, M: (2 * M) ** 0.5, "how long a checkpoint takes"),
    (INTERVAL, lambda K, M: K, "half of the time goes into checkpoints"),
    (INTERVAL, lambda K, M: (2 * K * M) ** 0.5 / 60, "these are hours"),
    (INTERVAL, lambda K, M: -1.0, "That is no interval"),
    (INTERVAL, lambda K, M: 26.8, "of the time"),
    (RANK, 2, "Hand over the function itself"),
    (RANK, lambda weights: None, "returns nothing yet"),
    (RANK, lambda weights: weights[0], "Return one number"),
    (RANK, not_equal_to_rank_0, "ask the majority"),
    (RANK, lambda weights: 2, "For"),
    (RANK, lambda weights: odd_one([bits(w) for w in weights]) + 1, "ask the majority"),
    (RANK, lambda weights: (odd_one([bits(w) for w in weights]) or -1) + 1, "counted from 0"),
    (RANK, most_differ(torch.allclose), "the last bit of one weight"),
    (RANK, most_differ(torch.equal), "== calls them equal"),
    (RANK, lambda weights: odd_one([float(w.double().abs().sum()) for w in weights]),
     "== calls them equal"),
]  # fmt: skip
