"""Chapter 3_09_depth: what makes gradients vanish, and how to choose an activation."""

import math
from collections.abc import Sequence
from functools import cache
from statistics import median

import torch

from ...data.loading import load_data
from ...nn.depth import sizes_by_layer
from ...nn.layers import ACTIVATIONS
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..verdicts import Case, Check

SEEDS = range(3)
ARRIVES = 0.01  # of the last layer's error signal, in the first
ROWS = 128


@cache
def share(activation: str, init: str, layers: int, width: int = 32, name: str = "digits") -> float:
    """Return the size of δ in the first layer over that in the last, the median of the seeds.

    Args:
        activation, init: of the network, as `MLP` takes them.
        layers: how many matrices it has.
        width: of its hidden layers.
        name: of the data set.
    """
    found = []
    for seed in SEEDS:
        data = load_data(name, seed, dtype=torch.float64)
        sizes = [data.features, *[width] * (layers - 1), data.outputs]
        model = MLP(sizes, activation, seed, dtype=torch.float64, init=init)
        error = sizes_by_layer(model, data.x_train[:ROWS], data.y_train[:ROWS]).error
        found.append(error[0] / error[-1])
    return median(found)


@cache
def gap(width: int, rows: int) -> float:
    """Return test loss over training loss after training on so many digits, the median."""
    found = []
    for seed in SEEDS:
        data = load_data("digits", seed).subset(rows)
        model = MLP([data.features, width, data.outputs], seed=seed)
        trainer = Trainer(model, data, chain(Descend(0.3)), seed=seed)
        for _ in trainer.run(400):
            pass
        found.append(trainer.evaluate("test")[0] / trainer.evaluate("train")[0])
    return median(found)


# ---- D2-2c: does size make gradients vanish, and networks over-fit? --------------------------

SMALLER = {  # what becomes larger: (before, after), each (activation, init, layers, width)
    "more width": (("sigmoid", "xavier", 10, 16), ("sigmoid", "xavier", 10, 256)),
    "more layers": (("sigmoid", "xavier", 2, 32), ("sigmoid", "xavier", 20, 32)),
    "more layers, ReLU with He": (("relu", "he", 2, 32), ("relu", "he", 20, 32)),
    "smaller factors": (("relu", "he", 20, 32), ("relu", "torch", 20, 32)),
}
LARGER = {  # (before, after), each (width, rows)
    "more width": ((2, 200), (64, 200)),
    "more data": ((64, 200), (64, 1400)),
    "fewer data": ((64, 1400), (64, 200)),
}


def examine_size(says: dict[str, Sequence[str]]) -> list[Case]:
    """Try each cause that is named: does the problem grow tenfold, or double, with it?

    Args:
        says: {"vanishing": causes, keys of `SMALLER`; "over-fitting": keys of `LARGER`}.
    """
    cases = []
    for cause in says["vanishing"]:
        before, after = (share(*run) for run in SMALLER[cause])
        words = f"δ, first layer over last: {before:.1e}, then {after:.1e}"
        cases.append(Case(f"gradients vanish: {cause}", after < before / 10, words))
    for cause in says["over-fitting"]:
        before, after = (gap(*run) for run in LARGER[cause])
        words = f"test loss over training loss: {before:.1f}, then {after:.1f}"
        cases.append(Case(f"over-fitting: {cause}", after > 2 * before, words))
    return cases


size = Check(
    examine_size,
    document={"vanishing": ("more width", "more layers", "more layers, ReLU with He"),
              "over-fitting": ("more width", "more data")},
    planted={"vanishing": ("smaller factors",), "over-fitting": ("fewer data",)},
)  # fmt: skip


# ---- D0-6.2: which activation? Try ----------------------------------------------------------

Tries = Sequence[tuple[str, str]]  # (activation, init)


def arriving(tries: Tries, layers: int, name: str = "digits") -> set[str]:
    """Return the activations of which the error signal arrives in the first layer."""
    return {f for f, init in tries if share(f, init, layers, name=name) > ARRIVES}


def examine_choice(says: dict) -> list[Case]:
    """Try what is to be tried: is there one that works, and on what does it depend?

    Args:
        says: "tries": pairs (activation, init); "depends on": of "model", "problem".
    """
    tries: Tries = says["tries"]
    cases = []
    for layers in (2, 20):
        best = max((share(f, init, layers) for f, init in tries), default=math.nan)
        name = f"one of those tried lets the error through: {layers} layers"
        words = f"at most {best:.1e} of it arrives in the first"
        cases.append(Case(name, best > ARRIVES, words))
    usual = [(f, "xavier") for f in ("sigmoid", "tanh", "relu")]
    others = {
        "model": {"2 layers": arriving(usual, 2), "20 layers": arriving(usual, 20)},
        "problem": {"the digits": arriving(usual, 20), "the moons": arriving(usual, 20, "moons")},
    }
    for part in says["depends on"]:
        (where, before), (there, after) = others[part].items()
        passed = [", ".join(sorted(found)) or "none" for found in (before, after)]
        words = f"Xavier's start suits {passed[0]} ({where}); {passed[1]} ({there})"
        aside = part == "problem"
        cases.append(Case(f"it depends on the {part}", before != after, words, aside))
    known = [f for f, _ in tries if f in ACTIVATIONS and hasattr(torch.nn.functional, f)]
    words = f"{len(known)} of {len(tries)} are in PyTorch and here"
    return [*cases, Case("they are common", len(known) == len(tries) > 0, words, aside=True)]


choice = Check(
    examine_choice,
    document={"tries": [(f, "torch") for f in ("sigmoid", "tanh", "relu")],
              "depends on": ("problem", "model")},
    planted={"tries": [("tanh", "xavier"), ("relu", "he")], "depends on": ("model",)},
)  # fmt: skip
