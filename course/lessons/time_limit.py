"""Stop a function that does not end.

    limited(lambda: answer(x), seconds=5)

In the main thread the system's timer stops it, which also wakes what sleeps. In other threads, and
on systems without that timer, a second thread throws into this one; it wakes nobody. Neither can
stop an operation of a library before that returns, nor what catches every `BaseException` for ever.
"""

import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

AGAIN = 0.1  # seconds until a function that caught the first stop gets the next one
SOON = 1e-6  # 0 would switch the system's timer off
T = TypeVar("T")


class TimeIsOver(Exception):
    """A function did not end in time."""


class Stop(BaseException):
    """What ends the function. No `Exception`: its own `except Exception` lets this pass."""


_running = threading.local()  # .deadline: of the limits around this one, the earliest


def limited(function: Callable[[], T], seconds: float) -> T:
    """Return function(), unless it takes longer.

    Inside the function other limits may be set; this one holds there too. Timers and handlers of
    signals are as before afterwards; a timer of the function's surroundings waits meanwhile. The
    limits of a thread must nest: set one around `InTurn.run`, none in its ranks, which take turns.

    Args:
        function: what to call.
        seconds: how long it may take.

    Raises:
        TimeIsOver: if it takes longer; it has been stopped then.
    """
    outer = getattr(_running, "deadline", math.inf)
    _running.deadline = deadline = min(time.monotonic() + seconds, outer)
    stopper = _stopper(sys._getframe())
    try:
        try:
            stopper.start(deadline)
            stopper.armed = True
            result = function()
        finally:
            stopper.armed = False
            stopper.end()
    except Stop:
        stopper.end()  # a stop may have come into the first end
        if time.monotonic() >= outer:
            raise  # the limit around this one is over as well, and answers for it
        raise TimeIsOver from None
    finally:
        _running.deadline = outer
    if time.monotonic() > deadline:
        raise TimeIsOver
    return result


def _stopper(guard: FrameType) -> "_Alarm | _Thrower":
    """Return what stops a function that is called in the frame `guard`."""
    has_timer = hasattr(signal, "setitimer")
    in_main = threading.current_thread() is threading.main_thread()
    if has_timer and in_main and signal.getsignal(signal.SIGALRM) is not None:
        return _Alarm(guard)
    return _Thrower()


class _Alarm:
    """The system's timer. Its signal is never answered in the frame that starts and ends it."""

    def __init__(self, guard: FrameType):
        self.guard, self.armed, self.set = guard, False, False
        self.before: Any = None
        self.timer = (0.0, 0.0)
        self.began = 0.0

    def start(self, deadline: float) -> None:
        self.began = time.monotonic()
        self.timer = signal.setitimer(signal.ITIMER_REAL, 0)
        self.before = signal.signal(signal.SIGALRM, self.ring)
        self.set = True
        signal.setitimer(signal.ITIMER_REAL, max(deadline - self.began, SOON), AGAIN)

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.armed and frame is not self.guard:
            raise Stop

    def end(self) -> None:
        if not self.set:
            return
        self.set = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
        left, interval = self.timer
        if left:
            passed = time.monotonic() - self.began
            signal.setitimer(signal.ITIMER_REAL, max(left - passed, SOON), interval)


class _Thrower:
    """A thread that throws into this one."""

    def __init__(self):
        self.armed, self.ended = False, threading.Event()
        self.turn = threading.Lock()  # nothing is thrown once the end has begun
        self.target = threading.get_ident()

    def start(self, deadline: float) -> None:
        wait = deadline - time.monotonic()
        threading.Thread(target=self._watch, args=(wait,), daemon=True).start()

    def _watch(self, wait: float) -> None:
        set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
        while not self.ended.wait(max(wait, 0)):
            with self.turn:
                if self.armed:
                    set_exception(ctypes.c_ulong(self.target), ctypes.py_object(Stop))
            wait = AGAIN

    def end(self) -> None:
        # To take a stop back instead would leave the interpreter's flag for it set for ever: then a
        # debugger hangs, or whatever else traces lines.
        while not self.ended.is_set():
            try:
                with self.turn:
                    self.armed = False
                for _ in range(3):  # a stop that is on its way arrives here
                    pass
                self.ended.set()
            except Stop:
                pass
