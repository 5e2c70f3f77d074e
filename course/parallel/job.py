"""What a run over many ranks is asked for, and what one process can refuse of it."""

import hashlib
import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ..errors import CourseError, check_choice, check_count, check_fields, shown
from ..training.recipe import MOST_STEPS, Recipe
from .strategies import STRATEGIES

ENGINES = ("ours", "torch")
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Job:
    """A run over many ranks: the same on each of them."""

    recipe: Recipe
    """What is trained."""
    strategy: str = "data"
    """Of `STRATEGIES`."""
    options: dict = field(default_factory=dict)
    """Those of the strategy, as {'buckets': 2}."""
    out: Path = Path("run")
    """The folder of the results."""
    steps: int | None = None
    """None: those of the recipe."""
    engine: str = "ours"
    """'ours', or 'torch' for PyTorch's own."""
    device: str = "cpu"
    """'cpu' or 'cuda'."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0: none."""
    resume: bool = False
    """Whether to go on from the newest checkpoint in `out`."""

    def facts(self) -> dict[str, str]:
        """Return what must be the same on each rank, for `agree`."""
        options = (self.strategy, self.options, str(self.out), self.steps, self.engine, self.device,
                   self.checkpoint_every, self.resume)  # fmt: skip
        return {"recipes": self.recipe.json(), "options": repr(options)}


def check_job(job: Job) -> Job:
    """Return the job with its number of steps.

    Raises:
        CourseError: for what is wrong whatever the ranks are, a folder that cannot be written to
            included.
    """
    recipe = job.recipe
    if "own" in recipe.data or recipe.model.get("kind") == "adopted":
        raise CourseError(
            f"the recipe is for data {shown(recipe.data)} and model {shown(recipe.model)}, which "
            "only their own code can build, and ranks have the recipe alone; take one of a Network "
            "or MLP on data of `load_data`"
        )
    check_choice("engine", job.engine, ENGINES)
    check_choice("device", job.device, DEVICES)
    check_choice("strategy", job.strategy, STRATEGIES)
    whole = {k: int(v) for k, v in job.options.items() if isinstance(v, float) and v == int(v)}
    job = replace(job, options=job.options | whole)  # 4.0, as a slider or JSON gives it
    check_fields(f"strategy {job.strategy!r}", job.options, STRATEGIES[job.strategy], None, None)
    if job.device == "cuda" and not torch.cuda.is_available():
        raise CourseError("device = 'cuda' needs a GPU, and this machine has none; take 'cpu'")
    check_count("checkpoint_every", job.checkpoint_every, 0, MOST_STEPS, "0 for none")
    steps = recipe.steps if job.steps is None else job.steps
    check_folder(job.out)
    return replace(job, steps=check_count("steps", steps, 0, MOST_STEPS, "0 or more"))


def check_folder(folder: Path) -> None:
    """Make the folder; raise `CourseError` when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise CourseError(
            f"--out {shown(str(folder))} cannot be written to ({error}); choose a folder that is "
            "yours"
        ) from error


def option_words(options: dict) -> list[str]:
    """Return a strategy's options as the command line takes them: {'buckets': 2} as --buckets 2."""
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [] if value is False else [flag, str(value)]
    return words


def recipe_digest(recipe: Recipe, step: int) -> str:
    """Return what tells a recipe's first steps from those of another one.

    Its end is left out, knobs turned after `step`, and what it says of the machine it comes from.
    """
    stamps = ("steps", "threads", "versions", "knobs")
    fields = {k: v for k, v in recipe.describe().items() if k not in stamps}
    knobs = [turn for turn in recipe.knobs if turn[0] < step]
    return hashlib.sha256(json.dumps([fields, knobs], sort_keys=True).encode()).hexdigest()
