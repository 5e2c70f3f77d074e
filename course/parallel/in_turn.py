"""All ranks in one process, one at a time: real tensors, counted bytes, a clock that is modelled.

One rank runs at a time, until it has to wait for another one (see `turns`). So a run is the same
each time, and when no rank can go on it says who waits for whom.

    InTurn(4).run(program)  # calls program(comm) on each rank, returns the four results
"""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import CourseError, check_count, check_number, shown
from .communicator import MOST, Event, bytes_sent, check_groups, check_part, cuts
from .turns import Turns

MOST_RANKS = 256  # each has tensors of its own


@dataclass(frozen=True)
class Costs:
    """The α–β model: a message of n bytes takes α + n·β. The defaults are a guess at one link.

    Attributes:
        latency: α, seconds a message.
        bandwidth: 1/β, bytes a second.
        flops_per_second: of one rank.

    Source: Hockney (1994).
    """

    latency: float = 5e-6
    bandwidth: float = 5e10
    flops_per_second: float = 1e13

    def __post_init__(self):
        check_number("latency", self.latency, 0, 1e3, "seconds a message")
        check_number("bandwidth", self.bandwidth, 1, 1e18, "bytes a second")
        check_number("flops_per_second", self.flops_per_second, 1, 1e21, "of one rank")

    def message(self, n_bytes: int) -> float:
        """Return the seconds that one message takes."""
        return self.latency + n_bytes / self.bandwidth

    def collective(self, kind: str, n_bytes: int, world_size: int) -> float:
        """Return the seconds of a collective in the ring algorithm; a barrier is one message.

        A broadcast is passed on from rank to rank in small pieces: all n bytes cross each link.
        """
        if world_size == 1:
            return 0.0
        rounds = {"all_reduce": 2 * (world_size - 1), "barrier": 1}.get(kind, world_size - 1)
        sent = n_bytes if kind == "broadcast" else bytes_sent(kind, n_bytes, world_size)
        return rounds * self.latency + sent / self.bandwidth


class InTurn:
    """A world of ranks in one process.

    Args:
        world_size: how many, 1 to 256.
        costs: of messages and of computation, for the clock.

    Attributes:
        events: what each rank did, in the order of its calls; grows from run to run, `clear()` it.

    Raises:
        CourseError: for a world of another size.
    """

    def __init__(self, world_size: int, costs: Costs | None = None):
        self.world_size = check_count(
            "world_size", world_size, 1, MOST_RANKS, "ranks in one process"
        )
        if not isinstance(costs, Costs | None):
            raise CourseError(f"costs = {shown(costs)}; allowed: Costs(…), or None")
        self.costs = costs or Costs()
        self.events: list[Event] = []

    def run(self, program: Callable[..., Any], *args) -> list:
        """Call program(communicator, *args) on each rank and return what it returned, by rank.

        Raises:
            CourseError: when program is not a function, no rank can go on, or ranks call different
                collectives.
            Exception: the first one that a rank raised, with a note that names the rank.
        """
        if not callable(program):
            raise CourseError(f"program = {shown(program)}; allowed: a function of a communicator")
        turns = Turns()
        post = Post(turns, self.costs, self.events)
        results: list = [None] * self.world_size

        def rank(r: int) -> None:
            try:
                results[r] = program(Rank(post, tuple(range(self.world_size)), r), *args)
            except BaseException as error:
                if self.world_size > 1:
                    error.add_note(f"on rank {r} of {self.world_size}")
                raise

        turns.play([partial(rank, r) for r in range(self.world_size)])
        post.check_over()
        return results


@dataclass
class Meeting:
    """One collective: who has come, with what, and when."""

    kind: str
    asked: tuple
    """What each rank must ask for in the same way: the kind, shape, type, root."""
    came: dict[int, float] = field(default_factory=dict)
    """Rank: when it came."""
    parts: dict[int, Tensor] = field(default_factory=dict)
    """Rank: what it brought; let go when the result is there."""
    result: Any = None
    n_bytes: int = 0
    sent: float = 0.0
    start: float = 0.0
    end: float = 0.0


def words_of(asked: tuple) -> str:
    """Return how messages call a collective."""
    kind, shape, dtype, root = asked
    source = "" if root is None else f" from {root}"
    return f"{kind} of {list(shape)} {str(dtype).removeprefix('torch.')}{source}"


class Post:
    """What the ranks of one run share: letters under way, meetings, clocks."""

    def __init__(self, turns: Turns, costs: Costs, events: list[Event]):
        self.turns, self.costs, self.events = turns, costs, events
        self.letters: defaultdict = defaultdict(deque)  # (group, from, to, tag): (tensor, arrival)
        self.meetings: dict = {}  # (group, number of the call): those that are not over
        begin = max((event.end for event in events), default=0.0)  # after an earlier run
        self.clock: defaultdict[int, float] = defaultdict(lambda: begin)  # rank: now
        self.wire: defaultdict[int, float] = defaultdict(lambda: begin)  # when its link is free

    def check_over(self) -> None:
        """Raise `CourseError` for what one rank began, and another never took part in."""
        for (_, group, _), meeting in self.meetings.items():
            gone = [group[r] for r in range(len(group)) if r not in meeting.came]
            came = group[next(iter(meeting.came))]
            began = words_of(meeting.asked)
            raise CourseError(f"rank {came} began {began}, and rank {gone[0]} never came")
        for (_, group, src, dst, _), box in self.letters.items():
            if box:
                raise CourseError(f"rank {group[src]} sent to {group[dst]}, which never received")


class Rank:
    """A `Communicator` among ranks in turn.

    Args:
        post: what they share.
        group: the ranks of the group, by their numbers in the world.
        rank: this one's number in the group.
        place: which of all splits made the group: other groups of the same ranks are others.
    """

    def __init__(self, post: Post, group: tuple[int, ...], rank: int, place: tuple = ()):
        self.post, self.group, self.rank, self.place = post, group, rank, place
        self.world_size, self.me = len(group), group[rank]
        self.calls = self.splits = 0  # collectives called in this group, and groups made of it

    # ---- collectives ------------------------------------------------------------------------

    def all_reduce(self, x, label=""):
        return self.start_all_reduce(x, label).wait()

    def start_all_reduce(self, x, label=""):
        def total(parts):
            whole = parts[0].clone()
            for part in parts[1:]:
                whole += part
            return whole

        return Later(self, self._meet("all_reduce", x, total), label, x)

    def reduce_scatter(self, x, label=""):
        def total(parts):
            return torch.stack(parts).sum(0)

        whole = self._together("reduce_scatter", x, total, label)
        return whole[cuts(len(x), self.world_size)[self.rank]].clone()

    def all_gather(self, part, n, label=""):
        check_part(part, n, self.rank, self.world_size)
        shape = (n, *part.shape[1:])
        return self._together("all_gather", part, torch.cat, label, shape).clone()

    def broadcast(self, x, root=0, label=""):
        check_count("root", root, 0, self.world_size - 1, "a rank of the group")
        meeting = self._meet("broadcast", x, lambda parts: parts[root].clone(), root=root)
        return Later(self, meeting, label, x).wait()

    def barrier(self):
        self._together("barrier", torch.empty(0), lambda parts: parts[0], "")

    def _together(self, kind, x, combine, label, shape=None):
        return Later(self, self._meet(kind, x, combine, shape), label).wait()

    def _meet(
        self,
        kind: str,
        x: Tensor,
        combine: Callable,
        shape: tuple | None = None,
        root: int | None = None,
    ) -> Meeting:
        """Come to the next collective of the group; the last one to come works out the result.

        shape: of the whole that the collective is about; default: that of x.
        """
        post, self.calls = self.post, self.calls + 1
        shape = tuple(x.shape) if shape is None else shape
        asked = kind, shape, x.dtype, root
        place = self.place, self.group, self.calls
        meeting: Meeting | None = post.meetings.get(place)
        if meeting is None:
            meeting = post.meetings[place] = Meeting(kind, asked)
        elif meeting.asked != asked:
            raise CourseError(
                f"rank {self.me} calls {words_of(asked)}, rank "
                f"{self.group[next(iter(meeting.came))]} {words_of(meeting.asked)}, as collective "
                f"{self.calls} of the group {list(self.group)}; they must be the same"
            )
        meeting.came[self.rank] = post.clock[self.me]
        meeting.parts[self.rank] = x.detach() if x.requires_grad else x
        if len(meeting.came) == self.world_size:
            meeting.result = combine([meeting.parts[r] for r in range(self.world_size)])
            meeting.parts.clear()
            meeting.n_bytes = math.prod(shape) * x.element_size()
            meeting.sent = bytes_sent(kind, meeting.n_bytes, self.world_size)
            free = max([post.wire[r] for r in self.group])
            meeting.start = max(free, *meeting.came.values())
            seconds = post.costs.collective(kind, meeting.n_bytes, self.world_size)
            meeting.end = meeting.start + seconds
            for r in self.group:
                post.wire[r] = meeting.end
            del post.meetings[place]
        return meeting

    # ---- from one to another ------------------------------------------------------------------

    def send(self, x, dst, label="", tag=0):
        check_count("dst", dst, 0, self.world_size - 1, "a rank of the group")
        post, n_bytes = self.post, x.numel() * x.element_size()
        called = post.clock[self.me]
        start = max(called, post.wire[self.me])
        end = start + post.costs.message(n_bytes)
        post.wire[self.me] = end
        post.letters[self.place, self.group, self.rank, dst, tag].append((x.detach().clone(), end))
        post.events.append(Event(self.me, "send", label, n_bytes, called, start, end))

    def recv(self, x, src, label="", tag=0):
        check_count("src", src, 0, self.world_size - 1, "a rank of the group")
        post, box = self.post, self.post.letters[self.place, self.group, src, self.rank, tag]
        words = f"waits to receive from {self.group[src]}"
        post.turns.wait(self.me, lambda: bool(box), lambda: words)
        letter, arrival = box.popleft()
        if letter.shape != x.shape or letter.dtype != x.dtype:
            raise CourseError(
                f"rank {self.me} receives {tuple(letter.shape)} {letter.dtype} from "
                f"{self.group[src]} where it expects {tuple(x.shape)} {x.dtype}"
            )
        called = post.clock[self.me]
        post.clock[self.me] = end = max(called, arrival)
        post.events.append(Event(self.me, "recv", label, 0, called, end, end))
        return x.copy_(letter)

    # ---- groups, and work ---------------------------------------------------------------------

    def split(self, groups) -> Self:
        mine = next(g for g in check_groups(groups, self.world_size) if self.rank in g)
        self.splits += 1
        place = (*self.place, self.splits)
        return type(self)(self.post, tuple(self.group[r] for r in mine), mine.index(self.rank),
                          place)  # fmt: skip

    def compute(self, label, flops):
        if type(flops) is not int or flops < 0:  # else a check costs nothing
            flops = check_count("flops", flops, 0, MOST, "of a computation")
        post = self.post
        start = post.clock[self.me]
        post.clock[self.me] = end = start + flops / post.costs.flops_per_second
        post.events.append(Event(self.me, "compute", label, flops, start, start, end))


class Later:
    """A collective that a rank has called and not waited for yet."""

    def __init__(self, rank: Rank, meeting: Meeting, label: str, x: Tensor | None = None):
        self.rank, self.meeting, self.label, self.x = rank, meeting, label, x
        self.called = rank.post.clock[rank.me]

    def wait(self):
        """Return the result: in x if there is one, else a tensor that all ranks share."""
        rank, meeting, post = self.rank, self.meeting, self.rank.post
        post.turns.wait(rank.me, self._is_over, self._words)
        post.clock[rank.me] = max(post.clock[rank.me], meeting.end)
        post.events.append(Event(rank.me, meeting.kind, self.label, meeting.sent, self.called,
                                 meeting.start, meeting.end))  # fmt: skip
        return meeting.result if self.x is None else self.x.copy_(meeting.result)

    def _is_over(self) -> bool:
        return len(self.meeting.came) == self.rank.world_size

    def _words(self) -> str:
        return f"waits in {self.meeting.kind} {self.label}".rstrip()
