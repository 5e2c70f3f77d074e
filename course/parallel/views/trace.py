"""A real step of FSDP2 × tensor parallel, traced: what it sends and computes, without doing it.

The process group pretends to have all ranks, and tensors have shapes but no numbers
(`FakeTensorMode`). So the program of rank 0 of 10,000 runs on a laptop, every collective with its
bytes. What one layer adds is the same for each: one and two layers are traced, the rest follows.

`Trace.why` names what a reader of textbooks would not expect.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...errors import CourseError, check_choice, check_count, shown
from .counting import Counting, Tally, Traffic, size
from .formulas import WEIGHT, Count, ours, textbook
from .groups import fake_group
from .private import private
from .transformer import Sizes, meta

MOST_RANKS = 16_384
MIXED = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


@dataclass(frozen=True, repr=False)
class Trace:
    """One step of one rank: as traced, by our formulas, and by the textbook's. Prints as a table.

    `why` says in sentences where they differ.

    Attributes:
        sizes: of the Transformer.
        data, tensor: ranks in each direction.
        program: what was traced: bytes of whole tensors, FLOPs under `SDPBackend.MATH`.
        ours, textbook: see `formulas`.
        fused_flops: those that torch counts without `SDPBackend.MATH`.
        layers: how many were traced, at most.
        seconds: that it took.
    """

    sizes: Sizes
    data: int
    tensor: int
    program: Count
    ours: Count
    textbook: Count
    fused_flops: int
    layers: int
    seconds: float

    def __repr__(self):
        L, three = self.sizes.layers, (self.program, self.ours, self.textbook)
        rows: list[tuple[str, ...]] = [
            ("a rank's step", "the program", "course.parallel", "the textbook")
        ]
        for kind in self.program.traffic | self.textbook.traffic:
            calls = [one.traffic.get(kind, Traffic(kind, 1, 0, 0)) for one in three]
            ranks = max(one.ranks for one in calls)
            rows.append((f"{kind}, {ranks:,} ranks", *map(str, calls)))
        rows.append(("FLOPs", *(f"{one.flops:.4g}" for one in three)))
        seen = f"{self.fused_flops / self.program.flops:.3f} of it"
        rows.append(("without SDPBackend.MATH", seen, "", ""))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{row[0]:<{widths[0]}}"
            + "".join(f"   {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
            for row in rows
        ]
        traced = "all" if self.layers == L else f"{self.layers} of {L}"
        P = self.sizes.parameters
        many = f"{P / 1e9:.2f} B" if P >= 1e9 else f"{P:,}"
        title = (
            f"{many} parameters on {self.data * self.tensor:,} ranks: "
            f"{self.data:,} data × {self.tensor} tensor; {traced} layers traced in "
            f"{self.seconds:.1f} s"
        )
        return "\n".join([title, *lines])

    def why(self) -> str:
        """Return a sentence for each difference between the three."""
        program, ours = self.program.traffic, self.ours.traffic
        found = []
        if self.data > 1:
            ends = self.sizes.end_weights * WEIGHT
            padding = program["all_gather"].n_bytes - (ours["all_gather"].n_bytes - ends)
            found += [
                "fully_shard keeps embedding and head between forward and backward: one all_gather "
                f"less than ours, {size(ends)}.",
                f"It pads dimension 0 of each weight to a multiple of {self.data:,} ranks: "
                f"{size(padding)} more in all_gather.",
            ]
        if self.tensor > 1:
            found += [
                "Each column matrix sums its own input gradient: 5 + 2 all_reduces a layer, where "
                "the textbook sums 4 times.",
                f"Only the layers are cut: each of the {self.tensor} tensor-parallel ranks has the "
                "whole embedding and head, where the textbook divides all parameters.",
            ]
        missed = 1 - self.fused_flops / self.program.flops
        found.append(
            "torch's formulas do not know the attention that the CPU runs: without "
            f"SDPBackend.MATH, {missed:.1%} of the FLOPs are missed; with it, all pairs of tokens "
            "count, causal or not."
        )
        return "\n".join(found)


def trace_step(sizes: Sizes, world_size: int, tensor: int = 1, every_layer: bool = False) -> Trace:
    """Trace one step of a Transformer under FSDP2 × tensor parallel, forward and backward.

        print(trace_step(Sizes(), world_size=64, tensor=8))      # 6.74 B parameters
        print(trace_step(Sizes(), world_size=10_000, tensor=8))  # gathers 6.33 GB, not 3.76

    The optimiser is left out: its update sends nothing.

    Args:
        sizes: of the Transformer, and of the batch of each data-parallel rank.
        world_size: all ranks, 1 to 16,384.
        tensor: ranks that share each matrix; it divides the world, the heads and the ffn.
        every_layer: trace all layers; default: one and two, the others by the difference.

    Raises:
        CourseError: for a number of ranks that divides what it must not, more than there may be,
            or when a process group is there already.
    """
    if not isinstance(sizes, Sizes):
        raise CourseError(f"sizes = {shown(sizes)}; allowed: Sizes(…), as Sizes(layers=2)")
    world_size = check_count("world_size", world_size, 1, MOST_RANKS, "ranks that are pretended")
    tensor = check_count("tensor", tensor, 1, world_size, "as tensor=8")
    check_choice("every_layer", every_layer, (True, False))
    for what, n in (("world_size", world_size), ("heads", sizes.heads), ("ffn", sizes.ffn)):
        if n % tensor:
            raise CourseError(
                f"tensor = {tensor} does not divide {what} = {n}; take a number of ranks that "
                "divides the world, the heads and the ffn"
            )
    start, L = time.perf_counter(), sizes.layers
    with fake_group(world_size):
        mesh = init_device_mesh(
            "cpu", (world_size // tensor, tensor), mesh_dim_names=("data", "tensor")
        )
        if every_layer or L <= 2:
            layers, (program, fused) = L, trace(sizes, mesh)
        else:
            layers = 2
            one, two = (trace(replace(sizes, layers=n), mesh) for n in (1, 2))
            program, fused = line(one[0], two[0], L), at(one[1], two[1], L)
    data = world_size // tensor
    return Trace(
        sizes, data, tensor, program, ours(sizes, data, tensor), textbook(sizes, data, tensor),
        fused, layers, time.perf_counter() - start,
    )  # fmt: skip


def trace(sizes: Sizes, mesh: DeviceMesh) -> tuple[Count, int]:
    """Return what a step does, and the FLOPs that are seen without `SDPBackend.MATH`."""
    module = meta(sizes)
    for block in module.blocks:
        if mesh["tensor"].size() > 1:
            parallelize_module(block, mesh["tensor"], plan())
        fully_shard(block, mesh=mesh["data"], mp_policy=MIXED)
    fully_shard(module, mesh=mesh["data"], mp_policy=MIXED)
    with private("FakeTensorMode")(allow_non_fake_inputs=True):
        module.to_empty(device="cpu")
        step(module, sizes, math=True)  # DTensor tries an operator out before it first runs it
        exact, fused = (step(module, sizes, math) for math in (True, False))
    return Count({t.kind: t for t in exact.traffic()}, exact.flops), fused.flops


def plan() -> dict:
    """Return how the matrices of a block are cut."""
    columns = ("attention.query", "attention.key", "attention.value", "ffn.gate", "ffn.up")
    return {name: ColwiseParallel() for name in columns} | {
        name: RowwiseParallel() for name in ("attention.out", "ffn.down")
    }


def step(module: nn.Module, sizes: Sizes, math: bool) -> Tally:
    """Run forward and backward; math: whether attention is written out in matrix products."""
    tokens = torch.zeros(sizes.batch, sizes.sequence, dtype=torch.long)
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH) if math else nullcontext():
        with Counting() as counting:
            logits = module(tokens).flatten(0, 1).float()
            F.cross_entropy(logits, tokens.flatten()).backward()
    module.zero_grad()
    return counting.tally


def at(one: int, two: int, layers: int) -> int:
    """Return what so many layers have, by what one and two have."""
    return one + (layers - 1) * (two - one)


def line(one: Count, two: Count, layers: int) -> Count:
    """Return the count of so many layers, by those of one and two."""
    traffic = {}
    for kind, b in two.traffic.items():
        a = one.traffic[kind]
        calls, n_bytes = at(a.calls, b.calls, layers), at(a.n_bytes, b.n_bytes, layers)
        traffic[kind] = Traffic(kind, b.ranks, calls, n_bytes)
    return Count(traffic, at(one.flops, two.flops, layers))
