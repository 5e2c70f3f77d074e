"""Chapter 2_1_networks: what depth learns, and whether parts learn alone. D0 2.2, D2 2, D4 2.2.

The referee is the accuracy on unseen samples.
"""

from functools import cache
from statistics import mean

import torch
from torch import nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..pairs import PIXELS, Joined, alone, draw_pairs, joiner, sub_network, together, without_output
from ..verdicts import Case, Check

SEEDS = range(3)

# ---- D0-2.2, D4-2.2a: does depth learn better? ---------------------------------------------------

PROBLEMS = {  # data, its training samples, the hidden widths of the deep network
    "spirals": ("spirals", 600, [16, 16, 16]),
    "3,000 pairs of digits": ("pairs", 3000, [64, 64, 64]),
    "64 pairs of digits": ("pairs", 64, [64, 64, 64]),
    "64 digits": ("digits", 64, [64, 64, 64]),
}
RATES = (0.1, 0.3, 1.0)


@cache
def accuracies(problem: str) -> dict[str, float]:
    """Return the mean test accuracy of depth and of a linear model over the seeds.

    Each at its own best rate, by the mean validation accuracy.
    """
    name, rows, hidden = PROBLEMS[problem]
    found = {}
    for model, widths in (("depth", hidden), ("linear", [])):
        runs = {rate: [run(name, rows, widths, rate, s) for s in SEEDS] for rate in RATES}
        best = max(RATES, key=lambda rate: mean(val for val, _ in runs[rate]))
        found[model] = mean(test for _, test in runs[best])
    return found


def run(name: str, rows: int, hidden: list[int], rate: float, seed: int) -> tuple[float, float]:
    """Return the validation and the test accuracy of 400 steps."""
    data = draw_pairs(seed)[0] if name == "pairs" else load_data(name, seed, dtype=torch.float64)
    data = data.with_validation(seed=seed)
    data = data.subset(min(rows, len(data.y_train)), seed)
    model = MLP([data.features, *hidden, data.outputs], seed=seed, dtype=torch.float64)
    trainer = Trainer(model, data, chain(Descend(rate)), min(32, rows), seed)
    for _ in trainer.run(400):
        pass
    return trainer.evaluate("validation")[1], trainer.evaluate("test")[1]


def examine_depth(says: dict) -> list[Case]:
    """Try whether one model is better than the other.

    Args:
        says: "better": depth or linear; "on": names of `PROBLEMS`; "features": by whom.
    """
    cases = []
    for problem in says["on"]:
        found = accuracies(problem)
        other = "linear" if says["better"] == "depth" else "depth"
        words = f"depth {found['depth']:.3f}, linear {found['linear']:.3f}"
        holds = found[says["better"]] > found[other] + 0.01
        cases.append(Case(f"{says['better']} is better: {problem}", holds, words))
    told, untold = tells_five_or_more(alone(0)[0]), tells_five_or_more(together(0)[0])
    holds = (untold > 0.9) == (says["features"] == "the network")
    words = f"5 or more, never told: {untold:.2f} of the digits; trained alone: {told:.2f}"
    return [*cases, Case(f"{says['features']} makes the features", holds, words, aside=True)]


def tells_five_or_more(joined: Joined) -> float:
    """Return how often a line through the left answers tells 5 or more on unseen digits."""
    whole, left, _ = draw_pairs(0)
    with torch.no_grad():
        train, test = (joined.answers(x)[:, :4] for x in (whole.x_train, whole.x_test))
    ones = [torch.cat([a, torch.ones(len(a), 1).to(a)], 1) for a in (train, test)]
    w = torch.linalg.lstsq(ones[0], 2 * left.y_train[:, None].double() - 1).solution
    return float(((ones[1] @ w)[:, 0] > 0).eq(left.y_test > 0).float().mean())


LEARNS = {"better": "depth", "features": "the network",
          "on": ("spirals", "3,000 pairs of digits", "64 digits")}  # fmt: skip
GENERALISES = LEARNS | {"on": ("3,000 pairs of digits", "64 digits", "64 pairs of digits")}
learning = Check(
    examine_depth, document=LEARNS,
    planted={"better": "linear", "features": "people", "on": ("spirals",)},
)  # fmt: skip
generalising = Check(
    examine_depth, document=GENERALISES,
    planted={"better": "linear", "features": "people", "on": ("3,000 pairs of digits",)},
)  # fmt: skip


# ---- D2-2a: sub-networks, each trained by itself ------------------------------------------------


def examine_parts(says: dict) -> list[Case]:
    """Try parts that are trained alone or together.

    Args:
        says: "trained": alone or together; "made of": sub-networks or layers; "forward": "at the
            same time" or "one after the other".
    """
    train = {"alone": alone, "together": together}[says["trained"]]
    cases = []
    for seed in range(2):
        accuracy = train(seed)[1]
        words = f"{accuracy:.2f} of unseen pairs right"
        cases.append(Case(f"a label that needs both parts, seed {seed}", accuracy > 0.75, words))
    off = coupling()
    holds = (off < 1e-9) == (says["trained"] == "alone")
    return [
        *cases,
        Case(f"a part's gradient is its own: {says['trained']}", holds,
             f"other weights in the right part change the left gradient by {off:.0%}"),
        Case(f"every large network is made of {says['made of']}",
             (made_of_networks() > 0) == (says["made of"] == "sub-networks"),
             f"sub-networks in the document's own program: {made_of_networks()}", aside=True),
        Case(f"the parts can compute {says['forward']}",
             answers_need_no_other() == (says["forward"] == "at the same time"),
             "forward, an answer needs nothing of the other part", aside=True),
    ]  # fmt: skip


def made_of_networks() -> int:
    """Return how many networks of several layers stand in the program of D2, section 4."""
    program = nn.ModuleDict(
        {"hidden1": nn.Linear(4, 5), "relu1": nn.ReLU(), "hidden2": nn.Linear(5, 3)}
    )
    return sum(len(list(part.children())) > 1 for part in program.children())


def untrained(seed: int, right: int) -> Joined:
    left, other = (without_output(sub_network(s)) for s in (seed, right))
    return Joined(left, other, joiner(seed).to_module())


def coupling() -> float:
    """Return how far the left gradient moves, relative to itself, with another right part."""
    whole = draw_pairs(0)[0]
    found = []
    for right in (1, 2):
        joined = untrained(0, right)
        loss = nn.functional.cross_entropy(joined(whole.x_train[:256]), whole.y_train[:256])
        grads = torch.autograd.grad(loss, list(joined.left.parameters()))
        found.append(torch.cat([g.flatten() for g in grads]))
    return float((found[1] - found[0]).norm() / found[0].norm())


def answers_need_no_other() -> bool:
    """Tell if the left answers are the same beside another right part."""
    x = draw_pairs(0)[0].x_test[:50]
    with torch.no_grad():
        one, other = (untrained(0, right).answers(x) for right in (1, 2))
    left = torch.equal(one[:, :4], other[:, :4])
    return left and not torch.equal(one[:, 4:], other[:, 4:]) and x.shape[1] == 2 * PIXELS


INDEPENDENT = {"trained": "alone", "made of": "sub-networks", "forward": "at the same time"}
parts = Check(
    examine_parts, document=INDEPENDENT, planted=INDEPENDENT | {"trained": "together"},
)  # fmt: skip
