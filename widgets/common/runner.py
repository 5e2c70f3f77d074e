"""The runner: one daemon thread a lab trains, while the notebook stays free.

Only the thread that steps touches a run. A knob that is turned while it runs is queued and applied
between two steps: a change is recorded at exactly the step from which it holds. Whoever wants to
look at the run asks, and the stepping thread answers between two steps; when nothing trains, the
one who asks stands in for it, under the same lock. Several labs take turns: the steps and pictures
of some models use torch's one global generator, so one lock serves all labs.
The thread holds its lab only while it works for it: a lab that nobody has any more stops.
"""

import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from course import CourseError

TURN = threading.RLock()  # whoever holds it may touch a run: labs take turns, slice by slice
SLICE = 0.015  # seconds of one turn
PATIENCE = 10.0  # seconds to wait for an answer of the thread that steps
LOOK = 0.05  # seconds between two looks at who may answer

T = TypeVar("T")


def waiting(line: queue.SimpleQueue) -> Iterator[Any]:
    """What stands in line now, one by one.

    Dealing with one may serve those behind it, so the line can be shorter than it was.
    """
    for _ in range(line.qsize()):
        try:
            yield line.get_nowait()
        except queue.Empty:
            return


class Busy(CourseError):
    """The step in progress takes longer than one who asked would wait."""

    def __init__(self):
        super().__init__(
            f"the step in progress has not ended within {PATIENCE:g} s, and only between two steps "
            "can a run be touched; try again later, or restart the kernel when it never ends"
        )


class Runner:
    """Calls `step()` until stopped. `between()` runs after each slice, in the same thread.

    step(), apply(knob, value), between(), failed(error): methods of the lab, held weakly.
    `between` returns the seconds to rest before the next slice.
    """

    def __init__(self, step, apply, between, failed):
        self._methods = [weakref.WeakMethod(m) for m in (step, apply, between, failed)]
        self._queue: queue.SimpleQueue = queue.SimpleQueue()  # knobs turned: (knob, value)
        self._asked: queue.SimpleQueue = queue.SimpleQueue()  # (future, action)
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._over = True  # the thread has taken its last step
        self._holder: int | None = None  # the thread that may touch the run now

    @property
    def running(self) -> bool:
        return not self._over and self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        if self.running and not self.stopping.is_set():
            return
        self.stop()
        with self.held():
            if self.running:
                raise Busy
            self.stopping.clear()
            self._over = False
            self._thread = threading.Thread(target=self._loop, name="course-lab", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop after the step in progress and wait for it (unless called from between two)."""
        self.stopping.set()
        if self._thread is not None and not self._mine():
            self._thread.join(timeout=PATIENCE)

    def turn(self, knob: str, value) -> None:
        """Turn a knob: at once when nothing trains, else between two steps."""
        self._queue.put((knob, value))
        if self._mine() or not self.running:
            with self.held():
                self._drain()

    def ask(self, action: Callable[[], T]) -> T:
        """What `action()` gives, done between two steps by the thread that steps.

        When nothing trains, this thread stands in for it. Raises `Busy` without an answer.
        """
        if self._mine():
            return action()
        future: Future[T] = Future()
        self._asked.put((future, action))
        until = time.monotonic() + PATIENCE
        while not future.done() and time.monotonic() < until:
            if self.running:
                wait([future], timeout=LOOK)
            elif TURN.acquire(timeout=LOOK):
                try:
                    with self.held():
                        self._serve()
                finally:
                    TURN.release()
        if future.cancel() or not future.done():
            raise Busy
        return future.result()

    def here(self, step: Callable[[int], Any], steps: int) -> None:
        """Call step(1) to step(steps) in this thread, in turns, answering who asks.

        A step that returns False is the last.
        """
        self.stop()
        done, going = 0, True
        while going and done < steps:
            with self.held():
                until = time.monotonic() + SLICE
                while going and done < steps and time.monotonic() < until:
                    self._serve()
                    done += 1
                    going = step(done) is not False
            if going and done < steps:
                time.sleep(0.0005)  # let another lab have its turn

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Stop; inside, this thread alone touches the run. Raises `Busy`, and then does not."""
        self.stop()
        with self.held():
            self._serve()
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, this thread is the one that may touch the run."""
        if not TURN.acquire(timeout=PATIENCE):
            raise Busy
        before, self._holder = self._holder, threading.get_ident()
        try:
            yield
        finally:
            self._holder = before
            TURN.release()

    def _mine(self) -> bool:
        return self._holder == threading.get_ident()

    def _serve(self) -> None:
        """Apply the knobs that were turned, then answer those who asked until now.

        Who asks again at once waits for the next step: readers must not keep a run from going on.
        """
        self._drain()
        for future, action in waiting(self._asked):
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(action())
                except BaseException as error:
                    future.set_exception(error)
                    if not isinstance(error, Exception):
                        raise  # the kernel was interrupted, not the one who asked

    def _drain(self) -> None:
        apply = self._methods[1]()
        for knob, value in waiting(self._queue) if apply else ():
            apply(knob, value)

    def _loop(self) -> None:
        try:
            self._train()
        finally:
            self._over = True  # from here on whoever asks stands in for this thread
            with TURN, self.held():
                self._serve()  # what came while the thread came to its end

    def _train(self) -> None:
        torch.set_num_threads(1)  # beside a browser, two threads were many times slower
        while not self.stopping.is_set():
            if not TURN.acquire(timeout=LOOK):
                continue  # to be stopped, a thread need not get its turn
            try:
                step, apply, between, failed = (method() for method in self._methods)
                if step is None:
                    return
                rest = 0.0
                with self.held():
                    try:
                        rest = self._slice(step, between)
                    except Exception as error:  # the lab tells it, not a lost traceback
                        self.stopping.set()
                        failed(error)
                del step, apply, between, failed
            finally:
                TURN.release()
            self.stopping.wait(max(rest, 0.0005))  # let another lab, or a callback, have its turn

    def _slice(self, step, between) -> float:
        until = time.monotonic() + SLICE
        while time.monotonic() < until and not self.stopping.is_set():
            self._serve()
            step()
        return between() or 0.0
