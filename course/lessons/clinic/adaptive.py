"""Patient L: an average of squares that starts at 0, and steps that are too long because of it."""

from ...optim.adaptive import RMSProp
from ...optim.first_order import Descend
from ...optim.schedules import Cosine
from ..cases import Case, Symptom
from .sick import sick

OF_START = (
    "the first steps are too long, as an average that starts at 0 divides them",
    "tanh units cannot train more than two layers",
    "its memory of the squares is too short",
    "the rate is far too low for so many layers",
)


def cases() -> tuple[Case, ...]:
    """Return patient L."""
    return (
        Case(
            name="L",
            story="RMSProp with its usual memory, 0.99, and three hidden layers of tanh units. In "
            "its first ten steps the loss leaps up, and it never comes back.",
            recipe=sick([64, 64, 64], RMSProp(0.99), Descend(0.02), activation="tanh"),
            symptoms=(
                Symptom("loss", 0.9, 2, "At the end it is no better than guessing."),
                Symptom("reach", 0, 0.01, "Hardly any gradient arrives in the first layer."),
            ),
            diagnoses=OF_START, diagnosis=OF_START[0], bar=0.8,
            cure={"lr": Cosine(0.02, 300, warmup=60)},
            explanation="The average s starts at 0, and RMSProp does not correct it: at the first "
            "step √s is a tenth of the gradient, so every weight moves ten times as far as α says. "
            "All weights of a unit move equally far, so its z moves far at once, and many units "
            "end near ±1, where the slope is nearly 0. Raise the rate from near 0 over the first "
            "steps, or choose Adam, which corrects its averages. A lower rate helps as well, and "
            "slows every later step.",
        ),
    )  # fmt: skip
