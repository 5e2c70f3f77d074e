"""The widgets of an OnCallLab: transport, what an operator can do, the log, tabs for the end."""

import html
import json

import ipywidgets as ipw

from course import CourseError
from course.oncall import DRILLS

from ..common.knobs import Buttons, Choice, Knob, Switch, Words, button, field, tip
from ..common.panel import Panel
from . import words

INTERVALS = (5, 10, 20, 30, 50, 100, 200, 500)
LINES = 60  # of the log, at most
KINDS = {"alarm": "alarm", "action": "you", "truth": "happened"}


class OnCallPanel(Panel):
    """The widgets of an `OnCallLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        values = lab.knob_values()
        knobs: dict[str, Knob] = {
            "drill": Choice("drill", [*DRILLS], values["drill"], self.turn("drill")),
            "seed": Words("seed", values["seed"], self._seed),
            "interval": Choice("checkpoint each … steps", INTERVALS, values["interval"],
                               self.turn("interval")),
            "stops": Switch("pause at alarms", True, self.turn("stops")),
        }  # fmt: skip
        self.rank = Buttons("rank", [(str(k), k) for k in range(4)], 0, lambda value: None)
        self.checkpoint = ipw.Dropdown(options=[("the start", 0)], description="checkpoint")
        self.batch = ipw.Text(placeholder="last", description="batch")
        tip(self.batch, "the number of a batch; empty: the last one that was read")
        groups = [
            [self.rank.box, self._key("Evict", "evict", "go on without this rank: 15 s"),
             self._key("Skip shard", "skip_shard", "read other rows in its place: 6 s"),
             self._key("Call a spare", "spare", "it comes in 240 s")],
            [box(self.checkpoint), self._key("Roll back", "roll_back", "restart from it: 45 s"),
             self._key("Checkpoint now", "save", "12 s")],
            [field(self.batch), self._key("Skip batch", "skip_batch", "never read it again: 6 s")],
            [self._key("Compare weights", "weights", "checksums of all ranks: 6 s"),
             self._key("Read checkpoints", "checkpoints", "compare their digests: 12 s")],
        ]  # fmt: skip
        deeds = ipw.HBox([ipw.HBox(group).add_class("face-deed") for group in groups])
        deeds.add_class("face-deeds")
        self.log = ipw.HTML().add_class("face-log")
        self.report = ipw.HTML().add_class("face-report")
        self.text = ipw.Textarea(description="recipe", continuous_update=False)
        acts = [
            button("Take this drill's", "download", self._fill, hint="its seed and actions"),
            button("Copy", "copy", lambda: self.copy(self.text.value), hint="to the clipboard"),
            button(
                "Replay",
                "repeat",
                self._replay,
                hint="do at once what stands in the field; then play on from there",
            ),
        ]
        recipe = ipw.VBox([ipw.HBox(acts).add_class("face-acts"),
                           ipw.HBox([self.text]).add_class("face-text")])  # fmt: skip
        keys = [
            button("Step", "step-forward", self.call("step"), hint="one step"),
            button("Reset", "refresh", self.call("reset"), hint="the same drill again"),
        ]
        super().__init__(lab, knobs, {"Debriefing": self.report, "Recipe": recipe}, keys)
        top, row, *rest = self.box.children
        self.box.children = [top, row, deeds, self.log, *rest]
        self.box.add_class("face-oncall")

    # ---- from the hand to the lab ---------------------------------------------------------------

    def _key(self, said: str, do: str, hint: str) -> ipw.Button:
        return button(said, "", lambda: self.call(lambda lab: self._do(lab, do))(), hint=hint)

    def _do(self, lab, do: str) -> None:
        """Act, with what stands in the fields beside the button."""
        named: dict = {}
        if do in ("weights", "checkpoints"):
            do, named = "check", {"what": do}
        elif do in ("evict", "skip_shard"):
            named = {"rank": self.rank.row.value}
        elif do == "roll_back":
            named = {"batch": self.checkpoint.value}
        elif do == "skip_batch":
            text = self.batch.value.strip()
            named = {"batch": whole("batch", text) if text else max(lab.session.batch - 1, 0)}
        lab.act(do, **named)

    def _seed(self, text) -> None:
        self.call(lambda lab: lab.set("seed", whole("seed", str(text))))()

    def _fill(self) -> None:
        def take(lab) -> None:
            self.text.value = json.dumps(lab.recipe(), indent=1)

        self.call(take)()

    def _replay(self) -> None:
        def take(lab) -> None:
            try:
                recipe = json.loads(self.text.value)
            except (ValueError, RecursionError) as error:
                said = str(error)[:100]
                raise CourseError(f"the field holds no JSON ({said}); take this drill's") from None
            lab.replay(recipe)

        self.call(take)()

    # ---- from the lab to the eye ----------------------------------------------------------------

    def show_knobs(self) -> None:
        """Put every knob where it stands; list the checkpoints, and write log and debriefing."""
        super().show_knobs()
        lab = self.lab
        if lab is None:
            return
        session = lab.session
        options = [(self._named(session, one), one.batch) for one in session.checkpoints[::-1]]
        if [o[1] for o in options] != [o[1] for o in self.checkpoint.options]:
            self.checkpoint.options = options
            self.checkpoint.value = options[0][1]
        elif options != [*self.checkpoint.options]:
            chosen = self.checkpoint.value
            self.checkpoint.options = options
            self.checkpoint.value = chosen
        self.log.value = log_html(words.log(session))
        said = words.debriefing(session, lab.compared()) if session.is_over else None
        about = said or "What really happened stands here at the end of the drill."
        self.report.value = f"<pre tabindex='0'>{html.escape(about)}</pre>"

    @staticmethod
    def _named(session, one) -> str:
        known = {None: "", True: ", whole", False: ", damaged"}[one.known]
        return f"before batch {one.batch} ({words.minutes(one.clock)}{known})"


def box(widget: ipw.Widget) -> ipw.HBox:
    """Return a box as knobs have: its name above the widget."""
    return ipw.HBox([widget]).add_class("face-knob")


def whole(name: str, text: str) -> int:
    """Return the whole number of a text."""
    try:
        return int(text)
    except ValueError:
        raise CourseError(f"{name} = {text!r} is not a whole number; write one, as 12") from None


def log_html(lines: list[tuple[float, str, str]]) -> str:
    """Return the log as a table, the newest line first."""
    rows = "".join(
        f"<tr class='face-{kind}'><td>{words.minutes(at)}</td><td>{KINDS[kind]}</td>"
        f"<td>{html.escape(said)}</td></tr>"
        for at, kind, said in lines[: -LINES - 1 : -1]
    )  # fmt: skip
    return (
        "<div class='face-scroll' tabindex='0' role='log' aria-label='log'>"
        f"<table>{rows}</table></div>"
    )
