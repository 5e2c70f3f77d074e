"""TrainingLab: a network trains, and every knob is live.

    lab = TrainingLab(data="spirals", sizes=[2, 8, 8, 2]); lab

Without a front end (papermill, nbval, a script): `steps` steps, then a still picture and words.
"""

from collections.abc import Callable
from typing import Self

import torch

from course import CourseError, Network, Trainer
from course.errors import check_choice, check_count
from course.training.recipe import Recipe
from course.training.recipe_source import as_code
from course.training.replay import replay
from course.training.timeline import Timeline

from ..common.lab import Lab
from . import numbers, plans, sampling
from .guess import Guess
from .instruments import DEFAULT, INSTRUMENTS
from .setup import Setup, from_form, from_recipe, prepare
from .view import View, undrawn
from .watching import Watching

SPEED = 30  # steps a second at first
CHECK = 16  # steps between two looks for numbers that are not finite


class TrainingLab(Lab):
    """A network in training, with its knobs.

    Args:
        data: a name ("digits", "moons", …), a `Dataset`, a `Trainer` of your own (any model), or a
            recipe (dict, JSON text or file), which is replayed to its end.
        sizes: the widths from input to output; default: one hidden layer of 64.
        lr, momentum, clip, clip_order, threshold, batch_size, optimiser: where the knobs stand at
            first; clip is "off", "value" or "norm", its order "before" or "after" momentum.
        seed: of the first weights and of the order of the rows.
        steps: the planned end of the run; a lab without a front end trains so far by itself.
        instruments: names of `INSTRUMENTS`.
        speed: steps a second while it plays, 0 for as fast as it goes.
        interactive: whether it has controls; None finds out.
        name: a new lab of the same name stops the old one; None: the notebook cell.
        residual, norm: as in `MLP`: None for none, True or False for a switch that stands so.
        label_noise: the share of training rows whose label is wrong from the first step on.

    Attributes:
        trainer: the run; only the thread that steps may touch it.
        timeline: its branches.
        planned: the step at which it stops by itself.

    Raises:
        CourseError: for bad values.
    """

    def __init__(
        self, data="digits", sizes=None, lr=0.1, momentum=0.9, clip="off", clip_order="before",
        threshold=1.0, batch_size=32, seed=0, steps=300, activation="relu", init=None,
        optimiser="momentum", instruments=DEFAULT, device="cpu", speed=SPEED, interactive=None,
        name=None, residual=None, norm=None, label_noise=0.0,
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 1, 10**9, "the planned end of the run")
        for instrument in instruments:
            check_choice("instrument", instrument, INSTRUMENTS)
        torch.set_num_threads(1)  # recipes say so, and small networks are faster
        knobs = {"sizes": sizes, "activation": activation, "init": init, "residual": residual,
                 "norm": norm, "optimiser": optimiser, "lr": lr, "momentum": momentum,
                 "clip": clip, "clip_order": clip_order, "threshold": threshold,
                 "batch_size": batch_size, "seed": seed, "label_noise": label_noise}  # fmt: skip
        self.setup, done = prepare(data, knobs)
        super().__init__(name, interactive)
        self.set_speed(speed)
        self._watched = tuple(instruments)
        with self.runner.held():
            self._begin(self.setup.build())
            if device != "cpu":
                self.trainer.to(device)
        if done is not None:
            self._replay(done)
        self.opened()
        if self.interactive:
            from .controls import TrainingPanel  # widgets only if there is a front end

            self.panel = TrainingPanel(self)
            self.refresh()

    def _begin(self, trainer: Trainer) -> None:
        self.trainer, self.timeline = trainer, Timeline(trainer)
        self.runner.draws = not isinstance(trainer.model, Network)
        self.planned = trainer.step_count + self.steps
        self.message, self.guessed = "", Guess()
        self.diverged: int | None = None  # the first step whose numbers are not finite
        self.watching = Watching(self._watched, trainer)
        self._sample()

    # ---- driving ----------------------------------------------------------------------------

    def play(self) -> None:
        """Train in the background until paused, or to the planned end; from there as far again."""
        if self.diverged is not None:
            self.say(self._why)
            return
        if self.trainer.step_count >= self.planned:
            self.planned = self.trainer.step_count + self.steps
        super().play()

    def step_once(self) -> bool:
        """Train one step, and sample the run if the step is due; False: stop here."""
        t = self.trainer
        if self.diverged is not None:
            return False
        due, branch = sampling.is_due(t.step_count + 1), self.timeline.current
        before = t.model.theta.clone() if due and self._probes() else None
        self.timeline.step()
        if self.timeline.current is not branch:
            self.watching.part(self.timeline.current)
        if before is not None:
            self.watching.probe = t.step_count, before, t.model.theta.clone()
        if due:
            self._sample()
        if due or t.step_count % CHECK == 0:
            self._find_divergence()
        if t.step_count == self.guessed.end:
            self.message = self.guessed.settle(t)
        return self.diverged is None and t.step_count != self.planned

    def run(self, steps: int, before: Callable[[], None] | None = None) -> Self:
        check_count("steps", steps, 0, 10**9, "0 or more")
        self.planned = max(self.planned, self.trainer.step_count + steps)
        return super().run(steps, before)

    def plan_end(self, step: int) -> None:
        """Stop by itself at this step."""
        here = self.runner.ask(lambda: self.trainer.step_count)
        self.planned = check_count("the planned end", step, here + 1, 10**9, "a step to come")
        self.steps = self.planned - self.timeline.first
        self.refresh()

    def headless(self) -> None:
        if self.trainer.step_count == self.timeline.first:
            self.run(self.steps)

    # ---- knobs ------------------------------------------------------------------------------

    def apply(self, knob: str, value) -> None:
        t = self.trainer
        try:
            before = t.knobs()
            t.set(knob, value)
            moved = knob == "threshold" and value != before["threshold"]
            if moved and before["clip"] == "off":
                t.set("clip", "norm")  # the line has been taken in hand: it clips from now on
            if self.diverged is None:
                self.message = ""
            self._sample()
        except CourseError as error:
            self.message = f"Not changed: {error}"
            if self.panel:
                self.panel.show_knobs()
        if not self.playing:
            self.show()

    def plan(self, knob: str, points: list) -> None:
        """Let a knob follow a line through points from now on.

        Args:
            knob: "lr", "momentum" or "threshold".
            points: [[step, value], …] of steps to come; an empty list takes the plan back.

        Raises:
            CourseError: for another knob, and points that no schedule can have.
        """
        self.set(knob, self.runner.ask(lambda: plans.schedule(self.trainer, knob, points)))

    def guess(self, points: list) -> None:
        """Guess the batch loss: [[step, loss], …] of steps to come; an empty list takes it back.

        It is scored when the run has passed its last point.

        Raises:
            CourseError: for fewer than two points, losses below 0 and steps that are past.
        """
        self.runner.ask(lambda: self.guessed.take(points, self.trainer))
        self.refresh()

    def knob_values(self) -> dict[str, object]:
        """Return where the knobs stand; only the thread that steps may call it."""
        return self.trainer.knobs()

    # ---- in time ----------------------------------------------------------------------------

    def reset(self) -> None:
        """Start again from the first step, with the knobs as they stand now."""
        self.restart()

    def restart(self, **changes) -> None:
        """Start again, with the knobs as they stand and new data, hidden, activation, init, seed.

        A lab around your own Trainer goes back to the step at which it was made.
        """
        with self.runner.alone():
            if self.setup.recipe is not None or changes:
                return self._start(self.setup.changed(self.trainer.settings(), **changes))
            self.timeline.go_to(self.timeline.first)
            self.timeline.leave()
            self._arrived()

    def restart_with(self, **fields) -> None:
        """`restart` with a form's fields, of which only those that differ count."""
        self.restart(**from_form(self.setup.recipe, fields))

    def take_recipe(self, recipe: Recipe) -> None:
        """Start the run of a recipe, at its first step."""
        with self.runner.alone():
            self._start(from_recipe(recipe)[0])

    def _start(self, setup: Setup) -> None:
        self._begin(setup.build())
        self.setup = setup
        self._after("started")

    def go_to(self, step: int) -> None:
        """Go to any step of this branch, exactly.

        Raises:
            CourseError: for a step that the branch never had; nothing changes.
        """
        with self.runner.alone():
            self.timeline.go_to(step)
            self._arrived()

    def go_back(self) -> None:
        """Go to just before the last knob was turned, or to the start."""
        with self.runner.alone():
            end = self.diverged if self.diverged is not None else self.trainer.step_count
            before = [s for s, _, _ in self.trainer.history.knobs if self.timeline.first < s < end]
            self.timeline.go_to(max(before, default=self.timeline.first))
            self._arrived()

    def switch(self, branch: int) -> None:
        """Go on with another of `timeline.branches`, at its end."""
        with self.runner.alone():
            self.timeline.switch(branch)
            self._arrived()

    def _arrived(self) -> None:
        self.message, self.diverged, self.watching.aside = "", None, None
        self._find_divergence()
        self._after("arrived")

    def _after(self, what: str) -> None:
        if self.panel:
            self.panel.renew(what)
        self.show()

    def _replay(self, recipe: Recipe) -> None:
        """Do what a recipe says, turn by turn."""
        self.planned = max(self.planned, recipe.steps)
        self.run(recipe.steps, lambda: self._turn_as(recipe))
        self.runner.ask(lambda: self._turn_as(recipe))

    def _turn_as(self, recipe: Recipe) -> None:
        here = self.trainer.step_count
        changes = [change for change in recipe.knobs if change[0] == here]
        replay(self.trainer, changes, here)
        if changes:
            self._sample()

    # ---- looking ----------------------------------------------------------------------------

    def watch(self, instrument: str, on: bool = True) -> None:
        """Switch an instrument on or off."""
        check_choice("instrument", instrument, INSTRUMENTS)
        self.runner.ask(lambda: self.watching.switch(instrument, on, View(self)))
        self._watched = tuple(self.watching.instruments)
        self.refresh()

    @property
    def evaluations(self) -> list[sampling.Sample]:
        """The samples up to this step."""
        return self.runner.ask(lambda: View(self).past)

    def _probes(self) -> bool:
        shown = self.watching.instruments
        return "update ratio" in shown or "layers" in shown or not self.trainer.data.is_2d

    def _sample(self) -> None:
        before = self.watching.message
        with undrawn(self.trainer.model):
            self.watching.sample(View(self))
        if self.watching.message or self.message == before:
            self.message = self.watching.message

    def _find_divergence(self) -> None:
        first = self.trainer.check_finite()
        if first is not None and self.diverged is None:
            self.diverged = first
            self.message = self._why = numbers.divergence(first + 1, self.trainer.chain.descend.lr)

    def describe(self) -> dict:
        return self.watching.describe(View(self), self.playing)

    def speak(self) -> str:
        return self.watching.speak(View(self))

    def heads(self) -> list[tuple[str, str]]:
        return numbers.heads(View(self))

    # ---- the way home -----------------------------------------------------------------------

    def recipe(self) -> Recipe:
        """Return what reproduces this run up to the step it is at."""
        return self.runner.ask(lambda: self.trainer.recipe())

    def code(self) -> str:
        """Return the same run as a short program."""
        return as_code(self.recipe())
