"""The knobs of a lab: core ipywidgets, laid out by the lab's style sheet.

A knob is a small box with its name and its number above, and its slider, list or buttons below. It
calls turn(value) when a hand moves it; `show` puts it where the knob stands, and turns nothing.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence

import ipywidgets as ipw

ECHO = 1.0  # seconds in which the browser may report where the lab has put a slider

Turn = Callable[[object], None]


def tip(widget: ipw.Widget, text: str) -> None:
    """Say what a widget does, on hover and to a screen reader; ipywidgets 7 names it otherwise."""
    setattr(widget, "tooltip" if widget.has_trait("tooltip") else "description_tooltip", text)


def field(widget: ipw.Widget) -> ipw.HBox:
    """Return a box that shows a text field, its name above it."""
    return ipw.HBox([widget]).add_class("face-knob").add_class("face-field")


def button(words: str, icon: str, act: Callable, style: str = "", hint: str = "") -> ipw.Button:
    """Return a button; in a transport (`face-keys`) it shows its icon alone, and is named so."""
    key = ipw.Button(description=words, icon=icon, layout=ipw.Layout(width="auto"))
    tip(key, hint or words)
    if style:
        key.add_class(style)
    key.on_click(lambda _: act())
    return key


class Knob:
    """Base of all knobs.

    Args:
        turn: called with a value when a hand has moved the knob.

    Attributes:
        box: the widget to show.
        moves: how often a hand has moved it.
    """

    box: ipw.Widget

    def __init__(self, turn: Turn):
        self._turn, self.moves = turn, 0
        self._quiet = threading.local()  # the runner may show a knob while a hand turns it

    def _watch(self, *widgets: ipw.Widget) -> None:
        for widget in widgets:
            widget.observe(self._changed, "value")

    def _changed(self, change) -> None:
        if not getattr(self._quiet, "on", False):
            self.moves += 1
            self._turn(self._read(change["owner"], change["new"]))

    def _read(self, widget, value):
        return value

    def show(self, value) -> None:
        """Put the knob where it stands."""
        self._quiet.on = True
        try:
            self._put(value)
        finally:
            self._quiet.on = False

    def _put(self, value) -> None:
        raise TypeError(f"{type(self).__name__} does not say how it is shown")


class Number(Knob):
    """A slider, and above it a field that takes any number.

    The slider stands at the point of its grid nearest to the knob. The browser rounds a slider to
    its grid by itself and reports that as a move, sometimes when the knob has already moved on;
    such an echo turns nothing.

    Args:
        label: the knob's name.
        low, high: the ends of the slider; powers of ten when `log`.
        log: whether the slider is logarithmic.
        zero: whether the far left of a logarithmic slider means 0.
    """

    def __init__(self, label: str, value: float, turn: Turn, low, high, log=False, zero=False):
        super().__init__(turn)
        self.low, self.high, self.log, self.zero = low, high, log, zero
        self.grid = 0.05 if log else 0.01
        self._puts: dict[str, float] = {}  # places where the lab has put the slider, and when
        kind = ipw.FloatLogSlider if log else ipw.FloatSlider
        self.slider = kind(value=self._near(value), min=low, max=high, step=self.grid,
                           readout=False, description=label)  # fmt: skip
        self.number = ipw.FloatText(value=float(f"{value:.4g}"), step=None,
                                    description=f"{label} as a number")  # fmt: skip
        self.box = ipw.HBox([self.slider, self.number]).add_class("face-knob")
        self._watch(self.slider, self.number)

    def _near(self, value) -> float:
        """Return the slider's place for a value."""
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        inside = self.low if math.isnan(value) else min(max(value, self.low), self.high)
        steps = round((inside - self.low) / self.grid)
        place = self.low + steps * self.grid
        return 10**place if self.log else place

    def _changed(self, change) -> None:
        if change["owner"] is self.number or not self._is_echo(change["new"]):
            super()._changed(change)

    def _is_echo(self, place) -> bool:
        late = time.monotonic() - self._puts.get(f"{place:.4g}", -math.inf) < ECHO
        return late or f"{place:.4g}" == f"{self._near(self.number.value):.4g}"

    def _read(self, widget, value):
        if widget is self.slider:
            value = float(f"{value:.4g}")  # 0.1585, not 0.15848931924611134
            if self.zero and value <= 1.001 * 10**self.low:
                value = 0.0
        self.show(value)
        return value

    def _put(self, value) -> None:
        if isinstance(value, int | float) and abs(value) < 1e300:  # and so a float
            place, now = self._near(value), time.monotonic()
            if f"{place:.4g}" != f"{self.slider.value:.4g}":
                self._puts = {k: at for k, at in self._puts.items() if now - at < ECHO}
                self._puts[f"{place:.4g}"] = now
                self.slider.value = place
            self.number.value = float(f"{value:.4g}")


class Choice(Knob):
    """A list.

    Args:
        options: values, or (words, value) pairs; a value that is missing is added.
        words: gives the words for a value that is added.
    """

    def __init__(self, label: str, options: Sequence, value, turn: Turn, words: Callable = str):
        super().__init__(turn)
        self._words = words
        self.list = ipw.Dropdown(options=with_value(options, value, words), value=value,
                                 description=label)  # fmt: skip
        self.box = ipw.HBox([self.list]).add_class("face-knob")
        self._watch(self.list)

    def _put(self, value) -> None:
        if value == value:  # NaN has no place in a list
            self.list.options = with_value(self.list.options, value, self._words)
            self.list.value = value


def with_value(options: Sequence, value, words: Callable = str) -> list:
    """Return options as (words, value) pairs, the value among them."""
    pairs = [o if isinstance(o, tuple) else (str(o), o) for o in options]
    return pairs if value in [v for _, v in pairs] else [*pairs, (words(value), value)]


class Buttons(Knob):
    """A row of buttons, one of which is down, or none for another value.

    Args:
        options: (words, value) pairs.
    """

    def __init__(self, label: str, options: Sequence, value, turn: Turn):
        super().__init__(turn)
        self._values = [value for _, value in options]
        self.row = ipw.ToggleButtons(options=options, value=value, description=label)
        self.box = ipw.HBox([self.row]).add_class("face-knob")
        self._watch(self.row)

    def _put(self, value) -> None:
        self.row.value = value if value in self._values else None


class Switch(Knob):
    """A box to tick."""

    def __init__(self, label: str, value: bool, turn: Turn):
        super().__init__(turn)
        self.box = ipw.Checkbox(value=value, description=label, indent=False,
                                layout=ipw.Layout(width="auto"))  # fmt: skip
        self._watch(self.box)

    def _put(self, value) -> None:
        self.box.value = value


class Words(Knob):
    """A field for words or numbers, taken when it is left or Enter is pressed.

    Args:
        words: gives the words for a value.
    """

    def __init__(self, label: str, value, turn: Turn, words: Callable = str):
        super().__init__(turn)
        self._words = words
        self.field = ipw.Text(value=words(value), description=label, continuous_update=False)
        self.box = field(self.field)
        self._watch(self.field)

    def _put(self, value) -> None:
        self.field.value = self._words(value)
