"""An all-reduce message by message: what each rank holds after every one of them.

Nothing is acted out: the functions of `collectives` run on ranks in turn, and what they send is
written down.

    moments = watch_all_reduce("ring", powers(4))
    print(moments[3].held)  # (ranks, n), after the third message
"""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CourseError, check_choice, check_count
from .collectives import ring_all_reduce, tree_all_reduce
from .communicator import Communicator
from .in_turn import Costs, InTurn

ALGORITHMS: dict[str, Callable[..., Tensor]] = {"ring": ring_all_reduce, "tree": tree_all_reduce}
MOST_RANKS = 8  # each has a digit of its own, and a float holds eight of them
ROUNDS = Costs(latency=1.0, bandwidth=1e18)  # the clock counts rounds
NUMBERS = 32  # of a rank: each is to be seen


class Message(NamedTuple):
    """Numbers on their way."""

    round: int
    """From 1, when it is received; messages of one round do not wait for each other."""
    src: int
    """The rank that sends."""
    dst: int
    """The rank that receives."""
    first: int
    """The place of the first number in the vector."""
    values: list[float]
    """The numbers."""
    is_added: bool
    """Whether they are added to what the receiver has; else they replace it."""


class Moment(NamedTuple):
    """What is there after a message has arrived."""

    message: Message | None
    """The one that has just arrived; None at the start."""
    held: Tensor
    """(ranks, n): row r is what rank r has."""
    whole: Tensor
    """(ranks, n), bool: whether that number is the sum over all ranks already."""


def powers(ranks: int, n: int | None = None) -> Tensor:
    """Return (ranks, n) numbers whose sums tell what is in them: all of rank r are 10 to the r.

    Args:
        ranks: 1 to 8.
        n: numbers of each; None: one for each rank.

    Raises:
        CourseError: for numbers out of range.
    """
    ranks = check_count("ranks", ranks, 1, MOST_RANKS, "each has a digit of its own")
    n = ranks if n is None else check_count("n", n, 1, NUMBERS, "numbers of a rank")
    return (10.0 ** torch.arange(ranks, dtype=torch.float64))[:, None].repeat(1, n)


def watch_all_reduce(algorithm: str, vectors: Tensor) -> list[Moment]:
    """Return the start, and what is there after each message, in the order of the rounds.

    Args:
        algorithm: 'ring' or 'tree'.
        vectors: (ranks, n): what each rank has at first; 1 to 8 ranks, up to 32 numbers.

    Raises:
        CourseError: for another name or shape.
    """
    reduce = ALGORITHMS[check_choice("algorithm", algorithm, ALGORITHMS)]
    if not isinstance(vectors, Tensor) or vectors.ndim != 2:
        raise CourseError("vectors must be a (ranks, n) tensor; take powers(4)")
    check_count("ranks", len(vectors), 1, MOST_RANKS, "rows of vectors")
    check_count("n", vectors.shape[1], 1, NUMBERS, "numbers of a rank")
    world = InTurn(len(vectors), ROUNDS)

    def program(comm: Communicator) -> list[tuple]:
        return watched(comm, reduce, vectors[comm.rank].clone())

    logs = world.run(program)
    sent: defaultdict[tuple, deque] = defaultdict(deque)
    for src, log in enumerate(logs):
        for kind, dst, *letter in log:
            if kind == "send":
                sent[src, dst].append(letter)
    received = []
    for dst, log in enumerate(logs):
        ends = [round(e.end) for e in world.events if e.kind == "recv" and e.rank == dst]
        receipts = [entry for entry in log if entry[0] == "recv"]
        for end, (_, src, after) in zip(ends, receipts, strict=True):
            received.append((end, src, dst, *sent[src, dst].popleft(), after))
    received.sort(key=lambda receipt: receipt[:2])  # of one round, by who sends
    return replay(vectors, received)


def watched(comm: Communicator, reduce: Callable, x: Tensor) -> list[tuple]:
    """Run an all-reduce of x on a rank; return what it sent, and what x was after each receipt."""
    log: list[tuple] = []
    send, recv = comm.send, comm.recv
    waiting: list[int] = []

    def settle() -> None:  # what was received has been used when the rank speaks again
        for at in waiting:
            log[at] = ("recv", log[at][1], x.clone())
        waiting.clear()

    def sends(out, dst, label="", tag=0):
        settle()
        log.append(("send", dst, out.storage_offset(), out.tolist()))
        send(out, dst, label, tag)

    def receives(into, src, label="", tag=0):
        settle()
        found = recv(into, src, label, tag)
        waiting.append(len(log))
        log.append(("recv", src, None))
        return found

    comm.send, comm.recv = sends, receives  # type: ignore[method-assign]
    reduce(comm, x)
    settle()
    return log


def replay(vectors: Tensor, received: list[tuple]) -> list[Moment]:
    """Return the moments of (round, from, to, first place, values, what the receiver has then)."""
    held, total = vectors.clone(), vectors.sum(0)
    moments = [Moment(None, held.clone(), torch.isclose(held, total))]
    for end, src, dst, first, values, after in received:
        part = slice(first, first + len(values))
        is_added = torch.equal(after[part], held[dst][part] + held.new_tensor(values))
        held[dst] = after
        message = Message(end, src, dst, first, values, is_added)
        moments.append(Moment(message, held.clone(), torch.isclose(held, total)))
    return moments
