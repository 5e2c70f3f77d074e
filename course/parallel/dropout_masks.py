"""Dropout on many ranks: a mask belongs to a sample and a unit, not to a rank.

Every rank draws the masks of the whole batch from the same generator, and takes its part.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from ..nn.blocks import Dropout
from ..nn.layers import Layer
from ..nn.network import Network
from ..nn.stack import Stack


def dropout_widths(layers: list[Layer], n: int) -> list[int]:
    """Return the width of each dropout, those of inner stacks too, for inputs of width n."""
    found: list[int] = []
    for layer in layers:
        if isinstance(layer, Stack):
            found += dropout_widths(layer.layers, n)
        elif isinstance(layer, Dropout):
            found.append(n)
        n = layer.width_out(n)
    return found


def draw_masks(network: Network, sizes: list[int], rows: int) -> list[Tensor | None]:
    """Draw the masks of a forward pass over `rows` samples, as one process would.

    Args:
        network: whose dropouts and generator they are.
        sizes: the width of each dropout in the whole network.
        rows: the samples of the whole batch.

    Returns:
        The masks m / (1 - p): (n, rows) each; None where p = 0.
    """
    masks: list[Tensor | None] = []
    for layer, n in zip(network.dropouts(), sizes, strict=True):
        keep = 1 - layer.p
        mask = None
        if layer.p > 0:
            mask = network.theta.new_empty(n, rows)
            mask.bernoulli_(keep, generator=network.generator).mul_(1 / keep)
        masks.append(mask)
    return masks


@contextmanager
def masked(
    dropouts: list[Dropout], masks: list[Tensor | None], rows: slice,
    units: list[slice] | None = None,
) -> Iterator[None]:  # fmt: skip
    """Let these layers use the columns `rows` of masks that were drawn for the whole batch.

    units: the part of each mask's rows that this rank has; default: all.
    """
    for i, (layer, mask) in enumerate(zip(dropouts, masks, strict=True)):
        if mask is not None:
            layer.given = mask[units[i] if units else slice(None), rows]
    try:
        yield
    finally:
        for layer in dropouts:
            layer.given = None
