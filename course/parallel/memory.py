"""What a rank keeps in memory while it makes a step, measured on its real tensors.

    weights        its part, and what it has gathered from others for a layer at work
    gradients      likewise
    optimiser      what the transforms keep from step to step, as the two averages of Adam
    activations    what a layer reads and writes, with the gradients by it: of the rows, or of the
                   micro-batches in flight; the rows of the data themselves are left out

Buffers that live inside one operation, as a sum that is just being formed, are not counted. This is
what is there at one moment of a step; `holdings` tells which weights each part belongs to.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from ..nn.layers import Layer, Workspace
from ..nn.stack import Stack
from ..optim.chain import Chain
from .pipeline import Pipeline
from .strategy import Strategy


class Memory(NamedTuple):
    """Bytes of one rank, at one moment."""

    weights: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def total(self) -> int:
        """Bytes of all kinds."""
        return sum(self)


class Gauge:
    """Measures a rank each time it computes, and keeps the moment at which most was kept.

    Args:
        model: the strategy on this rank.
        chain: its transforms.
        rows: the encoded rows X of the batch, which are not counted.

    Attributes:
        peak: the largest measurement, by its sum.
    """

    def __init__(self, model: Strategy, chain: Chain, rows: Tensor):
        self.model = getattr(model, "inner", model)  # of replicas, what each of them is cut by
        self.chain, self.outside = chain, {address(rows)}
        self.peak = Memory(0, 0, 0, 0)

    def read(self) -> None:
        """Measure now."""
        model, network = self.model, self.model.network
        stages = model.stages if isinstance(model, Pipeline) else []
        layers = [layer for stage in stages for layer in stage.stack.layers] or network.layers
        weights, gradients = [model.theta, network.theta], [model.grad, network.grad]
        gradients += [tensor for stage in stages for tensor in (stage.grad, stage.total)]
        for layer in matrices(layers):
            weights.append(layer.W)
            gradients.append(layer.dW)
        states = [v for t in self.chain.transforms for v in t.state().values()]
        kept = [v for v in states if v.shape == model.theta.shape]
        flight = [ws for stage in stages for spaces in stage.flight.values() for ws in spaces]
        if not stages:
            flight = [ws for spaces in network.workspaces.values() for ws in spaces]
        activations = [tensor for ws in flight for tensor in tensors(ws)]
        now = Memory(*(self._bytes(group) for group in (weights, gradients, kept, activations)))
        self.peak = max(self.peak, now, key=lambda memory: memory.total)

    def _bytes(self, group: list[Tensor]) -> int:
        """Return the bytes of the memory that these tensors lie in, each piece once."""
        real = (x for x in group if x.numel() and 0 not in x.stride())  # 0: one number stands in
        found = {address(x): x.untyped_storage().nbytes() for x in real}
        return sum(n for place, n in found.items() if place not in self.outside)


def address(x: Tensor) -> int:
    """Return where the memory of a tensor begins."""
    return x.untyped_storage().data_ptr()


def matrices(layers: list[Layer]) -> Iterator[Any]:
    """Yield every layer that is bound to a matrix, those of inner stacks too."""
    for layer in layers:
        if isinstance(layer, Stack):
            yield from matrices(layer.layers)
        elif hasattr(layer, "W"):
            yield layer


def tensors(thing: object) -> Iterator[Tensor]:
    """Yield every tensor of a workspace, and of the workspaces and lists in its cache."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, Workspace):
        for name in Workspace.__slots__:
            yield from tensors(getattr(thing, name, None))
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from tensors(part)
