"""What is stepped through in a tab: an all-reduce by its messages, a schedule by its units of time.

A walk knows its moments, and says and shows each; it needs no front end.
"""

import html

from course.errors import check_count
from course.parallel import Setup, make_schedule
from course.parallel.messages import powers, watch_all_reduce
from course.parallel.schedule_table import ScheduleTable
from course.parallel.schedules import micro_name
from course.parallel.setup import PIPELINES

from .words import count, share

SAID = 8  # ranks that are told of one by one
SHOWN = 90  # units of a table, at most: of a longer one, those around the present
DOES = {"F": "forward", "B": "backward", "I": "input gradient", "W": "weight gradient"}


class Walk:
    """Moments in a row.

    Attributes:
        position: the moment on show, from 0.
        last: the last one.
    """

    position, last = 0, 0

    def go(self, position: int) -> None:
        """Show a moment.

        Raises:
            CourseError: for one that is not there.
        """
        self.position = check_count("position", position, 0, self.last, "a moment of this walk")

    def words(self) -> str:
        """Return the moment in a sentence or two."""
        raise TypeError(f"{type(self).__name__} does not describe itself")

    def html(self) -> str:
        """Return the moment as a table."""
        raise TypeError(f"{type(self).__name__} does not describe itself")


class CollectiveWalk(Walk):
    """An all-reduce of one number a rank and part, message by message.

    Rank r starts with 10 to the r everywhere, so the digits of a sum tell whose numbers are in it.

    Args:
        algorithm: 'ring' or 'tree'.
        ranks: 2 to 8.

    Raises:
        CourseError: for others.
    """

    def __init__(self, algorithm: str = "ring", ranks: int = 4):
        ranks = check_count("ranks", ranks, 2, 8, "to be seen at once")
        self.moments = watch_all_reduce(algorithm, powers(ranks))
        self.algorithm, self.ranks, self.last = algorithm, ranks, len(self.moments) - 1

    def words(self) -> str:
        message, held, whole = self.moments[self.position]
        messages = [moment.message for moment in self.moments if moment.message]
        rounds = messages[-1].round
        numbers = sum(len(one.values) for one in messages[: self.position])
        if message is None:
            said = (f"{self.algorithm} all-reduce on {self.ranks} ranks: {self.last} messages in "
                    f"{rounds} rounds. Rank r has 10 to the r everywhere; the sum is "
                    f"{'1' * self.ranks}.")  # fmt: skip
        else:
            values = ", ".join(f"{v:.0f}" for v in message.values)
            last = message.first + len(message.values) - 1
            place = f"place {message.first}" + (f" to {last}" if last > message.first else "")
            does = "adds it" if message.is_added else "takes it in place of its own"
            said = (f"Message {self.position} of {self.last}, round {message.round} of {rounds}: "
                    f"rank {message.src} sends {values} of {place} to rank {message.dst}, which "
                    f"{does}.")  # fmt: skip
        done = int(whole.sum())
        return (f"{said} Sent so far: {count(numbers, 'number')}; complete: {done} of "
                f"{whole.numel()}.")  # fmt: skip

    def html(self) -> str:
        message, held, whole = self.moments[self.position]
        places = range(held.shape[1])
        head = "".join(f"<th scope='col'>place {k}</th>" for k in places)
        rows = ""
        for rank in range(self.ranks):
            cells = ""
            for k in places:
                style = ["face-sum"] if whole[rank, k] else []
                if message and message.first <= k < message.first + len(message.values):
                    style += ["face-sent"] * (rank == message.src)
                    style += ["face-got"] * (rank == message.dst)
                cells += cell(f"{held[rank, k]:.0f}", style)
            rows += f"<tr><th scope='row'>rank {rank}</th>{cells}</tr>"
        head = f"<tr><td class='face-none'></td>{head}</tr>"
        return scrolled("what each rank has", f"<table><thead>{head}</thead>{rows}</table>")


class ScheduleWalk(Walk):
    """A pipeline's schedule, unit of time by unit.

    Args:
        setup: whose schedule it is; of a strategy without one, that of a pipeline on as many ranks.

    Raises:
        CourseError: for numbers that do not fit.
    """

    def __init__(self, setup: Setup):
        self.is_used = setup.strategy in PIPELINES
        self.name, self.m, self.v = setup.schedule, setup.micro_batches, setup.chunks
        self.p = setup.depth if self.is_used else setup.ranks
        if not self.is_used and self.name == "interleaved":  # whose numbers may not fit then
            self.name, self.v = "1f1b", 1
        self.table = ScheduleTable(make_schedule(self.name, self.p, self.m, self.v))
        self.last = self.table.span - 1

    def label(self, micro: int, chunk: int) -> str:
        """Return the name of a micro-batch; with several stages a rank, also which."""
        return micro_name(micro, chunk, self.v)

    def words(self) -> str:
        table, unit = self.table, self.position
        does, keeps = [], []
        for rank in range(self.p):
            now = table.at(rank, unit)
            what = f"{DOES[now.action.kind]} {self.label(*now.action[1:])}" if now else "waits"
            does.append(f"rank {rank} {what}")
            kept = table.in_flight(rank, unit)
            names = ", ".join(self.label(*one) for one in kept) or "none"
            keeps.append(f"rank {rank}: {names} (at most {table.most[rank]})")
        if self.p > SAID:
            busy = sum(table.at(rank, unit) is not None for rank in range(self.p))
            does = [f"{count(busy, 'rank')} at work, {self.p - busy} waiting"]
            keeps = [f"at most {max(table.most)} on a rank"]
        waits = sum(table.at(r, u) is None for r in range(self.p) for u in range(unit + 1))
        so_far = share(waits / (self.p * (unit + 1)))
        start = (
            "" if self.is_used else "This strategy has no schedule; a pipeline would have this. "
        )
        return (f"{start}{self.name} on {count(self.p, 'rank')}, {self.m} micro-batches, unit "
                f"{unit + 1} of {table.span}: {'; '.join(does)}. In flight: {'; '.join(keeps)}. "
                f"Idle until here: {so_far}; of the whole: {share(table.idle)}.")  # fmt: skip

    def html(self) -> str:
        head = "".join(f"<th scope='col'>{name}</th>" for name in ("rank", "in flight"))
        rows = ""
        for rank in range(self.p):
            kept = self.table.in_flight(rank, self.position)
            names = " ".join(self.label(*one) for one in kept)
            flight = cell(f"{len(kept)}: {names}".removesuffix(": "), ["face-none"])
            rows += f"<tr><th scope='row'>rank {rank}</th>{flight}{''.join(self._cells(rank))}</tr>"
        head = f"<thead><tr>{head}</tr></thead>"
        return scrolled("the schedule", f"<table>{head}{rows}</table>")

    def _cells(self, rank: int) -> list[str]:
        first = max(0, min(self.position - SHOWN // 3, self.last + 1 - SHOWN))
        found, unit = [], first
        while unit <= min(self.last, first + SHOWN - 1):
            now = self.table.at(rank, unit)
            stop = now.stop if now else unit + 1
            style = [f"face-{now.action.kind}"] if now else []
            style += ["face-now"] if unit <= self.position < stop else []
            style += ["face-later"] if unit > self.position else []
            words = f"{now.action.kind}{self.label(*now.action[1:])}" if now else ""
            found.append(cell(words, style, stop - unit))
            unit = stop
        return found


def scrolled(name: str, content: str) -> str:
    """Return content that keys can scroll when it is wider than the page."""
    return (
        f"<div class='face-scroll' tabindex='0' role='region' aria-label='{name}'>{content}</div>"
    )


def cell(words: str, style: list[str], wide: int = 1) -> str:
    span = f" colspan='{wide}'" if wide > 1 else ""
    return f"<td class='{' '.join(style)}'{span}>{html.escape(words)}</td>"
