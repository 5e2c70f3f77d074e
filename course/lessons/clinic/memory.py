"""Patient Q, of 3_16_memory: gradients that still carry the factor of loss scaling."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

OF_NUMBERS = (
    "float16 has too few digits: the updates are rounded away",
    "the gradients were never divided by the factor that the loss was multiplied with",
    "the small gradients are 0 in float16",
    "the batch no longer fits into memory, so fewer rows are seen",
)


def cases() -> tuple[Case, ...]:
    """Return patient Q."""
    return (
        Case(
            name="Q",
            story="In float32 it learned well with α = 0.3. Then it was given float16, and the "
            "loss was multiplied by 32, so that no small gradient is lost. No overflow was "
            "reported. Now it does not learn. Here the same steps are made in float32, with the α "
            "that makes them as long.",
            recipe=sick([64], Descend(9.6), activation="tanh"),
            symptoms=(
                Symptom("loss", 3.0, 300.0, "The loss ends far above that of guessing evenly."),
                Symptom("jitter", 1.2, 30.0, "It jumps from batch to batch."),
            ),
            diagnoses=OF_NUMBERS, diagnosis=OF_NUMBERS[1], bar=0.3, cure={"lr": 0.3},
            explanation="A loss that is 32 times as large has gradients 32 times as large: with "
            " α = 0.3 every step was as long as with α = 9.6. The factor keeps small gradients "
            "above what float16 can tell from 0; before the step they must be divided by it again, "
            "in float32. Updates that are rounded away, or gradients that are 0, leave the weights "
            "where they are: then the loss would stand still, and not jump.",
        ),
    )  # fmt: skip
