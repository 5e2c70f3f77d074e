"""Patient K: what the curvature tells, and what it does not."""

from ...optim.first_order import Descend
from ...optim.second_order import Newton
from ..cases import Case, Symptom
from .sick import FLAT, sick

DIAGNOSES = (
    "the steps are too short: the learning rate is far too low",
    "the steps lead to a saddle, and the damping is too small to lead away",
    "the batches are too small to measure a curvature",
    "the gradient is too small for float32",
)


def cases() -> tuple[Case, ...]:
    """Return patient K."""
    return (
        Case(
            name="K",
            story="This run computes the whole Hessian and takes Newton's whole step, α = 1. The "
            "first weights are small. It stands still, and 60 steps change nothing.",
            recipe=sick([8], Newton(0.01), Descend(1.0), activation="tanh", init="normal",
                        batch_size=512, steps=60),
            symptoms=(
                FLAT,
                Symptom("dip", -1.5, -0.5, "The lowest curvature is below 0: there is a way down."),
                Symptom("jitter", 1.0, 1.2, "All batches have the same loss."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.6, cure={"Newton.damping": 0.5},
            explanation="With weights near 0 the network stands near a saddle. Where the curvature "
            "is negative, Newton's step goes uphill, to the point where the slope is 0. A damping "
            "larger than the size of the lowest curvature turns the step downhill. Take more: "
            "near that value the step becomes very long.",
        ),
    )  # fmt: skip
