"""ClusterLab: a network trains on ranks, and how they share each step is live.

    lab = ClusterLab("pipeline", ranks=4, micro_batches=8); lab

In a notebook with a front end: a transport, knobs, a timeline of the step, memory and bytes, tabs
to step through an all-reduce and a schedule. Without one: `steps` steps, then a still picture with
its description in words.
"""

from pathlib import Path

from course import CourseError
from course.errors import check_count
from course.parallel import Step

from ..common.lab import Lab
from . import scene, words
from .controls import ClusterPanel
from .session import Session, make_setup
from .walks import CollectiveWalk, ScheduleWalk


class ClusterLab(Lab):
    """A run whose every step may be shared in another way.

    The ranks run in turn on this machine: tensors and messages are real, the clock is modelled.

    Args:
        strategy: "data", "local_sgd", "zero1", "zero2", "zero3", "tensor", "pipeline",
            "data_tensor" or "data_pipeline".
        ranks: 1 to 64.
        hidden: widths of the hidden layers.
        data: as `load_data` takes it.
        batch: rows a step.
        lr: of Adam.
        seed: of the weights and the rows.
        steps: the length of a headless run.
        interactive: whether it has controls; None: whether a reader looks.
        name: a new lab of the same name stops the old one; None: the notebook cell.
        speed: steps a second while it plays; 0: as fast as it goes.
        knobs: micro_batches, schedule, chunks (stages a rank), per_replica, buckets and local_steps
            as in `course.parallel.Setup`; latency (µs a message), bandwidth (of a link, MB/s) and
            flops (of a rank, GFLOP/s).

    Raises:
        CourseError: for bad values, and for a setup that the network or the batch does not fit.

    Attributes:
        session: the run, which no screen knows.
        at: the number of the step on show; None: the next one, as it will be.
        collective, schedule: what the tabs step through: `go(position)`, `words()`.
    """

    def __init__(
        self, strategy="pipeline", ranks=4, hidden=(64,) * 7, data="digits", batch=64, lr=0.003,
        seed=0, steps=30, interactive=None, name=None, speed=5, **knobs,
    ):  # fmt: skip
        self.steps = check_count("steps", steps, 0, 10**5, "how long a headless lab trains")
        self._start = {"data": data, "batch": batch, "lr": lr, "seed": seed}
        self.session = Session(make_setup(strategy, ranks, knobs), hidden, **self._start)
        super().__init__(name, interactive)
        self.runner.draws = False
        self.set_speed(speed)
        self.at: int | None = None
        self.collective = CollectiveWalk()
        self.schedule = ScheduleWalk(self.session.setup)
        self.panel = ClusterPanel(self) if self.interactive else None
        self.opened()
        self.refresh()

    # ---- driving ----------------------------------------------------------------------------

    def step_once(self) -> None:
        """Make a step, and show it."""
        self.session.step()
        self.at, self.message = self.session.step_count, ""

    def tick(self) -> None:
        """Make one step; the same as `step`."""
        self.step()

    def headless(self) -> None:
        if self.session.step_count == 0:
            self.run(self.steps)

    def reset(self) -> None:
        """Start again with the first weights; the knobs stay where they are."""
        with self.runner.alone():
            self.session = Session(self.session.setup, self.session.hidden, **self._start)
            self.at, self.message = None, ""
            self.show()

    def go_to(self, step: int) -> None:
        """Look at a step that was made; the run goes on from its end.

        Raises:
            CourseError: for another step, and for one whose events are no longer kept.
        """
        with self.runner.alone():
            session = self.session
            if session.step_count == 0:
                raise CourseError(f"step = {step!r}: no step was made yet; press Play or Step")
            first = min(session.steps)
            last = session.step_count
            self.at = check_count("step", step, first, last, "the last steps are kept")
            self.message = ""
            self.show()

    def apply(self, knob: str, value) -> None:
        """Turn a knob of `knobs()`; called by the runner. Other widths begin another run."""
        try:
            self.session.turn(knob, value, preview=not self.playing)
            self.message = ""
            if self.session.next:
                self.at = None
            self.schedule = ScheduleWalk(self.session.setup)
        except CourseError as error:
            self.message = f"Not changed: {error}"
        if not self.playing:
            self.show()

    # ---- reading ----------------------------------------------------------------------------

    def knobs(self) -> dict:
        """Return all knobs as they stand."""
        return self.session.knobs()

    def shown(self) -> Step:
        """Return the step on show; only the thread that steps may call it."""
        return self.session.latest if self.at is None else self.session.steps[self.at]

    @property
    def losses(self) -> list[float]:
        """The loss of each step's batch."""
        return self.runner.ask(lambda: [record.loss for record in self.session.records])

    def report(self) -> str:
        """Return all numbers of the step on show, rank by rank, in plain text."""
        return self.runner.ask(lambda: words.report(self.session, self.shown(), self.at))

    def trace(self, path: str | Path = "trace.json") -> None:
        """Save the timeline on show for ui.perfetto.dev or chrome://tracing.

        Raises:
            CourseError: when the file cannot be written.
        """
        self.runner.ask(self.shown).timeline.save_trace(path)
        self.say(f"The timeline is saved as {path}; open it at ui.perfetto.dev.")

    def knob_values(self) -> dict[str, object]:
        """Return where the panel's knobs stand; only the thread that steps may call it."""
        return self.session.knobs()

    def describe(self) -> dict:
        return scene.describe(self)

    def speak(self) -> str:
        return words.speak(self.session, self.shown(), self.at)

    def drawn(self) -> str:
        return words.drawn()

    def heads(self) -> list[tuple[str, str]]:
        return words.heads(self.session, self.shown(), self.at)
