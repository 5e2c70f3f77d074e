"""PyTorch's own sharded data parallel, FSDP2, with ranks as threads of one process.

`fully_shard` cuts each weight by rows (dimension 0) over the ranks, gathers a layer when it is
needed, and sums and cuts its gradient. The ranks talk by PyTorch's threaded process group.

FSDP2 takes the plain mean of the ranks' gradients. Rank k has n_k of the n rows, so its loss is
multiplied by world_size · n_k / n: then the mean is the gradient of one process.

Source: Zhao et al. (2023); docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from ...nn.blocks import NormOff
from ...nn.network import Network
from ..communicator import cuts
from .counting import counting_calls
from .groups import run_on_threads
from .view import (
    MakeOptimizer,
    View,
    check_converges,
    check_run,
    descent,
    largest_gap,
    stepping,
)  # fmt: skip


def view_fully_sharded(
    network: Network, x: Tensor, y: Tensor, world_size: int, steps: int = 1,
    make_optimizer: MakeOptimizer = descent,
) -> View:  # fmt: skip
    """Train a network that FSDP2 has cut over the ranks; show every rank's part.

        view = view_fully_sharded(
            MLP([64, 32, 10], dtype=torch.float64), x, y, world_size=4, steps=3,
            make_optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
        )
        print(view)
        view.state["0.weight"]["exp_avg"][2]  # (8, 64): rank 2 keeps Adam's mean of its rows only

    Each layer with weights is a unit of its own; the weights of a switched-off norm, which nothing
    uses, are not. The network itself stays as it is. With float64 the gap is rounding, 1e-12 or
    less.

    Args:
        network: without dropout.
        x: (N, features), the whole batch; rank k gets the rows that `cuts` gives it.
        y: (N,) class numbers or (N, outputs) values.
        world_size: ranks, 1 to 64; at most N.
        steps: on this same batch.
        make_optimizer: from a rank's parameters to a torch optimiser.

    Raises:
        CourseError: for more ranks than rows, dropout, rows or answers that do not fit, an
            optimiser that cannot step on parts, numbers that grow beyond any bound, or when a
            process group is there already.
    """
    x, y, world_size, steps = check_run(network, x, y, world_size, steps, make_optimizer)

    def program(rank: int) -> dict:
        mine = cuts(len(x), world_size)[rank]
        share = world_size * (mine.stop - mine.start) / len(x)
        return train(network, x[mine], y[mine], world_size, share, steps, make_optimizer)

    ranks = run_on_threads(world_size, program)
    first = ranks[0]
    losses = [sum(step) / world_size for step in zip(*(r["losses"] for r in ranks), strict=True)]
    with torch.enable_grad():
        gap = largest_gap(
            network, x, y, make_optimizer, losses, first["whole gradients"], first["whole"]
        )
    return View(
        f"PyTorch's fully_shard on {world_size} ranks, {steps} step{'s'[: steps > 1]}", losses,
        {name: [r["shards"][name] for r in ranks] for name in first["shards"]},
        {name: [r["gradients"][name] for r in ranks] for name in first["gradients"]},
        {name: {key: [r["state"][name][key] for r in ranks] for key in state}
         for name, state in first["state"].items()},
        first["whole"], first["traffic"], gap,
    )  # fmt: skip


def train(
    network: Network, x: Tensor, y: Tensor, world_size: int, share: float, steps: int,
    make_optimizer: MakeOptimizer,
) -> dict:  # fmt: skip
    """Train on one rank, on its rows; return its parts and, by every rank's, the whole.

    share: what the loss is multiplied by.
    """
    module, mesh = network.to_module(), init_device_mesh("cpu", (world_size,))
    for layer in module:
        if not isinstance(layer, NormOff):
            fully_shard(layer, mesh=mesh)
    fully_shard(module, mesh=mesh)
    optimizer = make_optimizer(module.parameters())
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with counting_calls(dist.group.WORLD) as tally:
            loss = network.loss.referee(module(x), y) * share
            loss.backward()
        with stepping(optimizer):
            optimizer.step()
        losses.append(loss.item())
    weights = dict(module.named_parameters())
    trained = {name: p.grad for name, p in weights.items() if p.grad is not None}
    return {
        "losses": losses, "traffic": tally.traffic(),
        "shards": {name: part(p) for name, p in weights.items()},
        "gradients": {name: part(gradient) for name, gradient in trained.items()},
        "state": {name: {key: part(value) for key, value in optimizer.state[p].items()}
                  for name, p in weights.items() if p in optimizer.state},
        "whole": {name: whole(p) for name, p in weights.items()},
        "whole gradients": {name: whole(gradient) for name, gradient in trained.items()},
    }  # fmt: skip


def part(x) -> Tensor:
    """Return what this rank has of x, copied."""
    x = x.detach() if isinstance(x, Tensor) else torch.tensor(x)
    return (x.to_local() if isinstance(x, DTensor) else x).clone()


def whole(x: Tensor) -> Tensor:
    """Return x put together from the parts of all ranks; each of them calls it."""
    x = x.detach()
    full = x.full_tensor() if isinstance(x, DTensor) else x
    check_converges(full)
    return full
