"""`explore`: a figure with a slider.

    explore(lambda beta: plot(curves(beta), …), Slider("momentum β", 0, 0.99))

In a live notebook a figure is computed when the slider reaches its place. Without a front end all
are computed at once, and the page has the slider without a kernel.
"""

import html
import time
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as ipw
import numpy as np

from course.errors import CourseError, check_choice, check_count, check_number, real_number, shown

from ..common.face import Face
from ..common.front_end import has_front_end
from ..common.panel import FALLBACK
from ..common.stills import still
from ..common.stills.scales import SCALES, number
from .page import figure_html
from .plot import Plot, on_common_axes

MOST = 24  # places of a slider: each is computed, and stored in the page
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Slider:
    """A knob of `explore`.

    Attributes:
        name: what it turns, as in "momentum β".
        low, high: its ends.
        steps: how many places it has.
        start: where it stands at first, if not at its low end; the nearest place is taken.
        scale: "linear", "log", or "memory": 0, 0.9 and 0.99 stand equally far apart.

    Raises:
        CourseError: for ends that do not rise or do not fit the scale, and for too many places.
    """

    name: str
    low: float
    high: float
    steps: int = 12
    start: float | None = None
    scale: str = "linear"

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name.strip():
            raise CourseError(
                f"name = {shown(self.name)} is empty, allowed: words; say what the slider turns"
            )
        check_choice("scale", self.scale, ("linear", "log", "memory"))
        least = {"linear": -1e15, "log": 1e-12, "memory": 0.0}[self.scale]
        most = 1 - 1e-6 if self.scale == "memory" else 1e12
        check_number("low", self.low, least, most, f"a value of a {self.scale} slider")
        words = "a value above low"
        check_number("high", self.high, float(self.low), most, words, open_low=True)
        check_count("steps", self.steps, 2, MOST, "so many places of the slider")
        if self.start is not None:
            check_number("start", self.start, self.low, self.high, "a place of the slider")

    @property
    def values(self) -> list[float]:
        """Its places, to three digits; whole numbers if its ends are whole and all of them are."""
        there, back = SCALES[self.scale]
        even = np.linspace(there(self.low), there(self.high), self.steps)
        found = [float(v) for v in back(even)]
        if self.scale == "memory":
            found = [round(1 - float(f"{1 - v:.2g}"), 9) for v in found]
        else:
            span = self.high - self.low
            digits = 3 if self.scale == "log" or span > 0.1 * abs(self.high) else 7
            found = [float(f"{v:.{digits}g}") + 0.0 for v in found]
        whole = all(isinstance(real_number(v), int) for v in (self.low, self.high))
        return [int(v) for v in found] if whole and all(v == int(v) for v in found) else found

    @property
    def first(self) -> int:
        """The number of the place at which it starts."""
        wanted = self.low if self.start is None else self.start
        return int(np.abs(np.array(self.values) - wanted).argmin())

    def words(self) -> tuple[str, ...]:
        """Its places in words; with more digits if two of them looked the same."""
        words = tuple(number(v) for v in self.values)
        return words if len(set(words)) == len(words) else tuple(f"{v:g}" for v in self.values)


def explore(function: Callable[..., Plot], knob: Slider) -> "Explore":
    """Return a figure that a slider moves; as the last expression of a cell it is shown.

    Its axes show all figures so far, so that the eye can compare them.

    Args:
        function: returns `plot(…)` for a value of the knob.
        knob: the slider.

    Raises:
        CourseError: for a function that returns no plot, and for a knob that is not a `Slider`.
    """
    if not isinstance(knob, Slider):
        raise CourseError(
            f"knob = {shown(knob)} is not a slider, allowed: Slider(name, low, high); for example "
            "Slider('momentum β', 0, 0.99)"
        )
    if not callable(function):
        raise CourseError(
            f"function = {shown(function)} cannot be called, allowed: a function that returns "
            "plot(…); write lambda value: plot(…)"
        )
    return Explore(function, knob)


class Explore:
    """A function of a slider, as a figure.

    Attributes:
        interactive: whether a front end can ask for more; None finds out.
        plots: {number of a place: its figure}, of those computed so far.
        box: the widget; None without a front end.
    """

    def __init__(self, function: Callable, knob: Slider, interactive: bool | None = None):
        self.function, self.knob = function, knob
        self.interactive = has_front_end() if interactive is None else interactive
        self.plots: dict[int, Plot] = {}
        self.at(knob.first)
        self.box = self._build() if self.interactive else None

    def at(self, place: int) -> Plot:
        """Return the figure of a place of the slider, computed once.

        Raises:
            CourseError: if the function returns something else than a plot, or other panels.
        """
        value = self.knob.values[place]
        if place not in self.plots:
            try:
                plot = self.function(value)
            except Exception as error:
                error.add_note(f"This was computed for {self.knob.name} = {value}.")
                raise
            if not isinstance(plot, Plot):
                raise CourseError(
                    f"the function returned {shown(plot)} for {self.knob.name} = {value}, allowed: "
                    "a plot; let it return plot(…)"
                )
            on_common_axes([*self.plots.values(), plot])
            self.plots[place] = plot
        plots = on_common_axes([*self.plots.values()])
        return plots[[*self.plots].index(place)]

    # ---- live -------------------------------------------------------------------------------

    def _build(self) -> ipw.Widget:
        options = [(words, i) for i, words in enumerate(self.knob.words())]
        self.slider = ipw.SelectionSlider(
            options=options, value=self.knob.first, description=self.knob.name
        )
        self.slider.observe(lambda change: self.move(change["new"]), "value")
        self.face = Face(lambda kind, content: None)
        self.image = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.caption = ipw.HTML().add_class("face-caption")
        self._asked_at = time.monotonic()
        self._show(self.knob.first)
        row = ipw.HBox([ipw.HBox([self.slider]).add_class("face-knob")]).add_class("face-turn")
        parts = [row, self.face, self.image, self.caption]
        return ipw.VBox(parts).add_class("face").add_class("face-explore")

    def move(self, place: int) -> None:
        """Show another place; what the function cannot do stands below the figure before."""
        try:
            self._show(place)
        except Exception as error:  # of the chapter's function
            reason = str(error) if isinstance(error, CourseError) else repr(error)
            words = f"{self.knob.name} = {self.knob.values[place]} cannot be shown: {reason}"
            self.caption.value = f"<div role='status'>{html.escape(words)}</div>"

    def _show(self, place: int) -> None:
        plot = self.at(place)
        picture = plot.picture()
        if not self.face.alive and time.monotonic() - self._asked_at > FALLBACK:
            self.face.layout.display, self.image.layout.display = "none", None
            self.image.value = still(picture)  # this front end has no custom widgets
        else:
            self.face.layout.display, self.image.layout.display = None, "none"
            self.face.show(picture)
        self.caption.value = f"<em>{html.escape(plot.caption)}</em>"

    # ---- shown ------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include=None, exclude=None):
        start, words = self.knob.first, self.knob.words()
        if self.box is None:
            for place in range(self.knob.steps):
                self.at(place)
        numbers = sorted(self.plots)
        plots = on_common_axes([self.plots[i] for i in numbers])
        seen = tuple(words[i] for i in numbers)
        page = figure_html(plots, numbers.index(start), self.knob.name, seen)
        first = self.plots[start]
        told = f"{self.knob.name} = {words[start]}\n{first.caption}\n[{first.alt}]"
        bundle: dict = {"text/html": page, "text/plain": told}
        if self.box is not None:
            self._asked_at = time.monotonic()
            bundle[WIDGET] = {
                "version_major": 2, "version_minor": 0, "model_id": self.box.model_id
            }  # fmt: skip
        return bundle
