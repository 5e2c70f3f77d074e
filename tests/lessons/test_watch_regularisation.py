"""The lab of 3_10_regularisation, and what the chapter says: it is so, with other seeds too."""

import re

import nbformat
import numpy as np
import pytest
import torch

from course import L1, L2, MLP, Adam, AdamW, Descend, L1Subgradient, Trainer, chain, load_data
from widgets import Slider, TrainingLab

CHAPTER = "3_10_regularisation"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module")
def prose(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    every = nbformat.read(path, as_version=4).cells
    return " ".join("\n".join(c.source for c in every if c.cell_type == "markdown").split())


def built(cells, seed, rows=200):
    """The chapter's lab as its cell builds it, after 800 steps."""
    names = {"TrainingLab": TrainingLab, "load_data": load_data, "seed": seed, "device": "cpu"}
    exec(cells["reg-lab"].replace("rows = 200", f"rows = {rows}"), names)
    lab = names["lab"]
    assert lab.steps == 800 and len(lab.trainer.data.y_train) == rows
    return lab.run(800)


@pytest.fixture(scope="module", params=[0, 1, 2])
def lab(request, cells):
    return built(cells, request.param)


def least(lab):
    """(step, least validation loss, validation loss now) of the strip."""
    return lab.watching.instruments["validation"].least(lab.trainer.step_count)


def test_the_losses_cross_and_part_and_the_diamond_is_early(lab, prose):
    assert "*Watch the two losses cross and part.*" in prose
    lab.go_to(800)
    at, lowest, now = least(lab)
    assert 50 <= at <= 400 and now > 1.25 * lowest
    losses = lab.watching.instruments["validation"].losses
    train = {s.step: s.train_loss for s in lab.evaluations}
    assert train[60] > losses[60] and train[800] < 0.3 * losses[800]
    assert re.search(rf"least [\d.]+ at step {at}, × 1\.\d\d since", lab.summary())


def test_at_the_diamond_the_test_loss_is_lower(lab, prose):
    assert "*Compare the test loss there with that at step 800.*" in prose
    lab.go_to(800)
    late, (at, _, _) = lab.evaluations[-1].test_loss, least(lab)
    lab.go_to(at)
    assert lab.evaluations[-1].step == at and lab.evaluations[-1].test_loss < 0.9 * late


def test_l2_brings_both_losses_closer(lab, prose):
    assert "*Watch both losses come closer.*" in prose
    lab.go_to(800)
    before, train = least(lab)[2], lab.evaluations[-1].train_loss
    lab.set("l2", 0.01)
    lab.run(800)
    assert least(lab)[2] < 0.9 * before and lab.evaluations[-1].train_loss > 3 * train


def test_with_right_labels_the_validation_loss_falls(lab, prose):
    assert "There L2 is off again" in prose
    lab.go_to(800)
    assert lab.trainer.knobs()["l2"] == 0 and lab.trainer.knobs()["label_noise"] == 0.2
    before = least(lab)[2]
    lab.set("label_noise", 0.0)
    lab.run(800)
    assert least(lab)[2] < 0.7 * before


def test_dropout_from_the_start_ends_lower_and_augmentation_turns_the_losses_round(lab, prose):
    assert "in step 1 it was higher.*" in prose and "which of the two losses is higher" in prose
    lab.go_to(800)
    plain = least(lab)[2]
    lab.go_to(0)
    assert lab.trainer.knobs()["label_noise"] == 0.2
    lab.set("dropout", 0.5)
    lab.run(800)
    assert least(lab)[2] < 0.9 * plain
    lab.go_to(0)
    lab.set("dropout", 0.0)
    lab.set("augment", "all")
    lab.run(800)
    assert lab.evaluations[-1].train_loss > least(lab)[2]


@pytest.mark.parametrize("seed", [0, 1])
def test_with_more_data_the_validation_loss_hardly_rises(cells, seed):
    _, lowest, now = least(built(cells, seed, rows=1000))
    assert now < 1.25 * lowest


# ---- figures and numbers ------------------------------------------------------------------------


def namespace(cells, seed, *ids):
    names = {
        "torch": torch, "np": np, "seed": seed, "device": "cpu", "load_data": load_data,
        "L1": L1, "L2": L2, "MLP": MLP, "Adam": Adam, "AdamW": AdamW, "Descend": Descend,
        "L1Subgradient": L1Subgradient, "Trainer": Trainer, "chain": chain, "Slider": Slider,
        "explore": lambda *given: None, "seeds": range(seed, seed + 3),
        "plot": lambda *given, **more: (given, more),
    }  # fmt: skip
    for cell in ids:
        exec(cells[cell], names)
    return names


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_l1s_gradient_makes_no_zeros_and_its_own_step_many(cells, seed):
    names = namespace(cells, seed, "train-layer", "experiment")
    found = names["experiment"]()
    assert names["zeros"](found["in the gradient"]) == [0, 0, 0]
    assert all(300 < n < 500 for n in names["zeros"](found["as a step of its own"]))
    small = [int((W.abs() < 0.001).sum()) for W, _ in found["in the gradient"]]
    assert all(n > 200 for n in small), "as small as a step"
    right = [np.median([accuracy for _, (_, accuracy) in runs]) for runs in found.values()]
    assert abs(right[0] - right[1]) < 0.02, "they fit equally well"


@pytest.mark.parametrize("seed", [0, 3])
def test_with_more_strength_l1_has_more_zeros_and_smaller_weights(cells, seed):
    sizes = namespace(cells, seed, "train-layer", "figure-sizes")["sizes"]
    assert "*Watch where the line of L1 ends" in " ".join(
        source for source in cells.values() if "sorted by size" in source
    ).replace("\n", " ")
    drawn = [sizes(strength) for strength in (0.0003, 0.003, 0.03)]
    zeros = [np.isnan(given[0]["L1"]).sum() for given, _ in drawn]
    assert zeros[0] < zeros[1] < zeros[2]
    assert all(np.isfinite(given[0]["L2"]).all() for given, _ in drawn)
    for name in ("L1", "L2"):
        largest = [np.nanmax(given[0][name]) for given, _ in drawn]
        assert largest[0] > largest[1] > largest[2], name


@pytest.mark.parametrize("seed", [0, 3])
def test_the_noise_decides_what_decay_leaves_under_adam(cells, seed):
    names = namespace(cells, seed, "left", "figure-decay")
    alpha, gamma, steps = names["rate"], names["decay"], names["steps"]
    for noise, wanted in ((0.1, 0.0), (1, 0.135), (10, 0.82)):
        (paths,), _ = names["decayed"](noise)
        assert (1 - alpha * gamma / noise) ** steps == pytest.approx(wanted, abs=0.02)
        assert paths["L2 in Adam's gradient"][-1] == pytest.approx(wanted, abs=0.06)
        assert paths["AdamW"][-1] == pytest.approx((1 - alpha * gamma) ** steps, abs=0.05)


@pytest.mark.parametrize("seed", [0, 2**31])
def test_the_peak_stands_where_there_is_a_feature_for_each_sample(cells, seed):
    names = namespace(cells, seed, "errors", "figure-descent")
    at_50 = []
    for rows in (100, 200, 400):
        (lines,), more = names["descent"](rows)
        test = lines["test"]
        peak = names["widths"].index(rows)
        assert test.argmax() == peak and f"is at {rows} features" in more["caption"]
        assert test[-1] < test[peak] / 3 and test[:peak].min() < test[peak] / 3
        assert lines["test, with L2"][peak] < 0.3 * test[peak]
        at_50.append(test[2])
    assert at_50[0] > at_50[1] > at_50[2]
    (lines,), _ = names["descent"](50)
    assert lines["test"].argmax() == 2, "with 50 digits the peak is there"


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_the_polynomial_comes_nearer_to_the_points_and_not_to_the_signal(cells, seed):
    names = namespace(cells, seed, "figure-degree")
    off = [
        [float(n) for n in re.findall(r"distance: ([\d.]+) .*points, ([\d.]+)", words)[0]]
        for words in (names["fitted"](degree)[1]["caption"] for degree in (1, 3, 9))
    ]
    assert off[0][0] > off[1][0] > off[2][0]
    assert off[1][1] < off[0][1] and off[1][1] < off[2][1]
