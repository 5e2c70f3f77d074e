"""What 00 promises: its lab does what its sentences say, and its results hold for other seeds."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from IPython.display import display

from course.lessons.exercises import start_here as exercises
from widgets import TrainingLab

SEEDS = (0, 1, 2)
each_seed = pytest.mark.parametrize("seed", SEEDS)
CELLS = nbformat.read(Path(__file__).parents[2] / "notebooks/00_start_here.ipynb", 4).cells
CODE = {cell.id: cell.source for cell in CELLS if cell.cell_type == "code"}


def chapter(seed: int, *ids: str) -> dict:
    """Run the chapter's imports, and then its cells of these ids, with a seed."""
    names = {"seed": seed, "device": "cpu", "recipe": "", "display": display}
    for name in ("cell-3", *ids):
        exec(CODE[name], names)
    return names


def sentences() -> str:
    return " ".join(" ".join(c.source for c in CELLS if c.cell_type == "markdown").split())


# ---- the lab ------------------------------------------------------------------------------------


@pytest.fixture(params=SEEDS)
def lab(request) -> TrainingLab:
    """The chapter's lab, made by its own cell, before its first step."""
    source = CODE["cell-18"].replace("device=device", "device=device, interactive=False")
    names = {"seed": request.param, "device": "cpu", "recipe": "", "TrainingLab": TrainingLab}
    exec(source, names)
    made = names["lab"]
    made.go_to(0)
    return made


def losses(lab, first: int, last: int) -> np.ndarray:
    return np.array(lab.trainer.history.loss[first:last])


def test_press_play_and_watch_the_loss_fall(lab):
    assert "Press ▶ and watch the **loss** fall." in sentences()
    before = lab.trainer.evaluate("test")
    lab.run(100)
    after = lab.trainer.evaluate("test")
    assert after[0] < 0.4 * before[0] and after[1] > 0.7


def test_a_high_rate_makes_the_batch_loss_jump_and_a_low_one_calms_it(lab):
    text = sentences()
    assert "After about 100 steps, set α to 1. Watch the thin line" in text
    assert "After 100 more, set α back to 0.1. Watch it drop, and become calm." in text
    for rate in (0.1, 1.0, 0.1):
        lab.set("lr", rate)
        lab.run(100)
    before, high, low = (losses(lab, a, a + 40) for a in (60, 105, 210))
    assert high.std() > 1.5 * before.std(), "it jumps up and down"
    assert low.mean() < 0.7 * losses(lab, 160, 200).mean(), "it drops"
    assert low.std() < 0.4 * high.std(), "it becomes calm"


def test_the_lab_goes_back_to_a_step_and_the_old_run_stays_as_a_branch(lab):
    text = sentences()
    assert "Watch the lab go back to that step." in text
    assert "Watch the old run stay in the picture, as a branch." in text
    lab.reset()
    lab.set("lr", 0.1)
    lab.run(100)
    well, theta = lab.trainer.evaluate("test"), lab.trainer.model.theta.clone()
    lab.set("lr", 3.0)
    lab.run(50)
    lost = lab.trainer.evaluate("test")
    assert well[1] > 0.7 and lost[1] < 0.4, "the question has an answer: it does not"
    lab.set("lr", 0.1)
    lab.run(100)
    assert lab.trainer.evaluate("test")[1] < 0.5, "and this one: it does not recover"
    lab.go_to(100)
    assert lab.trainer.step_count == 100 and (lab.trainer.model.theta == theta).all()
    assert lab.trainer.evaluate("test") == well
    lab.set("lr", 0.3)
    lab.run(100)
    assert lab.trainer.evaluate("test")[0] < well[0]
    assert len(lab.timeline.branches) == 2
    dashed = [layer["label"] for layer in lab.picture()["strips"][0]["layers"]
              if layer.get("look") == "dashed"]  # fmt: skip
    assert any("at 100" in label for label in dashed), "the old run, with a name of its own"


def test_the_rate_follows_a_line_that_is_drawn(lab):
    assert "draw a line into the strip *learning rate*. Press ▶. Watch α follow" in sentences()
    lab.plan("lr", [[1, 1.0], [50, 1.0], [101, 0.01]])
    lab.run(50)
    assert lab.trainer.knobs()["lr"] == pytest.approx(1.0, rel=0.05)
    lab.run(51)
    assert lab.trainer.knobs()["lr"] == pytest.approx(0.01, rel=0.1)


# ---- the results --------------------------------------------------------------------------------


@each_seed
def test_a_rate_of_three_ends_near_the_loss_of_guessing_and_hardly_a_unit_is_left(seed, shell):
    names = chapter(seed, "cell-6", "cell-9", "cell-7", "cell-11")
    good, high = names["train"](0.3), names["train"](3.0)
    assert good.evaluate("train")[0] < 0.1 * np.log(10), "that works well"
    assert names["place_of"](high) == names["PLACES"][1]
    assert high.evaluate("train")[0] == pytest.approx(np.log(10), rel=0.05)
    assert names["silent_units"](high) >= 58 and names["silent_units"](good) <= 12
    history = np.array(high.history.loss)
    assert np.isfinite(history).all() and history[:20].max() > 4, "the first steps throw it away"


@each_seed
def test_a_dead_unit_never_changes_again(seed):
    names = chapter(seed, "cell-6", "cell-11")
    run = names["train"](3.0)
    weights = run.model.views(run.model.theta)[0]
    z = names["data"].x_train @ weights[:, :-1].t() + weights[:, -1]
    dead, before = (z <= 0).all(0), weights.clone()
    for _ in range(50):
        run.step()
    assert dead.sum() >= 58 and (weights[dead] == before[dead]).all()


def test_places_have_limits_that_other_networks_can_fail():
    """The bet's result is computed: each place is reached by some loss."""
    names = chapter(0, "cell-6", "cell-9", "cell-7")

    class Fake:
        def __init__(self, loss):
            self.loss = loss

        def evaluate(self, split):
            return {"train": self.loss}[split], 0.0

    found = [names["place_of"](Fake(loss)) for loss in (0.1, 2.3, 50.0, np.nan, np.inf)]
    assert found == [*names["PLACES"][:4], names["PLACES"][3]]


def test_the_curve_of_constant_rates_has_the_shape_that_the_questions_suppose():
    rates, found = exercises.constants()
    mean = found.mean(0)
    at = mean.argmin()
    assert 0 < at < len(rates) - 1 and mean[0] > 1.5 * mean[at], "high on the left"
    spread = np.ptp(found, axis=0)
    assert spread[-1] > 3 * spread[at], "wide on the right"
    assert exercises.best_constant()[:2] == pytest.approx((rates[at], mean[at]))


def test_the_six_steps_bring_the_loss_down():
    for seed in SEEDS:
        names = chapter(seed, "cell-6")
        exec(CODE["cell-14"], names)
        first = names["MLP"](names["sizes"], seed=seed)
        assert names["loss"] < 0.8 * first.loss_and_grad(names["X"], names["Y"])


def test_four_bytes_for_each_weight_of_gpt3_are_700_gigabytes():
    assert "moves 175·10⁹ weights" in sentences() and "alone is 700 GB" in sentences()
    assert 4 * 175e9 == 700e9


@pytest.mark.parametrize("seed", range(20))
def test_both_referees_agree_that_the_gradient_is_right(seed, capsys):
    names = chapter(seed)
    exec(CODE["cell-6"], names)
    exec(CODE["cell-16"], names)
    errors = [
        float(word) for word in capsys.readouterr().out.replace(",", "").split() if "e-" in word
    ]
    assert len(errors) == 2 and errors[0] < 1e-12 and errors[1] < 1e-6
