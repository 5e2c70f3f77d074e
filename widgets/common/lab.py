"""What every lab does: it plays, shows itself, and stands in a notebook with or without a browser.

A lab describes a picture (`picture`); the kit draws it, live in the browser or as a still.
"""

import time
from collections.abc import Callable
from typing import Any, Self

import torch

from course.errors import check_count, check_number

from .front_end import cell_name, enter, has_front_end, leave, pin
from .runner import Busy, Runner
from .stills import still

FRAMES = 15  # a second, at most; a reader who prefers reduced motion gets CALM
CALM = 2
SHARE = 1 / 3  # of the time may go into pictures, at most
FAST = 0  # steps a second: as fast as it goes
HUNG = 0.1  # seconds after which a step is not waited for once more


class Lab:
    """Base of the labs.

    A subclass says how to `step_once`, `apply` a knob, `describe` its picture, put it into words
    (`speak`) and numbers (`heads`); only the thread that steps calls these.

    Args:
        name: a new lab of the same name stops the old one; None: the notebook cell.
        interactive: whether it has controls; None: whether a reader looks.

    Attributes:
        runner: the thread that steps.
        panel: the widgets; None without a front end.
        message: what the lab has to say besides its numbers.
    """

    panel: Any = None

    def __init__(self, name: str | None, interactive: bool | None):
        self.name = name or cell_name()
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.runner = Runner(self.step_once, self.apply, self.between, self.failed, self.overdue)
        self.message = ""
        self._picture: dict | None = None
        self._words, self._taken_at, self._shown_at, self._cost = "", 0.0, 0.0, 0.0

    # ---- what a subclass gives --------------------------------------------------------------

    def step_once(self) -> bool | None:
        """Make one step; False: it was the last for now."""
        raise TypeError(f"{type(self).__name__} does not say what a step is")

    def apply(self, knob: str, value) -> None:
        """Turn a knob between two steps."""
        raise TypeError(f"{type(self).__name__} has no knobs")

    def describe(self) -> dict:
        """Return the picture (see `widgets.common.picture`)."""
        raise TypeError(f"{type(self).__name__} does not describe itself")

    def speak(self) -> str:
        """Return the state in one sentence or two."""
        raise TypeError(f"{type(self).__name__} does not describe itself")

    def drawn(self) -> str:
        """Return what the picture shows and on which axes, for a reader who cannot see it."""
        return ""

    def heads(self) -> list[tuple[str, str]]:
        """Return the headline numbers as (name, number) pairs."""
        return []

    # ---- driving ----------------------------------------------------------------------------

    @property
    def speed(self) -> float:
        """Steps a second; 0: as fast as it goes."""
        return self.runner.speed or FAST

    def set_speed(self, speed: float) -> None:
        """Make so many steps a second while it plays; 0: as fast as it goes.

        Raises:
            CourseError: for a speed out of range.
        """
        words = "steps a second from 0.01 on, or 0: as fast as it goes"
        self.runner.speed = check_number("speed", speed, 0, 1e6, words) or None

    def play(self) -> None:
        """Go on in the background until paused."""
        self.message = ""
        if self.panel:
            self.panel.put_playing(True)  # first: the thread may end at once and put Play back
        try:
            self.runner.start()
        except Exception:
            if self.panel:
                self.panel.put_playing(self.playing)
            raise

    def pause(self) -> None:
        """Stop between two steps; a step that takes long is not waited for."""
        stopped = self.runner.stop()
        if self.panel:
            self.panel.put_playing(False)
        if stopped or self.runner.stuck < HUNG:
            self.refresh()
        else:
            self.overdue(str(self.runner.busy()))

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self.runner.running and not self.runner.stopping.is_set()

    def toggle(self) -> None:
        """Play, or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def step(self) -> None:
        """Pause, then make one step."""
        self.run(1)

    def run(self, steps: int, before: Callable[[], None] | None = None) -> Self:
        """Make `steps` steps here and now; `before` is called before each."""
        check_count("steps", steps, 0, 10**9, "0 or more")

        def step(n: int) -> bool:
            if before is not None:
                before()
            return self.step_once() is not False

        self.runner.here(step, steps)
        self.refresh()
        return self

    def set(self, knob: str, value) -> None:
        """Turn a knob, running or not. A bad value is shown in the lab; nothing changes."""
        self.runner.turn(knob, value)

    def close(self) -> None:
        """Stop the thread for good."""
        self.runner.stop()
        leave(self)

    # ---- what the runner calls --------------------------------------------------------------

    def between(self) -> None:
        """Show a frame after some steps, if it is time and the browser has kept up."""
        now, rest = time.monotonic(), self.frame_time()
        if self.panel is None:
            return
        if not self.playing:
            self.show()  # the last picture of this stretch
        elif now - self._shown_at >= rest and self.panel.ready():
            self._shown_at = max(self._shown_at + rest, now - rest)  # on the average, on time
            self.show()
            self._cost = time.monotonic() - now

    def overdue(self, words: str) -> None:
        """Tell that the step in progress takes long; any thread may, so the run is not touched."""
        if self.panel:
            self.panel.say(f"{self._words} {words}")

    def failed(self, error: BaseException) -> None:
        """Tell why the run has stopped."""
        words = f"{type(error).__name__}: {error}"
        if isinstance(error, torch.cuda.OutOfMemoryError):
            words = "the GPU's memory is full; choose a smaller batch or another device"
        self.say(f"The run stopped: {words}")
        if self.panel:
            self.panel.put_playing(False)

    def frame_time(self) -> float:
        """Return the seconds from one picture to the next while it plays."""
        frames = CALM if self.panel and self.panel.calm else FRAMES
        return max(1 / frames, self._cost / SHARE)

    # ---- showing ----------------------------------------------------------------------------

    def take(self) -> dict:
        """Return the picture of now; only the thread that steps may."""
        self._words = " ".join(filter(None, [self.speak(), self.message]))
        self._picture = self.describe() | {"words": self._words}
        self._taken_at = time.monotonic()
        return self._picture

    def show(self) -> None:
        """Send the picture of now to the widgets; only the thread that steps may.

        While it plays, numbers and words are read a few times a second only.
        """
        if self.panel is None:
            return
        if not self.playing or self.panel.reads():
            self.panel.show(self.take(), self.playing, self.heads())
        else:
            self.panel.show(self.describe() | {"words": self._words}, True)

    def refresh(self) -> None:
        """Show the picture of now, from any thread; not when the step in progress takes long."""
        if self.panel:
            try:
                self.runner.ask(self.show)
            except Busy as busy:
                self.panel.say(f"{self._words} {busy}")

    def say(self, message: str) -> None:
        """Show a message behind the state."""
        self.message = message
        if self.panel:
            self.panel.say(self.summary())

    def picture(self) -> dict:
        """Return what the lab shows; while it plays, the last picture when that is fresh."""
        fresh = time.monotonic() - self._taken_at < self.frame_time()
        if self.runner.running and fresh and self._picture is not None:
            return self._picture
        try:
            return self.runner.ask(self.take)
        except Busy:
            if self._picture is None:
                raise
            return self._picture

    def summary(self) -> str:
        """Return the state in words; the last ones, when the step in progress takes too long."""
        try:
            return self.runner.ask(lambda: " ".join(filter(None, [self.speak(), self.message])))
        except Busy as busy:
            return f"{self._words} {busy}"

    def still(self) -> bytes:
        """Return the picture as PNG bytes."""
        return still(self.picture())

    def opened(self) -> None:
        """Register a lab that is complete; one of the same name is closed."""
        enter(self)

    def headless(self) -> None:
        """Go as far as a reader without a front end should see."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.interactive:
            self.headless()
        words = f"{self.drawn()} {self.summary()}".strip()
        bundle = {"text/plain": f"{type(self).__name__}. {words}", "image/png": self.still()}
        if self.panel:
            pin(self)
            view = {"version_major": 2, "version_minor": 0, "model_id": self.panel.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, {"image/png": {"alt": words}}
