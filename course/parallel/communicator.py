"""What ranks say to each other: the operations that every strategy is written against.

A rank is one of `world_size` devices that train together. `in_turn` runs all ranks in one process,
one at a time; `processes` runs each in a process of its own. A strategy cannot tell them apart.
"""

from typing import NamedTuple, Protocol, Self

from torch import Tensor

from ..errors import CourseError, check_count, shown

MOST = 2**62  # numbers, bytes
MOST_PARTS = 10**6


class Event(NamedTuple):
    """What one rank did, on the clock of the cost model or, among processes, of the wall.

    Attributes:
        rank: of the whole world.
        kind: 'compute', 'send', 'recv', or the name of a collective.
        label: what it was for, as 'forward 3'.
        size: FLOPs of a computation; else the bytes that this rank sends, see `bytes_sent`.
        called: when the rank asked for it, in seconds.
        start: when the work or the transfer began: for a collective, when the last rank had come;
            among processes, which cannot see that, when this rank asked.
        end: when it was done.
    """

    rank: int
    kind: str
    label: str
    size: float
    called: float
    start: float
    end: float


class Pending(Protocol):
    """A collective that goes on while its rank computes."""

    def wait(self) -> Tensor:
        """Return the result, when it is there."""


class Communicator(Protocol):
    """The ranks of a group as one of them sees it. Each rank calls the same collectives in order.

    Attributes:
        rank: the number of this rank in the group, from 0.
        world_size: how many ranks the group has.
    """

    rank: int
    world_size: int

    def all_reduce(self, x: Tensor, label: str = "") -> Tensor:
        """Replace x, of any shape, by its sum over the ranks, the same bits on each; return it."""

    def start_all_reduce(self, x: Tensor, label: str = "") -> Pending:
        """Begin an `all_reduce`; x is not touched until its `wait`."""

    def reduce_scatter(self, x: Tensor, label: str = "") -> Tensor:
        """Return this rank's rows of the sum of x: (n, …) over the ranks, cut as `cuts` gives."""

    def all_gather(self, part: Tensor, n: int, label: str = "") -> Tensor:
        """Return (n, …): the rows of all ranks in their order, their numbers as `cuts` gives."""

    def broadcast(self, x: Tensor, root: int = 0, label: str = "") -> Tensor:
        """Replace x, of any shape, by that of one rank; return it."""

    def send(self, x: Tensor, dst: int, label: str = "", tag: int = 0) -> None:
        """Send x, of any shape, to a rank. It does not wait; x may change at once."""

    def recv(self, x: Tensor, src: int, label: str = "", tag: int = 0) -> Tensor:
        """Fill x with the next tensor that a rank sent here under this tag; return it.

        It must have the shape and type that was sent; only ranks in turn can check that.
        """

    def barrier(self) -> None:
        """Wait until each rank has come here."""

    def split(self, groups: list[list[int]]) -> Self:
        """Return the group that this rank is in; `groups` holds each rank of this one once."""

    def compute(self, label: str, flops: int) -> None:
        """Note that this rank has just computed so much."""


def cuts(n: int, parts: int) -> list[slice]:
    """Cut n numbers into parts whose lengths differ by at most one, the longer ones first.

    `torch.tensor_split` cuts so.

    Raises:
        CourseError: for a negative n, and for fewer than one part.
    """
    if not (type(n) is type(parts) is int and 0 <= n <= MOST and 1 <= parts <= MOST_PARTS):
        n = check_count("n", n, 0, MOST, "numbers to cut")
        parts = check_count("parts", parts, 1, MOST_PARTS, "as cuts(10, 4)")
    ends = [(n // parts) * i + min(i, n % parts) for i in range(parts + 1)]
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def bytes_sent(kind: str, n_bytes: int, world_size: int) -> float:
    """Return how many bytes a rank sends in a collective on n_bytes, in the ring algorithm.

    all_reduce: 2(p - 1)/p · n; reduce_scatter, all_gather and broadcast (as a pipeline): half of
    it. It is the mean over the ranks: parts differ when p does not divide n, and the last rank of a
    broadcast sends nothing.

    Raises:
        CourseError: for a negative number of bytes, and for fewer than one rank.

    Source: Patarasuk & Yuan (2009).
    """
    whole = type(n_bytes) is type(world_size) is int
    if not (whole and n_bytes >= 0 and world_size >= 1):  # else it costs nothing
        n_bytes = check_count("n_bytes", n_bytes, 0, MOST, "of the whole vector")
        world_size = check_count("world_size", world_size, 1, MOST_PARTS, "ranks")
    if kind == "barrier":
        return 0.0
    return (2 if kind == "all_reduce" else 1) * n_bytes * (world_size - 1) / world_size


def check_groups(groups: list[list[int]], world_size: int) -> list[list[int]]:
    """Return the groups of a `split`, each in the order of its ranks.

    Raises:
        CourseError: unless each rank is in one of them.
    """
    lists = isinstance(groups, list) and all(isinstance(g, list) and g for g in groups)
    ranks = [r for group in groups for r in group] if lists else []
    if sorted(ranks, key=str) != sorted(range(world_size), key=str):
        raise CourseError(
            f"split({shown(groups)}): each rank from 0 to {world_size - 1} must be in one group"
        )
    return [sorted(group) for group in groups]


def check_part(part: Tensor, n: int, rank: int, world_size: int) -> slice:
    """Return which rows of an `all_gather` of n are this rank's.

    Raises:
        CourseError: for a part with another number of rows.
    """
    mine = cuts(n, world_size)[rank]
    if len(part) != mine.stop - mine.start:
        raise CourseError(
            f"all_gather of {n} rows got {len(part)} on rank {rank} of {world_size}; allowed: "
            f"{mine.stop - mine.start}, as `cuts` gives"
        )
    return mine
