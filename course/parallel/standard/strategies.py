"""PyTorch's strategies, each on one rank: DDP, FSDP2, DTensor, pipelining."""

import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import (
    PipelineStage,
    Schedule1F1B,
    ScheduleGPipe,
    ScheduleInterleaved1F1B,
)
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from ...errors import CourseError
from ...nn.layers import Layer, Linear
from ...nn.network import Network
from ...nn.stack import Stack
from ..communicator import cuts
from ..pipeline import cut_into_stages
from ..schedules import make_schedule
from ..tensor_parallel import POINTWISE
from ..work import spans, widths
from .optimizer import by_kind, start_buffers

SCHEDULES = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B, "interleaved": ScheduleInterleaved1F1B}


class Standard:
    """A network as PyTorch trains it on this rank.

    Args:
        network: the same on each rank, on the device to train on.

    Attributes:
        module: this rank's, wrapped; its parameters are what the optimiser moves.
    """

    def __init__(self, network: Network):
        self.network, self.loss = network, network.loss.referee
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.device = network.theta.device
        self.module: nn.Module = self.wrap(network.to_module())
        self.groups = by_kind(self.module.parameters())

    def wrap(self, module: nn.Sequential) -> nn.Module:
        """Return the module as this strategy runs it."""
        raise TypeError(f"{type(self).__name__} does not say how it wraps a module")

    def mesh(self):
        """Return the ranks in one row."""
        return init_device_mesh(self.device.type, (self.world_size,))

    def optimizer(self, kind: type[Optimizer], numbers: dict[str, Any]) -> Optimizer:
        """Return an optimiser of this rank's parameters."""
        optimizer = kind([{"params": group} for group in self.groups], **numbers)
        start_buffers(optimizer)
        return optimizer

    def loss_and_grad(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of the whole batch, 0-d; leave gradients in the parameters.

        Args:
            x: (B, n_0), the whole batch, on each rank.
            y: (B, …), its answers.
        """
        raise TypeError(f"{type(self).__name__} does not say how to compute a gradient")

    def norm(self) -> Tensor:
        """Return the norm of the whole gradient, 0-d."""
        grads = [[p.grad for p in group if p.grad is not None] for group in self.groups]
        norms = [nn.utils.get_total_norm(group) for group in grads]
        return torch.linalg.vector_norm(torch.stack([whole(norm) for norm in norms]))

    def weights(self) -> Tensor:
        """Return all weights in the course's order: (P,), the same on each rank."""
        theta = torch.zeros_like(self.network.theta)
        views = self.network.named_views(theta)
        for name, p in self.module.named_parameters():
            views[name.removeprefix("module.")].copy_(whole(p.detach()))
        return theta


def whole(x: Tensor) -> Tensor:
    """Return all of a tensor of which each rank may have a part."""
    return x.full_tensor() if isinstance(x, DTensor) else x


# ---- by rows ------------------------------------------------------------------------------------


class Data(Standard):
    """`DistributedDataParallel`: all weights on each rank, a part of the rows."""

    def wrap(self, module):
        return DistributedDataParallel(module)

    def loss_and_grad(self, x, y):
        rows = cuts(len(x), self.world_size)[self.rank]
        share = (rows.stop - rows.start) / len(x)
        outputs = self.module(x[rows])
        # Without a row the mean is 0/0; the sum is 0, and so are its gradients.
        loss = self.loss(outputs, y[rows]) * share if share else outputs.sum()
        (loss * self.world_size).backward()  # torch takes the mean over the ranks
        total = loss.detach().clone()
        dist.all_reduce(total)
        return total


class Zero1(Data):
    """`ZeroRedundancyOptimizer` on DDP: the optimiser's state is shared out, tensor by tensor."""

    def optimizer(self, kind, numbers):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what it imports is torch's affair
            from torch.distributed.optim import ZeroRedundancyOptimizer
        optimizer = ZeroRedundancyOptimizer(self.groups[0], kind, **numbers)
        start_buffers(optimizer.optim)
        return optimizer


class Zero2(Data):
    """FSDP2 that keeps the gathered weights from forward to backward."""

    reshard = False

    def wrap(self, module):
        mesh = self.mesh()
        for layer in module:
            if next(layer.parameters(), None) is not None:
                fully_shard(layer, mesh=mesh, reshard_after_forward=self.reshard)
        fully_shard(module, mesh=mesh, reshard_after_forward=self.reshard)
        return module


class Zero3(Zero2):
    """FSDP2 that lets the gathered weights of a layer go after forward, and gathers them again."""

    reshard = True


# ---- by units -----------------------------------------------------------------------------------


def tensor_plan(layers: list[Layer], world_size: int, at: str = "") -> dict[str, ParallelStyle]:
    """Return how each `Linear` is cut, by its name in the module.

    Two with only pointwise layers between them are a pair: the first by its outputs, the second by
    its inputs. One without a partner is cut by outputs, which are gathered.

    Raises:
        CourseError: for a layer cut by outputs that has fewer of them than there are ranks.

    Source: Shoeybi et al. (2019), section 3.
    """
    plan: dict[str, ParallelStyle] = {}
    paired = False
    for i, layer in enumerate(layers):
        if isinstance(layer, Stack):
            plan |= tensor_plan(layer.layers, world_size, f"{at}{i}.")
        elif isinstance(layer, Linear) and paired:
            plan[f"{at}{i}"], paired = RowwiseParallel(), False
        elif isinstance(layer, Linear):
            if layer.width < world_size:
                raise CourseError(
                    f"Linear({layer.width}) cannot be shared by {world_size} ranks; take at most "
                    f"{layer.width} ranks, or a wider layer"
                )
            above = (one for one in layers[i + 1 :] if not isinstance(one, POINTWISE))
            paired = isinstance(next(above, None), Linear)
            # A DTensor in between knows shards of unequal width; a plain tensor does not.
            alone = ColwiseParallel(output_layouts=Replicate())
            plan[f"{at}{i}"] = ColwiseParallel(use_local_output=False) if paired else alone
    return plan


class Tensors(Standard):
    """DTensor: a part of each matrix on each rank, all rows; layers without a matrix are copied."""

    def wrap(self, module):
        plan = tensor_plan(self.network.layers, self.world_size)
        return parallelize_module(module, self.mesh(), plan)

    def loss_and_grad(self, x, y):
        loss = self.loss(self.module(x), y)
        loss.backward()
        return loss.detach()


# ---- by layers ----------------------------------------------------------------------------------


class Pipeline(Standard):
    """`torch.distributed.pipelining`: some layers on each rank, micro-batches go through.

    Args:
        network: see `Standard`.
        schedule: 'gpipe', '1f1b' or 'interleaved'.
        micro_batches: into how many equal parts each batch is cut.
        chunks: stages a rank; more than 1 only if interleaved.
    """

    def __init__(self, network: Network, schedule: str, micro_batches: int, chunks: int):
        self.schedule, self.micro_batches, self.chunks = schedule, micro_batches, chunks
        super().__init__(network)
        self.plans: dict[int, Any] = {}  # rows a batch: torch's schedule

    def wrap(self, module):
        self.count = self.world_size * self.chunks
        self.cut = cut_into_stages(spans(self.network), self.count)
        self.mine = range(self.rank, self.count, self.world_size)
        self.parts = [module[self.cut[s]] for s in self.mine]  # their names stay
        return nn.Sequential(*[layer for part in self.parts for layer in part])

    def _plan(self, rows: int):
        """Return a schedule for batches of so many rows, with the stages of this rank."""
        stages = [self._stage(s, part, rows // self.micro_batches)
                  for s, part in zip(self.mine, self.parts, strict=True)]  # fmt: skip
        what = stages if self.schedule == "interleaved" else stages[0]
        return SCHEDULES[self.schedule](what, self.micro_batches, loss_fn=self.loss)

    def _stage(self, s: int, part: nn.Module, rows: int) -> PipelineStage:
        ends = [*widths(self.network), self.network.outputs]
        inputs, outputs = (
            torch.empty(rows, ends[at], dtype=self.network.theta.dtype, device=self.device,
                        requires_grad=at > 0)
            for at in (self.cut[s].start, self.cut[s].stop)
        )  # fmt: skip
        return PipelineStage(part, s, self.count, self.device, inputs, outputs)

    def loss_and_grad(self, x, y):
        if len(x) not in self.plans:
            self.plans[len(x)] = self._plan(len(x))
        losses: list[Tensor] = []
        inputs = [x] if self.rank == 0 else []
        self.plans[len(x)].step(*inputs, target=y, losses=losses, return_outputs=False)
        loss = torch.stack(losses).mean() if losses else x.new_zeros(())
        dist.all_reduce(loss := loss.detach().clone())
        return loss

    def norm(self):
        square = super().norm() ** 2
        dist.all_reduce(square)
        return square.sqrt()

    def weights(self):
        theta = torch.zeros_like(self.network.theta)
        views = self.network.named_views(theta)
        for part in self.parts:
            for name, p in part.named_parameters():
                views[name].copy_(p.detach())
        dist.all_reduce(theta)
        return theta


STRATEGIES: dict[str, type[Standard]] = {
    "data": Data, "zero1": Zero1, "zero2": Zero2, "zero3": Zero3, "tensor": Tensors,
    "pipeline": Pipeline,
}  # fmt: skip


def check_cut(
    strategy: str, network: Network, world_size: int, schedule: str, micro_batches: int, chunks: int
) -> None:
    """Raise `CourseError` for a network that a strategy cannot cut; see `Pipeline` for the rest."""
    if strategy == "tensor":
        tensor_plan(network.layers, world_size)
    elif strategy == "pipeline":
        make_schedule(schedule, world_size, micro_batches, chunks)
        cut_into_stages(spans(network), world_size * chunks)
