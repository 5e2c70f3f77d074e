"""Recipes: everything that reproduces a run, as one small JSON file.

    recipe = trainer.recipe()          what was done, every knob change included
    recipe.save("run.json")
    run_recipe("run.json")             does it again: the same history, bit for bit

Bit for bit holds on a CPU of the same kind with the same torch build and thread count, which the
recipe names (`differences` compares them with what is here). Moves to another device are not part
of that promise. A run on your own data or `nn.Module` has a recipe, too; only its code builds it.
"""

import json
import os
import platform
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ..errors import (
    CourseError,
    check_choice,
    check_count,
    check_number,
    check_seed,
    each_field_once,
    shown,
)
from ..files import write_bytes
from ..nn.network import build_network
from ..optim.ranges import check_setting
from ..version import __version__
from .run import CLIP_ORDERS, Run

SCHEMA = 1
LARGEST = 2**26  # bytes of a file
MOST_STEPS = 10**9
MOST_VALUES, DEEPEST = 10**6, 32
PLAIN = (str, int, float, bool, type(None))


def _must_be(words: str, **options):
    return field(metadata={"must be": words}, **options)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run, from its first step to its last. Every field is needed; all are plain JSON values."""

    schema: int = _must_be("a whole number")
    """The version of this format."""
    data: dict = _must_be("an object, as Dataset.source")
    """What the data set is made of; {"own": name} for one that only its own code can make."""
    model: dict = _must_be("an object, as Network.describe()")
    """What the model and its first weights are made of."""
    chain: list = _must_be("a list, as Chain.describe()")
    """The optimiser before the first step."""
    batch_size: int = _must_be("a whole number")
    """Rows a step, before the first knob change."""
    accumulate: int = _must_be("a whole number")
    """The number of parts that a batch is worked off in."""
    augment: list = _must_be("a list, as Augment.describe()")
    """What changes the inputs of each batch, before the first knob change."""
    label_noise: float = _must_be("a number in [0, 1]")
    """The share of training rows with a wrong label, before the first knob change."""
    threshold: int | float | dict = _must_be("a number above 0, or a schedule")
    """Of clipping, whether it is on or off, before the first knob change."""
    clip_order: str = _must_be("'before' or 'after'", default="before")
    """Whether a clip stands before or after the optimiser, if the chain itself does not show it."""
    seed: int = _must_be("a whole number")
    """Of the order of the rows."""
    steps: int = _must_be("a whole number")
    """How many steps the run has."""
    knobs: list = _must_be("a list of [step, knob, value], by rising step")
    """Every knob change: `value` holds from the step after `step`."""
    threads: int = _must_be("a whole number")
    """How many threads torch used: another number gives other last digits."""
    versions: dict = _must_be("an object")
    """Of the course, torch and the machine."""

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the recipe of a run, from its first step to where it is now.

        Raises:
            CourseError: when the model had been trained before the run began, and for a chain that
                its own fields do not describe, as with a mask of `course.pruning`.
        """
        settings, model, theta = run.start
        if model["kind"] != "adopted" and not _is_fresh(run, model, theta):
            raise CourseError(
                "the model's weights were not its own first ones when the Trainer was built, so no "
                "recipe gives them; build a new model for it, or keep trainer.save(path)"
            )
        hidden = next((t for t in run.chain.transforms if not t.replays), None)
        if hidden is not None:
            raise CourseError(
                f"{type(hidden).__name__} holds what no recipe tells; allowed: transforms that "
                "their own numbers describe; prune with Prune(sparsity) in the chain, whose knob a "
                "recipe replays, or keep trainer.save(path)"
            )
        return cls(
            schema=SCHEMA, data=run.data.source or {"own": run.data.name}, model=model,
            seed=run.seed, steps=run.step_count, knobs=[list(turn) for turn in run.history.knobs],
            threads=torch.get_num_threads(), versions=versions(),
            **{k: v for k, v in settings.items() if k not in ("dropouts", "switches")},
        )  # fmt: skip

    def describe(self) -> dict:
        """Return the fields as one JSON object."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def json(self) -> str:
        """Return the text that a file of this recipe holds."""
        return json.dumps(self.describe(), ensure_ascii=False, indent=1)

    def save(self, path: str | Path) -> None:
        """Write the recipe to a file, whole or not at all. Raise `CourseError` if that fails."""
        try:
            write_bytes(self.json().encode(), path)
        except (OSError, TypeError, ValueError) as error:  # the last two: not a path
            raise CourseError(
                f"the recipe cannot be saved as {shown(path)} ({error}); choose a file in a folder "
                "that exists and is yours"
            ) from error

    def differences(self) -> list[str]:
        """Return in words what here is not as the recipe has it, so that bits may differ."""
        here = versions()
        pairs = [(k, self.versions.get(k), here.get(k)) for k in sorted({*here, *self.versions})]
        return [
            f"{name}: {there if isinstance(there, str) else shown(there)} then, {now} here"
            for name, there, now in pairs
            if there != now
        ]


def _is_fresh(run: Run, model: dict, theta: Tensor) -> bool:
    """Tell whether theta are the weights that the model described has at first, or its part."""
    return torch.equal(run.model.part(build_network(model).theta), theta.cpu())


def versions() -> dict[str, str]:
    """Return what bits depend on besides the recipe itself."""
    return {"course": __version__, "torch": torch.__version__, "machine": platform.machine()}


def load_recipe(source: Recipe | dict | str | Path) -> Recipe:
    """Return a checked recipe.

    Args:
        source: a recipe, its JSON object as a dict or as text, or the path of a file.

    Raises:
        CourseError: naming what is wrong: not JSON, a field that is missing, unknown or of the
            wrong type, knob changes out of order, a newer schema, more threads than 8 a core of
            this machine (64 are always allowed).
    """
    values: object = source.describe() if isinstance(source, Recipe) else source
    if not isinstance(values, dict):
        values = read_json(values)
    if not isinstance(values, dict):
        raise CourseError(f"a recipe is an object {{…}}, not a {type(values).__name__}")
    _check_plain(values)
    schema = values.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise CourseError(
            f"the recipe has schema {shown(schema)}, this release knows up to {SCHEMA}; update the "
            "course"
        )
    known = {f.name: f for f in fields(Recipe)}
    for name in sorted(known.keys() ^ values.keys()):
        word = "lacks the field" if name in known else "has an unknown field"
        raise CourseError(f"the recipe {word} {shown(name)}; allowed: {', '.join(known)}")
    for name, f in known.items():
        kinds = (int, float) if f.type is float else f.type
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):  # type: ignore[arg-type]
            words = f.metadata["must be"]
            raise CourseError(f"{name} = {shown(values[name])} in the recipe; it must be {words}")
    recipe = Recipe(**values)
    check_count("schema", recipe.schema, 1, SCHEMA, "write 1")
    check_count("steps", recipe.steps, 0, MOST_STEPS, "0 or more")
    check_seed(recipe.seed)
    check_count("batch_size", recipe.batch_size, 1, 10**9, "32 is usual")
    check_count("accumulate", recipe.accumulate, 1, recipe.batch_size, "parts of one batch")
    most = max(64, 8 * (os.cpu_count() or 1))
    check_count("threads", recipe.threads, 1, most, "write fewer; the bits then differ")
    check_number("label_noise", recipe.label_noise, 0, 1, "0 for none")
    check_setting("threshold", recipe.threshold)
    check_choice("clip_order", recipe.clip_order, CLIP_ORDERS)
    _check_knobs(recipe.knobs, recipe.steps)
    return recipe


def read_json(source) -> object:
    """Return what a JSON text that starts with '{', or a file of one, holds; else the object.

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
        return json.loads(text, object_pairs_hook=each_field_once("the recipe"))
    except CourseError:
        raise
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; 100,000 "["
        raise CourseError(f"the recipe is not JSON ({str(error)[:100]}); save it anew") from error


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
