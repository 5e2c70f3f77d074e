"""The loss slice against direct evaluations of the loss on the plane of the path."""

import math

import numpy as np
import pytest
import torch
from real_runs import below, described, lab, two_layers, watched
from sklearn.decomposition import PCA

from course import CourseError
from widgets.training.instruments import PLANE, losses_on


def loss_at(run, theta: torch.Tensor) -> float:
    """The training loss of the first 256 rows with other weights, by the trainer's own model."""
    model, data = run.trainer.model, run.trainer.data
    kept = model.theta.clone()
    with torch.no_grad():
        model.theta.copy_(theta)
        value = float(model.loss.value(model.predict(data.x_train[:256]), data.y_train[:256]))
        model.theta.copy_(kept)
    return value


@pytest.mark.parametrize("make", [lab, two_layers, lambda: lab("sine", lr=0.01)])
def test_the_slice_is_the_loss_on_the_plane_of_the_path(make):
    run, path = make(), []
    run.watch("loss slice")
    for step in range(61):
        if step:
            run.run(1)
        if step % 10 == 0:
            path.append(run.trainer.model.theta.clone())
    picture = described(run)
    (panel,) = below(picture, "map")
    n, arrays = PLANE, picture["arrays"]
    x0, x, y0, y = panel["extent"]
    assert (panel["shape"], panel["colours"], x0, y0) == ([n, n], "height", -x, -y)
    places = 2 * (arrays[panel["path"]] / 255.0) - 1  # in units of half the extent
    assert len(places) == 7 and abs(abs(places).max(0) - 1 / 1.4).max() < 0.01
    # The plane is that of the first two principal components; their signs are free.
    pca = PCA(2).fit(torch.stack(path).double().numpy())
    scores = pca.transform(torch.stack(path).double().numpy())
    signs = np.sign((scores * places).sum(0))
    np.testing.assert_allclose(places, signs * scores / [x, y], atol=0.006)
    axes = signs[:, None] * pca.components_
    # The heights: log of the loss there, between `low` and `high`.
    heights = np.reshape(arrays[panel["values"]], (n, n)) / 255.0
    span = math.log(panel["high"] / panel["low"])
    ticks = np.linspace(-1, 1, n)
    for row, column in ((0, 0), (0, n - 1), (n - 1, 0), (n // 2, n // 2), (3, 8)):
        theta = pca.mean_ + np.array([ticks[column] * x, ticks[row] * y]) @ axes
        value = loss_at(run, torch.tensor(theta))
        height = math.log(panel["low"]) + heights[row, column] * span
        assert height == pytest.approx(math.log(value), abs=0.01 * span + 0.005)
    assert heights.min() == 0 and heights.max() == 1


def test_the_slice_needs_three_samples_and_finite_weights():
    run = watched("loss slice", steps=10)
    (note,) = below(described(run), "note")
    assert "three samples" in note["words"]
    run.run(10)
    assert below(described(run), "map")
    run.trainer.model.theta.fill_(math.nan)
    run.run(10)
    (note,) = below(described(run), "note")
    assert "not finite" in note["words"]


def test_the_path_of_the_slice_is_that_of_this_branch_and_not_long():
    run = watched("loss slice", steps=480)
    slice_ = run.watching.instruments["loss slice"]
    assert [step for step, _ in slice_.path] == list(range(90, 481, 10))
    run.go_to(200)
    (panel,) = below(picture := described(run), "map")
    assert len(picture["arrays"][panel["path"]]) == 12  # 90 to 200
    run.set("lr", 1.0)
    run.run(10)
    assert [step for step, _ in slice_.path][-3:] == [190, 200, 210]


class Pit:
    """A view of a model whose loss is |θ₀| - 0.1, and 0 or NaN below that."""

    below = 0.0
    theta = torch.zeros(2)

    def __init__(self, below: float):
        self.model, self.loss, self.below = self, self, below

    def __deepcopy__(self, memo):
        return self

    def predict(self, x):
        return self.theta[0].abs() - 0.1

    def value(self, outputs, y):
        return outputs if outputs > 0 else torch.tensor(self.below)

    def rows(self, n):
        return torch.zeros(1, 2), torch.zeros(1)


@pytest.mark.parametrize(("below", "level"), [(0.0, 0), (math.nan, -1), (math.inf, -1)])
def test_a_pit_or_a_gap_in_the_loss_takes_no_colour_from_the_rest(below, level):
    levels = losses_on(Pit(below), torch.zeros(2), torch.eye(2)).reshape(PLANE, PLANE)
    rest = torch.linspace(-1, 1, PLANE).abs().sub(0.1).clamp(min=0).double().log()
    fine = rest[rest.isfinite()].sort().values
    expected = torch.where(rest.isfinite(), rest, fine[level])
    np.testing.assert_allclose(levels, expected.expand(PLANE, PLANE), atol=1e-5)


def test_a_plane_without_any_loss_is_refused_in_words():
    with pytest.raises(CourseError, match="all over the plane"):
        losses_on(Pit(0.0), torch.zeros(2), torch.zeros(2, 2))
