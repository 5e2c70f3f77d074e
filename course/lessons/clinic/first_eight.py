"""Patients A to H. Four of them have the same symptom, a loss flat near that of guessing."""

from ...optim.first_order import ClipByNorm, Descend, HeavyBall, Momentum, Spike
from ..cases import Case, Symptom
from .sick import FLAT, sick

DIAGNOSES = (
    "the learning rate is far too high",
    "the learning rate is far too low",
    "the gradient vanishes on its way down",
    "a few long gradients destroy the weights",
    "the batches are too small for the rate",
)
OF_MOMENTUM = (
    "the rate is meant for an average, and this momentum adds up",
    "the rate is meant for a sum, and this momentum averages",
    "the memory is too short to carry the weights",
    "the first step is too short, as v starts at 0",
)
OF_ORDER = (
    "the limit of the clipping is too high",
    "the clipping stands behind the momentum",
    "the memory is too short",
    "a rate as low as this cannot recover",
)
OF_FLOW = (
    "the learning rate is far too low",
    "the hidden units stand at ±1 and answer the same to everything",
    "the first weights are too small, and the image fades from layer to layer",
    "three hidden layers are more than anything can train",
)


def cases() -> tuple[Case, ...]:
    """Return patients A to H."""
    return (
        Case(
            name="A",
            story="It was given the largest rate so that it would learn fast. It learns nothing.",
            recipe=sick([64], Descend(3.0)),
            symptoms=(
                FLAT,
                Symptom("silent", 0.9, 1.0, "Almost every hidden unit answers 0 to every image."),
                Symptom("reach", 0.0, 0.01, "No gradient arrives in the first layer."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[0], bar=0.3, cure={"lr": 0.3},
            explanation="The first steps throw the weights so far that the ReLU units go silent. "
            "A unit that answers 0 to every image gets no gradient: it is dead and stays so. Lower "
            "the rate before the first step; afterwards it is too late.",
        ),
        Case(
            name="B",
            story="It is careful. Nothing shakes, nothing breaks, and nothing happens.",
            recipe=sick([64], Descend(0.001)),
            symptoms=(
                FLAT,
                Symptom("silent", 0.0, 0.2, "Hardly a hidden unit is silent."),
                Symptom("reach", 0.5, 2.0, "The gradient is as long in the first layer as in the "
                        "last."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[1], bar=0.5, cure={"lr": 0.3},
            explanation="All is well but the length of a step. The gradient arrives everywhere, "
            "and the loss would fall if there were a hundred times more steps. Raise the rate.",
        ),
        Case(
            name="C",
            story="Five layers of sigmoid units, as in the old textbooks. A higher rate does not "
            "help it, and a lower one does not either.",
            recipe=sick([32, 32, 32, 32], Descend(0.1), activation="sigmoid"),
            symptoms=(
                FLAT,
                Symptom("reach", 0.0, 0.1, "Of the last layer's gradient little arrives in the "
                        "first."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[2], bar=0.5, cure={"activation": "tanh"},
            explanation="On its way down the gradient is multiplied by the slope of each layer's "
            "activation. A sigmoid's slope is at most 1/4, so four hidden layers leave less than a "
            "hundredth of it. Take units with slopes near 1: tanh or ReLU.",
        ),
        Case(
            name="D",
            story="Three hidden layers and a heavy ball. The loss falls at first, and then leaves.",
            recipe=sick([32, 32, 32], HeavyBall(0.9), Descend(0.3), init="torch"),
            symptoms=(
                Symptom("leap", 15, 1e12, "The longest gradient is many times the usual one."),
                Symptom("loss", 0.7, 1.3, "The loss ends near that of guessing evenly."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[3], bar=0.6,
            cure={"clip": "norm", "threshold": 0.1},
            explanation="Most steps are quiet, a few gradients are long, and the momentum repeats "
            "each of them ten times. One such throw, and the units are dead. Clip the gradient by "
            "its norm, at a length that most steps do not reach. A lower rate helps as well, and "
            "slows every step.",
        ),
        Case(
            name="E",
            story="It looks at two images a step. The loss fell quickly at first; now it jumps "
            "about and falls no further.",
            recipe=sick([64], Descend(0.4), batch_size=2, steps=500),
            symptoms=(
                Symptom("loss", 0.2, 0.8, "The loss is lower than that of guessing, and far from "
                        "good."),
                Symptom("jitter", 3, 1e12, "Some batches have many times the usual loss."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[4], bar=0.35, cure={"batch_size": 20},
            explanation="Two images give a poor estimate of the gradient, and at this rate each "
            "step follows it far. The weights hover around the bottom, at a distance that grows "
            "with α/B. Take more images a step, or a lower rate.",
        ),
        Case(
            name="F",
            story="α = 1 and β = 0.9 stand in a paper. They were put into torch.optim.SGD(lr=1.0, "
            "momentum=0.9), and it does not train.",
            recipe=sick([64], HeavyBall(0.9), Descend(1.0)),
            symptoms=(
                Symptom("loss", 0.6, 1.4, "The loss ends near that of guessing evenly."),
                Symptom("silent", 0.7, 1.0, "Most hidden units answer 0 to every image."),
            ),
            diagnoses=OF_MOMENTUM, diagnosis=OF_MOMENTUM[0], bar=0.3, cure={"lr": 0.1},
            explanation="The paper averages the gradients, PyTorch adds them up: its steps are "
            "1/(1 - β) times as long, ten times here. Multiply the rate by 1 - β. Before you copy "
            "a learning rate, ask which momentum it belongs to.",
        ),
        Case(
            name="G",
            story="It clips by norm, at 1, and has a memory of 0.9. One batch was "
            "broken, at step 75. Until then all was well.",
            recipe=sick([64], Spike(75, 1024.0), Momentum(0.9), ClipByNorm(1.0), Descend(0.1),
                         steps=120),
            symptoms=(
                Symptom("leap", 300, 1e12, "One gradient is hundreds of times as long as usual."),
                Symptom("loss", 0.45, 1.3, "45 steps later the loss has not come back."),
            ),
            diagnoses=OF_ORDER, diagnosis=OF_ORDER[1], bar=0.7, cure={"clip_order": "before"},
            explanation="Each step was short, as it was clipped. But the broken gradient was in "
            "the memory whole, and the memory moved the weights for many steps. Clip before the "
            "memory. Less memory helps as well.",
        ),
        Case(
            name="H",
            story="It was given small first weights, to be careful. Whatever image comes in, "
            "nearly the same ten numbers come out.",
            recipe=sick([32, 32, 32], Descend(0.3), activation="tanh", init="normal"),
            symptoms=(
                FLAT,
                Symptom("reach", 0.0, 0.01, "Hardly anything of the error arrives in the first "
                        "layer."),
            ),
            diagnoses=OF_FLOW, diagnosis=OF_FLOW[2], bar=0.3, cure={"init": "xavier"},
            explanation="A unit adds up its inputs, each times a weight. These weights are near "
            "0.01, so a layer passes on a few hundredths of what it gets. After three layers "
            "nothing of the image is left. Start with weights whose size fits the number of "
            "inputs, as xavier or he. Another activation brings such weights with it.",
        ),
    )  # fmt: skip
