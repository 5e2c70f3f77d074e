"""The training lab's widgets: transport and knobs in reach, and six quiet tabs."""

from course import CourseError, available_devices
from course.training.knobs import AUGMENTATIONS, OPTIMISERS

from ..common.knobs import Buttons, Choice, Knob, Number, Words, button
from ..common.panel import Panel
from .duels import Duels
from .tabs import Branches, Home, Instruments, MoreKnobs, StartAgain
from .view import View

BATCHES = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CLIPS = [("off", "off"), ("value", "value"), ("norm", "norm")]
SWITCHES = {"residual": "residual connections", "norm": "layer normalisation"}


class TrainingPanel(Panel):
    """The widgets of a `TrainingLab`; see `common.panel.Panel`."""

    def __init__(self, lab):
        keys = [
            button("One step", "step-forward", lambda: self.call("step")()),
            button("Back to the last turn", "step-backward", lambda: self.call("go_back")()),
            button("Reset to the first step", "refresh", lambda: self.call("reset")()),
        ]  # fmt: skip
        self.more = MoreKnobs(lab, self._more(lab))
        self.start_again, self.instruments = StartAgain(lab, self.call), Instruments(lab, self.call)
        self.branches, self.home = Branches(self.call), Home(self.call)
        self.duels = Duels(self.call)
        tabs = {
            "Start again with …": self.start_again.box, "More knobs": self.more.box,
            "Instruments": self.instruments.box, "Branches": self.branches.box,
            "Take it home": self.home.box, "Duel": self.duels.box,
        }  # fmt: skip
        super().__init__(lab, self._knobs(lab), tabs, keys)
        self.knobs |= self.more.knobs

    def _knobs(self, lab) -> dict[str, Knob]:
        now, rows = lab.trainer.knobs(), len(lab.trainer.data.y_train)
        sizes = sorted({b for b in BATCHES if b <= rows} | {now["batch_size"], rows})
        turn = self.turn
        knobs: dict[str, Knob] = {
            "lr": Number("learning rate α", now["lr"], turn("lr"), -4, 2, log=True),
            "momentum": Number("momentum β", now["momentum"], turn("momentum"), 0, 0.99),
            "clip": Buttons("clipping", CLIPS, now["clip"], turn("clip")),
            "threshold": Number(
                "threshold c", now["threshold"], turn("threshold"), -3, 2, log=True
            ),
            "batch_size": Choice("batch size", sizes, now["batch_size"], turn("batch_size")),
        }
        if "Prune.sparsity" in now:
            name = "Prune.sparsity"
            knobs[name] = Number("sparsity", now[name], turn(name), 0, 1)
        switches = [(name, words) for name, words in SWITCHES.items() if name in now]
        return knobs | {
            name: Buttons(words, [("off", False), ("on", True)], now[name], turn(name))
            for name, words in switches
        }

    def _more(self, lab) -> dict[str, Knob]:
        now, data, turn = lab.trainer.knobs(), lab.trainer.data, self.turn
        orders = [("before β", "before"), ("after β", "after")]
        knobs: dict[str, Knob] = {
            "clip_order": Buttons(
                "clip before or after β", orders, now["clip_order"], turn("clip_order")
            ),
            "optimiser": Choice("optimiser", list(OPTIMISERS), now["optimiser"], turn("optimiser")),
            "end": Words("stop at step", lab.planned, self.call(stop_at), "{:,}".format),
            "spike": Words("spike: at step × size", None, self.call(inject), spike_words),
            "l2": Number("L2", now["l2"], turn("l2"), -7, 0, log=True, zero=True),
            "l1": Number("L1", now["l1"], turn("l1"), -7, 0, log=True, zero=True),
        }
        if "dropout" in now:
            knobs["dropout"] = Number("dropout", now["dropout"], turn("dropout"), 0, 0.9)
        for name in (name for name in now if name.endswith(".damping")):
            knobs[name] = Number("damping", now[name], turn(name), -6, 2, log=True, zero=True)
        if not data.is_regression:
            noise = now["label_noise"]
            knobs["label_noise"] = Number("label noise", noise, turn("label_noise"), 0, 1)
        if data.is_image:
            knobs["augment"] = Choice("augmentation", list(AUGMENTATIONS), now["augment"],
                                      turn("augment"))  # fmt: skip
        devices = available_devices()
        knobs["device"] = Choice("device", devices, now["device"], turn("device"))
        return knobs

    def renew(self, what: str) -> None:
        """Show what has started again; the branches are new in any case."""
        lab = self.lab
        if lab is not None and what == "started" and lab.setup.recipe is not None:
            self.start_again.show(lab.setup.recipe)

    def show(self, picture, playing, heads=None):
        super().show(picture, playing, heads)
        lab = self.lab
        if lab is not None and not playing:
            self.branches.show(View(lab))

    def show_knobs(self):
        super().show_knobs()
        lab = self.lab
        if lab is not None:
            self.knobs["end"].show(lab.planned)
            self.instruments.show(lab.watching.instruments)


def stop_at(lab, text: str) -> None:
    """Plan the end of the run: "1,500"."""
    digits = text.replace(",", "").replace(" ", "")
    lab.plan_end(int(digits) if digits.isdecimal() else text)


def spike_words(spike) -> str:
    return f"{spike['at']} × {spike['factor']:g}" if isinstance(spike, dict) else ""


def inject(lab, text: str) -> None:
    """Inject a spike as "600 × 100" says: at a step, so many times as large; "" takes it back."""
    numbers = text.replace("×", " ").replace("x", " ").replace("*", " ").split()
    if not numbers:
        lab.set("spike", None)
        return
    try:
        at, factor = int(numbers[0].replace(",", "")), float(numbers[1])
    except (ValueError, IndexError):
        raise CourseError(f"spike = {text!r}; allowed: a step to come and a size, as 600 × 100; or "
                          "nothing") from None  # fmt: skip
    lab.set("spike", {"at": at, "factor": factor})
