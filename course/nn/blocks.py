"""Layers that need more than one line: Dropout, LayerNorm, Residual.

Columns are samples, as in `layers`: LayerNorm's mean runs down a column, over one sample's values.
"""

import copy

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_description, check_number, shown
from .layers import GELU, Arrays, Layer, Linear, ReLU, Sigmoid, Tanh


class Dropout(Layer):
    """a = x ⊙ m / (1 - p), m = 0 with probability p, else 1; the identity when evaluating.

    Inverted: the division keeps the mean, so evaluating needs no factor (Srivastava et al. 2014;
    D2 3). p may change between any two steps. The masks come from the model's own generator.
    """

    in_place = True
    generator: torch.Generator | None = None

    def __init__(self, p: float = 0.5):
        self.p = p

    def __setattr__(self, name, value):
        if name == "p":
            value = check_number("Dropout.p", value, 0, 1, "a common choice is 0.5", open_high=True)
        super().__setattr__(name, value)

    def arrays(self, s):
        return torch.ones_like(s.a)

    def forward(self, s):
        mask, keep = s.kept, 1 - self.p
        if not s.training or self.p == 0:
            mask.fill_(1)
        else:
            mask.bernoulli_(keep, generator=self.generator).mul_(1 / keep)
        torch.mul(s.x, mask, out=s.a)

    def backward(self, s):
        torch.mul(s.da, s.kept, out=s.dx)

    def module(self, n):
        return nn.Dropout(self.p)

    def describe(self):
        return {"kind": "Dropout", "p": self.p}


class LayerNorm(Layer):
    """a = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), μ and σ² over each column (Ba et al. 2016).

    Backward: x̂ depends on μ and σ, so what moves a whole column or stretches it has no effect:

        dx = (u - mean(u) - x̂ mean(u ⊙ x̂)) / √(σ² + ε),   u = γ ⊙ da
        dγ = Σ_batch da ⊙ x̂,   dβ = Σ_batch da

    γ and β lie in one (n, 2) matrix and start at 1 and 0.
    """

    eps, matrices = 1e-5, 1

    def shapes(self, n):
        return [(n, 2)]

    def bind(self, weights, grads):
        (P,), (dP,) = weights, grads
        self.gamma, self.beta = P[:, :1], P[:, 1:]
        self.dgamma, self.dbeta = dP[:, :1], dP[:, 1:]

    def arrays(self, s):
        line = torch.empty_like(s.a[:1])
        return torch.empty_like(s.a), torch.empty_like(s.a), line, torch.empty_like(line)

    def forward(self, s):
        x_hat, work, mean, scale = s.kept
        torch.mean(s.x, 0, keepdim=True, out=mean)
        torch.sub(s.x, mean, out=x_hat)
        torch.mul(x_hat, x_hat, out=work)
        torch.mean(work, 0, keepdim=True, out=scale).add_(self.eps).rsqrt_()
        torch.addcmul(self.beta, self.gamma, x_hat.mul_(scale), out=s.a)

    def backward(self, s):
        x_hat, work, mean, scale = s.kept
        torch.sum(s.da, 1, keepdim=True, out=self.dbeta)
        torch.sum(torch.mul(s.da, x_hat, out=work), 1, keepdim=True, out=self.dgamma)
        torch.mean(work.mul_(self.gamma), 0, keepdim=True, out=mean)  # mean(u ⊙ x̂)
        torch.mul(x_hat, mean, out=work)
        torch.mul(s.da, self.gamma, out=s.dx)  # u
        work.add_(torch.mean(s.dx, 0, keepdim=True, out=mean))
        s.dx.sub_(work).mul_(scale)

    def named(self, weights):
        return {"weight": weights[0][:, 0], "bias": weights[0][:, 1]}

    def start(self, weights, generator, init, gain):
        weights[0][:, 0] = 1

    def module(self, n):
        return nn.LayerNorm(n, eps=self.eps)


class Stack(Layer):
    """Several layers as one, run one after the other: the bookkeeping of `Residual`."""

    def __init__(self, *layers: Layer):
        self.layers = list(layers)
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            name = type(self).__name__
            raise CourseError(f"{name}{shown(layers)}: give layers, as {name}(ReLU(), Linear(64))")

    @property
    def matrices(self):
        return sum(layer.matrices for layer in self.layers)

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
        """Weights in a row → (layer, its weights) pairs."""
        rest = iter(weights)
        return [(layer, [next(rest) for _ in range(layer.matrices)]) for layer in self.layers]

    def bind(self, weights, grads):
        for (layer, w), (_, g) in zip(self.share(weights), self.share(grads), strict=True):
            layer.bind(w, g)

    def named(self, weights):
        return {
            f"{i}.{name}": view
            for i, (layer, w) in enumerate(self.share(weights))
            for name, view in layer.named(w).items()
        }

    def start(self, weights, generator, init, gain):
        for layer, w in self.share(weights):
            layer.start(w, generator, init, gain)

    def clone(self):
        twin = copy.copy(self)
        twin.layers = [layer.clone() for layer in self.layers]
        return twin

    def describe(self):
        kind = type(self).__name__
        return {"kind": kind, "layers": [layer.describe() for layer in self.layers]}

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


class Residual(Stack):
    """a = x + f(x), f a stack of layers that keeps the width (He et al. 2016).

    Backward: dx = da + (∂f/∂x)ᵀ da. The first term reaches every layer below undiminished, however
    deep the network: that is why residual networks train.
    """

    def shapes(self, n):
        width = self.width_out(n)
        if width != n:
            raise CourseError(
                f"Residual gets width {n} but its layers give {width}; x + f(x) needs the same "
                f"width: end with Linear({n})"
            )
        return super().shapes(n)

    def arrays(self, s):
        return arrange(self.layers, s, with_dx=True)

    def forward(self, s):
        inner = s.kept
        inner[0].x, inner[0].x1, inner[0].x1T = s.x, s.x1, s.x1T
        for layer, t in zip(self.layers, inner, strict=True):
            layer.forward(t)
        torch.add(s.x, inner[-1].a, out=s.a)

    def backward(self, s):
        inner = s.kept
        inner[-1].da.copy_(s.da)  # a layer may overwrite what it is handed; da is needed below
        for layer, t in zip(reversed(self.layers), reversed(inner), strict=True):
            layer.backward(t)
        torch.add(s.da, inner[0].dx, out=s.dx)

    def module(self, n):
        return ResidualModule(*stack_modules(self.layers, n))


class ResidualModule(nn.Sequential):
    """x + f(x) as an `nn.Module`: what `Residual` exports."""

    def forward(self, x):
        return x + super().forward(x)


def stack_modules(layers: list[Layer], n: int) -> list[nn.Module]:
    """The layers as `torch.nn` modules, for inputs of width n."""
    modules = []
    for layer in layers:
        modules.append(layer.module(n))
        n = layer.width_out(n)
    return modules


def arrange(layers: list[Layer], below: Arrays, with_dx: bool = False) -> list[Arrays]:
    """The arrays of a stack of layers whose input is `below.x1`: one's a is the next one's x.

    A pointwise layer works in place where the layer under it does not need its output any more.
    """
    made: list[Arrays] = []
    x1, dx = below.x1, below.x1[:0]  # dx: ∂L/∂ the present x, nothing under the first layer
    for i, layer in enumerate(layers):
        s = Arrays()
        s.training = below.training
        n, B = x1.shape[0] - 1, x1.shape[1]
        s.x, s.x1, s.x1T = x1[:-1], x1, x1.t()
        if layer.in_place and i and not layers[i - 1].keeps_output:
            s.a, s.da, s.dx = s.x, dx, dx
        else:
            x1 = x1.new_ones(layer.width_out(n) + 1, B)
            s.a, s.da = x1[:-1], torch.zeros_like(x1[:-1])
            s.dx = dx if i else torch.zeros_like(s.x)
            if not i and not with_dx and isinstance(layer, Linear):
                s.dx = None  # nobody asks for the gradient by the data
            dx = s.da
        s.kept = layer.arrays(s)
        made.append(s)
    return made


def build_layers(layers: list[dict]) -> list[Layer]:
    """The inverse of `[layer.describe() for layer in layers]`. Raises `CourseError`."""
    if not isinstance(layers, list):
        raise CourseError(f"layers = {shown(layers)}; allowed: a list of objects {{'kind': …}}")
    return [build_layer(layer) for layer in layers]


def _build_residual(layers: list[dict]) -> Residual:
    return Residual(*build_layers(layers))


KINDS = {k.__name__: k for k in (Linear, ReLU, Tanh, Sigmoid, GELU, Dropout, LayerNorm, Residual)}
BUILDERS = KINDS | {"Residual": _build_residual}


def build_layer(description: dict) -> Layer:
    """The inverse of `Layer.describe`. Raises `CourseError` for what it cannot have written."""
    build, fields = check_description("layer", description, BUILDERS)
    return build(**fields)
