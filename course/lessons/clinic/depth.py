"""Patient M, of chapter 3_09_depth: a network whose units are copies of one another."""

from ...optim.first_order import Descend, HeavyBall
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "all units of the hidden layer are copies of one another",
    "the error signal shrinks from layer to layer",
    "the units are saturated: their slopes are near 0",
    "the steps are so long that it jumps over every minimum",
)


def cases() -> tuple[Case, ...]:
    """Return patient M."""
    return (
        Case(
            name="M",
            story="It has 32 hidden units, and it does learn. But it stays far from good.",
            recipe=sick([32], HeavyBall(0.9), Descend(0.3), activation="sigmoid", init="zeros"),
            symptoms=(
                Symptom("twins", 1.0, 1.0, "Every hidden unit has the same weights as another."),
                Symptom("loss", 0.55, 0.8, "The loss is lower than that of guessing, and far from "
                        "good."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[0], bar=0.6, cure={"init": "xavier"},
            explanation="All weights began at 0. Units that begin alike answer alike, get the same "
            "gradient and move alike: 32 units do the work of one, for ever. No rate and no "
            "momentum tells them apart. Random first weights do, as xavier or he.",
        ),
    )  # fmt: skip
