"""The panel of a BackpropLab: buttons, the rate, the document's gradient, the drawing."""

import contextlib
import html
import math
import time

import anywidget
import ipywidgets as ipw
import traitlets

from course import CourseError

from ..common.canvas import module
from ..common.knobs import tip
from .still import layout, still

STEP = 0.05  # of the slider, in powers of ten
HIDDEN = "hidden"
FALLBACK = 3.0  # seconds without any answer from the drawing: show stills instead


class Drawing(anywidget.AnyWidget):
    """The drawing in the browser. It computes nothing: it sends what was typed, shows frames."""

    _esm = module("common/names.js", "backprop/backprop.js")
    scene = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    ack = traitlets.Int(0).tag(sync=True)


class Controls:
    """Widgets of one lab. What a learner does goes to the lab; what is wrong is said there."""

    def __init__(self, lab):
        self.lab, self._quiet, self._seq, self._first = lab, False, 0, None
        self.drawing = Drawing(scene=layout(lab.graph))
        self.drawing.on_msg(lambda _, content, __: self.heard(content))
        self.image = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.words = ipw.HTML()
        buttons = [
            self._button(label, what, action)
            for label, what, action in (
                ("Forward ▸", "the next operation of the forward pass", lambda: lab.forward()),
                ("◂ Backward", "the next operation of the backward pass", lambda: lab.backward()),
                ("All", "every operation, forward and backward", lambda: lab.all()),
                ("Update", "one step of gradient descent", lambda: lab.update()),
                ("Reset", "the first weights, nothing computed", lambda: lab.reset()),
            )
        ]
        style = {"description_width": "95px"}
        self.lr = ipw.FloatLogSlider(
            value=max(lab.graph.lr, 1e-3), min=-3, max=2, step=STEP, readout=False, style=style,
            description="learning rate", layout=ipw.Layout(width="290px"),
        )  # fmt: skip
        self.lr_number = ipw.FloatText(value=lab.graph.lr, layout=ipw.Layout(width="90px"))
        tip(self.lr_number, "learning rate as a number")
        self.wrong = ipw.Dropdown(
            options=[("hidden", HIDDEN), ("f′ twice", "twice"), ("as printed", "printed")],
            description="the document's gradient", layout=ipw.Layout(width="300px"),
            style={"description_width": "175px"},
        )  # fmt: skip
        self.lr.observe(lambda c: self._slid(float(f"{c['new']:.4g}")), "value")
        self.lr_number.observe(lambda c: self._rate(c["new"]), "value")
        self.wrong.observe(lambda c: self._try(lambda: self._compare(c["new"])), "value")
        knobs = ipw.HBox([self.lr, self.lr_number, self.wrong])
        self.box = ipw.VBox([ipw.HBox(buttons), knobs, self.drawing, self.image, self.words])
        self.box.add_class("course-lab")

    def _button(self, label, what, action):
        button = ipw.Button(description=label, tooltip=what, layout=ipw.Layout(width="110px"))
        button.on_click(lambda _: self._try(action))
        return button

    def _compare(self, reading):
        self.lab.show_wrong(None if reading == HIDDEN else reading)

    def _slid(self, value):
        if abs(math.log10(value / max(self.lab.graph.lr, 1e-9))) > STEP / 2:
            self._rate(value)  # else the browser only rounded the rate to the slider's next step

    def _rate(self, value):
        if not self._quiet:
            self._try(lambda: self.lab.edit("lr", value))

    def heard(self, content: dict) -> None:
        """A number typed into the drawing: {kind: "edit", name, value}, the value as text."""
        if content.get("kind") == "edit":
            typed: object = str(content.get("value", "")).replace("−", "-").strip()
            with contextlib.suppress(ValueError):  # the network says what is wrong with a word
                typed = float(str(typed))
            self._try(lambda: self.lab._set(str(content.get("name", "")), typed))

    def _try(self, action):
        """Do it, or say what is wrong with it."""
        if self._quiet:
            return
        self._first = self._first or time.monotonic()
        try:
            action()
        except CourseError as error:
            self.lab._say(f"Not changed: {error}", bad=True)

    def show(self, lab, frame: dict) -> None:
        self._quiet, rate = True, lab.graph.lr
        try:
            self.lr_number.value = rate
            self.lr.value = min(max(rate, 1e-3), 100)
            self.wrong.value = lab.reading or HIDDEN
        finally:
            self._quiet = False
        self._seq += 1
        frame = {**frame, "seq": self._seq}
        late = self._first is not None and time.monotonic() - self._first > FALLBACK
        if late and not self.drawing.ack:  # this front end has no custom widgets
            self.image.layout.display, self.drawing.layout.display = "", "none"
            self.image.value = still(layout(lab.graph, bool(lab.reading)), frame)
            said = html.escape(lab.summary())
            self.words.value = f"<div role='status' aria-live='polite'>{said}</div>"
        else:
            self.drawing.frame = frame
