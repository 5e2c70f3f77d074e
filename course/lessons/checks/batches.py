"""Chapter 3_03b_batches: all data, or one sample at a time?"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..checking import compare
from ..exercises.batches import samples_to
from ..verdicts import Case, Check

# ---- D4-3.2, D4-3.3: batch gradient descent, and one sample at a time ------------------------


def moved(rows: int, seed: int) -> tuple[int, int]:
    """Return (weights that a step with so many rows moves, all weights), by autograd."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(64, 20, generator=generator), torch.arange(64) % 3
    module = MLP([20, 16, 3], "tanh", seed=seed).to_module()
    loss = F.cross_entropy(module(x[:rows]), y[:rows])
    grads = torch.autograd.grad(loss, list(module.parameters()))
    return sum(int((g != 0).sum()) for g in grads), sum(g.numel() for g in grads)


@cache
def race(seed: int) -> tuple[float, float]:
    """Return samples to 95 % of the digits: (one at a time, all at once), at tuned rates."""
    one, everything = samples_to(1, 0.03, seed), samples_to(10**6, 1.0, seed)
    return one or np.inf, everything or np.inf


def examine_batch(says: dict[str, str]) -> list[Case]:
    """Try what sets all rows at a time apart from one: answers are 'all', 'one' or 'both'."""
    one, everything = moved(1, 0), moved(64, 0)
    every = [name for name, (n, of) in (("one", one), ("all", everything)) if n == of]
    who = "both" if len(every) == 2 else "".join(every)
    words = f"one sample {one[0]} of {one[1]}, all data {everything[0]} of {everything[1]}"
    cases = [Case("what moves all weights", says["moves all weights"] == who, words)]
    for seed in range(2):
        few = race(seed)
        name = f"quicker per sample, digits, seed {seed}"
        words = f"to 95 %: {few[0]:,.0f} samples one at a time, {few[1]:,.0f} all at once"
        cases.append(Case(name, says["quicker"] == ("one", "all")[few[1] < few[0]], words))
    whole, parts = (accumulated(n) for n in (1, 1438))
    same = compare(whole, parts)
    name = "needs more memory, worked off a row at a time"
    return [*cases, Case(name, says["memory"] == ("all", "both")[bool(same)], f"weights {same}")]


def accumulated(parts: int) -> torch.Tensor:
    """Return the weights after two full-batch steps, the gradient summed up over the parts."""
    data, model = load_data("digits"), MLP([64, 16, 10], dtype=torch.float64)
    n = len(data.y_train)
    trainer = Trainer(model, data, chain(Descend(0.3)), batch_size=n, accumulate=parts)
    for _ in trainer.run(2):
        pass
    return model.theta.clone()


batch = Check(
    examine_batch,
    document={"moves all weights": "all", "quicker": "all", "memory": "all"},
    planted={"moves all weights": "both", "quicker": "one", "memory": "both"},
)


def others_changed(seed: int) -> float:
    """Return the share of *other* samples whose outputs change by a step of one sample."""
    data, module = load_data("digits", seed), MLP([64, 64, 10], seed=seed).to_module()
    with torch.no_grad():
        before = module(data.x_train[1:])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    F.cross_entropy(module(data.x_train[:1]), data.y_train[:1]).backward()
    optimizer.step()
    with torch.no_grad():
        return float((module(data.x_train[1:]) != before).any(1).double().mean())


def examine_single(says: dict[str, object]) -> list[Case]:
    """Try a step of one sample: whose outputs change, and is it slow?"""
    cases = []
    for seed in range(2):
        share = others_changed(seed)
        own = says["changes only its own"] == (share == 0)
        words = f"outputs change for {share:.0%} of the other samples"
        cases.append(Case(f"its own weights only, seed {seed}", own, words))
        one, everything = race(seed)
        words = f"to 95 %: {one:,.0f} samples, {everything:,.0f} by full batches"
        slow = says["slower"] == (one > everything)
        cases.append(Case(f"slower per sample, seed {seed}", slow, words))
    return cases


single = Check(
    examine_single,
    document={"changes only its own": True, "slower": True},
    planted={"changes only its own": False, "slower": False},
)


# ---- D4-3.8: a title without a section -------------------------------------------------------


def examine_section(estimate: Callable[[torch.Tensor], torch.Tensor]) -> list[Case]:
    """Try what a section on SGD has to say: right on the average, errs like 1/√B.

    The referee is autograd over all rows at once.

    Args:
        estimate: called with a batch's gradients (B, P); returns the step's gradient (P,).
    """
    data, module = load_data("digits"), MLP([64, 10], dtype=torch.float64).to_module()
    x, params = data.x_train.double(), dict(module.named_parameters())

    def loss(p, row, label):
        return F.cross_entropy(torch.func.functional_call(module, p, (row[None],)), label[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(params, x, data.y_train)
    rows = torch.cat([g.reshape(len(x), -1).detach() for g in each.values()], 1)
    whole = torch.autograd.grad(F.cross_entropy(module(x), data.y_train), list(params.values()))
    full = torch.cat([g.reshape(-1) for g in whole])
    generator = torch.Generator().manual_seed(0)
    errors = {}
    for B in (4, 64):
        drawn = torch.randint(len(rows), (400, B), generator=generator)
        got = torch.stack([estimate(rows[batch]) for batch in drawn])
        errors[B] = float(((got - full) ** 2).sum(1).mean().sqrt())
    same, ratio = compare(estimate(rows), full), errors[4] / errors[64]
    return [
        Case("over all rows it is the gradient", bool(same), str(same)),
        Case("16 times the batch, a quarter of the noise", 3.5 < ratio < 4.5, f"1/{ratio:.2f}"),
    ]


empty_section = Check(examine_section, document=None, planted=lambda rows: rows.mean(0))
