"""The runner: one daemon thread a lab trains, while the notebook stays free.

A knob that is turned while the thread runs is queued and applied between two steps, by the thread
that steps: a change is recorded at exactly the step from which it holds. Several labs take turns.
"""

import queue
import threading
import time

import torch

TURN = threading.Lock()  # whoever holds it may train: labs take turns, slice by slice
SLICE = 0.02  # seconds of one turn


class Runner:
    """Calls `step()` until stopped. `between()` runs after each slice, in the same thread."""

    def __init__(self, step, apply, between, failed):
        self._step, self._apply, self._between, self._failed = step, apply, between, failed
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        if self.running and not self._stop.is_set():
            return
        self.stop()
        self._stop.clear()
        self._thread = threading.Thread(target=self._loop, name="course-lab", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step in progress and wait for it (unless called from the thread)."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self._drain()

    def turn(self, knob: str, value) -> None:
        """Turn a knob: at once when nothing trains, else between two steps."""
        self._queue.put((knob, value))
        if not self.running:
            self._drain()

    def _drain(self) -> None:
        while not self._queue.empty():
            try:
                self._apply(*self._queue.get_nowait())
            except queue.Empty:
                return

    def _loop(self) -> None:
        torch.set_num_threads(1)  # beside a browser, two threads were many times slower
        try:
            while not self._stop.is_set():
                with TURN:
                    until = time.monotonic() + SLICE
                    while time.monotonic() < until and not self._stop.is_set():
                        self._drain()
                        self._step()
                self._between()
                time.sleep(0.0005)  # let another lab, or a callback, have its turn
        except Exception as error:  # a learner sees it in the lab, not in a lost traceback
            self._failed(error)
