"""The widgets of a DescentLab: transport, who races, knobs, and a table of how the racers stand."""

import ipywidgets as ipw

from course.lessons.racers import NAMES, OF_FORM
from course.lessons.surfaces import FORMS, SURFACES

from ..common.knobs import Buttons, Choice, Knob, Number, Turn, button
from ..common.panel import Panel
from . import words

WITH_MEMORY = {"momentum", "heavy ball", "Nesterov"}


class Racers(Knob):
    """A button for each racer, down for those that are shown; its value is their names."""

    def __init__(self, chosen, turn: Turn):
        super().__init__(turn)
        self.keys = {name: ipw.ToggleButton(description=name, value=name in chosen, tooltip="",
                                            layout=ipw.Layout(width="auto"))
                     for name in NAMES}  # fmt: skip
        for name, key in self.keys.items():
            key.add_class(f"face-{words.HUES[name]}")
        self.box = ipw.HBox([*self.keys.values()]).add_class("face-racers")
        self._watch(*self.keys.values())

    def _read(self, widget, value):
        return [name for name, key in self.keys.items() if key.value]

    def _put(self, value) -> None:
        for name, key in self.keys.items():
            key.value = name in value


class DescentPanel(Panel):
    """The widgets of a `DescentLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        values = lab.knob_values()

        def number(name: str, label: str, low, high, **more) -> Number:
            return Number(label, values[name], self.turn(name), low, high, **more)

        knobs: dict[str, Knob] = {
            "surface": Choice("surface", [*SURFACES], values["surface"], self.turn("surface")),
            "condition": number("condition", "condition", 0, 4, log=True),
            "rotation": number("rotation", "rotation (°)", -90, 90),
        }
        for name in NAMES:
            turn = self._turn_rate(name)
            knobs[f"lr {name}"] = Number(f"α {name}", values[f"lr {name}"], turn, -5, 1.5, log=True)
        knobs |= {
            "beta": number("beta", "memory β", 0, 0.99),
            "threshold": number("threshold", "clip at norm", -3, 3, log=True),
            "damping": number("damping", "Newton's damping", -6, 2, log=True, zero=True),
            "noise": number("noise", "gradient noise σ", -3, 2, log=True, zero=True),
        }
        forms = Buttons("the diagram shows", [(OF_FORM[f], f) for f in FORMS], values["form"],
                        self.turn("form"))  # fmt: skip
        replays = [("go on from there", False), (f"race {lab.steps} steps anew", True)]
        replay = Buttons("after each turn", replays, values["replay"], self.turn("replay"))
        options = ipw.HBox([forms.box, replay.box]).add_class("face-knobs").add_class("face-form")
        keys = [
            button("Step", "step-forward", self.call("step"), hint="one step"),
            button("Reset", "refresh", self.call("reset"), hint="all back to the start"),
        ]
        super().__init__(lab, knobs, {"Options": options}, keys)
        racers = Racers(values["racers"], self.turn("racers"))
        self.knobs |= {"form": forms, "replay": replay, "racers": racers}
        self.table = ipw.HTML().add_class("face-standings")
        children = [*self.box.children]
        children.insert(1, racers.box)
        children.insert(children.index(self.sentence), self.table)
        self.box.children = children
        self.box.add_class("face-descent")

    def _turn_rate(self, name: str) -> Turn:
        call = self.call("set")
        return lambda value: call("lr", {name: value})

    def show_knobs(self) -> None:
        """Put every knob where it stands, hide those that turn nothing here, and fill the table."""
        super().show_knobs()
        lab = self.lab
        if lab is None:
            return
        knobs = lab.race.knobs
        shown, quadratic = set(knobs["racers"]), knobs["surface"] == "quadratic"
        used = {"condition": quadratic, "rotation": quadratic, "beta": bool(shown & WITH_MEMORY),
                "threshold": "clipped descent" in shown, "damping": "Newton" in shown}  # fmt: skip
        used |= {f"lr {name}": name in shown for name in NAMES}
        for name, use in used.items():
            self.knobs[name].box.layout.display = None if use else "none"
        self.table.value = words.table(lab.race)
