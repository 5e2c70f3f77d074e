"""An interrupt of the kernel comes between two steps: half a step would leave a run that no recipe
replays."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONG = 0.5  # seconds after which an interrupt comes at once


def is_interrupt(error: BaseException) -> bool:
    """Return whether it interrupts the kernel: that reaches the main thread only."""
    in_main = threading.current_thread() is threading.main_thread()
    return isinstance(error, KeyboardInterrupt) and in_main


@contextmanager
def held_back() -> Iterator[None]:
    """Let an interrupt wait for the end of the block, unless that lasts longer than LONG.

    A second one comes at once. Only the default handling is replaced, in the main thread.
    """
    plain = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not plain:
        yield
        return
    began, pending = time.monotonic(), False

    def handle(number, frame) -> None:
        nonlocal pending
        if pending or time.monotonic() - began > LONG:
            pending = False
            raise KeyboardInterrupt
        pending = True

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, plain)
    if pending:
        raise KeyboardInterrupt
