"""OnCallLab: four ranks train, faults strike, and you are on call.

    lab = OnCallLab(drill="short", seed=0); lab

In a notebook with a front end: a transport, actions, what an operator sees, and at the end what
really happened. Without one: `steps` steps in which nobody acts, then a still picture with its
description in words.
"""

from course import CourseError
from course.errors import check_count
from course.oncall import DRILLS, STEP, Autopilot, OnCall, Perfect, Score, fly, healthy_loss, replay

from ..common.lab import Lab
from . import scene, words
from .controls import OnCallPanel


class OnCallLab(Lab):
    """A drill: see `course.oncall`.

    Args:
        drill: "short", "medium" or "long": 30, 60 or 120 modelled minutes.
        seed: of faults, weights, rows and noise.
        steps: the length of a headless run.
        interactive: whether it has controls; None: whether a reader looks.
        name: a new lab of the same name stops the old one; None: the notebook cell.
        speed: steps a second while it plays; 0: as fast as it goes.

    Raises:
        CourseError: for bad values.

    Attributes:
        session: the `OnCall` in progress.
        stops: whether an alarm pauses it.
    """

    def __init__(
        self, drill="short", seed=0, steps=120, interactive=None, name=None, speed=5
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 0, 10**4, "how long a headless drill goes")
        self.session = OnCall(drill, seed)
        super().__init__(name, interactive)
        self.runner.draws = False
        self.set_speed(speed)
        self.stops = True
        self._compared: tuple[Score, Score, float] | None = None
        self.panel = OnCallPanel(self) if self.interactive else None
        self.opened()
        self.refresh()

    # ---- driving ----------------------------------------------------------------------------

    def step_once(self) -> bool:
        """Make a step; False: an alarm asks for the operator, or the time is up."""
        if self.session.is_over:
            return False
        self.message = ""
        heard = len(self.session.alarms)
        goes_on = self.session.step()
        return goes_on and not (self.stops and len(self.session.alarms) > heard)

    def headless(self) -> None:
        for _ in range(self.steps - len(self.session.readings)):
            self.step()

    def act(self, do: str, /, **named) -> str:
        """Act now, between two steps; see `OnCall.act`.

        Returns:
            What came of it.

        Raises:
            CourseError: for what cannot be done now; nothing changes then.
        """
        said = self.runner.ask(lambda: self.session.act(do, **named))
        self.message = f"{said[:1].upper()}{said[1:]}."
        self.refresh()
        return said

    def reset(self) -> None:
        """Begin the same drill again."""
        self._begin(self.session.drill, self.session.seed)

    def _begin(self, drill, seed) -> None:
        fresh = OnCall(drill, seed)
        with self.runner.alone():
            self._take(fresh)

    def _take(self, session: OnCall) -> None:
        self.session, self._compared, self.message = session, None, ""
        self.show()

    def replay(self, recipe: dict) -> None:
        """Do a drill again, to where its recipe was taken, and show it.

        Raises:
            CourseError: for what is not a recipe; this drill stays as it is then.
        """
        again = replay(recipe)
        with self.runner.alone():
            self._take(again)

    def go_to(self, step) -> None:
        """Refuse: time goes one way.

        Raises:
            CourseError: always.
        """
        raise CourseError("on call, time goes one way; roll back to a checkpoint, or press Reset")

    def apply(self, knob: str, value) -> None:
        """Turn "interval" (steps), "stops" (whether alarms pause it), "drill" or "seed"."""
        try:
            if knob == "interval":
                if value != self.session.interval:
                    self.session.act("interval", steps=value)
            elif knob == "stops":
                self.stops = bool(value)
            elif knob in ("drill", "seed"):
                now = {"drill": self.session.drill, "seed": self.session.seed}
                self.runner.ask_to_stop()
                self.session, self._compared = OnCall(**(now | {knob: value})), None
            else:
                raise CourseError(f"knob = {knob!r}; allowed: interval, stops, drill, seed")
            self.message = ""
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if not self.playing:
            self.show()

    # ---- reading ----------------------------------------------------------------------------

    def recipe(self) -> dict:
        """Return what replays this drill, as plain JSON values."""
        return self.runner.ask(self.session.recipe)

    def compared(self) -> tuple[Score, Score, float]:
        """Return the autopilot's score, what could be reached, and the test loss without faults.

        Only the thread that steps may call it, and only after the end.
        """
        if self._compared is None:
            drill, seed = self.session.drill, self.session.seed
            pilot, knows = (fly(who, OnCall(drill, seed)) for who in (Autopilot(), Perfect()))
            batches = round(DRILLS[drill] / STEP)
            self._compared = pilot.score(), knows.score(), healthy_loss(seed, batches)
        return self._compared

    def debriefing(self) -> str:
        """Return what really happened, what was done, and where the time went, in plain text.

        Raises:
            CourseError: before the end of the drill.
        """
        if not self.session.is_over:
            raise CourseError("the debriefing comes at the end of the drill; play on")
        return self.runner.ask(lambda: words.debriefing(self.session, self.compared()))

    def knob_values(self) -> dict[str, object]:
        """Return where the panel's knobs stand; only the thread that steps may call it."""
        session = self.session
        return {"interval": session.interval, "stops": self.stops, "drill": session.drill,
                "seed": session.seed}  # fmt: skip

    def describe(self) -> dict:
        return scene.describe(self)

    def speak(self) -> str:
        return words.speak(self.session, self.compared() if self.session.is_over else None)

    def drawn(self) -> str:
        return words.DRAWN

    def heads(self) -> list[tuple[str, str]]:
        return words.heads(self.session)
