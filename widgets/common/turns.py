"""Whose turn it is: the labs of a process step one after another, a slice each.

Two reasons. torch gives the interpreter up at every operation, so threads that step at once snatch
it from each other thousands of times a second and get less than half of the work done. And a
module that a learner brings may draw from the global generators of torch, numpy or Python, which
must not serve two steps at once.

A turn protects no run (each run has a lock of its own), so it may lapse: what lasts longer than
LAPSE no longer keeps others from going. A step that never ends thus holds up every other lab once,
for so long. What a person waits for goes after HASTE already, except that two runs that draw never
overlap before LAPSE. After that they may: what they draw at that moment is not reproducible.

What always holds while the lock of `Turns` is free:
1. A turn stands in line, or goes, or does neither.
2. Of two turns that go in different threads, the older had lapsed for the younger when that began.
3. Nothing that stands in line could have gone when the line last moved.
"""

import threading
import time
from collections.abc import Callable
from math import inf

LAPSE = 1.0  # seconds
HASTE = 0.1  # seconds
LOOK = 0.05  # seconds between two looks whether a turn has lapsed


class Turn:
    """A place in line.

    Args:
        draws: whether the work draws from global generators.
        hasty: whether a person waits for it.

    Attributes:
        wake: set when the turn has come, and when anything else is to be looked at.
        thread: the identity of the thread that works.
        began: the time at which the turn came, in seconds as `time.monotonic` gives them.
    """

    def __init__(self, draws: bool, hasty: bool = False):
        self.draws, self.hasty, self.wake = draws, hasty, threading.Event()
        self.thread, self.began = threading.get_ident(), inf

    def lets_pass(self, other: "Turn", now: float) -> bool:
        """Return whether `other` may go while this one does."""
        limit = HASTE if other.hasty and not (self.draws and other.draws) else LAPSE
        return self.thread == other.thread or now - self.began > limit


class Turns:
    """The line, first come first served; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: list[Turn] = []
        self._going: list[Turn] = []

    def take(self, turn: Turn, first: bool = False, give_up: Callable[[], bool] = bool) -> bool:
        """Wait until it is this turn; return False when `give_up()` came before.

        Args:
            turn: one that is not going; `end` it in either case.
            first: stand at the head of the line.
            give_up: asked whenever `turn.wake` is set, and now and then.
        """
        turn.thread = threading.get_ident()
        with self._lock:
            self._line.insert(0 if first else len(self._line), turn)
        while True:
            turn.wake.clear()
            with self._lock:
                self._move()
                if turn in self._going:
                    return True
            if give_up():
                return False
            turn.wake.wait(LOOK)

    def hurry(self, turn: Turn) -> None:
        """Let it go next when it stands in line, and wake it in any case."""
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
                self._line.insert(0, turn)
        turn.wake.set()

    def renew(self, turn: Turn) -> None:
        """Wait for another turn when this one has lapsed: others may be going."""
        if time.monotonic() - turn.began > HASTE:
            self.end(turn)
            self.take(turn, first=True)

    def end(self, turn: Turn) -> None:
        """Leave, from whichever place."""
        with self._lock:
            for place in (self._line, self._going):
                if turn in place:
                    place.remove(turn)
            self._move()

    def _move(self) -> None:
        now = time.monotonic()
        for turn in list(self._line):
            if all(other.lets_pass(turn, now) for other in self._going):
                self._line.remove(turn)
                self._going.append(turn)
                turn.began = now
                turn.wake.set()


TURNS = Turns()
