"""Who touches a run: one thread at a time, in its turn."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .turns import TURNS, Turn


class Access:
    """The lock of a run, and the thread that has it now. The thread that has it may take it again.

    The lock is taken before the turn, and a turn lapses: nothing waits in a circle.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder: int | None = None

    def mine(self) -> bool:
        """Return whether this thread touches the run now."""
        return self._holder == threading.get_ident()

    @contextmanager
    def taken(
        self, turn: Turn, seconds: float, first: bool = False, give_up: Callable[[], bool] = bool
    ) -> Iterator[bool]:
        """Yield whether the run can be touched inside.

        Args:
            turn: the turn to wait for; it ends with the block.
            seconds: how long to wait for the lock.
            first, give_up: see `Turns.take`.
        """
        if not self._lock.acquire(timeout=seconds):
            yield False
            return
        before = self._holder
        try:
            if before is not None:  # this thread's: it has its turn
                yield True
            elif TURNS.take(turn, first, give_up):
                self._holder = threading.get_ident()
                yield True
            else:
                yield False
        finally:
            self._holder = before
            TURNS.end(turn)
            self._lock.release()
