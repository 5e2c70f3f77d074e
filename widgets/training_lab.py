"""TrainingLab: a network trains, and every knob is live.

    lab = TrainingLab(data="digits"); lab

In a notebook with a front end: buttons, knobs and a picture that moves. Without one (papermill,
nbval, a script): `steps` steps, then a still picture with its description in words.
"""

import time
from collections import deque

from course import (
    MLP,
    ClipByNorm,
    ClipByValue,
    CourseError,
    Descend,
    Momentum,
    Trainer,
    load_data,
)
from course import chain as make_chain
from course.errors import check_choice, check_count
from course.knobs import set_threshold

from .controls import Controls
from .picture import describe, picture
from .runner import Runner
from .still import still

FRAMES = 15  # a second, at most
SHARE = 1 / 3  # of the time may go into pictures, at most
CHECKPOINT = 100  # steps between two points one can go back to
LABS: dict[str, "TrainingLab"] = {}  # re-running a cell stops the lab it replaces


def has_front_end() -> bool:
    """True in a notebook that somebody looks at: a front end allows input, papermill does not."""
    try:
        from IPython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        return kernel is not None and bool(kernel._allow_stdin)
    except (ImportError, AttributeError):
        return False


class TrainingLab:
    """A network in training, with its knobs.

    data: a name ("digits", "moons", "spirals") or a `Dataset`. sizes: layer sizes; default: one
    hidden layer of 64. lr, momentum (exponential-average form), clip ("off", "value", "norm")
    with threshold, batch_size, seed, device: where the run starts; all but seed and sizes may
    change while it trains. steps: how long a headless lab trains. interactive: None finds out.
    name: a new lab of the same name stops the old one. Raises `CourseError` for bad values.
    """

    def __init__(
        self, data="digits", sizes=None, lr=0.1, momentum=0.9, clip="off", threshold=1.0,
        batch_size=32, seed=0, steps=300, device="cpu", interactive=None, name="lab",
    ):  # fmt: skip
        check_choice("clip", clip, ("off", "value", "norm"))
        self.data = load_data(data, seed) if isinstance(data, str) else data
        self.sizes = list(sizes or (self.data.features, 64, self.data.classes))
        self.steps = check_count("steps", steps, 0, 10**7, "how long a headless lab trains")
        self._start = {
            "lr": lr, "momentum": momentum, "clip": clip, "threshold": threshold,
            "batch_size": batch_size, "device": device,
        }  # fmt: skip
        self.seed, self.name = seed, name
        self.runner = Runner(self.tick, self._apply, self._between, self._failed)
        self.interactive = has_front_end() if interactive is None else bool(interactive)
        self.message = ""
        self.trainer = self._build()
        self._reset_views()
        if name in LABS:
            LABS[name].close()
        LABS[name] = self
        self.controls = Controls(self) if self.interactive else None
        if self.controls:
            self._show()

    def _build(self) -> Trainer:
        s = self._start
        clips = {"value": ClipByValue, "norm": ClipByNorm}
        clip = [clips[s["clip"]](s["threshold"])] if s["clip"] != "off" else []
        steps = make_chain(*clip, Momentum(s["momentum"]), Descend(s["lr"]))
        model = MLP(self.sizes, seed=self.seed)
        trainer = Trainer(model, self.data, steps, s["batch_size"], self.seed)
        set_threshold(trainer, s["threshold"])
        return trainer if s["device"] == "cpu" else trainer.to(s["device"])

    def _reset_views(self) -> None:
        self.evaluations: list[tuple] = []
        self.checkpoints: deque = deque(maxlen=8)
        self.diverged: int | None = None
        self._shown_at = self._cost = 0.0
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
        self.runner.stop()
        self._show()

    def step(self) -> None:
        """Pause, then train one step."""
        self.runner.stop()
        if self.diverged is None:
            self.run(1)

    def tick(self) -> None:
        """One training step; keep a checkpoint now and then."""
        if self.trainer.step_count % CHECKPOINT == 0:
            self._checkpoint()
        self.trainer.step()

    def run(self, steps: int) -> "TrainingLab":
        """Train `steps` steps here and now, evaluating along the way."""
        self.runner.stop()
        every = max(1, check_count("steps", steps, 0, 10**7, "0 or more") // 50)
        for n in range(1, steps + 1):
            if self.diverged is not None:
                break
            self.tick()
            if n % every == 0 or n == steps:
                self._look()
        self._show()
        return self

    def reset(self) -> None:
        """Start again from the first step, with the knobs as they stand now."""
        self.runner.stop()
        self._start = self.trainer.knobs()
        self.trainer, self.message = self._build(), ""
        self._reset_views()
        self._show()

    def set(self, knob: str, value) -> None:
        """Turn a knob, running or not. A bad value is shown in the lab; nothing changes."""
        self.runner.turn(knob, value)

    def go_back(self) -> None:
        """Return to the last checkpoint before the numbers broke."""
        self.runner.stop()
        if not self.checkpoints:
            self._say("There is no earlier point to go back to: press Reset.")
            return
        if self.diverged is not None:
            while len(self.checkpoints) > 1 and self.checkpoints[-1]["run"]["step"] > (
                self.diverged
            ):
                self.checkpoints.pop()
        knobs = self.trainer.knobs()
        self.trainer.load_state_dict(self.checkpoints[-1])
        step = self.trainer.step_count
        self.evaluations = [e for e in self.evaluations if e[0] <= step]
        self.diverged = None
        self.message = f"Back at step {step}, with its learning rate (it was {knobs['lr']:.4g})."
        if self.controls:
            self.controls.show_knobs(self.trainer.knobs())
        self._show()

    def close(self) -> None:
        """Stop the thread for good."""
        self.runner.stop()

    # ---- what the runner calls ------------------------------------------------------------

    def _apply(self, knob: str, value) -> None:
        try:
            self.trainer.set(knob, value)
            self.message = ""
        except CourseError as error:
            self.message = f"Not changed: {error}"
            if self.controls:
                self.controls.show_knobs(self.trainer.knobs())
        if not self.runner.running:
            self._show()

    def _between(self) -> None:
        """After a slice of steps: a frame, if it is time and the browser has kept up."""
        now = time.monotonic()
        pause = max(1 / FRAMES, self._cost / SHARE)
        if now - self._shown_at < pause or (self.controls and not self.controls.ready()):
            return
        self._shown_at = now
        self._look()
        self._show()
        self._cost = time.monotonic() - now

    def _failed(self, error: Exception) -> None:
        self._say(f"The training stopped: {type(error).__name__}: {error}")
        if self.controls:
            self.controls.paused()

    def _checkpoint(self) -> None:
        if self.trainer.check_finite() is None:
            self.checkpoints.append(self.trainer.state_dict())

    def _look(self) -> None:
        """Evaluate, and pause when the numbers have broken."""
        train, test = self.trainer.evaluate("train"), self.trainer.evaluate("test")
        if not self.evaluations or self.evaluations[-1][0] < self.trainer.step_count:
            self.evaluations.append((self.trainer.step_count, train[0], test[0], train[1], test[1]))
        first = self.trainer.check_finite()
        if first is not None and self.diverged is None:
            self.diverged = first
            self.runner._stop.set()
            self.message = (
                f"Diverged: the loss or its gradient is no finite number since step {first + 1}. "
                f"The learning rate {self.trainer.knobs()['lr']:.4g} is too high for this network: "
                "press Go back, then lower it, or switch clipping on."
            )

    # ---- showing --------------------------------------------------------------------------

    def summary(self) -> str:
        """The state in words."""
        words = describe(self.trainer, self.evaluations)
        return f"{words}. {self.message}" if self.message else f"{words}."

    status = property(summary)

    def picture(self) -> dict:
        return picture(self.trainer, self.evaluations)

    def still(self) -> bytes:
        """The picture as PNG bytes."""
        return still(self.picture())

    def _say(self, message: str) -> None:
        self.message = message
        if self.controls:
            self.controls.say(self.summary())

    def _show(self) -> None:
        if self.controls:
            self.controls.show(self)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.interactive and self.trainer.step_count == 0:
            self.run(self.steps)
        bundle = {"text/plain": f"TrainingLab. {self.summary()}", "image/png": self.still()}
        alt = {"image/png": {"alt": self.summary()}}
        if self.controls:
            view = {"version_major": 2, "version_minor": 0, "model_id": self.controls.box.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle, alt
