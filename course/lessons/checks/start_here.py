"""Chapter 00_start_here: the six steps of training."""

import torch

from ...data.loading import load_data
from ...nn.network import MLP
from ..verdicts import Case, Check

SIX = ("initialise", "forward", "loss", "backward", "update")  # and repeat


def train(order: tuple[str, ...], seed: int) -> tuple[float, float]:
    """Return (first, last) loss of 128 digits as these steps run in this order, 20 times."""
    data, model = load_data("digits", seed), MLP([64, 64, 10], seed=seed)
    X, Y = model.encode(data.x_train[:128], data.y_train[:128])
    gradient, losses = torch.zeros_like(model.theta), []
    for _ in range(20):
        for name in order:
            if name == "loss":
                losses.append(float(model.loss_and_grad(X, Y)))
            elif name == "backward":
                gradient = model.grad.clone()
            elif name == "update":
                model.theta -= 0.3 * gradient
    return losses[0], losses[-1]


def examine(order: tuple[str, ...]) -> list[Case]:
    """Try the loop with three seeds: does it learn?"""
    cases = []
    for seed in range(3):
        first, last = train(order, seed)
        words = f"loss {first:.3f} → {last:.3f} in 20 repetitions"
        cases.append(Case(f"digits, seed {seed}", last < 0.8 * first, words))
    return cases


six_steps = Check(examine, document=SIX, planted=tuple(s for s in SIX if s != "backward"))
