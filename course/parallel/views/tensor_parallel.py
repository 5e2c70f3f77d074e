"""PyTorch's own tensor parallel, all ranks in one process.

`DTensor` cuts the matrices, as `parallelize_module` is told; on a `LocalTensorMode` every operator
runs once for each rank, on that rank's numbers. Nothing here is ours but the plan.

Source: Shoeybi et al. (2019), section 3; docs.pytorch.org/docs/stable/distributed.tensor.parallel
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from ...errors import CourseError
from ...nn.network import Network
from .counting import Counting
from .groups import fake_group
from .private import private
from .view import (
    MakeOptimizer,
    View,
    check_converges,
    check_run,
    descent,
    largest_gap,
    stepping,
)  # fmt: skip

POINTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.Dropout)


def view_tensor_parallel(
    network: Network, x: Tensor, y: Tensor, world_size: int, steps: int = 1,
    make_optimizer: MakeOptimizer = descent,
) -> View:  # fmt: skip
    """Train a network whose matrices PyTorch has cut by columns and rows; show every rank's part.

        view = view_tensor_parallel(MLP([64, 32, 10], dtype=torch.float64), x, y, world_size=4)
        print(view)
        view.shards["0.weight"][2]  # (8, 64): the units of rank 2

    The network itself stays as it is. With float64 the gap is rounding, 1e-12 or less.

    Args:
        network: without dropout.
        x: (N, features), the whole batch; every rank works on all of it.
        y: (N,) class numbers or (N, outputs) values.
        world_size: ranks, 1 to 64.
        steps: on this same batch.
        make_optimizer: from parameters to a torch optimiser.

    Raises:
        CourseError: for a layer with fewer units than ranks, dropout, rows or answers that do not
            fit, an optimiser that cannot step on parts, numbers that grow beyond any bound, or when
            a process group is there already.
    """
    x, y, world_size, steps = check_run(network, x, y, world_size, steps, make_optimizer)
    styles = plan(network.to_module(), world_size)
    mode = private("LocalTensorMode")
    with fake_group(world_size), mode(world_size), torch.enable_grad():
        module = network.to_module()  # in this mode, so that each rank has memory of its own
        parallelize_module(module, init_device_mesh("cpu", (world_size,)), styles)
        optimizer = make_optimizer(module.parameters())
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            with Counting() as counting:
                loss = network.loss.referee(module(x), y)
                loss.backward()
            with stepping(optimizer):
                optimizer.step()
            losses.append(whole(loss.detach()).item())
        weights = dict(module.named_parameters())
        trained = {name: p.grad for name, p in weights.items() if p.grad is not None}
        gradients = {name: whole(gradient) for name, gradient in trained.items()}
        together = {name: whole(p.detach()) for name, p in weights.items()}
    with torch.enable_grad():
        gap = largest_gap(network, x, y, make_optimizer, losses, gradients, together)
    return View(
        f"PyTorch's tensor parallel on {world_size} ranks, {steps} step{'s'[: steps > 1]}", losses,
        {name: parts(p, world_size) for name, p in weights.items()},
        {name: parts(gradient, world_size) for name, gradient in trained.items()},
        {name: {key: parts(value, world_size) for key, value in optimizer.state[p].items()}
         for name, p in weights.items() if p in optimizer.state},
        together, counting.tally.traffic(), gap,
    )  # fmt: skip


def plan(module: nn.Sequential, world_size: int, prefix: str = "") -> dict[str, Any]:
    """Return how each `Linear` is cut: {name: style}, as `parallelize_module` takes it.

    Two `Linear`s with pointwise layers between are a block: the first is cut by columns, the second
    by rows. One without a partner is cut by columns, and its outputs are gathered.

    Raises:
        CourseError: for a `Linear` to be cut with fewer outputs than ranks.
    """
    styles: dict[str, Any] = {}
    layers = list(module.named_children())
    in_block = False
    for i, (name, layer) in enumerate(layers):
        if isinstance(layer, nn.Sequential):
            styles |= plan(layer, world_size, f"{prefix}{name}.")
        if not isinstance(layer, nn.Linear):
            continue
        if in_block:
            styles[prefix + name], in_block = RowwiseParallel(), False
            continue
        if layer.out_features < world_size:
            raise CourseError(
                f"Linear({layer.out_features}) cannot be cut for {world_size} ranks; take at most "
                f"{layer.out_features} ranks, or a wider layer"
            )
        above = (other for _, other in layers[i + 1 :] if not isinstance(other, POINTWISE))
        in_block = isinstance(next(above, None), nn.Linear)
        styles[prefix + name] = (
            ColwiseParallel(
                use_local_output=layer.out_features % world_size == 0
            )  # a DTensor knows parts of unequal widths
            if in_block
            else ColwiseParallel(output_layouts=Replicate())
        )
    return styles


def parts(x: Any, world_size: int) -> list[Tensor]:
    """Return what each rank has of x, copied; a plain tensor is on every rank."""
    x = x.detach() if isinstance(x, Tensor) else torch.tensor(x)
    local = x.to_local() if isinstance(x, DTensor) else x
    if isinstance(local, private("LocalTensor")):
        return [local._local_tensors[rank].clone() for rank in range(world_size)]
    return [local.clone() for _ in range(world_size)]


def whole(x: Tensor) -> Tensor:
    """Return x put together from the ranks' parts; what should be equal on all of them must be."""
    full = x.full_tensor() if isinstance(x, DTensor) else x
    if not isinstance(full, private("LocalTensor")):
        return full
    check_converges(full._local_tensors[0])
    return full.reconcile()
