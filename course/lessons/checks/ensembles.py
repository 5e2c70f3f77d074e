"""Chapter 3_12_ensembles: whether many networks generalise better than one."""

from collections.abc import Sequence
from functools import cache
from statistics import fmean

from torch import Tensor

from ...data.dataset import Dataset
from ...data.loading import load_data
from ...ensembles.combining import AdaBoost, Bagging
from ...ensembles.learning import Learner, Outputs, average, by_trainer
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ..verdicts import Case, Check

SEEDS = range(3)
MEMBERS = 6
ROWS = 200
BETTER = 0.005  # of the test rows, on the average of the seeds, before a gain counts
FROM_ONE = ("copies of one network", "boosting")  # compared with the network that they begin with
GENERALISES = 0.8  # of the test rows; a guess is right on a tenth

NETWORKS = {  # (sizes, activation, rate, steps)
    "a large network": ([64, 32, 32, 32, 10], "relu", 0.1, 400),
    "a small network": ([64, 3, 10], "tanh", 0.3, 150),
}


def learner(size: str) -> Learner:
    """Return how a network of `NETWORKS` learns; large: until it errs in no training row."""
    sizes, activation, rate, steps = NETWORKS[size]
    return by_trainer(
        lambda seed: MLP(sizes, activation, seed), lambda: chain(Descend(rate)), steps, classes=10
    )


def right(outputs: Tensor, data: Dataset) -> float:
    """Return the share of test rows that outputs (B, C) get right."""
    return float((outputs.argmax(1) == data.y_test).float().mean())


@cache
def different(size: str, seed: int) -> tuple[Outputs, ...]:
    """Return networks that learned the same rows, from first weights and orders of their own."""
    data = load_data("digits", seed).subset(ROWS)
    seeds = range(100 * seed, 100 * seed + MEMBERS)
    return tuple(learner(size)(data.x_train, data.y_train, None, s) for s in seeds)


def outputs(joined: str, size: str, seed: int, data: Dataset) -> tuple[Tensor, int]:
    """Return what an ensemble answers to the test rows, (B, C), and how many networks it has."""
    networks = different(size, seed)
    if joined == "copies of one network":
        networks = networks[:1] * MEMBERS
    if joined in ("different networks", "copies of one network"):
        return average([net(data.x_test) for net in networks]), len(networks)
    first = 100 * seed
    if joined == "bagging":
        bag = Bagging(learner(size), MEMBERS, first).fit(data.x_train, data.y_train)
        return average(bag.outputs(data.x_test)), len(bag.fitted)
    boost = AdaBoost(learner(size), 10, MEMBERS, seed=first).fit(data.x_train, data.y_train)
    return boost.outputs(data.x_test), len(boost.fitted)


@cache
def gain(joined: str, size: str) -> tuple[float, float, float]:
    """Return the test accuracy of one network, of the ensemble, and how many networks it has.

    Each is a mean over the seeds. The one network learned all rows.
    """
    found = []
    for seed in SEEDS:
        data = load_data("digits", seed).subset(ROWS)
        together, networks = outputs(joined, size, seed, data)
        singles = different(size, seed)[: 1 if joined in FROM_ONE else MEMBERS]
        alone = fmean(right(net(data.x_test), data) for net in singles)
        found.append((alone, right(together, data), float(networks)))
    one, many, count = (fmean(column) for column in zip(*found, strict=True))
    return one, many, count


def examine(says: dict) -> list[Case]:
    """Try what an ensemble is said to be, what it is made of, and what brings something.

    Args:
        says: "is": "needed" or "optional", to generalise; "made of": "different networks",
            "copies of one network" or None; "better": of "bagging", "boosting".
    """
    alone, *_ = gain("different networks", "a large network")
    does = alone > GENERALISES
    words = f"alone it is right on {alone:.3f} of the test rows"
    cases = [Case(f"to generalise, an ensemble is {says['is']}", does == (says["is"] == "optional"),
                  words)]  # fmt: skip
    ways: Sequence[str] = [*([says["made of"]] if says["made of"] else []), *says["better"]]
    for way in ways:
        for size in NETWORKS:
            one, many, count = gain(way, size)
            words = f"right: one {one:.3f} of the rows, {count:.0f} together {many:.3f}"
            cases.append(Case(f"{way}: better than {size}", many > one + BETTER, words))
    return cases


DOCUMENT = {"is": "needed", "made of": "different networks", "better": ("bagging", "boosting")}
ensembles = Check(
    examine, document=DOCUMENT, planted=DOCUMENT | {"is": "optional", "better": ("bagging",)}
)
