"""Where a layer's weights lie in the flat vector, and how many FLOPs its passes take."""

from typing import NamedTuple

from torch import Tensor

from ..nn.layers import Layer, Linear
from ..nn.network import Network
from ..nn.stack import Stack


class Work(NamedTuple):
    """FLOPs for one sample, those of matrix products alone; two for each weight used."""

    forward: int = 0
    by_input: int = 0
    """Of the gradient by the input."""
    by_weights: int = 0

    @property
    def backward(self) -> int:
        """Of both gradients."""
        return self.by_input + self.by_weights


def work_of(layer: Layer, n: int, is_first: bool) -> Work:
    """Return the work of one layer.

    Args:
        layer: of a network.
        n: the width of its input.
        is_first: whether the input is data: a `Linear` then needs no gradient by it.
    """
    if isinstance(layer, Linear):
        with_bias = sum(2 * rows * columns for rows, columns in layer.shapes(n))
        outputs = sum(rows for rows, _ in layer.shapes(n))
        return Work(with_bias, 0 if is_first else with_bias - 2 * outputs, with_bias)
    parts = [Work()]
    for inner in layer.layers if isinstance(layer, Stack) else []:
        parts.append(work_of(inner, n, False))
        n = inner.width_out(n)
    return Work(*(sum(numbers) for numbers in zip(*parts, strict=True)))


def spans(network: Network) -> list[slice]:
    """Return where the weights of each layer lie in `theta`, from the first layer to the last."""
    found, begin = [], 0
    for layer, n in zip(network.layers, widths(network), strict=True):
        end = begin + sum(rows * columns for rows, columns in layer.shapes(n))
        found.append(slice(begin, end))
        begin = end
    return found


def widths(network: Network) -> list[int]:
    """Return the width of each layer's input."""
    found = [network.features]
    for layer in network.layers:
        found.append(layer.width_out(found[-1]))
    return found[:-1]


def pieces(layer: Layer, n: int, flat: Tensor) -> list[Tensor]:
    """Cut the weights of one layer, flat, into its matrices; n: the width of its input."""
    shapes = layer.shapes(n)
    parts = flat.split([rows * columns for rows, columns in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
