"""Build a lab's trainer, again and again: from knobs, from a recipe, or from your own trainer."""

from dataclasses import fields, replace
from pathlib import Path

from course import (
    MLP,
    ClipByNorm,
    CourseError,
    Dataset,
    Descend,
    Trainer,
    chain,
    load_data,
)
from course.data.loading import build_data
from course.effort import begin
from course.errors import check_choice, check_number, shown
from course.training.gradient_knobs import CLIP_ORDERS
from course.training.knobs import CLIPS, make_optimiser
from course.training.recipe import SCHEMA, Recipe, load_recipe, versions
from course.training.replay import build_recipe, effort_of

RESTART = ("data", "hidden", "activation", "init", "seed")  # these start the run again


class Setup:
    """What a lab needs to build its trainer.

    Args:
        recipe: the run before its first step; None: `trainer` is the learner's own.
        data: the learner's own data set; None: the recipe names it.
        trainer: the learner's own.

    Attributes:
        clip_order: what is remembered while clipping is off; else the recipe's chain tells.
    """

    def __init__(self, recipe: Recipe | None, data: Dataset | None, trainer: Trainer | None = None):
        self.recipe, self.data, self.trainer = recipe, data, trainer
        self.clip_order: str | None = None

    def build(self) -> Trainer:
        """Return the trainer before its first step; the learner's own as it was handed over."""
        if self.recipe is None:
            assert self.trainer is not None
            return self.trainer
        trainer = build_recipe(self.recipe, self.data)
        if self.clip_order not in (None, trainer.clip_order):
            trainer.set("clip_order", self.clip_order)
        return trainer

    def changed(self, settings: dict, **restart) -> "Setup":
        """Return another setup: knobs as in `settings`, new values for those in `RESTART`.

        Raises:
            CourseError: for the learner's own trainer, or a name that is not in `RESTART`.
        """
        if self.recipe is None:
            raise CourseError("a lab around your own Trainer cannot build it again; build a new "
                              "Trainer and a new lab")  # fmt: skip
        for name in restart:
            check_choice("restart", name, RESTART)
        names = settings.keys() & {field.name for field in fields(Recipe)}
        recipe = replace(self.recipe, **{name: settings[name] for name in names})
        data = self.data
        if "data" in restart:
            data = load_data(restart["data"], recipe.data.get("seed", 0))
            size = min(recipe.batch_size, len(data.y_train))
            recipe = replace(recipe, augment=[], label_noise=0.0, batch_size=size)
        elif data is None:
            data = build_data(recipe.data)
        recipe = replace(recipe, data=data.source or {"own": data.name})
        recipe = replace(recipe, seed=restart.get("seed", recipe.seed))
        if restart or recipe.model.get("kind") == "MLP":
            recipe = replace(recipe, model=_model(recipe, data, restart, settings))
        setup = Setup(recipe, None if data.source else data)
        setup.clip_order = settings["clip_order"]
        return setup


def _model(recipe: Recipe, data: Dataset, restart: dict, settings: dict) -> dict:
    """Return the description of an MLP like the recipe's, for this data, with the changes."""
    old, dropouts = recipe.model, settings["dropouts"]
    if old.get("kind") != "MLP":
        raise CourseError(f"{sorted(restart)} start an MLP again, this model is a {old['kind']}")
    hidden = restart.get("hidden", old["sizes"][1:-1])
    sizes = [data.features, *hidden, data.outputs]
    model = MLP(
        sizes, restart.get("activation", old["activation"]), recipe.seed,
        init=restart.get("init", None if "activation" in restart else old["init"]),
        dropout=dropouts[0] if dropouts else 0.0,
        loss="mse" if data.is_regression else "cross_entropy",
        **dict(settings.get("switches", [])),
    )  # fmt: skip
    return model.describe()


def prepare(data, knobs: dict) -> tuple[Setup, Recipe | None]:
    """Return a setup, and the recipe to replay if there is one.

    Args:
        data: a data set or its name, a trainer, or a recipe; see `TrainingLab`.
        knobs: the other arguments of `from_knobs`, which a trainer or a recipe has by itself.
    """
    if isinstance(data, Trainer):
        return Setup(None, data.data, data), None
    if is_recipe(data):
        return from_recipe(data)
    return from_knobs(data, **knobs), None


def from_knobs(
    data, sizes, activation, init, optimiser, lr, momentum, clip, clip_order, threshold,
    batch_size, seed, residual, norm, label_noise,
) -> Setup:  # fmt: skip
    """Return the setup of a new MLP, as a `TrainingLab` is called."""
    check_choice("clip", clip, ("off", *CLIPS))
    check_choice("clip_order", clip_order, CLIP_ORDERS)
    loaded = load_data(data, seed) if isinstance(data, str) else data
    if not isinstance(loaded, Dataset):
        raise CourseError(
            f"data = {data!r}; allowed: a name such as 'digits', a Dataset, a Trainer or a recipe"
        )
    sizes = list(sizes or (loaded.features, 64, loaded.outputs))
    loss = "mse" if loaded.is_regression else "cross_entropy"
    model = MLP(sizes, activation, seed, init=init, dropout=0.0, loss=loss, residual=residual,
                norm=norm)  # fmt: skip
    clips = [CLIPS[clip](threshold)] if clip != "off" else []
    rule = make_optimiser(optimiser, momentum)
    steps = [*clips, *rule] if clip_order == "before" else [*rule, *clips]
    recipe = Recipe(
        schema=SCHEMA, data=loaded.source or {"own": loaded.name},
        model=model.describe(), chain=chain(*steps, Descend(lr)).describe(),
        batch_size=batch_size, accumulate=1, augment=[],
        label_noise=check_number("label_noise", label_noise, 0, 1, "0.2 is much already"),
        threshold=ClipByNorm(threshold).threshold, seed=seed, steps=0, knobs=[], threads=1,
        versions=versions(),
    )  # fmt: skip
    return Setup(recipe, None if loaded.source else loaded)


def from_recipe(source) -> tuple[Setup, Recipe]:
    """Return (setup, recipe) of a recipe: a dict, a JSON text or a path."""
    recipe = load_recipe(source)
    begin(effort_of(recipe, recipe.steps)[0])
    return Setup(replace(recipe, steps=0, knobs=[]), None), recipe


def is_recipe(source) -> bool:
    """Return whether this is a recipe or a file of one, not the name of a data set."""
    if isinstance(source, Recipe | dict | Path):
        return True
    return isinstance(source, str) and (source.lstrip().startswith("{") or source.endswith(".json"))


def from_form(recipe: Recipe | None, fields: dict) -> dict:
    """Return what `Setup.changed` takes, of a form's fields those that differ from the recipe's.

    Args:
        recipe: of the run as it stands; None around a trainer of your own.
        fields: {"data", "hidden", "activation", "init", "seed": value}; hidden: "64, 32" or "".

    Raises:
        CourseError: for widths that are not whole numbers.
    """
    changes = dict(fields)
    if "hidden" in fields:
        words = fields["hidden"]
        try:
            changes["hidden"] = [int(part) for part in words.replace(",", " ").split()]
        except (ValueError, AttributeError, TypeError):
            raise CourseError(f"hidden widths = {shown(words)}; allowed: whole numbers with "
                              "commas, as 64, 32") from None  # fmt: skip
    if recipe is None or recipe.model.get("kind") != "MLP":
        return changes
    old = recipe.model
    stand = {"data": recipe.data.get("name", "own"), "hidden": old["sizes"][1:-1],
             "activation": old["activation"], "init": old["init"], "seed": recipe.seed}  # fmt: skip
    changes = {k: v for k, v in changes.items()
               if not (isinstance(v, type(stand.get(k))) and v == stand.get(k))}  # fmt: skip
    if "activation" in changes and fields.get("init") == old["init"]:
        changes.pop("init", None)  # what suits the new activation
    return changes or {"seed": recipe.seed}
