"""The step of PyTorch's DDP, which ours is measured against.

    OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node=2 tests/benchmarks/ddp_step.py

prints the seconds of a step at two processes. `ddp_step` gives the step alone, to take turns with
another one in the same processes.
"""

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

CASES = [([64, 64, 10], 32), ([784, 128, 10], 1024)]  # sizes, rows of the whole batch


def ddp_step(sizes: list[int], batch_size: int) -> Callable[[], object]:
    """Return a function that makes one step of DDP, as PyTorch's tutorial writes it.

    Forward on this rank's rows of a batch that is there, cross-entropy, backward with the
    all-reduce, SGD. Each rank of a torch.distributed world calls it.

    Args:
        sizes: [n_0, …, n_L], with ReLU between; float32.
        batch_size: rows of the whole batch, a multiple of the world size.
    """
    rows = batch_size // dist.get_world_size()
    generator = torch.Generator().manual_seed(dist.get_rank())
    x = torch.randn(rows, sizes[0], generator=generator)
    y = torch.randint(sizes[-1], (rows,), generator=generator)
    layers: list[nn.Module] = []
    for below, n in pairwise(sizes):
        layers += [nn.Linear(below, n), nn.ReLU()]
    ddp = DistributedDataParallel(nn.Sequential(*layers[:-1]))
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(ddp(x), y).backward()
        optimizer.step()

    return step


def seconds_a_step(step: Callable[[], object], steps: int) -> float:
    """Return the seconds a step on this rank, the mean of so many; each rank calls it.

    The number is the same for all: a rank that made fewer steps would leave the others waiting.
    """
    dist.barrier()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for sizes, batch_size in CASES:
        step = ddp_step(sizes, batch_size)
        seconds_a_step(step, 50)  # DDP builds its buckets anew after the first step
        times = [seconds_a_step(step, 50) for _ in range(15)]
        if dist.get_rank() == 0:
            name = "-".join(map(str, sizes))
            low, middle, high = statistics.quantiles(times, n=4)
            print(f"{name} B {batch_size}: {middle * 1e6:.0f} µs a step "
                  f"[{low * 1e6:.0f}–{high * 1e6:.0f}]")  # fmt: skip
    dist.destroy_process_group()
