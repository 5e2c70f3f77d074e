"""Counting what a program of PyTorch sends and computes, on the rank that runs.

Bytes are those of the whole tensor that a collective is about: of all_gather what it returns, of
reduce_scatter what it takes. What a rank sends of it in the ring algorithm is `Traffic.sent`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..communicator import bytes_sent
from .private import private

KINDS = {  # as torch's operators are called, and as our communicator calls them
    "all_reduce": "all_reduce", "allreduce": "all_reduce",
    "all_gather_into_tensor": "all_gather", "all_gather": "all_gather", "allgather": "all_gather",
    "_allgather_base": "all_gather",
    "reduce_scatter_tensor": "reduce_scatter", "reduce_scatter": "reduce_scatter",
    "_reduce_scatter_base": "reduce_scatter", "broadcast": "broadcast",
}  # fmt: skip


@dataclass(frozen=True)
class Traffic:
    """All collectives of one kind among so many ranks.

    Attributes:
        kind: as `Communicator` calls it; what it has no name for, as torch calls it.
        ranks: of the group.
        calls: how many.
        n_bytes: of the whole tensors.
    """

    kind: str
    ranks: int
    calls: int
    n_bytes: int

    @property
    def sent(self) -> float:
        """Return the bytes that a rank sends in the ring algorithm."""
        return bytes_sent(self.kind, self.n_bytes, self.ranks)

    def __str__(self):
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        return f"{calls}, {size(self.n_bytes)}" if self.calls else "none"


def size(n_bytes: float) -> str:
    """Return a number of bytes with its unit, as '3.76 GB'."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.2f} {unit}"
    return f"{n_bytes:.0f} B"


class Tally:
    """What has been counted.

    Attributes:
        flops: of matrix products, as torch's own formulas count them.
    """

    def __init__(self):
        self.calls: Counter[tuple[str, int]] = Counter()
        self.n_bytes: Counter[tuple[str, int]] = Counter()
        self.flops = 0

    def add(self, kind: str, ranks: int, n_bytes: int) -> None:
        self.calls[kind, ranks] += 1
        self.n_bytes[kind, ranks] += n_bytes

    def traffic(self) -> list[Traffic]:
        """Return the collectives by kind and group, in the order of their first call."""
        return [Traffic(kind, ranks, n, self.n_bytes[kind, ranks])
                for (kind, ranks), n in self.calls.items()]  # fmt: skip


class Counting(TorchDispatchMode):
    """Counts in a `Tally` what the operators within it do on this rank.

    torch's FlopCounterMode counts the product of two DTensors once, as if one rank did all of it;
    here a rank's own part is counted. When an operator first runs on DTensors of some shapes, it is
    tried out on whole ones, and that is counted too: run the program once before.
    """

    def __init__(self):
        super().__init__()
        self.tally = Tally()
        self.operators = private("collective_ops") - private("sync_ops")
        self.about, self.formulas = private("CollectiveOp"), private("flop_registry")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if DTensor in types:
            return NotImplemented  # it comes again, on the rank's own part
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in self.operators:
            name = func._schema.name.split("::")[1].removesuffix("_")
            ranks = self.about.get_process_group(func, args).size()
            n_bytes = self.about.get_comm_tensor_size(func, result, args, kwargs)
            self.tally.add(KINDS.get(name, name), ranks, n_bytes)
        elif formula := self.formulas.get(func._overloadpacket):
            self.tally.flops += formula(*args, **kwargs, out_val=result)
        return result


@contextmanager
def counting_calls(group: Any) -> Iterator[Tally]:
    """Count the collectives of one rank of a threaded group, which no operator stands for."""
    tally = Tally()

    def counted(name: str):
        call = getattr(group, name)

        def wrapper(*args, **kwargs):
            n_bytes = max(n_bytes_of(tensors) for tensors in args[:2] if isinstance(tensors, list))
            tally.add(KINDS[name], group.size(), n_bytes)
            return call(*args, **kwargs)

        return wrapper

    names = ("allreduce", "allgather", "reduce_scatter", "broadcast")
    for name in names:
        setattr(group, name, counted(name))  # of this rank's object, over the method of its class
    try:
        yield tally
    finally:
        for name in names:
            delattr(group, name)


def n_bytes_of(tensors: list) -> int:
    """Return the bytes of tensors in lists, and in lists of lists."""
    return sum(
        one.numel() * one.element_size() if isinstance(one, Tensor) else n_bytes_of(one)
        for one in tensors
    )
