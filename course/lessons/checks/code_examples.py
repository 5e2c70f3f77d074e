"""Chapter 4_code_examples: the documents' programs, run as they are and repaired. D0 to D4 4.

The programs are those of `course.lessons.programs`. Those of D1 and D3, in Keras, are run here as
the same layers on torch, so that a verdict needs no Keras; a test holds both to the same cases.
"""

import math
import warnings
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...parallel.in_turn import InTurn
from ...parallel.strategies import make_strategy
from ..programs import (
    accuracy,
    all_rows,
    caught,
    completed,
    in_batches,
    missing_names,
    network,
    pictures,
    random_rows,
    two_layers,
)  # fmt: skip
from ..verdicts import Case, Check

SEEDS = range(2)
WELL = 0.9  # the accuracy on new digits of a program that learned
CRITERIA = {"cross-entropy": nn.CrossEntropyLoss(), "squared error": nn.MSELoss()}


@cache
def exchanged(ranks: int, sizes: tuple[int, ...]) -> float:
    """Return the bytes that devices send in a step of data parallelism on a batch of 32."""
    world = InTurn(ranks)

    def program(comm):
        net = MLP(list(sizes))
        x, y = torch.ones(32, sizes[0]), torch.zeros(32, dtype=torch.long)
        make_strategy("data", comm, net).loss_and_grad(*net.encode(x, y))

    world.run(program)
    return sum(event.size for event in world.events if event.kind != "compute")


def shared(ranks: int, *sizes: int) -> Case:
    """Return whether the devices that run a program of this network share its steps."""
    sent = exchanged(ranks, sizes)
    words = f"{ranks} device{'s' * (ranks > 1)}, {sent:,.0f} bytes between them in a step"
    return Case("it is large-scale: devices share the work of a step", sent > 0, words)


def named(program, names) -> Case:
    """Return whether a program has all names that it reads."""
    lacks = [name for name in missing_names(program) if name not in names]
    words = f"NameError: name '{lacks[0]}' is not defined" if lacks else "no name is missing"
    return Case("it runs", not lacks, words)


def learns(found: list[float], name="it trains: it knows new rows") -> Case:
    """Return whether each of some runs, one a seed, does well on new rows; none have run: no."""
    words = f"accuracy on new rows {min(found):.2f} or more" if found else "it stops before a step"
    return Case(name, bool(found) and min(found) > WELL, words)


# ---- D0-4 ------------------------------------------------------------------------------------


class First(NamedTuple):
    """What a run of the first program came to."""

    losses: tuple[float, ...]
    """Before each update."""
    fitted: float
    """Accuracy on the rows that it was trained on."""
    new: float
    """Accuracy on new rows."""


@cache
def first(labels: str, updates: int, lr: float, seed: int) -> First:
    """Run the program of D0: on random labels, or on digits."""
    if labels == "random":
        x, y = random_rows(seed=seed)
        new = random_rows(2000, seed=seed + 1000)
    else:
        data = load_data("digits", seed)
        x, y, new = data.x_train, data.y_train, (data.x_test, data.y_test)
    net = network(x.shape[1], 128, 10, seed=seed)
    losses = all_rows(net, x, y, updates, lr)
    return First(tuple(losses), accuracy(net, x, y), accuracy(net, *new))


def examine_first(says: Mapping) -> list[Case]:
    """Run it on several seeds.

    Args:
        says: "labels": 'random' or 'of the digits'; "updates", "lr"; "ranks": how many devices.
    """
    runs = [first(says["labels"], says["updates"], says["lr"], seed) for seed in SEEDS]
    ends = [run.losses[-1] for run in runs]
    falls = all(a > b for run in runs for a, b in zip(run.losses, run.losses[1:], strict=False))
    return [
        Case("it runs", all(map(math.isfinite, ends)),
             f"{len(runs[0].losses)} updates without an error"),
        Case("it trains: the loss falls", falls,
             f"from {runs[0].losses[0]:.3f} to {ends[0]:.3f}"),
        Case("it trains: it beats even guessing", max(ends) < math.log(10),
             f"the loss of even guessing is {math.log(10):.3f}, its own ends at {max(ends):.3f}"),
        Case("it trains: it knows its own rows", min(run.fitted for run in runs) > WELL,
             f"accuracy {min(run.fitted for run in runs):.2f}"),
        learns([run.new for run in runs]),
        shared(says["ranks"], 784, 128, 10),
    ]  # fmt: skip


first_program = Check(
    examine_first,
    document={"labels": "random", "updates": 10, "lr": 0.01, "ranks": 1},
    planted={"labels": "of the digits", "updates": 300, "lr": 0.3, "ranks": 2},
)


# ---- D2-4 and D4-4 -------------------------------------------------------------------------------


@cache
def batched(criterion: str, outputs: int, column: bool, seed: int) -> tuple[str, float, float]:
    """Run the program of D2: (its error or "no error", accuracy, share of the variance explained).

    The last two are on new digits: by the first choice among ten outputs, and of the digit as a
    number by one output.
    """
    data = load_data("digits", seed)
    net = network(data.features, 128, outputs, seed=seed)
    whole = criterion == "cross-entropy"
    y = data.y_train if whole else data.y_train.float()
    program = completed(in_batches, criterion=CRITERIA[criterion])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of shapes that differ: measured here
        said = caught(program, net, data.x_train, y, column=column)
    with torch.no_grad():
        off = (net(data.x_test)[:, 0] - data.y_test).square().mean() / data.y_test.float().var()
    return said, accuracy(net, data.x_test, data.y_test), 1 - float(off)


def reported(weighted: bool) -> float:
    """Return what the program of D2 reports when the loss of every batch is 1."""
    data = load_data("digits", 0)
    program = completed(in_batches, criterion=lambda z, y: 0 * z.sum() + 1)
    return program(network(data.features, 4, 10), data.x_train, data.y_train, 1, weighted=weighted)


def examine_batches(says: Mapping) -> list[Case]:
    """Run it as it is, then with a criterion.

    Args:
        says: "criterion": a name of `CRITERIA`, or None; "column": whether labels become (B, 1);
            "weighted": whether the sum counts each batch's rows; "ranks": how many devices.
    """
    criterion, column = says["criterion"], says["column"]
    names = named(in_batches, ("criterion",) if criterion else ())
    runs = [batched(criterion, 10, column, seed) for seed in SEEDS] if criterion else []
    errors = [said for said, *_ in runs if said != "no error"]
    runs_well = Case("it runs", not errors, errors[0]) if errors else names
    mean = reported(says["weighted"])
    entropy = [batched("cross-entropy", 10, column, seed) for seed in SEEDS]
    squares = [batched("squared error", 10, column, seed)[1] for seed in SEEDS]
    alone = [batched("squared error", 1, column, seed)[2] for seed in SEEDS]
    return [
        runs_well,
        learns([] if errors else [right for _, right, _ in runs]),
        Case("it returns the mean loss", abs(mean - 1) < 0.01,
             f"when the loss of each batch is 1, it returns {mean:.3f}"),
        shared(says["ranks"], 64, 128, 10),
        Case("with cross-entropy for the missing name it runs", entropy[0][0] == "no error",
             entropy[0][0], aside=True),
        Case("with squared error for ten outputs it knows new rows", min(squares) > WELL,
             f"accuracy {max(squares):.2f} at most", aside=True),
        Case("with squared error for a single output it predicts", min(alone) > 0.5,
             f"{min(alone):.0%} or more of the variance of the digit is explained", aside=True),
    ]  # fmt: skip


batches = Check(
    examine_batches,
    document={"criterion": None, "column": True, "weighted": False, "ranks": 1},
    planted={"criterion": "cross-entropy", "column": False, "weighted": True, "ranks": 2},
)


def examine_whole(says: Mapping) -> list[Case]:
    """Try the program that the chapter gives: does it run, learn, and report what is true?"""
    return examine_batches({**says, "ranks": 1})[:3]


whole = Check(examine_whole, document=None, planted=batches.planted)


# ---- D1-4 and D3-4 -------------------------------------------------------------------------------


@cache
def fitted(widths: tuple[int, ...], images: bool, epochs: int, seed: int) -> tuple[str, float]:
    """Fit layers with Keras's Adam on shuffled batches of 32: (error or "no error", accuracy).

    Args:
        widths: of the layers above the inputs, a ReLU between two of them.
        images: hand in (8, 8) images to a first layer that takes (64,), else rows.
        epochs: passes over the data.
        seed: of the split, the first weights and the order.
    """
    data = load_data("digits", seed)
    x, new = pictures(data) if images else (data.x_train, data.x_test)
    net, order = network(data.features, *widths, seed=seed), torch.Generator().manual_seed(seed)
    if (said := caught(net, x[:32])) != "no error":
        return said, 0.0
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), data.y_train[rows]).backward()
            optimiser.step()
    return said, accuracy(net, new, data.y_test)


def examine_two_layers(says: Mapping) -> list[Case]:
    """Look for its names, then run it with data.

    Args:
        says: "names": those that it defines; "widths": of its layers; "first": what its first
            layer is called; "ranks": how many devices.
    """
    names = named(two_layers, says["names"])
    runs = [fitted(tuple(says["widths"]), False, 10, seed)[1] for seed in SEEDS]
    made = network(64, *says["widths"])
    weights = sum(p.numel() for p in made[0].parameters() if p.ndim == 2)
    is_called = "hidden" if len(made) > 1 else "output"  # an input layer has no weights
    return [
        names,
        learns(runs if names.holds else []),
        shared(says["ranks"], 64, *says["widths"]),
        Case(f"its first layer is the {says['first']} layer", is_called == says["first"],
             f"it has {weights:,} weights of its own: {is_called}", aside=True),
        Case("given data, it knows new rows", min(runs) > WELL,
             f"accuracy on new rows {min(runs):.2f} or more", aside=True),
    ]  # fmt: skip


keras_two = Check(
    examine_two_layers,
    document={"names": (), "widths": (64, 10), "first": "input", "ranks": 1},
    planted={"names": ("x_train", "y_train"), "widths": (64, 10), "first": "hidden", "ranks": 2},
)


def examine_three_layers(says: Mapping) -> list[Case]:
    """Run it as it is, and with images as rows.

    Args:
        says: "images": whether images are handed in as they are; "compile": 'initialises' or
            'chooses the loss'; "ranks": how many devices.
    """
    runs = [fitted((256, 128, 10), says["images"], 5, seed) for seed in SEEDS]
    ran = [right for said, right in runs if said == "no error"]
    repaired = [fitted((256, 128, 10), False, 5, seed)[1] for seed in SEEDS]
    net = network(64, 256, 128, 10)
    before = nn.utils.parameters_to_vector(net.parameters()).clone()
    torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7)  # what compile does
    moved = int((nn.utils.parameters_to_vector(net.parameters()) != before).sum())
    does = "initialises" if moved else "chooses the loss"
    wants = "images of 8 × 8 meet a first layer that takes rows of 64" if says["images"] else ""
    return [
        Case("it runs", len(ran) == len(runs), wants or "no error"),
        learns(ran),
        Case("it evaluates", bool(ran), "it comes to its last line" if ran else
             "it stops before its last line"),
        shared(says["ranks"], 64, 256, 128, 10),
        Case("`compile` initialises the parameters" if says["compile"] == "initialises"
             else "`compile` chooses loss and optimiser", does == says["compile"],
             f"{moved} of {len(before):,} parameters are others after it", aside=True),
        Case("with images as rows it knows new rows", min(repaired) > WELL,
             f"accuracy on new rows {min(repaired):.2f} or more", aside=True),
    ]  # fmt: skip


keras_three = Check(
    examine_three_layers,
    document={"images": True, "compile": "initialises", "ranks": 1},
    planted={"images": False, "compile": "chooses the loss", "ranks": 2},
)
