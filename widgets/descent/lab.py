"""DescentLab: optimisers race on a surface of two weights, and every knob is live.

    lab = DescentLab("ravine"); lab

In a notebook with a front end: buttons, knobs, a start to drag and an (α, β) diagram to drag a
point in. Without one: `steps` steps, then a still picture with its description in words.
"""

import copy
import time

import numpy as np

from course import CourseError
from course.errors import check_count
from course.lessons.race import LONGEST, Race

from ..common.front_end import cell_name, enter, has_front_end, leave, pin
from ..common.runner import Runner
from .controls import DescentControls
from .still import describe, still, summary

FRAMES = 15  # a second, at most


class DescentLab:
    """A race of optimisers, with its knobs.

    surface: "quadratic" (with its `condition`, and `rotation` in degrees), "ravine", "Rosenbrock",
    "saddle" or "cliff". racers: who is shown, of "gradient descent", "momentum" (the documents'
    exponential average), "heavy ball", "Adam", "Newton", "clipped descent" (by norm), "Nesterov",
    "sign descent". lr: None for
    rates that suit the surface, a number for all but Newton, or {racer: rate}. beta: of momentum,
    heavy ball and Nesterov. start: (x, y). Other knobs by name: threshold (of clipping), damping
    (Newton's), form (which momentum the (α, β) diagram is about), speed (steps a second), replay
    (race anew, `steps` steps at once, whenever a knob is turned).
    steps: the length of a headless race and of a replay. interactive: None finds out. name: a new
    lab of the same name stops the old one; None: the notebook cell.
    Raises `CourseError` for bad values.
    """

    def __init__(
        self, surface="ravine", racers=("gradient descent", "momentum"), lr=None, beta=0.9,
        condition=100, start=None, steps=100, interactive=None, name=None, **knobs,
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 0, LONGEST, "how long a headless lab races")
        self.race = Race(
            surface=surface, racers=racers, lr=lr, beta=beta, condition=condition, start=start,
            **knobs,
        )  # fmt: skip
        self.name, self.message = name or cell_name(), ""
        self._shown_at = 0.0
        self.runner = Runner(self._tick, self._apply, self._between, self._failed)
        self.runner.draws, self.runner.speed = False, self.race.knobs["speed"]
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        enter(self)
        self.controls = DescentControls(self) if self.interactive else None
        self._replay()
        self._show()

    # ---- driving --------------------------------------------------------------------------

    def play(self) -> None:
        """Race in the background until paused, or until all have arrived or diverged."""
        if self.runner.ask(self.race.over):
            self.message = "The race is over: press Reset, or move the start."
            return self._show()
        self.message = ""
        if self.controls:
            self.controls.playing()
        self.runner.start()

    def pause(self) -> None:
        self.runner.stop()
        self._show()

    def step(self) -> None:
        """Pause, then one step."""
        self.run(1)

    def run(self, steps: int) -> "DescentLab":
        """Race `steps` steps here and now; a race ends after 10,000."""
        steps = check_count("steps", steps, 0, LONGEST, "0 or more")
        self.runner.here(lambda n: self._step(), steps)
        self._show()
        return self

    def _step(self) -> bool:
        """One step, where the race has any left; whether it had."""
        left = self.race.step_count < LONGEST
        if left:
            self.race.step()
        return left

    def reset(self, start=None) -> None:
        """Everyone back to the start, or to a new one, with the knobs as they stand."""
        with self.runner.alone():
            if start is None:
                self.race.restart()
            else:
                self.race.change(start=start)
            self.message = ""
            self._show()

    def set(self, knob: str, value) -> None:
        """Turn a knob, running or not: a key of `knobs()`, or "point" for (α, β) of the diagram.

        A bad value is shown in the lab; nothing changes. A new surface or start begins the race
        again; with every other knob it goes on from where the points are.
        """
        self.runner.turn(knob, value)

    def close(self) -> None:
        """Stop the thread for good."""
        self.runner.stop()
        leave(self)

    # ---- what the runner calls ------------------------------------------------------------

    def _tick(self) -> bool:
        """Make one step; return whether the race goes on."""
        self.race.step()
        return not self.race.over()

    def _apply(self, knob: str, value) -> None:
        try:
            self.race.change(**{knob: value})
            self.runner.speed = self.race.knobs["speed"]
            self.message = ""
            self._replay()
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if self.controls:
            self.controls.show_knobs(self.race.knobs)
        if not self.runner.running:
            self._show()

    def _replay(self) -> None:
        if self.race.knobs["replay"]:
            self.race.restart()
            for _ in range(self.steps):
                self.race.step()

    def _between(self) -> None:
        """Show a frame when it is time, and when the race stops."""
        now = time.monotonic()
        if self.runner.stopping.is_set() or now - self._shown_at >= 1 / FRAMES:
            self._shown_at = now
            self._show()

    def _failed(self, error: BaseException) -> None:
        self.message = f"The race stopped: {type(error).__name__}: {error}"
        self._show()

    # ---- showing --------------------------------------------------------------------------

    def knobs(self) -> dict:
        """All knobs as they stand: numbers, names and {racer: rate}."""
        knobs = self.race.knobs  # never changed in place: a new one takes its place
        return {**knobs, "lr": dict(knobs["lr"])}

    @property
    def paths(self) -> dict[str, np.ndarray]:
        """{racer: (steps + 1, 2)}: where each shown racer has been; NaN once it has diverged."""
        return self.runner.ask(lambda: self.race.paths())

    def summary(self) -> str:
        """The state in words, short enough to be read aloud."""
        return self.runner.ask(lambda: f"{summary(self.race)} {self.message}".strip())

    status = property(summary)

    def still(self) -> bytes:
        """The picture as PNG bytes."""
        return still(self._copy())

    def _copy(self) -> Race:
        """The race as it stands: painting takes long, and may go on beside the race."""
        return self.runner.ask(lambda: copy.deepcopy(self.race))

    def _show(self) -> None:
        controls = self.controls
        if controls:
            self.runner.ask(lambda: controls.show(self))

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.interactive and self.race.step_count == 0:
            self.run(self.steps)
        race = self._copy()
        words = f"{describe(race)} {summary(race)} {self.message}".strip()
        bundle = {"text/plain": f"DescentLab. {words}", "image/png": still(race)}
        if self.controls:
            pin(self)
            view = {"version_major": 2, "version_minor": 0, "model_id": self.controls.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, {"image/png": {"alt": words}}
