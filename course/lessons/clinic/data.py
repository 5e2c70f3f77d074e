"""Patient U, of 3_11_data: changed images that no longer keep their label."""

from dataclasses import replace

from ...data.preprocess import Augment, Shift
from ...optim.first_order import Descend
from ..cases import Case, Symptom
from .sick import sick

DIAGNOSES = (
    "the learning rate is too low",
    "the units are dead and answer the same to everything",
    "the images are changed so much that they no longer keep their labels",
    "the test rows had a say in the scale of the inputs",
)


def cases() -> tuple[Case, ...]:
    """Return patient U."""
    return (
        Case(
            name="U",
            story="It learned the digits well. Then each image was shifted by lot before each "
            "step, to have more of them: up to four pixels each way. The images have eight. Now it "
            "hardly learns.",
            recipe=replace(sick([64], Descend(0.3)), augment=Augment(Shift(4)).describe()),
            symptoms=(
                Symptom("loss", 0.8, 1.05, "On images as they are the loss stays near that of "
                        "guessing evenly."),
                Symptom("silent", 0.0, 0.3, "Its units are alive."),
                Symptom("reach", 0.5, 3.0, "The gradient arrives in the first layer."),
            ),
            diagnoses=DIAGNOSES, diagnosis=DIAGNOSES[2], bar=0.3, cure={"augment": "rotate"},
            explanation="An image that is moved by four pixels of eight loses up to three quarters "
            "of itself, and what is left looks like other digits. A change is allowed if the label "
            "stays right: look at what the network sees. Under *More knobs* turn *augmentation* "
            "off, or to a mild change. A higher rate does not repair what is cut off.",
        ),
    )  # fmt: skip
