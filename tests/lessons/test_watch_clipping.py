"""The labs of 3_05_clipping: what a reader does there shows what the chapter says to watch."""

import nbformat
import numpy as np
import pytest
import torch

from course import ClipByNorm, Descend, chain
from course.lessons.exercises.clipping import quartic_steps
from widgets import DescentLab, TrainingLab

CHAPTER = "3_05_clipping"


def cell(path, name):
    """Return the source of the chapter's cell of that id."""
    cells = nbformat.read(path, as_version=4).cells
    (source,) = [c.source for c in cells if c.id == name]
    return source


@pytest.fixture
def source(request):
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    return lambda name: cell(path, name)


def lab_of(source, seed=0):
    """Build a lab as its cell does, before its first step."""
    *made, last = source.strip().split("\n")
    if last == "lab":
        source = "\n".join(made).removeprefix("lab = ")
    return eval(source, {"DescentLab": DescentLab, "TrainingLab": TrainingLab, "seed": seed,
                         "device": "cpu"})  # fmt: skip


# ---- the wall -----------------------------------------------------------------------------------


def across(lab, racer):
    """Return the first coordinate of a racer over 40 steps, (41,)."""
    lab.reset()
    lab.run(40)
    return np.array(lab.race.racers[racer].path)[:, 0]


def test_plain_descent_is_thrown_back_from_the_wall_and_the_clipped_racer_is_not(source):
    lab = lab_of(source("cliff"))
    plain, clipped = across(lab, "gradient descent"), across(lab, "clipped descent")
    assert np.diff(plain).max() > 1.5 and plain.max() > 2 * plain[0]  # beyond the start
    assert np.diff(clipped).max() < 0.31 and clipped[-1] < 0.3  # at most α·c; near the minimum


def test_with_a_threshold_of_10_the_clipped_racer_is_thrown_as_well(source):
    lab = lab_of(source("cliff"))
    lab.set("threshold", 10.0)
    assert np.diff(across(lab, "clipped descent")).max() > 1.5


def test_with_a_tiny_threshold_the_clipped_racer_hardly_leaves_its_start(source):
    lab = lab_of(source("cliff"))
    lab.set("threshold", 0.05)
    x = across(lab, "clipped descent")
    assert 0.2 < x[0] - x[-1] < 0.6 and (np.diff(x) < 0).all()


# ---- the deep network ---------------------------------------------------------------------------


def end(lab, n=20):
    return float(np.mean(lab.trainer.history.loss[-n:]))


@pytest.fixture(params=[0, 1])
def unclipped(request):
    """The lab at its planned end, clipping off."""
    path = request.config.rootpath / "notebooks" / f"{CHAPTER}.ipynb"
    lab = lab_of(cell(path, "network-lab"), request.param)
    return lab.run(lab.steps)


def test_most_gradients_are_quiet_and_some_leap(unclipped):
    norms = unclipped.trainer.history.grad_norm[:200]
    median = np.median(norms)
    assert 0 < (norms > 5 * median).mean() < 0.1


def test_switched_on_after_the_end_clipping_does_not_bring_the_loss_back(unclipped):
    before = end(unclipped)
    unclipped.set("clip", "norm")
    unclipped.run(300)
    assert 1.8 < before < end(unclipped) + 0.3


def test_switched_on_early_or_from_the_start_it_trains_to_the_end(unclipped):
    unclipped.go_to(50)
    unclipped.set("clip", "norm")
    unclipped.run(600)
    assert end(unclipped) < 1.0
    unclipped.reset()  # with the knobs as they stand
    assert unclipped.trainer.knobs()["clip"] == "norm"
    unclipped.run(600)
    assert end(unclipped) < 0.4
    norms = unclipped.trainer.history.grad_norm
    assert 0.01 < (norms > 0.3).mean()  # these steps are shaded


# ---- what the text says -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_without_clipping_w_settles_at_the_mean_and_clipped_near_the_median(seed):
    """The experiment of "Where does it settle?", written out, long enough to average the noise."""
    order = torch.Generator().manual_seed(seed)
    wanted = torch.tensor([1.0, 1.0, 1.0, 1.0, -10.0], dtype=torch.float64)
    drawn = wanted[torch.randint(5, (20_000, 1), generator=order)]

    def settled(*transforms):
        w, rule, path = torch.zeros(1, dtype=torch.float64), chain(*transforms, Descend(0.03)), []
        rule.init(w)
        for x in drawn:
            rule(w - x, w)
            path.append(float(w))
        return np.mean(path[1000:])

    assert settled() == pytest.approx(float(wanted.mean()), abs=0.1)
    assert settled(ClipByNorm(1.0)) == pytest.approx(0.75, abs=0.1)
    small, large = settled(ClipByNorm(0.5)), settled(ClipByNorm(12.0))
    assert abs(small - 1.0) < 0.2 and abs(large + 1.2) < 0.15


def test_on_the_steep_valley_clipping_helps_only_with_a_rate_of_its_own():
    plain = quartic_steps(0.0033)
    assert all(quartic_steps(0.0033, c, 5000) >= plain for c in (1000, 100, 10))
    assert quartic_steps(0.4, 4.0) < plain / 20
