"""Chapter 5_2_trends: what lets networks grow, and what limits them. D1 5, D4 5.

FLOPs are counted by torch while a program runs. The best size for a budget, and what more images
bring, come from runs made here.
"""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...parallel.in_turn import Costs, InTurn
from ...parallel.timeline import timeline
from ...planner.scaling_laws import (
    HOFFMANN,
    PER_TOKEN,
    Split,
    fit_power_law,
    interval,
    lowest_point,
    resampled,
)
from ...training.trainer import Trainer
from ..scaling_runs import BUDGETS, digit_errors, runs_of
from ..verdicts import Case, Check

SEEDS = range(3)
MOST_STEPS = 500
CAUSES = ("more efficient compute", "a smarter algorithm", "a smarter distribution of the data")

# ---- D1-5a: three causes of growth --------------------------------------------------------------


@cache
def samples_to(loss: float, batch_size: int, seed: int) -> int:
    """Return after how many digits the training loss is below `loss`, at the best of three rates.

    The loss is looked at every ten steps; a rate with which it stays above is left out.
    """
    data = load_data("digits", seed, dtype=torch.float64)
    found = []
    for lr in (0.1, 0.3, 1.0):
        model = MLP([data.features, 64, data.outputs], seed=seed, dtype=torch.float64)
        trainer = Trainer(model, data, chain(Descend(lr)), batch_size, seed)
        while trainer.step_count < MOST_STEPS:
            for _ in trainer.run(10):
                pass
            if trainer.evaluate("train")[0] < loss:
                found.append(trainer.step_count * batch_size)
                break
    return min(found)


def seconds_of(rows: tuple[int, ...]) -> float:
    """Return the time of a step in which rank k works off rows[k], and all add up gradients."""
    world = InTurn(len(rows), Costs(flops_per_second=1e9))
    model = MLP([64, 64, 10])

    def program(comm):
        comm.compute("forward and backward", PER_TOKEN * len(model.theta) * rows[comm.rank])
        comm.all_reduce(model.grad.clone(), "gradient")

    world.run(program)
    return timeline(world.events).end


@cache
def gains() -> dict[str, tuple[float, str]]:
    """Return what each cause brings: the factor, and what was found in words."""
    larger = HOFFMANN.best(2e24).parameters / HOFFMANN.best(1e24).parameters
    whole, batch = (sum(samples_to(0.3, size, seed) for seed in SEEDS) for size in (1438, 32))
    uneven, even = (seconds_of(rows) for rows in ((80, 16, 16, 16), (32, 32, 32, 32)))
    return {
        CAUSES[0]: (larger, f"twice the FLOPs: the best network is {larger:.2f} times as large"),
        CAUSES[1]: (whole / batch, "batches of 32, not all rows at once: the same loss after "
                    f"{batch / whole:.0%} of the samples"),
        CAUSES[2]: (uneven / even, f"rows dealt evenly: a step takes {even / uneven:.0%} of the "
                    "time"),
    }  # fmt: skip


def examine_growth(says: Mapping[str, Mapping]) -> list[Case]:
    """Measure what each cause brings.

    Args:
        says: "helps": 'more' or 'less' of each cause; "by": the factor of each that has one.
    """
    cases = []
    for cause, (factor, words) in gains().items():
        said = says["by"].get(cause)
        cases += [
            Case(f"{cause} makes larger networks {says['helps'][cause]} feasible",
                 (factor > 1.2) == (says["helps"][cause] == "more"), words),
            Case(f"it says how much {cause} brings",
                 said is not None and 0.8 < said / factor < 1.25,
                 "no number is named" if said is None else f"{said:.2g} times"),
        ]  # fmt: skip
    return cases


growth = Check(
    examine_growth,
    document={"helps": dict.fromkeys(CAUSES, "more"), "by": {}},
    planted={"helps": dict.fromkeys(CAUSES, "less"), "by": {}},
)


# ---- D1-5b: three limits ------------------------------------------------------------------------


def flops(width: int) -> tuple[int, set[str], int]:
    """Return, of a step of 64-width-width-10 on a row: FLOPs, its products' names, parameters."""
    module = MLP([64, width, width, 10]).to_module()
    x, y = torch.ones(1, 64, requires_grad=True), torch.zeros(1, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(module(x), y).backward()
    kinds = {str(name) for name in counter.get_flop_counts()["Global"]}
    return counter.get_total_flops(), kinds, sum(p.numel() for p in module.parameters())


@cache
def best_splits() -> list[Split]:
    """Return the best number of parameters, and the rows, of two budgets, measured."""
    found = []
    for budget in BUDGETS[:2]:
        losses = runs_of(budget, range(6))
        means = np.exp([np.log(values).mean() for values in losses.values()])
        P = lowest_point(list(losses), means)
        found.append(Split(P, budget / (PER_TOKEN * P)))
    return found


def examine_limits(says: Mapping[str, str]) -> list[Case]:
    """Measure what grows when a network does.

    Args:
        says: "compute", "data", "the algorithm": 'grows' or 'stays'.
    """
    (small, kinds, P), (large, same, more) = flops(64), flops(256)
    few, many = best_splits()
    each = (small / P, large / more)
    grows = {
        "compute": (large > 2 * small,
                    f"{P:,} and {more:,} parameters: {small:,} and {large:,} FLOPs a row"),
        "data": (many.tokens > 1.2 * few.tokens,
                 f"the best networks of two budgets: {few.parameters:.0f} parameters and "
                 f"{few.tokens:.0f} rows, {many.parameters:.0f} and {many.tokens:.0f}"),
        "the algorithm": (kinds != same or each[1] > 1.2 * each[0],
                          f"the same products, {each[0]:.1f} and {each[1]:.1f} FLOPs for each "
                          "parameter and row"),
    }  # fmt: skip
    needs = {"compute": "its need for compute", "data": "its need for data",
             "the algorithm": "the complexity of the algorithm"}  # fmt: skip
    return [
        Case(f"as a network grows, {needs[name]} {said}", grows[name][0] == (said == "grows"),
             grows[name][1])
        for name, said in says.items()
    ]  # fmt: skip


limits = Check(
    examine_limits,
    document={"compute": "grows", "data": "grows", "the algorithm": "grows"},
    planted={"compute": "stays", "data": "stays", "the algorithm": "grows"},
)


# ---- D4-5: what a section on trends should give -------------------------------------------------

FEW = (25, 50, 100, 200, 400)  # images
ALL = 1400


@cache
def errors() -> np.ndarray:
    """Return the test errors of ten seeds with `FEW` images and with `ALL`, (10, 6)."""
    return digit_errors((*FEW, ALL), range(10))


def examine_given(says: Mapping) -> list[Case]:
    """Try limits that have numbers.

    Args:
        says: "split": takes FLOPs and returns parameters and tokens; "floor": whether its law for
            more images has one.
    """
    split: Callable[[float], Split] = says["split"]
    budget = 5.76e23
    P, N = split(budget)
    others = [float(HOFFMANN(k * P, N / k)) for k in (0.7, 1 / 0.7)]
    measured = float(errors()[:, -1].mean())
    low, high = interval(resampled(FEW, errors()[:, :-1], says["floor"]), ALL)
    one = fit_power_law(FEW, errors()[:, :-1].mean(0), says["floor"])
    return [
        Case("compute: no other network of the same FLOPs has a lower loss",
             float(HOFFMANN(P, N)) < min(others) and abs(PER_TOKEN * P * N / budget - 1) < 1e-6,
             f"{P / 1e9:.0f} billion parameters, {N / 1e12:.1f} trillion tokens"),
        Case(f"data: a law fitted to {FEW[-1]} images and fewer holds for {ALL}",
             low <= measured <= high,
             f"it says {float(one(ALL)):.3f}, 90 % between {low:.3f} and {high:.3f}; measured "
             f"{measured:.3f}"),
    ]  # fmt: skip


given = Check(examine_given, document=None, planted={"split": HOFFMANN.best, "floor": True})
