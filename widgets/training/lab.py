"""TrainingLab: a network trains, and every knob is live.

    lab = TrainingLab(data="digits"); lab

In a notebook with a front end: buttons, knobs and a picture that moves. Without one (papermill,
nbval, a script): `steps` steps, then a still picture with its description in words.
"""

import time

import torch

from course import CourseError, Network, Trainer
from course.errors import check_choice, check_count
from course.training.timeline import Timeline

from ..common.front_end import cell_name, enter, has_front_end, leave, pin
from ..common.runner import Runner
from ..common.still import still
from .controls import Controls
from .extras import Extras
from .instruments import DEFAULT, INSTRUMENTS, Instrument
from .looking import Looking
from .setup import Setup, from_knobs, from_recipe, is_recipe

EVALUATE = 0.5  # seconds between two evaluations while it trains


class TrainingLab(Looking, Extras):
    """A network in training, with its knobs.

    data: a name ("digits", "moons", …), a `Dataset`, a `Trainer` of your own (any model), or a
    recipe (dict, JSON text or file), which is replayed to its end. sizes: layer sizes; default: one
    hidden layer of 64. optimiser: a name of `OPTIMISERS` (`knobs`); momentum in its form; clip
    ("off", "value", "norm") with threshold. All but data, sizes, activation, init and seed may
    change while it trains. steps: how long a headless lab trains. instruments: names of
    `INSTRUMENTS`. interactive: None finds out. name: a new lab of the same name stops the old one;
    default: the notebook cell. Raises `CourseError` for bad values.
    """

    def __init__(
        self, data="digits", sizes=None, lr=0.1, momentum=0.9, clip="off", threshold=1.0,
        batch_size=32, seed=0, steps=300, activation="relu", init=None, optimiser="momentum",
        instruments=DEFAULT, device="cpu", interactive=None, name=None,
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 0, 10**7, "how long a headless lab trains")
        for instrument in instruments:
            check_choice("instrument", instrument, INSTRUMENTS)
        torch.set_num_threads(1)  # recipes say so, and small networks are faster
        done: dict | None = None
        if isinstance(data, Trainer):
            self.setup = Setup(None, data.data, data)
        elif is_recipe(data):
            self.setup, done = from_recipe(data)
        else:
            self.setup = from_knobs(data, sizes, activation, init, optimiser, lr, momentum, clip,
                                    threshold, batch_size, seed)  # fmt: skip
        self.name = name or cell_name()
        self.runner = Runner(self.tick, self.apply, self.between, self.failed, self.overdue)
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.controls: Controls | None = None
        self.instruments: dict[str, Instrument] = {k: INSTRUMENTS[k]() for k in instruments}
        with self.runner.held():
            self._begin(self.setup.build())
            if device != "cpu":
                self.trainer.to(device)
        if done is not None:
            self._replay(done)
        enter(self)
        if self.interactive:
            self.controls = Controls(self)
            self._show()

    def _begin(self, trainer: Trainer) -> None:
        self.trainer, self.timeline = trainer, Timeline(trainer)
        self.runner.draws = not isinstance(trainer.model, Network)
        self.message, self.diverged = "", None
        self.bets = []
        self.drawn: tuple | None = None  # the guess, (x, y)
        self.probe: tuple | None = None  # (step, weights before, weights after)
        self._taken: dict | None = None  # the last picture
        self._spoken = self.words = ""  # the last summary, with and without the message
        self.looked = object()
        self._shown_at = self._evaluated_at = self._taken_at = self._cost = 0.0
        self._probing = False
        for name in self.instruments:
            self.instruments[name] = INSTRUMENTS[name]()
        self._look()

    # ---- driving --------------------------------------------------------------------------

    def play(self) -> None:
        """Train in the background until paused."""
        if self.diverged is not None:
            self._say(self.message)
            return
        self.message = ""
        if self.controls:
            self.controls.playing()
        self.runner.start()

    def pause(self) -> None:
        with self.runner.alone():
            self._look()
            self._show()

    def step(self) -> None:
        """Pause, then train one step."""
        self.run(1)

    def tick(self) -> None:
        """One training step."""
        if self._probing:
            before = self.trainer.model.theta.clone()
            self.timeline.step()
            self.probe = self.trainer.step_count, before, self.trainer.model.theta.clone()
            self._probing = False
        else:
            self.timeline.step()

    def run(self, steps: int) -> "TrainingLab":
        """Train `steps` steps here and now, evaluating along the way."""
        every = max(1, check_count("steps", steps, 0, 10**7, "0 or more") // 50)

        def step(n: int) -> bool:
            if self.diverged is None:
                self.tick()
                if n % every == 0 or n == steps:
                    self._look()
            return self.diverged is None

        self.runner.here(step, steps)
        self._show()
        return self

    def set(self, knob: str, value) -> None:
        """Turn a knob, running or not. A bad value is shown in the lab; nothing changes."""
        self.runner.turn(knob, value)

    def reset(self) -> None:
        """Start again from the first step, with the knobs as they stand now."""
        self.restart()

    def restart(self, **changes) -> None:
        """Start again, with the knobs as they stand and new data, hidden, activation, init, seed.

        A lab around one's own Trainer goes back to the step at which it was made.
        """
        with self.runner.alone():
            if self.setup.recipe is None and not changes:
                self.timeline.go_to(self.timeline.first)
                self.timeline.leave()
                self._arrived()
            else:
                self._start(self.setup.changed(self.trainer.settings(), **changes))

    def _start(self, setup: Setup) -> None:
        """Begin the run that `setup` builds."""
        self.setup = setup
        self._begin(setup.build())
        if self.controls:
            self.controls.show_all()
        self._show()

    def _arrived(self, message: str = "") -> None:
        """Show the step that the timeline has gone to."""
        self.message, self.diverged = message, None
        self._find_divergence()
        if self.controls:
            self.controls.show_knobs()
        self._show()

    def go_to(self, step: int) -> None:
        """Go to any step of this run, exactly. Raises `CourseError` for one it never had."""
        with self.runner.alone():
            self.timeline.go_to(step)
            self._arrived()

    def go_back(self) -> None:
        """To just before the last knob was turned, or the last kept step, before it diverged."""
        with self.runner.alone():
            self._go_back()

    def _go_back(self) -> None:
        self.timeline.note()
        broken = self.diverged if self.diverged is not None else self.trainer.step_count
        changes = [c for c in self.trainer.history.knobs if 0 < c[0] <= broken]
        kept = [s for s in self.timeline.current.snapshots if s < broken] or [self.timeline.first]
        step, words = max(kept), "the last one that was kept"
        if changes and changes[-1][0] > step:
            step, words = changes[-1][0], f"just before {changes[-1][1]} was turned"
        self.timeline.go_to(step)
        self.timeline.leave()
        self._arrived(f"Back at step {step}, {words}.")

    def close(self) -> None:
        """Stop the thread for good."""
        self.runner.stop()
        leave(self)

    # ---- what the runner calls ------------------------------------------------------------

    def apply(self, knob: str, value) -> None:
        try:
            self.trainer.set(knob, value)
            self.message = ""
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if self.controls and self.message:
            self.controls.show_knobs()
        if not self.runner.running:
            self._show()

    def between(self) -> None:
        """After a slice of steps: a frame, if it is time and the browser has kept up."""
        now, pause = time.monotonic(), self._pause()
        if now - self._shown_at < pause or (self.controls and not self.controls.ready()):
            if self.trainer.history.filled % 64 == 0:
                self._find_divergence()  # also when nobody looks
            return
        self._shown_at = max(self._shown_at + pause, now - pause)  # on the average, on time
        if now - self._evaluated_at > EVALUATE:
            self._evaluated_at = now
            self._look()
        else:
            self._find_divergence()
        self._show()
        self._cost = time.monotonic() - now

    def overdue(self, words: str) -> None:
        if self.controls:
            self.controls.say(f"{self._spoken} {words}")

    def failed(self, error: BaseException) -> None:
        words = f"{type(error).__name__}: {error}"
        if isinstance(error, torch.cuda.OutOfMemoryError):
            words = "the GPU's memory is full; choose a smaller batch or another device"
        self._say(f"The training stopped at step {self.trainer.step_count}: {words}")
        if self.controls:
            self.controls.paused()

    def _find_divergence(self) -> None:
        first = self.trainer.check_finite()
        if first is not None and self.diverged is None:
            self.diverged = first
            self.runner.stopping.set()
            self.message = (
                f"Diverged: the loss or its gradient is no finite number since step {first + 1}. "
                f"The learning rate {self.trainer.knobs()['lr']:.4g} is too high for this network: "
                "press Go back, then lower it, or switch clipping on."
            )

    # ---- showing --------------------------------------------------------------------------

    def still(self) -> bytes:
        """The picture as PNG bytes."""
        return still(self.picture())

    def _say(self, message: str) -> None:
        self.message = message
        if self.controls:
            self.controls.say(self.summary())

    def _show(self) -> None:
        if self.controls:
            self.runner.ask(self.controls.show)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.interactive and self.trainer.step_count == 0:
            self.run(self.steps)
        words = self.summary()
        bundle = {"text/plain": f"TrainingLab. {words}", "image/png": self.still()}
        alt = {"image/png": {"alt": words}}
        if self.controls:
            pin(self)
            view = {"version_major": 2, "version_minor": 0, "model_id": self.controls.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, alt
