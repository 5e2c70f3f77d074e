"""Replays: do a recipe's run again, to the last bit.

trainer = run_recipe("run.json")
history_digest(trainer)            equal digests: equal histories
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from .. import effort
from ..data.dataset import Dataset
from ..data.loading import build_data
from ..errors import CourseError, check_count, shown
from ..nn.model import Model
from ..nn.network import Network, build_network
from ..optim.chain import build_chain
from ..optim.ranges import check_setting
from .knobs import set_augment, set_label_noise
from .recipe import MOST_STEPS, Recipe, load_recipe
from .run import clip_order_in
from .trainer import Trainer


def build_recipe(
    recipe: Recipe, data: Dataset | None = None, anyway: bool = False,
    make_model: Callable[[Network], Model] | None = None,
) -> Trainer:  # fmt: skip
    """Return the trainer of a recipe before its first step.

    Args:
        recipe: what the run is made of.
        data: your own data, when the recipe is for such; else what the recipe names.
        anyway: build also what takes more memory than `course.effort` allows.
        make_model: makes what is trained from the network, as a strategy of `course.parallel`.
            Default: the network itself.

    Raises:
        CourseError: for data and models that only their own code can build, for what does not
            describe a run, and for too large a network, unless `anyway`.
    """
    own = "own" in recipe.data and data is None
    if own or recipe.model.get("kind") == "adopted":
        raise CourseError(
            f"the recipe is for data {shown(recipe.data)} and model {shown(recipe.model)}, "
            "which only their own code can build; build that Trainer and pass it: "
            "run_recipe(recipe, trainer)"
        )
    network = build_network(recipe.model, anyway)
    model = make_model(network) if make_model else network
    trainer = Trainer(
        model, data or build_data(recipe.data), build_chain(recipe.chain),
        recipe.batch_size, recipe.seed, recipe.accumulate,
    )  # fmt: skip
    set_augment(trainer, recipe.augment)
    trainer.threshold = check_setting("threshold", recipe.threshold)
    trainer.clip_order = clip_order_in(trainer.chain) or recipe.clip_order
    if recipe.label_noise:
        set_label_noise(trainer, recipe.label_noise)
    trainer.start = trainer.start._replace(settings=trainer.settings())
    return trainer


def run_recipe(
    recipe, trainer: Trainer | None = None, steps: int | None = None, anyway: bool = False
) -> Trainer:
    """Do a recipe's run again and return the trainer.

    While it runs, the thread count is the recipe's. More than 10 seconds are announced on stderr.

    Args:
        recipe: as `load_recipe` takes it.
        trainer: one before its first step, for your own data or module; None: what the recipe
            says.
        steps: stop after so many; None: all.
        anyway: run also what takes longer than an hour or more than half the memory.

    Raises:
        CourseError: for what cannot be run, and, before the first step, for what takes too much,
            unless `anyway` (see `course.effort`).
    """
    recipe = load_recipe(recipe)
    if steps is None:
        steps = recipe.steps
    steps = check_count("steps", steps, 0, MOST_STEPS, "0 or more")
    if not isinstance(trainer, Trainer | None):
        raise CourseError(f"trainer = {shown(trainer)} is not a Trainer; leave it out or build one")
    work, trainer = effort_of(recipe, steps, trainer=trainer, anyway=anyway)
    effort.begin(work, anyway)
    return rerun(recipe, trainer, steps)


def rerun(recipe: Recipe, trainer: Trainer | None, steps: int) -> Trainer:
    """Do the run of a loaded recipe again as `run_recipe` does, without asking what it takes."""
    trainer = build_recipe(recipe, anyway=True) if trainer is None else trainer
    with threads(recipe.threads):
        replay(trainer, recipe.knobs, steps)
    return trainer


def effort_of(
    recipe: Recipe, steps: int, runs: int = 1, trainer: Trainer | None = None, anyway: bool = False
) -> tuple[effort.Effort, Trainer | None]:
    """Return what `runs` runs of so many steps will take, and a trainer before its first step.

    A few steps of long work are timed; the trainer that took them is used up: None. The other
    arguments are those of `run_recipe`.
    """
    fresh = build_recipe(recipe, anyway=anyway) if trainer is None else trainer
    work = effort.of_training(fresh, steps, runs)
    if trainer is not None or work.seconds < 1 or work.seconds > runs * steps:
        return work, fresh  # short, or a step of more than a second: too long to try
    with threads(recipe.threads):
        return effort.measured(work, fresh.step), None


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def replay(
    trainer: Trainer, changes: list, steps: int, after_step: Callable[[], None] | None = None
) -> None:
    """Train up to a step and turn the recorded knobs on the way.

    Moves to another device are left out: bits hold on one device only.

    Args:
        trainer: at any step; what was turned before it stays as it is.
        changes: [(step, knob, value)] by rising step.
        steps: the step to end at; knobs turned there are turned, too.
        after_step: called after each step, before the knobs are turned there: a state saved in it
            goes on in the same way.
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
        if after_step is not None:
            after_step()


def history_digest(trainer: Trainer) -> str:
    """Return the SHA-256 of the four numbers of every step: equal digests, equal histories."""
    return hashlib.sha256(trainer.history.numbers().tobytes()).hexdigest()
