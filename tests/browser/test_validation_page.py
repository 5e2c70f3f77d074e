"""The strip of the validation loss in JupyterLab: drawn, marked and read aloud."""

import pytest
from lab_page import LabPage

pytestmark = pytest.mark.browser
CELL = """
from course import load_data
from widgets import TrainingLab
data = load_data("moons").subset(60).with_validation(0.5)
lab = TrainingLab(data, [2, 16, 2], lr=0.5, batch_size=8, label_noise=0.3, steps=120,
                  instruments=("loss", "validation")).run(120)
lab
"""


def test_the_least_validation_loss_is_marked_and_read_aloud(page, jupyter):
    lab = LabPage(page, jupyter, "validated", CELL)
    lab.at_step(120)
    look = "lab.watching.instruments['validation']"
    at, lowest, now = lab.ask(f"{look}.least(120)")
    assert lab.is_true() and at < 120 and now > lowest
    curve = lab.layer("validation", "validation")
    steps, losses = (lab.shown()[curve[axis]] for axis in "xy")
    for step, loss in list(zip(steps, losses, strict=True))[1:9]:  # the label covers the end
        assert lab.has_hue("run", "validation", step, loss), (step, loss)
    points = next(p for p in lab.face("face.picture.strips")[1]["layers"] if p["kind"] == "points")
    (x,), (y,) = (lab.shown()[points[axis]] for axis in "xy")
    assert (x, y) == pytest.approx((at, lowest), rel=1e-3)
    title = f"validation loss: least {lowest:.3f} at step {at}, × {now / lowest:.2f} since"
    assert lab.face("face.picture.strips")[1]["title"] == title
    assert f"least {lowest:.3f} at step {at}" in lab.sentence()
