"""What a lab does besides training: schedules, starting again, guesses, and the way home."""

from typing import Any

import numpy as np

from course import CourseError
from course.errors import check_choice, check_count, check_number
from course.lessons.predictions import Predictions
from course.optim.schedules import Cosine, StepDecay, Warmup
from course.training.baselines import duel
from course.training.presets import preset
from course.training.recipe import Recipe
from course.training.recipe_source import as_code
from course.training.replay import replay

from ..common.picture import POINTS
from .duel_figure import duel_figure
from .instruments import INSTRUMENTS, Instrument
from .setup import from_recipe

SHAPES = {
    "warm-up": lambda end: Warmup(1.0, max(1, end // 10)),
    "cosine": lambda end: Cosine(1.0, end),
    "step": lambda end: StepDecay(1.0, max(1, end // 3)),
}


class Extras:
    """The part of `TrainingLab` that its drawer calls."""

    trainer: Any
    timeline: Any
    setup: Any
    steps: int
    controls: Any
    drawn: Any
    set: Any
    restart: Any
    _start: Any
    _arrived: Any
    _look: Any
    _evaluations: Any
    tick: Any
    _show: Any
    _say: Any
    runner: Any
    bets: list[dict]
    message: str
    instruments: dict[str, Instrument]

    def schedule(self, name: str) -> None:
        """Let the rate follow a schedule from its present value to the planned end of the run."""
        check_choice("schedule", name, ("constant", *SHAPES))
        self.runner.ask(lambda: self._schedule(name))

    def _schedule(self, name: str) -> None:
        lr, here = self.trainer.knobs()["lr"], self.trainer.step_count
        if name == "constant":
            self.set("lr", lr)
            return
        shape = SHAPES[name](here + self.steps)
        now = shape.value(here) if name != "warm-up" else 1.0
        options = {k: v for k, v in shape.describe().items() if k != "kind"}
        first = next(iter(options))  # peak or start
        self.set("lr", type(shape)(**(options | {first: lr / now})))

    # ---- looking ---------------------------------------------------------------------------

    def switch(self, branch: int) -> None:
        """Go on with another of `branches`, at its end."""
        with self.runner.alone():
            self.timeline.switch(branch)
            self._arrived()

    def watch(self, instrument: str, on: bool = True) -> None:
        """Switch an instrument on or off."""
        check_choice("instrument", instrument, INSTRUMENTS)
        self.runner.ask(lambda: self._watch(instrument, on))

    def _watch(self, instrument: str, on: bool) -> None:
        if on and instrument not in self.instruments:
            self.instruments[instrument] = INSTRUMENTS[instrument]()
        elif not on:
            self.instruments.pop(instrument, None)
        if not self.runner.running:
            self._show()

    # ---- starting again -------------------------------------------------------------------

    def restart_with(self, data: str, hidden: str, activation: str, init: str, seed: int) -> None:
        """`restart`, from the drawer's fields; hidden: widths such as '64, 32', or nothing."""
        model = self.setup.recipe.model
        changes: dict[str, Any] = {"activation": activation, "init": init, "seed": seed}
        if data != self.setup.recipe.data.get("name", "own"):
            changes["data"] = data
        try:
            widths = [int(part) for part in hidden.replace(",", " ").split()]
        except ValueError:
            raise CourseError(
                f"hidden widths = {hidden!r}; allowed: whole numbers with commas, as 64, 32"
            ) from None
        if activation != model["activation"] and init == model["init"]:
            del changes["init"]  # what suits the new activation
        self.restart(hidden=widths, **changes)

    def take_preset(self, name: str) -> None:
        """Start the run of a preset (`course.training.presets`)."""
        with self.runner.alone():
            self._start(from_recipe(preset(name))[0])

    def _replay(self, recipe: Recipe) -> None:
        end, every = recipe.steps, max(1, recipe.steps // 50)

        def turn() -> None:
            here = self.trainer.step_count
            replay(self.trainer, [c for c in recipe.knobs if c[0] == here], here)

        def step(n: int) -> None:
            turn()
            self.tick()
            if n % every == 0 or n == end:
                self._look()

        self.runner.here(step, end)
        self.runner.ask(turn)

    # ---- the way home ---------------------------------------------------------------------

    def recipe(self) -> Recipe:
        """What reproduces this run up to the step it is at (see `course.training.recipe`)."""
        return self.runner.ask(lambda: self.trainer.recipe())

    def code(self) -> str:
        """The same run as a short program."""
        return as_code(self.recipe())

    def duel(self, seeds: int = 10):
        """Replay this run's knob changes on unseen seeds against autopilots (see `baselines`)."""
        return duel(self.recipe(), seeds)

    def show_home(self, what: str) -> None:
        self.runner.stop()
        if what == "duel":
            self._say("Dueling on ten seeds: a few seconds …")
        drawer = self.controls.drawer
        if what == "duel":
            result = self.duel()
            drawer.text.value = str(result)
            drawer.show_figure(duel_figure(result), str(result))
        else:
            drawer.text.value = self.code() if what == "code" else self.recipe().json()
        self._say(f"The {what} is in the text field.")

    def copy(self, text: str) -> None:
        """Ask the browser to put a text on its clipboard."""
        self.controls.canvas.copy(text)
        self._say("Copied." if text else "There is nothing to copy yet: press Show recipe first.")

    # ---- guesses --------------------------------------------------------------------------

    def let_draw(self, on: bool) -> None:
        self.controls.canvas.drawing = bool(on)
        self._show()

    def guess_curve(self, points: list) -> None:
        """Guess the batch loss: [[step, loss], …] with rising steps. Scored when they are past."""
        if len(points) < 2 or any(not (len(p) == 2 and p[1] > 0) for p in points):
            raise CourseError("the drawn curve needs at least 2 points above 0; draw from left to "
                              "right")  # fmt: skip
        xs, ys = (np.array(v, dtype=float) for v in zip(*points, strict=True))
        keep = np.linspace(0, len(xs) - 1, min(len(xs), POINTS)).astype(int)
        guess = np.stack([xs[keep], ys[keep]], 1)
        self.runner.ask(lambda: self._note_curve(guess))

    def _note_curve(self, guess: np.ndarray) -> None:
        self.drawn = guess[:, 0], guess[:, 1]
        self.bets = [b for b in self.bets if b["question"] != "batch loss"]
        self.bets.append({"question": "batch loss", "at": int(guess[-1, 0]),
                          "guess": guess.round(6).tolist()})  # fmt: skip
        self._say("Your curve is noted. Press Play.")
        self._show()

    def place_bet(self, accuracy: float, at: int) -> None:
        """Bet the test accuracy after `at` steps. Scored when the run gets there."""
        self.runner.ask(lambda: self._note_bet(accuracy, at))

    def _note_bet(self, accuracy: float, at: int) -> None:
        if self.trainer.data.is_regression:
            raise CourseError("a regression has no accuracy to bet on; draw its loss instead")
        accuracy = check_number("bet", accuracy, 0, 1, "a share of the test rows")
        here = self.trainer.step_count
        at = check_count("steps of the bet", at, here + 1, 10**9, "a step still to come")
        self.bets.append({"question": "test accuracy", "at": at, "guess": accuracy})
        self._say(f"Your bet is noted: {accuracy:.0%} after {at} steps. Press Play.")

    def settle(self) -> None:
        """Score the guesses whose step has come."""
        due = [b for b in self.bets if b["at"] <= self.trainer.step_count]
        if not due:
            return
        self.bets = [b for b in self.bets if b not in due]
        lines = []
        for bet in due:
            if bet["question"] == "batch loss":
                (first, distance), y = self.trainer.history.means(POINTS)
                steps = first + distance * np.arange(len(y))
                result: Any = np.stack([steps, y[:, 0]], 1).tolist()
            else:
                result = self._evaluations()[-1][4]
            where = f"lab on {self.trainer.data.name}"
            try:
                entry = Predictions().predict(where, bet["question"], bet["guess"], result)
            except CourseError as error:  # as when the file cannot be written: training goes on
                lines.append(f"Your guess of the {bet['question']} is not kept: {error}")
                continue
            off = "could not be compared" if entry["miss"] is None else (
                f"was off by a factor of {entry['miss']:.2f}")  # fmt: skip
            shown = "" if isinstance(result, list) else f": it is {result:.1%}"
            lines.append(f"Your guess of the {bet['question']} {off}{shown}.")
        counted = Predictions().calibration()
        if "median factor" in counted:
            lines.append(f"Your {counted['guesses']} guesses so far: median factor "
                         f"{counted['median factor']:.2f}.")  # fmt: skip
        self._say(" ".join(lines))
        if self.controls:
            self.controls.drawer.show_verdict(" ".join(lines))
