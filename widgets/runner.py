"""The runner: one daemon thread a lab trains, while the notebook stays free.

A knob that is turned while the thread runs is queued and applied between two steps, by the thread
that steps: a change is recorded at exactly the step from which it holds. Several labs take turns.
The thread holds its lab only while it works for it: a lab that nobody has any more stops.
"""

import queue
import threading
import time
import weakref

import torch

TURN = threading.Lock()  # whoever holds it may train: labs take turns, slice by slice
SLICE = 0.015  # seconds of one turn


class Runner:
    """Calls `step()` until stopped. `between()` runs after each slice, in the same thread.

    step(), apply(knob, value), between(), failed(error): methods of the lab, held weakly.
    """

    def __init__(self, step, apply, between, failed):
        self._methods = [weakref.WeakMethod(m) for m in (step, apply, between, failed)]
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        if self.running and not self.stopping.is_set():
            return
        self.stop()
        self.stopping.clear()
        self._thread = threading.Thread(target=self._loop, name="course-lab", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step in progress and wait for it (unless called from the thread)."""
        self.stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self._drain(self._methods[1]())

    def turn(self, knob: str, value) -> None:
        """Turn a knob: at once when nothing trains, else between two steps."""
        self._queue.put((knob, value))
        if not self.running:
            self._drain(self._methods[1]())

    def _drain(self, apply) -> None:
        while apply is not None and not self._queue.empty():
            try:
                apply(*self._queue.get_nowait())
            except queue.Empty:
                return

    def _loop(self) -> None:
        try:
            self._train()
        finally:
            self._drain(self._methods[1]())  # what was turned while the thread came to its end

    def _train(self) -> None:
        torch.set_num_threads(1)  # beside a browser, two threads were many times slower
        while not self.stopping.is_set():
            step, apply, between, failed = (method() for method in self._methods)
            if step is None:
                return
            try:
                with TURN:
                    until = time.monotonic() + SLICE
                    while time.monotonic() < until and not self.stopping.is_set():
                        self._drain(apply)
                        step()
                between()
            except Exception as error:  # a learner sees it in the lab, not in a lost traceback
                self.stopping.set()
                failed(error)
            del step, apply, between, failed
            time.sleep(0.0005)  # let another lab, or a callback, have its turn
