"""Chapter 3_14_data_parallel: who gets which rows. D1 3.3.

A *dealing* says for two epochs which rows each of three nodes gets, in order. Twelve rows, and
thirteen where the tail is at stake.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..verdicts import Case, Check

NODES = 3
Dealing = list[list[list[int]]]  # epoch, node, its rows

# ---- D1-3.3a: the steps of data distribution ----------------------------------------------------


def deal(seed: int, n: int = 12, epochs: int = 2) -> Dealing:
    """Deal n rows to the nodes as a run needs it: a new common order in each epoch, no tail."""
    found = []
    for epoch in range(epochs):
        dice = torch.Generator().manual_seed(seed * epochs + epoch)
        order = torch.randperm(n, generator=dice).tolist()
        found.append([order[node : n - n % NODES : NODES] for node in range(NODES)])
    return found


def own_seeds(n: int = 12) -> Dealing:
    """Let each node draw its rows by itself: some come twice, some never."""
    return [[deal(10 + node, n)[epoch][node] for node in range(NODES)] for epoch in (0, 1)]


FAULTY: dict[str, Dealing] = {  # each is wrong in one way
    "each node draws by itself": own_seeds(),
    "some rows go to no node": [[rows[:2] for rows in epoch] for epoch in deal(0)],
    "the same order in each epoch": [deal(0)[0], deal(0)[0]],
    "one node has a row more": [[epoch[0] + [12], *epoch[1:]] for epoch in deal(0)],
}

Demand = Callable[[Dealing], bool]
STEPS: dict[str, Demand] = {
    # of the document
    "cut the data into batches": lambda d: all(rows for epoch in d for rows in epoch),
    "process a part on each node": lambda d: all(0 < len(r) < 12 for e in d for r in e),
    "aggregate the results": lambda d: all(len(epoch) == NODES for epoch in d),
    # of a distribution
    "no row goes to two nodes": lambda d: all(len(sum(e, [])) == len({*sum(e, [])}) for e in d),
    "each row goes to a node": lambda d: all({*sum(e, [])} >= {*range(12)} for e in d),
    "a new order in each epoch": lambda d: d[0] != d[1],
    "a rule for the tail": lambda d: all(len({len(rows) for rows in e}) == 1 for e in d),
}  # fmt: skip


def examine_steps(steps: Sequence[str]) -> list[Case]:
    """Does a step forbid any faulty dealing? One that forbids none decides nothing.

    Args:
        steps: keys of `STEPS`. A right dealing must pass each of them.
    """
    assert all(demand(deal(0)) for demand in STEPS.values())
    cases = []
    for step in steps:
        forbidden = [name for name, dealing in FAULTY.items() if not STEPS[step](dealing)]
        words = f"it forbids {len(forbidden)} of {len(FAULTY)} faulty ways to deal"
        words += f": {'; '.join(forbidden)}" if forbidden else ""
        cases.append(Case(f"{step}: this decides who gets which row", bool(forbidden), words))
    return cases


steps = Check(examine_steps, document=tuple(STEPS)[:3], planted=tuple(STEPS)[3:])


# ---- D1-3.3b: x_i = x_{i-1} + (1/N) Σ ∂L/∂x_j ---------------------------------------------------

Update = Callable[[Tensor, Tensor], Tensor]  # (rows of the nodes, their gradients): the new rows
BATCH, TIMES = 16, 100  # rows of a node, and how often the formula is applied
NODES_OF_THE_FORMULA = 4


def as_printed(x: Tensor, gradients: Tensor) -> Tensor:
    """Return x + (1/N) Σ ∂L/∂x_j, for x and gradients (N, B, D)."""
    return x + gradients.mean(0)


@cache
def losses(update: Update, seed: int, trained: int) -> tuple[float, float, float]:
    """Apply an update to the inputs; return the loss before and after, and how far x has moved.

    Args:
        update: of the inputs.
        seed: of data and network.
        trained: steps of training before.
    """
    data = load_data("digits", seed, dtype=torch.float64)
    model = MLP([data.features, 64, data.outputs], seed=seed, dtype=torch.float64)
    for _ in Trainer(model, data, chain(Descend(0.3)), seed=seed).run(trained):
        pass
    module, n = model.to_module(), NODES_OF_THE_FORMULA * BATCH
    start = data.x_train[:n].reshape(NODES_OF_THE_FORMULA, BATCH, -1)
    y = data.y_train[:n].reshape(NODES_OF_THE_FORMULA, BATCH)
    x, found = start, []
    for i in range(TIMES + 1):
        leaf = x.clone().requires_grad_()
        each = [nn.functional.cross_entropy(module(a), b) for a, b in zip(leaf, y, strict=True)]
        found.append(float(torch.stack(each).mean().detach()))
        if i < TIMES:
            x = update(x, torch.autograd.grad(torch.stack(each).sum(), leaf)[0])
    return found[0], found[-1], float((x - start).abs().max())


def examine_update(update: Update) -> list[Case]:
    """Do the rows stay what they are, as distributing them should? Does the loss fall?"""
    cases = []
    for trained in (0, 200):
        before, after, moved = losses(update, 0, trained)
        when = f"after {trained} steps of training" if trained else "before training"
        words = f"a pixel, from 0 to 1 at first, has moved by up to {moved:.2g}"
        cases.append(Case(f"the data stay as they are, {when}", moved == 0, words))
        words = f"from {before:.2f} to {after:.2f} in {TIMES} rounds"
        cases.append(Case(f"the loss does not rise, {when}", after <= before, words))
    return cases


def dealt(x: Tensor, gradients: Tensor) -> Tensor:
    """Return the rows as they are: to deal them out changes none."""
    return x.clone()


update = Check(examine_update, document=as_printed, planted=dealt)
