"""Patient P, of 3_15_model_parallel: micro-batches whose means were added up."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

OF_CUTS = (
    "the ranks stand idle too long between two steps",
    "the gradients of eight micro-batches were added up, each a mean over its own rows",
    "the error signal shrinks from stage to stage",
    "each rank averages its part of the gradient with the parts of the others",
)


def cases() -> tuple[Case, ...]:
    """Return patient P."""
    return (
        Case(
            name="P",
            story="In one process it learned well with α = 0.3. Then it was cut into a pipeline, "
            "with eight micro-batches and the same α. Now it does not learn. Here one process "
            "makes the same steps; for that it has another α.",
            recipe=sick([64, 64], Descend(2.4), activation="tanh"),
            symptoms=(
                Symptom("loss", 3.0, 300.0, "The loss ends far above that of guessing evenly."),
                Symptom("reach", 0.0, 0.01, "Hardly any gradient arrives in the first layer: its "
                        "units are saturated."),
            ),
            diagnoses=OF_CUTS, diagnosis=OF_CUTS[1], bar=0.3, cure={"lr": 0.3},
            explanation="A mean over a micro-batch divides by its own rows, an eighth of the "
            "batch. Eight such means add up to eight times the gradient of the batch: with α = 0.3 "
            "every step was as long as with α = 2.4. Divide each micro-batch's loss by the rows of "
            "the whole batch. The bubble costs time, and changes no number.",
        ),
    )  # fmt: skip
