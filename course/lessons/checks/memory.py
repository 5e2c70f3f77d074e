"""Chapter 3_16_memory: two challenges that D0 names. Published runs, and steps measured here."""

import time
from dataclasses import replace
from functools import cache

import torch

from ...nn.network import MLP
from ...parallel.views.transformer import Sizes
from ...planner.devices import DEVICES
from ...planner.flops import model_flops
from ...planner.published import Row, every_row, korthikanti
from ...planner.traced import model_of_sizes
from ...planner.ways.measuring import SMALL, Measured, measure_step
from ...planner.ways.steps import WAYS
from ..verdicts import Case, Check

ROWS = 256  # of a batch, once together and once one by one
BUDGET = 25e6  # bytes of a device on which the smaller model trains


# ---- D0-5a: use the compute more effectively ---------------------------------------------------


def share(row: Row) -> float:
    """Return the FLOPs that a published step needed, over what its devices could do meanwhile."""
    could = row.seconds * row.layout.devices * DEVICES[row.device].peak
    return model_flops(row.model, row.batch) / could


def shares() -> list[float]:
    """Return the shares of all published steps in 16 bits."""
    return [share(row) for row in every_row() if row.precision in ("fp16", "bf16")]


@cache
def together_is_faster() -> bool:
    """Tell if a batch at once takes less than half the time of its rows one by one."""
    model, x, y = MLP([64, 64, 10]), torch.ones(ROWS, 64), torch.zeros(ROWS, dtype=torch.long)

    def seconds(size: int) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            for rows in torch.arange(ROWS).split(size):
                model.loss_and_grad(*model.encode(x[rows], y[rows]))
            times.append(time.process_time() - start)
        return min(times)

    return seconds(ROWS) < seconds(1) / 2


def examine_use(says: dict[str, str]) -> list[Case]:
    """Compare what devices did with what they can do.

    Args:
        says: "compute": "can be used better" or "is used up"; "then training": "is faster" or
            "takes as long".
    """
    found = shares()
    better = max(found) < 0.9
    recomputing = [row for row in korthikanti() if "full" in row.name]
    less = [row for row in korthikanti() if "selective" in row.name]
    faster = together_is_faster()
    pairs = ", ".join(f"{a.seconds:g} → {b.seconds:g} s"
                      for a, b in zip(recomputing, less, strict=True))  # fmt: skip
    return [
        Case(f"compute {says['compute']}", better == (says["compute"] == "can be used better"),
             f"{len(found)} published runs in 16 bits used {min(found):.0%} to {max(found):.0%} of "
             "their devices' peak"),
        Case(f"then training {says['then training']}",
             faster == (says["then training"] == "is faster"),
             f"the same FLOPs for {ROWS} rows, all at once: "
             f"{'less' if faster else 'more'} than half the time of one row after the other"),
        Case("computing fewer activations again makes steps shorter",
             all(a.seconds > b.seconds for a, b in zip(recomputing, less, strict=True)),
             f"published, on the same devices: {pairs}", aside=True),
    ]  # fmt: skip


use = Check(
    examine_use,
    document={"compute": "can be used better", "then training": "is faster"},
    planted={"compute": "is used up", "then training": "takes as long"},
)


# ---- D0-5c: larger training in limited compute and storage -------------------------------------


@cache
def step_of(name: str, sizes: Sizes = SMALL) -> Measured:
    """Return the measured memory of a step in one of the `WAYS`."""
    return measure_step(WAYS[name], sizes)


def examine_limits(says: dict[str, str]) -> list[Case]:
    """Train a model with twice the layers on the same device.

    Args:
        says: "storage", "compute": "limited" or "enough"; "larger networks": "possible" or
            "impossible".
    """
    smaller = replace(SMALL, layers=SMALL.layers // 2)
    small, large = step_of("plain", smaller).total, step_of("plain").total
    work = [model_flops(model_of_sizes(sizes), SMALL.batch) for sizes in (smaller, SMALL)]
    ways = {name: step_of(name).total for name in WAYS}
    fit = [name for name, n_bytes in ways.items() if n_bytes <= BUDGET]
    limited = small <= BUDGET < large
    MB = 1e6
    return [
        Case(f"storage is {says['storage']}", limited == (says["storage"] == "limited"),
             f"{smaller.layers} layers need {small / MB:.1f} MB, {SMALL.layers} layers "
             f"{large / MB:.1f} MB; a device has {BUDGET / MB:.0f}"),
        Case(f"compute is {says['compute']}",
             (work[1] > 1.5 * work[0]) == (says["compute"] == "limited"),
             f"a step of {SMALL.layers} layers takes {work[1] / work[0]:.1f} times the FLOPs"),
        Case(f"larger networks are {says['larger networks']}",
             bool(fit) == (says["larger networks"] == "possible"),
             f"{SMALL.layers} layers on that device: with {' or '.join(fit) or 'no way'}"),
        *(Case(f"{name} needs less", n_bytes < large,
               f"{n_bytes / MB:.1f} of {large / MB:.1f} MB", aside=True)
          for name, n_bytes in ways.items() if name != "plain"),
    ]  # fmt: skip


limits = Check(
    examine_limits,
    document={"storage": "limited", "compute": "limited", "larger networks": "possible"},
    planted={"storage": "enough", "compute": "enough", "larger networks": "impossible"},
)
