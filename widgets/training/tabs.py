"""The quiet tabs of the training lab."""

import html
import io
from collections.abc import Callable
from functools import cache, partial

import ipywidgets as ipw
import numpy as np
from PIL import Image, ImageDraw

from course.data.loading import load_data
from course.data.synthetic import LOADERS
from course.nn.initialisation import INITS
from course.nn.layers import ACTIVATIONS
from course.training.presets import PRESETS, preset
from course.training.recipe import Recipe

from ..common.knobs import Knob, Switch, button, field, tip, with_value
from .instruments import INSTRUMENTS

CARD = 64  # pixels, a side
CARDS = ("spirals", "moons", "rings", "xor", "digits", "sine")
CLASSES = ("#E69F00", "#0072B2")


def words(text: str, tag: str = "p") -> str:
    return f"<{tag} style='margin:4px 0;white-space:pre-wrap'>{html.escape(text)}</{tag}>"


class StartAgain:
    """Data sets as small pictures, the network, and presets: all that starts a run anew."""

    def __init__(self, lab, call: Callable):
        self._call, recipe = call, lab.setup.recipe
        if recipe is None or recipe.model["kind"] != "MLP":
            text = ("This lab is built around your own trainer or network: change that, and make "
                    "a new lab of it.")  # fmt: skip
            self.box = ipw.VBox([ipw.HTML(words(text))])
            return
        self.cards: dict[str, ipw.Button] = {}
        cards = [self._card(name) for name in CARDS]
        others = [name for name in [*LOADERS, "mnist", "fashion_mnist"] if name not in CARDS]
        options = [("other data …", ""), *((name, name) for name in others)]
        self.data = ipw.Dropdown(options=options, value="", description="other data")
        self.data.observe(self._other_data, "value")
        model = recipe.model
        self.hidden = ipw.Text(description="hidden widths", continuous_update=False)
        self.activation = ipw.Dropdown(options=list(ACTIVATIONS), description="activation")
        self.init = ipw.Dropdown(options=with_value(list(INITS), model["init"]),
                                 description="initialisation")  # fmt: skip
        self.seed = ipw.IntText(description="seed")
        fields = [self.hidden, self.activation, self.init, self.seed]
        form = ipw.HBox([field(f) for f in fields]).add_class("face-knobs")
        start = ipw.HBox([button("Start again with this network", "refresh", self._form)])
        presets = [self._preset(name) for name in PRESETS]
        self.about = ipw.HTML()
        self.box = ipw.VBox([
            ipw.HTML("<h3>data</h3>"), ipw.HBox([*cards, self.data]).add_class("face-cards"),
            ipw.HTML("<h3>network</h3>"), form.add_class("face-form"),
            start.add_class("face-acts"),
            ipw.HTML("<h3>or a classic</h3>"), ipw.HBox(presets).add_class("face-chips"),
            self.about,
        ])  # fmt: skip
        self.show(recipe)

    def _card(self, name: str) -> ipw.VBox:
        image = ipw.Image(value=card(name), format="png", width=CARD, height=CARD)
        choose = button(name, "", lambda: self._begin(data=name), hint=f"start again on {name}")
        self.cards[name] = choose
        return ipw.VBox([image, choose]).add_class("face-card")

    def _preset(self, name: str) -> ipw.Button:
        def act():
            self.about.value = words(PRESETS[name].words)
            self._call(lambda lab: lab.take_recipe(preset(name)))()

        return button(name, "", act, hint=PRESETS[name].words)

    def _other_data(self, change) -> None:
        if change["new"]:
            self._begin(data=change["new"])

    def _begin(self, **fields) -> None:
        self._call("restart_with")(**fields)

    def _form(self) -> None:
        self._begin(hidden=self.hidden.value, activation=self.activation.value,
                    init=self.init.value, seed=self.seed.value)  # fmt: skip

    def show(self, recipe: Recipe) -> None:
        """Put the form where the run is."""
        if not hasattr(self, "hidden") or recipe.model.get("kind") != "MLP":
            return
        for name, choose in self.cards.items():
            put = choose.add_class if name == recipe.data.get("name") else choose.remove_class
            put("face-chosen")
        model = recipe.model
        self.hidden.value = ", ".join(map(str, model["sizes"][1:-1]))
        self.activation.value, self.seed.value = model["activation"], recipe.seed
        self.init.options = with_value(self.init.options, model["init"])
        self.init.value = model["init"]


@cache
def card(name: str) -> bytes:
    """Return a data set as a small picture, PNG."""
    data, image = load_data(name, 0), Image.new("RGBA", (2 * CARD, 2 * CARD), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    if data.is_image:
        assert data.image_shape is not None
        pixels = data.x_train[:4].reshape(-1, *data.image_shape).float()
        grey = np.clip(255 * (1 - pixels / pixels.max()).numpy(), 0, 255).astype(np.uint8)
        for i, one in enumerate(grey):
            tile = Image.fromarray(one).resize((CARD - 4, CARD - 4), Image.Resampling.NEAREST)
            image.paste(tile, (2 + CARD * (i % 2), 2 + CARD * (i // 2)))
    else:
        x, y = data.x_train[:150].float().numpy(), data.y_train[:150].float().numpy()
        places = x if x.shape[1] == 2 else np.column_stack([x[:, 0], y.reshape(len(y), -1)[:, 0]])
        labels = y.astype(int) if x.shape[1] == 2 else np.ones(len(y), dtype=int)
        low, high = places.min(0), places.max(0)
        scaled = (places - low) / (high - low) * (2 * CARD - 24) + 12
        for (a, b), label in zip(scaled, labels, strict=True):
            box = (a - 4, 2 * CARD - b - 4, a + 4, 2 * CARD - b + 4)
            pen.ellipse(box, fill=CLASSES[int(label) % 2])
    out = io.BytesIO()
    image.resize((CARD, CARD), Image.Resampling.LANCZOS).save(out, format="png", optimize=True)
    return out.getvalue()


class MoreKnobs:
    """Knobs that are used less."""

    def __init__(self, lab, knobs: dict[str, Knob]):
        self.knobs = knobs
        self.box = ipw.HBox([knob.box for knob in knobs.values()]).add_class("face-knobs")


class Instruments:
    """The tab with a switch for each instrument."""

    def __init__(self, lab, call: Callable):
        watch, on = call("watch"), lab.watching.instruments
        self.switches = {name: Switch(name, name in on, partial(watch, name))
                         for name in INSTRUMENTS}  # fmt: skip
        boxes = [switch.box for switch in self.switches.values()]
        self.box = ipw.HBox(boxes).add_class("face-chips")

    def show(self, on) -> None:
        """Tick the instruments that are on."""
        for name, switch in self.switches.items():
            switch.show(name in on)


class Branches:
    """The tab of the branches, with a way to each."""

    def __init__(self, call: Callable):
        text = ("Click in the past of the picture, turn a knob and play: the old run stays as a "
                "branch. Four are kept.")  # fmt: skip
        self._call = call
        self.list = ipw.HBox().add_class("face-chips")
        self.box = ipw.VBox([ipw.HTML(words(text)), self.list])
        self._shown: list[tuple] = []

    def show(self, view) -> None:
        """Show the branches of a view."""
        branches = sorted(view.names, key=lambda b: b.left_at or 0)
        named = [(f"{view.names[b]}, to step {b.end:,}", b) for b in branches]
        if named != self._shown:
            self._shown = named
            self.list.children = [
                button(name, "", lambda b=b: self._call(go_on)(b), hint=f"go on with {name}")
                for name, b in named
            ]


def go_on(lab, branch) -> None:
    """Go on with a branch, if the lab still keeps it."""
    if branch in lab.timeline.branches:
        lab.switch(lab.timeline.branches.index(branch))


class Home:
    """Recipe and code, to copy."""

    def __init__(self, call: Callable):
        text = ("The recipe replays this run to the bit, by “course run recipe.json” or by "
                "TrainingLab(recipe). The code is the same run as a short program.")  # fmt: skip
        self.text = ipw.Textarea(description="to copy").add_class("face-text")
        tip(self.text, "recipe or code, to copy")
        recipe, code = call(self.write_recipe), call(self.write_code)
        copy = call(lambda lab: lab.panel.copy(self.text.value))
        buttons = ipw.HBox([
            button("Recipe", "file-text", recipe, hint="write the recipe below"),
            button("Code", "code", code, hint="write the program below"),
            button("Copy", "copy", copy, hint="copy the text below"),
        ]).add_class("face-acts")  # fmt: skip
        self.box = ipw.VBox([ipw.HTML(words(text)), buttons, self.text])

    def write_recipe(self, lab) -> None:
        self.text.value = lab.recipe().json()
        lab.say("The recipe is in the field below.")

    def write_code(self, lab) -> None:
        self.text.value = lab.code()
        lab.say("The code is in the field below.")
