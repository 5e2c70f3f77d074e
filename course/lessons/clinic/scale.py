"""Patient N, of 2_2_scale: data and devices are many, and the parameters few."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

OF_SCALE = (
    "it has seen too few samples",
    "it needs more devices",
    "it has too few parameters: three hidden units for ten classes",
    "the steps are so long that it jumps over the minimum again and again",
)


def cases() -> tuple[Case, ...]:
    """Return patient N."""
    return (
        Case(
            name="N",
            story="First it was given four times as many samples, then four devices. Now a step "
            "takes a quarter of the time, and the loss ends where it always ended.",
            recipe=sick([3], Descend(0.3), activation="tanh", steps=600),
            symptoms=(
                Symptom("loss", 0.2, 0.35, "The loss is far lower than that of guessing, and stays "
                        "far from good."),
                Symptom("jitter", 1.0, 3.0, "It falls smoothly, batch by batch."),
                Symptom("reach", 1.0, 20.0, "The gradient arrives in the first layer."),
            ),
            diagnoses=OF_SCALE, diagnosis=OF_SCALE[2], bar=0.2, cure={"hidden": [16]},
            explanation="Samples, parameters and devices are three sizes. More devices make the "
            "same steps in less time: they change the clock, not the loss. More samples help as "
            "long as the network can hold what they teach. Three numbers pass this hidden layer, "
            "whatever the image: here the parameters are the size that is too small.",
        ),
    )  # fmt: skip
