"""Patient Y, of 5_1_architectures: as deep as a recurrence of twelve steps."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "the first weights are so small that no signal passes the layers",
    "the units of the first layer are dead: they answer 0 to every image",
    "the gradient exploded, and long steps along it threw the units to where tanh is flat",
    "many units are copies of one another",
)


def cases() -> tuple[Case, ...]:
    """Return patient Y."""
    return (
        Case(
            name="Y",
            story="Twelve layers of tanh units, like a recurrence of twelve steps. Its first "
            "weights keep signals alive. Soon after the start it had forgotten everything.",
            recipe=sick([32] * 12, Descend(0.5), activation="tanh", init="he", steps=200),
            symptoms=(
                Symptom("loss", 0.9, 1.3, "The loss is about that of guessing evenly."),
                Symptom("leap", 3.0, 50.0, "One gradient was several times as long as most."),
                Symptom("silent", 0.0, 0.1, "The units of the first layer do answer."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[2], bar=0.45,
            cure={"clip": "norm", "threshold": 0.3},
            explanation="Each layer multiplies the error signal, as each step of a recurrence "
            "does. Here most layers stretch it. A step along so long a gradient throws the weights "
            "far away, where tanh is flat and no signal comes back. Clipping by norm keeps the "
            "direction and bounds the step. A lower rate helps, too.",
        ),
    )  # fmt: skip
