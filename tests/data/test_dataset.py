"""A data set's own rules."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from data_rows import LABELS, TARGETS, X, examples, rows, same
from hypothesis import given
from hypothesis import strategies as st

from course.data.dataset import Dataset
from course.data.loading import load_data
from course.errors import CourseError


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


def test_the_smallest_set_that_is_allowed():
    x, y = torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64)
    data = Dataset("mine", x, y, x, y, classes=1, image_shape=(1, 1))
    assert (data.features, data.outputs) == (1, 1) and data.is_image
    assert Dataset("mine", x, x, x, x, None).outputs == 1
    full = Dataset("mine", X, LABELS, X, LABELS, classes=3)  # 2 is the last of three classes
    assert full.outputs == 3 and not full.is_2d
    assert Dataset("mine", X[:, :2], LABELS, X[:, :2], LABELS, 3).is_2d


def test_one_number_that_is_not_finite_is_enough():
    for bad in (math.nan, math.inf, -math.inf):
        x, y = X.clone(), TARGETS.clone()
        x[1, 2] = y[2, 1] = bad
        with pytest.raises(CourseError, match="train inputs hold NaN or infinity"):
            Dataset("mine", x, LABELS, X, LABELS, 3)
        with pytest.raises(CourseError, match="test targets hold NaN or infinity"):
            Dataset("mine", X, TARGETS, X, y, None)


@pytest.mark.parametrize("half", [{"x_val": X}, {"y_val": LABELS}])
def test_half_a_validation_split_is_refused(half):
    with pytest.raises(CourseError, match="only one of x_val and y_val"):
        Dataset("mine", X, LABELS, X, LABELS, 3, **half)


def test_the_splits_in_order():
    data = Dataset("mine", X, LABELS, X[:2], LABELS[:2], 3)
    assert [(name, len(x), len(y)) for name, x, y in data.splits()] == [
        ("train", 4, 4), ("test", 2, 2),
    ]  # fmt: skip
    assert [name for name, _, _ in data.with_validation(0.5).splits()] == ["train", "test", "val"]


# ---- noise in the labels ------------------------------------------------------------------------


@examples
@given(st.integers(2, 5), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_a_larger_share_of_wrong_labels_holds_the_smaller_one(classes, a, b, seed):
    data = rows(50, classes=classes)
    few, many = (data.noisy_labels(share, seed) for share in sorted([a, b]))
    wrong = few != data.y_train
    assert torch.equal(many[wrong], few[wrong]) and (many != data.y_train).sum() >= wrong.sum()
    assert few.dtype == torch.int64 and 0 <= few.min() and few.max() < classes
    assert torch.equal(few, data.noisy_labels(sorted([a, b])[0], seed))


def test_the_share_is_that_of_the_rows_and_any_other_label_is_as_likely():
    data = rows(30_000, classes=3)
    noisy = data.noisy_labels(0.4)
    counts = torch.zeros(3, 3).index_put((data.y_train, noisy), torch.ones(30_000), accumulate=True)
    share = counts / 10_000
    assert torch.allclose(share, 0.2 + 0.4 * torch.eye(3), atol=0.02)
    assert torch.equal(data.noisy_labels(0), data.y_train)
    assert not (data.noisy_labels(1) == data.y_train).any()
    assert not torch.equal(data.noisy_labels(0.4, seed=1), noisy)


def test_label_noise_needs_two_classes_and_a_share():
    one = Dataset("mine", X, 0 * LABELS, X, 0 * LABELS, classes=1)
    curve = Dataset("mine", X, TARGETS, X, TARGETS, None)
    for data in (one, curve):
        with pytest.raises(CourseError, match="no classes to confuse"):
            data.noisy_labels(0.1)
    for share in (-0.1, 1.1, "much"):
        with pytest.raises(CourseError, match="label_noise"):
            rows().noisy_labels(share)
    assert set(rows(classes=2).noisy_labels(1).tolist()) == {0, 1}


# ---- what was done ------------------------------------------------------------------------------


def test_a_set_of_your_own_has_no_source_and_a_loaded_one_tells_what_was_done():
    assert rows().subset(3).source is None
    data = load_data("moons", seed=2)
    assert data.source == {"name": "moons", "seed": 2, "test_share": 0.2, "dtype": "float32"}
    steps = data.subset(30, seed=4).with_validation(0.5, seed=1).source
    assert steps == data.source | {
        "then": [["subset", {"n": 30, "seed": 4}], ["with_validation", {"share": 0.5, "seed": 1}]]
    }
    assert "then" not in data.source


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


# ---- imports -------------------------------------------------------------------------------------


def test_importing_these_modules_is_light():
    modules = "course.data.dataset, course.data.mnist, course.data.preprocess"
    code = f"import {modules}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"sklearn", "scipy", "pooch", "requests", "matplotlib"}
