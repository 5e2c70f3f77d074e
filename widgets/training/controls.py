"""The lab's panel: buttons, the scrubber, the knobs, the picture, the status."""

import contextlib
import html
import time
import weakref

import ipywidgets as ipw

from course import CourseError, available_devices

from ..common.canvas import Canvas
from ..common.knob_row import Choice, Knob, Number, Whole, button
from ..common.picture import branch_name
from ..common.runner import Busy
from ..common.still import still
from .drawer import Drawer

FALLBACK = 3.0  # seconds without any answer from the canvas: show stills instead
STATUS = 1.0  # seconds between two status lines: a screen reader reads each


class Controls:
    """Widgets of one lab. Every change goes through the lab; nothing here touches training."""

    def __init__(self, lab):
        self._lab = weakref.ref(lab)  # the widgets outlive their lab; it must not live for them
        self._first, self._said = None, 0.0
        self.canvas, self.status = Canvas(), ipw.HTML()
        self.image = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.play = button("Play", "play", self._do("play"))
        self.pause = button("Pause", "pause", self._do("pause"))
        self.step = button("Step", "step-forward", self._do("step"))
        self.reset = button("Reset", "refresh", self._do("reset"))
        self.back = button("Go back", "undo", self._do("go_back"))
        self.scrubber = Whole("step", self._do("go_to"))
        self.knobs = self._knobs(lab)
        self.drawer = Drawer(lab, self._turn, self._do)
        self.box = ipw.VBox([
            ipw.HBox([self.play, self.pause, self.step, self.reset, self.back]),
            self._columns(self.knobs), self.canvas, self.image, self.status, self.scrubber.box,
            self.drawer.box,
        ])  # fmt: skip
        self.box.add_class("course-lab")
        guess = self._do("guess_curve")
        self.canvas.observe(lambda change: guess(change["new"]), "drawn")
        seen = self._do("_show")
        self.canvas.observe(lambda change: seen() if change["new"] else None, "visible")

    @property
    def lab(self):
        return self._lab()

    def _do(self, method: str):
        """The lab's method of this name, its complaints shown as words; nothing once it is gone."""

        def act(*values):
            lab = self.lab
            if lab is None:
                return
            try:
                getattr(lab, method)(*values)
            except CourseError as error:
                with contextlib.suppress(Busy):
                    lab.runner.ask(self.show_stand)
                lab._say(f"Not changed: {error}")

        return act

    def _turn(self, knob: str):
        turn = self._do("set")
        return lambda value: turn(knob, value)

    def _knobs(self, lab) -> dict[str, Knob]:
        now, rows = lab.trainer.knobs(), len(lab.trainer.data.y_train)
        sizes = sorted({b for b in (1, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if b <= rows}
                       | {now["batch_size"], rows})  # fmt: skip
        clips = [("off", "off"), ("by value", "value"), ("by norm", "norm")]
        return {
            "lr": Number("learning rate", now["lr"], self._turn("lr"), -4, 2, log=True),
            "momentum": Number("momentum", now["momentum"], self._turn("momentum"), 0, 0.99),
            "threshold": Number(
                "threshold", now["threshold"], self._turn("threshold"), -3, 2, log=True
            ),
            "clip": Choice("clipping", clips, now["clip"], self._turn("clip")),
            "batch_size": Choice("batch size", sizes, now["batch_size"], self._turn("batch_size")),
            "device": Choice("device", available_devices(), now["device"], self._turn("device")),
        }

    @staticmethod
    def _columns(knobs: dict[str, Knob]) -> ipw.HBox:
        boxes = [k.box for k in knobs.values()]
        return ipw.HBox([ipw.VBox(boxes[:3]), ipw.VBox(boxes[3:])])

    # ---- showing --------------------------------------------------------------------------

    def show_knobs(self) -> None:
        """Put every widget where its knob stands."""
        lab = self.lab
        if lab is None:
            return
        now = lab.trainer.knobs()
        for name, knob in (self.knobs | self.drawer.knobs).items():
            if name in now:
                knob.show(now[name])

    def show_stand(self) -> None:
        """Knobs and scrubber, after a value that was refused."""
        self.show_knobs()
        lab = self.lab
        if lab is not None:
            self.scrubber.show(lab.trainer.step_count)

    def show_all(self) -> None:
        """Knobs, and the fields of what started the run."""
        self.show_knobs()
        lab = self.lab
        if lab is not None and lab.setup.recipe is not None:
            self.drawer.show_setup(lab.setup.recipe)

    def ready(self) -> bool:
        return self.falling_back() or self.canvas.ready()

    def falling_back(self) -> bool:
        """True while no browser has ever painted: this front end has no custom widgets."""
        waited = self._first is not None and time.monotonic() - self._first > FALLBACK
        return self.canvas.ack == 0 and waited

    def playing(self) -> None:
        self._first = self._first or time.monotonic()
        self.play.button_style = "success"

    def paused(self) -> None:
        self.play.button_style = ""

    def show(self) -> None:
        """One frame, and about once a second the status and the scrubber.

        This and the other `show_…` read the run: for the thread that steps alone.
        """
        lab = self.lab
        if lab is None:
            return
        picture, instead = lab._take(), self.falling_back()
        self.canvas.layout.display = "none" if instead else None
        self.image.layout.display = None if instead else "none"
        if instead:
            self.image.value = still(picture)
        else:
            self.canvas.send_picture(picture)
        stopped = lab.runner.stopping.is_set() or not lab.runner.running
        if stopped:
            self.paused()
        if stopped or time.monotonic() - self._said > STATUS:
            self.say(lab.summary())
            self.scrubber.range(lab.timeline.first, lab.timeline.end)
            self.scrubber.show(lab.trainer.step_count)
            branches = lab.timeline.branches
            names = [branch_name(b) for b in branches]
            self.drawer.list_branches(names, branches.index(lab.timeline.current))

    def say(self, text: str) -> None:
        self._said = time.monotonic()
        live = "<div role='status' aria-live='polite' class='course-status'>"
        self.status.value = f"{live}{html.escape(text)}</div>"
