"""Patient Z, of 5_2_trends: a run that was made longer, and its schedule was not."""

from ...optim.chain import TRANSFORMS
from ...optim.schedules import Cosine
from ..cases import Case, Symptom
from .sick import sick

ENDS = 30  # the step at which the rate has come down to 0

DIAGNOSES = (
    "the network is too small for what is left to be learned",
    "the schedule of the learning rate ended long before the run",
    "the first learning rate is far too low",
    "the batches are too noisy, so the weights jump about the lowest point",
)


def cases() -> tuple[Case, ...]:
    """Return patient Z."""
    step = TRANSFORMS.build({"kind": "Descend", "lr": Cosine(0.3, steps=ENDS).describe()})
    return (
        Case(
            name="Z",
            story="Somebody found more compute and made a run of 30 steps ten times as long. "
            "Nothing else was changed. It ends just where the short run ended.",
            recipe=sick([64], step),
            symptoms=(
                Symptom("loss", 0.4, 0.9, "The loss came down at first, and stands still now."),
                Symptom("silent", 0.0, 0.3, "Most units of the first layer do answer."),
                Symptom("reach", 0.3, 5.0, "The gradient arrives in the first layer."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.3, cure={"lr": 0.3},
            explanation="Look at the learning rate: a cosine brings it down to 0 at step 30. There "
            "it stays. After that no step moves anything, however many there are. A schedule "
            "must be as long as the run. Take a constant rate, or a cosine over all 300 steps. "
            "Hoffmann et al. (2022) found this mistake in earlier scaling laws: runs with too long "
            "a schedule were judged before it had ended.",
        ),
    )  # fmt: skip
