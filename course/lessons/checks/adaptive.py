"""Chapter 3_08_adaptive: does each optimiser bring the network nearer to its target?"""

import torch
from torch.nn import functional as F

from ...data.loading import load_data
from ...nn.network import MLP
from ..verdicts import Case, Check

# ---- D2-3c: SGD or another optimiser updates the parameters --------------------------------


def examine_optimisers(names: dict[str, float]) -> list[Case]:
    """Try names of torch.optim, each with a rate: does a network learn in batches of 32?"""
    cases = []
    for name, lr in names.items():
        ends = []
        for seed in range(2):
            data, module = load_data("digits", seed), MLP([64, 32, 10], seed=seed).to_module()
            optimizer = getattr(torch.optim, name)(module.parameters(), lr=lr)
            order = torch.randperm(len(data.y_train), generator=torch.Generator().manual_seed(seed))
            losses = []
            for rows in order.split(32):
                loss = F.cross_entropy(module(data.x_train[rows]), data.y_train[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss.detach()))
            ends.append((losses[0], sum(losses[-5:]) / 5))
        words = ", ".join(f"{first:.2f} → {last:.2f}" for first, last in ends)
        cases.append(Case(name, all(b < 0.7 * a for a, b in ends), f"loss in one pass: {words}"))
    return cases


optimisers = Check(
    examine_optimisers,
    document={"SGD": 0.3, "RMSprop": 0.003, "Adam": 0.01},
    planted={"SGD": 0.0, "RMSprop": 0.0, "Adam": 0.0},  # computed, but never applied
)
