"""Patient I, of the chapter about size."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

OF_SIZE = (
    "one layer is too narrow for these images",
    "the learning rate is too low to arrive in 600 steps",
    "the units are dead and answer the same to everything",
    "the batches are too noisy to follow",
)


def cases() -> tuple[Case, ...]:
    """Return patient I."""
    return (
        Case(
            name="I",
            story="Its first layer is wide: it has 64 units. It learns, but after 600 steps it is "
            "still far from good.",
            recipe=sick([64, 2], Descend(0.3), activation="tanh", steps=600),
            symptoms=(
                Symptom("loss", 0.35, 0.65, "The loss is lower than that of guessing, and far from "
                        "good."),
                Symptom("jitter", 1.0, 3.0, "No batch is many times worse than the others: it is "
                        "not noise."),
                Symptom("reach", 0.5, 15, "The gradient arrives in the first layer."),
            ),
            diagnoses=OF_SIZE, diagnosis=OF_SIZE[0], bar=0.3, cure={"hidden": [64, 16]},
            explanation="Nothing is broken, and the first layer is wide enough. But all that it "
            "finds in an image must pass through the two units behind it, and two numbers keep "
            "too little. A rate or a batch size does not change that. Make the narrow layer wider: "
            "press *Start again with …*, and write 64, 16 as hidden widths.",
        ),
    )  # fmt: skip
