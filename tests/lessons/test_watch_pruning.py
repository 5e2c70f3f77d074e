"""What 3_13_pruning says and tells a learner to watch is there: its own cells are run."""

import nbformat
import numpy as np
import pytest
import torch

from course import compare
from course.lessons.texts_after_bets import read_text
from course.training.replay import history_digest, run_recipe

CHAPTER = "3_13_pruning"


@pytest.fixture(scope="module")
def cells(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return {c.id: c for c in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="module", params=[0, 1])
def names(request, cells):
    """What the cells define, with two seeds."""
    found = {"seed": request.param, "device": "cpu"}
    exec(next(c.source for c in cells.values() if "check_parameters(" in c.source), found)
    for name in ("train", "clock", "forms", "tuned", "cliffs"):
        exec(cells[name].source.replace("explore(gone", "_ = (gone"), found)
    return found


def test_the_smaller_half_is_a_small_part_of_the_length(names):
    sizes = names["sorted_sizes"] ** 2
    assert sizes[: len(sizes) // 2].sum() < 0.15 * sizes.sum()


def test_fine_tuning_moves_the_cliff_to_the_right(names):
    cliffs, shares = names["cliffs"], names["SHARES"]

    def reaches(name, k):
        """The highest sparsity at which the median is near that of the whole network."""
        curve = np.median(cliffs[name][:, :, k], axis=0)
        return max(s for s, right in zip(shares, curve, strict=True) if right > 0.9)

    for name in cliffs:
        assert reaches(name, 0) < reaches(name, 2) < 0.98
    for k in range(3):
        at = shares.index(0.9)
        assert cliffs["by layer"][:, at, k].min() > cliffs["random"][:, at, k].max()


def test_the_lab_does_what_it_says(names, cells):
    found = names | {
        "TrainingLab": lambda *a, **k: names["TrainingLab"](*a, interactive=False, **k)
    }
    exec(cells["lab"].source.rstrip().removesuffix("lab"), found)
    lab = found["lab"].run(300)

    def loss(last=30):
        return float(lab.trainer.history.loss[-last:].mean())

    learned = loss()
    levels = []
    for sparsity in (0.8, 0.98, 0.0):
        lab.set("Prune.sparsity", sparsity)
        lab.run(2)
        leap = loss(1)
        lab.run(150)
        levels.append((leap, loss()))
    (first, after), (second, stays), (_, free) = levels
    assert first > 2 * learned and after < first / 2
    assert second > first and stays > 5 * after
    assert free < stays / 2
    again = run_recipe(lab.recipe())
    assert history_digest(again) == history_digest(lab.trainer)


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_matrix_with_fewer_rows_has_a_tenth_of_them_and_the_forms_are_equal(names):
    forms, x = names["matrices"](0.9, 100, 3)
    assert len(forms["fewer rows"]) == 10
    assert torch.allclose(forms["CSR"] @ x, forms["with zeros"] @ x, atol=1e-4)
    assert float((forms["with zeros"] == 0).float().mean()) == pytest.approx(0.9, abs=0.02)
    told = read_text(CHAPTER, "What came out")
    assert "the\nsame FLOPs" in told or "same FLOPs" in told


def test_units_leave_a_smaller_network_with_the_same_outputs(names, cells, capsys):
    exec(cells["smaller"].source, names)
    small, pruned = names["small"], names["pruned"].model
    assert small.sizes == [64, 32, 32, 10]
    x = names["x"]
    assert compare(pruned.predict(x), small.predict(x), rtol=1e-3)
