"""What patients are made of: a run on the digits that goes wrong."""

from dataclasses import replace

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...training.recipe import Recipe
from ...training.trainer import Trainer
from ..cases import Symptom

STEPS = 300
FLAT = Symptom("loss", 0.9, 1.1, "The loss stays near that of guessing evenly.")


def sick(
    sizes: list[int], *transforms, activation: str = "relu", init: str | None = None,
    batch_size: int = 32, steps: int = STEPS,
) -> Recipe:  # fmt: skip
    """Return the recipe of a run on the digits whose hidden layers have these sizes."""
    data = load_data("digits", 0)
    model = MLP([data.features, *sizes, data.classes], activation, init=init)
    trainer = Trainer(model, data, chain(*transforms), batch_size)
    return replace(trainer.recipe(), steps=steps, threads=1)
