"""Patient I, of the chapter about size."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

OF_SIZE = (
    "the network has too few units for these images",
    "the learning rate is too low to arrive in 600 steps",
    "the units are dead and answer the same to everything",
    "the batches are too noisy to follow",
)


def cases() -> tuple[Case, ...]:
    """Return patient I."""
    return (
        Case(
            name="I",
            story="It was made small, so that each step is quick. It learns steadily, and then it "
            "does not get better.",
            recipe=sick([2], Descend(0.3), activation="tanh", steps=600),
            symptoms=(
                Symptom("loss", 0.35, 0.65, "The loss is lower than that of guessing, and far from "
                        "good."),
                Symptom("jitter", 1.0, 1.8, "No batch is much worse than the others: it is not "
                        "noise."),
                Symptom("reach", 1.0, 15, "The gradient arrives in the first layer."),
            ),
            diagnoses=OF_SIZE, diagnosis=OF_SIZE[0], bar=0.3, cure={"hidden": [16]},
            explanation="Nothing is broken, and the loss is level long before the end. But all "
            "that the network knows of an image must pass through two units, and two numbers keep "
            "too little of it. A rate or a batch size does not change that. Give it more units: "
            "press *Start again with …*, and write 16 as hidden widths.",
        ),
    )  # fmt: skip
