"""Soups against PyTorch's averaged models; bias and variance against numbers known exactly."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from course import CourseError
from course.ensembles.soups import bias_variance, greedy_soup, soup


def test_a_soup_is_the_averaged_model_of_pytorch():
    models = [nn.Linear(3, 2).double() for _ in range(4)]
    averaged = AveragedModel(models[0])
    for m in models:
        averaged.update_parameters(m)
    flat = [nn.utils.parameters_to_vector(m.parameters()).detach() for m in models]
    expected = nn.utils.parameters_to_vector(averaged.module.parameters())
    assert torch.allclose(soup(flat), expected, atol=1e-12)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=6), st.integers(-20, 20))
def test_a_greedy_soup_is_no_worse_than_its_best_member(values, target):
    thetas = [torch.tensor([float(v)]) for v in values]

    def score(theta):
        return -abs(float(theta) - target)

    made, members = greedy_soup(thetas, score)
    assert score(made) >= max(map(score, thetas)) - 1e-5
    assert members[0] == max(range(len(values)), key=lambda i: score(thetas[i]))
    assert torch.equal(made, soup([thetas[i] for i in members]))
    assert len(set(members)) == len(members)


def test_a_greedy_soup_by_hand():
    thetas = [torch.tensor([v]) for v in (9.0, 2.0, -1.0, 3.0)]
    made, members = greedy_soup(thetas, lambda t: -abs(float(t)))
    # -1 is best; with 2 it is 0.5, better; with 3 as well 4/3, worse; so is 9
    assert members == [2, 1] and made.tolist() == [0.5]
    assert greedy_soup([torch.ones(1)] * 3, lambda t: 0.0)[1] == [0, 1, 2]  # as well: joins


def test_bias_and_variance_are_those_of_a_shrunken_mean():
    """F = s · mean of n draws of N(μ, 1): bias² = (1 - s)² μ², variance = s²/n, exactly."""
    M, n, s, mu = 4000, 5, 0.8, 2.0
    draws = torch.randn(M, n, generator=torch.Generator().manual_seed(0)).double() + mu
    F = s * draws.mean(1)
    parts = bias_variance(list(F[:, None, None]), torch.tensor([[mu]]).double())
    v = s**2 / n
    error_of_variance = v * math.sqrt(2 / M)  # standard errors
    error_of_bias = 2 * (1 - s) * mu * math.sqrt(v / M)
    assert abs(parts.variance - v) < 4 * error_of_variance
    assert abs(parts.bias_squared - (1 - s) ** 2 * mu**2) < 4 * error_of_bias
    assert parts.error == pytest.approx(parts.bias_squared + parts.variance, rel=1e-12)


@given(st.integers(1, 6), st.integers(0, 99))
def test_the_parts_add_up(M, seed):
    F = torch.randn(M, 3, 2, generator=torch.Generator().manual_seed(seed))
    truth = torch.ones(3, 2)
    parts = bias_variance(list(F), truth)
    assert parts.error == pytest.approx(float((F - 1).double().square().mean()), rel=1e-6)
    assert parts.error == pytest.approx(parts.bias_squared + parts.variance, rel=1e-9)
    spread = float(F.double().var(0, correction=0).mean())
    assert parts.variance == pytest.approx(spread, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: soup([]), "thetas have shapes .*at least one"),
        (lambda: soup([torch.ones(2), torch.ones(3)]), "take models of one architecture"),
        (lambda: soup([torch.ones(2, 2)]), r"all \(P,\)"),
        (lambda: greedy_soup([], float), "at least one"),
        (lambda: bias_variance([torch.ones(2, 1)], torch.ones(2)), r"truth is \(2,\); allowed"),
        (lambda: bias_variance([], torch.ones(2)), "at least one"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, words):
    with pytest.raises(CourseError, match=words):
        call()
