"""Puzzles whose answer is a function: a sum over the ranks, written with messages alone."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...errors import CourseError, shown
from ...parallel.collectives import ring_all_reduce, tree_all_reduce
from ...parallel.communicator import Communicator, Event
from ...parallel.in_turn import Costs, InTurn
from ...parallel.time_use import time_use
from ..judging import SECONDS
from ..time_limit import limited
from .puzzle import ROUNDING, Best, Puzzle, Score, Targets, duration, fastest_within, size
from .scene import LINK, link_words

Sum = Callable[["Mail", Tensor], Tensor]


class Mail:
    """What a puzzle hands to a learner's sum: messages, and no collectives.

    Attributes:
        rank, world_size: see `Communicator`.
    """

    def __init__(self, comm: Communicator, log: list[int]):
        self._comm, self._log = comm, log
        self.rank, self.world_size = comm.rank, comm.world_size

    def send(self, x: Tensor, dst: int, label: str = "") -> None:
        """Send x: (n,) to a rank. It does not wait; x may change at once."""
        self._log.append(dst)
        self._comm.send(x, dst, label)

    def recv(self, x: Tensor, src: int, label: str = "") -> Tensor:
        """Fill x: (n,) with the next message from a rank; return it."""
        self._comm.recv(x, src, label)
        self._log.append(src)  # now, as the event: it may have waited
        return x


def play(answer: Sum, p: int, n: int, costs: Costs = LINK) -> Score:
    """Return what a sum takes on p ranks, of vectors of n numbers, and how far off it is.

    Raises:
        CourseError: for an answer that returns something else, or whose ranks wait for ever.
    """
    vectors = torch.randn(p, n, generator=torch.Generator().manual_seed(p), dtype=torch.float64)
    log: list[int] = []

    def program(comm):
        mail, x = Mail(comm, log), vectors[comm.rank].clone()
        got = answer(mail, x)
        if not isinstance(got, Tensor) or got.shape != x.shape:
            what = f"a tensor {tuple(got.shape)}" if isinstance(got, Tensor) else shown(got)
            raise CourseError(
                f"Rank {comm.rank} returns {what}; it must return the sum, a tensor of {n} numbers."
            )
        return got

    world = InTurn(p, costs)
    sums = limited(lambda: world.run(program), SECONDS)  # ranks share a thread, and its limit
    gap = max(float((got - vectors.sum(0)).abs().max()) for got in sums)
    events = world.events or [Event(0, "compute", "", 0, 0.0, 0.0, 0.0)]
    waiting = letters(world.events, log, p)
    memory = [{"the vector": 8 * n, "letters not yet opened": waiting[r]} for r in range(p)]
    seconds = max(e.end for e in events) - min(e.called for e in events)
    return Score(seconds, memory, time_use(events, p), gap)


def letters(events: list[Event], partners: list[int], p: int) -> list[int]:
    """Return the most bytes that lie at each rank, arrived and not yet received.

    Args:
        events: sends and receives, in the order of their calls.
        partners: with whom each of them is.
        p: ranks.
    """
    box: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
    changes: list[list[tuple[float, int, int]]] = [[] for _ in range(p)]
    for event, other in zip(events, partners, strict=True):
        if event.kind == "send":
            box[event.rank, other].append(event)
            changes[other].append((event.end, 0, int(event.size)))
        else:
            sent = box[other, event.rank].pop(0)
            changes[event.rank].append((event.end, 1, -int(sent.size)))
    return [most(steps) for steps in changes]


def most(steps: list[tuple[float, int, int]]) -> int:
    """Return the largest value of a sum of (time, order, change)."""
    total = largest = 0
    for *_, change in sorted(steps):
        total += change
        largest = max(largest, total)
    return largest


def run_sum(answer: Any, p: int, n: int, others: list[tuple[int, int]], targets: Targets) -> Score:
    """Return what an answer takes; one that meets its targets must be right elsewhere, too.

    Raises:
        CourseError: for what is no function, for ours, and for a wrong sum elsewhere.
    """
    if not callable(answer):
        raise CourseError(
            "Hand over the function itself, without calling it: def my_sum(comm, x): …"
        )
    if str(getattr(answer, "__module__", "")).startswith("course."):
        raise CourseError("That one is the course's. Write your own with send and recv.")
    score = play(answer, p, n)
    for q, k in others if targets.met_by(score) and score.gap < ROUNDING else ():
        before = f"Right on {p} ranks with {n:,} numbers, wrong on {q} with {k:,}"
        try:
            other = play(answer, q, k)
        except CourseError as error:
            raise CourseError(f"{before}: {error}") from None
        if not other.gap < ROUNDING:
            raise CourseError(f"{before}: is a number fixed?")
    return score


# ---- what is known -------------------------------------------------------------------------------


def halving(comm: Mail, x: Tensor) -> Tensor:
    """Exchange halves with ranks nearer and nearer, then put them together again; p is 2^k."""
    lo, hi, distance, path = 0, len(x), comm.world_size // 2, []
    while distance:
        partner = comm.rank ^ distance
        middle = (lo + hi) // 2
        mine = (lo, middle) if comm.rank < partner else (middle, hi)
        other = (middle, hi) if comm.rank < partner else (lo, middle)
        comm.send(x[slice(*other)], partner)
        x[slice(*mine)] += comm.recv(x.new_empty(mine[1] - mine[0]), partner)
        path.append((partner, mine, other))
        (lo, hi), distance = mine, distance // 2
    for partner, mine, other in reversed(path):
        comm.send(x[slice(*mine)], partner)
        x[slice(*other)] = comm.recv(x.new_empty(other[1] - other[0]), partner)
    return x


def doubling(comm: Mail, x: Tensor) -> Tensor:
    """Exchange the whole vector with ranks farther and farther away; p is 2^k."""
    distance = 1
    while distance < comm.world_size:
        partner = comm.rank ^ distance
        comm.send(x, partner)
        x = x + comm.recv(torch.empty_like(x), partner)
        distance *= 2
    return x


KNOWN: dict[str, Any] = {
    "a ring": ring_all_reduce, "a tree": tree_all_reduce,
    "halves, exchanged at distances p/2, …, 1 and back": halving,
    "whole vectors, exchanged at distances 1, 2, …, p/2": doubling,
}  # fmt: skip


def best_sum(p: int, n: int, n_bytes: int) -> Best:
    """Return the fastest of the known algorithms that keeps the memory target."""
    scores = [(name, play(known, p, n)) for name, known in KNOWN.items()]
    name, score = fastest_within(n_bytes, scores)
    return Best(name, score)


# ---- the two puzzles ----------------------------------------------------------------------------

P, LONG, SHORT = 8, 40_000, 16
TOOLS = (
    "`comm` has `rank`, `world_size`, `send(x, dst)` and `recv(x, src)`, which fills x and returns "
    "it. Each rank calls your function with a vector `x` of its own, and all must return the sum."
)


def text(number: int, story: str, n: int) -> str:
    """Return the text of a puzzle on a sum."""
    return (
        f"{story} {TOOLS}\n\n*Given*: {P} ranks, {n:,} numbers of 8 bytes on each, "
        f"{size(8 * n)}. {link_words(LINK)} A rank's messages leave one after the other. Adding "
        "takes no time. Memory: the vector, and letters that have arrived and are not yet "
        f"received.\n\n*Answer*: `def my_sum(comm, x): …`, then `puzzle({number}).check(my_sum)`"
    )


def knows_long(answer: Any, score: Score) -> str | None:
    """Remark on sums that gather at one rank, and on whole vectors."""
    if score.n_bytes > 4 * 8 * LONG:
        return "All vectors lie at one rank: it is the bottleneck. Give each rank a part to add up."
    if score.seconds > 2 * LINK.message(8 * LONG):
        return (
            f"One whole vector takes {duration(LINK.message(8 * LONG))}. Send parts of it: cut x "
            "in as many parts as there are ranks."
        )
    return None


long_targets = Targets(620e-6, 8 * LONG + 8 * LONG // 2)
long_sum = Puzzle(
    10, "A long sum",
    text(10, "Write an all-reduce of a long vector, for any number of ranks.", LONG),
    lambda answer: run_sum(answer, P, LONG, [(3, 10), (5, 7)], long_targets), long_targets,
    [
        "If one rank adds up all vectors, its link does most of the work. How can all links work "
        "at once?",
        "Cut x in p parts. Let the sum of each part come together on another rank; then everybody "
        "needs all parts.",
        "A ring: in each of p - 1 rounds send one part to the right, receive one from the left and "
        "add it. Then p - 1 rounds more that pass the finished parts on.",
    ],
    lambda: best_sum(P, LONG, long_targets.n_bytes), knows_long,
)  # fmt: skip


def knows_short(answer: Any, score: Score) -> str | None:
    """Remark on many rounds."""
    rounds = score.seconds / LINK.message(8 * SHORT)
    return (
        f"That is the time of {rounds:.0f} messages one after the other, and with so few numbers a "
        "message is nearly all latency. In how few rounds can every rank hear from all?"
    )


short_targets = Targets(7e-6, 8 * SHORT * 3)
short_sum = Puzzle(
    11, "A short sum",
    text(11, "The same for a short vector, as the loss. The number of ranks is a power of two.",
         SHORT),
    lambda answer: run_sum(answer, P, SHORT, [(4, 5), (2, 3)], short_targets), short_targets,
    [
        "Here latency is nearly all. Count rounds, not bytes.",
        "After one round a rank can know the sum of two, after two rounds of four.",
        "In round k exchange the sum so far with the rank whose number differs in bit k: "
        "comm.rank ^ 2**k.",
    ],
    lambda: best_sum(P, SHORT, short_targets.n_bytes), knows_short,
)  # fmt: skip
