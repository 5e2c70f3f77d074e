"""The widgets of a PlannerLab: knobs of the layout in reach, of the model and the run in tabs."""

import html

import ipywidgets as ipw

from course.planner.devices import DEVICES
from course.planner.layout import RECOMPUTE, SCHEDULES
from course.planner.memory import MOMENTS
from course.planner.spec import PRECISIONS, SEARCH
from course.planner.stacks import STACKS

from ..common.knobs import Choice, Knob, Turn, Words, button
from ..common.panel import Panel
from . import words
from .presets import presets

OFF_ON = [("off", False), ("on", True)]
SIZES = {
    "layers": "layers", "hidden": "width h", "heads": "heads", "kv_heads": "key/value heads",
    "ffn": "feed-forward width", "vocab": "vocabulary", "sequence": "sequence",
    "experts": "experts", "experts_per_token": "experts a token",
    "shared_experts": "shared experts",
}  # fmt: skip
FACTORS = {
    "data": "data", "tensor": "tensor", "pipeline": "pipeline", "context": "context",
    "chunks": "chunks", "micro_batch": "micro-batch",
}  # fmt: skip


class Devices(Knob):
    """A slider over the numbers of devices that can be planned, and a field for any number."""

    def __init__(self, counts: list[int], value: int, turn: Turn):
        super().__init__(turn)
        self.counts = counts
        self.slider = ipw.IntSlider(min=0, max=max(len(counts) - 1, 1), value=self._place(value),
                                    readout=False, description="devices")  # fmt: skip
        self.number = ipw.IntText(value=value, description="devices as a number")
        self.box = ipw.HBox([self.slider, self.number]).add_class("face-knob")
        self._watch(self.slider, self.number)

    def _place(self, value: int) -> int:
        return min(range(len(self.counts)), key=lambda k: abs(self.counts[k] - value))

    def _read(self, widget, value):
        return self.counts[min(value, len(self.counts) - 1)] if widget is self.slider else value

    def offer(self, counts: list[int], value: int) -> None:
        """Take other numbers, and put the knob where it stands."""
        self.counts = counts
        self.show(value)

    def _put(self, value) -> None:
        self.slider.max = max(len(self.counts) - 1, 1)
        self.slider.value = self._place(value)
        self.number.value = value


class Offer(Choice):
    """A list whose values depend on the other knobs."""

    def offer(self, values: list[int], value) -> None:
        """Take other values, and put the knob where it stands."""
        self._quiet.on = True
        try:
            if [v for _, v in self.list.options] != values:
                self.list.options = [(f"{v:,}", v) for v in values]
                self.list.value = value if value in values else None
        finally:
            self._quiet.on = False
        self.show(value)


def said(value) -> str:
    """Return what a field shows: 51,200; 3e11; nothing for a default."""
    if value is None:
        return ""
    if isinstance(value, int) and value >= 10**7:
        return f"{value:.6g}".replace("e+", "e")
    return f"{value:,}"


def read(value: object):
    """Return the number that a field holds, None for an empty one, other words as they are."""
    text = str(value)
    plain = text.replace(",", "").replace(" ", "")
    if not plain:
        return None
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text


class PlannerPanel(Panel):
    """The widgets of a `PlannerLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        values = lab.knob_values()

        def choice(name: str, label: str, options) -> Choice:
            return Choice(label, options, values[name], self.turn(name), lambda v: v or "your own")

        def words_of(name: str, label: str) -> Words:
            turn = self.turn(name)
            return Words(label, values[name], lambda text: turn(read(text)), said)

        def offered(name: str, label: str) -> Offer:
            options = [(f"{v:,}", v) for v in lab.session.offers()[name]]
            return Offer(label, options, values[name], self.turn(name))

        knobs: dict[str, Knob] = {
            "preset": choice("preset", "published run", [*presets()]),
            "layout": choice("layout", "layout", [(SEARCH, SEARCH), ("by hand", "by hand")]),
            "devices": Devices(lab.session.counts(), values["devices"], self.turn("devices")),
            "device": choice("device", "device", [*DEVICES]),
            "batch": words_of("batch", "batch"),
            "tokens": words_of("tokens", "tokens in all"),
            **{name: offered(name, label) for name, label in FACTORS.items()},
            "zero": choice("zero", "ZeRO", [(f"{n}", n) for n in range(4)]),
            "recompute": choice("recompute", "recompute", RECOMPUTE),
            "sequence_parallel": choice("sequence_parallel", "sequence parallel", OFF_ON),
            "schedule": choice("schedule", "schedule", SCHEDULES),
        }
        model: dict[str, Knob] = {name: words_of(name, label) for name, label in SIZES.items()}
        model |= {name: choice(name, label, OFF_ON) for name, label in
                  (("gated", "gated"), ("tied", "tied ends"))}  # fmt: skip
        run: dict[str, Knob] = {
            "precision": choice("precision", "precision", PRECISIONS),
            "stack": choice("stack", "software", [*STACKS]),
            "optimiser": choice("optimiser", "optimiser", [*MOMENTS]),
            "price": words_of("price", "$ a device and hour"),
        }
        self.report = ipw.HTML().add_class("face-report")
        self.file = Words("file", "plan.json", lambda name: None)
        save = button("Save the plan", "save", self._save, hint="as JSON for course plan")
        about = ipw.HTML("<p>The plan on show, as JSON: <code>course plan FILE</code> prints it, "
                         "<code>PlannerLab(recipe)</code> opens it again.</p>")  # fmt: skip
        file = ipw.HBox([self.file.box]).add_class("face-knobs").add_class("face-form")
        tabs = {
            "Model": grid(model), "Precision, software, price": grid(run), "In words": self.report,
            "Save": ipw.VBox([about, file, ipw.HBox([save]).add_class("face-acts")]),
        }  # fmt: skip
        keys = [
            button("Step", "step-forward", self.call("step"), hint="the next number of devices"),
            button("Reset", "refresh", self.call("reset"), hint="where the lab began"),
        ]
        super().__init__(lab, knobs, tabs, keys)
        self.knobs |= model | run
        self.table = ipw.HTML().add_class("face-standings").add_class("face-published")
        children = [*self.box.children]
        children.insert(children.index(self.sentence), self.table)
        self.box.children = children
        self.box.add_class("face-planner")

    def _save(self) -> None:
        self.call("save")(self.file.field.value.strip())

    # ---- from the lab to the eye ------------------------------------------------------------

    def show_knobs(self) -> None:
        """Put every knob where it stands, with the values that it may have, and fill the tabs."""
        lab = self.lab
        if lab is None or lab.runner.pending:
            return
        session, values = lab.session, lab.knob_values()
        for name, offers in session.offers().items():
            self.knobs[name].offer(offers, values[name])  # type: ignore[attr-defined]
        self.knobs["devices"].offer(session.counts(), values["devices"])  # type: ignore[attr-defined]
        super().show_knobs()
        self.table.value = words.published(session, lab.preset())
        if self.report.layout.display != "none":
            self.fill_report()

    def fill_report(self) -> None:
        """Write the planner's own words into their tab; only the thread that steps may."""
        lab = self.lab
        if lab:
            text = html.escape(lab.report())
            self.report.value = (
                "<div class='face-scroll' tabindex='0' role='region' aria-label='the whole plan'>"
                f"<pre>{text}</pre></div>"
            )

    def _open(self, title: str, on: bool) -> None:
        super()._open(title, on)
        if on and title == "In words":
            self.call(lambda lab: lab.runner.ask(self.fill_report))()


def grid(knobs: dict[str, Knob]) -> ipw.HBox:
    """Return a box of knobs, laid out like those in reach."""
    row = ipw.HBox([knob.box for knob in knobs.values()])
    return row.add_class("face-knobs").add_class("face-form")
