"""All-reduce written out with messages: by a ring, and by a tree.

Both replace x by its sum over the ranks. They differ in what they cost, on p ranks and n bytes:

    ring    2(p - 1) messages of n/p bytes a rank: 2(p - 1)(α + n/p · β); best for long vectors
    tree    2⌈log₂ p⌉ rounds of n bytes: 2⌈log₂ p⌉(α + n · β); best for short ones

Source: Patarasuk & Yuan (2009) for the ring; Thakur, Rabenseifner & Gropp (2005) for both.
"""

from torch import Tensor

from ..errors import CourseError
from ..states import shown_part
from .communicator import Communicator, cuts


def ring_all_reduce(comm: Communicator, x: Tensor, label: str = "ring") -> Tensor:
    """Replace x: (n,) by its sum over the ranks, the same bits on each; return it.

    First each part of x goes round and is added to on its way: then rank r has the whole sum of
    part r + 1. Then the finished parts go round once more.

    Raises:
        CourseError: for another shape.
    """
    check_vector("ring_all_reduce", x)
    p, rank = comm.world_size, comm.rank
    parts = [x[cut] for cut in cuts(len(x), p)]
    right, left = (rank + 1) % p, (rank - 1) % p
    for finished in (False, True):
        for i in range(p - 1):
            out, into = parts[(rank - i + finished) % p], parts[(rank - i - 1 + finished) % p]
            comm.send(out, right, label)
            letter = comm.recv(into.new_empty(len(into)), left, label)
            into.copy_(letter) if finished else into.add_(letter)
    return x


def tree_all_reduce(comm: Communicator, x: Tensor, label: str = "tree") -> Tensor:
    """Replace x: (n,) by its sum over the ranks, the same bits on each; return it.

    Sums go up a binary tree to rank 0, and the result comes down again. In the round with distance
    d, each rank that is a multiple of 2d has a child at rank + d.

    Raises:
        CourseError: for another shape.
    """
    check_vector("tree_all_reduce", x)
    p, rank = comm.world_size, comm.rank
    distances = [2**k for k in range((p - 1).bit_length())]
    for d in distances:
        if rank % (2 * d) == d:
            comm.send(x, rank - d, label)
            break
        if rank + d < p:
            x.add_(comm.recv(x.new_empty(len(x)), rank + d, label))
    for d in reversed(distances):
        if rank % (2 * d) == d:
            comm.recv(x, rank - d, label)
        elif rank % (2 * d) == 0 and rank + d < p:
            comm.send(x, rank + d, label)
    return x


def check_vector(name: str, x: object) -> None:
    """Raise `CourseError` for what is not a vector."""
    if not isinstance(x, Tensor) or x.ndim != 1:
        raise CourseError(
            f"{name} got {shown_part(x)}; it takes a tensor (n,); flatten it with x.view(-1)"
        )
