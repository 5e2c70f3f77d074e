"""Shards of an epoch's rows for ranks. Referee: torch's DistributedSampler."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from course import MLP, CourseError, compare, load_data
from course.data.batches import shard


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 100))
def test_shards_are_disjoint_cover_all_and_match_torchs_sampler(n, world_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    kept = [shard(order, k, world_size) for k in range(world_size)]
    assert sorted(torch.cat(kept).tolist()) == list(range(n))
    assert max(map(len, kept)) - min(map(len, kept)) <= 1
    for tail, drop in (("pad", False), ("drop", True)):
        if drop and n < world_size:
            continue  # torch's sampler then has a negative length
        for k in range(world_size):
            theirs = DistributedSampler(range(n), world_size, k, shuffle=False, drop_last=drop)
            ours = shard(torch.arange(n), k, world_size, tail)
            assert ours.tolist() == list(theirs), (tail, k)


@pytest.mark.parametrize("bad", [(4, 4, "keep"), (-1, 4, "keep"), (0, 0, "keep"), (0, 2, "cut")])
def test_bad_shards_are_refused(bad):
    with pytest.raises(CourseError, match="rank|world_size|tail"):
        shard(torch.arange(10), *bad)


def test_shard_gradients_weighted_by_their_rows_are_the_batch_gradient():
    model, data = MLP([64, 8, 10], dtype=torch.float64), load_data("digits", dtype=torch.float64)
    x, y = data.x_train[:50], data.y_train[:50]
    model.loss_and_grad(*model.encode(x, y))
    whole, total = model.grad.clone(), torch.zeros_like(model.grad)
    for k in range(4):
        rows = shard(torch.arange(50), k, 4)
        model.loss_and_grad(*model.encode(x[rows], y[rows]))
        total += len(rows) / 50 * model.grad
    assert compare(total, whole, rtol=1e-10, atol=1e-14)
