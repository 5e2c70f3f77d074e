"""The lab of 3_11_data, and what the chapter says: it is so, with other seeds too."""

import nbformat
import numpy as np
import pytest
import torch

from course import Augment, Noise, Rotate, Shift, load_data, standardise
from course.lessons import (
    condition,
    cross_validate,
    descend,
    draw_flats,
    draw_noise,
    lowest_loss,
    nearest_mean,
    strongest,
)
from course.lessons.checks import data as checks
from course.lessons.texts_after_bets import read_text
from widgets import TrainingLab, plot

CHAPTER = "3_11_data"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 1, 2])
def lab(request, cells):
    """The chapter's lab as its cell builds it, at its planned end."""
    names = {"TrainingLab": TrainingLab, "load_data": load_data, "seed": request.param,
             "device": "cpu"}  # fmt: skip
    exec(cells["data-lab"], names)
    return names["lab"].run(200)


def late(lab):
    """The mean loss of the last twenty batches."""
    return float(lab.trainer.history.loss[-20:].mean())


def test_the_losses_part(lab, cells):
    assert "*Watch the two losses part" in cells["the-lab"]
    lab.go_to(200)
    found = lab.evaluations[-1]
    assert found.train_loss < 0.1 and found.test_loss > 5 * found.train_loss


def test_wrong_labels_raise_the_test_loss(lab, cells):
    assert "*Watch the test loss rise*" in cells["the-lab"]
    lab.go_to(200)
    before = lab.evaluations[-1].test_loss
    lab.set("label_noise", 0.4)
    lab.run(200)
    assert lab.evaluations[-1].test_loss > 1.5 * before


def test_with_augmentation_the_batches_jump_up_and_stay_up(lab, cells):
    assert "*Watch the loss of the batches: it jumps up and stays up.*" in cells["the-lab"]
    lab.go_to(200)
    before = late(lab)
    lab.set("augment", "all")
    lab.run(200)
    assert lab.trainer.label_noise == 0
    assert lab.trainer.history.loss[200] > 5 * before and late(lab) > 5 * before


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_the_curve_ends_nearest_to_the_line_at_ten_thousand_metres(cells, seed):
    names = {"draw_flats": draw_flats, "lowest_loss": lowest_loss, "descend": descend,
             "seed": seed, "plot": plot}  # fmt: skip
    exec(cells["by-unit"].partition("\n\n\n")[0], names)
    ends = {}
    for metres in (1, 10, 100, 1000, 10000, 100000):
        table = draw_flats(seed, units=(100, 3, 40, metres))
        ends[metres] = float(descend(table, 200)[-1]) / lowest_loss(table)
        assert f"in units of {metres:g} m" in names["by_unit"](metres).caption
    assert min(ends, key=ends.get) == 10000 and ends[10000] < 3 < ends[1000]


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_the_unit_changes_the_condition_number_of_the_raw_table_alone(cells, seed):
    assert "changes by powers of ten" in cells["two-scales-text"]
    raw, scaled = [], []
    for metres in (1, 10, 100, 1000):
        table = draw_flats(seed, units=(1, 1, 1, metres))
        raw.append(condition(table))
        scaled.append(condition(standardise(table)))
    assert max(raw) > 1000 * min(raw) and scaled == pytest.approx([scaled[0]] * 4, rel=1e-6)
    assert min(raw) > 100 * scaled[0]


def test_figures_behind_the_bet_are_drawn(request):
    """A reveal shows what is displayed; what a function returns is not."""
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    cells = {c.id: c for c in nbformat.read(path, as_version=4).cells}
    for name in ("by-columns", "by-rows"):
        (output,) = cells[name].outputs
        assert "data:image/png" in output.data["text/html"], name


@pytest.mark.parametrize("seed", [0, 7, 2**31])
def test_with_twenty_columns_nothing_is_selected_and_more_columns_leak_more(seed):
    shares = np.array([[cross_validate(*draw_noise(s, columns=D), strongest, True)
                        for D in (20, 200, 5000)] for s in range(seed, seed + 5)])  # fmt: skip
    few, more, many = np.median(shares, 0)
    assert few < 0.7 and few < more < many and many > 0.9


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_the_leak_of_a_scale_is_a_hundredth_or_two(cells, capsys, seed):
    assert "hundredth or two at most" in " ".join(read_text(CHAPTER, "Two leaks").split())
    names = {"torch": torch, "load_data": load_data, "seeds": range(seed, seed + 5),
             "nearest_mean": nearest_mean}  # fmt: skip
    exec(cells["small-leak"].partition("bet.then")[0], names)
    names["small_leak"]([])
    leaks = [float(word) for word in capsys.readouterr().out.split(":")[1].split()]
    assert len(leaks) == 5 and max(map(abs, leaks)) <= 0.026


def test_augmentation_is_worth_more_where_rows_are_few():
    assert checks.gain(30) > 0.01 > 0.005 > checks.gain(1400) > -0.03


def test_more_rows_lower_the_cost_of_wrong_labels_and_not_that_of_drift():
    assert checks.lost_to_labels(100) > 3 * checks.lost_to_labels(1400)
    assert checks.lost_in_use(1400) > 0.8 * checks.lost_in_use(100) > 0.3


def test_what_changes_an_image_runs_on_its_device(device):
    images = load_data("digits", 0).x_train[:64].to(device)
    gentle = Augment(Rotate(15.0), Noise(0.15), Shift(1))
    found = gentle(images, (8, 8), torch.Generator(device).manual_seed(0))
    assert found.device == images.device and found.shape == images.shape
    assert not torch.equal(found, images) and bool(found.isfinite().all())
