"""A recipe, its run in one process, and the command, for the tests of runs over many ranks."""

import json

import torch

from course import MLP, Adam, ClipByNorm, Descend, Trainer, chain, load_data, run_recipe
from course.parallel.__main__ import main
from course.training.recipe import Recipe

STEPS = 24


def adam():
    return chain(ClipByNorm(1.0), Adam(), Descend(0.01))


def recipe_of(make_chain=adam, steps=STEPS, seed=3, dropout: float | None = 0.1) -> Recipe:
    """Return the recipe of a run with dropout and knob changes, some of them at step 12."""
    model = MLP([64, 33, 21, 17, 10], dropout=dropout, seed=seed, dtype=torch.float64)
    trainer = Trainer(model, load_data("digits", dtype=torch.float64), make_chain(), 36)
    changes = {5: ("lr", 0.02), 12: ("dropout", 0.2), 18: ("lr", 0.005), 24: ("lr", 0.001)}
    for step in trainer.run(steps):
        if step in changes and changes[step][0] in trainer.knobs():
            trainer.set(*changes[step])
    return trainer.recipe()


def alone(recipe: Recipe) -> dict:
    """Return what the run gives in one process."""
    trainer = run_recipe(recipe)
    return {"losses": trainer.history.loss.tolist(), "theta": trainer.model.theta.clone(),
            "train": trainer.evaluate("train"), "test": trainer.evaluate("test")}  # fmt: skip


def outcome(folder) -> dict:
    """Return the same of a result that is stored."""
    result = json.loads((folder / "result.json").read_text())
    theta = torch.load(folder / "theta.pt", weights_only=True)
    splits = {name: tuple(result[name].values()) for name in ("train", "test")}
    return {"losses": result["losses"], "theta": theta} | splits


def gap(one: dict, other: dict) -> float:
    """Return the largest difference of two outcomes."""
    assert one.keys() == other.keys()
    pairs = [(torch.as_tensor(one[k]).double(), torch.as_tensor(other[k]).double()) for k in one]
    assert all(a.shape == b.shape for a, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs)


def command(*words) -> int:
    """Run `python -m course.parallel run …` in this process."""
    return main(["run", *map(str, words)])
