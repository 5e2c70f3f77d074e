"""What a piece of work will take: announced before it starts, refused beyond a limit.

A step of P weights on B samples multiplies and adds once a weight and sample in the forward pass,
and twice in the backward pass, for the gradients by the weights and by the inputs:

    6·P·B FLOPs a step        time = steps · (overhead + FLOPs / speed)

Speed and overhead were measured on one core; other machines, small matrices and many threads make
a time right to a factor of about 4 only. `run_recipe` does better for long runs: it times a few
steps. Work of more than 10 seconds or 2 GB is announced in one line on stderr. More than 1 hour, or
more than half the memory of the machine (or of its container), raises `CourseError`, unless the
caller says `anyway=True`.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .errors import CourseError

SPEED = 2e10  # FLOPs a second, float32 on one core
OVERHEAD = 5e-5, 2e-5  # seconds a step, and a weight matrix: PyTorch's own, whatever the size
ANNOUNCED = 10, 2e9  # seconds, bytes
LONGEST = 3600  # seconds
HISTORY = 72  # bytes a step: three numbers, and the room for as many again while the table grows


@dataclass(frozen=True)
class Effort:
    """What one piece of work will take."""

    work: str
    """In words, as '100 steps of 4.2 MFLOP'."""
    seconds: float
    """Time on one core, right to a factor of about 4."""
    bytes: float
    """Memory at its largest."""
    remedy: str
    """How it takes less, an imperative."""
    steps: int = 0
    """Of training, in all runs together; 0 for other work."""

    def __str__(self):
        return f"{self.work}: about {in_time(self.seconds)}, {in_bytes(self.bytes)}"


def begin(effort: Effort, anyway: bool = False) -> None:
    """Announce large work in one line on stderr.

    Args:
        effort: what the work will take.
        anyway: announce it also beyond the limit.

    Raises:
        CourseError: for more than 1 hour or half the memory, unless `anyway`.
    """
    memory = memory_limit()
    if not anyway and (effort.seconds > LONGEST or effort.bytes > memory):
        raise CourseError(
            f"{effort}; allowed: up to {in_time(LONGEST)} and {in_bytes(memory)}; {effort.remedy}, "
            "or ask for it with anyway=True (course run --anyway)"
        )
    if effort.seconds > ANNOUNCED[0] or effort.bytes > ANNOUNCED[1]:
        print(effort, file=sys.stderr, flush=True)


def memory_limit() -> float:
    """Return half the bytes of this machine's memory, or of its container's."""
    sizes = [16e9]  # Windows does not say
    if sys.platform != "win32":
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            sizes.append(float(Path("/sys/fs/cgroup", name).read_text()))
        except (OSError, ValueError):  # no such file; "max"
            continue
    return min(sizes) / 2


def of_network(shapes: list[tuple[int, int]], init: str, dtype: torch.dtype) -> Effort:
    """Return the effort of building a network: theta, grad, and the first numbers.

    Args:
        shapes: of the weight matrices, (rows, columns) each.
        init: the scheme of the first numbers; 'orthogonal' takes longer.
        dtype: of the weights.
    """
    P = sum(n * m for n, m in shapes)
    work = f"a network of {P:,} weights"
    seconds, extra = 1e-8 * P, 0  # a normal number takes 10 ns
    if init == "orthogonal":  # a QR decomposition of each, in float64
        seconds += sum(4 * n * m * min(n, m) for n, m in shapes) / SPEED
        extra = 3 * 8 * max(n * m for n, m in shapes)
    return Effort(work, seconds, 2 * P * dtype.itemsize + extra, "make the layers narrower")


def step_flops(P: int, B: int, chain) -> float:
    """Return the FLOPs of one step: of both passes, and of the transforms that take most.

    Args:
        P: the number of weights.
        B: rows of a batch.
        chain: the optimiser.
    """
    flops = 6.0 * P * B
    for t in chain.transforms:
        kind = type(t).__name__
        if kind == "Newton":
            flops += 2.0 * P * P * B + 2 / 3 * P**3
        elif kind == "Muon":
            flops += 6.0 * P * math.sqrt(P) * t.iterations
        elif hasattr(t, "iterations"):  # a product with the curvature: two more such passes
            flops += 12.0 * P * B * t.iterations
    return flops


def of_training(trainer, steps: int, runs: int = 1) -> Effort:
    """Return the effort of `runs` runs of `steps` steps of a trainer as it stands, by formula."""
    theta, B = trainer.model.theta, trainer.batch_size
    shapes = getattr(trainer.model, "shapes", [])  # an adopted module's are not known
    flops = step_flops(len(theta), B, trainer.chain)
    seconds = OVERHEAD[0] + OVERHEAD[1] * len(shapes) + flops / SPEED
    return Effort(
        f"{runs * steps:,} steps of {in_units(flops, 'FLOP')}", runs * steps * seconds,
        training_bytes(trainer) + HISTORY * steps,
        "take fewer steps, smaller batches or a smaller network", runs * steps,
    )  # fmt: skip


def training_bytes(trainer) -> float:
    """Return the bytes of weights, vectors like them, one batch's activations, and data."""
    theta, B = trainer.model.theta, trainer.batch_size
    P, N, kinds = len(theta), len(trainer.data.y_train), [type(t) for t in trainer.chain.transforms]
    vectors = 3 + 2 * len(kinds)  # weights, gradient, first weights, and buffers
    widths = sum(rows for rows, _ in getattr(trainer.model, "shapes", []))
    row = trainer.data.features + trainer.data.outputs + 1
    matrices = P * P if any(kind.__name__ == "Newton" for kind in kinds) else 0
    return theta.itemsize * (vectors * P + 2 * matrices + 3 * widths * B + 2 * row * (N + B))


def of_hessian(P: int, B: int, dtype: torch.dtype, block: int = 0) -> Effort:
    """Return the effort of the Hessian (P, P) of a loss on B samples.

    Args:
        P, B: the numbers of weights and samples.
        dtype: of the weights.
        block: numbers that are in memory beside it.
    """
    return Effort(
        f"a Hessian of {P:,} x {P:,} numbers", 2.0 * P * P * B / SPEED,
        (P * P + block) * dtype.itemsize, "use hvp(v), which never writes it down",
    )  # fmt: skip


def of_products(P: int, B: int, dtype: torch.dtype) -> Effort:
    """Return the effort of the same Hessian by P products of autograd, at least 1 ms each."""
    seconds = P * (1e-3 + 12.0 * P * B / SPEED)
    return replace(of_hessian(P, B, dtype), seconds=seconds)


def measured(effort: Effort, step: Callable[[], None]) -> Effort:
    """Return the same work, its time from the median of three steps after a first one.

    Args:
        effort: the work, with its number of steps.
        step: called four times.
    """
    times = []
    for _ in range(4):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return replace(effort, seconds=sorted(times[1:])[1] * effort.steps)


# ---- in words ---------------------------------------------------------------------------------


def in_units(number: float, unit: str) -> str:
    """Return a number with its unit: 4_200_000, 'FLOP' → '4.2 MFLOP'."""
    power = min(6, max(0, math.floor(math.log10(max(number, 1)) / 3)))
    return f"{_short(number / 1000**power)} {['', 'k', 'M', 'G', 'T', 'P', 'E'][power]}{unit}"


def in_bytes(number: float) -> str:
    """Return a number of bytes in words: 1.2e8 → '120 MB'."""
    return in_units(number, "B")


def in_time(seconds: float) -> str:
    """Return a time in words, to two digits: 190 → '3.2 minutes'."""
    for unit, size in (("year", 31_557_600), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = _short(seconds / size)
            return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
    return f"{_short(seconds)} seconds" if seconds >= 1 else "a second"


def _short(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"
