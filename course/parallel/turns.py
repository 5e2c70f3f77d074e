"""Ranks take turns in one thread: one that has to wait leaves, and goes on there later.

Each rank is a greenlet: a call that can be left in the middle, at a hundredth of what it costs to
hand over to another thread.
"""

from collections.abc import Callable

import torch
from greenlet import GreenletExit, getcurrent, greenlet

from ..errors import CourseError


class Turns:
    """Which ranks wait, and for what."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Callable[[], bool], Callable[[], str]]] = {}
        self.stopped = False

    @torch.inference_mode(False)  # a rank's mode is its own: between two turns there is none
    def play(self, ranks: list[Callable[[], None]]) -> None:
        """Call all ranks to their end. What one of them raises is raised, and the others stop.

        Raises:
            CourseError: when no rank can go on.
        """
        self.hub = getcurrent()
        going = {r: greenlet(rank) for r, rank in enumerate(ranks)}
        try:
            while going:
                ready = False
                for r in list(going):
                    if r in self.waiting and not self.waiting[r][0]():
                        continue
                    self.waiting.pop(r, None)
                    ready = True
                    going[r].switch()
                    if going[r].dead:
                        del going[r]
                if going and not ready:
                    raise CourseError(self._stuck(len(ranks)))
        finally:
            self.stopped = True
            for rank in going.values():
                rank.throw()  # leave where it waits

    def wait(self, rank: int, ready: Callable[[], bool], words: Callable[[], str]) -> None:
        """Let others go on until `ready()`; words: what this rank waits for."""
        if not self.stopped and not ready():
            self.waiting[rank] = ready, words
            with torch.inference_mode(False):
                self.hub.switch()
        if self.stopped:
            raise GreenletExit

    def _stuck(self, world_size: int) -> str:
        waits = "; ".join(f"rank {r} {words()}" for r, (_, words) in sorted(self.waiting.items()))
        ended = [r for r in range(world_size) if r not in self.waiting]
        gone = f"; ended: {ended}" if ended else ""
        return (
            f"no rank can go on: {waits}{gone}. Each rank must call the same collectives, and "
            "each recv needs a send"
        )
