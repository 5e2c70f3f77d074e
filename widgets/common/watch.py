"""Look after the runs that play: tell of a step that hangs, and end every thread at exit.

One thread watches them all while there are any. It only reads a number of each, and never touches
a run.
"""

import atexit
import ctypes
import threading
import time
import weakref
from contextlib import suppress
from typing import Protocol

EVERY = 0.5  # seconds between two looks
OVERDUE = 3.0  # seconds after which a lab says that its step has not ended
GRACE = 1.0  # seconds that all threads together have to end at exit


class Watched(Protocol):
    """What is watched: a run that a thread of its own steps.

    Attributes:
        thread: the thread, or None before the first start.
        running: whether the thread has still to come to its end.
        stuck: seconds that the step in progress has taken so far.
    """

    thread: threading.Thread | None

    @property
    def running(self) -> bool: ...

    @property
    def stuck(self) -> float: ...

    def tell(self, seconds: float) -> None:
        """Say that the step in progress has not ended for so long."""

    def ask_to_stop(self) -> None:
        """Let the thread end after its step, without waiting for it."""


class Watch:
    """The runs that play, and the thread that looks after them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def add(self, run: Watched) -> None:
        """Look after a run until it has stopped."""
        with self._lock:
            self._runs.add(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="course-watch", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        told: weakref.WeakKeyDictionary[Watched, float] = weakref.WeakKeyDictionary()
        while runs := self._playing():
            for run in runs:
                seconds = run.stuck
                if seconds < OVERDUE:
                    told.pop(run, None)
                elif seconds > 2 * told.get(run, 0):  # at 3 s, 6 s, 12 s …
                    told[run] = seconds
                    with suppress(Exception):  # the others are watched all the same
                        run.tell(seconds)
            del run, runs
            time.sleep(EVERY)

    def _playing(self) -> list[Watched]:
        """Return the runs that play; without any, the watching ends."""
        with self._lock:
            for run in list(self._runs):
                if not run.running:
                    self._runs.discard(run)
            if not self._runs:
                self._thread = None
            return list(self._runs)

    def end_all(self) -> None:
        """Stop every run, within GRACE seconds.

        A thread inside torch would crash the interpreter while that goes away. So a loop that does
        not end gets an exception; a step that only waits does not come back to crash anything.
        """
        with self._lock:
            threads = [run.thread for run in self._runs if run.thread is not None]
            for run in self._runs:
                run.ask_to_stop()
        join_all(threads, GRACE / 2)
        for thread in threads:
            if thread.is_alive() and thread.ident is not None:
                identity, error = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, error)
        join_all(threads, GRACE / 2)


def join_all(threads: list[threading.Thread], seconds: float) -> None:
    """Wait for all threads to end, so long at most."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


WATCH = Watch()
atexit.register(WATCH.end_all)
