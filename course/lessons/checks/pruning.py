"""Chapter 3_13_pruning: what pruning lowers, and what must follow it. D3 3.2, 5.

The eight steps are run as they are listed. What a model costs is counted, not timed: weights that
are not 0, and the FLOPs of its products.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend, HeavyBall
from ...pruning.choosing import by_magnitude, by_unit
from ...pruning.keeping import Pruning
from ...pruning.saving import smaller
from ...training.trainer import Trainer
from ..milestones import MILESTONES
from ..verdicts import Case, Check

SEEDS = range(3)
SHARE = 0.9  # of the weights thrown away
NEAR = 0.03  # of accuracy, which a network may lose and be as good
TRAIN, TUNE = 400, 150  # steps
FIRST = ("load", "preprocess", "define", "initialise", "loss")
EIGHT = (*FIRST, "descend", "evaluate", "prune")


@cache
def follow(steps: Sequence[str], seed: int) -> tuple[float, float, bool]:
    """Follow the steps and return test accuracies: (as evaluated last, of what comes out, same).

    `same` tells whether what comes out has the weights that were evaluated last.

    Args:
        steps: of `EIGHT`, and "tune": train the pruned network on.
        seed: of the data, the first weights and the batches.
    """
    data = load_data("digits", seed, dtype=torch.float64)
    model = MLP([data.features, 64, 64, data.outputs], seed=seed, dtype=torch.float64)
    trainer = Trainer(model, data, chain(HeavyBall(0.9), Descend(0.1)), seed=seed)
    pruning, reported, evaluated = Pruning(trainer), 0.0, torch.zeros(0)
    for step in steps:
        if step == "descend" or step == "tune":
            for _ in trainer.run(TRAIN if step == "descend" else TUNE):
                pass
        elif step == "evaluate":
            reported, evaluated = trainer.evaluate("test")[1], model.theta.clone()
        elif step == "prune":
            pruning.prune(by_magnitude(model, SHARE))
    return reported, trainer.evaluate("test")[1], torch.equal(evaluated, model.theta)


# ---- D3-3.2: eight steps, the last one is pruning --------------------------------------------


def examine_steps(says: Sequence[str]) -> list[Case]:
    """Follow the steps in their order on several seeds.

    Args:
        says: the names of the steps, as `follow` takes them.
    """
    steps = tuple(says)
    before = steps[: steps.index("prune")] if "prune" in steps else steps
    trained = [follow(before, s)[1] for s in SEEDS]
    found = [follow(steps, s) for s in SEEDS]
    ends = [end for _, end, _ in found]
    apart = [abs(reported - end) for reported, end, _ in found]
    return [
        Case("the steps before pruning train the network", min(trained) > 0.9,
             f"test accuracy {min(trained):.2f} or more on {len(SEEDS)} seeds"),
        Case("the evaluation is one of the network that comes out",
             all(same for *_, same in found),
             f"evaluated and real accuracy differ by up to {max(apart):.2f}"),
        Case("what comes out is as good as what was trained", min(ends) > min(trained) - NEAR,
             f"test accuracy {min(ends):.2f} or more"),
    ]  # fmt: skip


steps = Check(
    examine_steps, document=EIGHT, planted=(*FIRST, "descend", "prune", "tune", "evaluate")
)


# ---- D3-5d: optimising and pruning lower complexity ------------------------------------------


@cache
def costs(way: str) -> tuple[int, int]:
    """Return what a network costs: (weights that are not 0, FLOPs of the products for a row).

    Args:
        way: "as built", "optimised": trained alone; "pruned": single weights; "by unit": whole
            units, which are then taken out.
    """
    data = load_data("digits", 0)
    model = MLP([data.features, 64, 64, data.outputs])
    trainer = Trainer(model, data, chain(HeavyBall(0.9), Descend(0.1)))
    pruning = Pruning(trainer)
    for _ in trainer.run(0 if way == "as built" else TRAIN):
        pass
    if way in ("pruned", "by unit"):
        pruning.prune((by_magnitude if way == "pruned" else by_unit)(model, 0.5))
    if way == "by unit":
        model = smaller(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.to_module()(data.x_test[:1])
    weights = sum(int((block[:, :-1] != 0).sum()) for block in model.views(model.theta))
    return weights, counter.get_total_flops()


def examine_costs(says: Mapping) -> list[Case]:
    """Count before and after.

    Args:
        says: "models": 'more' or 'fewer' parameters with the years; "lower": ways of `costs`
            that are said to lower the complexity.
    """
    first, last = MILESTONES[0].parameters, MILESTONES[-1].parameters
    grows = "more" if last > first else "fewer"
    cases = [
        Case("models become more complex", grows == says["models"],
             f"{first:.0e} parameters in {MILESTONES[0].year}, {last:.0e} in "
             f"{MILESTONES[-1].year}"),
    ]  # fmt: skip
    names = {"optimised": "optimising", "pruned": "pruning weights", "by unit": "pruning units"}
    weights, flops = costs("as built")
    for way in says["lower"]:
        left, work = costs(way)
        cases += [
            Case(f"{names[way]} leaves fewer weights", left < 0.9 * weights,
                 f"{weights:,} weights, then {left:,} that are not 0"),
            Case(f"{names[way]} leaves fewer FLOPs", work < 0.9 * flops,
                 f"{flops:,} FLOPs of dense products a row, then {work:,}"),
        ]  # fmt: skip
    return cases


complexity = Check(
    examine_costs,
    document={"models": "more", "lower": ("optimised", "pruned", "by unit")},
    planted={"models": "fewer", "lower": ("optimised",)},
)
