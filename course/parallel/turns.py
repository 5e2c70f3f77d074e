"""The baton of ranks in turn: only the rank that holds it runs."""

import threading
from collections.abc import Callable

from ..errors import CourseError


class Stopped(BaseException):
    """Ends a rank because another one failed."""


class Turns:
    """The baton: which rank runs, and which wait for what."""

    def __init__(self, world_size: int):
        self.gates = [
            threading.Lock() for _ in range(world_size)
        ]  # open for the rank whose turn it is
        for gate in self.gates:
            gate.acquire()
        self.waiting: dict[int, tuple[Callable[[], bool], str]] = {}
        self.ended: set[int] = set()
        self.fault: BaseException | None = None

    def play(self, ranks: list[threading.Thread]) -> None:
        """Run the ranks to their end; raise what one of them raised."""
        begun = []
        try:
            for thread in ranks:
                thread.daemon = True  # a rank in an endless loop must not keep the process
                thread.start()
                begun.append(thread)
            self.gates[0].release()
            for thread in ranks:
                while thread.is_alive():
                    thread.join(0.1)  # with an end, so that a keyboard interrupt arrives
        except BaseException as error:  # an interrupt, or no thread more
            self.fail(error)
            for thread in begun:
                thread.join(1)
            raise
        if self.fault is not None:
            raise self.fault

    def begin(self, rank: int) -> None:
        """Wait for the first turn."""
        self.gates[rank].acquire()
        if self.fault is not None:
            raise Stopped

    def wait(self, rank: int, ready: Callable[[], bool], words: str) -> None:
        """Let others run until `ready()`; words: what this rank waits for."""
        if self.fault is None and not ready():
            self.waiting[rank] = ready, words
            self.pass_on(rank)
            self.gates[rank].acquire()
        if self.fault is not None:
            raise Stopped

    def end(self, rank: int) -> None:
        """Leave: this rank is done."""
        self.ended.add(rank)
        if len(self.ended) < len(self.gates):
            self.pass_on(rank)

    def fail(self, error: BaseException) -> None:
        """Stop every rank at its next wait; the first error is kept."""
        if self.fault is None:
            self.fault = error
        for gate in self.gates:
            if gate.locked():
                gate.release()

    def pass_on(self, rank: int) -> None:
        """Give the baton to the next rank that can go on."""
        if self.fault is not None:
            return
        world_size = len(self.gates)
        for other in ((rank + 1 + i) % world_size for i in range(world_size)):
            if other in self.ended or (other in self.waiting and not self.waiting[other][0]()):
                continue
            self.waiting.pop(other, None)
            self.gates[other].release()
            return
        waits = "; ".join(f"rank {r} {words}" for r, (_, words) in sorted(self.waiting.items()))
        gone = f"; ended: {sorted(self.ended)}" if self.ended else ""
        self.fail(
            CourseError(f"no rank can go on: {waits}{gone}. Each rank must call the same "
                        "collectives, and each recv needs a send")
        )  # fmt: skip
