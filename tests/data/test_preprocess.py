"""Preparing inputs, against scikit-learn's scaler and scipy's images."""

import json
import math

import numpy as np
import pytest
import torch
from data_rows import DTYPE, LABELS, examples, generator, rows, same
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.preprocessing import StandardScaler
from torch.utils._python_dispatch import TorchDispatchMode

from course.data.dataset import Dataset
from course.data.loading import load_data
from course.data.preprocess import Augment, Noise, Rotate, Shift, Step, build_augment, standardise
from course.errors import CourseError


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
    seed = data.draw(st.integers(0, 99))
    down, right = torch.randint(-p, p + 1, (2, 6), generator=generator(seed)).tolist()
    shifted = Shift(p)(x, (H, W), generator(seed)).view(-1, H, W).numpy()
    for before, after, i, j in zip(x.view(-1, H, W).numpy(), shifted, down, right, strict=True):
        assert np.array_equal(after, ndimage.shift(before, (i, j), order=0))


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


def test_the_usual_steps():
    assert (Shift().pixels, Rotate().degrees, Noise().sigma) == (1, 10.0, 0.1)
    assert (Shift(0).pixels, Rotate(180).degrees, Noise(1e9).sigma) == (0, 180.0, 1e9)


def test_a_step_of_your_own_says_what_is_allowed_and_what_it_does():
    class Blank(Step):
        pass

    with pytest.raises(TypeError, match="Blank does not say what is allowed"):
        Blank().size = 3
    with pytest.raises(TypeError, match="Blank does not say what to do"):
        Blank()(batch(2, 3, 3), (3, 3), generator())


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
