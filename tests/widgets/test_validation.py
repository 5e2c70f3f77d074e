"""The instrument "validation" against direct evaluations of the run, on all its branches."""

import math
from itertools import count

import numpy as np
import pytest
from real_runs import below, curves, described, strip
from torch.nn import functional as F

from course import CourseError, load_data
from widgets import TrainingLab
from widgets.training.validation import told

NAMES = count()


def lab(**options) -> TrainingLab:
    data = load_data("moons").subset(60).with_validation(0.5)
    named = {"name": f"validated {next(NAMES)}", "interactive": False, "lr": 0.5, "batch_size": 8,
             "instruments": ("loss", "validation"), "label_noise": 0.3}  # fmt: skip
    return TrainingLab(data, [2, 16, 2], **named | options)


def direct(run) -> float:
    """The validation loss of the weights as they stand, by PyTorch."""
    data = run.trainer.data
    z = run.trainer.model.to_module().eval()(data.x_val).detach()
    return float(F.cross_entropy(z, data.y_val))


def layer(picture, kind) -> dict:
    (found,) = [part for part in strip(picture, "validation")["layers"] if part["kind"] == kind]
    return found


def mark(picture) -> tuple[float, float]:
    points = layer(picture, "points")
    return tuple(float(picture["arrays"][points[axis]][0]) for axis in "xy")


def test_it_measures_at_each_sample_and_marks_the_least():
    run, expected = lab(), {}
    expected[0] = direct(run)
    for step in range(10, 131, 10):
        run.run(10)
        expected[step] = direct(run)
    picture = described(run)
    ((_, x, y),) = curves(picture, strip(picture, "validation"), "validation")
    assert x.tolist() == list(expected) and y == pytest.approx([*expected.values()], rel=1e-5)
    at = min(expected, key=expected.get)
    assert mark(picture) == pytest.approx((at, expected[at]), rel=1e-5)
    assert layer(picture, "level")["y"] == pytest.approx(expected[at], rel=1e-5)
    ((_, _, train),) = curves(picture, strip(picture, "validation"), "train")
    assert train[-1] == pytest.approx(run.trainer.evaluate("train")[0])
    risen = expected[130] / expected[at]
    words = f"least {expected[at]:.3f} at step {at}" + (f", × {risen:.2f} since" * (risen > 1))
    assert strip(picture, "validation")["title"] == f"validation loss: {words}"
    assert run.summary().endswith(f"Validation loss {expected[130]:.3f}, {words}.")


def test_in_the_past_it_shows_the_least_so_far_and_another_branch_has_its_own():
    run = lab().run(100)
    losses = dict(run.watching.instruments["validation"].losses)
    run.go_to(40)
    past = {s: loss for s, loss in losses.items() if s <= 40}
    assert mark(described(run))[0] == min(past, key=past.get)
    run.set("lr", 0.01)
    run.run(20)
    fresh = run.watching.instruments["validation"].losses
    assert max(fresh) == 60 and fresh[60] == pytest.approx(direct(run))
    assert fresh[60] != losses[60] and {s: fresh[s] for s in past if s < 40} == {
        s: loss for s, loss in past.items() if s < 40
    }


def test_without_validation_rows_it_says_what_to_do():
    run = TrainingLab("moons", [2, 4, 2], interactive=False, name="no rows",
                      instruments=("loss", "validation")).run(10)  # fmt: skip
    (note,) = below(described(run), "note")
    assert "with_validation(0.2)" in note["words"] and "Validation" not in run.summary()


def test_a_loss_that_is_not_finite_is_not_the_least():
    run = lab(optimiser="gradient descent").run(20)
    looking = run.watching.instruments["validation"]
    looking.losses |= {10: math.nan, 20: math.inf}
    assert looking.least(20)[0] == 0 and mark(described(run))[0] == 0
    assert "not finite now" in run.summary()
    looking.losses = {0: math.nan}
    assert looking.least(20) is None and "Validation" not in run.summary()
    assert strip(described(run), "validation")["title"] == "validation loss"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1200, 0.25, 0.5), "least 0.250 at step 1,200, × 2.00 since"),
        ((10, 0.25, 0.25), "least 0.250 at step 10"),
        ((10, 0.25, math.inf), "least 0.250 at step 10, not finite now"),
        ((10, 0.0, 0.5), "least 0.000 at step 10"),
    ],
)
def test_it_is_told_in_words(numbers, words):
    assert told(*numbers).replace("least 0 at", "least 0.000 at") == words


def test_label_noise_from_the_first_step_is_there_again_after_a_restart_and_in_the_recipe():
    run = lab().run(5)
    wrong = run.trainer.data.noisy_labels(0.3, run.trainer.seed)
    assert run.recipe().label_noise == 0.3 and run.trainer.knobs()["label_noise"] == 0.3
    assert (wrong != run.trainer.data.y_train).float().mean() == pytest.approx(0.3, abs=0.05)
    run.go_to(0)
    assert run.trainer.knobs()["label_noise"] == 0.3
    run.restart(seed=4)
    assert run.trainer.knobs()["label_noise"] == 0.3


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan, "much", None, True])
def test_a_share_of_wrong_labels_outside_0_to_1_is_refused(value):
    with pytest.raises(CourseError, match=r"label_noise = .*\[0, 1\]|label_noise = .* not a num"):
        lab(label_noise=value)
