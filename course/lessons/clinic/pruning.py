"""Patient W, of 3_13_pruning: a network that has too few weights left."""

from ...optim.first_order import Descend, HeavyBall
from ...optim.sparse import Prune
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "the learning rate is too low for the few weights that are left",
    "so many weights were thrown away that what is left cannot do the task",
    "the pruned weights grow back after each step",
    "the momentum still knows the weights that are gone",
)


def cases() -> tuple[Case, ...]:
    """Return patient W."""
    return (
        Case(
            name="W",
            story="It has 64 hidden units and a good optimiser. It was pruned before its first "
            "step, and it has been trained all the time since. It hardly learns.",
            recipe=sick([64], HeavyBall(0.9), Descend(0.1), Prune(0.98)),
            symptoms=(
                Symptom("loss", 0.6, 1.05, "The loss stays near that of guessing evenly."),
                Symptom("reach", 0.3, 5.0, "The gradient arrives in the first layer."),
                Symptom("leap", 1.0, 10.0, "No gradient was much longer than the others."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.4,
            cure={"Prune.sparsity": 0.8},
            explanation="98 of 100 weights are 0, so most units have no input left. Training goes "
            "on with the rest, but they are too few: behind the cliff no rate and no optimiser "
            "helps. Throw fewer away.",
        ),
    )  # fmt: skip
