"""What each rank of a strategy holds: weights, gradient, optimiser state, activations.

held = holdings(MLP([64, 64, 10]), "zero2", world_size=4, batch=64)
print(held)
held.ranks[2]["weights"].bytes

Nothing is worked out by a formula. Every rank is built and takes one step, in turn; then the
tensors that it has are read. Each weight carries its own number in the network's flat vector, so
the values in a rank's memory say which weights it has.

Of P numbers of 4 bytes, one device holds 4 P of weights, 4 P of gradient and, with Adam, 8 P of
optimiser state. Source: Rajbhandari et al. (2020), section 5, whose 16-bit weights and gradients
make that 2 + 2 + 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..errors import CourseError, check_choice, check_count, shown
from ..nn.layers import Workspace
from ..nn.network import Network
from ..optim.adaptive import Adam
from ..optim.chain import Chain, build_chain
from ..optim.first_order import Descend
from ..training.trainer import Trainer
from .communicator import Communicator
from .in_turn import InTurn
from .pipeline import Pipeline
from .replicas import Replicas
from .sharded import Sharded
from .strategies import make_strategy
from .strategy import Strategy

KINDS = ("weights", "gradient", "optimiser", "activations", "working")
MOST_NUMBERS = 2**24  # of all ranks' weights; float32 tells that many whole numbers apart


@dataclass(frozen=True)
class Part:
    """What a rank holds of one kind.

    Attributes:
        elements: how many numbers.
        bytes: of these numbers.
        places: which entries of the network's (P,) vector they belong to, rising; (0,) for
            activations and working memory.
    """

    elements: int
    bytes: int
    places: Tensor


@dataclass(frozen=True)
class Holdings:
    """Who holds what, between the backward pass of a step and the update.

    Attributes:
        parameters: P, the number of weights of the network.
        spans: where the weights of each layer lie in the (P,) vector.
        ranks: of each rank, a `Part` for each kind:

            weights        that its layers, or its update, need from step to step
            gradient       of these weights, as it stays until the update
            optimiser      all that the chain keeps: Adam's two numbers a weight, momentum's one
            activations    the inputs and outputs of the layers that backward needs, masks and
                           statistics included; of a pipeline, those of all micro-batches in flight
            working        the rest: second copies that a strategy keeps, one gathered layer of
                           ZeRO-3, one layer's whole gradient of ZeRO-2 and 3, the gradient of one
                           micro-batch. Gradients by activations and messages are not counted.
    """

    parameters: int
    spans: list[slice]
    ranks: list[dict[str, Part]]

    def owners(self, kind: str) -> Tensor:
        """Return a (ranks, P) table of True where a rank has the number of that weight.

        Args:
            kind: 'weights', 'gradient' or 'optimiser'.

        Raises:
            CourseError: for another kind.
        """
        check_choice("kind", kind, KINDS[:3])
        table = torch.zeros(len(self.ranks), self.parameters, dtype=torch.bool)
        for row, rank in zip(table, self.ranks, strict=True):
            row[rank[kind].places] = True
        return table

    def bytes(self, kind: str) -> list[int]:
        """Return the bytes of a kind on each rank. Raise `CourseError` for an unknown kind."""
        check_choice("kind", kind, KINDS)
        return [rank[kind].bytes for rank in self.ranks]

    def __str__(self) -> str:
        lines = ["bytes " + "".join(f"{kind:>13}" for kind in KINDS)]
        for r, rank in enumerate(self.ranks):
            lines.append(f"rank {r:<2}" + "".join(f"{rank[kind].bytes:>13,}" for kind in KINDS))
        return "\n".join(lines)


def holdings(
    network: Network, strategy: str = "data", world_size: int = 4, batch: int = 64,
    chain: Chain | None = None, **options: Any,
) -> Holdings:  # fmt: skip
    """Return what each rank holds when a network is trained with a strategy.

    Args:
        network: of which each rank builds its part; it stays as it is.
        strategy: of `STRATEGIES`, as 'data', 'zero3', 'tensor', 'data_pipeline'.
        world_size: how many ranks.
        batch: rows of the whole batch.
        chain: the optimiser; None: Adam.
        options: of the strategy, see `make_strategy`.

    Raises:
        CourseError: for what the strategy refuses, and for more weights than can be told apart.
    """
    if not isinstance(network, Network):
        raise CourseError(f"network = {shown(network)}; allowed: a Network or MLP; build one")
    if not isinstance(chain, Chain | None):
        raise CourseError(f"chain = {shown(chain)}; allowed: chain(Adam(), Descend(0.01)), or None")
    world = InTurn(world_size)
    batch = check_count("batch", batch, 1, 10**6, "rows")
    size = len(network.theta)
    if size * world.world_size > MOST_NUMBERS:
        raise CourseError(
            f"{size:,} weights on {world.world_size} ranks are more than {MOST_NUMBERS:,} numbers; "
            "take a smaller network or fewer ranks"
        )
    numbered = network.at(torch.arange(size).to(network.theta))
    description = Chain(Adam(), Descend(0.01)).describe() if chain is None else chain.describe()
    data = rows(network, batch)

    def program(comm: Communicator) -> tuple[list[slice], dict[str, Part]]:
        model = make_strategy(strategy, comm, numbered, **options)
        trainer = Trainer(model, data, build_chain(description), batch)
        return model.spans, read(trainer, model)

    found = world.run(program)
    return Holdings(size, found[0][0], [parts for _, parts in found])


def rows(network: Network, batch: int) -> Dataset:
    """Return data of so many rows that fit the network; their numbers do not matter."""
    classes = 2 if network.loss.name == "bce" and network.outputs == 1 else network.outputs
    x, y = torch.ones(batch, network.features), torch.zeros(batch, dtype=torch.int64)
    return Dataset("rows that only have a shape", x, y, x[:1], y[:1], classes)


def read(trainer: Trainer, model: Strategy) -> dict[str, Part]:
    """Take one step on this rank, and read what lies in its memory; every rank calls it.

    Args:
        trainer: of this rank, before its first step.
        model: its strategy, of a network whose weights are 0, 1, 2, ….
    """
    inner = model.inner if isinstance(model, Replicas) else model
    pairs = [(model.theta, model.grad)]
    if model.network.theta.data_ptr() != model.theta.data_ptr():
        pairs.append((model.network.theta, model.network.grad))
    weights, gradients = (list(vectors) for vectors in zip(*pairs, strict=True))
    numbers = [theta.long() for theta in weights]
    held = torch.cat(numbers).unique()
    summed = torch.cat([n for n, g in zip(numbers, gradients, strict=True) if len(g)]).unique()
    model.theta.zero_()  # so that the step stays among finite numbers
    trainer.step()
    states = [part for transform in trainer.chain.transforms for part in transform.state().values()]
    state = [vector for vector in states if vector.shape == model.theta.shape]
    kept = numbers[0].unique() if state else held[:0]
    second = count(weights) - len(held) + count(gradients) - len(summed)
    size = model.theta.element_size()

    def part(elements: int, places: Tensor = held[:0]) -> Part:
        return Part(elements, elements * size, places)

    return {
        "weights": part(len(held), held), "gradient": part(len(summed), summed),
        "optimiser": part(count(state), kept),
        "activations": part(count(list(activations(inner)))),
        "working": part(second + in_passing(inner)),
    }  # fmt: skip


def count(tensors: list[Tensor]) -> int:
    """Return how many numbers these tensors have together."""
    return sum(t.numel() for t in tensors)


def in_passing(model: Strategy) -> int:
    """Return how many numbers a step needs for a while beside what stays: see `Holdings`."""
    if isinstance(model, Pipeline):
        return sum(len(stage.grad) for stage in model.stages)
    if isinstance(model, Sharded):
        return max(model.sizes) * max(model.stage - 1, 0)  # a gradient; at stage 3, weights too
    return 0


def activations(model: Strategy) -> Iterator[Tensor]:
    """Yield the arrays that lie between forward and backward, each memory once."""
    seen: set[int] = set()
    for tensor in _arrays(list(_spaces(model))):
        if tensor.numel() and tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            yield tensor


def _spaces(model: Strategy) -> Iterator[Workspace]:
    """Yield the workspaces of the step that was made."""
    for stage in model.stages if isinstance(model, Pipeline) else []:
        for free in stage.free.values():  # as many as were in flight at a time
            for spaces in free:
                yield from spaces
    for spaces in model.network.workspaces.values():
        yield from spaces


def _arrays(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a workspace's input, output and cache; those by ∂L/∂a are left out."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Workspace):
        yield from _arrays([value.x, value.a, value.cache])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _arrays(inner)
