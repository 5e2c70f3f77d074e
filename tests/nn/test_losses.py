"""Losses, their gradients and their curvature against torch in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nn_problems import LOSSES

from course import CourseError, compare
from course.nn.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError, build_loss

cases = [(kind(), {}) for kind in (CrossEntropy, MeanSquaredError, BinaryCrossEntropy)]
cases += [(CrossEntropy(s), {"label_smoothing": s}) for s in (0.2, 1.0)]
THEIRS = {
    "cross_entropy": F.cross_entropy,
    "mse": F.mse_loss,
    "bce": F.binary_cross_entropy_with_logits,
}


def answers(loss, kind, B, C, generator):
    """(y as a data set has it, y as torch's function takes it)."""
    if loss.name == "cross_entropy" or (kind == "numbers" and C > 1):
        y = torch.randint(0, C, (B,), generator=generator)
        return y, y if loss.name == "cross_entropy" else F.one_hot(y, C).double()
    if kind == "numbers" and loss.name == "bce":  # yes or no, for one output
        y = torch.randint(0, 2, (B,), generator=generator)
        return y, y[:, None].double()
    y = torch.rand(B, C, dtype=torch.float64, generator=generator)
    return y, y


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from(cases), st.sampled_from(["numbers", "values"]), st.integers(1, 7),
    st.integers(1, 6), st.floats(1e-3, 1e4), st.integers(0, 5), st.integers(0, 10_000),
)  # fmt: skip
@example(cases[0], "numbers", 1, 1, 1e4, 0, 0)
@example(cases[2], "numbers", 5, 1, 1.0, 3, 0)
@example(cases[2], "numbers", 5, 2, 1.0, 3, 0)
@example(cases[2], "values", 5, 1, 1.0, 3, 0)
def test_losses_are_torchs_with_small_and_with_huge_outputs(case, kind, B, C, scale, more, seed):
    """Also of a part of a batch, whose mean runs over `more` rows than are here."""
    (loss, options), generator = case, torch.Generator().manual_seed(seed)
    z = (scale * torch.randn(B, C, dtype=torch.float64, generator=generator)).requires_grad_()
    y, torchs_y = answers(loss, kind, B, C, generator)
    mean = THEIRS[loss.name](z, torchs_y, **options)
    expected = mean * B / (B + more)
    expected.backward()
    out, Z = torch.empty(C, B, dtype=torch.float64), z.detach().t().contiguous()
    ours = loss(Z, loss.encode(y, C, B + more, torch.float64), out, B + more)
    assert compare(ours, expected, rtol=1e-12, atol=1e-12 * scale)
    assert compare(out.t(), z.grad, rtol=1e-10, atol=1e-15)
    assert compare(loss.value(z.detach(), y), mean, rtol=1e-12, atol=1e-12 * scale)
    assert compare(loss.referee(z, y), mean, rtol=1e-12, atol=1e-12 * scale)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(LOSSES), st.integers(1, 5), st.integers(3, 6), st.integers(0, 1000))
def test_the_loss_knows_its_own_curvature(loss, C, denominator, seed):
    generator = torch.Generator().manual_seed(seed)
    z, v = torch.randn(2, C, 3, dtype=torch.float64, generator=generator)
    y = torch.randint(0, C, (3,), generator=generator)
    if not isinstance(loss, CrossEntropy):
        y = torch.rand(3, C, dtype=torch.float64, generator=generator)
    Y = loss.encode(y, C, denominator, torch.float64)
    up, down = torch.empty_like(z), torch.empty_like(z)
    loss(z + 1e-6 * v, Y, up, denominator), loss(z - 1e-6 * v, Y, down, denominator)
    ours = loss.curvature_times(v, loss.probabilities(z), denominator)
    assert compare(ours, (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


def test_probabilities_are_torchs():
    z = torch.randn(4, 3, dtype=torch.float64)
    expected = {"cross_entropy": F.softmax(z, 0), "mse": z, "bce": F.sigmoid(z)}
    for name, p in expected.items():
        assert compare(build_loss(name).probabilities(z), p, rtol=1e-14)


@pytest.mark.parametrize(
    "loss, y, words",
    [
        (CrossEntropy(), torch.randn(3, 2), "class numbers"),
        (CrossEntropy(), torch.ones(3), "class numbers"),
        (CrossEntropy(), torch.ones(3, 2, dtype=torch.long), "class numbers"),
        (BinaryCrossEntropy(), torch.tensor([[0.5, 1.5]] * 3), r"\[0, 1\]"),
        (BinaryCrossEntropy(), torch.tensor([[0.5, -0.1]] * 3), r"\[0, 1\]"),
    ],
)
def test_answers_that_do_not_suit_the_loss_are_refused(loss, y, words):
    with pytest.raises(CourseError, match=words):
        loss.encode(y, 2, 3)


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, math.nan, "much"])
def test_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(CourseError, match="smoothing"):
        CrossEntropy(smoothing)
