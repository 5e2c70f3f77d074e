"""The sets that need no download, against scikit-learn and their own formulas."""

import numpy as np
import pytest
import torch
from data_rows import DTYPE, generator, same
from sklearn.linear_model import LogisticRegression

from course.data.loading import load_data
from course.data.synthetic import LOADERS

POINTS, CURVES = ["moons", "spirals", "rings", "xor"], ["sine", "steps"]


@pytest.mark.parametrize("name", ["digits", *POINTS, *CURVES])
def test_the_seed_alone_decides_the_rows(name):
    data = load_data(name, seed=3)
    assert same(data, load_data(name, seed=3)) and not same(data, load_data(name, seed=4))
    n = len(data.y_train) + len(data.y_test)
    assert len(data.y_test) == round(0.2 * n)
    assert data.x_train.dtype == torch.float32
    assert load_data(name, dtype=DTYPE).x_test.dtype == DTYPE


FIRST = {  # of seed 0: recipes and the pictures of the chapters rest on them
    "moons": ([1.41015, 0.13982], 1), "spirals": ([0.75036, -0.51650], 1),
    "rings": ([0.41480, -0.15838], 1), "xor": ([0.71069, -0.66690], 1),
    "sine": ([-0.16858], [-0.40557]), "steps": ([-0.16858], [-0.98993]),
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_the_rows_stay_what_they_are(name):
    data, (x, y) = load_data(name), FIRST[name]
    assert data.x_train[0].tolist() == pytest.approx(x, abs=1e-4)
    assert data.y_train[0].tolist() == pytest.approx(y, abs=1e-4)
    assert len(data.y_train) + len(data.y_test) == (1000 if name in POINTS else 500)


CLEAN = {  # (class, x) → how far the point lies from its curve or corner
    "moons": lambda y, x: (
        (x + torch.tensor([0.5, 0.25]) - torch.stack([y, y / 2], 1)).norm(dim=1) - 1
    ),
    "rings": lambda y, x: x.norm(dim=1) - (1 - y / 2),
    "xor": lambda y, x: (x.abs() - 0.6).norm(dim=1),
}


@pytest.mark.parametrize("name", CLEAN)
def test_without_noise_every_point_is_where_its_class_is(name):
    x, y, classes = LOADERS[name](generator(), noise=0)
    assert classes == 2 and len(y) == 1000
    assert CLEAN[name](y.double(), x).abs().max() < 1e-9
    if name == "moons":  # the upper half circle, and the lower one
        height = x[:, 1] + 0.25 - y / 2
        assert (torch.where(y == 0, height, -height) >= 0).all()
    if name == "xor":
        assert torch.equal(y, (x.prod(1) < 0).long())
        assert torch.unique(x.sign(), dim=0, return_counts=True)[1].tolist() == 4 * [250]


def test_without_noise_the_spirals_wind_one_and_a_half_times():
    x, y, _ = LOADERS["spirals"](generator(), noise=0)
    r = x.norm(dim=1)
    angle = torch.atan2(x[:, 1], x[:, 0]) - torch.pi * y - 3 * torch.pi * r
    assert (angle.cos() - 1).abs().max() < 1e-9
    assert 0.1 <= r.min() < 0.11 and 0.99 < r.max() <= 1


@pytest.mark.parametrize("name", ["moons", "rings"])
def test_the_points_spread_evenly_along_their_curves(name):
    x, y, _ = LOADERS[name](generator(), n=20_000, noise=0)
    if name == "moons":
        upper = (x + torch.tensor([0.5, 0.25]))[y == 0]
        share = torch.atan2(upper[:, 1], upper[:, 0]) / torch.pi
    else:
        share = torch.atan2(x[:, 1], x[:, 0]) / (2 * torch.pi) + 0.5
    assert (torch.histc(share, 4, 0, 1) / len(share) - 0.25).abs().max() < 0.02


NOISE = {"moons": 0.15, "spirals": 0.03, "rings": 0.08, "xor": 0.2, "sine": 0.1, "steps": 0.1}


@pytest.mark.parametrize("name", NOISE)
def test_the_noise_is_normal_with_its_own_width(name):
    clean, noisy = (LOADERS[name](generator(), **options) for options in ({"noise": 0}, {}))
    part = 0 if name in POINTS else 1
    noise = (noisy[part] - clean[part]).flatten()
    assert noise.std().item() == pytest.approx(NOISE[name], rel=0.1)
    assert (noise.abs() < NOISE[name]).double().mean().item() == pytest.approx(0.683, abs=0.05)
    assert torch.equal(noisy[1 - part], clean[1 - part])


@pytest.mark.parametrize("share, held", [(0.2, 200), (0.3, 300), (0.0006, 1), (0.9994, 999)])
def test_a_share_of_the_rows_is_for_testing(share, held):
    data = load_data("moons", test_share=share)
    assert (len(data.y_test), len(data.y_train)) == (held, 1000 - held)
    both = torch.cat([data.x_test, data.x_train])
    drawn = LOADERS["moons"](generator())[0].float()
    assert torch.equal(both.sort(0).values, drawn.sort(0).values)


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
