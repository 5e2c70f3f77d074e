"""What a run over many ranks leaves in its folder: `result.json` and `theta.pt`."""

import io
import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ..errors import CourseError, shown
from ..files import write_bytes
from .agreement import LABEL, gather_words
from .communicator import Communicator, Event

KINDS = ("all_reduce", "reduce_scatter", "all_gather", "broadcast", "send")
BESIDE = ("whole", LABEL)  # labels of what is no part of a training step


@dataclass(frozen=True)
class RunResult:
    """The result of a run. A number that is not finite is None in `result.json`, and here."""

    losses: list
    """Of each step's batch."""
    train: dict
    """{'loss': …, 'accuracy': …} on the training rows, at the end; of a regression no accuracy."""
    test: dict
    """The same on the test rows."""
    bytes_sent: dict
    """By kind of message, over all ranks and steps, as `communicator.bytes_sent` counts."""
    strategy: str
    """See `Job`."""
    options: dict
    """See `Job`."""
    engine: str
    """See `Job`."""
    device: str
    """See `Job`."""
    world_size: int
    """How many ranks."""
    versions: dict
    """Of the course, torch and the machine."""
    seconds: list = field(repr=False, compare=False)
    """Of each step that this run did, by the wall clock, on rank 0."""
    theta: Tensor = field(repr=False, compare=False)
    """The weights (P,), in the order of one process."""

    def save(self, folder: Path) -> None:
        """Write both files, each whole or not at all; `result.json` is the last.

        Raises:
            CourseError: when they cannot be written.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "theta"}
        content = io.BytesIO()
        torch.save(self.theta, content)
        try:
            write_bytes(content.getvalue(), folder / "theta.pt")
            text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False)
            write_bytes(text.encode(), folder / "result.json")
        except OSError as error:
            raise CourseError(
                f"the result cannot be written to {shown(str(folder))} ({error}); make room, or "
                "choose another --out"
            ) from error

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return what `save` wrote.

        Raises:
            CourseError: when it is not there, or is damaged.
        """
        try:
            values = json.loads(Path(folder, "result.json").read_text("utf-8"))
            theta = torch.load(Path(folder, "theta.pt"), weights_only=True, map_location="cpu")
            return cls(theta=theta, **values)
        except Exception as error:  # a damaged file can fail in any way
            raise CourseError(
                f"{shown(str(folder))} holds no result that can be read ({type(error).__name__}: "
                f"{str(error)[:100]}); run again"
            ) from error


def finite(number: float) -> float | None:
    """Return a number as JSON has it: None for NaN and infinity."""
    return float(number) if math.isfinite(number) else None


class Tally:
    """Counts the bytes of a run's messages, by kind.

    Args:
        events: of this rank among processes; of all ranks, or of none, among ranks in turn. They
            are counted and let go.
        before: what was counted before the run was resumed, on one rank.
    """

    def __init__(self, events: list[Event], before: dict[str, float] | None = None):
        self.events = events
        self.counts = dict.fromkeys(KINDS, 0.0) | (before or {})

    def take(self) -> None:
        """Count what has happened since the last call."""
        for event in self.events:
            if event.kind in self.counts and event.label not in BESIDE:
                self.counts[event.kind] += event.size
        self.events.clear()

    def total(self, comm: Communicator) -> dict[str, int]:
        """Return the sums over the ranks; every rank calls it."""
        comm.barrier()  # now each has done its last step
        self.take()
        return total(comm, self.counts)


def total(comm: Communicator, counts: dict[str, float]) -> dict[str, int]:
    """Return the sums of every rank's counts by name, those above 0; every rank calls it."""
    found = [json.loads(words) for words in gather_words(comm, json.dumps(counts))]
    names = dict.fromkeys([*KINDS, *sorted({name for one in found for name in one})])
    sums = {name: round(sum(one.get(name, 0.0) for one in found)) for name in names}
    return {name: count for name, count in sums.items() if count}
