"""The runner: one daemon thread a lab trains, while the notebook stays free.

Only one thread at a time touches a run: the one that holds the run's lock. While it plays that is
the thread that steps. A knob that is turned meanwhile is queued and applied between two steps: a
change is recorded at exactly the step from which it holds. To look at the run, any thread asks,
and the stepping thread answers between two steps; when nothing trains, the thread that asks does
it itself, under the same lock. The labs of a process take turns (`turns`), and a step that never
ends holds its own lab alone: whatever waits for that lab gives up with `Busy`.
The thread holds its lab only while it works for it: a lab without a reference left stops.

What always holds:
1. A run is stepped and touched under its lock only (`access`).
2. A new thread starts only when the old one has taken its last step: two never step one run.
3. What is asked or turned before that is done by this thread, later by the one that asks.
"""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch

from .access import Access
from .front_end import in_callback
from .interrupts import held_back, is_interrupt
from .pace import Pace
from .requests import Busy, Requests, harmless
from .turns import LOOK, TURNS, Turn
from .watch import WATCH

SLICE = 0.015  # seconds of one turn
REST = 0.0005  # seconds for the kernel after each slice
IDLE = 0.25  # seconds of sleep, at most: a thread whose lab is gone notices then
PATIENCE = 10.0  # seconds that a cell or a script waits for the step in progress: it can interrupt
BRIEF = 0.15  # seconds that a callback of the page waits: all other callbacks wait with it

T = TypeVar("T")


def patience() -> float:
    """Return the seconds that this thread may wait for the step in progress."""
    return min(BRIEF, PATIENCE) if in_callback() else PATIENCE


class Runner:
    """Call `step()` until stopped, in a thread of its own.

    Args:
        step: one step; False from it ends the run, as a planned end does.
        apply: called as apply(knob, value) between two steps.
        between: called after each slice of steps, after what was asked or turned, after the last
            step (`stopping` is set then), and every IDLE seconds.
        failed: called as failed(error) with anything that a step, a knob or `between` raises,
            `SystemExit` included; the run has stopped then.
        overdue: called as overdue(words) when the step in progress has not ended for 3 s, 6 s,
            12 s …; in another thread, which must not touch the run.

    All are methods of the lab, held weakly.

    Attributes:
        stopping: set when the thread is to end after the step in progress.
        draws: whether the run draws from the global generators of torch, numpy or Python, as a
            learner's module may; a hand-written network has generators of its own.
    """

    def __init__(self, step, apply, between, failed, overdue=None):
        methods = (step, apply, between, failed, *([overdue] if overdue else []))
        self._methods = [weakref.WeakMethod(m) for m in methods]
        self._requests = Requests()
        self.stopping, self.draws = threading.Event(), True
        self.thread: threading.Thread | None = None
        self._pace = Pace()
        self._access = Access()
        self._turn = Turn(self.draws)  # of the thread that steps
        self._since: float | None = None  # when it began what it is doing now
        self._over = True  # the thread has taken its last step

    # ---- the transport --------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return not self._over and self.thread is not None and self.thread.is_alive()

    @property
    def speed(self) -> float | None:
        """Steps a second, 0.01 to 1,000,000; None: as fast as it goes. May change at any time."""
        return self._pace.speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        self._pace.speed = speed
        self._turn.wake.set()

    @property
    def stuck(self) -> float:
        """Seconds that the step in progress has taken so far; 0 between two slices."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def pending(self) -> int:
        """The number of knobs that are still to be turned."""
        return self._requests.knobs.qsize()

    def start(self) -> None:
        """Play.

        Raises:
            Busy: when the last step before a stop has not ended yet.
        """
        if self.running and not self.stopping.is_set():
            return
        with self.alone():
            if self.running:  # its own thread calls
                raise self.busy()
            self.stopping.clear()
            self._over, self._turn = False, Turn(self.draws)
            self.thread = threading.Thread(target=self._loop, name="course-lab", daemon=True)
            self.thread.start()
        WATCH.add(self)

    def stop(self) -> bool:
        """Stop after the step in progress and wait for it, but not for long (see `patience`).

        Returns:
            Whether the run has stopped; always False when called from between two of its steps.
        """
        self.ask_to_stop()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(0 if self._access.mine() else patience())
        return not self.running

    def ask_to_stop(self) -> None:
        """Let the thread end after the step in progress, without waiting for it."""
        self.stopping.set()
        self._turn.wake.set()

    def tell(self, seconds: float) -> None:
        """Let the lab say that its step has not ended for so long."""
        stops = "the lab stops when it does" if self.stopping.is_set() else "Pause stops it then"
        overdue = self._methods[4]() if len(self._methods) > 4 else None
        if overdue:
            overdue(
                f"The step in progress has not ended for {seconds:.0f} s; {stops}. "
                "Restart the kernel if it never does."
            )

    # ---- from any thread ------------------------------------------------------------------

    def turn(self, knob: str, value) -> None:
        """Turn a knob: at once when nothing trains, else between two steps."""
        self._requests.knobs.put((knob, value))
        TURNS.hurry(self._turn)
        if self._access.mine() or not self.running:
            with self.held():
                self._turn_knobs()

    def ask(self, action: Callable[[], T]) -> T:
        """Return what `action()` gives, or raise what it raises; done between two steps.

        The thread that steps does it; when nothing trains, this one.

        Raises:
            Busy: when the step in progress takes too long.
        """
        if self._access.mine():
            return action()
        future = self._requests.ask(action)
        TURNS.hurry(self._turn)
        until, late = time.monotonic() + patience(), False
        while not future.done() and not late:
            late = time.monotonic() >= until  # once more: a busy machine may have kept it waiting
            if self.running:
                wait([future], timeout=LOOK)
                continue
            with self._access.taken(Turn(self.draws, hasty=True), LOOK, first=True) as touched:
                if touched:
                    self._serve()
        if future.cancel() or not future.done():
            raise self.busy()
        return future.result()

    def here(self, step: Callable[[int], Any], steps: int) -> None:
        """Call step(1) to step(steps) in this thread, in turns, answering what others ask.

        A step that returns False is the last. An interrupt of the kernel comes between two steps,
        unless the step takes long. What else a step raises goes to `failed` as well.

        Raises:
            Busy: when the thread's last step has not ended yet.
            CourseError: for a step that raises `SystemExit`, which would end the kernel.
        """
        self._must_stop()
        done, going = 0, True
        while going and done < steps:
            with held_back(), self.held(first=False):
                until = time.monotonic() + SLICE
                while going and done < steps and time.monotonic() < until:
                    self._serve()
                    done += 1
                    try:
                        going = step(done) is not False
                    except BaseException as error:
                        self._fail(error)
                        raise
            if going and done < steps:
                time.sleep(REST)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Stop; inside, this thread alone touches the run.

        Raises:
            Busy: when the step in progress takes too long; the inside is not entered then.
        """
        self._must_stop()
        with self.held():
            self._serve()
            yield

    @contextmanager
    def held(self, first: bool = True) -> Iterator[None]:
        """Inside, this thread touches the run, in its turn.

        Args:
            first: let no other lab go before.

        Raises:
            Busy: when another thread touches the run for too long.
            CourseError: instead of a `SystemExit` from inside, which would end the kernel.
        """
        with self._access.taken(Turn(self.draws, hasty=first), patience(), first) as touched:
            if not touched:
                raise self.busy()
            try:
                yield
            except (SystemExit, GeneratorExit) as error:
                raise harmless(error) from error

    def busy(self) -> Busy:
        """Return what to raise when the step in progress takes too long."""
        return Busy(self.stuck or patience())

    # ---- inside ---------------------------------------------------------------------------

    def _must_stop(self) -> None:
        if not self.stop() and not self._access.mine():
            raise self.busy()

    def _serve(self) -> None:
        self._turn_knobs()
        self._requests.answer()

    def _turn_knobs(self) -> None:
        if apply := self._methods[1]():
            self._requests.turn(apply, self._fail)

    def _fail(self, error: BaseException) -> None:
        """Stop, and let the lab tell why."""
        self.stopping.set()
        failed = self._methods[3]()
        if failed and not is_interrupt(error):
            failed(error)

    # ---- the thread that steps --------------------------------------------------------------

    def _loop(self) -> None:
        try:
            torch.set_num_threads(1)  # beside a browser, two threads were many times slower
            while self._rest() and self._go():
                pass
        finally:
            self._over = True  # from here on the thread that asks does it itself
            if self._requests:  # while this one came to its end
                with suppress(Busy), self.held():
                    self._serve()

    def _rest(self) -> bool:
        """Sleep until a step is due or something is asked; return whether to go on."""
        wake = self._turn.wake
        wake.clear()
        if not self._requests and not self.stopping.is_set():
            wake.wait(min(max(self._pace.rest(time.monotonic()), REST), IDLE))
        return not self.stopping.is_set()

    def _go(self) -> bool:
        """Work for one turn; return whether the lab is still there."""
        turn, first = self._turn, bool(self._requests)
        with self._access.taken(turn, LOOK, first, self.stopping.is_set) as touched:
            if touched:
                step, between = self._methods[0](), self._methods[2]()
                if step is None:
                    return False
                self._slice(step, between)
            return True

    def _slice(self, step, between) -> None:
        try:
            until = (now := time.monotonic()) + SLICE
            while now < until:
                self._since = now
                self._serve()
                if self.stopping.is_set() or not self._pace.is_due(now):
                    break
                self._pace.count()
                if step() is False:
                    self.stopping.set()
                now = time.monotonic()
            self._since = now
            TURNS.renew(self._turn)
            between()
        except BaseException as error:  # the lab tells it, not a lost traceback
            self._fail(error)
        finally:
            self._since = None
