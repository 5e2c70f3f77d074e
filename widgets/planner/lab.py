"""PlannerLab: a Transformer on N devices, and every number of it is a knob.

    lab = PlannerLab("GPT 175 B selective (A100 Megatron 2022)"); lab

In a notebook with a front end: knobs, bars of memory and time, curves over the number of devices
with a handle to drag, and published figures beside ours. Without one: a still picture with its
description in words.
"""

import json
from pathlib import Path

from course import CourseError
from course.errors import check_number, shown
from course.planner.planning import plan as plan_with_words
from course.planner.plans import Plan

from ..common.lab import Lab
from . import scene, words
from .controls import PlannerPanel
from .presets import START, presets
from .session import Session


class PlannerLab(Lab):
    """A plan whose knobs are live.

    Playing walks through the numbers of devices that can be planned, from where it stands up to
    10,000, and the curves grow.

    Args:
        start: a name of `presets()`, a `course.planner.Spec`, or what `recipe()` has given.
        interactive: whether it has controls; None: whether a reader looks.
        name: a new lab of the same name stops the old one; None: the notebook cell.
        speed: numbers of devices a second while it plays; 0: as fast as it goes.
        knobs: turned one after another at the start, as `devices=1024, layout="search"`.

    Raises:
        CourseError: for bad values, and for what cannot be planned.

    Attributes:
        session: the plan, which no screen knows.
    """

    def __init__(self, start=START, interactive=None, name=None, speed=5, **knobs):
        self.session = Session(start, **knobs)
        super().__init__(name, interactive)
        self.runner.draws = False
        self.set_speed(speed)
        self.panel = PlannerPanel(self) if self.interactive else None
        self.opened()
        self.refresh()

    # ---- driving ----------------------------------------------------------------------------

    def step_once(self) -> bool:
        """Take the next number of devices that can be planned; False from the last one on."""
        more = [n for n in self.session.counts() if n > self.session.spec.devices]
        if more:
            self.session.turn("devices", more[0])
            self.message = ""
        return len(more) > 1

    def play(self) -> None:
        """Walk through the numbers of devices; after the last one, from the first."""

        def begin() -> None:
            counts = self.session.counts()
            if self.session.spec.devices >= counts[-1]:
                self.session.turn("devices", counts[0])

        self.runner.ask(begin)
        super().play()

    def tick(self) -> None:
        """Take the next number of devices; the same as `step`."""
        self.step()

    def reset(self) -> None:
        """Go back to where the lab began."""
        with self.runner.alone():
            self.session.reset()
            self.message = ""
            self.show()

    def apply(self, knob: str, value) -> None:
        """Turn a knob of `knobs()`, or "near": the nearest number of devices that can be planned.

        Called by the runner.
        """
        try:
            self.message = ""
            if knob == "near":
                self._near(value)
            else:
                self.session.turn(knob, value)
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if not self.playing:
            self.show()

    def _near(self, value) -> None:
        asked = check_number("devices", value, 0.5, 1e6, "how many")
        near = self.session.nearest(asked)
        self.session.turn("devices", near)
        if near != round(asked):
            self.message = (
                f"{asked:,.0f} devices cannot be shared out evenly; {near:,} are nearest."
            )

    # ---- reading ----------------------------------------------------------------------------

    def knobs(self) -> dict:
        """Return all knobs as they stand."""
        return self.session.knobs()

    @property
    def plan(self) -> Plan:
        """The plan on show, as `course.planner.plan` gives it, without its words."""
        return self.runner.ask(lambda: self.session.now.plan)

    def report(self) -> str:
        """Return what `course plan` prints of the same plan, reasons included."""

        def text() -> str:
            now = self.session.now
            return now.why_not if now.why_not else str(plan_with_words(self.session.spec))

        return self.runner.ask(text)

    def recipe(self) -> dict:
        """Return what is planned, as `course plan` takes it and `PlannerLab(recipe)` shows it."""
        return self.runner.ask(self.session.recipe)

    def save(self, path: str | Path = "plan.json") -> None:
        """Save the recipe as a file for `course plan`.

        Raises:
            CourseError: when the file cannot be written.
        """
        text = json.dumps(self.recipe(), indent=2)
        try:
            Path(path).write_text(f"{text}\n", encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CourseError(
                f"the plan cannot be saved as {shown(path)} ({error}); choose a file in a folder "
                "that there is"
            ) from None
        self.say(f"The plan is saved: course plan {path}")

    def knob_values(self) -> dict[str, object]:
        """Return where the panel's knobs stand; only the thread that steps may call it."""
        return self.session.knobs() | {"near": self.session.spec.devices}

    def preset(self):
        """Return the preset on show; None for a plan of one's own."""
        return presets().get(self.session.preset)

    def describe(self) -> dict:
        return scene.describe(self)

    def speak(self) -> str:
        return words.speak(self.session)

    def drawn(self) -> str:
        return words.drawn()

    def heads(self) -> list[tuple[str, str]]:
        return words.heads(self.session)
