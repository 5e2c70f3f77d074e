"""Each rank a process of its own: the same operations on `torch.distributed`.

`torchrun` starts the processes; `join` finds them by its environment variables, or by those of the
caller. Collectives run by gloo on the CPU and by nccl on GPUs; messages from one rank to another
go through the CPU by gloo, for nccl knows no tags. Bytes are counted as among ranks in turn, but
parts of unequal length travel padded to the longest, and are counted so. A rank sends on without
waiting until it is `MOST_LETTERS` messages ahead. Times are those of the wall.
"""

import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import CourseError, check_choice, check_count, shown
from .agreement import Agreed
from .communicator import Event, bytes_sent, check_groups, check_part, cuts

WAIT = timedelta(seconds=60)  # for the other ranks: then it is an error
COMPARED = 32  # the first collectives of a group: a strategy asks for the same in every step
MOST_LETTERS = 100  # under way at a time; gloo says of none that it has arrived unless one waits


@contextmanager
def join(device: str = "cpu", wait: timedelta = WAIT) -> Iterator["Processes"]:
    """Join the other processes; inside, they can talk. torchrun's environment says who they are.

    Args:
        device: 'cpu' talks by gloo, 'cuda' by nccl.
        wait: for the others, before this process gives up.

    Raises:
        CourseError: when the environment names no world, ranks have other versions of torch, or
            there are fewer GPUs than ranks.
    """
    check_choice("device", device, ("cpu", "cuda"))
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
               if name not in os.environ]  # fmt: skip
    if missing:
        raise CourseError(
            f"the environment has no {', '.join(missing)}; start the processes by torchrun, or "
            "take --ranks N for ranks in one process"
        )
    size = whole_number("WORLD_SIZE", 1, 10**6)
    whole_number("RANK", 0, size - 1)
    whole_number("MASTER_PORT", 0, 65535)
    check_address(os.environ["MASTER_ADDR"])
    if device == "cuda":
        take_gpu()
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    try:
        store, rank, world_size = next(dist.rendezvous("env://", timeout=wait))
        store.set_timeout(wait)
        # After a restart by torchrun the store still has the addresses of the processes before.
        store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group(
            backend, store=store, rank=rank, world_size=world_size, timeout=wait
        )
    except (RuntimeError, ValueError) as error:
        where, first = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}", str(error)
        raise CourseError(
            f"cannot meet the other ranks at {where} ({first.splitlines()[0][:200]}); take a free "
            "MASTER_PORT of a machine that all of them reach, and start all WORLD_SIZE processes "
            f"within {wait.total_seconds():g} seconds"
        ) from error
    try:
        comm = Processes(wait=wait)
        comm.check_versions()
        yield comm
        comm.finish()
    finally:
        dist.destroy_process_group()


def check_address(host: str) -> None:
    """Raise `CourseError` for a name of no machine; torch would ask for it again for a minute."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise CourseError(
            f"MASTER_ADDR = {shown(host)} is the name of no machine that this one knows ({error}); "
            "take the address of the machine where rank 0 runs, 127.0.0.1 if all run on this one"
        ) from error


def whole_number(name: str, low: int, high: int) -> int:
    """Return a whole number of the environment; raise `CourseError` for anything else."""
    text = os.environ[name]
    remedy = "torchrun sets it"
    return check_count(name, int(text) if text.isdecimal() else text, low, high, remedy)


def take_gpu() -> None:
    """Take the GPU of this process's number on its machine.

    Raises:
        CourseError: when there is none.
    """
    local = int(os.environ.get("LOCAL_RANK", 0))
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if local >= count:
        raise CourseError(
            f"device = 'cuda' needs nccl and a GPU for each rank, and this machine has {count}; "
            "take 'cpu', or fewer ranks a machine"
        )
    torch.cuda.set_device(local)


@contextmanager
def talking(rank: int, what: str) -> Iterator[None]:
    """Say which rank lost the others, and in what."""
    try:
        yield
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise CourseError(
            f"rank {rank} lost the others in {what.strip()}: one of them failed, or is slower than "
            f"the time to wait. torch says: {first}"
        ) from error


class Processes:
    """A `Communicator` among processes.

    Args:
        group: of torch.distributed; default: the whole world.
        parent: the communicator that this is a group of.
        wait: for the other ranks, before this one gives up.

    Attributes:
        events: what this rank did; times in seconds of the wall. A computation lasts from the end
            of the event before it.
    """

    def __init__(self, group=None, parent: "Processes | None" = None, wait: timedelta = WAIT):
        self.process_group, self.time_to_wait = group, wait
        self.rank, self.world_size = dist.get_rank(group), dist.get_world_size(group)
        self.me = dist.get_rank()
        self.ranks = dist.get_process_group_ranks(group or dist.group.WORLD)
        self.events: list[Event] = [] if parent is None else parent.events
        # under way, with their memory, the oldest first
        self.sent: deque = deque() if parent is None else parent.sent
        self.to_itself: defaultdict = defaultdict(deque)  # tag: messages; gloo knows none such
        self.compared = 0

    def check_versions(self) -> None:
        """Raise `CourseError` unless all ranks have the same torch."""
        found: list = [None] * self.world_size
        dist.all_gather_object(found, torch.__version__, self.process_group)
        if len(set(found)) > 1:
            raise CourseError(
                f"ranks have different versions of torch: {found}; install the same everywhere"
            )

    def compare(
        self, kind: str, shape: Sequence[int], x: Tensor, label: str, extra: str = ""
    ) -> None:
        """Raise `Agreed` unless all ranks ask for the same, in the first calls of the group.

        gloo does not look: it would wait, or add numbers of different types up to nonsense.
        """
        if self.compared == COMPARED:
            return
        self.compared += 1
        found: list = [None] * self.world_size
        words = f"{kind} of {list(shape)} {str(x.dtype).removeprefix('torch.')}{extra}"
        with talking(self.me, f"{kind} {label}"):
            dist.all_gather_object(found, words, self.process_group)
        other = [rank for rank, said in enumerate(found) if said != found[0]]
        if other:
            raise Agreed(
                f"rank {self.ranks[other[0]]} calls {found[other[0]]}, rank {self.ranks[0]} "
                f"{found[0]}, as collective {self.compared} of the group {self.ranks}; build the "
                "same network and strategy on each rank"
            )

    # ---- collectives ------------------------------------------------------------------------

    def all_reduce(self, x, label=""):
        return self.start_all_reduce(x, label).wait()

    def start_all_reduce(self, x, label=""):
        self.compare("all_reduce", x.shape, x, label)
        return Later(self, x, label)

    def reduce_scatter(self, x, label=""):
        self.compare("reduce_scatter", x.shape, x, label)
        called = time.monotonic()
        parts = cuts(len(x), self.world_size)
        longest = parts[0].stop - parts[0].start
        padded = x.new_zeros(self.world_size, longest, *x.shape[1:])
        for row, part in zip(padded, parts, strict=True):
            row[: part.stop - part.start] = x[part]
        out = torch.empty_like(padded[0])
        with talking(self.me, f"reduce_scatter {label}"):
            dist.reduce_scatter_single(out, padded.flatten(0, 1), group=self.process_group)
        self._note("reduce_scatter", padded, label, called)
        mine = parts[self.rank]
        return out[: mine.stop - mine.start].clone()

    def all_gather(self, part, n, label=""):
        check_part(part, n, self.rank, self.world_size)
        self.compare("all_gather", (n, *part.shape[1:]), part, label)
        called = time.monotonic()
        parts = cuts(n, self.world_size)
        longest = parts[0].stop - parts[0].start
        padded = part.new_zeros(longest, *part.shape[1:])
        padded[: len(part)] = part
        out = part.new_empty(self.world_size * longest, *part.shape[1:])
        with talking(self.me, f"all_gather {label}"):
            dist.all_gather_single(out, padded, group=self.process_group)
        self._note("all_gather", out, label, called)
        rows = out.unflatten(0, (self.world_size, longest))
        return torch.cat([r[: p.stop - p.start] for r, p in zip(rows, parts, strict=True)])

    def broadcast(self, x, root=0, label=""):
        check_count("root", root, 0, self.world_size - 1, "a rank of the group")
        self.compare("broadcast", x.shape, x, label, f" from {root}")
        called = time.monotonic()
        with talking(self.me, f"broadcast {label}"):
            dist.broadcast(x, self.ranks[root], group=self.process_group)
        self._note("broadcast", x, label, called)
        return x

    def barrier(self):
        called = time.monotonic()
        with talking(self.me, "barrier"):
            dist.barrier(self.process_group)
        self._note("barrier", torch.empty(0), "", called)

    # ---- from one to another ------------------------------------------------------------------

    def send(self, x, dst, label="", tag=0):
        check_count("dst", dst, 0, self.world_size - 1, "a rank of the group")
        called = time.monotonic()
        letter = x.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        if dst == self.rank:
            self.to_itself[tag].append(letter)
        else:
            with talking(self.me, f"send {label}"):
                work = dist.isend(letter, self.ranks[dst], group=self.process_group, tag=tag)
            self.sent.append((work, letter))
            self._let_go(MOST_LETTERS)
        self.events.append(Event(self.me, "send", label, letter.numel() * letter.element_size(),
                                 called, called, time.monotonic()))  # fmt: skip

    def recv(self, x, src, label="", tag=0):
        check_count("src", src, 0, self.world_size - 1, "a rank of the group")
        called = time.monotonic()
        if src == self.rank:
            if not self.to_itself[tag]:
                raise CourseError(f"rank {self.me} receives from itself, and sent itself nothing")
            letter = self.to_itself[tag].popleft()
        else:
            letter = torch.empty(x.shape, dtype=x.dtype)
            with talking(self.me, f"recv {label}"):
                dist.recv(letter, self.ranks[src], group=self.process_group, tag=tag)
        end = time.monotonic()
        self.events.append(Event(self.me, "recv", label, 0, called, end, end))
        return x.copy_(letter)

    # ---- groups, and work ---------------------------------------------------------------------

    def split(self, groups):
        found = check_groups(groups, self.world_size)
        made = [dist.new_group([self.ranks[r] for r in group], timeout=self.time_to_wait)
                for group in found]  # fmt: skip
        mine = next(i for i, group in enumerate(found) if self.rank in group)
        return Processes(made[mine], self, self.time_to_wait)

    def compute(self, label, flops):
        now = time.monotonic()
        begin = self.events[-1].end if self.events else now
        self.events.append(Event(self.me, "compute", label, flops, begin, begin, now))

    def finish(self) -> None:
        """Wait until what this rank sent has arrived, and all others are done."""
        self._let_go(0)
        self.barrier()

    def _let_go(self, most: int) -> None:
        """Wait until at most so many messages are under way."""
        while len(self.sent) > most:
            work, _ = self.sent.popleft()
            with talking(self.me, "its messages"):
                work.wait()

    def _note(self, kind: str, x: Tensor, label: str, called: float) -> None:
        sent = bytes_sent(kind, x.numel() * x.element_size(), self.world_size)
        now = time.monotonic()
        self.events.append(Event(self.me, kind, label, sent, called, called, now))


class Later:
    """An all-reduce that goes on while its rank computes."""

    def __init__(self, comm: Processes, x: Tensor, label: str):
        self.comm, self.x, self.label, self.called = comm, x, label, time.monotonic()
        with talking(comm.me, f"all_reduce {label}"):
            self.work = dist.all_reduce(x, group=comm.process_group, async_op=True)

    def wait(self) -> Tensor:
        with talking(self.comm.me, f"all_reduce {self.label}"):
            self.work.wait()
        self.comm._note("all_reduce", self.x, self.label, self.called)
        return self.x
