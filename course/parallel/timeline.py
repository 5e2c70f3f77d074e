"""What happened on each rank, and when: drawn from recorded events, and from nothing else.

world = InTurn(4)
world.run(program)
print(timeline(world.events))
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..errors import CourseError, check_choice, check_count, shown
from ..files import write_bytes
from .communicator import Event

# by the first word of a label
LETTERS = {"forward": "F", "backward": "B", "input": "I", "weight": "W"}


@dataclass(frozen=True)
class Span:
    """A stretch of time of one rank.

    Attributes:
        kind: 'compute', 'talk' for a collective or the wait for a message, or 'send'. A send goes
            on beside what else the rank does.
        label: of the event.
        start, end: seconds since the first event of all ranks.
    """

    kind: str
    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """The spans of each rank.

    Attributes:
        ranks: the spans of rank r, by their start.
        end: when the last rank was done, in seconds.
        bytes_sent: by kind of message or collective, the sum over the ranks.
    """

    ranks: list[list[Span]]
    end: float
    bytes_sent: dict[str, float]

    def share(self, rank: int, kind: str) -> float:
        """Return the share of the whole time that a rank spends on a kind of span."""
        check_count("rank", rank, 0, len(self.ranks) - 1, "of this timeline")
        check_choice("kind", kind, ("compute", "talk", "send"))
        busy = sum(span.end - span.start for span in self.ranks[rank] if span.kind == kind)
        return busy / self.end if self.end else 0.0

    @property
    def idle(self) -> float:
        """The share of the time in which ranks do not compute, the mean over them."""
        computing = [self.share(rank, "compute") for rank in range(len(self.ranks))]
        return 1 - sum(computing) / len(computing)

    def draw(self, width: int = 72) -> str:
        """Return one line a rank: a letter for each computation, '-' for talk, '.' for nothing.

        Args:
            width: characters for the whole time, 10 to 1,000.
        """
        check_count("width", width, 10, 1000, "characters")
        lines = []
        for rank, spans in enumerate(self.ranks):
            line = ["."] * width
            for span in sorted(spans, key=lambda span: span.kind == "compute"):  # on top of talk
                first = round(span.start / self.end * width) if self.end else 0
                last = round(span.end / self.end * width) if self.end else 0
                if span.kind != "send":
                    line[first:last] = [letter(span)] * (min(last, width) - first)
            computing, talking = self.share(rank, "compute"), self.share(rank, "talk")
            lines.append(f"rank {rank:<3} {''.join(line)}  computes {computing:4.0%}, "
                         f"talks and waits {talking:4.0%}")  # fmt: skip
        return "\n".join(lines)

    def __str__(self) -> str:
        sent = ", ".join(f"{kind} {n:,.0f}" for kind, n in sorted(self.bytes_sent.items()))
        return f"{self.draw()}\n{self.end:.3g} s; bytes sent: {sent or 'none'}"

    def trace(self) -> dict:
        """Return the spans in the format of Chrome's and Perfetto's viewers, times in µs.

        Each rank has a line for what it does, and one for its sends, which go on beside it.

        Source: Trace Event Format (2016).
        """
        count = len(self.ranks)
        about = {"name": "process_name", "ph": "M", "pid": 0, "tid": 0, "args": {"name": "ranks"}}
        found: list[dict] = [about]
        for rank, spans in enumerate(self.ranks):
            lines = ((rank, f"rank {rank}"), (count + rank, f"rank {rank}, sends"))
            for place, (line, name) in enumerate(lines):
                at = {"ph": "M", "pid": 0, "tid": line}
                found.append({"name": "thread_name", **at, "args": {"name": name}})
                order = {"sort_index": 2 * rank + place}
                found.append({"name": "thread_sort_index", **at, "args": order})
            found += [
                {"name": span.label or span.kind, "cat": span.kind, "ph": "X", "pid": 0,
                 "tid": rank + count * (span.kind == "send"),
                 "ts": span.start * 1e6, "dur": (span.end - span.start) * 1e6}
                for span in spans
            ]  # fmt: skip
        return {"traceEvents": found, "displayTimeUnit": "ns"}

    def save_trace(self, path: str | Path) -> None:
        """Write `trace()` to a file that ui.perfetto.dev and chrome://tracing open.

        Raises:
            CourseError: when the file cannot be written.
        """
        try:
            write_bytes(json.dumps(self.trace(), allow_nan=False).encode(), path)
        except (OSError, TypeError, ValueError) as error:  # the last two: not a path
            raise CourseError(
                f"the trace cannot be saved as {shown(path)} ({error}); choose a file in a folder "
                "that exists and is yours"
            ) from error


def letter(span: Span) -> str:
    """Return the character that stands for a span in a drawing."""
    if span.kind == "talk":
        return "-"
    return LETTERS.get(span.label.split(" ")[0], "#")


def timeline(events: list[Event]) -> Timeline:
    """Return the timeline of recorded events.

    A collective is shown from when the rank has nothing else to do to its end: what it computes
    while a sum travels is work.

    Raises:
        CourseError: for no events.
    """
    if not events:
        raise CourseError("there are no events to draw; run a program first, as InTurn(2).run(…)")
    begin = min(event.called for event in events)
    ranks: list[list[Span]] = [[] for _ in range(max(event.rank for event in events) + 1)]
    sent: defaultdict[str, float] = defaultdict(float)
    worked: defaultdict[int, float] = defaultdict(lambda: begin)  # rank: end of its last work
    for event in events:  # of each rank in the order of its calls
        kind = event.kind if event.kind in ("compute", "send") else "talk"
        called = event.called
        if kind == "compute":
            worked[event.rank] = event.end
        elif kind == "talk":
            called = min(max(called, worked[event.rank]), event.end)
            worked[event.rank] = max(worked[event.rank], event.end)
        span = Span(kind, event.label or event.kind, called - begin, event.end - begin)
        ranks[event.rank].append(span)
        if event.kind not in ("compute", "recv", "barrier"):
            sent[event.kind] += event.size
    for spans in ranks:
        spans.sort(key=lambda span: span.start)
    return Timeline(ranks, max(event.end for event in events) - begin, dict(sent))
