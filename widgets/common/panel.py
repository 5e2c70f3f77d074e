"""A lab's widgets: transport and headline numbers, knobs in reach, the picture, a sentence, tabs.

All but the picture are core ipywidgets: a front end without custom widgets gets the knobs and a
still picture.
"""

import contextlib
import html
import time
import weakref
from collections.abc import Callable

import ipywidgets as ipw

from course import CourseError

from .face import Face
from .knobs import Choice, Knob, button
from .runner import Busy
from .stills import still

FALLBACK = 3.0  # seconds without any answer from the picture: show stills instead
NUMBERS = 0.25  # seconds between two readings of the headline numbers, and of turned knobs
SENTENCE = 2.0  # seconds between two sentences: a screen reader reads each
SPEEDS = [("1 step/s", 1), ("5 steps/s", 5), ("30 steps/s", 30), ("150 steps/s", 150),
          ("400 steps/s", 400), ("2,000 steps/s", 2000), ("as fast as it goes", 0)]  # fmt: skip


class Panel:
    """The widgets of one lab. Every change goes through the lab; nothing here touches the run.

    Args:
        lab: held weakly: the widgets outlive it, and must not keep it alive.
        knobs: {name: knob} in reach.
        tabs: {title: box}, all closed at first.
        keys: more buttons of the transport, beside Play.

    Attributes:
        box: the widget to show.
    """

    def __init__(self, lab, knobs: dict[str, Knob], tabs: dict[str, ipw.Widget], keys=()):
        self._lab = weakref.ref(lab)
        self.knobs = knobs
        self.face = Face(self.act)
        self.still = ipw.Image(format="png", layout=ipw.Layout(display="none"))
        self.numbers = ipw.HTML().add_class("face-heads")
        self.sentence = ipw.HTML().add_class("face-said")
        self.play = button("Play", "play", self.call("toggle"), "face-play")
        self.speed = Choice(
            "speed", SPEEDS, lab.speed, self.call("set_speed"), "{:g} steps/s".format
        )
        self.speed.list.add_class("face-speed")
        transport = ipw.HBox([self.play, *keys, self.speed.list]).add_class("face-keys")
        self.tabs = tabs
        self.titles = [self._title(title) for title in tabs]
        for tab in tabs.values():
            tab.layout.display = "none"
            tab.add_class("face-tab")
        row = ipw.HBox([k.box for k in knobs.values()]).add_class("face-knobs")
        self.box = ipw.VBox([
            ipw.HBox([transport, self.numbers]).add_class("face-row"), row, self.face, self.still,
            self.sentence, ipw.HBox(self.titles).add_class("face-tabs"), *tabs.values(),
        ]).add_class("face")  # fmt: skip
        self._asked_at: float | None = None
        self._numbers_at = self._said_at = 0.0

    # ---- from the hand to the lab -----------------------------------------------------------

    @property
    def lab(self):
        return self._lab()

    def call(self, method: str | Callable) -> Callable:
        """Return what calls a method of the lab, its complaints shown as words.

        method: its name, or a function of the lab. Nothing happens once the lab is gone.
        """

        def act(*values, **named):
            lab = self.lab
            if lab is None:
                return
            try:
                if isinstance(method, str):
                    getattr(lab, method)(*values, **named)
                else:
                    method(lab, *values, **named)
            except Busy as busy:
                self.put_playing(lab.playing)
                self.say(str(busy))
            except CourseError as error:
                with contextlib.suppress(Busy):
                    lab.runner.ask(self.show_knobs)
                lab.say(f"Not changed: {error}")
            except Exception as error:  # of a learner's module, on the way back
                lab.failed(error)

        return act

    def act(self, kind: str, content: dict) -> None:
        """Do what a hand did in the picture; anything the browser should not send is dropped."""
        if kind == "see":
            if content.get("seq") is not None:  # else it looks away
                self.call("refresh")()
        elif kind == "play":
            self.call("play" if content.get("on") else "pause")()
        elif kind == "turn":
            self.call("set")(str(content.get("knob")), content.get("value"))
        elif kind == "go_to":
            self.call("go_to")(content.get("step"))
        elif kind == "plan":
            self.call("plan")(content.get("knob"), content.get("points"))
        elif kind == "guess":
            self.call("guess")(content.get("points"))

    def turn(self, knob: str) -> Callable:
        """Return what turns a knob of the lab."""
        call = self.call("set")
        return lambda value: call(knob, value)

    # ---- tabs -------------------------------------------------------------------------------

    def _title(self, title: str) -> ipw.ToggleButton:
        title_key = ipw.ToggleButton(description=title, tooltip="", layout=ipw.Layout(width="auto"))
        title_key.observe(lambda change: self._open(title, change["new"]), "value")
        return title_key

    def _open(self, title: str, on: bool) -> None:
        self.tabs[title].layout.display = None if on else "none"
        if on:
            for other in self.titles:
                if other.description != title:
                    other.value = False

    # ---- from the lab to the eye ------------------------------------------------------------

    @property
    def calm(self) -> bool:
        return self.face.calm

    def ready(self) -> bool:
        """Return whether a picture would be seen."""
        return self.falling_back() or self.face.ready()

    def falling_back(self) -> bool:
        """Return whether no browser has ever answered: this front end has no custom widgets."""
        waited = self._asked_at is not None and time.monotonic() - self._asked_at > FALLBACK
        return not self.face.alive and waited

    def put_playing(self, on: bool) -> None:
        """Show Pause while it plays, else Play."""
        self._asked_at = self._asked_at or time.monotonic()
        if self.play.icon != ("pause" if on else "play"):
            self.play.icon = "pause" if on else "play"
            self.play.description = self.play.tooltip = "Pause" if on else "Play"

    def reads(self) -> bool:
        """Return whether it is time to read the headline numbers and the words again."""
        return time.monotonic() - self._numbers_at > NUMBERS

    def show(self, picture: dict, playing: bool, heads: list[tuple[str, str]] | None = None):
        """Show a picture; with headline numbers also these, the knobs, and seldom the words."""
        instead = self.falling_back()
        if instead:
            self.face.layout.display, self.still.layout.display = "none", None
            self.still.value = still(picture)
        else:
            if self.still.layout.display is None:
                self.face.layout.display, self.still.layout.display = None, "none"
            self.face.show(picture)
        self.put_playing(playing)
        if heads is not None:
            self._numbers_at = time.monotonic()
            self.numbers.value = headline(heads)
            self.show_knobs()
            if not playing or self._numbers_at - self._said_at > SENTENCE:
                self.say(picture["words"])

    def show_knobs(self) -> None:
        """Put every knob where it stands; only the thread that steps may.

        One that a hand has moved meanwhile stays: what it asks for is still to be done.
        """
        lab, moves = self.lab, {name: knob.moves for name, knob in self.knobs.items()}
        if lab is None or lab.runner.pending:
            return
        self.speed.show(lab.speed)
        for name, value in lab.knob_values().items():
            if name in self.knobs and self.knobs[name].moves == moves[name]:
                self.knobs[name].show(value)

    def copy(self, text: str) -> None:
        """Put a text on the browser's clipboard."""
        self.face.copy(text)
        self.say("Copied." if text else "There is nothing to copy yet.")

    def say(self, text: str) -> None:
        self._said_at = time.monotonic()
        self.sentence.value = spoken(text)


def spoken(text: str) -> str:
    """Return a text as HTML that a screen reader reads when it changes."""
    return f"<div role='status' aria-live='polite'>{html.escape(text)}</div>"


def headline(heads: list[tuple[str, str]]) -> str:
    """Return numbers as a list of definitions, each number above its name."""
    pairs = "".join(f"<div><dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd></div>"
                    for n, v in heads)  # fmt: skip
    return f"<dl>{pairs}</dl>"
