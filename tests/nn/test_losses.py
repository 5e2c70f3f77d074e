"""Losses, their gradients and their curvature against torch in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES

from course import (
    CourseError,
    compare,
)
from course.nn.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from(LOSSES), st.integers(1, 7), st.integers(1, 6),
    st.floats(1e-3, 1e4), st.integers(0, 10_000),
)  # fmt: skip
@example(CrossEntropy(), 1, 1, 1e4, 0)
def test_losses_with_small_and_with_huge_outputs(loss, B, C, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    z = (scale * torch.randn(B, C, dtype=torch.float64, generator=generator)).requires_grad_()
    if isinstance(loss, CrossEntropy):
        y = torch.randint(0, C, (B,), generator=generator)
        expected = F.cross_entropy(z, y, label_smoothing=loss.smoothing)
    elif isinstance(loss, MeanSquaredError):
        y = torch.randn(B, C, dtype=torch.float64, generator=generator)
        expected = F.mse_loss(z, y)
    else:
        y = torch.rand(B, C, dtype=torch.float64, generator=generator)
        expected = F.binary_cross_entropy_with_logits(z, y)
    expected.backward()
    out, Z = torch.empty(C, B, dtype=torch.float64), z.detach().t().contiguous()
    ours = loss(Z, loss.encode(y, C, B, torch.float64), out, B)
    assert compare(ours, expected, rtol=1e-12, atol=1e-12 * scale)
    assert compare(out.t(), z.grad, rtol=1e-10, atol=1e-15)
    assert compare(loss.value(z.detach(), y), expected, rtol=1e-12, atol=1e-12 * scale)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(LOSSES), st.integers(1, 5), st.integers(0, 1000))
def test_the_loss_knows_its_own_curvature(loss, C, seed):
    generator = torch.Generator().manual_seed(seed)
    z, v = torch.randn(2, C, 3, dtype=torch.float64, generator=generator)
    y = torch.randint(0, C, (3,), generator=generator)
    if not isinstance(loss, CrossEntropy):
        y = torch.rand(3, C, dtype=torch.float64, generator=generator)
    Y = loss.encode(y, C, 3, torch.float64)
    up, down = torch.empty_like(z), torch.empty_like(z)
    loss(z + 1e-6 * v, Y, up, 3), loss(z - 1e-6 * v, Y, down, 3)
    ours = loss.curvature_times(v, loss.probabilities(z), 3)
    assert compare(ours, (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "loss, y, words",
    [
        (CrossEntropy(), torch.randn(3, 2), "class numbers"),
        (BinaryCrossEntropy(), torch.full((3, 2), 1.5), r"\[0, 1\]"),
    ],
)
def test_answers_that_do_not_suit_the_loss_are_refused(loss, y, words):
    with pytest.raises(CourseError, match=words):
        loss.encode(y, 2, 3)


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, math.nan, "much"])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(CourseError, match="smoothing"):
        CrossEntropy(smoothing)
