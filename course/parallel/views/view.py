"""What a view shows: every rank's part of each weight, gradient and optimiser state."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CourseError, check_count
from ...nn.network import Network
from ...states import shown_part
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


def check_run(
    network: Any, x: Any, y: Any, world_size: int, steps: int, make_optimizer: MakeOptimizer
) -> tuple[Tensor, Tensor, int, int]:
    """Return x, y, world_size and steps as a view can run them.

    Raises:
        CourseError: for what it cannot run.
    """
    if not isinstance(network, Network):
        raise CourseError(f"a view got {type(network).__name__}; it takes a Network or MLP")
    world_size = check_count("world_size", world_size, 1, MOST_RANKS, "ranks in one process")
    steps = check_count("steps", steps, 1, 1000, "as steps=3")
    if any(dropout.p > 0 for dropout in network.dropouts()):
        raise CourseError(
            "the network has dropout, and PyTorch's ranks would draw other masks than one process; "
            "take Dropout(0)"
        )
    if network.theta.device.type != "cpu":
        raise CourseError(
            f"the network is on {network.theta.device}; views run on the CPU: network.to('cpu')"
        )
    x, y = tensor_of("x", x), tensor_of("y", y)
    if x.shape[1:] != (network.features,) or y.shape[:1] != x.shape[:1] or not len(x):
        raise CourseError(
            f"x is {tuple(x.shape)} and y {tuple(y.shape)}; the network takes rows "
            f"(N, {network.features}) and N answers, N ≥ 1"
        )
    check_finite("x", x)
    check_answers(network, y)
    network.encode(x, y)  # which refuses answers that the loss does not take
    if len(x) < world_size:
        raise CourseError(
            f"{len(x)} rows cannot be shared by {world_size} ranks; take more rows, or at most "
            f"{len(x)} ranks"
        )
    check_optimizer(network, make_optimizer)
    return x.to(network.theta), y, world_size, steps


def tensor_of(name: str, value: Any) -> Tensor:
    """Return real numbers as a tensor on the CPU; raise `CourseError` for anything else."""
    try:
        tensor = torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):  # a string, None, ragged lists, no memory
        tensor = None
    if tensor is None or tensor.is_complex() or tensor.layout != torch.strided:
        raise CourseError(
            f"{name} is {shown_part(value)}; allowed: a tensor, array or nested list of real "
            "numbers"
        )
    return tensor


def check_finite(name: str, x: Tensor) -> None:
    """Raise `CourseError` for NaN and infinity."""
    if not torch.isfinite(x).all():
        raise CourseError(f"{name} holds NaN or infinity; remove or repair those rows")


def check_answers(network: Network, y: Tensor) -> None:
    """Raise `CourseError` unless y holds class numbers, or values, for the network's outputs."""
    classes = max(network.outputs, 2)  # one output is the log odds of class 1
    if y.ndim == 1 and y.dtype == torch.int64:
        wrong = y[(y < 0) | (y >= classes)]
        if len(wrong):
            raise CourseError(
                f"y holds class {wrong[0]}; allowed: 0 to {classes - 1}; number the classes from 0"
            )
    elif y.is_floating_point() and y.shape[1:] == (network.outputs,):
        check_finite("y", y)
    else:
        raise CourseError(
            f"y is {shown_part(y)}; allowed: class numbers (N,) of int64, or values "
            f"(N, {network.outputs}) of floats; convert it with .long() or reshape it"
        )


def check_optimizer(network: Network, make_optimizer: MakeOptimizer) -> None:
    """Try `make_optimizer` in one process; raise `CourseError` unless a view can step with it."""
    example = "as lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
    if not callable(make_optimizer):
        raise CourseError(
            f"make_optimizer is of type {type(make_optimizer).__name__}; allowed: a function of "
            f"parameters, {example}"
        )
    parameters = list(network.to_module().parameters())
    try:
        optimizer = make_optimizer(parameters)
    except (TypeError, ValueError) as error:  # another signature, or a rate that torch refuses
        raise CourseError(
            f"make_optimizer cannot be called ({error}); write it {example}"
        ) from error
    if not isinstance(optimizer, torch.optim.Optimizer) or isinstance(optimizer, torch.optim.LBFGS):
        raise CourseError(
            f"make_optimizer returned an object of type {type(optimizer).__name__}; allowed: an "
            f"optimiser of torch.optim whose step needs no closure, {example}"
        )
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not moved <= set(map(id, parameters)):
        raise CourseError(
            "make_optimizer moves parameters that it was not given; hand on those that it gets, "
            f"{example}"
        )


# ---- meanwhile: what only shows on the way -------------------------------------------------------


@contextmanager
def stepping(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Say which optimiser cannot step on parts of weights."""
    try:
        yield
    except (RuntimeError, AssertionError, TypeError) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise CourseError(
            f"{type(optimizer).__name__} cannot step on parts of weights ({first}); take one that "
            "treats each number alone, as SGD or Adam"
        ) from error


def check_converges(x: Tensor) -> None:
    """Raise `CourseError` when a loss or a weight is not finite any more."""
    if not torch.isfinite(x).all():
        raise CourseError(
            "the numbers grew beyond any bound within these steps; take a lower learning rate in "
            "make_optimizer, or fewer steps"
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
