"""Stacks: several layers as one, run one after the other. `Network` owns one, `Residual` is one.

`arrange` lays out the memory that a stack computes in: what one layer writes is what the next one
reads, without a copy.
"""

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..descriptions import Registry
from ..errors import CourseError, shown
from .blocks import Dropout, LayerNorm, Switchable
from .layers import GELU, Layer, Linear, ReLU, Sigmoid, Tanh, Workspace


class Stack(Layer):
    """Several layers as one, run one after the other.

    Args:
        layers: at least one.

    Raises:
        CourseError: for no layer, or what is not a layer.
    """

    def __init__(self, *layers: Layer):
        self.layers = list(layers)
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            name = type(self).__name__
            raise CourseError(f"{name}{shown(layers)}: give layers, as {name}(ReLU(), Linear(64))")

    @property
    def n_matrices(self):
        return sum(layer.n_matrices for layer in self.layers)

    def width_out(self, n):
        for layer in self.layers:
            n = layer.width_out(n)
        return n

    def shapes(self, n):
        found: list[tuple[int, int]] = []
        for layer in self.layers:
            found += layer.shapes(n)
            n = layer.width_out(n)
        return found

    def share(self, weights: list[Tensor]) -> list[tuple[Layer, list[Tensor]]]:
        """Return (layer, its weights) pairs, given all weights in the order of `shapes`."""
        rest = iter(weights)
        return [(layer, [next(rest) for _ in range(layer.n_matrices)]) for layer in self.layers]

    def bind(self, weights, grads):
        for (layer, w), (_, g) in zip(self.share(weights), self.share(grads), strict=True):
            layer.bind(w, g)

    def named_parameters(self, weights):
        return {
            f"{i}.{name}": view
            for i, (layer, w) in enumerate(self.share(weights))
            for name, view in layer.named_parameters(w).items()
        }

    def init_weights(self, weights, generator, init, gain):
        for layer, w in self.share(weights):
            layer.init_weights(w, generator, init, gain)

    def dropouts(self) -> list[Dropout]:
        """Return every Dropout, those of inner stacks too."""
        found: list[Dropout] = []
        for layer in self.layers:
            if isinstance(layer, Dropout):
                found.append(layer)
            elif isinstance(layer, Stack):
                found += layer.dropouts()
        return found

    def switches(self) -> list[Switchable]:
        """Return every layer that can be switched off, those of inner stacks too."""
        found: list[Switchable] = []
        for layer in self.layers:
            found += [layer] if isinstance(layer, Switchable) else []
            found += layer.switches() if isinstance(layer, Stack) else []
        return found

    def forward_through(self, spaces: list[Workspace]) -> None:
        """Run the layers from the first to the last, each in its own workspace."""
        for layer, ws in zip(self.layers, spaces, strict=True):
            layer.forward(ws)

    def backward_through(self, spaces: list[Workspace]) -> None:
        """Run the layers from the last to the first, given ∂L/∂output in the `da` of the last."""
        for i in reversed(range(len(spaces))):
            self.layers[i].backward(spaces[i])

    def backward_input_through(self, spaces: list[Workspace]) -> None:
        """Do `backward_through` but for what `backward_weights_through` does later."""
        for i in reversed(range(len(spaces))):
            self.layers[i].backward_input(spaces[i])

    def backward_weights_through(self, spaces: list[Workspace]) -> None:
        """Do what `backward_input_through` left, in any order."""
        for layer, ws in zip(self.layers, spaces, strict=True):
            layer.backward_weights(ws)

    def modules(self, n: int) -> list[nn.Module]:
        """Return the layers as `torch.nn` modules, for inputs of width n."""
        found = []
        for layer in self.layers:
            found.append(layer.module(n))
            n = layer.width_out(n)
        return found

    def clone(self):
        twin = copy.copy(self)
        twin.layers = [layer.clone() for layer in self.layers]
        return twin

    def describe(self):
        return super().describe() | {"layers": [layer.describe() for layer in self.layers]}

    def __repr__(self):
        parts = [*map(repr, self.layers)] + ([] if getattr(self, "on", True) else ["on=False"])
        return f"{type(self).__name__}({', '.join(parts)})"


class Residual(Stack, Switchable):
    """a = x + f(x), f a stack of layers that keeps the width; switched off, a = f(x).

    Backward: dx = da + (∂f/∂x)ᵀ da. The first term reaches every layer below undiminished, however
    deep the network: that is why residual networks train.

    Args:
        layers: of f, at least one.
        on: whether x is added.

    Source: He et al. (2016).
    """

    knob = "residual"

    def __init__(self, *layers: Layer, on: bool = True):
        Stack.__init__(self, *layers)
        self.on = on

    def shapes(self, n):
        if (width := self.width_out(n)) != n:
            raise CourseError(
                f"Residual gets width {n} but its layers give {width}; x + f(x) needs the same "
                f"width: end with Linear({n})"
            )
        return super().shapes(n)

    def allocate(self, ws):
        return arrange(self.layers, ws, with_dx=True)

    def forward(self, ws):
        inner = ws.cache
        inner[0].x, inner[0].x1, inner[0].x1T = ws.x, ws.x1, ws.x1T
        self.forward_through(inner)
        self._add(ws.x, inner[-1].a, ws.a)

    def backward_input(self, ws):
        inner = ws.cache
        inner[-1].da.copy_(ws.da)  # a layer may overwrite what it is handed; da is needed below
        self.backward_input_through(inner)
        self._add(ws.da, inner[0].dx, ws.dx)

    def _add(self, around, through, out):
        torch.add(around, through, out=out) if self.on else out.copy_(through)

    def backward_weights(self, ws):
        self.backward_weights_through(ws.cache)

    def module(self, n):
        kind = ResidualModule if self.on else nn.Sequential
        return kind(*self.modules(n))


class ResidualModule(nn.Sequential):
    """x + f(x) as an `nn.Module`: what `Residual` exports."""

    def forward(self, x):
        return x + super().forward(x)


def arrange(layers: list[Layer], below: Workspace, with_dx: bool = False) -> list[Workspace]:
    """Return a workspace for each layer of a stack: the output of one is the input of the next.

    A pointwise layer works in place if the layer below it does not read its output again.

    Args:
        layers: from the first to the last.
        below: its x1 (n_in + 1, B) is the input of the first layer.
        with_dx: whether ∂L/∂x of the first layer is computed; a first `Linear` can do without.
    """
    spaces: list[Workspace] = []
    x1 = below.x1
    for i, layer in enumerate(layers):
        ws = Workspace()
        ws.training = below.training
        n, B = x1.shape[0] - 1, x1.shape[1]
        ws.x, ws.x1, ws.x1T = x1[:-1], x1, x1.t()
        if i:
            ws.dx = spaces[-1].da
        else:  # the gradient by the data: a Linear need not compute it
            needless = isinstance(layer, Linear) and not with_dx
            ws.dx = None if needless else torch.empty_like(ws.x)
        if i and layer.in_place and not layers[i - 1].keeps_output:
            ws.a, ws.da = ws.x, ws.dx
        else:
            x1 = x1.new_ones(layer.width_out(n) + 1, B)
            ws.a, ws.da = x1[:-1], torch.empty_like(x1[:-1])
        ws.cache = layer.allocate(ws)
        spaces.append(ws)
    return spaces


def hidden_layers(
    sizes: list[int], activation: Callable[[], Layer], dropout: float | None = None,
    residual: bool | None = None, norm: bool | None = None,
) -> list[Layer]:  # fmt: skip
    """Return the hidden layers of an `MLP`, whose arguments these are.

    Raises:
        CourseError: for `residual` without a hidden layer as wide as what it gets.
    """
    layers: list[Layer] = []
    for below, n in pairwise(sizes[:-1]):
        block: list[Layer] = [Linear(n)] + ([] if norm is None else [LayerNorm(norm)])
        block += [activation()] + ([] if dropout is None else [Dropout(dropout)])
        if residual is not None and n == below:
            block = [Residual(*block, on=residual)]
        layers += block
    if residual is not None and not any(isinstance(layer, Residual) for layer in layers):
        raise CourseError(
            f"sizes = {shown(sizes)} have no hidden layer as wide as what it gets, and x + f(x) "
            "needs one; repeat a width, as [64, 32, 32, 10], or leave out residual"
        )
    return layers


LAYERS = Registry("layer", lambda field, value: build_layers(value) if field == "layers" else value)
for _kind in (Linear, ReLU, Tanh, Sigmoid, GELU, Dropout, LayerNorm):
    LAYERS.add(_kind)


def build_layers(layers: object) -> list[Layer]:
    """Return the layers that `[layer.describe() for layer in layers]` described.

    Raises:
        CourseError: for what `describe` cannot have written.
    """
    if not isinstance(layers, list):
        raise CourseError(f"layers = {shown(layers)}; allowed: a list of objects {{'kind': …}}")
    return [LAYERS.build(layer) for layer in layers]


def _residual(layers: list[Layer], on: bool = True) -> Residual:
    return Residual(*layers, on=on)


LAYERS.add(_residual, "Residual")
