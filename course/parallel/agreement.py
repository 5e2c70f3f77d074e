"""All ranks fail together: what one of them cannot do is an error on each, before the first step.

A rank that gave up alone would leave the others waiting for it.
"""

import hashlib

import torch
from torch import Tensor

from ..errors import CourseError
from .communicator import Communicator

LONG = 1000  # bytes of a sentence that travels
LABEL = "run"  # of collectives that are no part of a training step


class Agreed(CourseError):
    """An error that every rank raises: one of them may tell it for all."""


def agree(
    comm: Communicator, problem: Exception | None, facts: dict[str, str] | None = None
) -> None:
    """Go on only if no rank has a problem, and all were told the same. Every rank calls it.

    Args:
        comm: all ranks.
        problem: what is wrong on this one; None: nothing.
        facts: what must be the same on each rank, by its name; None on a rank with a problem.

    Raises:
        Agreed: on each rank in the same words.
    """
    words = gather_words(comm, "" if problem is None else str(problem))
    bad = [rank for rank, said in enumerate(words) if said]
    if bad:
        where = "" if len(set(words)) == 1 else f" (on rank {bad[0]} of {comm.world_size})"
        raise Agreed(words[bad[0]] + where) from problem
    for name, value in (facts or {}).items():
        found = gather_words(comm, hashlib.sha256(value.encode()).hexdigest())
        other = [rank for rank, digest in enumerate(found) if digest != found[0]]
        if other:
            raise Agreed(
                f"ranks were given different {name}: that of rank {other[0]} is not that of rank "
                "0; hand the same command and the same files to each"
            )


def gather_words(comm: Communicator, words: str) -> list[str]:
    """Return what each rank says, by rank, cut to `LONG` bytes."""
    row = torch.zeros(1, LONG, dtype=torch.uint8)
    content = words.encode()[:LONG]
    if content:
        row[0, : len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    rows = comm.all_gather(row, comm.world_size, LABEL)
    return [_words(row) for row in rows]


def _words(row: Tensor) -> str:
    return bytes(row.tolist()).rstrip(b"\0").decode(errors="ignore")
