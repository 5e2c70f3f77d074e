"""Recipes: everything that reproduces a run, as one small JSON file.

    recipe = trainer.recipe()          what was done, every knob change included
    run_recipe(recipe)                 does it again: the same history, bit for bit

Bit for bit holds on a CPU of the same kind with the same torch build and thread count, which the
recipe names (`differences` compares them with what is here). Moves to another device are no part of
that promise. A run on own data or an own `nn.Module` has a recipe too; only its code can build it.
"""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import torch

from .chains import build_chain
from .data import Dataset, build_data
from .errors import CourseError, check_count, check_number
from .knobs import set_augment, set_label_noise
from .model import build_network
from .trainer import Trainer

SCHEMA = 1
FIELDS: dict[str, tuple[Any, str]] = {  # every field is needed; what it must be
    "schema": (int, "a whole number"),
    "data": (dict, "an object, as Dataset.source"),
    "model": (dict, "an object, as Network.describe()"),
    "chain": (list, "a list, as Chain.describe()"),
    "batch_size": (int, "a whole number"),
    "accumulate": (int, "a whole number"),
    "augment": (list, "a list, as Augment.describe()"),
    "label_noise": ((int, float), "a number in [0, 1]"),
    "threshold": ((int, float), "a number above 0"),
    "seed": (int, "a whole number"),
    "steps": (int, "a whole number"),
    "knobs": (list, "a list of [step, knob, value], by rising step"),
    "threads": (int, "a whole number"),
    "versions": (dict, "an object"),
}


def recipe_of(trainer: Trainer) -> dict:
    """The recipe of a run, from its first step to where it is now."""
    settings, model, theta = trainer.start
    if model["kind"] != "adopted" and not torch.equal(build_network(model).theta, theta.cpu()):
        raise CourseError(
            "the model's weights were not its own first ones when the Trainer was built, so no "
            "recipe gives them; build a new model for it, or keep trainer.save(path)"
        )
    data = trainer.data
    return {
        "schema": SCHEMA,
        "data": data.source or {"own": data.name},
        "model": model,
        **{k: settings[k] for k in ("chain", "batch_size", "accumulate", "augment")},
        "label_noise": settings["label_noise"],
        "threshold": settings["threshold"],
        "seed": trainer.seed,
        "steps": trainer.step_count,
        "knobs": [list(change) for change in trainer.history.knobs],
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    from . import __version__  # it imports this module

    return {"course": __version__, "torch": torch.__version__, "machine": platform.machine()}


def differences(recipe: dict) -> list[str]:
    """In words: what here is not as the recipe has it, so that bits may differ."""
    here = versions()
    names = sorted(here.keys() | recipe["versions"].keys())
    pairs = [(name, recipe["versions"].get(name), here.get(name)) for name in names]
    return [f"{name}: {there} then, {now} here" for name, there, now in pairs if there != now]


def load_recipe(source) -> dict:
    """A recipe from a dict, a JSON text, or the path of a file; checked.

    Raises `CourseError` naming what is wrong: no JSON, a field that is missing, unknown or of the
    wrong type, knob changes out of order, a newer schema.
    """
    if not isinstance(source, dict):
        source = _read(source)
    if not isinstance(source, dict):
        raise CourseError(f"a recipe is an object {{…}}, not a {type(source).__name__}")
    schema = source.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise CourseError(
            f"the recipe has schema {schema}, this release knows up to {SCHEMA}; update the course"
        )
    for name in sorted(FIELDS.keys() ^ source.keys()):
        word = "lacks the field" if name in FIELDS else "has an unknown field"
        raise CourseError(f"the recipe {word} {name!r}; allowed: {', '.join(FIELDS)}")
    for name, (kind, words) in FIELDS.items():
        if not isinstance(source[name], kind) or isinstance(source[name], bool):
            raise CourseError(f"{name} = {source[name]!r} in the recipe; it must be {words}")
    check_count("schema", source["schema"], 1, SCHEMA, "write 1")
    check_count("steps", source["steps"], 0, 10**9, "0 or more")
    check_count("threads", source["threads"], 1, 4096, "1 for small networks")
    check_number("label_noise", source["label_noise"], 0, 1, "0 for none")
    _check_knobs(source["knobs"], source["steps"])
    return source


def _read(source) -> object:
    if not isinstance(source, str | Path):
        return source
    text = str(source)
    if not text.lstrip().startswith("{"):
        try:
            text = Path(source).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CourseError(f"{str(source)!r} cannot be read as a recipe ({error})") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CourseError(f"the recipe is no JSON ({error}); save it anew") from error


def _check_knobs(changes: list, steps: int) -> None:
    before = 0
    for change in changes:
        if not (isinstance(change, list | tuple) and len(change) == 3):
            raise CourseError(
                f"knob change {change!r} in the recipe; it must be [step, knob, value]"
            )
        step, knob, _ = change
        if not isinstance(step, int) or not isinstance(knob, str) or not before <= step <= steps:
            raise CourseError(
                f"knob change {change!r} in the recipe; its step must be a whole number in "
                f"[{before}, {steps}], not below the one before, its knob a name"
            )
        before = step


def build_recipe(recipe: dict, data: Dataset | None = None) -> Trainer:
    """The trainer of a recipe before its first step, on `data` where it is one's own.

    Raises `CourseError` for what has no code.
    """
    own = "own" in recipe["data"] and data is None
    if own or recipe["model"].get("kind") == "adopted":
        raise CourseError(
            f"the recipe is for data {recipe['data']} and model {recipe['model']}, which only "
            "their own code can build; build that Trainer and pass it: run_recipe(recipe, trainer)"
        )
    try:
        model = build_network(recipe["model"])
        trainer = Trainer(
            model, data or build_data(recipe["data"]), build_chain(recipe["chain"]),
            recipe["batch_size"], recipe["seed"], recipe["accumulate"],
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"the recipe does not describe a run ({error!r})") from error
    set_augment(trainer, recipe["augment"])
    trainer.threshold = recipe["threshold"]
    if recipe["label_noise"]:
        set_label_noise(trainer, recipe["label_noise"])
    trainer.start = trainer.settings(), *trainer.start[1:]
    return trainer


def run_recipe(recipe, trainer: Trainer | None = None, steps: int | None = None) -> Trainer:
    """Do a recipe's run again, on `trainer` where one is given; returns the trainer.

    steps: stop after so many (default: all). The thread count is the recipe's while it runs.
    """
    recipe = load_recipe(recipe)
    trainer = build_recipe(recipe) if trainer is None else trainer
    steps = recipe["steps"] if steps is None else check_count("steps", steps, 0, 10**9, "0 or more")
    threads = torch.get_num_threads()
    torch.set_num_threads(recipe["threads"])
    try:
        replay(trainer, recipe["knobs"], steps)
    finally:
        torch.set_num_threads(threads)
    return trainer


def replay(trainer: Trainer, changes: list, steps: int) -> None:
    """Go on to step `steps`, turning the knobs that `changes` says from here on.

    Moves to another device are left out: bits hold on one device only.
    """
    here = trainer.step_count
    todo = [change for change in changes if here <= change[0] and change[1] != "device"]
    at = 0
    while True:
        while at < len(todo) and todo[at][0] == trainer.step_count <= steps:
            trainer.set(todo[at][1], todo[at][2])
            at += 1
        if trainer.step_count >= steps:
            return
        trainer.step()


def digest(trainer: Trainer) -> str:
    """SHA-256 of the three numbers of every step: equal digests, equal histories."""
    return hashlib.sha256(trainer.history.numbers().tobytes()).hexdigest()
