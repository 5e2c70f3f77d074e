"""The lab's panel: buttons, a slider and a number field for each knob, the picture, the status."""

import html
import math
import time

import ipywidgets as ipw

from course import available_devices

from .canvas import Canvas
from .still import still

FALLBACK = 3.0  # seconds without any answer from the canvas: show stills instead
STATUS = 1.0  # seconds between two status lines: a screen reader reads each


class Controls:
    """Widgets of one lab. Every change goes through `lab.set`; nothing else touches training."""

    def __init__(self, lab):
        self.lab, self._quiet, self._first, self._said = lab, False, None, 0.0
        knobs = lab.trainer.knobs()
        self.canvas = Canvas()
        self.image = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.status = ipw.HTML()
        self.play = self._button("Play", "play", lambda: lab.play())
        self.pause = self._button("Pause", "pause", lambda: lab.pause())
        self.step = self._button("Step", "step-forward", lambda: lab.step())
        self.reset = self._button("Reset", "refresh", lambda: lab.reset())
        self.back = self._button("Go back", "undo", lambda: lab.go_back())
        self.lr = ipw.FloatLogSlider(
            value=max(knobs["lr"], 1e-4), min=-4, max=2, step=0.05, readout=False
        )
        self.lr_number = ipw.FloatText(value=knobs["lr"])
        self.momentum = ipw.FloatSlider(
            value=knobs["momentum"], min=0, max=0.99, step=0.01, readout=False
        )
        self.momentum_number = ipw.FloatText(value=knobs["momentum"], step=0.01)
        self.clip = ipw.Dropdown(
            options=[("off", "off"), ("by value", "value"), ("by norm", "norm")],
            value=knobs["clip"],
        )
        self.threshold = ipw.FloatLogSlider(
            value=knobs["threshold"], min=-3, max=2, step=0.05, readout=False
        )
        self.threshold_number = ipw.FloatText(value=knobs["threshold"])
        rows = len(lab.data.y_train)
        sizes = sorted({b for b in (1, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if b <= rows}
                       | {knobs["batch_size"], rows})  # fmt: skip
        self.batch_size = ipw.Dropdown(options=sizes, value=knobs["batch_size"])
        self.device = ipw.Dropdown(options=available_devices(), value=knobs["device"])
        self._wire()
        buttons = ipw.HBox([self.play, self.pause, self.step, self.reset, self.back])
        self.box = ipw.VBox([buttons, self._knob_rows(), self.canvas, self.image, self.status])

    # ---- building -------------------------------------------------------------------------

    def _button(self, label, icon, action):
        button = ipw.Button(description=label, icon=icon, layout=ipw.Layout(width="100px"))
        button.on_click(lambda _: action())
        return button

    def _knob_rows(self):
        for widget, label in [
            (self.lr, "learning rate"), (self.momentum, "momentum"), (self.clip, "clipping"),
            (self.threshold, "threshold"), (self.batch_size, "batch size"), (self.device, "device"),
        ]:  # fmt: skip
            widget.description = label
            widget.style = {"description_width": "95px"}
            widget.layout = ipw.Layout(width="300px")
        for number, label in [
            (self.lr_number, "learning rate as a number"),
            (self.momentum_number, "momentum as a number"),
            (self.threshold_number, "threshold as a number"),
        ]:
            number.layout = ipw.Layout(width="90px")
            number.tooltip = label
        left = ipw.VBox([
            ipw.HBox([self.lr, self.lr_number]), ipw.HBox([self.momentum, self.momentum_number]),
            ipw.HBox([self.threshold, self.threshold_number]),
        ])  # fmt: skip
        return ipw.HBox([left, ipw.VBox([self.clip, self.batch_size, self.device])])

    def _wire(self):
        for knob, widgets in {
            "lr": (self.lr, self.lr_number),
            "momentum": (self.momentum, self.momentum_number),
            "threshold": (self.threshold, self.threshold_number),
            "clip": (self.clip,),
            "batch_size": (self.batch_size,),
            "device": (self.device,),
        }.items():
            for widget in widgets:
                others = [w for w in widgets if w is not widget]
                widget.observe(self._turned(knob, others), "value")

    def _turned(self, knob, others):
        def changed(change):
            if self._quiet:
                return
            value = change["new"]
            if isinstance(change["owner"], ipw.FloatLogSlider):
                value = float(f"{value:.4g}")  # 0.1585, not 0.15848931924611134
            self.lab.set(knob, value)
            self._assign({w: value for w in others})

        return changed

    def _assign(self, values):
        """Set widgets without turning their knobs; a slider shows its nearest value."""
        self._quiet = True
        try:
            for widget, value in values.items():
                if not math.isfinite(value) if isinstance(value, float) else False:
                    continue
                if isinstance(widget, ipw.FloatLogSlider):
                    value = min(max(value, 10**widget.min), 10**widget.max)
                elif isinstance(widget, ipw.FloatSlider):
                    value = min(max(value, widget.min), widget.max)
                widget.value = value
        finally:
            self._quiet = False

    # ---- showing --------------------------------------------------------------------------

    def show_knobs(self, knobs: dict) -> None:
        """Put every widget where its knob stands."""
        self._assign({
            self.lr: knobs["lr"], self.lr_number: knobs["lr"], self.momentum: knobs["momentum"],
            self.momentum_number: knobs["momentum"], self.threshold: knobs["threshold"],
            self.threshold_number: knobs["threshold"], self.clip: knobs["clip"],
            self.batch_size: knobs["batch_size"], self.device: knobs["device"],
        })  # fmt: skip

    def ready(self) -> bool:
        return self.falling_back() or self.canvas.ready()

    def falling_back(self) -> bool:
        """True when no browser has ever painted: this front end has no custom widgets."""
        waited = self._first is not None and time.monotonic() - self._first > FALLBACK
        return self.canvas.ack == 0 and waited

    def playing(self) -> None:
        self._first = self._first or time.monotonic()
        self.play.button_style = "success"

    def paused(self) -> None:
        self.play.button_style = ""

    def show(self, lab) -> None:
        """One frame, and about once a second the status."""
        picture = lab.picture()
        if self.falling_back():
            self.image.layout.display, self.canvas.layout.display = "", "none"
            self.image.value = still(picture)
        else:
            self.canvas.send_picture(picture)
        stopped = lab.runner._stop.is_set() or not lab.runner.running
        if stopped:
            self.paused()
        if stopped or time.monotonic() - self._said > STATUS:
            self.say(lab.summary())

    def say(self, text: str) -> None:
        self._said = time.monotonic()
        live = "<div role='status' aria-live='polite' class='course-status'>"
        self.status.value = f"{live}{html.escape(text)}</div>"
