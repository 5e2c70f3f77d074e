"""Masks equal those of `torch.nn.utils.prune` on the same weights."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course import MLP, CourseError, adopt
from course.pruning.choosing import at_random, by_magnitude, by_unit, matrices, n_of_m

WIDTHS = st.lists(st.integers(1, 9), min_size=2, max_size=4)
SHARES = st.floats(0, 1)


def pair(widths, seed):
    """A network whose biases are not 0, and the same as a module."""
    net = MLP(widths, seed=seed, dtype=torch.float64)
    net.theta.copy_(torch.randn(len(net.theta), generator=torch.Generator().manual_seed(seed)))
    module = net.to_module()
    return net, [(m, "weight") for m in module if isinstance(m, nn.Linear)]


def same(net, keep, layers):
    ours = list(matrices(net, keep).values())
    assert len(ours) == len(layers)
    for view, (m, _) in zip(ours, layers, strict=True):
        mask = getattr(m, "weight_mask", torch.ones_like(m.weight))
        assert torch.equal(view, mask.bool())
    total = sum(int((~view).sum()) for view in ours)
    assert int((~keep).sum()) == total  # every bias stays


@settings(max_examples=30)
@given(WIDTHS, SHARES, st.integers(0, 99))
def test_magnitude_equals_pytorch_by_layer_and_over_all(widths, share, seed):
    net, layers = pair(widths, seed)
    before = net.theta.clone()
    if widths:
        keep = by_magnitude(net, share, "all")
        prune.global_unstructured(layers, prune.L1Unstructured, amount=share)
        same(net, keep, layers)
    net, layers = pair(widths, seed)
    for m, name in layers:
        prune.l1_unstructured(m, name, share)
    same(net, by_magnitude(net, share), layers)
    assert torch.equal(net.theta, before)


@settings(max_examples=30)
@given(WIDTHS, SHARES, st.integers(0, 99))
def test_a_random_mask_equals_pytorch_after_the_same_seed(widths, share, seed):
    net, layers = pair(widths, seed)
    assume(all(round(share * m.weight.numel()) for m, _ in layers))  # PyTorch draws for these only
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for m, name in layers:
            prune.random_unstructured(m, name, share)
    same(net, at_random(net, share, seed), layers)


@settings(max_examples=30)
@given(WIDTHS, st.floats(0, 1), st.sampled_from([1, 2, float("inf")]), st.integers(0, 99))
def test_units_equal_pytorch_but_for_the_last_layer_and_the_last_unit(widths, share, norm, seed):
    net, layers = pair(widths, seed)
    for m, name in layers[:-1]:
        units = m.weight.shape[0]
        prune.ln_structured(m, name, min(round(share * units), units - 1), norm, 0)
    same(net, by_unit(net, share, norm), layers)


def test_a_unit_is_judged_by_the_norm_that_is_asked_for():
    net = MLP([2, 2, 1], dtype=torch.float64)
    net.named_views(net.theta)["0.weight"].copy_(torch.tensor([[3.0, 3.0], [5.0, 0.0]]))
    for norm, lost in ((1, 1), (2, 0), (float("inf"), 0)):
        kept = net.named_views(by_unit(net, 0.5, norm))["0.weight"].all(1)
        assert not kept[lost] and kept[1 - lost]
    assert torch.equal(by_unit(net, 0.5), by_unit(net, 0.5, 2))


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.data())
def test_n_of_m_keeps_the_largest_of_each_group(units, groups, m, data):
    n = data.draw(st.integers(1, m))
    net = MLP([groups * m, units], seed=3, dtype=torch.float64)
    keep = net.named_views(n_of_m(net, n, m))
    W = net.named_views(net.theta)["0.weight"]
    for row, mask in zip(W, keep["0.weight"], strict=True):
        for values, kept in zip(row.split(m), mask.split(m), strict=True):
            assert int(kept.sum()) == n
            if n < m:
                assert values[kept].abs().min() >= values[~kept].abs().max()
    assert keep["0.bias"].all()


def test_two_of_four_is_the_default_and_fits_an_adopted_convolution():
    model = adopt(nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(12, 2)), loss="mse")
    keep = n_of_m(model)
    assert torch.equal(keep, n_of_m(model, 2, 4))
    assert (model.named_views(keep)["0.weight"].reshape(-1, 4).sum(1) == 2).all()


def test_an_adopted_module_is_pruned_as_pytorch_does():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 2))
    twin = copy.deepcopy(module)
    prune.l1_unstructured(twin[0], "weight", 0.5)
    model = adopt(module, loss="mse")
    mask = model.named_views(by_magnitude(model, 0.5))
    assert torch.equal(mask["0.weight"], twin[0].weight_mask.bool()) and mask["0.bias"].all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda net: by_magnitude(net, 1.5), "share = 1.5"),
        (lambda net: by_magnitude(net, -0.1), "share = -0.1"),
        (lambda net: by_magnitude(net, 0.5, "row"), "scope = 'row' is unknown"),
        (lambda net: at_random(net, 0.5, -1), "seed = -1"),
        (lambda net: by_unit(net, 2), "share = 2"),
        (lambda net: by_unit(net, 0.5, 0.5), "norm = 0.5"),
        (lambda net: n_of_m(net, 0), "n = 0"),
        (lambda net: n_of_m(net, 5), "n = 5"),
        (lambda net: n_of_m(net, 1, 0), "m = 0"),
        (lambda net: n_of_m(net, 2, 4), "'0.weight' has 6 inputs a unit; allowed for 2 of 4: mult"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, words):
    with pytest.raises(CourseError, match=words):
        call(MLP([6, 4, 2]))
