"""What other threads want of a run: knobs to be turned, and questions to be answered."""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from course import CourseError

from .interrupts import is_interrupt

T = TypeVar("T")


def harmless(error: BaseException) -> BaseException:
    """Return an error that ends no kernel: words for what `sys.exit()` in a module raises."""
    if not isinstance(error, SystemExit | GeneratorExit):
        return error
    words = f"{type(error).__name__}: {error}"
    return CourseError(f"the lab's model or data raised {words}; remove what ends the program")


class Busy(CourseError):
    """The step in progress takes longer than the caller may wait.

    Args:
        seconds: how long it has taken so far.
    """

    def __init__(self, seconds: float):
        super().__init__(
            f"the step in progress has not ended for {seconds:.2g} s, and only between two steps "
            "can a run be touched; try again later, or restart the kernel if it never ends"
        )


class Requests:
    """Two lines: anything may join them from any thread; one thread at a time works them off."""

    def __init__(self) -> None:
        self.knobs: queue.SimpleQueue = queue.SimpleQueue()  # (knob, value)
        self._questions: queue.SimpleQueue = queue.SimpleQueue()  # (future, action)

    def __bool__(self) -> bool:
        return not (self.knobs.empty() and self._questions.empty())

    def ask(self, action: Callable[[], T]) -> Future[T]:
        """Return where the answer will be."""
        future: Future[T] = Future()
        self._questions.put((future, action))
        return future

    def turn(self, apply: Callable[[str, Any], None], failed: Callable) -> None:
        """Turn the knobs in line; one that raises keeps no other from being turned.

        Args:
            apply: called as apply(knob, value).
            failed: called as failed(error) with anything that `apply` raises.
        """
        for knob, value in waiting(self.knobs):
            try:
                apply(knob, value)
            except BaseException as error:
                failed(error)
                if is_interrupt(error):
                    raise

    def answer(self) -> None:
        """Answer what has been asked until now; an error goes to the thread that asked.

        What is asked again at once waits for the next call: readers must not keep a run from
        going on.
        """
        for future, action in waiting(self._questions):
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(action())
                except BaseException as error:
                    future.set_exception(harmless(error))
                    if is_interrupt(error):
                        raise  # it is meant for this thread


def waiting(line: queue.SimpleQueue) -> Iterator[Any]:
    """Yield what stands in line now, one by one.

    Dealing with one may serve those behind it, so the line can be shorter than it was.
    """
    for _ in range(line.qsize()):
        try:
            yield line.get_nowait()
        except queue.Empty:
            return
