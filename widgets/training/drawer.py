"""What a lab keeps in its drawer: more knobs, what starts the run again, instruments, and the way
home: branches, recipe, code, guesses, the duel."""

import base64
import html

import ipywidgets as ipw

from course.data.synthetic import LOADERS
from course.nn.initialisation import INITS
from course.nn.layers import ACTIVATIONS
from course.training.knobs import AUGMENTATIONS, OPTIMISERS
from course.training.presets import PRESETS
from course.training.recipe import Recipe

from ..common.knob_row import LABEL, WIDTH, Choice, Knob, Number, button, tip
from .instruments import INSTRUMENTS

SCHEDULES = ("constant", "warm-up", "cosine", "step")


def words(text: str, tag: str = "p") -> str:
    return f"<{tag} style='margin:4px 0;white-space:pre-wrap'>{html.escape(text)}</{tag}>"


class Drawer:
    """An accordion. turn(knob) gives a knob's callback, do(method) calls a method of the lab."""

    def __init__(self, lab, turn, do):
        self._turn, self._do = turn, do
        self.knobs = self._more(lab)
        parts = {
            "More knobs": ipw.VBox([k.box for k in self.knobs.values()]),
            "These start the run again": self._restart(lab),
            "Instruments": self._instruments(lab),
            "Branches": self._branches(),
            "Recipe and code": self._home(),
            "Draw it first": self._guess(lab),
        }
        self.box = ipw.Accordion(children=list(parts.values()), selected_index=None)
        for i, title in enumerate(parts):
            self.box.set_title(i, title)

    def _more(self, lab) -> dict[str, Knob]:
        now = lab.trainer.knobs()
        turn = self._turn
        optimisers = list(OPTIMISERS) + (["own"] if now["optimiser"] == "own" else [])
        knobs: dict[str, Knob] = {
            "optimiser": Choice("optimiser", optimisers, now["optimiser"], turn("optimiser")),
            "schedule": Choice("schedule of lr", SCHEDULES, "constant", self._do("schedule")),
            "l1": Number("L1", now["l1"], turn("l1"), -7, 0, log=True, zero=True),
            "l2": Number("L2", now["l2"], turn("l2"), -7, 0, log=True, zero=True),
        }
        if "dropout" in now:
            knobs["dropout"] = Number("dropout", now["dropout"], turn("dropout"), 0, 0.9)
        if not lab.trainer.data.is_regression:
            noise = now["label_noise"]
            knobs["label_noise"] = Number("label noise", noise, turn("label_noise"), 0, 1)
        if lab.trainer.data.is_image:
            names = list(AUGMENTATIONS) + (["own"] if now["augment"] == "own" else [])
            knobs["augment"] = Choice("augmentation", names, now["augment"], turn("augment"))
        return knobs

    # ---- what starts again ----------------------------------------------------------------

    def _restart(self, lab) -> ipw.VBox:
        if lab.setup.recipe is None or lab.setup.recipe.model["kind"] != "MLP":
            text = "This lab is built around your own trainer or network: change that, and make "
            return ipw.VBox([ipw.HTML(words(text + "a new lab of it."))])
        recipe = lab.setup.recipe
        model, name = recipe.model, recipe.data.get("name", "own")
        style, layout = {"description_width": LABEL}, ipw.Layout(width=WIDTH)

        def choice(label, options, value):
            options = list(options) if value in options else [*options, value]
            return ipw.Dropdown(options=options, value=value, description=label, style=style,
                                layout=layout)  # fmt: skip

        self.data = choice("data set", [*LOADERS, "mnist", "fashion_mnist"], name)
        self.hidden = ipw.Text(value=", ".join(map(str, model["sizes"][1:-1])), style=style,
                               description="hidden widths", layout=layout)  # fmt: skip
        self.activation = choice("activation", ACTIVATIONS, model["activation"])
        self.init = choice("initialisation", INITS, model["init"])
        self.seed = ipw.IntText(value=recipe.seed, description="seed", style=style, layout=layout)
        self.again = button("Start again with these", "refresh", self._start_again, "220px")
        self.preset = choice("preset", ["", *PRESETS], "")
        self.preset_words = ipw.HTML()
        self.preset.observe(self._take_preset, "value")
        return ipw.VBox([self.preset, self.preset_words, self.data, self.hidden, self.activation,
                         self.init, self.seed, self.again])  # fmt: skip

    def _start_again(self) -> None:
        self._do("restart_with")(
            self.data.value, self.hidden.value, self.activation.value, self.init.value,
            self.seed.value,
        )  # fmt: skip

    def _take_preset(self, change) -> None:
        if change["new"]:
            self.preset_words.value = words(PRESETS[change["new"]].words)
            self._do("take_preset")(change["new"])

    def show_setup(self, recipe: Recipe) -> None:
        """Put the fields where the run now is."""
        if not hasattr(self, "again"):
            return
        model = recipe.model
        self.hidden.value = ", ".join(map(str, model["sizes"][1:-1]))
        self.seed.value = recipe.seed
        for widget, value in ((self.data, recipe.data.get("name", "own")),
                              (self.activation, model["activation"]),
                              (self.init, model["init"])):  # fmt: skip
            if value not in widget.options:
                widget.options = [*widget.options, value]
            widget.value = value

    # ---- instruments, branches ------------------------------------------------------------

    def _instruments(self, lab) -> ipw.VBox:
        self.switches = {}
        watch = self._do("watch")
        for name in INSTRUMENTS:
            box = ipw.Checkbox(value=name in lab.instruments, description=name, indent=False)
            box.observe(lambda change, name=name: watch(name, change["new"]), "value")
            self.switches[name] = box
        boxes = list(self.switches.values())
        return ipw.VBox([ipw.HBox([ipw.VBox(boxes[:5]), ipw.VBox(boxes[5:])])])

    def _branches(self) -> ipw.VBox:
        text = ("Drag the step slider back, turn a knob and play: the old run stays as a branch, "
                "drawn in the loss panel. At most four are kept.")  # fmt: skip
        self.branch = ipw.Dropdown(options=[("this one", -1)], description="go on with",
                                   style={"description_width": LABEL},
                                   layout=ipw.Layout(width="420px"))  # fmt: skip
        self._listing = False
        self.branch.observe(self._switch, "value")
        return ipw.VBox([ipw.HTML(words(text)), self.branch])

    def _switch(self, change) -> None:
        if not self._listing and change["new"] is not None and change["new"] >= 0:
            self._do("switch")(change["new"])

    def list_branches(self, names: list[str], current: int) -> None:
        """names: of all branches; current: the one in use."""
        options = [("this one", -1)]
        options += [(f"{i + 1}: {name}", i) for i, name in enumerate(names) if i != current]
        if tuple(options) != tuple(self.branch.options):
            self._listing = True
            try:
                self.branch.options = options
                self.branch.value = -1
            finally:
                self._listing = False

    # ---- the way home ---------------------------------------------------------------------

    def _home(self) -> ipw.VBox:
        self.text = ipw.Textarea(layout=ipw.Layout(width="98%", height="180px"))
        tip(self.text, "recipe or code, to copy")
        self.text.description = "to copy"
        show = self._do("show_home")
        buttons = [
            button("Show recipe", "file-text", lambda: show("recipe"), "140px"),
            button("Show as code", "code", lambda: show("code"), "140px"),
            button("Copy", "copy", self._copy),
            button("Duel", "trophy", lambda: show("duel")),
        ]
        text = ("The recipe replays this run to the bit, by “course run recipe.json” or by "
                "TrainingLab(recipe). Duel: your knob changes on ten unseen seeds against the best "
                "constant rate, a cosine and Adam.")  # fmt: skip
        self.figure = ipw.HTML()
        return ipw.VBox([ipw.HTML(words(text)), ipw.HBox(buttons), self.text, self.figure])

    def show_figure(self, png: bytes, alt: str) -> None:
        data = base64.b64encode(png).decode()
        self.figure.value = (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" '
            'style="max-width:100%;background:#fff"/>'
        )

    def _copy(self) -> None:
        self._do("copy")(self.text.value)

    def _guess(self, lab) -> ipw.VBox:
        text = ("Before you press Play: what will happen? Press Draw and draw the batch loss from "
                "left to right into the first panel, or bet the test accuracy.")  # fmt: skip
        wide = {"style": {"description_width": "160px"}, "layout": ipw.Layout(width="280px")}
        self.draw = ipw.ToggleButton(value=False, description="Draw", icon="pencil",
                                     layout=ipw.Layout(width="100px"))  # fmt: skip
        draw = self._do("let_draw")
        self.draw.observe(lambda change: draw(change["new"]), "value")
        self.bet = ipw.BoundedFloatText(value=0.9, min=0, max=1, step=0.01,
                                        description="bet: test accuracy", **wide)  # fmt: skip
        self.bet_at = ipw.BoundedIntText(value=lab.steps, min=1, max=10**7,
                                         description="after so many steps", **wide)  # fmt: skip
        bet = button("Bet", "check", self._place_bet)
        self.verdict = ipw.HTML()
        return ipw.VBox([ipw.HTML(words(text)), self.draw, ipw.HBox([self.bet, self.bet_at, bet]),
                         self.verdict])  # fmt: skip

    def show_verdict(self, text: str) -> None:
        self.verdict.value = words(text)

    def _place_bet(self) -> None:
        self._do("place_bet")(self.bet.value, self.bet_at.value)
