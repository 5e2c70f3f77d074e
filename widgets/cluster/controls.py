"""The widgets of a ClusterLab: transport, knobs, and tabs to step through and to take along."""

import html
from collections.abc import Callable

import ipywidgets as ipw

from course.parallel.schedules import SCHEDULES
from course.parallel.setup import GRIDS, PIPELINES

from ..common.knobs import Choice, Knob, Number, Words, button
from ..common.panel import Panel, spoken
from .session import STRATEGY_WORDS
from .walks import CollectiveWalk, Walk, scrolled

MODELS = {(32,) * 3: "4 layers, 32 wide", (64,) * 3: "4 layers, 64 wide",
          (64,) * 7: "8 layers, 64 wide", (128,) * 7: "8 layers, 128 wide"}  # fmt: skip
RANKS, PARTS, FEW = (1, 2, 3, 4, 6, 8, 12, 16), (1, 2, 4, 8, 16, 32, 64), (1, 2, 3, 4)
STEPS = (1, 2, 4, 8, 16)
USED = {  # by which strategies; every other knob always
    "micro_batches": PIPELINES, "schedule": PIPELINES, "chunks": PIPELINES, "per_replica": GRIDS,
    "buckets": ("data",), "local_steps": ("local_sgd",),
}  # fmt: skip
MOVES = [("First", "fast-backward", "the first moment", lambda walk: 0),
         ("Back", "step-backward", "one moment back", lambda walk: max(walk.position - 1, 0)),
         ("Next", "step-forward", "one moment on", lambda walk: min(walk.position + 1, walk.last)),
         ("Last", "fast-forward", "the last moment", lambda walk: walk.last)]  # fmt: skip


class WalkTab:
    """A walk with buttons, a slider, a sentence that is read aloud, and a table.

    Args:
        find: returns the walk.
        what: the name of a moment, as 'message'.
        knobs: boxes that stand before the slider.
        first: the number of the first moment.
    """

    def __init__(self, find: Callable[[], Walk | None], what: str, knobs=(), first=0):
        self._find, self._quiet, self._first = find, False, first
        keys = [button(name, icon, self._move(to), hint=hint) for name, icon, hint, to in MOVES]
        self.slider = ipw.IntSlider(value=first, min=first, max=first + 1, description=what)
        self.slider.observe(self._slid, "value")
        self.table = ipw.HTML().add_class("face-steps")
        self.sentence = ipw.HTML()
        at = ipw.HBox([self.slider]).add_class("face-knob")
        row = ipw.HBox([*knobs, ipw.HBox(keys).add_class("face-keys"), at]).add_class("face-walk")
        self.box = ipw.VBox([row, self.sentence, self.table])

    def _move(self, to: Callable[[Walk], int]) -> Callable:
        def move() -> None:
            if walk := self._find():
                walk.go(to(walk))
                self.show()

        return move

    def _slid(self, change) -> None:
        walk = self._find()
        if walk and not self._quiet:
            walk.go(min(change["new"] - self._first, walk.last))
            self.show()

    def show(self) -> None:
        """Show the moment at which the walk stands."""
        walk = self._find()
        if walk is None:
            return
        self._quiet = True
        try:
            self.slider.max = walk.last + self._first
            self.slider.value = walk.position + self._first
        finally:
            self._quiet = False
        self.sentence.value, self.table.value = spoken(walk.words()), walk.html()


class ClusterPanel(Panel):
    """The widgets of a `ClusterLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        values = lab.knob_values()

        def choice(name: str, label: str, options) -> Choice:
            return Choice(label, options, values[name], self.turn(name))

        def number(name: str, label: str, low, high, **more) -> Number:
            return Number(label, values[name], self.turn(name), low, high, log=True, **more)

        models = [(said, widths) for widths, said in MODELS.items()]
        knobs: dict[str, Knob] = {
            "strategy": choice("strategy", "strategy",
                               [(said, name) for name, said in STRATEGY_WORDS.items()]),
            "ranks": choice("ranks", "ranks", RANKS),
            "per_replica": choice("per_replica", "ranks a replica", RANKS),
            "schedule": choice("schedule", "schedule", [*SCHEDULES]),
            "micro_batches": choice("micro_batches", "micro-batches", PARTS),
            "chunks": choice("chunks", "stages a rank", FEW),
            "buckets": choice("buckets", "buckets", FEW),
            "local_steps": choice("local_steps", "local steps", STEPS),
            "hidden": Choice("network", models, values["hidden"], self.turn("hidden"),
                             lambda widths: "-".join(map(str, widths)) or "one layer"),
            "latency": number("latency", "latency µs", -1, 4, zero=True),
            "bandwidth": number("bandwidth", "link MB/s", 0, 5),
            "flops": number("flops", "rank GFLOP/s", -1, 4),
        }  # fmt: skip
        self.message = WalkTab(self._collective, "message", [
            Choice("algorithm", ["ring", "tree"], "ring", self._other_collective).box,
            Choice("ranks", [*range(2, 9)], 4, self._other_collective).box,
        ])  # fmt: skip
        self.unit = WalkTab(self._schedule, "unit of time", first=1)
        self.report = ipw.HTML().add_class("face-report")
        self.file = Words("file", "trace.json", lambda name: None)
        save = button("Save the timeline", "save", self._save, hint="as a trace")
        about = ipw.HTML("<p>The step on show as a file that ui.perfetto.dev and chrome://tracing "
                         "open.</p>")  # fmt: skip
        form = ipw.HBox([self.file.box]).add_class("face-knobs").add_class("face-form")
        tabs = {
            "Step through an all-reduce": self.message.box,
            "Step through the schedule": self.unit.box,
            "In words": self.report,
            "Trace": ipw.VBox([about, form, ipw.HBox([save]).add_class("face-acts")]),
        }
        keys = [
            button("Step", "step-forward", self.call("step"), hint="one step"),
            button("Reset", "refresh", self.call("reset"), hint="the first weights again"),
        ]
        self._walk: Walk | None = None
        super().__init__(lab, knobs, tabs, keys)
        self.box.add_class("face-cluster")
        self.message.show()

    # ---- tabs -------------------------------------------------------------------------------

    def _collective(self) -> Walk | None:
        lab = self.lab if hasattr(self, "_lab") else None
        return lab.collective if lab else None

    def _schedule(self) -> Walk | None:
        lab = self.lab if hasattr(self, "_lab") else None
        return lab.schedule if lab else None

    def _other_collective(self, value) -> None:
        """Take another algorithm, or another number of ranks."""

        def take(lab) -> None:
            old = lab.collective
            pair = (value, old.ranks) if isinstance(value, str) else (old.algorithm, value)
            lab.collective = CollectiveWalk(*pair)
            self.message.show()

        self.call(take)()

    def _save(self) -> None:
        self.call("trace")(self.file.field.value.strip())

    # ---- from the lab to the eye ------------------------------------------------------------

    def show_knobs(self) -> None:
        """Put every knob where it stands, hide those that turn nothing here, and fill the tabs."""
        super().show_knobs()
        lab = self.lab
        if lab is None:
            return
        setup = lab.session.setup
        for name, strategies in USED.items():
            used = setup.strategy in strategies
            if name == "chunks":
                used = used and setup.schedule == "interleaved"
            self.knobs[name].box.layout.display = None if used else "none"
        if self._walk is not lab.schedule:
            self._walk = lab.schedule
            self.unit.show()
        if self.report.layout.display != "none":
            self.fill_report()

    def fill_report(self) -> None:
        """Write all numbers into their tab; only the thread that steps may."""
        lab = self.lab
        text = lab.report() if lab else ""
        self.report.value = scrolled("all numbers", f"<pre>{html.escape(text)}</pre>")

    def _open(self, title: str, on: bool) -> None:
        super()._open(title, on)
        if on and title == "In words":
            self.call(lambda lab: lab.runner.ask(self.fill_report))()
