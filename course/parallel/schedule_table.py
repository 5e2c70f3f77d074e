"""A pipeline's schedule as a table: what each rank works on in each unit of time, what it keeps.

table = ScheduleTable(make_schedule("1f1b", 4, 8))
table.rows[0], table.in_flight(0, 5), table.idle
"""

from typing import NamedTuple

from ..errors import check_count
from .schedules import Action, Schedule, time_schedule

UNITS = {"F": 1, "I": 1, "W": 1, "B": 2}


class Cell(NamedTuple):
    """An action, and its units of time: from `start` up to `stop`, which is the next one's."""

    action: Action
    start: int
    stop: int


class ScheduleTable:
    """A schedule on a clock of whole units: F, I and W take one, B two; messages take no time.

    Args:
        schedule: of `make_schedule`.

    Attributes:
        rows: the cells of each rank, by time.
        span: units until the last rank is done.
        idle: the share of the span in which ranks wait: the bubble.
        most: the most micro-batches that each rank keeps at a time.

    Raises:
        CourseError: for a schedule that never ends.
    """

    def __init__(self, schedule: Schedule):
        timing = time_schedule(schedule, UNITS)
        self.span, self.idle, self.most = int(timing.span), timing.idle, timing.in_flight
        self.rows = [
            [Cell(action, int(start), int(start) + UNITS[action.kind])
             for action, start in zip(actions, starts, strict=True)]
            for actions, starts in zip(schedule, timing.starts, strict=True)
        ]  # fmt: skip
        self.ends = "W" if any(a.kind == "W" for a in schedule[0]) else "B"

    def at(self, rank: int, unit: int) -> Cell | None:
        """Return what a rank works on in a unit of time; None: it waits.

        Raises:
            CourseError: for a rank or a unit that is not there.
        """
        self._check(rank, unit)
        return next((c for c in self.rows[rank] if c.start <= unit < c.stop), None)

    def in_flight(self, rank: int, unit: int) -> list[tuple[int, int]]:
        """Return (micro-batch, chunk) of all whose activations a rank keeps in a unit of time.

        They are kept from the start of F to the end of B, or of W where backward is split.

        Raises:
            CourseError: for a rank or a unit that is not there.
        """
        self._check(rank, unit)
        begun = {c.action[1:] for c in self.rows[rank] if c.action.kind == "F" and c.start <= unit}
        over = {c.action[1:] for c in self.rows[rank]
                if c.action.kind == self.ends and c.stop <= unit}  # fmt: skip
        return sorted(begun - over)

    def _check(self, rank: int, unit: int) -> None:
        check_count("rank", rank, 0, len(self.rows) - 1, "of this schedule")
        check_count("unit", unit, 0, self.span - 1, "of the time that the schedule takes")
