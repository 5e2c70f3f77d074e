"""What a rank does with the time of a step: it computes, it communicates, or it is idle.

Communication that goes on while a rank computes costs it nothing, and counts as computing. So the
three make up the whole time:

    compute          the rank computes
    communication    it does not, and a message or a collective that it takes part in is under way
    idle             neither: it waits for what another rank has not begun to send, or it is done
"""

from collections import defaultdict
from typing import NamedTuple

from ..errors import CourseError
from .communicator import Event

Interval = tuple[float, float]


class TimeUse(NamedTuple):
    """Seconds of one rank; their sum is the time from the first event of all ranks to the last."""

    compute: float
    communication: float
    idle: float


def time_use(events: list[Event], world_size: int | None = None) -> list[TimeUse]:
    """Return what each rank did with its time, by rank.

    Args:
        events: of ranks in turn, whose clock is modelled.
        world_size: how many ranks; None: up to the last one that has an event.

    Raises:
        CourseError: for no events.
    """
    if not events:
        raise CourseError("there are no events to add up; run a program first, as InTurn(2).run(…)")
    count = world_size or max(event.rank for event in events) + 1
    begin = min(event.called for event in events)
    whole = max(event.end for event in events) - begin
    arrivals = {(e.label, e.end): e.start for e in events if e.kind == "send"}
    computing: defaultdict[int, list[Interval]] = defaultdict(list)
    talking: defaultdict[int, list[Interval]] = defaultdict(list)
    for event in events:
        if event.kind == "compute":
            computing[event.rank].append((event.start, event.end))
        elif event.kind == "recv":  # waited for, if it had not arrived when it was asked for
            sent = arrivals.get((event.label, event.end), event.end)
            talking[event.rank].append((max(event.called, sent), event.end))
        elif event.kind != "send":  # a send goes on beside what else the rank does
            talking[event.rank].append((event.start, event.end))
    found = []
    for rank in range(count):
        compute = length(computing[rank])
        busy = length(computing[rank] + talking[rank])
        found.append(TimeUse(compute, busy - compute, whole - busy))
    return found


def length(intervals: list[Interval]) -> float:
    """Return how long at least one of the intervals lasts."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
