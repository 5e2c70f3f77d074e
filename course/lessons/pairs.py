"""Pairs of digits, whose label needs both: is exactly one of the two digits 5 or more (XOR)?

A sub-network looks at each digit and gives four answers; a network joins the eight answers.

    together(seed)             both sub-networks and what joins them, trained as one network
    alone(seed)                each sub-network by itself, then what joins them
    alone(seed, hint=True)     the same, and each is told if its own digit is 5 or more

Each of these is computed once, in float64: so another processor finds the same.
"""

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn

from ..data.dataset import Dataset
from ..data.loading import load_data
from ..interop.adopt import adopt
from ..nn.network import MLP
from ..optim.chain import chain
from ..optim.first_order import Descend
from ..training.trainer import Trainer

ROWS = 4000  # pairs to train on, and as many to test
PIXELS = 64  # of a digit
RATE, STEPS = 0.2, 1500


def draw_pairs(seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """Return the pairs with their label, the left digits and the right ones with their own.

    Training pairs are drawn from the training digits, test pairs from the test digits. A digit's
    own label: is it 5 or more? All three sets have the same rows: x (ROWS, 128), (ROWS, 64).
    """
    digits = load_data("digits", seed, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    sides: list[list[Tensor]] = [[], []]
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        for side in sides:
            rows = torch.randint(len(y), (ROWS,), generator=generator)
            side += x[rows], (y[rows] >= 5).long()
    left, right = (Dataset("halves of pairs", a, b, c, d, classes=2) for a, b, c, d in sides)
    whole = Dataset(
        "pairs of digits",
        torch.cat([left.x_train, right.x_train], 1), left.y_train ^ right.y_train,
        torch.cat([left.x_test, right.x_test], 1), left.y_test ^ right.y_test, classes=2,
    )  # fmt: skip
    return whole, left, right


class Joined(nn.Module):
    """Two sub-networks, a digit each, and a network that joins their answers."""

    def __init__(self, left: nn.Module, right: nn.Module, join: nn.Module):
        super().__init__()
        self.left, self.right, self.join = left, right, join

    def forward(self, x: Tensor) -> Tensor:
        """Return two scores for each row of x (B, 128)."""
        return self.join(self.answers(x))

    def answers(self, x: Tensor) -> Tensor:
        """Return the four answers of each sub-network, (B, 8)."""
        left, right = x[:, :PIXELS], x[:, PIXELS:]
        return torch.cat([self.left(left), self.right(right)], 1)


def sub_network(seed: int) -> MLP:
    """Return a sub-network with four answers, and above them an output layer for its time alone."""
    return MLP([PIXELS, 32, 4, 2], seed=seed, dtype=torch.float64)


def without_output(network: MLP) -> nn.Module:
    """Return a sub-network up to its four answers."""
    return network.to_module()[:3]


def joiner(seed: int) -> MLP:
    """Return what joins the eight answers: a fully connected hidden layer, and two scores."""
    return MLP([8, 16, 2], seed=seed, dtype=torch.float64)


def train(model, data: Dataset, seed: int, device: str = "cpu") -> Trainer:
    """Return the run of a model on this data."""
    trainer = Trainer(model, data, chain(Descend(RATE)), seed=seed).to(device)
    for _ in trainer.run(STEPS):
        pass
    return trainer


@cache
def together(seed: int, device: str = "cpu") -> tuple[Joined, float]:
    """Train both sub-networks and what joins them as one; return it, and its test accuracy."""
    parts = [without_output(sub_network(s)) for s in (seed, seed + 1)]
    joined = Joined(parts[0], parts[1], joiner(seed).to_module())
    trainer = train(adopt(joined), draw_pairs(seed)[0], seed, device)
    return joined, trainer.evaluate("test")[1]


@cache
def alone(seed: int, hint: bool = False, device: str = "cpu") -> tuple[Joined, float]:
    """Train each sub-network by itself, then what joins them; return all, and the test accuracy.

    hint: whether a sub-network learns its own digit's label instead of the pair's.
    """
    whole, *halves = draw_pairs(seed)
    parts = []
    for s, half in zip((seed, seed + 1), halves, strict=True):
        if not hint:
            half = replace(half, y_train=whole.y_train, y_test=whole.y_test)
        network = sub_network(s)
        train(network, half, seed, device)
        parts.append(without_output(network))
    join = joiner(seed)
    joined = Joined(parts[0], parts[1], nn.Identity())
    with torch.no_grad():
        x_train, x_test = (
            joined.answers(x.to(device)).cpu() for x in (whole.x_train, whole.x_test)
        )
    answers = replace(whole, x_train=x_train, x_test=x_test)
    trainer = train(join, answers, seed, device)
    joined.join = join.to_module()
    return joined, trainer.evaluate("test")[1]
