"""Each rank a process of its own: the same operations on `torch.distributed`, by gloo or nccl.

`torchrun` starts the processes; `join` finds them by its environment variables, or by those of the
caller. Bytes are counted as among ranks in turn; times are those of the wall.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import CourseError, check_count
from .communicator import Event, bytes_sent, cuts

WAIT = timedelta(seconds=60)  # for the other ranks: then it is an error


@contextmanager
def join(device: str = "cpu", wait: timedelta = WAIT) -> Iterator["Processes"]:
    """Join the other processes; inside, they can talk. torchrun's environment says who they are.

    Args:
        device: 'cpu' talks by gloo, 'cuda' by nccl.
        wait: for the others, before this process gives up.

    Raises:
        CourseError: when the environment names no world, ranks have other versions of torch, or
            CUDA is asked for and not there.
    """
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
               if name not in os.environ]  # fmt: skip
    if missing:
        raise CourseError(
            f"the environment has no {', '.join(missing)}; start the processes by torchrun, or "
            "take --ranks N for ranks in one process"
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise CourseError("device = 'cuda' needs nccl and a GPU, and there is none; take 'cpu'")
    try:
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=wait)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise CourseError(f"cannot meet the other ranks at {where}: {error}") from error
    try:
        comm = Processes()
        comm.check_versions()
        yield comm
    finally:
        dist.destroy_process_group()


class Processes:
    """A `Communicator` among processes.

    Args:
        group: of torch.distributed; default: the whole world.

    Attributes:
        events: what this rank did; times in seconds of the wall.
    """

    def __init__(self, group=None, events: list[Event] | None = None):
        self.process_group = group
        self.rank, self.world = dist.get_rank(group), dist.get_world_size(group)
        self.me = dist.get_rank()
        self.ranks = dist.get_process_group_ranks(group or dist.group.WORLD)
        self.events: list[Event] = [] if events is None else events
        self.sent: list = []  # messages under way, with their memory

    def check_versions(self) -> None:
        """Raise `CourseError` unless all ranks have the same torch."""
        found: list = [None] * self.world
        dist.all_gather_object(found, torch.__version__, self.process_group)
        if len(set(found)) > 1:
            raise CourseError(
                f"ranks have different versions of torch: {found}; install the same everywhere"
            )

    def all_reduce(self, x, label=""):
        return self.start_all_reduce(x, label).wait()

    def start_all_reduce(self, x, label=""):
        return Later(self, x, label)

    def reduce_scatter(self, x, label=""):
        called = time.monotonic()
        parts = cuts(len(x), self.world)
        longest = parts[0].stop - parts[0].start
        padded = x.new_zeros(self.world, longest, *x.shape[1:])
        for row, part in zip(padded, parts, strict=True):
            row[: part.stop - part.start] = x[part]
        out = torch.empty_like(padded[0])
        dist.reduce_scatter_single(out, padded.flatten(0, 1), group=self.process_group)
        self._note("reduce_scatter", x, label, called)
        mine = parts[self.rank]
        return out[: mine.stop - mine.start].clone()

    def all_gather(self, part, n, label=""):
        called = time.monotonic()
        parts = cuts(n, self.world)
        longest = parts[0].stop - parts[0].start
        padded = part.new_zeros(longest, *part.shape[1:])
        padded[: len(part)] = part
        out = part.new_empty(self.world * longest, *part.shape[1:])
        dist.all_gather_single(out, padded, group=self.process_group)
        rows = out.unflatten(0, (self.world, longest))
        whole = torch.cat([r[: p.stop - p.start] for r, p in zip(rows, parts, strict=True)])
        self._note("all_gather", whole, label, called)
        return whole

    def broadcast(self, x, root=0, label=""):
        check_count("root", root, 0, self.world - 1, "a rank of the group")
        called = time.monotonic()
        dist.broadcast(x, self.ranks[root], group=self.process_group)
        self._note("broadcast", x, label, called)
        return x

    def send(self, x, to, label="", tag=0):
        check_count("to", to, 0, self.world - 1, "a rank of the group")
        called = time.monotonic()
        letter = x.detach().clone(memory_format=torch.contiguous_format)
        work = dist.isend(letter, self.ranks[to], group=self.process_group, tag=tag)
        self.sent = [pair for pair in self.sent if not pair[0].is_completed()] + [(work, letter)]
        self.events.append(Event(self.me, "send", label, letter.numel() * letter.element_size(),
                                 called, called, time.monotonic()))  # fmt: skip

    def recv(self, x, source, label="", tag=0):
        check_count("source", source, 0, self.world - 1, "a rank of the group")
        called = time.monotonic()
        letter = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        dist.recv(letter, self.ranks[source], group=self.process_group, tag=tag)
        end = time.monotonic()
        self.events.append(Event(self.me, "recv", label, 0, called, end, end))
        return x.copy_(letter)

    def barrier(self):
        called = time.monotonic()
        dist.barrier(self.process_group)
        self._note("barrier", torch.empty(0), "", called)

    def split(self, groups):
        made = [dist.new_group([self.ranks[r] for r in group], timeout=WAIT) for group in groups]
        mine = next(i for i, group in enumerate(groups) if self.rank in group)
        return Processes(made[mine], self.events)

    def compute(self, label, flops):
        now = time.monotonic()
        self.events.append(Event(self.me, "compute", label, flops, now, now, now))

    def _note(self, kind: str, x: Tensor, label: str, called: float) -> None:
        sent = bytes_sent(kind, x.numel() * x.element_size(), self.world)
        now = time.monotonic()
        self.events.append(Event(self.me, kind, label, sent, called, called, now))


class Later:
    """An all-reduce that goes on while its rank computes."""

    def __init__(self, comm: Processes, x: Tensor, label: str):
        self.comm, self.x, self.label, self.called = comm, x, label, time.monotonic()
        self.work = dist.all_reduce(x, group=comm.process_group, async_op=True)

    def wait(self) -> Tensor:
        self.work.wait()
        self.comm._note("all_reduce", self.x, self.label, self.called)
        return self.x
