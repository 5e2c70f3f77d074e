"""How a lab looks at its run: evaluations, words, pictures. Only the stepping thread does it."""

import time
from typing import Any

from ..common.picture import describe, picture
from ..common.runner import Busy, Runner
from .instruments import Instrument, guarded
from .view import View, undrawn

FRAMES = 15  # a second, at most; a reader who prefers reduced motion gets CALM
CALM = 2
SHARE = 1 / 3  # of the time may go into pictures, at most


class Looking:
    """The part of `TrainingLab` that readers on any thread call.

    They ask the thread that steps (`Runner.ask`), or get what it made last. What begins with an
    underscore here is for that thread alone.
    """

    trainer: Any
    timeline: Any
    controls: Any
    runner: Runner
    instruments: dict[str, Instrument]
    steps: int
    message: str
    _cost: float
    _taken: dict | None  # the last picture
    _taken_at: float
    _spoken: str  # the last summary
    _find_divergence: Any
    settle: Any

    @property
    def evaluations(self) -> list[tuple]:
        """[(step, train loss, test loss, train accuracy, test accuracy)] up to this step."""
        return self.runner.ask(self._evaluations)

    def _evaluations(self) -> list[tuple]:
        rows = self.timeline.current.evaluations
        return [row for row in rows if row[0] <= self.trainer.step_count]

    @property
    def branches(self) -> list:
        """The other branches, and what lies ahead when the lab has gone back."""
        return self.runner.ask(self._branches)

    def _branches(self) -> list:
        t = self.timeline
        return [b for b in t.branches if b is not t.current or t.in_the_past()]

    def summary(self) -> str:
        """The state in words; the last ones, when the step in progress takes too long."""
        try:
            return self.runner.ask(self._speak)
        except Busy as busy:
            return f"{self._spoken} {busy}"

    status = property(summary)

    def _speak(self) -> str:
        words = describe(self.trainer, self._evaluations())
        self._spoken = f"{words}. {self.message}" if self.message else f"{words}."
        return self._spoken

    def picture(self) -> dict:
        """What the lab shows; while it trains, the last picture when that is a fresh one."""
        fresh = time.monotonic() - self._taken_at < self._pause()
        if self.runner.running and fresh and self._taken is not None:
            return self._taken
        try:
            return self.runner.ask(self._take)
        except Busy:
            if self._taken is None:
                raise
            return self._taken

    def _take(self) -> dict:
        self.timeline.note()
        if not self.runner.running:
            self._refresh()
        panels = [guarded(i, name) for name, i in self.instruments.items()]
        with undrawn(self.trainer.model):
            made = picture(View(self), panels)
        if self.controls and self.controls.canvas.drawing:
            made["expect"] = {"x": self.trainer.step_count + self.steps, "y": [0.01, 5]}
        self._taken, self._taken_at = made, time.monotonic()
        return made

    def _pause(self) -> float:
        """Seconds from one picture to the next while it trains."""
        frames = CALM if self.controls and self.controls.canvas.calm else FRAMES
        return max(1 / frames, self._cost / SHARE)

    def _look(self) -> None:
        """Evaluate, and pause when the numbers have broken."""
        rows, step = self.timeline.note().evaluations, self.trainer.step_count
        if not rows or rows[-1][0] < step:
            try:
                with undrawn(self.trainer.model):
                    view = View(self)
                    (a, b), (c, d) = view.evaluate("train"), view.evaluate("test")
                rows.append((step, a, c, b, d))
            except Exception as error:  # of a stranger's module: looking must not stop the run
                self.message = f"The evaluation failed: {type(error).__name__}: {error}"
        self._probing = "update ratio" in self.instruments
        self._find_divergence()
        self.settle()
        self._refresh()

    def _refresh(self) -> None:
        """What a frame shows that need not be new in every frame."""
        self.looked = object()
        self.words = describe(self.trainer, self._evaluations())
