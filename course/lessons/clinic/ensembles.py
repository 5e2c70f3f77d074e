"""Patient V, of 3_12_ensembles: members that all fail alike."""

from dataclasses import replace

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..cases import Case, Symptom

OF_MANY = (
    "all members began with the same seed, so they are copies of one",
    "every member fails in the same way, and a mean takes away only what differs",
    "the mean was taken of the weights, and not of the outputs",
    "there are too few members",
)


def cases() -> tuple[Case, ...]:
    """Return patient V."""
    data = load_data("xor", 0)
    trainer = Trainer(MLP([2, 2], "tanh"), data, chain(Descend(0.3)))
    return (
        Case(
            name="V",
            story="Twenty networks without a hidden layer were bagged: each has a seed and a draw "
            "of the rows of its own, and their probabilities are averaged. The mean guesses. So "
            "does each of the twenty. Here is one of them, with all rows.",
            recipe=replace(trainer.recipe(), steps=600, threads=1),
            symptoms=(
                Symptom("loss", 0.95, 1.05, "The loss stays at that of guessing evenly, on the "
                        "*training* rows."),
                Symptom("jitter", 1.0, 1.3, "No batch is much worse than the others: it is not "
                        "noise."),
            ),
            diagnoses=OF_MANY, diagnosis=OF_MANY[1], bar=0.3, cure={"hidden": [8]},
            explanation="It fails on the very rows that it learns from, whatever the draw: that is "
            "bias. No straight line parts these points, so all twenty are wrong together, and "
            "their mean is as wrong. Bagging takes away what differs from member to member, and "
            "nothing else. Members with less bias help: press *Start again with …*, and write 8 as "
            "hidden widths. Boosting lowers bias, too, if each member does better than guessing; "
            "these do not.",
        ),
    )  # fmt: skip
