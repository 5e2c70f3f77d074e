"""A run whose steps are made on a modelled cluster, and what each of them cost. It knows no screen.

A twin makes every step in one process: what the cluster's weights are compared with.
"""

from dataclasses import replace
from typing import NamedTuple

from course import MLP, Adam, CourseError, Descend, Trainer, chain, load_data
from course.errors import check_choice, check_number, shown
from course.parallel import Cluster, Setup, Step

KEPT = 300  # steps whose events can be looked at again
UNITS = {"latency": 1e-6, "bandwidth": 1e6, "flops": 1e9}  # of the knobs: µs, MB/s, GFLOP/s
RANGES = {"latency": (0, 1e6, "µs a message"), "bandwidth": (1e-3, 1e9, "MB/s"),
          "flops": (1e-3, 1e9, "GFLOP/s of one rank")}  # fmt: skip
COUNTS = ("ranks", "micro_batches", "chunks", "per_replica", "buckets", "local_steps")
KNOBS = ("strategy", "schedule", *COUNTS, *UNITS, "hidden")


class Record(NamedTuple):
    """The numbers of one step."""

    loss: float
    """Of its batch."""
    alone: float
    """The loss of the same batch, of the twin."""
    seconds: float
    """On the modelled clock."""
    efficiency: float
    """See `Step`."""


class Session:
    """A run on a modelled cluster.

    Args:
        setup: how the first step is made.
        hidden: widths of the hidden layers.
        data: of `load_data`.
        batch: rows a step.
        lr: of Adam.
        seed: of weights and rows.

    Attributes:
        setup: how the next step is made.
        records: of each step.
        turns: [(step, knob, words)]: what was turned.
        steps: {number: `Step`} of the last ones.
        next: what the next step would be, when that is known; else None.
        local_since: the first step that local SGD made; None: no step.

    Raises:
        CourseError: for bad values, and for a setup that does not fit.
    """

    def __init__(self, setup: Setup, hidden=(64,) * 7, data="digits", batch=64, lr=0.003, seed=0):
        self.setup, self.data = setup, load_data(data, seed)
        self.batch, self.lr, self.seed = batch, lr, seed
        self.begin(hidden)

    def begin(self, hidden) -> None:
        """Start again with a new network.

        Raises:
            CourseError: for hidden widths that are none, or that the setup does not fit.
        """
        if not isinstance(hidden, list | tuple) or len(hidden) > 64:
            raise CourseError(f"hidden = {shown(hidden)}; allowed: up to 64 widths, as (64, 64)")
        cluster = Cluster(self._trainer(hidden))
        first = cluster.preview(self.setup)
        self.cluster, self.twin = cluster, self._trainer(hidden)
        self.hidden = tuple(hidden)
        self.records: list[Record] = []
        self.turns: list[tuple[int, str, str]] = []
        self.steps: dict[int, Step] = {}
        self.next: Step | None = first
        self.local_since: int | None = None

    def _trainer(self, hidden) -> Trainer:
        outputs, loss = self.data.classes, "cross_entropy"
        if outputs is None:
            outputs, loss = self.data.y_train[0].numel(), "mse"
        model = MLP([self.data.x_train[0].numel(), *hidden, outputs], loss=loss, seed=self.seed)
        return Trainer(model, self.data, chain(Adam(), Descend(self.lr)), self.batch, self.seed)

    @property
    def step_count(self) -> int:
        """The steps made."""
        return len(self.records)

    @property
    def latest(self) -> Step:
        """The step to look at: the next one as it would be, or the last one that was made."""
        return self.next or self.steps[self.step_count]

    @property
    def gap(self) -> float:
        """The largest difference of a weight from the twin's."""
        ours, theirs = self.cluster.trainer.model.theta, self.twin.model.theta
        return float((ours - theirs).abs().max())

    def step(self) -> None:
        """Make a step on the cluster, and the same one in one process."""
        made = self.cluster.step(self.setup)
        self.twin.step()
        alone = float(self.twin.history.loss[-1])
        self.records.append(Record(made.loss, alone, made.seconds, made.efficiency))
        self.steps[self.step_count] = made
        self.steps.pop(self.step_count - KEPT, None)
        self.next = None
        if self.setup.strategy == "local_sgd":
            self.local_since = self.local_since or self.step_count

    # ---- knobs ------------------------------------------------------------------------------

    def knobs(self) -> dict[str, object]:
        """Return the knobs as they stand, in their units."""
        setup, costs = self.setup, self.setup.costs
        return {
            "strategy": setup.strategy, "schedule": setup.schedule,
            **{name: getattr(setup, name) for name in COUNTS},
            "latency": rounded(costs.latency / UNITS["latency"]),
            "bandwidth": rounded(costs.bandwidth / UNITS["bandwidth"]),
            "flops": rounded(costs.flops_per_second / UNITS["flops"]), "hidden": self.hidden,
        }  # fmt: skip

    def turn(self, knob: str, value, preview: bool = True) -> None:
        """Turn a knob; the run goes on, except that other hidden widths begin another one.

        Args:
            knob: of `KNOBS`.
            value: costs are in µs, MB/s and GFLOP/s.
            preview: whether to find out what the next step would be.

        Raises:
            CourseError: for a value that does not fit; nothing changes then.
        """
        check_choice("knob", knob, KNOBS)
        if knob == "hidden":
            return self.begin(value)
        setup = turned(self.setup, knob, value)
        self.cluster.check(setup)
        before, self.setup = self.setup, setup
        self.next = self.cluster.preview(setup) if preview else None
        if setup != before:
            self.turns = [turn for turn in self.turns if turn[:2] != (self.step_count, knob)]
            self.turns.append((self.step_count, knob, turn_words(knob, self.knobs()[knob])))


def turned(setup: Setup, knob: str, value) -> Setup:
    """Return the setup with one knob turned; a schedule without chunks has one stage a rank.

    Raises:
        CourseError: for a value out of range.
    """
    if knob in UNITS:
        low, high, words = RANGES[knob]
        number = check_number(knob, value, low, high, words) * UNITS[knob]
        name = "flops_per_second" if knob == "flops" else knob
        return replace(setup, costs=replace(setup.costs, **{name: number}))
    if knob == "schedule" and value != "interleaved":
        return replace(setup, schedule=value, chunks=1)
    return replace(setup, **{knob: value})


def make_setup(strategy, ranks, knobs: dict) -> Setup:
    """Return a setup from the arguments of a lab, costs in the units of its knobs.

    Raises:
        CourseError: for an unknown knob or a value out of range.
    """
    for name in knobs:
        check_choice("knob", name, [k for k in KNOBS if k not in ("strategy", "ranks", "hidden")])
    fields = {name: value for name, value in knobs.items() if name not in UNITS}
    setup = Setup(strategy, ranks, **fields)
    for name in UNITS.keys() & knobs.keys():
        setup = turned(setup, name, knobs[name])
    return setup


def rounded(value: float) -> float:
    """Return a number without the last digits, which a change of units moves."""
    return float(f"{value:.6g}")


def turn_words(knob: str, value) -> str:
    """Return what a mark in the picture says of a turned knob."""
    words = {
        "strategy": "{}", "schedule": "{}", "ranks": "{} ranks",
        "micro_batches": "{} micro-batches",
        "chunks": "{} stages a rank", "per_replica": "{} ranks a replica", "buckets": "{} buckets",
        "local_steps": "{} local steps", "latency": "latency {:g} µs", "bandwidth": "{:g} MB/s",
        "flops": "{:g} GFLOP/s",
    }  # fmt: skip
    named = STRATEGY_WORDS.get(value, value) if knob == "strategy" else value
    return words[knob].format(named)


STRATEGY_WORDS = {
    "data": "data parallel", "local_sgd": "local SGD", "zero1": "ZeRO-1", "zero2": "ZeRO-2",
    "zero3": "ZeRO-3", "tensor": "tensor parallel", "pipeline": "pipeline",
    "data_tensor": "data × tensor", "data_pipeline": "data × pipeline",
}  # fmt: skip
