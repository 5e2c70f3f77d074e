"""Answers to the puzzles: one that solves each, and wrong ones with the words that they earn."""

import torch

from course.parallel import Setup, cuts, ring_all_reduce, tree_all_reduce


def pipeline(**options):
    return Setup("pipeline", ranks=4, **options)


def ring(comm, x):
    """Reduce-scatter, then all-gather, round a ring."""
    p, rank, parts = comm.world_size, comm.rank, cuts(len(x), comm.world_size)
    for done in (False, True):
        for i in range(p - 1):
            out, into = parts[(rank - i + done) % p], parts[(rank - i - 1 + done) % p]
            comm.send(x[out], (rank + 1) % p)
            came = comm.recv(torch.empty_like(x[into]), (rank - 1) % p)
            x[into] = came if done else x[into] + came
    return x


def doubling(comm, x):
    """Exchange the sum so far with ranks farther and farther away."""
    for k in range((comm.world_size - 1).bit_length()):
        partner = comm.rank ^ 2**k
        comm.send(x, partner)
        x = x + comm.recv(torch.empty_like(x), partner)
    return x


def star(comm, x):
    """Rank 0 adds up all, and sends the sum to all."""
    others = range(1, comm.world_size)
    if comm.rank:
        comm.send(x, 0)
        return comm.recv(torch.empty_like(x), 0)
    for r in others:
        x = x + comm.recv(torch.empty_like(x), r)
    for r in others:
        comm.send(x, r)
    return x


def first_half(comm, x):
    """A ring that never passes the finished parts on."""
    p, parts = comm.world_size, cuts(len(x), comm.world_size)
    for i in range(p - 1):
        comm.send(x[parts[(comm.rank - i) % p]], (comm.rank + 1) % p)
        into = parts[(comm.rank - i - 1) % p]
        x[into] += comm.recv(torch.empty_like(x[into]), (comm.rank - 1) % p)
    return x


def of_eight(comm, x):
    """A ring whose parts are those of eight ranks and 40,000 numbers."""
    if comm.world_size == 8:
        return ring(comm, x)
    return x * comm.world_size


def deaf(comm, x):
    """It waits for what nobody sends."""
    return comm.recv(x, (comm.rank + 1) % comm.world_size)


def endless(comm, x):
    """It never ends."""
    while True:
        pass


def one_by_one(comm, x):
    """One float comes back."""
    return 3.0


def one_f_one_b(p=3, m=6, split=False):
    """1F1B as texts."""
    back = (lambda i: f"I{i} W{i}") if split else (lambda i: f"B{i}")
    found = []
    for r in range(p):
        warm = min(p - 1 - r, m)
        order = [f"F{i}" for i in range(warm)]
        for i in range(m - warm):
            order += [f"F{warm + i}", back(i)]
        found.append(" ".join(order + [back(i) for i in range(m - warm, m)]))
    return found


GPIPE = [" ".join([f"F{i}" for i in range(6)] + [f"B{i}" for i in range(6)])] * 3
SERIAL = [" ".join(f"F{i} B{i}" for i in range(6))] * 3
ZERO_BUBBLE = [
    "F0 F1 F2 I0 W0 F3 I1 W1 F4 I2 W2 F5 I3 W3 I4 W4 I5 W5",
    "F0 F1 I0 F2 I1 W0 F3 I2 W1 F4 I3 W2 F5 I4 W3 I5 W4 W5",
    "F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 F4 I4 W2 F5 I5 W3 W4 W5",
]
SHARES = [n / 80 for n in (24, 24, 24, 8)]

SOLVED = {
    1: pipeline(micro_batches=32, schedule="gpipe"),
    2: pipeline(micro_batches=16, schedule="1f1b"),
    3: pipeline(micro_batches=8, schedule="zero_bubble"),
    4: Setup("data", ranks=4, buckets=3),
    5: Setup("zero2", ranks=4),
    6: pipeline(micro_batches=8),
    7: Setup("data_tensor", ranks=8, per_replica=4),
    8: [1, 2, 3, 4],
    9: ([24, 24, 24, 8], SHARES),
    10: ring,
    11: doubling,
    12: one_f_one_b(),
    13: "CCRCRCR",
    14: ZERO_BUBBLE,
    15: ([1, 2, 3, 4], 16, "1f1b"),
    16: Setup("data_pipeline", ranks=8, per_replica=4, micro_batches=8, schedule="zero_bubble"),
}

NAIVE = {  # the answer that one would give first: it misses a target
    1: pipeline(micro_batches=4, schedule="gpipe"), 2: pipeline(micro_batches=8, schedule="gpipe"),
    3: pipeline(micro_batches=8, schedule="1f1b"), 4: Setup("data", ranks=4),
    5: Setup("data", ranks=4), 6: Setup("data", ranks=4),
    7: Setup("data_tensor", ranks=8, per_replica=2), 8: [1, 3, 5, 7],
    9: ([20] * 4, [0.25] * 4), 10: star, 11: star, 12: GPIPE, 13: "C" * 7, 14: one_f_one_b(),
    15: ([1, 3, 5, 7], 8, "1f1b"), 16: Setup("data", ranks=8),
}  # fmt: skip

WRONG = [  # (puzzle, answer, what its message says)
    (1, NAIVE[1], "More micro-batches make the bubble smaller"),
    (1, NAIVE[1], "Memory is within its target"),
    (1, pipeline(micro_batches=1, schedule="gpipe"), "one rank works while the others wait"),
    (1, pipeline(micro_batches=64, schedule="gpipe"), "A message takes its latency"),
    (1, pipeline(micro_batches=3, schedule="gpipe"), "micro_batches = 3 is not allowed here"),
    (1, pipeline(micro_batches=32), "schedule = '1f1b' is not allowed here; take 'gpipe'"),
    (1, Setup("data", ranks=4), "The strategy 'data' is not allowed here"),
    (1, Setup("pipeline", ranks=2), "You have 4 ranks, and the answer takes 2"),
    (1, 32, "The answer 32 is not a Setup; write one, as Setup('pipeline', ranks=4"),
    (2, NAIVE[2], "it keeps the activations of all of them"),
    (2, NAIVE[2], "the largest part is activations"),
    (2, pipeline(micro_batches=4), "takes 6"),
    (2, pipeline(micro_batches=32), "too many take time"),
    (3, NAIVE[3], "It does not shrink GPipe's bubble"),
    (3, pipeline(micro_batches=8, schedule="gpipe"), "GPipe has the full bubble"),
    (3, pipeline(schedule="interleaved", chunks=2), "keep more micro-batches in flight"),
    (4, NAIVE[4], "One bucket is ready when backward is over"),
    (4, Setup("data", ranks=4, buckets=2), "The last bucket is still long"),
    (4, Setup("data", ranks=4, buckets=8), "Each bucket is a collective more"),
    (5, NAIVE[5], "both of Adam's averages"),
    (5, Setup("zero1", ranks=4), "Stage 1 shares out the optimiser's state alone"),
    (5, Setup("zero3", ranks=4), "gathers them again for backward"),
    (6, NAIVE[6], "Data parallel sends every gradient"),
    (6, Setup("zero3", ranks=4), "Stage 3 sends all weights twice"),
    (6, Setup("tensor", ranks=4), "Tensor parallel sends activations several times"),
    (6, pipeline(micro_batches=2), "Is its bubble small enough?"),
    (7, NAIVE[7], "each rank keeps too much of it"),
    (7, Setup("data_tensor", ranks=8, per_replica=8), "goes through all of them"),
    (8, NAIVE[8], "equally many layers are not equally much work"),
    (8, [1, 4, 5, 6], "the slowest stage sets the pace of all"),
    (8, [0, 2, 4, 6], "rising from 1 to at most 8"),
    (8, [1, 3, 5], "the first layer of each of 4 stages"),
    (8, "1234", "this is '1234'"),
    (9, ([20] * 4, [0.25] * 4), "Rank 3 is 3 times slower"),
    (9, ([24, 24, 24, 8], [0.25] * 4), "it is each *row* that counts alike"),
    (9, ([24, 24, 24, 8], [0.25] * 4), "The numbers are not those of one process"),
    (9, ([24, 24, 24, 8], [24, 24, 24, 8]), "The weights add up to 80"),
    (9, ([24, 24, 24, 9], SHARES), "whole numbers from 1 whose sum is 80"),
    (9, ([24, 24, 24, 8], ["a"] * 4), "allowed: numbers"),
    (9, [24, 24, 24, 8], "two lists of 4 numbers"),
    (10, star, "All vectors lie at one rank"),
    (10, doubling, "Send parts of it"),
    (10, first_half, "The numbers are not those of one process"),
    (10, of_eight, "Right on 8 ranks with 40,000 numbers, wrong on 3 with 10"),
    (10, deaf, "waits to receive"),
    (10, one_by_one, "it must return the sum, a tensor of 40000 numbers"),
    (10, ring_all_reduce, "That one is the course's"),
    (10, 7, "Hand over the function itself"),
    (11, ring, "In how few rounds"),
    (11, star, "In how few rounds"),
    (11, tree_all_reduce, "Write your own"),
    (12, GPIPE, "All micro-batches go forward before the first goes backward"),
    (12, SERIAL, "no two ranks work at once"),
    (12, one_f_one_b()[:2], "a list of three texts"),
    (12, 12, "a list of three texts"),
    (12, ["F0 X1", "", ""], "Rank 0 has 'X1'"),
    (12, ["F0 B0 F0", "", ""], "Rank 0 does F0 twice"),
    (12, ["B0", "", ""], "Rank 0 does B0 before F0"),
    (12, ["F0 B0", "", ""], "the forward of micro-batch 1 is missing"),
    (12, one_f_one_b(split=True), "Rank 0 has 'I0'"),
    (12, [one_f_one_b()[2], *one_f_one_b()[1:]], "rank 0 before B0, rank 1 before F1"),
    (
        12,
        [*one_f_one_b()[:2], " ".join([f"F{i}" for i in range(6)] + ["B5 B4 B3 B2 B1 B0"])],
        "the schedule never ends",
    ),
    (13, NAIVE[13], "the outputs are gathered on all ranks"),
    (13, "CRCRCRC", "have 256, 256, 16 numbers a row"),
    (13, "CRRCCCC", "Matrix 3 is cut by rows"),
    (13, "RCCCCCC", "Matrix 1 is cut by rows"),
    (13, "CCR", "a text of 7 letters"),
    (13, 5, "a text of 7 letters"),
    (14, NAIVE[14], "over the 270 µs allowed"),
    (14, ["F0 B0 I0", "", ""], "take one"),
    (14, ["W0", "", ""], "Rank 0 does W0 before I0"),
    (14, [ZERO_BUBBLE[0].replace("W5", ""), *ZERO_BUBBLE[1:]], "of micro-batch 5 is missing"),
    (15, NAIVE[15], "The stages have"),
    (15, ([1, 2, 3, 4], 16, "gpipe"), "GPipe keeps all micro-batches"),
    (15, ([1, 2, 3, 4], 5, "1f1b"), "5 micro-batches are not allowed here; take 4, 8 or 16"),
    (15, ([1, 2, 3, 4], 8, "magic"), "The schedule 'magic' is unknown here"),
    (15, [1, 2, 3, 4], "The answer has three parts"),
    (16, NAIVE[16], "cost too much here"),
    (16, Setup("tensor", ranks=8), "pipelines side by side"),
    (16, Setup("local_sgd", ranks=8), "The strategy 'local_sgd' is not allowed here"),
    (16, Setup("data_pipeline", ranks=8, per_replica=8), "per_replica = 8 is not allowed here"),
]
