"""Chapter 3_14_data_parallel: one step of many nodes. D1 3 and D1 3.1.

The referee is one process on all rows.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...parallel.communicator import Event
from ...parallel.data_parallel import DataParallel
from ...parallel.in_turn import Costs, InTurn
from ...parallel.tensor_parallel import TensorParallel
from ...parallel.timeline import timeline
from ...training.trainer import Trainer
from ..verdicts import Case, Check

ROUNDS, ROWS = 20, 10  # steps of a run, and rows of a batch
SAME = 1e-12  # largest difference of two float64 runs that make the same steps
METHODS = {"data parallelism": DataParallel, "model parallelism": TensorParallel}
CLOCKS = {  # FLOPs a second of a node; messages cost the same in both
    "computing takes long": Costs(flops_per_second=1e7),
    "messages take long": Costs(flops_per_second=1e13),
}


def network() -> MLP:
    """Return a small network for the moons, in float64."""
    return MLP([2, 8, 2], "tanh", seed=0, dtype=torch.float64)


@cache
def on_nodes(
    method: str, nodes: int, clock: str = "computing takes long", lr: float = 0.3
) -> tuple[Tensor, list[Event]]:
    """Train over so many nodes; return all weights, and what the nodes did."""
    world = InTurn(nodes, CLOCKS[clock])
    data = load_data("moons", 0, dtype=torch.float64)

    def program(comm):
        model = METHODS[method](comm, network())
        trainer = Trainer(model, data, chain(Descend(lr)), ROWS, seed=0)
        for _ in trainer.run(ROUNDS):
            pass
        return model.whole(model.theta).clone()

    return world.run(program)[0], world.events


def flops(events: list[Event], node: int) -> float:
    """Return the FLOPs that a node computed."""
    return sum(event.size for event in events if (event.kind, event.rank) == ("compute", node))


def part_of_work(method: str, node: int) -> float:
    """Return what a node of two computes, as a share of one process; 1 for what is no method."""
    if method not in METHODS:
        return 1.0
    return flops(on_nodes(method, 2)[1], node) / flops(on_nodes(method, 1)[1], 0)


def apart(a: Tensor, b: Tensor) -> float:
    """Return the largest difference of two vectors."""
    return float((a - b).abs().max())


def seconds(method: str, nodes: int, clock: str) -> float:
    """Return what the run takes by the clock of the cost model."""
    return timeline(on_nodes(method, nodes, clock)[1]).end


# ---- D1-3: is it the principle of the algorithm? ------------------------------------------------


def examine_principle(says: dict[str, Sequence[str]]) -> list[Case]:
    """Take away what is named: are other weights learned? And spread it: does a node do less?

    Args:
        says: "the algorithm", "spreads the work", "can be faster": names of `METHODS`, or
            "gradient descent".
    """
    cases = []
    for name in says["the algorithm"]:
        if name in METHODS:
            gap = apart(on_nodes(name, 2)[0], on_nodes(name, 1)[0])
        else:
            still, moved = (on_nodes("data parallelism", 1, lr=lr)[0] for lr in (0.0, 0.3))
            gap = apart(still, moved)
        words = f"with and without it, weights differ by up to {gap:.0e}"
        cases.append(Case(f"the algorithm depends on {name}", gap > SAME, words))
    for name in says["spreads the work"]:
        share = max(part_of_work(name, node) for node in (0, 1))
        words = f"a node of two computes at most {share:.0%}"
        cases.append(Case(f"{name} spreads the computing", share < 0.9, words))
    for name in says["can be faster"]:
        one = seconds("data parallelism", 1, "computing takes long")
        two = seconds(name, 2, "computing takes long") if name in METHODS else one
        words = f"{ROUNDS} steps: one node {one:.2g} s, two {two:.2g} s by the cost model"
        cases.append(Case(f"{name} can be faster", two < one, words))
    return cases


principle = Check(
    examine_principle,
    document={"the algorithm": tuple(METHODS), "spreads the work": tuple(METHODS),
              "can be faster": tuple(METHODS)},
    planted={"the algorithm": ("gradient descent",), "spreads the work": tuple(METHODS),
             "can be faster": tuple(METHODS)},
)  # fmt: skip


# ---- D1-3.1a: aggregate the results into a global model -----------------------------------------

RULES: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "plain descent": lambda theta: torch.optim.SGD(theta, 0.3),
    "momentum": lambda theta: torch.optim.SGD(theta, 0.1, momentum=0.9),
    "Adam": lambda theta: torch.optim.Adam(theta, 0.01),
}


def gradient(model: MLP, theta: Tensor, rows: slice) -> Tensor:
    """Return the gradient of the mean loss over these training rows at theta: (P,)."""
    data = load_data("moons", 0, dtype=torch.float64)
    model.theta.copy_(theta)
    model.loss_and_grad(*model.encode(data.x_train[rows], data.y_train[rows]))
    return model.grad.clone()


@cache
def aggregated(results: str, by_rows: bool, rule: str, counts: tuple[int, ...]) -> float:
    """Return how far the aggregated weights come to lie from those of one process.

    Args:
        results: "models" or "gradients", what is averaged; "none": nothing.
        by_rows: whether a node counts by its rows; else all count alike.
        rule: of `RULES`; each node that has a model of its own has an optimiser of its own.
        counts: how many rows of each batch a node has.
    """
    model, n = network(), sum(counts)
    shares = [count / n if by_rows else 1 / len(counts) for count in counts]
    copies = [model.theta.clone() for _ in range(len(counts) + 1)]  # the last is one process
    steppers = [RULES[rule]([theta]) for theta in copies]
    for start in range(0, n * ROUNDS, n):
        ends = [start + sum(counts[:k]) for k in range(len(counts) + 1)]
        rows = [
            *(slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)),
            slice(start, start + n),
        ]
        grads = [gradient(model, theta, part) for theta, part in zip(copies, rows, strict=True)]
        if results == "gradients":
            grads[:-1] = [average(grads[:-1], shares)] * len(counts)
        for theta, grad, stepper in zip(copies, grads, steppers, strict=True):
            theta.grad = grad.clone()
            stepper.step()
        if results == "models":
            whole = average(copies[:-1], shares)
            for theta in copies[:-1]:
                theta.copy_(whole)
    return apart(copies[0], copies[-1])


def average(vectors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the sum of the vectors, each times its share."""
    return sum((share * v for share, v in zip(shares, vectors, strict=True)), vectors[0] * 0)


def normalised_apart() -> float:
    """Return the same for the gradient of a network with batch normalisation, in its length."""
    data = load_data("moons", 0, dtype=torch.float64)
    torch_seed = torch.Generator().manual_seed(0)
    W, V = (torch.randn(8, 2, generator=torch_seed, dtype=torch.float64) for _ in range(2))

    def grad(rows: slice) -> Tensor:
        leaf = W.clone().requires_grad_()
        z = nn.functional.batch_norm(data.x_train[rows] @ leaf.t(), None, None, training=True)
        loss = nn.functional.cross_entropy(z.tanh() @ V, data.y_train[rows])
        return torch.autograd.grad(loss, leaf)[0]

    whole, half = grad(slice(0, 10)), average([grad(slice(0, 5)), grad(slice(5, 10))], [0.5, 0.5])
    return float((half - whole).norm() / whole.norm())


def examine_aggregate(says: dict) -> list[Case]:
    """Aggregate as it is said, for equal and for unequal parts: is it the step of one process?

    Args:
        says: "each takes": "a part" or "all"; "results": "models", "gradients" or "none";
            "weights": "equal" or "by rows".
    """
    share = part_of_work("data parallelism", 0)
    name = f"each node takes {says['each takes']} of the batch"
    words = f"the first of 2 nodes does {share:.0%} of the computing of one process"
    cases = [Case(name, (share < 1) == (says["each takes"] == "a part"), words)]
    tries = [(rule, (5, 5)) for rule in RULES] + [("plain descent", (7, 3))]
    for rule, counts in tries:
        gap = aggregated(says["results"], says["weights"] == "by rows", rule, counts)
        parts = " and ".join(map(str, counts))
        words = f"after {ROUNDS} steps the weights differ by up to {gap:.0e}"
        cases.append(Case(f"{rule}, parts of {parts} rows: one process's steps", gap < SAME, words))
    off = normalised_apart()
    words = f"the gradient is off by {off:.0%} of its length"
    return [*cases, Case("with batch normalisation, too", off < SAME, words, aside=True)]


aggregate = Check(
    examine_aggregate,
    document={"each takes": "a part", "results": "models", "weights": "equal"},
    planted={"each takes": "a part", "results": "gradients", "weights": "by rows"},
)


# ---- D1-3.1b: y = f(x; w) -----------------------------------------------------------------------

Parts = Sequence[slice]  # the rows of each node
Formula = Callable[[MLP, Parts], Tensor]


def forward_pass(model: MLP, parts: Parts) -> Tensor:
    """Return y = f(x; w) of the rows of all nodes: (B, C)."""
    x = load_data("moons", 0, dtype=torch.float64).x_train
    return torch.cat([model.predict(x[rows]) for rows in parts])


def weighted_sum(model: MLP, parts: Parts) -> Tensor:
    """Return the gradients of the nodes, each times its share of the rows, summed: (P,)."""
    theta, counts = model.theta.clone(), [rows.stop - rows.start for rows in parts]
    shares = [count / sum(counts) for count in counts]
    return average([gradient(model, theta, rows) for rows in parts], shares)


def examine_formula(formula: Formula) -> list[Case]:
    """Does the formula give the gradient of the batch, from the parts of the nodes?"""
    model = network()
    whole = gradient(model, model.theta.clone(), slice(0, ROWS))
    cases = []
    for counts in ((5, 5), (7, 3)):
        got = formula(model, [slice(0, counts[0]), slice(counts[0], ROWS)])
        fits = got.shape == whole.shape
        words = f"it gives {got.numel()} outputs; a step needs {whole.numel()}, one a weight"
        if fits:
            words = f"off by up to {apart(got, whole):.0e}"
        name = f"it gives the batch's gradient, parts of {counts[0]} and {counts[1]} rows"
        cases.append(Case(name, fits and apart(got, whole) < SAME, words))
    one = formula(model, [slice(0, ROWS)])
    got = formula(model, [slice(0, 5), slice(5, ROWS)])
    gap = apart(one, got) if one.shape == got.shape else float("inf")
    words = f"on two nodes and on one it differs by up to {gap:.0e}"
    return [*cases, Case("two nodes and one give the same", gap < SAME, words, aside=True)]


formula = Check(examine_formula, document=forward_pass, planted=weighted_sum)
