"""Patient T, of 3_10_regularisation: a network that learns the wrong labels by heart."""

from dataclasses import replace

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ...training.recipe import Recipe
from ...training.trainer import Trainer
from ..cases import Case, Symptom

DIAGNOSES = (
    "it learns the noise of its few samples by heart: it over-fits",
    "it under-fits: the network is too small for the digits",
    "the steps are too long, so it jumps around a minimum",
    "the gradient hardly reaches the first layer",
)


def over_fitted() -> Recipe:
    """Return the run: 200 digits, a fifth of them with wrong labels, and 400 kept aside."""
    data = load_data("digits", 0).subset(600, 0).with_validation(2 / 3, 0)
    model = MLP([data.features, 64, data.outputs], dropout=0.0)
    trainer = Trainer(model, data, chain(Momentum(0.9), Descend(0.3)))
    return replace(trainer.recipe(), label_noise=0.2, steps=1000, threads=1)


def cases() -> tuple[Case, ...]:
    """Return patient T."""
    return (
        Case(
            name="T",
            story="Its training loss is near 0. Its answers to new digits are often wrong, and get "
            "worse while it trains. Judge it by the validation loss.",
            recipe=over_fitted(),
            symptoms=(
                Symptom("loss", 0.0, 0.05, "The training loss is near 0, though labels are wrong."),
                Symptom("gap", 0.25, 0.7, "On rows kept aside the loss is far higher."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[0], bar=0.75, split="validation",
            cure={"l2": 0.01},
            explanation="One label in five is wrong, and the network learned those too: its "
            "weights are free to fit 200 samples exactly. L2, dropout or augmentation take that "
            "freedom, and so does stopping early. A rate ten times lower does not get that far in "
            "1,000 steps, which is stopping early, too. Other batches, another momentum or Adam "
            "fit the same noise.",
        ),
    )  # fmt: skip
