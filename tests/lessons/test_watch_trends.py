"""What 5_2_trends says and tells a learner to watch is there: its own cells are run."""

import nbformat
import numpy as np
import pytest
import torch

from course import compare
from course.lessons import BUDGETS, digit_errors, runs_of
from course.lessons.cases import READINGS, read_symptoms
from course.lessons.clinic import patients
from course.lessons.texts_after_bets import read_text
from course.planner import (
    BESIROGLU,
    HOFFMANN,
    every_row,
    fit_power_law,
    interval,
    lowest_point,
    resampled,
)
from course.training.replay import run_recipe
from widgets import PlannerLab

CHAPTER = "5_2_trends"
FEW = (25, 50, 100, 200, 400)
SIZES = (*FEW, 800, 1400)


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 10, 20])
def errors(request):
    """Test errors of ten seeds with more and more images, (10, 7)."""
    return digit_errors(SIZES, range(request.param, request.param + 10))


@pytest.fixture(scope="module", params=[0, 10, 20])
def grid(request):
    """Runs of all budgets, six seeds."""
    return [runs_of(budget, range(request.param, request.param + 6)) for budget in BUDGETS]


def middle(runs):
    return np.exp([np.log(found).mean() for found in runs.values()])


# ---- the first sitting --------------------------------------------------------------------------


def test_the_points_lie_nearly_on_a_straight_line(errors, cells):
    assert "nearly on a straight line" in cells["bet-line"]
    means = errors[:, :5].mean(0)
    assert np.abs(np.log(fit_power_law(FEW, means)(FEW) / means)).max() < 0.12


def test_the_line_falls_short_and_its_interval_does_not_hold_what_was_measured(errors):
    told = " ".join(read_text(CHAPTER, "What came out").split())
    assert "its interval does not hold what was measured" in told
    measured = errors[:, -1].mean()
    line = interval(resampled(FEW, errors[:, :5]), 1400)
    assert line[1] < measured < 0.06
    low, high = interval(resampled(FEW, errors[:, :5], floor=True), 1400)
    assert "Its interval is wider" in told and high - low > line[1] - line[0]
    assert low < measured < high
    assert float(fit_power_law(FEW, errors[:, :5].mean(0), True)(1400)) > line[1]


def test_with_more_images_the_band_of_the_line_comes_nearer(errors, cells):
    assert "When does the band of the straight line meet what was measured?" in cells["bootstrap"]
    measured = errors[:, -1].mean()
    short = [
        measured / np.quantile([law(1400) for law in resampled(SIZES[:k], errors[:, :k])], 0.95)
        for k in (3, 4, 5, 6)
    ]
    assert short[-1] == min(short) and short[2] > 1


def test_the_fit_is_shown_as_it_is(cells):
    assert "so the library tries many floors and keeps the closest" in " ".join(
        cells["law"].split()
    )


# ---- the second ---------------------------------------------------------------------------------


def test_each_budget_has_a_size_too_small_and_one_too_large(grid, cells):
    assert "On the left a small network has seen enough" in cells["extend-text"]
    best = []
    for runs in grid:
        found, sizes = middle(runs), list(runs)
        assert found[0] > 1.05 * found.min() < found[-1] / 1.05
        best.append(lowest_point(sizes, found))
        assert sizes[0] < best[-1] < sizes[-1]
    assert best == sorted(best)
    law = fit_power_law(BUDGETS[:3], best[:3])
    assert "A power of about a half" in cells["about-half"] and 0.4 < -law.exponent < 0.68
    assert 0.75 < float(law(BUDGETS[3])) / best[3] < 1.3


def test_a_size_that_is_a_third_off_costs_little(grid, cells):
    assert "a size that is a third off costs\nlittle" in cells["about-half"]
    for runs in grid:
        sizes = np.log(list(runs))
        bend = np.polyfit(sizes, np.log(middle(runs)), 2)[0]
        assert np.exp(bend * np.log(4 / 3) ** 2) < 1.05


def test_both_fits_are_of_one_form_and_advise_twice_and_half(cells):
    P = [law.best(5.76e23).parameters for law in (HOFFMANN, BESIROGLU)]
    assert "less than half the parameters" in " ".join(cells["two-answers"].split())
    assert P[0] < P[1] / 2


def test_parts_have_the_same_gradient_and_small_ones_are_slow(cells):
    names = {"torch": torch, "np": np, "seed": 0, "device": "cpu", "compare": compare}
    exec(cells["imports"], names)
    exec(cells["rows"], names)
    assert all(compare(names["gradient"](rows), names["whole"], atol=1e-6) for rows in (1, 100))


def test_the_last_two_published_rows_are_one_model_with_one_batch(cells):
    assert (
        "The last two rows are one model with one batch, on 96 devices and on 4,608" in cells["why"]
    )
    *_, few, many = [row for row in every_row() if row.group == "H100 Megatron 2024"]
    assert few.model == many.model and few.batch == many.batch
    assert (few.layout.devices, many.layout.devices) == (96, 4608)


def test_the_planner_does_what_the_chapter_says(cells):
    text = " ".join(cells["planner"].split())
    assert "Raise *devices* to 3,072" in text and "Set *batch* to eight times as many" in text
    names = {"PlannerLab": lambda preset: PlannerLab(preset, interactive=False)}
    exec(cells["planner-lab"].rstrip().removesuffix("lab"), names)
    lab = names["lab"]
    start, batch = lab.plan, lab.plan.spec.batch
    lab.set("devices", 3072)
    more = lab.plan
    assert more.mfu < 0.9 * start.mfu
    assert 3072 / start.spec.devices > 1.1 * start.days / more.days > 1.1
    lab.set("batch", 8 * batch)
    assert abs(lab.plan.mfu / start.mfu - 1) < 0.02


def test_a_longer_run_gains_nothing_when_the_schedule_has_ended():
    """As patient Z is told: its weights stand still from step 30 on."""
    case = patients()["Z"]
    assert "ends just where the short run ended" in " ".join(case.story.split())
    short, whole = (run_recipe(case.recipe.__class__(**vars(case.recipe) | {"steps": n}))
                    for n in (30, 300))  # fmt: skip
    assert torch.equal(short.model.theta, whole.model.theta)
    assert {s.reading for s in case.symptoms} <= READINGS.keys()
    assert read_symptoms(whole)["reach"] > 0.3
