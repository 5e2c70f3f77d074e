"""Patient X, of 4_code_examples: a program that runs, whose steps are few and short."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "forty updates of this length do not lead far, however many rows each one looks at",
    "its labels are random, so there is nothing to learn",
    "half of its units are dead from the start",
    "all rows at once make the gradient too long",
)


def cases() -> tuple[Case, ...]:
    """Return patient X."""
    return (
        Case(
            name="X",
            story="It runs without an error, and its loss falls in every step. Each step looks at "
            "all rows, forty times. Then it knows hardly more than at the start.",
            recipe=sick([128], Descend(0.01), batch_size=1438, steps=40),
            symptoms=(
                Symptom("loss", 0.75, 1.0, "The loss stays near that of guessing evenly."),
                Symptom("silent", 0.0, 0.15, "Nearly all units answer."),
                Symptom("reach", 0.5, 2.0, "The gradient arrives in the first layer."),
                Symptom("jitter", 1.0, 1.2, "The loss hardly moves from step to step."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[0], bar=0.5, cure={"lr": 0.3},
            explanation="The gradient is right and reaches the first layer. But forty steps of "
            "rate 0.01 are a short way. At thirty times the rate they lead much further, with as "
            "many updates.",
        ),
    )  # fmt: skip
