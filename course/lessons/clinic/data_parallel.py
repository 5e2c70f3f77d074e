"""Patient S, of chapter 3_14_data_parallel: many nodes, and the rate of one."""

from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "the batch is far below the critical one, so its gradients are mostly noise",
    "the batch has grown with the nodes, and the learning rate has not",
    "the nodes average their models too seldom, and drift apart",
    "each node sees one kind of digit alone",
)


def cases() -> tuple[Case, ...]:
    """Return patient S."""
    return (
        Case(
            name="S",
            story="On one node, with 8 images a step, 600 steps were plenty. Now 16 nodes take 8 "
            "images each. So it needs a sixteenth of the steps, they thought, 38. Its loss is "
            "still high.",
            recipe=sick([32], Descend(0.05), batch_size=128, steps=38),
            symptoms=(
                Symptom("loss", 0.5, 0.9, "The loss is still high at the end."),
                Symptom("jitter", 1.0, 1.4, "From batch to batch it hardly jumps."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.5, cure={"lr": 0.8},
            explanation="16 times as many images a step, so 16 times fewer steps, each as long as "
            "before: the weights cannot come as far. A larger batch has a better direction, and "
            "may go further along it. The linear scaling rule makes the rate grow with the batch, "
            "while that is below the critical batch size; above it a little less.",
        ),
    )  # fmt: skip
