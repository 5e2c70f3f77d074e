"""Recipes: everything that reproduces a run, as one small JSON file.

    recipe = trainer.recipe()          what was done, every knob change included
    run_recipe(recipe)                 does it again: the same history, bit for bit

Bit for bit holds on a CPU of the same kind with the same torch build and thread count, which the
recipe names (`differences` compares them with what is here). Moves to another device are no part of
that promise. A run on own data or an own `nn.Module` has a recipe too; only its code can build it.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .. import effort
from ..data.dataset import Dataset
from ..data.loading import build_data
from ..errors import (
    CourseError,
    check_choice,
    check_count,
    check_number,
    check_seed,
    shown,
)
from ..nn.network import build_network
from ..optim.chain import build_chain
from ..optim.first_order import ClipByNorm
from ..version import __version__
from .knobs import set_augment, set_label_noise
from .trainer import Trainer

SCHEMA = 1
LARGEST = 2**26  # bytes of a file
MOST_STEPS = 10**9
MOST_VALUES, DEEPEST = 10**6, 32
PLAIN = (str, int, float, bool, type(None))
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
    return {"course": __version__, "torch": torch.__version__, "machine": platform.machine()}


def differences(recipe: dict) -> list[str]:
    """In words: what here is not as the recipe has it, so that bits may differ."""
    here = versions()
    names = sorted(here.keys() | recipe["versions"].keys())
    pairs = [(name, recipe["versions"].get(name), here.get(name)) for name in names]
    return [
        f"{name}: {there if isinstance(there, str) else shown(there)} then, {now} here"
        for name, there, now in pairs
        if there != now
    ]


def load_recipe(source) -> dict:
    """A recipe from a dict, a JSON text, or the path of a file; checked.

    Raises `CourseError` naming what is wrong: no JSON, a field that is missing, unknown or of the
    wrong type, knob changes out of order, a newer schema, more threads than 8 a core of this
    machine (64 are always allowed).
    """
    if not isinstance(source, dict):
        source = read_json(source)
    if not isinstance(source, dict):
        raise CourseError(f"a recipe is an object {{…}}, not a {type(source).__name__}")
    _check_plain(source)
    schema = source.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise CourseError(
            f"the recipe has schema {shown(schema)}, this release knows up to {SCHEMA}; update the "
            "course"
        )
    for name in sorted(FIELDS.keys() ^ source.keys()):
        word = "lacks the field" if name in FIELDS else "has an unknown field"
        raise CourseError(f"the recipe {word} {shown(name)}; allowed: {', '.join(FIELDS)}")
    for name, (kind, words) in FIELDS.items():
        if not isinstance(source[name], kind) or isinstance(source[name], bool):
            raise CourseError(f"{name} = {shown(source[name])} in the recipe; it must be {words}")
    check_count("schema", source["schema"], 1, SCHEMA, "write 1")
    check_count("steps", source["steps"], 0, MOST_STEPS, "0 or more")
    check_seed(source["seed"])
    check_count("batch_size", source["batch_size"], 1, 10**9, "32 is usual")
    check_count("accumulate", source["accumulate"], 1, source["batch_size"], "parts of one batch")
    most = max(64, 8 * (os.cpu_count() or 1))
    check_count("threads", source["threads"], 1, most, "write fewer; the bits then differ")
    check_number("label_noise", source["label_noise"], 0, 1, "0 for none")
    ClipByNorm(source["threshold"])
    _check_knobs(source["knobs"], source["steps"])
    return source


def read_json(source) -> object:
    """What a JSON text that starts with '{', or a file of one, holds; other objects as they are.

    Raises `CourseError` for a file that cannot be read, and for what is not JSON, holds a name
    twice, or is larger than `LARGEST`.
    """
    if not isinstance(source, str | Path):
        return source
    text = str(source)
    if not text.lstrip().startswith("{"):
        try:
            with open(source, "rb") as file:
                content = file.read(LARGEST + 1)
            text = content.decode("utf-8-sig")
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a null in the path
            raise CourseError(
                f"{shown(str(source))} cannot be read as a recipe ({str(error)[:100]}); give a "
                "JSON file that a lab or Trainer has saved"
            ) from error
    if len(text) > LARGEST:
        raise CourseError(f"the recipe is larger than {LARGEST:,} bytes; it is another file")
    try:
        return json.loads(text, object_pairs_hook=_once)
    except CourseError:
        raise
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; 100,000 "["
        raise CourseError(f"the recipe is no JSON ({str(error)[:100]}); save it anew") from error


def _once(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CourseError(f"the recipe has the field {shown(twice)} twice; keep one")
    return found


def _check_plain(source: dict) -> None:
    """Refuse what JSON has no form for, and what is nested or large beyond any recipe."""
    level, values, depth = [source], 0, 0
    while level:
        depth, values = depth + 1, values + len(level)
        inner: list = []
        for value in level:
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):
                    raise CourseError(f"the recipe has the field names {shown(list(value))}; "
                                      "allowed: texts")  # fmt: skip
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            elif not isinstance(value, PLAIN):
                raise CourseError(f"the recipe holds {shown(value)}; allowed: JSON values")
            if values + len(inner) > MOST_VALUES or depth > DEEPEST:
                raise CourseError(
                    f"the recipe holds more than {MOST_VALUES:,} values or {DEEPEST} levels; "
                    "it is another file, or save it anew"
                )
        level = inner


def _check_knobs(changes: list, steps: int) -> None:
    before = 0
    for change in changes:
        if not (isinstance(change, list | tuple) and len(change) == 3):
            raise CourseError(
                f"knob change {shown(change)} in the recipe; it must be [step, knob, value]"
            )
        step, knob, value = change
        whole = isinstance(step, int) and not isinstance(step, bool)
        if not whole or not isinstance(knob, str) or not before <= step <= steps:
            raise CourseError(
                f"knob change {shown(change)} in the recipe; its step must be a whole number in "
                f"[{before}, {steps}], not below the one before, its knob a name"
            )
        if knob == "device":  # it is not moved there (see `replay`), but it must be a device
            check_choice("device", value, ("cpu", "cuda", "mps"))
        before = step


def build_recipe(recipe: dict, data: Dataset | None = None, anyway: bool = False) -> Trainer:
    """The trainer of a recipe before its first step, on `data` where it is your own.

    Raises `CourseError` for what has no code, does not describe a run, or takes more memory than
    `course.effort` allows, unless `anyway`.
    """
    own = "own" in recipe["data"] and data is None
    if own or recipe["model"].get("kind") == "adopted":
        raise CourseError(
            f"the recipe is for data {shown(recipe['data'])} and model {shown(recipe['model'])}, "
            "which only their own code can build; build that Trainer and pass it: "
            "run_recipe(recipe, trainer)"
        )
    model = build_network(recipe["model"], anyway)
    trainer = Trainer(
        model, data or build_data(recipe["data"]), build_chain(recipe["chain"]),
        recipe["batch_size"], recipe["seed"], recipe["accumulate"],
    )  # fmt: skip
    set_augment(trainer, recipe["augment"])
    trainer.threshold = ClipByNorm(recipe["threshold"]).c
    if recipe["label_noise"]:
        set_label_noise(trainer, recipe["label_noise"])
    trainer.start = trainer.settings(), *trainer.start[1:]
    return trainer


def run_recipe(
    recipe, trainer: Trainer | None = None, steps: int | None = None, anyway: bool = False
) -> Trainer:
    """Do a recipe's run again, on `trainer` where one is given; returns the trainer.

    steps: stop after so many (default: all). The thread count is the recipe's while it runs. More
    than 10 seconds are announced on stderr; more than an hour, or than half the memory, raises
    `CourseError` before the first step, unless `anyway` (see `course.effort`).
    """
    recipe = load_recipe(recipe)
    if steps is None:
        steps = recipe["steps"]
    steps = check_count("steps", steps, 0, MOST_STEPS, "0 or more")
    if not isinstance(trainer, Trainer | None):
        raise CourseError(f"trainer = {shown(trainer)} is not a Trainer; leave it out or build one")
    work, trainer = effort_of(recipe, steps, trainer=trainer, anyway=anyway)
    effort.begin(work, anyway)
    return rerun(recipe, trainer, steps)


def rerun(recipe: dict, trainer: Trainer | None, steps: int) -> Trainer:
    """What `run_recipe` does, of a loaded recipe, without asking what it will take."""
    trainer = build_recipe(recipe, anyway=True) if trainer is None else trainer
    with threads(recipe["threads"]):
        replay(trainer, recipe["knobs"], steps)
    return trainer


def effort_of(
    recipe: dict, steps: int, runs: int = 1, trainer: Trainer | None = None, anyway: bool = False
) -> tuple[effort.Effort, Trainer | None]:
    """What `runs` runs of so many steps will take, and the trainer, still before its first step.

    Where it is long, a few steps are timed; the trainer that took them is used up: None.
    """
    built = build_recipe(recipe, anyway=anyway) if trainer is None else trainer
    work = effort.of_training(built, steps, runs)
    if trainer is not None or work.seconds < 1 or work.seconds > runs * steps:
        return work, built  # short, or a step of more than a second: too long to try
    with threads(recipe["threads"]):
        return effort.measured(work, built.step), None


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
