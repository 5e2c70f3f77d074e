"""What a view shows: every rank's part of each weight, gradient and optimiser state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CourseError, check_count
from ...nn.network import Network
from .counting import Traffic

MOST_RANKS = 64  # of real numbers in one process
MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def descent(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return what a view trains with by default: θ ← θ - 0.1 g."""
    return torch.optim.SGD(parameters, lr=0.1)


@dataclass(frozen=True, repr=False)
class View:
    """Some training steps of a network on many ranks, with every rank's part. Prints as a table.

    Attributes:
        title: what ran.
        losses: of the whole batch, one a step.
        shards: {name: the part of each rank} of the weights after the last step.
        gradients: likewise, of the last step.
        state: {name: {what: the part of each rank}} of the optimiser, as 'exp_avg' of Adam.
        whole: {name: tensor}, the weights put together again.
        traffic: the collectives of one step, forward and backward, as a rank calls them.
        gap: the largest difference from one process, in losses, last gradient and weights.
    """

    title: str
    losses: list[float]
    shards: dict[str, list[Tensor]]
    gradients: dict[str, list[Tensor]]
    state: dict[str, dict[str, list[Tensor]]]
    whole: dict[str, Tensor]
    traffic: list[Traffic]
    gap: float

    def numbers(self, rank: int) -> int:
        """Return how many weights a rank keeps."""
        return sum(parts[rank].numel() for parts in self.shards.values())

    def __repr__(self):
        name_width = max(map(len, self.shards))
        ranks = range(len(next(iter(self.shards.values()))))
        rows = [
            f"  {name:{name_width}}  {shape(self.whole[name]):>8} =  "
            + "  ".join(f"{text:>7}" for text in shortened([shape(part) for part in parts]))
            for name, parts in self.shards.items()
        ]
        total = sum(weight.numel() for weight in self.whole.values())
        kept = ", ".join(shortened([str(self.numbers(rank)) for rank in ranks]))
        calls = [f"  {t.kind}: {t}" for t in self.traffic]
        return "\n".join([
            self.title, *rows, f"weights on each rank, of {total}: {kept}",
            "collectives of a step" + ("" if calls else ": none"), *calls,
            f"loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}; "
            f"largest difference from one process: {self.gap:.1e}",
        ])  # fmt: skip


def shortened(texts: list[str]) -> list[str]:
    """Return at most eight texts: the first six, dots, and the last."""
    return texts if len(texts) <= 8 else [*texts[:6], "…", texts[-1]]


def shape(x: Tensor) -> str:
    """Return the shape of x as '3×4'."""
    return "×".join(map(str, x.shape)) or "1"


# ---- before: what is refused --------------------------------------------------------------------


def check_run(network: Any, x: Tensor, y: Tensor, world_size: int, steps: int) -> None:
    """Raise `CourseError` for what a view cannot run."""
    if not isinstance(network, Network):
        raise CourseError(f"a view got {type(network).__name__}; it takes a Network or MLP")
    check_count("world_size", world_size, 1, MOST_RANKS, "ranks in one process")
    check_count("steps", steps, 1, 1000, "as steps=3")
    if any(dropout.p > 0 for dropout in network.dropouts()):
        raise CourseError(
            "the network has dropout, and PyTorch's ranks would draw other masks than one process; "
            "take Dropout(0)"
        )
    if network.theta.device.type != "cpu":
        raise CourseError(
            f"the network is on {network.theta.device}; views run on the CPU: network.to('cpu')"
        )
    if x.shape[1:] != (network.features,) or len(x) != len(y):
        raise CourseError(
            f"x is {tuple(x.shape)} and y {tuple(y.shape)}; the network takes rows "
            f"(N, {network.features}) and N answers"
        )
    network.encode(x, y)  # which refuses answers of another kind
    if len(x) < world_size:
        raise CourseError(
            f"{len(x)} rows cannot be shared by {world_size} ranks; take more rows, or at most "
            f"{len(x)} ranks"
        )


# ---- after: one process does the same -----------------------------------------------------------


def largest_gap(
    network: Network, x: Tensor, y: Tensor, make_optimizer: MakeOptimizer,
    losses: list[float], gradients: dict[str, Tensor], whole: dict[str, Tensor],
) -> float:  # fmt: skip
    """Return the largest difference from what one process comes to in as many steps."""
    module = network.to_module()
    optimizer = make_optimizer(module.parameters())
    gaps = []
    for loss in losses:
        optimizer.zero_grad()
        mean = network.loss.referee(module(x), y)
        mean.backward()
        optimizer.step()
        gaps.append(abs(loss - mean.item()))
    for name, weight in module.named_parameters():
        gaps.append(float((whole[name] - weight.detach()).abs().max()))
        if weight.grad is not None:
            gaps.append(float((gradients[name] - weight.grad).abs().max()))
    return max(gaps)
