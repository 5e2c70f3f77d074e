"""The sets that need no download, against scikit-learn and their own formulas."""

import numpy as np
import pytest
import torch
from data_rows import DTYPE, generator, same
from sklearn.linear_model import LogisticRegression

from course.data.loading import load_data

POINTS, CURVES = ["moons", "spirals", "rings", "xor"], ["sine", "steps"]


@pytest.mark.parametrize("name", ["digits", *POINTS, *CURVES])
def test_the_seed_alone_decides_the_rows(name):
    data = load_data(name, seed=3)
    assert same(data, load_data(name, seed=3)) and not same(data, load_data(name, seed=4))
    n = len(data.y_train) + len(data.y_test)
    assert len(data.y_test) == round(0.2 * n)
    assert data.x_train.dtype == torch.float32
    assert load_data(name, dtype=DTYPE).x_test.dtype == DTYPE


@pytest.mark.parametrize(
    "name, first", [("moons", (1.4101, 0.1398)), ("spirals", (0.7504, -0.5165))]
)
def test_the_first_chapters_rows_stay_what_they_are(name, first):
    assert load_data(name).x_train[0].tolist() == pytest.approx(first, abs=1e-4)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    data, (x, y) = load_data("digits", dtype=DTYPE), load_digits(return_X_y=True)
    order = torch.randperm(1797, generator=generator()).numpy()
    assert np.array_equal(torch.cat([data.x_test, data.x_train]).numpy(), x[order] / 16)
    assert np.array_equal(torch.cat([data.y_test, data.y_train]).numpy(), y[order])
    assert (data.features, data.outputs, data.image_shape) == (64, 10, (8, 8))
    assert data.is_image and not data.is_2d and not data.is_regression


@pytest.mark.parametrize("name", POINTS)
def test_the_point_sets_have_two_balanced_classes(name):
    data = load_data(name)
    assert (data.features, data.outputs, data.classes) == (2, 2, 2)
    assert data.is_2d and not data.is_image and not data.is_regression
    assert torch.cat([data.y_train, data.y_test]).double().mean() == 0.5


@pytest.mark.parametrize("name", ["rings", "xor"])
def test_no_straight_line_separates_rings_or_xor_but_their_own_rule_does(name):
    data = load_data(name)
    line = LogisticRegression().fit(data.x_train.numpy(), data.y_train.numpy())
    # a line may cut off a third of the outer ring, and so be right for 2/3
    assert line.score(data.x_train.numpy(), data.y_train.numpy()) < 0.7
    rule = {"rings": data.x_train.norm(dim=1) < 0.75, "xor": data.x_train.prod(1) < 0}[name]
    assert (rule == data.y_train).double().mean() > 0.98


@pytest.mark.parametrize("name", CURVES)
def test_the_curves_are_their_formula_plus_noise(name):
    data = load_data(name, dtype=DTYPE)
    x, y = data.x_train, data.y_train
    formula = {
        "sine": torch.sin(3 * torch.pi * x) * (1 + x) / 2,
        "steps": torch.tensor([-0.5, 0.5, -1.0, 1.0, 0.0])[((x + 1) / 0.4).floor().long()],
    }[name]
    assert -1 <= x.min() and x.max() < 1 and y.shape == x.shape == (400, 1)
    assert (y - formula).std().item() == pytest.approx(0.1, rel=0.15)
    assert data.is_regression and data.classes is None and data.outputs == 1
    assert load_data(name).y_train.dtype == torch.float32
