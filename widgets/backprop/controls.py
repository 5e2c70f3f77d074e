"""The widgets of a BackpropLab: the way forward and back, three knobs, the drawing, a field."""

import ipywidgets as ipw

from course import CourseError

from ..common.knobs import Buttons, Knob, Number, Words, button
from ..common.panel import Panel

READINGS = [("hidden", "hidden"), ("f′ twice", "twice"), ("printed", "printed")]
KEYS = [
    ("Forward", "forward", "the next operation of the forward pass"),
    ("Backward", "backward", "the next operation of the backward pass"),
    ("All", "all", "every operation, forward and backward"),
    ("Update", "update", "one step of gradient descent"),
    ("Reset", "reset", "the first weights, nothing computed"),
]


class BackpropPanel(Panel):
    """The widgets of a `BackpropLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        keys = [button(words, "", self._press(method), "face-word", hint)
                for words, method, hint in KEYS]  # fmt: skip
        lr = Number("learning rate α", lab.batch.lr, self.turn("lr"), -3, 2, log=True)
        readings = Buttons("document's gradient", READINGS, "hidden", self.turn("reading"))
        knobs: dict[str, Knob] = {"lr": lr, "reading": readings}
        count = len(lab.batch.traces)
        if count > 1:
            views = [(str(k), k) for k in range(1, count + 1)] + [("batch", "batch")]
            knobs = {"view": Buttons("sample shown", views, 1, self.turn("view")), **knobs}
        change = Words("a number, as w1[1,2] = 0.5", "", self.call(take))
        form = ipw.HBox([change.box]).add_class("face-knobs").add_class("face-form")
        super().__init__(lab, knobs, {"Change a number": form}, keys)
        self.knobs["change"] = change
        self.box.add_class("face-backprop")

    def _press(self, method: str):
        return lambda: self.call(method)()

    def act(self, kind: str, content: dict) -> None:
        """Take a number that was typed into the drawing: {kind: "edit", name, value: text}."""
        if kind == "edit":
            self.call("set")(str(content.get("name")), number(str(content.get("value"))))
        else:
            super().act(kind, content)


def number(text: str) -> float | str:
    """Return the number of a text; the text itself if there is none, for the lab to refuse."""
    try:
        return float(text.replace("−", "-").strip())
    except ValueError:
        return text


def take(lab, text: str) -> None:
    """Change a number as "w1[1,2] = 0.5" says; "" changes nothing."""
    name, equals, value = text.partition("=")
    if text.strip() and not equals:
        raise CourseError(f"{text!r} changes nothing; allowed: a name and its number, "
                          "as w1[1,2] = 0.5")  # fmt: skip
    if text.strip():
        lab.set(name.strip(), number(value))
