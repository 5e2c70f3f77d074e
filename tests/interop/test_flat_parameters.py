"""Which parameters fit into one flat vector; all others are refused by name."""

import gc

import pytest
import torch
from adopted_modules import mlp
from torch import nn

from course import CourseError
from course.interop.adopt import adopt


def overlapping():
    net = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    net["b"].weight.data = net["a"].weight.data.view(4, 4)
    return net


def partly_overlapping():
    net, memory = nn.Module(), torch.zeros(10)
    net.a, net.b = nn.Parameter(memory[:6]), nn.Parameter(memory[5:])
    return net


def shared_with_a_buffer():
    net = nn.Linear(4, 4)
    net.register_buffer("copy", net.weight.data[0])
    return net


def expanded():
    net = nn.Module()
    net.a = nn.Parameter(torch.zeros(1).expand(5))
    return net


def sparse():
    net = nn.Module()
    net.a = nn.Parameter(torch.eye(3).to_sparse())
    return net


def complex_numbers():
    net = nn.Module()
    net.a = nn.Parameter(torch.ones(3, dtype=torch.complex64))
    return net


def mixed_types():
    net = mlp()
    net[2].double()
    return net


def on_two_devices():
    net = mlp()
    net[2].to("meta")
    return net


def inference():
    with torch.inference_mode():
        return mlp()


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: mlp().requires_grad_(False), "0 trainable parameters"),
        (lambda: nn.ReLU(), "0 trainable parameters"),
        (mixed_types, "'2.weight' is torch.float64, others are torch.float32"),
        (on_two_devices, "'2.weight' lies on the device 'meta'"),
        (complex_numbers, "'a' is torch.complex64"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), "'0.weight' is lazy"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LazyBatchNorm1d(affine=False)), "lazy"),
        (sparse, "'a' is torch.sparse_coo"),
        (inference, "'0.weight' was made under torch.inference_mode"),
        (overlapping, "'b.weight' lies in the same memory as 'a.weight'"),
        (partly_overlapping, "'b' lies in the same memory as 'a'"),
        (shared_with_a_buffer, "'weight' lies in the same memory as 'copy'|'copy' lies"),
        (expanded, "'a' lies in the same memory as itself"),
        (lambda: nn.Linear, "takes a torch.nn.Module"),
        (lambda: torch.zeros(3), "takes a torch.nn.Module"),
    ],
)
def test_what_cannot_join_is_refused_by_name(build, says):
    module = build()
    parameters = list(module.parameters()) if isinstance(module, nn.Module) else []
    dense = [p for p in parameters if not nn.parameter.is_lazy(p) and not p.is_sparse]
    homes = [p.data_ptr() for p in dense]
    with pytest.raises(CourseError, match=says):
        adopt(module)
    assert homes == [p.data_ptr() for p in dense], "a refusal changed the module"
    assert all(p.grad is None for p in parameters)


def test_buffers_that_share_memory_among_themselves_are_their_own_affair():
    net = mlp()
    net.register_buffer("ids", torch.arange(6).expand(3, 6))
    net.register_buffer("first", net.ids[0])
    adopt(net)


def test_one_adopter_at_a_time():
    net = mlp()
    model = adopt(net)
    for module in (net, net[2], nn.Sequential(nn.ReLU(), net)):
        with pytest.raises(CourseError, match="weight' is adopted already"):
            adopt(module)
    kept = model.theta.clone()
    del model
    gc.collect()
    assert torch.equal(adopt(net).theta, kept)
