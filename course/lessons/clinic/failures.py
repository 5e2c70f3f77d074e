"""Patient R, of 3_17_failures: one broken gradient, and nothing between it and the weights."""

from ...optim.first_order import Descend, Spike
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "the learning rate is too high for this network",
    "one gradient was broken, and nothing stood between it and the weights",
    "checkpoints are written too rarely",
    "one rank is slower than the others",
)


def cases() -> tuple[Case, ...]:
    """Return patient R."""
    return (
        Case(
            name="R",
            story="It learned well for 150 steps. Then the loss jumped, and it has not come back. "
            "No rank died, and no program reported an error.",
            recipe=sick([64, 32], Spike(150, 4096.0), Descend(0.2), activation="tanh"),
            symptoms=(
                Symptom("leap", 1000.0, 1e5, "One gradient was thousands of times as long as the "
                        "others."),
                Symptom("loss", 0.9, 1e3, "The loss ends at that of guessing evenly, or above."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.3,
            cure={"clip": "norm", "threshold": 1.0},
            explanation="A bit flipped in an exponent: one gradient was 2¹² times too long, and "
            "one step threw all weights away. A lower rate does not help against such a factor. "
            "Look at the gradient before the step: clip it by norm, or skip the step. Then go back "
            "to a checkpoint only where that was too late.",
        ),
    )  # fmt: skip
