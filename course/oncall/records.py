"""What a drill writes down: readings, checkpoints, and what really happened."""

import hashlib
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from .faults import Fault


class Reading(NamedTuple):
    """What the instruments show after a step, or after a moment in which nothing ran."""

    clock: float
    """When it ended, in seconds."""
    took: float
    """Seconds."""
    batch: int | None
    """The number of the batch; None: nothing ran."""
    loss: float
    """Of the batch."""
    norm: float
    """‖g‖₂ after the reduction: the same on each rank."""
    norms: tuple[float, ...]
    """By slot, before the reduction; NaN also where there is no rank."""
    seconds: tuple[float, ...]
    """By slot: how long it computed; NaN where there is no rank."""
    ranks: tuple[int, ...]
    """The slots with a rank."""


@dataclass
class Checkpoint:
    """What a restart can begin from."""

    batch: int
    """The first batch that is not in it."""
    clock: float
    """When it was written."""
    content: bytes = field(repr=False)
    digest: str = field(repr=False)
    steps: int = field(repr=False)
    marks: dict[int, int] = field(repr=False)
    known: bool | None = None
    """Whether it is as it was written; None: nobody has looked."""

    def is_whole(self) -> bool:
        """Compare its bytes with the digest that was written."""
        return hashlib.sha256(self.content).hexdigest() == self.digest


@dataclass
class Struck:
    """A fault that has struck: what really happened."""

    fault: Fault
    clock: float
    words: str


def is_finite(reading: Reading) -> bool:
    """Return whether loss and gradient are numbers."""
    return math.isfinite(reading.loss) and math.isfinite(reading.norm)
