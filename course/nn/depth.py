"""How large the numbers are on their way through a network: up to the loss, and back down.

A product of many factors vanishes or explodes unless the factors are near 1. Each layer is such a
factor twice: for the signal a that goes up, and for the error signal ∂L/∂z that comes down.
"""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .layers import Layer, Linear, Workspace
from .network import Network
from .stack import Stack


class Sizes(NamedTuple):
    """The root mean square of the numbers at each Linear layer, from the first to the last."""

    signal: list[float]
    """Of what goes into it: a of the layer below."""
    error: list[float]
    """Of ∂L/∂z, z what it gives, L the loss of a single sample."""


@torch.no_grad()
def sizes_by_layer(model: Network, x: Tensor, y: Tensor) -> Sizes:
    """Return how large signal and error signal are in each layer; the model stays as it is.

    Args:
        model: a network; its Linear layers are met also inside a Residual.
        x, y: rows (B, n_0) and answers, as the data set has them.
    """
    twin = copy.deepcopy(model)
    with twin.grad_mode():
        X, Y = twin.encode(x, y)
        twin.loss_and_grad(X, Y)
        spaces = [ws for _, ws in linears(twin.layers, twin.workspace(len(x)))]
        return Sizes([rms(ws.x) for ws in spaces], [len(x) * rms(ws.da) for ws in spaces])


def linears(layers: list[Layer], spaces: list[Workspace]) -> Iterator[tuple[Linear, Workspace]]:
    """Yield the Linear layers, those of inner stacks too, each with its workspace."""
    for layer, ws in zip(layers, spaces, strict=True):
        if isinstance(layer, Linear):
            yield layer, ws
        elif isinstance(layer, Stack):
            yield from linears(layer.layers, ws.cache)


def rms(values: Tensor) -> float:
    """Return the root of the mean square."""
    return float(values.double().square().mean().sqrt())
