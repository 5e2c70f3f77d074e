"""Chapter 2_1_networks: what a network is, what depth learns, and whether parts learn alone.

D0 2.1, 2.2, D2 2, D4 2.1, 2.2. The referees are autograd and accuracy on unseen samples.
"""

from functools import cache
from statistics import mean

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..pairs import PIXELS, Joined, alone, draw_pairs, joiner, sub_network, together, without_output
from ..verdicts import Case, Check

SIZES = [3, 4, 2]  # of the small network whose nodes are counted
SEEDS = range(3)


def small(seed: int = 0) -> nn.Module:
    """Return a 3-4-2 tanh network in float64."""
    return MLP(SIZES, "tanh", seed=seed, dtype=torch.float64).to_module()


def heard(layer: nn.Module, inputs: int) -> Tensor:
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
    joined = int(heard(small()[0], SIZES[0]).sum())  # type: ignore[index]
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
        found.append((int(heard(lambda x, W=W: W @ x, 2).sum()), W.clone()))  # type: ignore[misc]
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
    below, above = heard(layers[0], SIZES[0]), heard(layers[2], SIZES[1])  # type: ignore[index]
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
    counts = [sum(isinstance(part, nn.Linear) for part in net) for net in (deep, flat)]  # type: ignore[arg-type]
    x = torch.linspace(-1, 1, 20).view(5, 4)
    rest = deep[2:](deep[:2](x))  # type: ignore[index]
    below = torch.equal(rest, deep(x))
    made_of = {type(part) for part in deep} <= {nn.Linear, nn.Tanh}  # type: ignore[union-attr]
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


# ---- D0-2.2, D4-2.2a: does depth learn better? ---------------------------------------------------

PROBLEMS = {  # data, its training samples, the hidden widths of the deep network
    "spirals": ("spirals", 600, [16, 16, 16]),
    "digits, 1,024 samples": ("digits", 1024, [64, 64, 64]),
    "digits, 64 samples": ("digits", 64, [64, 64, 64]),
    "pairs of digits, 4,000": ("pairs", 4000, [64, 64, 64]),
    "pairs of digits, 64": ("pairs", 64, [64, 64, 64]),
}
RATES = (0.3, 1.0)


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
    data = draw_pairs(seed)[0] if name == "pairs" else load_data(name, seed)
    data = data.with_validation(seed=seed)
    data = data.subset(min(rows, len(data.y_train)), seed)
    model = MLP([data.features, *hidden, data.outputs], seed=seed)
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
    ones = [torch.cat([a, torch.ones(len(a), 1)], 1) for a in (train, test)]
    w = torch.linalg.lstsq(ones[0], 2.0 * left.y_train[:, None] - 1).solution
    return float(((ones[1] @ w)[:, 0] > 0).eq(left.y_test > 0).float().mean())


LEARNS = {"better": "depth", "features": "the network",
          "on": ("spirals", "digits, 1,024 samples", "digits, 64 samples")}  # fmt: skip
GENERALISES = LEARNS | {
    "on": ("pairs of digits, 4,000", "digits, 1,024 samples", "digits, 64 samples",
           "pairs of digits, 64")
}  # fmt: skip
learning = Check(
    examine_depth, document=LEARNS,
    planted={"better": "linear", "features": "people", "on": ("spirals",)},
)  # fmt: skip
generalising = Check(
    examine_depth, document=GENERALISES,
    planted={"better": "linear", "features": "people", "on": ("pairs of digits, 4,000",)},
)  # fmt: skip


# ---- D2-2a: sub-networks, each trained by itself --------------------------------------------------


def examine_parts(says: dict) -> list[Case]:
    """Try parts that are trained alone or together.

    Args:
        says: "trained": alone or together; "made of": sub-networks or layers; "forward": "at the same
            time" or "one after the other".
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
        Case(f"a large network is made of {says['made of']}",
             (made_of_networks() > 0) == (says["made of"] == "sub-networks"),
             f"the document's own program has {made_of_networks()} sub-networks", aside=True),
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
    parts = [without_output(sub_network(s)) for s in (seed, right)]
    return Joined(*parts, joiner(seed).to_module())


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
