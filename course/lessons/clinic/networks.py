"""Patient J, of 2_1_networks: a network through which too little passes."""

from dataclasses import replace

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..cases import Case, Symptom

OF_DEPTH = (
    "the learning rate is far too low",
    "its hidden layer has one unit, so one number is all that passes",
    "one hidden layer is too few: it needs depth",
    "the hidden unit stands at ±1 and answers the same to everything",
)


def cases() -> tuple[Case, ...]:
    """Return patient J."""
    data = load_data("rings", 0)
    trainer = Trainer(MLP([2, 1, 2], "tanh"), data, chain(Descend(0.3)))
    return (
        Case(
            name="J",
            story="One ring of points lies inside another. The network has a hidden layer, so it "
            "should be able to bend its line. It cannot.",
            recipe=replace(trainer.recipe(), steps=600, threads=1),
            symptoms=(
                Symptom("loss", 0.8, 1.05, "The loss stays near that of guessing evenly."),
                Symptom("reach", 0.2, 5.0, "The gradient arrives in the first layer."),
            ),
            diagnoses=OF_DEPTH, diagnosis=OF_DEPTH[1], bar=0.3, cure={"hidden": [8]},
            explanation="A single hidden unit adds up its weighted inputs to one number. All "
            "points on a straight line at right angles to its weights (drawn as an arrow) give the "
            "same number. So whatever follows, however deep, can only divide the plane along such "
            "lines. Give the hidden layer more units: three straight lines can enclose a ring.",
        ),
    )  # fmt: skip
