"""Data sets and preprocessing. Referees: scikit-learn, scipy.ndimage."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.utils._python_dispatch import TorchDispatchMode

from course.data.dataset import Dataset
from course.data.loading import load_data
from course.data.preprocess import Augment, Noise, Rotate, Shift, build_augment, standardise
from course.errors import CourseError

examples = settings(derandomize=True, deadline=None, max_examples=40)
POINTS, CURVES = ["moons", "spirals", "rings", "xor"], ["sine", "steps"]
DTYPE = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=20, width=3, classes=3, seed=0, **options):
    x = torch.randn(n, width, generator=generator(seed), dtype=DTYPE)
    y = torch.arange(n) % classes
    return Dataset("mine", x, y, x[:4], y[:4], classes=classes, **options)


def same(a: Dataset, b: Dataset) -> bool:
    pairs = zip(a.splits(), b.splits(), strict=True)
    return all(torch.equal(x, u) and torch.equal(y, v) for (_, x, y), (_, u, v) in pairs)


# ---- the sets -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "options, message",
    [({"name": "mnst"}, "'mnst'.*'digits'.*'fashion_mnist'"), ({"seed": -1}, "seed = -1"),
     ({"test_share": 1}, "test_share = 1"), ({"test_share": "half"}, "'half'"),
     ({"test_share": 1e-9}, "test data"), ({"dtype": torch.int64}, "torch.int64")],
)  # fmt: skip
def test_load_data_refuses(options, message):
    with pytest.raises(CourseError, match=message):
        load_data(**{"name": "moons", **options})


# ---- Dataset ------------------------------------------------------------------------------------

X, LABELS, TARGETS = torch.zeros(4, 6), torch.tensor([0, 1, 2, 1]), torch.zeros(4, 2)
NAN = torch.tensor([[1.0], [float("nan")]])


@pytest.mark.parametrize(
    "change, message",
    [({"x_train": X[:, 0]}, r"x \(4,\)"), ({"x_test": X[:3]}, r"test data has x \(3, 6\)"),
     ({"x_train": X[:0], "y_train": LABELS[:0]}, "N ≥ 1"), ({"x_train": X[:, :0]}, r"\(4, 0\)"),
     ({"x_train": X / 0}, "train inputs hold NaN"), ({"x_test": X[:, :5]}, "a test row is x"),
     ({"y_train": LABELS - 1}, "label -1"), ({"classes": 2}, "label 2.*0 to 1"),
     ({"classes": 0}, "classes = 0"), ({"classes": 2.5}, "2.5"),
     ({"y_train": LABELS.double()}, r"float64.*\.long\(\)"),
     ({"y_test": LABELS[:, None]}, "a test row|test labels"), ({"classes": None}, "int64.*floats"),
     ({"x_val": X}, "x_val and y_val"), ({"x_val": X, "y_val": LABELS + 9}, "val label 11"),
     ({"x_val": X * np.inf, "y_val": LABELS}, "val inputs"), ({"image_shape": (2, 2)}, "H·W = 6"),
     ({"image_shape": (1, 2, 3)}, "H, W"), ({"image_shape": (2.0, 3)}, "2.0"),
     ({"image_shape": 6}, "= 6"), ({"image_shape": (-2, -3)}, "-2")],
)  # fmt: skip
def test_bad_rows_are_refused_by_name(change, message):
    good = {"x_train": X, "y_train": LABELS, "x_test": X, "y_test": LABELS, "classes": 3}
    Dataset("mine", **good)
    with pytest.raises(CourseError, match=message):
        Dataset("mine", **good | change)


def test_bad_targets_are_refused_by_name():
    assert Dataset("mine", X, TARGETS, X, TARGETS, None).outputs == 2
    for y, message in [(TARGETS[:, 0], "targets are"), (TARGETS[:, :0], "K ≥ 1"),
                       (TARGETS / 0, "targets hold NaN"), (TARGETS.long(), "int64")]:  # fmt: skip
        with pytest.raises(CourseError, match=message):
            Dataset("mine", X, y, X, y, None)
    with pytest.raises(CourseError, match="test row"):
        Dataset("mine", X, TARGETS, X, TARGETS[:, :1], None)


def test_a_row_may_have_any_shape():
    x = torch.zeros(4, 3, 2, 5)
    data = Dataset("mine", x, LABELS, x, LABELS, classes=3)
    assert data.features == 30 and not data.is_image


@examples
@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 2**63 - 1))
def test_validation_rows_come_out_of_the_training_rows(n, share, seed):
    data, held = rows(n), round(share * n)
    if not 0 < held < n:
        with pytest.raises(CourseError, match="leaves"):
            data.with_validation(share, seed)
        return
    split = data.with_validation(share, seed)
    assert len(split.x_val) == held
    both = torch.cat([split.x_train, split.x_val]), torch.cat([split.y_train, split.y_val])
    old, new = data.x_train[:, 0].argsort(), both[0][:, 0].argsort()
    assert torch.equal(both[0][new], data.x_train[old])
    assert torch.equal(both[1][new], data.y_train[old])
    assert split.x_test is data.x_test and data.x_val is None
    assert same(split, data.with_validation(share, seed))


@examples
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 1000))
def test_a_subset_holds_every_smaller_one(n, m, seed):
    small, large = (rows().subset(k, seed) for k in sorted([n, m]))
    assert torch.equal(large.x_train[: len(small.x_train)], small.x_train)
    assert torch.equal(large.y_train[: len(small.y_train)], small.y_train)
    assert len(large.x_train) == max(n, m) and torch.equal(large.x_test, rows().x_test)


def test_images_are_the_same_numbers_in_another_shape():
    flat = load_data("digits").with_validation()
    images = flat.images()
    assert images.x_train.shape[1:] == images.x_val.shape[1:] == (1, 8, 8)
    assert torch.equal(images.x_test.flatten(1), flat.x_test) and images.features == 64
    assert same(images, images.images()) and flat.x_train.ndim == 2


@pytest.mark.parametrize(
    "change, message",
    [(lambda d: d.images(), "no image_shape"), (lambda d: d.subset(21), "n = 21"),
     (lambda d: d.subset(0), "n = 0"), (lambda d: d.subset(2.5), "2.5"),
     (lambda d: d.subset(3, seed=-1), "seed = -1"), (lambda d: d.with_validation(0), "share = 0"),
     (lambda d: d.with_validation(1.5), "1.5"), (lambda d: d.with_validation(seed="a"), "'a'"),
     (lambda d: d.with_validation().with_validation(), "already")],
)  # fmt: skip
def test_a_change_that_does_not_fit_is_refused(change, message):
    with pytest.raises(CourseError, match=message):
        change(rows())


# ---- standardise --------------------------------------------------------------------------------


def test_standardise_is_scikit_learns_scaler_fitted_to_the_training_rows():
    data = load_data("digits", dtype=DTYPE).with_validation()
    scaler, ours = StandardScaler().fit(data.x_train.numpy()), standardise(data)
    varies = scaler.var_ > 0
    assert varies.sum() < 64
    for (_, x, y), (_, z, same_y) in zip(data.splits(), ours.splits(), strict=True):
        assert np.allclose(z[:, varies], scaler.transform(x.numpy())[:, varies], atol=1e-12)
        assert not z[:, ~varies].any() and torch.equal(y, same_y)
    assert same(standardise(data.images()), ours.images())


@examples
@given(
    st.sampled_from([torch.float32, DTYPE]), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3),
    st.integers(0, 99),
)  # fmt: skip
def test_standardised_rows_have_mean_0_variance_1_and_constants_become_0(dtype, mean, std, seed):
    x = torch.randn(30, 3, generator=generator(seed), dtype=DTYPE)
    x = torch.cat([mean + std * x, torch.full((30, 1), mean)], 1).to(dtype)
    y = torch.zeros(30, dtype=torch.int64)
    data = Dataset("mine", x, y, x[:5] + 1, y[:5], classes=1)
    z = standardise(data)
    # float32 keeps seven digits of mean + std·x
    accuracy = 1e-9 if dtype == DTYPE else 1e-6 * (1 + abs(mean) / std)
    assert z.x_train.dtype == dtype
    assert z.x_train.mean(0).abs().max() < max(accuracy, 1e-6)
    assert (z.x_train[:, :3].std(0, correction=0) - 1).abs().max() < max(accuracy, 1e-6)
    assert not z.x_train[:, 3].any() and not z.x_test[:, 3].any()


def test_a_constant_whose_mean_is_rounded_is_constant_all_the_same():
    x = torch.full((3, 1), 0.1, dtype=DTYPE)
    assert x.std(0, correction=0) != 0
    data = Dataset("mine", x, LABELS[:3], x, LABELS[:3], classes=3)
    assert not standardise(data).x_train.any()


def test_the_test_rows_have_no_say_in_the_scale():
    a = rows()
    b = Dataset("mine", a.x_train, a.y_train, 100 * a.x_test, a.y_test, classes=3)
    assert torch.equal(standardise(a).x_train, standardise(b).x_train)


def test_standardise_refuses_whole_numbers():
    x = torch.ones(4, 2, dtype=torch.uint8)
    with pytest.raises(CourseError, match="uint8"):
        standardise(Dataset("mine", x, LABELS, x, LABELS, classes=3))


# ---- augmentation -------------------------------------------------------------------------------

sides = st.integers(2, 9)
ALL = Augment(Shift(1), Rotate(15), Noise(0.1))


def batch(B, H, W, seed=0):
    return torch.rand(B, H * W, generator=generator(seed), dtype=DTYPE)


@examples
@given(sides, sides, st.data())
def test_shift_moves_every_image_by_its_own_whole_pixels(H, W, data):
    p = data.draw(st.integers(0, min(H, W) - 1))
    x = batch(6, H, W)
    shifted = Shift(p)(x, (H, W), generator(data.draw(st.integers(0, 99))))
    reach = range(-p, p + 1)
    for before, after in zip(x.view(-1, H, W).numpy(), shifted.view(-1, H, W).numpy(), strict=True):
        allowed = (ndimage.shift(before, (i, j), order=0) for i in reach for j in reach)
        assert any(np.array_equal(after, image) for image in allowed)


def test_shift_takes_every_way_equally_often():
    x = torch.zeros(9000, 25, dtype=DTYPE)
    x[:, 12] = 1  # a dot in the middle shows where it went
    moved = Shift(1)(x, (5, 5), generator()).view(-1, 5, 5)
    assert (moved.sum((1, 2)) == 1).all()
    middle = moved.mean(0)[1:4, 1:4]
    assert (middle - 1 / 9).abs().max() < 0.015 and middle.sum().item() == pytest.approx(1)


@examples
@given(sides, sides, st.floats(0, 180), st.integers(0, 99))
def test_rotate_is_scipys_rotation_by_its_own_angle(H, W, degrees, seed):
    x = batch(4, H, W)
    angles = degrees * (2 * torch.rand(4, generator=generator(seed), dtype=DTYPE) - 1)
    turned = Rotate(degrees)(x, (H, W), generator(seed)).view(4, H, W)
    for before, after, angle in zip(x.view(4, H, W), turned, angles, strict=True):
        referee = ndimage.rotate(
            before.numpy(), float(angle), reshape=False, order=1, mode="grid-constant"
        )
        assert np.allclose(after, referee, atol=1e-9)


def test_noise_is_normal_with_the_given_width_and_fits_any_shape():
    x = torch.ones(200, 3, 5, 7, dtype=DTYPE)
    noise = Noise(0.3)(x, None, generator()) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert (noise.abs() < 0.3).double().mean().item() == pytest.approx(0.683, abs=0.01)


@pytest.mark.parametrize("step", [Shift(0), Rotate(0), Noise(0), Augment()], ids=repr)
def test_a_step_of_size_0_changes_nothing(step):
    x = batch(5, 6, 4)
    assert torch.allclose(step(x, (6, 4), generator()), x, atol=1e-12)


@pytest.mark.parametrize("step", [Shift(2), Rotate(30), Noise(0.5), ALL], ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, DTYPE])
def test_steps_keep_what_they_are_handed_and_draw_from_the_generator_alone(step, dtype):
    x = batch(7, 6, 4).to(dtype)
    kept, chance = x.clone(), torch.get_rng_state()
    flat = step(x, (6, 4), generator(1))
    image = step(x.view(7, 1, 6, 4), (6, 4), generator(1))
    assert flat.shape == x.shape and flat.dtype == dtype
    assert image.shape == (7, 1, 6, 4) and torch.equal(image.flatten(1), flat)
    assert not torch.equal(step(x, (6, 4), generator(2)), flat)
    assert torch.equal(x, kept) and torch.equal(torch.get_rng_state(), chance)


class NoReading(TorchDispatchMode):
    """On a GPU these would wait: a number read, a shape that numbers decide, a host constant."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        waits = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "lift_fresh")
        masks = [i for i in args[1] if i is not None] if func.__name__ == "index.Tensor" else []
        assert not any(name in func.__name__ for name in waits), func
        assert not any(mask.dtype == torch.bool for mask in masks), func
        return func(*args, **kwargs or {})


def test_no_step_waits_for_the_device():
    x = batch(7, 6, 4)
    with NoReading():
        ALL(x, (6, 4), generator())
        for wait in (lambda: x[0, 0].item(), lambda: x[x > 0.5], lambda: x + torch.tensor(0.1)):
            with pytest.raises(AssertionError):
                wait()


def test_augment_applies_its_steps_in_order_and_survives_json():
    x, g = batch(5, 6, 4), generator()
    by_hand = Noise(0.1)(Rotate(15)(Shift(1)(x, (6, 4), g), (6, 4), g), (6, 4), g)
    description = json.loads(json.dumps(ALL.describe()))
    assert description == [
        {"kind": "Shift", "pixels": 1}, {"kind": "Rotate", "degrees": 15},
        {"kind": "Noise", "sigma": 0.1},
    ]  # fmt: skip
    for augment in (ALL, build_augment(description)):
        assert torch.equal(augment(x, (6, 4), generator()), by_hand)


@pytest.mark.parametrize(
    "step, name, value",
    [(Shift(2), "pixels", -1), (Shift(2), "pixels", 1.5), (Shift(2), "pixels", "two"),
     (Rotate(5), "degrees", -1), (Rotate(5), "degrees", 181), (Rotate(5), "degrees", math.nan),
     (Noise(0.2), "sigma", -0.1), (Noise(0.2), "sigma", math.inf), (Noise(0.2), "sigma", None)],
)  # fmt: skip
def test_a_bad_parameter_is_refused_when_it_is_set(step, name, value):
    before = getattr(step, name)
    with pytest.raises(CourseError, match=f"{type(step).__name__}.{name} = {value!r}"):
        setattr(step, name, value)
    with pytest.raises(CourseError):
        type(step)(value)
    assert getattr(step, name) == before


@pytest.mark.parametrize(
    "call, message",
    [(lambda x, g: Shift(4)(x, (6, 4), g), "allowed: 0 to 3"),
     (lambda x, g: Shift(1)(x, None, g), "no image_shape"),
     (lambda x, g: Rotate(1)(x, (5, 5), g), r"\(7, 24\)"),
     (lambda x, g: Shift(1)(x.view(7, 6, 4), (6, 4), g), r"\(7, 6, 4\)"),
     (lambda x, g: Rotate(1)(x.long(), (6, 4), g), "int64"),
     (lambda x, g: Rotate(1)(x[:0], (6, 4), g), r"\(0, 24\).*B ≥ 1"),
     (lambda x, g: Noise(1)(x.long(), (6, 4), g), "int64"),
     (lambda x, g: Augment("shift"), "'shift'"),
     (lambda x, g: build_augment([3]), "3 is not a step"),
     (lambda x, g: build_augment([{"pixels": 1}]), "step kind = None"),
     (lambda x, g: build_augment([{"kind": "Flip"}]), "'Flip'.*'Shift'"),
     (lambda x, g: build_augment([{"kind": "Shift", "sigma": 1}]), "'sigma'.*allowed: pixels"),
     (lambda x, g: build_augment([{"kind": "Shift", "pixels": -1}]), "-1")],
)  # fmt: skip
def test_what_does_not_fit_a_step_is_refused(call, message):
    with pytest.raises(CourseError, match=message):
        call(batch(7, 6, 4), generator())


def test_importing_these_modules_is_light():
    modules = "course.data.dataset, course.data.mnist, course.data.preprocess"
    code = f"import {modules}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"sklearn", "scipy", "pooch", "requests", "matplotlib"}
