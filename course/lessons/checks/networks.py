"""Chapter 2_1_networks: what a network is. D0 2.1, D4 2.1, 2.2. The referee is autograd."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..verdicts import Case, Check

SIZES = [3, 4, 2]  # of the small network whose nodes are counted


def small(seed: int = 0) -> nn.Sequential:
    """Return a 3-4-2 tanh network in float64."""
    return MLP(SIZES, "tanh", seed=seed, dtype=torch.float64).to_module()


def heard(layer: Callable[[Tensor], Tensor], inputs: int) -> Tensor:
    """Return who hears whom, (nodes, inputs): where a node's sum moves with an input."""
    x = torch.linspace(-1, 1, inputs, dtype=torch.float64)
    return torch.autograd.functional.jacobian(layer, x) != 0


# ---- D0-2.1: nodes and connections ------------------------------------------------------------


def examine_connections(says: dict) -> list[Case]:
    """Try what nodes and connections are.

    Args:
        says: "nodes": joined or apart; "a connection": "is a weight" or "has a weight"; "answers":
            "0 or 1", as neurons that fire or are silent, or "any".
    """
    joined = int(heard(small()[0], SIZES[0]).sum())
    is_weight = says["a connection"] == "is a weight"
    before, after, moved = weights_and_connections()
    row = nn.Unflatten(0, (1, -1))
    sliding = nn.Sequential(row, nn.Conv1d(1, 1, 3, bias=False, dtype=torch.float64), nn.Flatten(0))
    shared = int(heard(sliding, 8).sum())
    between = between_0_and_1()
    return [
        Case("nodes are joined", (joined > 0) == (says["nodes"] == "joined"),
             f"{joined} connections between 3 and 4 nodes"),
        Case("training: other weights, so other connections?", is_weight == (before != after),
             f"{moved} weights moved, {after} of {before} connections are still there"),
        Case("as many weights as connections?", is_weight == (shared == 3),
             f"a unit that slides over 8 inputs has {shared} connections, and 3 weights"),
        Case("it imitates neurons, which fire or are silent",
             (between == 0) == (says["answers"] == "0 or 1"),
             f"{between:.0%} of the units' answers are neither 0 nor 1", aside=True),
    ]  # fmt: skip


def weights_and_connections() -> tuple[int, int, int]:
    """Return connections before and after 50 steps of training, and how many weights moved."""
    data = load_data("spirals", 0)
    model = MLP([2, 4, 2], seed=0)
    trainer = Trainer(model, data, chain(Descend(0.1)))
    found = []
    for steps in (0, 50):
        for _ in trainer.run(steps) if steps else ():
            pass
        W = model.views(model.theta)[0][:, :-1].double()
        found.append((int(heard(W.mv, 2).sum()), W.clone()))
    (before, old), (after, new) = found
    return before, after, int((old != new).sum())


def between_0_and_1() -> float:
    """Return the share of a hidden layer's answers that are neither 0 nor 1."""
    data = load_data("digits", 0)
    a = torch.relu(MLP([64, 32, 10], seed=0).to_module()[0](data.x_train))
    return float(((a != 0) & (a != 1)).float().mean())


connections = Check(
    examine_connections,
    document={"nodes": "joined", "a connection": "is a weight", "answers": "0 or 1"},
    planted={"nodes": "apart", "a connection": "is a weight", "answers": "0 or 1"},
)


# ---- D4-2.1: a graph of nodes, and what training is --------------------------------------------


def examine_graph(says: dict) -> list[Case]:
    """Try whom a node hears and tells, and what training changes.

    Args:
        says: "hears", "tells": one or all; "changes": names; "the loss": falls or rises.
    """
    layers = small()
    below, above = heard(layers[0], SIZES[0]), heard(layers[2], SIZES[1])
    hears, tells = int(below[0].sum()), int(above[:, 0].sum())
    changed, losses = trained()
    fell = all(last < first for first, last in losses)
    words = ", ".join(f"{first:.2f} → {last:.2f}" for first, last in losses)
    return [
        Case(f"a node hears {says['hears']} of the nodes before it",
             hears == {"one": 1, "all": SIZES[0]}[says["hears"]], f"it hears {hears} of 3"),
        Case(f"it tells {says['tells']} of the nodes after it",
             tells == {"one": 1, "all": SIZES[2]}[says["tells"]], f"it tells {tells} of 2"),
        Case(f"training changes {' and '.join(says['changes'])}", changed == {*says["changes"]},
             f"changed: {', '.join(sorted(changed))}"),
        Case(f"the loss {says['the loss']}", fell == (says["the loss"] == "falls"), words),
    ]  # fmt: skip


@cache
def trained() -> tuple[set[str], list[tuple[float, float]]]:
    """Return what 100 steps of training changed, and the loss before and after on three seeds."""
    changed, losses = set(), []
    for seed in range(3):
        model = MLP([64, 16, 10], seed=seed)
        trainer = Trainer(model, load_data("digits", seed), chain(Descend(0.1)), seed=seed)
        start, first = model.theta.clone(), trainer.evaluate("train")[0]
        for _ in trainer.run(100):
            pass
        losses.append((first, trainer.evaluate("train")[0]))
        for old, new in zip(model.views(start), model.views(model.theta), strict=True):
            parts = {"weights": slice(None, -1), "biases": slice(-1, None)}
            changed |= {n for n, part in parts.items() if bool((old != new)[:, part].any())}
    return changed, losses


graph = Check(
    examine_graph,
    document={"hears": "one", "tells": "one", "changes": ("weights", "biases"),
              "the loss": "falls"},
    planted={"hears": "one", "tells": "one", "changes": ("weights",), "the loss": "rises"},
)  # fmt: skip


# ---- D4-2.2b: deep networks are networks of several layers --------------------------------------


def examine_kind(says: dict) -> list[Case]:
    """Try what a deep network is.

    Args:
        says: "kind": "some networks", "all networks" or "no network"; "layers": several or one;
            "hears": "the layer below" or "all layers below".
    """
    deep, flat = (MLP(sizes, "tanh", seed=0).to_module() for sizes in ([4, 5, 5, 3], [4, 3]))
    counts = [sum(isinstance(part, nn.Linear) for part in net) for net in (deep, flat)]
    x = torch.linspace(-1, 1, 20).view(5, 4)
    rest = deep[2:](deep[:2](x))
    below = torch.equal(rest, deep(x))
    made_of = {type(part) for part in deep} <= {nn.Linear, nn.Tanh}
    return [
        Case("it is a neural network", made_of == (says["kind"] != "no network"),
             "made of the same layers as any other"),
        Case("not every network is deep", (counts[1] < 2) == (says["kind"] != "all networks"),
             f"there are networks with {counts[1]} layer"),
        Case(f"it has {says['layers']} layers", (counts[0] > 1) == (says["layers"] == "several"),
             f"{counts[0]} layers"),
        Case(f"a layer hears {says['hears']}", below == (says["hears"] == "the layer below"),
             "the upper layers need nothing but what the first one tells them"),
    ]  # fmt: skip


kind = Check(
    examine_kind,
    document={"kind": "some networks", "layers": "several", "hears": "the layer below"},
    planted={"kind": "no network", "layers": "one", "hears": "all layers below"},
)
