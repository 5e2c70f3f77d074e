"""DescentLab: optimisers race on a surface of two weights, and every knob is live.

    lab = DescentLab("ravine"); lab

In a notebook with a front end: a transport, knobs, a start to drag and an (α, β) diagram to drag a
point in. Without one: `steps` steps, then a still picture with its description in words.
"""

import numpy as np

from course import CourseError
from course.errors import check_count
from course.lessons.race import LONGEST, Race
from course.lessons.racers import NAMES

from ..common.lab import Lab
from . import scene, words
from .controls import DescentPanel


class DescentLab(Lab):
    """A race of optimisers, with its knobs.

    Args:
        surface: "quadratic" (with its `condition`, and `rotation` in degrees), "ravine",
            "Rosenbrock", "saddle" or "cliff".
        racers: those that are shown, of "gradient descent", "momentum" (the documents' exponential
            average), "heavy ball", "Adam", "Newton", "clipped descent" (by norm), "Nesterov" and
            "sign descent".
        lr: None for rates that suit the surface, a number for all but Newton, or {racer: rate}.
        beta: of momentum, heavy ball and Nesterov.
        start: (x, y); None: the surface's own.
        steps: the length of a headless race and of a replay.
        interactive: whether it has controls; None: whether a reader looks.
        name: a new lab of the same name stops the old one; None: the notebook cell.
        speed: steps a second while it plays; 0: as fast as it goes.
        knobs: threshold (of clipping), damping (Newton's), noise (the standard deviation of what is
            added to each part of the gradient; nine seeds race then), form (which momentum the
            diagram is about), replay (race anew, `steps` steps at once, whenever a knob is turned).

    Raises:
        CourseError: for bad values.

    Attributes:
        race: the `Race`, which no screen knows.
    """

    def __init__(
        self, surface="ravine", racers=("gradient descent", "momentum"), lr=None, beta=0.9,
        condition=100, start=None, steps=100, interactive=None, name=None, speed=15, **knobs,
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 0, LONGEST, "how long a headless lab races")
        self.race = Race(
            surface=surface, racers=racers, lr=lr, beta=beta, condition=condition, start=start,
            **knobs,
        )  # fmt: skip
        super().__init__(name, interactive)
        self.runner.draws = False
        self.set_speed(speed)
        self._replay()
        self.panel = DescentPanel(self) if self.interactive else None
        self.opened()
        self.refresh()

    # ---- driving ----------------------------------------------------------------------------

    def step_once(self) -> bool:
        """Make a step if the race has any left; playing ends when all have arrived or diverged."""
        if self.race.step_count < LONGEST:
            self.race.step()
        return not self.race.over() if self.playing else self.race.step_count < LONGEST

    def play(self) -> None:
        """Race in the background until paused, or over; a race that is over begins again."""
        if self.runner.ask(self.race.over):
            self.reset()
        super().play()

    def reset(self, start=None) -> None:
        """Put all racers back at the start, or at a new one, with the knobs as they stand.

        Args:
            start: (x, y).

        Raises:
            CourseError: for a start out of range; nothing changes.
        """
        with self.runner.alone():
            if start is None:
                self.race.restart()
            else:
                self.race.change(start=start)
            self.message = ""
            self.show()

    def go_to(self, step: int) -> None:
        """Go to a step that the race has had, exactly.

        Raises:
            CourseError: for another step; nothing changes.
        """
        with self.runner.alone():
            self.race.go_to(step)
            self.message = ""
            self.show()

    def apply(self, knob: str, value) -> None:
        """Turn a knob of `knobs()`, or "point": (α, β) of the diagram. Called by the runner.

        A new surface or start begins the race again; with every other knob it goes on from where
        the points are.
        """
        try:
            self.race.change(**{knob: value})
            self.message = ""
            self._replay()
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if not self.playing:
            self.show()

    def _replay(self) -> None:
        if self.race.knobs["replay"]:
            self.race.restart()
            for _ in range(self.steps):
                self.race.step()

    def headless(self) -> None:
        if self.race.step_count == 0:
            self.run(self.steps)

    # ---- reading ----------------------------------------------------------------------------

    def knobs(self) -> dict:
        """Return all knobs as they stand: numbers, names and {racer: rate}."""
        knobs = self.race.knobs  # never changed in place: a new one takes its place
        return {**knobs, "lr": dict(knobs["lr"])}

    @property
    def paths(self) -> dict[str, np.ndarray]:
        """{racer: (steps + 1, 2)}: where each shown racer has been; NaN once it has diverged."""
        return self.runner.ask(lambda: self.race.paths())

    def knob_values(self) -> dict[str, object]:
        """Return where the panel's knobs stand; only the thread that steps may call it."""
        knobs = self.race.knobs
        return {**knobs, **{f"lr {name}": knobs["lr"][name] for name in NAMES}}

    def describe(self) -> dict:
        return scene.describe(self)

    def speak(self) -> str:
        return words.speak(self.race)

    def drawn(self) -> str:
        return self.runner.ask(lambda: words.drawn(self.race))

    def heads(self) -> list[tuple[str, str]]:
        return words.heads(self.race)
