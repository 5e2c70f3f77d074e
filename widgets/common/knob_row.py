"""One knob of a lab: a slider and a number field, or a list, and the way from it to the lab."""

import math
import threading
from collections.abc import Callable

import ipywidgets as ipw

WIDTH = "300px"
LABEL = "105px"


def named(label: str, width="100px") -> dict:
    """Options of a field whose name a screen reader reads, and nobody sees."""
    return {"description": label, "style": {"description_width": "0px"},
            "layout": ipw.Layout(width=width)}  # fmt: skip


def tip(widget: ipw.Widget, text: str) -> None:
    """Say what a widget is, on hover and to a screen reader; ipywidgets 7 calls it otherwise."""
    setattr(widget, "tooltip" if widget.has_trait("tooltip") else "description_tooltip", text)


class Knob:
    """Base: `box` is what is shown; `show` puts it where the knob stands without turning it."""

    box: ipw.Widget

    def __init__(self, turn: Callable[[object], None]):
        self._turn = turn
        self._quiet = threading.local()  # the runner may show a knob while a hand turns it

    def _watch(self, *widgets) -> None:
        for widget in widgets:
            widget.observe(self._changed, "value")

    def _changed(self, change) -> None:
        if not getattr(self._quiet, "on", False):
            self._turn(self.read(change["owner"], change["new"]))

    def read(self, widget, value):
        return value

    def show(self, value) -> None:
        self._quiet.on = True
        try:
            self._put(value)
        finally:
            self._quiet.on = False

    def _put(self, value) -> None:
        raise TypeError(f"{type(self).__name__} does not say how it is shown")


class Number(Knob):
    """A slider with a number field beside it; the field takes any number, the slider a range.

    The slider stands at the point of its grid nearest to the knob. The browser rounds a slider to
    its grid by itself and reports that as a move; such an echo must not turn the knob.
    """

    def __init__(self, label, value, turn, low, high, log=False, zero=False):
        super().__init__(turn)
        self.low, self.high, self.log, self.zero = low, high, log, zero
        self.grid = 0.05 if log else 0.01
        kind = ipw.FloatLogSlider if log else ipw.FloatSlider
        self.slider = kind(value=self._near(value), min=low, max=high, step=self.grid,
                           readout=False, description=label,
                           style={"description_width": LABEL},
                           layout=ipw.Layout(width=WIDTH))  # fmt: skip
        self.number = ipw.FloatText(value=value, **named(f"{label} as a number"))
        self.box = ipw.HBox([self.slider, self.number])
        self._watch(self.slider, self.number)

    def _near(self, value) -> float:
        """The slider's place for a value."""
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        steps = round((min(max(value, self.low), self.high) - self.low) / self.grid)
        place = self.low + steps * self.grid
        return 10**place if self.log else place

    def _changed(self, change) -> None:
        echo = f"{self._near(self.number.value):.4g}"
        if change["owner"] is self.number or f"{change['new']:.4g}" != echo:
            super()._changed(change)

    def read(self, widget, value):
        if widget is self.slider:
            value = float(f"{value:.4g}")  # 0.1585, not 0.15848931924611134
            if self.zero and value <= 1.001 * 10**self.low:
                value = 0.0  # the far left of a logarithmic slider switches off
        self.show(value)
        return value

    def _put(self, value) -> None:
        if isinstance(value, int | float) and math.isfinite(value):
            self.number.value, self.slider.value = float(value), self._near(value)


class Choice(Knob):
    """A list. options: values, or (words, value) pairs."""

    def __init__(self, label, options, value, turn):
        super().__init__(turn)
        self.list = ipw.Dropdown(options=options, value=value, description=label,
                                 style={"description_width": LABEL},
                                 layout=ipw.Layout(width=WIDTH))  # fmt: skip
        self.box = self.list
        self._watch(self.list)

    def _put(self, value) -> None:
        pairs = [o if isinstance(o, tuple) else (str(o), o) for o in self.list.options]
        if value not in [v for _, v in pairs]:
            self.list.options = [*pairs, (str(value), value)]
        self.list.value = value


class Whole(Knob):
    """A whole number: a slider with its field, whose range may grow."""

    def __init__(self, label, turn):
        super().__init__(turn)
        self.slider = ipw.IntSlider(value=0, min=0, max=1, description=label, readout=False,
                                    continuous_update=False, style={"description_width": LABEL},
                                    layout=ipw.Layout(width="560px"))  # fmt: skip
        self.number = ipw.IntText(value=0, **named(f"{label} as a number"))
        self.box = ipw.HBox([self.slider, self.number])
        self._watch(self.slider, self.number)

    def range(self, low: int, high: int) -> None:
        self._quiet.on = True
        try:
            if self.slider.max < high or self.slider.max > high:
                self.slider.max = max(high, low + 1)
            self.slider.min = low
        finally:
            self._quiet.on = False

    def _put(self, value) -> None:
        self.slider.value = self.number.value = value


def button(label: str, icon: str, action: Callable[[], None], width="100px") -> ipw.Button:
    made = ipw.Button(description=label, icon=icon, layout=ipw.Layout(width=width))
    made.on_click(lambda _: action())
    return made
