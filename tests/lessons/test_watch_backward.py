"""What 3_02_backward says and tells a learner to watch: it is so, with any seed and data set."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course.lessons.texts_after_bets import read_text
from widgets import BackpropLab

PATH = Path(__file__).parents[2] / "notebooks" / "3_02_backward.ipynb"
CELLS = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}
each_seed = pytest.mark.parametrize("seed", [0, 1, 2, 3, 2**31])
each_run = pytest.mark.parametrize(
    ("seed", "dataset"), [(s, d) for s in (0, 1) for d in ("digits", "moons", "spirals")]
)


def lab_of(seed, **options):
    """The chapter's lab as its cells open it, without a screen."""
    for cell in ("touch-the-lab", "cell-35"):
        assert 'BackpropLab((2, 2, 2), activation="tanh", seed=seed' in CELLS[cell]
    return BackpropLab((2, 2, 2), activation="tanh", seed=seed, interactive=False, **options)


def new_at_each(lab, way):
    """The kinds of numbers that each operation of a way adds: {"delta2"}, {"dw2", "db2"}, …"""
    known, found = set(lab.numbers()), []
    while any(op.way == way for op in lab.graph.operations[lab.position :]):
        getattr(lab, way)()
        found.append({re.split(r"\[", name)[0] for name in set(lab.numbers()) - known})
        known = set(lab.numbers())
    return found


@each_seed
def test_backward_five_times_and_the_new_numbers_go_from_right_to_left(seed):
    lab = lab_of(seed)
    assert "range(5)" in CELLS["touch-the-lab"] and "*Backward*, five" in CELLS["touch-it-first"]
    for _ in range(5):
        lab.forward()
    assert "loss" in lab.numbers(), "the first screen begins at the loss"
    steps = new_at_each(lab, "backward")
    assert steps == [{"delta2"}, {"dw2", "db2"}, {"da1"}, {"delta1"}, {"dw1", "db1"}]
    assert "δ" in lab.formula("dw1[2,1]") and "=" in lab.formula("dw1[2,1]")


@each_seed
def test_step_by_step_delta_appears_in_the_last_layer_and_travels_to_the_left(seed):
    lab = lab_of(seed)
    lab.all()
    lab.reset()
    new_at_each(lab, "forward")
    order = [kind for kinds in new_at_each(lab, "backward") for kind in kinds if "delta" in kind]
    assert order == ["delta2", "delta1"]


@each_seed
@pytest.mark.parametrize("reading", ["twice", "printed"])
def test_of_the_documents_gradient_only_the_last_layer_is_right(seed, reading):
    lab = lab_of(seed)
    lab.all()
    (_, first), (_, last) = lab.show_wrong(reading)
    assert last < 1e-12 and first > 1e-3  # it shows ≠ in four digits


@each_seed
def test_a_neuron_with_a_weight_of_9_is_closed(seed):
    lab = lab_of(seed)
    lab.all()
    lab.edit("w", 1, 1, 1, 9)
    numbers = lab.numbers()
    assert abs(numbers["a1[1]"]) > 0.999 and numbers["da1[1]"] != 0
    assert abs(numbers["delta1[1]"]) < 2e-3 * abs(numbers["da1[1]"])


@each_seed
def test_an_update_lowers_the_loss(seed):
    lab = lab_of(seed)
    lab.all()
    before = lab.numbers()["loss"]
    lab.update()
    assert lab.numbers()["loss"] < before
    assert "Loss before the update" in lab.message


@each_seed
def test_in_the_batch_a_gradient_is_the_mean_over_the_samples(seed):
    lab = lab_of(seed)
    lab.all()
    parts = []
    for sample in (1, 2, 3):
        lab.look(sample)
        parts.append(lab.numbers()["dw1[2,1]"])
    lab.look("batch")
    assert lab.numbers()["dw1[2,1]"] == pytest.approx(np.mean(parts), rel=1e-9)
    assert "(1/3) Σ" in lab.formula("dw1[2,1]")


# ---- the second referee's h -------------------------------------------------------------------


def names_of_the_chapter(seed, dataset, *cells):
    """What these cells define, after the chapter's data and problem."""
    names = {"seed": seed, "device": "cpu", "steps": 20, "dataset": dataset}
    for cell in ("cell-3", "cell-8", *cells):
        exec(CELLS[cell], names)
    return names


@each_run
def test_the_referee_is_worst_at_both_ends_and_far_better_in_float64(seed, dataset):
    names = names_of_the_chapter(seed, dataset, "cell-51", "cell-52", "cell-53")
    hs = names["hs"]
    best_h, least = {}, {}
    for name, errors in names["swept"].items():
        middle = np.median(errors, axis=0)
        at = int(middle.argmin())
        assert 0 < at < len(hs) - 1
        assert middle[0] > 100 * middle[at] and middle[-1] > 100 * middle[at]
        best_h[name], least[name] = hs[at], middle[at]
    assert least["float64"] < 1e-3 * least["float32"] and best_h["float64"] < best_h["float32"]
    small = names["referee_error"](torch.float64, 1e-3, seed)
    large = names["referee_error"](torch.float64, 1e-2, seed)
    assert 50 < large / small < 200, "with a large h the error grows with its square"


@each_run
def test_the_left_picture_is_a_line_in_the_middle_and_a_staircase_at_a_small_h(seed, dataset):
    names = names_of_the_chapter(seed, dataset, "cell-51", "cell-52", "cell-53")

    def off(h, dtype):
        """How far the loss near θ is from a straight line, seen in units of the slope."""
        curves = {layer[0].name: layer[0] for layer in names["at_h"](h).panels[0].layers}
        line, seen = curves["right slope"].y, curves[dtype].y
        return float(np.abs(seen - line).max() / np.abs(line).max())

    assert off(1e-2, "float64") < 0.05 and off(1e-4, "float64") < 0.01
    assert off(1e-8, "float32") > 0.3 and off(1.0, "float64") > 0.05


# ---- what the chapter says of its results -----------------------------------------------------


@each_run
def test_what_came_out_is_so(seed, dataset, capsys):
    """Exact with ReLU, off with tanh, and with sigmoid most of the gradient is lost."""
    text = read_text("3_02_backward", "What came out")
    assert "With ReLU the wrong formula is exactly right" in text
    assert "three quarters and more are gone" in text
    names = names_of_the_chapter(seed, dataset, "cell-10", "cell-11", "cell-13")
    twice = {f: errors[:, :-1] for f, errors in names["experiment"]().items()}
    assert twice["relu"].max() < 1e-12
    assert 0.01 < np.median(twice["tanh"]) < 0.5
    assert twice["sigmoid"].min() > 0.74
    for f in twice:
        missing = [names["document"](names["problem"](f, s), False) for s in names["seeds"]]
        assert np.array(missing)[:, :-1].min() > 0.01


@each_run
def test_both_referees_agree_with_the_four_lines(seed, dataset, capsys):
    names_of_the_chapter(seed, dataset, "cell-10", "cell-13", "cell-21", "cell-22", "cell-33")
    said = capsys.readouterr().out
    assert said.count("True") == 3 + 2 * 4 and "False" not in said


@each_run
def test_a_formula_without_b_is_right_at_the_start_alone(seed, dataset, capsys):
    names_of_the_chapter(seed, dataset, "cell-57")
    start, moved = [float(n) for n in re.findall(r"error ([\d.]+)", capsys.readouterr().out)]
    assert start == 0 and moved > 0.01


@each_run
def test_a_wrong_gradient_can_let_the_loss_fall_and_a_wrong_sign_cannot(seed, dataset, capsys):
    names = names_of_the_chapter(seed, dataset, "cell-41", "cell-42", "cell-43", "which-fell")
    fell, rose = capsys.readouterr().out.splitlines()
    assert {"twice", "bias"} <= set(re.findall(r"\w+", fell)), "each less than 90° off"
    assert "sign" in rose and "sign" not in fell
    for mistake in ("twice", "bias"):
        assert max(names["angle"](s, mistake) for s in names["seeds"]) < 90
