"""What pruning saves, held to SciPy's CSR, NumPy's bits, and the network that was pruned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from course import MLP, CourseError
from course.pruning.choosing import by_magnitude, by_unit, matrices
from course.pruning.saving import sizes, smaller


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=4), st.floats(0, 1),
    st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_bytes_equal_those_of_scipy_and_numpy(widths, share, dtype):
    net = MLP(widths, dtype=dtype)
    keep = by_magnitude(net, share)
    net.theta.mul_(keep)
    dense = csr = bits = flops = 0
    for W in matrices(net, net.theta).values():
        a = W.numpy()
        s = csr_array(a)
        dense += a.nbytes
        csr += s.data.nbytes + s.indices.nbytes + s.indptr.nbytes
        bits += a[a != 0].nbytes + np.packbits(a != 0).nbytes
        flops += 2 * s.nnz
    assert sizes(net) == (dense, csr, bits, flops)
    assert sizes(net, keep) == sizes(net)


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5), st.floats(0, 1),
    st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]), st.integers(0, 99),
)  # fmt: skip
def test_a_smaller_network_gives_the_same_outputs(widths, share, activation, seed):
    net = MLP(widths, activation, seed, torch.float64, init="xavier", loss="mse")
    g = torch.Generator().manual_seed(seed)
    net.theta.copy_(torch.randn(len(net.theta), generator=g).double() * by_unit(net, share))
    small, x = smaller(net), torch.randn(7, widths[0], generator=g).double()
    assert torch.allclose(small.predict(x), net.predict(x), atol=1e-10)
    hidden = [n - min(round(share * n), n - 1) for n in widths[1:-1]]
    assert small.sizes == [widths[0], *hidden, widths[-1]]
    assert (small.activation, small.init, small.seed, small.loss.name, small.theta.dtype) == (
        activation, "xavier", seed, "mse", torch.float64
    )  # fmt: skip


def test_a_layer_without_weights_keeps_one_unit():
    net = MLP([3, 4, 2], "sigmoid", dtype=torch.float64)
    net.named_views(net.theta)["0.weight"].zero_()
    net.named_views(net.theta)["0.bias"].copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    x = torch.randn(5, 3, dtype=torch.float64)
    small = smaller(net)
    assert small.sizes == [3, 1, 2] and torch.allclose(small.predict(x), net.predict(x))


@pytest.mark.parametrize("options", [{"dropout": 0.1}, {"residual": True}, {"norm": True}])
def test_other_networks_are_refused(options):
    with pytest.raises(CourseError, match="cannot lose units; allowed: an MLP without dropout"):
        smaller(MLP([3, 4, 4, 2], **options))
