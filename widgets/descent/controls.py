"""The panel of `DescentLab`: buttons, knobs, the canvas with its two handles, the status."""

import html
import math
import threading
import time

import ipywidgets as ipw
import traitlets

from course.lessons.race import NAMES, SPEEDS, Race
from course.lessons.surfaces import FORMS, SURFACES

from ..common.canvas import Canvas, encode, module
from ..common.knobs import tip
from .still import frame, has_diagram, scene, still

FALLBACK = 3.0  # seconds without any answer from the canvas: show stills instead
STATUS = 1.0  # seconds between two status lines while it plays: a screen reader reads each


class DescentCanvas(Canvas):
    """Paints a race. `scene` is sent only when the surface or the diagram changes."""

    _esm = module("descent/descent_paint.js", "common/names.js", "descent/descent.js")
    window = 1  # it answers every frame
    scene = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self):
        super().__init__()
        self.late, self._lock, self._drawn = False, threading.Lock(), None

    def offer(self, race: Race) -> None:
        """Send the race as it stands; while a frame is on its way, note that there is more."""
        with self._lock:
            self.late = not self.ready()
            if self.late:
                return
            drawn = (race.surface, race.knobs["form"])
            if drawn != self._drawn:
                self._drawn, self.scene = drawn, encode(scene(race), self.seq + 1)
            self.send_picture(frame(race))


class Quiet(threading.local):
    """`on` while this thread sets widgets: that turns no knob, but another thread's turn counts."""

    on = False


def near(slider, value: float) -> bool:
    """True when the slider's nearest place to `value` is where it stands."""
    if isinstance(slider, ipw.FloatLogSlider):
        at, wanted = math.log10(slider.value), math.log10(max(value, 10**slider.min))
    else:
        at, wanted = slider.value, max(value, slider.min)
    return abs(at - min(wanted, slider.max)) <= 0.51 * slider.step


def put(widget, value) -> None:
    """Show a knob's value; a slider that is near is left alone: somebody may be dragging it."""
    if not isinstance(widget, ipw.FloatLogSlider | ipw.FloatSlider):
        widget.value = value
    elif not near(widget, value):
        ends = widget.min, widget.max
        low, high = (10**e for e in ends) if isinstance(widget, ipw.FloatLogSlider) else ends
        widget.value = min(max(value, low), high)


class DescentControls:
    """Widgets of one lab. Every change goes through `lab.set`; nothing else touches the race."""

    def __init__(self, lab):
        self.lab, self._first, self._said = lab, None, 0.0
        self._quiet = Quiet()
        self.canvas = DescentCanvas()
        self.canvas.on_msg(self._dragged)
        self.canvas.observe(self._free, ["ack", "visible"])
        self.image = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.status = ipw.HTML()
        self.play = self._button("Play", "play", lambda: lab.play())
        self.pause = self._button("Pause", "pause", lambda: lab.pause())
        self.step = self._button("Step", "step-forward", lambda: lab.step())
        self.reset = self._button("Reset", "refresh", lambda: lab.reset())
        self.knobs: dict = {}  # (knob, racer or None): its widgets, which show one value
        self.surface = self._choice("surface", list(SURFACES))
        self.form = self._choice("form", list(FORMS), "diagram of")
        self.speed = self._choice("speed", list(SPEEDS), "steps a second")
        self.replay = ipw.Checkbox(description=f"replay {lab.steps} steps at every change")
        self.replay.indent = False
        self._wire("replay", None, [self.replay])
        self.racers = {name: self._racer(name) for name in NAMES}
        self.rates = {
            name: self._pair("lr", -5, 1.5, f"α, {name}", log=True, racer=name) for name in NAMES
        }
        self.beta = self._pair("beta", 0, 0.995, "β of momentum")
        self.threshold = self._pair("threshold", -3, 3, "clip at norm", log=True)
        self.damping = self._pair("damping", -6, 2, "Newton's damping", log=True)
        self.condition = self._pair("condition", 0, 4, "condition", log=True)
        self.rotation = self._pair("rotation", -90, 90, "rotation (°)", step=1)
        self.box = self._layout()
        self.show_knobs(lab.race.knobs)

    # ---- building -------------------------------------------------------------------------

    def _layout(self):
        buttons = [self.play, self.pause, self.step, self.reset, self.speed]
        wrap = ipw.Layout(flex_flow="row wrap")
        rates = ipw.VBox([*self.rates.values(), self.threshold, self.damping])
        shape = ipw.VBox(
            [self.surface, self.condition, self.rotation, self.form, self.beta, self.replay]
        )
        race = ipw.HBox([ipw.Label("race:"), *self.racers.values()], layout=wrap)
        knobs = ipw.HBox([shape, rates], layout=wrap)
        rows = [ipw.HBox(buttons, layout=wrap), race, knobs]
        box = ipw.VBox([*rows, self.canvas, self.image, self.status])
        box.add_class("course-lab").add_class("course-descent-lab")
        return box

    def _button(self, label, icon, action):
        button = ipw.Button(description=label, icon=icon, layout=ipw.Layout(width="100px"))
        button.on_click(lambda _: action())
        return button

    def _choice(self, knob, options, label=None):
        menu = ipw.Dropdown(options=options, description=label or knob)
        menu.style, menu.layout = {"description_width": "105px"}, ipw.Layout(width="310px")
        self._wire(knob, None, [menu])
        return menu

    def _racer(self, name):
        box = ipw.Checkbox(description=name, indent=False, layout=ipw.Layout(width="auto"))
        box.layout.margin = "2px 14px 2px 0"
        box.observe(self._chosen, "value")
        return box

    def _pair(self, knob, low, high, label, log=False, step=0.005, racer=None):
        """A slider with its label, and a number field; log: the ends are powers of ten."""
        kind = ipw.FloatLogSlider if log else ipw.FloatSlider
        slider = kind(value=10**low if log else low, min=low, max=high, description=label)
        slider.step, slider.readout = 0.02 if log else step, False
        slider.style, slider.layout = {"description_width": "145px"}, ipw.Layout(width="330px")
        number = ipw.FloatText(layout=ipw.Layout(width="90px"))
        tip(number, f"{label}, as a number")
        self._wire(knob, racer, [slider, number])
        return ipw.HBox([slider, number])

    def _wire(self, knob, racer, widgets):
        self.knobs[knob, racer] = widgets

        def changed(change):
            value, turned = change["new"], change["owner"]
            if self._quiet.on:
                return
            if isinstance(turned, ipw.FloatLogSlider | ipw.FloatSlider):
                if near(turned, widgets[1].value):
                    return  # the browser moved it to its own nearest place: nobody turned it
                value = float(f"{value:.4g}")  # 0.1585, not 0.15848931924611134
            self._quiet.on = True
            for widget in widgets:
                put(widget, value)
            self._quiet.on = False
            self.lab.set(knob, value if racer is None else {racer: value})

        for widget in widgets:
            widget.observe(changed, "value")

    def _chosen(self, change):
        if not self._quiet.on:
            self.lab.set("racers", [name for name in NAMES if self.racers[name].value])

    # ---- from the browser -----------------------------------------------------------------

    def _dragged(self, _, content, buffers):
        """A handle was moved: {"knob": "start" or "point", "value": [number, number]}."""
        if isinstance(content, dict) and content.get("knob") in ("start", "point"):
            self.lab.set(content["knob"], content.get("value"))

    def _free(self, _):
        """The canvas is free, or seen again: send what came up, unless the runner will."""
        runner = self.lab.runner
        if self.canvas.late and (runner.stopping.is_set() or not runner.running):
            runner.ask(lambda: self.canvas.offer(self.lab.race))

    # ---- showing --------------------------------------------------------------------------

    def playing(self) -> None:
        """The race has begun: from now on a canvas should answer."""
        self._first = self._first or time.monotonic()
        self.play.button_style = "success"

    def show_knobs(self, knobs: dict) -> None:
        """Put every widget where its knob stands; hide the knobs that turn nothing here."""
        if not self.lab.runner.pending:
            self._quiet.on = True
            for name, box in self.racers.items():
                put(box, name in knobs["racers"])
            for (knob, racer), widgets in self.knobs.items():
                for widget in widgets:
                    put(widget, knobs[knob] if racer is None else knobs[knob][racer])
            self._quiet.on = False
        quadratic = knobs["surface"] == "quadratic"
        used = {self.condition: quadratic, self.rotation: quadratic}
        used[self.threshold] = "clipped descent" in knobs["racers"]
        used[self.damping] = "Newton" in knobs["racers"]
        used |= dict.fromkeys((self.form, self.beta), has_diagram(self.lab.race))
        used |= {row: name in knobs["racers"] for name, row in self.rates.items()}
        for row, shown in used.items():
            row.layout.display = "flex" if shown else "none"

    def show(self, lab) -> None:
        """One frame; and about once a second, or when the race stands, the status."""
        # A canvas that never answers: this front end has no custom widgets.
        late = self._first is not None and time.monotonic() - self._first > FALLBACK
        if late and self.canvas.ack == 0:
            self.image.layout.display, self.canvas.layout.display = "", "none"
            self.image.value = still(lab.race)
        else:
            self.canvas.offer(lab.race)
        standing = lab.runner.stopping.is_set() or not lab.runner.running
        self.play.button_style = "" if standing else "success"
        if standing or time.monotonic() - self._said > STATUS:
            self._said = time.monotonic()
            live = "<div role='status' aria-live='polite' class='course-status'>"
            self.status.value = f"{live}{html.escape(lab.summary())}</div>"
