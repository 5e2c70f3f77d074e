"""What 2_1_networks says and tells a learner to watch: it is so, with any seed."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from ledger_cases import numbers

from course.lessons.pairs import alone, together
from course.lessons.texts_after_bets import read_text
from widgets import TrainingLab

PATH = Path(__file__).parents[2] / "notebooks" / "2_1_networks.ipynb"
CELLS = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}
each_seed = pytest.mark.parametrize("seed", [0, 1, 2, 3, 2**31])


def lab_of(cell, seed):
    """A lab of the chapter as its cell opens it, without a screen and not yet trained."""
    call = re.search(r"TrainingLab\(.*\)", CELLS[cell], re.S)[0]
    call = call[:-1] + ", interactive=False)"
    return eval(call, {"TrainingLab": TrainingLab, "seed": seed, "device": "cpu"})


def shown(lab, hidden=None, rate=None):
    """The lab after its planned steps, started again with other hidden widths if there are any."""
    if hidden is not None:
        lab.restart(hidden=hidden)
    if rate is not None:
        lab.set("lr", rate)
    lab.run(lab.planned - lab.trainer.step_count)
    return lab


def is_straight(lab):
    """Both sides of the border are convex: only a straight line has two such sides."""
    g = torch.Generator().manual_seed(0)
    points = 2 * torch.rand(1500, 2, generator=g) - 1
    said = lab.trainer.model.predict(points).argmax(1)
    for side in (0, 1):
        own = points[said == side]
        if len(own) > 1:
            middle = (own + own[torch.randperm(len(own), generator=g)]) / 2
            found = lab.trainer.model.predict(middle).argmax(1)
            if (found != side).any():
                return False
    return True


def accuracy(lab):
    return lab.trainer.evaluate("test")[1]


@each_seed
def test_xor_without_a_hidden_layer_has_a_straight_border_that_finds_no_good_place(seed):
    lab = shown(lab_of("touch-the-lab", seed))
    assert is_straight(lab) and accuracy(lab) < 0.8


@each_seed
def test_with_four_hidden_units_the_border_bends_and_the_accuracy_passes_90_percent(seed):
    assert "type 4 at *hidden widths*" in CELLS["touch-it-first"]
    lab = shown(lab_of("touch-the-lab", seed), [4])
    assert not is_straight(lab) and accuracy(lab) > 0.9


@each_seed
def test_with_one_hidden_unit_the_border_is_straight_again(seed):
    assert "with the width 1" in CELLS["touch-it-first"]
    lab = shown(lab_of("touch-the-lab", seed), [1])
    assert is_straight(lab) and accuracy(lab) < 0.85


@each_seed
def test_on_spirals_three_layers_follow_the_arms_and_one_follows_them_at_a_higher_rate(seed):
    assert "type 125" in CELLS["lab-words"] and "16, 16, 16" in CELLS["lab-words"]
    assert "*learning rate* to 1" in CELLS["lab-words"]
    lab = shown(lab_of("lab", seed))
    assert is_straight(lab) and accuracy(lab) < 0.75
    assert accuracy(shown(lab, [125])) < 0.85
    assert accuracy(shown(lab, [16, 16, 16])) > 0.9
    assert accuracy(shown(lab, [125], rate=1.0)) > 0.95


# ---- the bet ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 7])
def test_parts_learn_together_and_not_alone_unless_somebody_knows_their_label(seed):
    assert "hardly better than a coin" in read_text("2_1_networks", "What came out")
    assert alone(seed)[1] < 0.58
    assert together(seed)[1] > 0.85
    assert alone(seed, hint=True)[1] > 0.85


def names_of_the_chapter(seed, *cells):
    """What these cells define, after the imports."""
    names = {"seed": seed, "device": "cpu"}
    for cell in ("imports", "pairs", "experiment", *cells):
        exec(CELLS[cell], names)
    return names


@pytest.mark.parametrize("seed", [0, 1])
def test_together_the_answers_stand_in_four_corners_and_alone_they_do_not(seed, capsys):
    assert "four groups at four corners" in read_text(
        "2_1_networks", "The features nobody designed"
    )
    names = names_of_the_chapter(seed, "answered")

    def told(joined):
        """How often the two numbers, each above or below its mean, tell the label."""
        x, y = names["answered"](joined)
        label = names["pairs"].y_test[: len(x)] == 1
        right = float((((x > 0) ^ (y > 0)) == label).float().mean())
        return max(right, 1 - right)

    assert told(together(seed)[0]) > 0.85
    assert told(alone(seed)[0]) < 0.65


# ---- depth -------------------------------------------------------------------------------------


def test_a_fold_doubles_the_pieces_and_one_layer_adds_one_for_each_unit():
    names: dict = {"np": np}
    exec(CELLS["fold"], names)
    x = np.linspace(0, 1, 4097)
    for layers in range(1, 7):
        slopes = np.diff(names["deep"](x, layers)) * 4096
        assert (np.diff(slopes) != 0).sum() + 1 == 2**layers
        assert set(np.abs(slopes)) == {2.0**layers}
    source = CELLS["folds-figure"].partition("explore(")[0]
    exec("from widgets import plot, Slider, explore\n" + source, names)
    for layers in range(1, 7):
        words = names["folded"](layers).caption
        assert f": {2**layers} straight pieces" in words and f": {2 * layers + 1}." in words


@pytest.mark.parametrize("seed", [0, 1])
def test_both_referees_agree(seed, capsys):
    names_of_the_chapter(seed, "by-hand", "referee", "line")
    said = capsys.readouterr().out
    assert "equal to rounding" in said and "equal within" in said and "DIFFERENT" not in said


def test_the_library_stacks_layers_as_it_says(capsys):
    names_of_the_chapter(0, "library-code")
    said = capsys.readouterr().out
    assert "0: Linear(width=3)\n  1: ReLU()\n  2: Linear(width=2)" in said and "clamp_min" in said


@pytest.mark.parametrize("layers", range(1, 7))
def test_the_line_of_one_layer_can_be_made_by_its_units(layers):
    names = {"np": np}
    exec(CELLS["fold"], names)
    source = CELLS["folds-figure"].partition("explore(")[0]
    exec("from widgets import plot, Slider, explore\n" + source, names)
    (panel,) = names["folded"](layers).panels
    curve = next(c for c, *_ in panel.layers if c.name == "one layer")
    x, y = curve.x, curve.y
    slopes = np.diff(y) / np.diff(x)
    assert slopes[0] == 0 and len(slopes) == 2 * layers + 1  # each unit looks to the right
    assert (np.diff(slopes) != 0).all()


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 100])
def test_with_few_images_depth_loses_and_with_many_less(seed):
    names = names_of_the_chapter(seed, "spirals-setup", "sweep", "loses")
    reported = names["reported"]
    gap = (reported["depth 4"] - reported["linear"]).mean(1)
    assert gap[:2].max() < -0.01 and gap[1] < gap[3]
    theirs = reported["scikit-learn"].mean(1)
    assert ((reported["depth 4"].mean(1) - theirs)[:2] < -0.01).all()
    assert np.abs(reported["linear"].mean(1) - theirs).max() < 0.02


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 100])
def test_which_depth_learns_the_spirals_best_depends_on_the_rate(seed, capsys):
    names_of_the_chapter(seed, "spirals-setup", "spirals-table", "pieces")
    said = capsys.readouterr().out
    rows = [numbers(line) for line in said.splitlines()]
    table = {int(row[0]): row[1:] for row in rows if len(row) == 9}
    assert [*table] == [0, 1, 2, 3]
    parameters = [table[layers][0] for layers in (1, 2, 3)]
    assert max(parameters) / min(parameters) < 1.02
    tried = {layers: row[1:5] for layers, row in table.items()}  # at the rates 0.1, 0.3, 1.0, 3.0
    assert tried[3][1] > tried[1][1] + 0.1 and tried[1][2] > tried[3][2] + 0.1
    assert all(np.argmax(tried[layers]) in (1, 2) for layers in (1, 2, 3))  # no end of the grid
    assert max(tried[0]) < 0.75 and all(table[layers][5] > 0.9 for layers in (1, 2, 3))
    pieces = [row for row in rows if len(row) == 5]
    for layers, width, before, after, most in pieces:
        assert most == (width + 1) ** layers and max(before, after) < 2 * layers * width
    assert len(pieces) == 3 and pieces[2][3] < 0.1 * pieces[2][4]
