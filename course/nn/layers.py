"""Layers: forward and backward, derived by hand.

Notation of the documents: z = W a + b and a = f(z). One *column* is one sample, so with B samples
a layer's input x is (n_in, B) and the affine map is one matrix product:

    z = [W b] · [x; 1]        a last row of ones under x multiplies the bias column

Write da for ∂L/∂a, the gradient by a layer's output, and dx for ∂L/∂x. The chain rule gives

    affine       ∂L/∂[W b] = da · [x; 1]ᵀ        dx = Wᵀ · da     (the sum over the batch is inside)
    pointwise    dx = da ⊙ f'(x)

A layer keeps no weights of its own: `W` and `dW` are views of the model's flat vectors. It keeps
no activations either: they lie in a `Workspace`, made once per batch size, so a step allocates
nothing.

Source: Rumelhart, Hinton & Williams, Nature 323 (1986); documents D0 3.1-3.2, D1 1.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import check_choice, check_count
from .initialisation import INITS

# In one pass, in place. `da * (a > 0)`, `da * (1 - a * a)`, `da * a * (1 - a)` would each allocate.
_keep_where_positive = torch.ops.aten.threshold_backward.grad_input
_times_one_minus_square = torch.ops.aten.tanh_backward.grad_input
_times_a_one_minus_a = torch.ops.aten.sigmoid_backward.grad_input


class Workspace:
    """What one layer reads and writes, for one batch size B. Columns are samples.

    Attributes:
        x: the input, (n_in, B).
        x1: the same memory with its row of ones, (n_in + 1, B).
        x1T: its transpose, (B, n_in + 1).
        a: the output, (n_out, B); it may lie in the memory of x.
        da: ∂L/∂a, (n_out, B).
        dx: ∂L/∂x, (n_in, B); None if no layer reads it.
        cache: what `Layer.allocate` returned, for use between forward and backward.
        training: False when evaluating.
    """

    __slots__ = ("x", "x1", "x1T", "a", "da", "dx", "cache", "training")
    x: Tensor
    x1: Tensor
    x1T: Tensor
    a: Tensor
    da: Tensor
    dx: Any
    cache: Any
    training: bool


class Layer:
    """Base of all layers: one without weights that keeps the width.

    Attributes:
        n_matrices: the number of its weight matrices (see `shapes`).
        in_place: whether the output may overwrite the input, which backward does not need then.
        keeps_output: whether backward reads `ws.a`, so that the next layer must not overwrite it.
    """

    in_place = keeps_output = False
    n_matrices: Any = 0

    def width_out(self, n: int) -> int:
        """Return the width of the output for inputs of width n."""
        return n

    def shapes(self, n: int) -> list[tuple[int, int]]:
        """Return the shapes of the weight matrices for inputs of width n."""
        return []

    def bind(self, weights: list[Tensor], grads: list[Tensor]) -> None:
        """Take the views of `theta` and `grad`, in the order of `shapes`."""

    def named_parameters(self, weights: list[Tensor]) -> dict[str, Tensor]:
        """Return views of the weights as `torch.nn` names and shapes them."""
        return {}

    def init_weights(
        self, weights: list[Tensor], generator: torch.Generator, init: str, gain: float
    ) -> None:
        """Set the first weights, which are 0 before.

        Args:
            weights: the matrices, in the order of `shapes`.
            generator, gain: see `course.nn.initialisation`.
            init: the network's initialisation; a layer may have one of its own.
        """

    def allocate(self, ws: Workspace) -> object:
        """Return what `ws.cache` shall be; `ws` has its x, a, da and dx already."""
        return None

    def forward(self, ws: Workspace) -> None:
        """Write `ws.a`, given `ws.x`."""
        raise TypeError(f"{type(self).__name__} does not say what to do with an input")

    def backward(self, ws: Workspace) -> None:
        """Write `ws.dx` and the gradients of the weights, given `ws.da`. Call after `forward`."""
        raise TypeError(f"{type(self).__name__} does not say what to do with a gradient")

    def backward_input(self, ws: Workspace) -> None:
        """Write `ws.dx` alone, given `ws.da`."""
        self.backward(ws)

    def backward_weights(self, ws: Workspace) -> None:
        """Write the gradients of the weights alone, before or after `backward_input`."""

    def module(self, n: int) -> nn.Module:
        """Return the same layer in `torch.nn`, for inputs of width n."""
        raise TypeError(f"{type(self).__name__} has no torch.nn counterpart")

    def clone(self) -> "Layer":
        """Return a layer of the same kind that can be bound to other weights."""
        return copy.copy(self)

    def describe(self) -> dict:
        """Return the kind and the options as plain JSON values: `build_layers` reads them."""
        return {"kind": type(self).__name__}

    def __repr__(self):
        options = {k: v for k, v in self.describe().items() if k != "kind" and v is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in options.items())})"


class Weighted(Layer):
    """Base of layers with weights, whose backward pass has two parts: see `backward_weights`."""

    def backward(self, ws):
        self.backward_input(ws)
        self.backward_weights(ws)


class Linear(Weighted):
    """z = W x + b. W: (width, n_in), b: (width,); both lie in one matrix [W b].

    Args:
        width: the number of outputs, from 1 to 10⁶.
        init: how the weights start, a name of `course.nn.initialisation`; default: the network's.

    Raises:
        CourseError: for a width out of range and an unknown name.
    """

    n_matrices = 1

    def __init__(self, width: int, init: str | None = None):
        self.width = check_count("Linear.width", width, 1, 10**6, "as in Linear(64)")
        if init is not None:
            check_choice("init", init, INITS)
        self.init = init

    def width_out(self, n):
        return self.width

    def shapes(self, n):
        return [(self.width, n + 1)]

    def bind(self, weights, grads):
        (self.W,), (self.dW,) = weights, grads
        self.WT = self.W[:, :-1].t()

    def forward(self, ws):
        torch.mm(self.W, ws.x1, out=ws.a)

    def backward_input(self, ws):
        if ws.dx is not None:
            torch.mm(self.WT, ws.da, out=ws.dx)

    def backward_weights(self, ws):
        torch.mm(ws.da, ws.x1T, out=self.dW)

    def named_parameters(self, weights):
        return {"weight": weights[0][:, :-1], "bias": weights[0][:, -1]}

    def init_weights(self, weights, generator, init, gain):
        INITS[self.init or init](weights[0][:, :-1], gain, generator)

    def module(self, n):
        return nn.Linear(n, self.width)

    def describe(self):
        return {"kind": "Linear", "width": self.width, "init": self.init}


class ReLU(Layer):
    """a = max(x, 0); f'(x) = 1 where x > 0, else 0 (at x = 0 too, as in PyTorch)."""

    in_place = keeps_output = True
    gain, init = 2.0, "he"

    def forward(self, ws):
        torch.clamp_min(ws.x, 0, out=ws.a)

    def backward(self, ws):
        _keep_where_positive(ws.da, ws.a, 0, grad_input=ws.dx)

    @staticmethod
    def slopes(x: Tensor, a: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return f'(x) and f''(x), given a = f(x): like x, or None if f'' is 0."""
        return (a > 0).to(a.dtype), None

    def module(self, n):
        return nn.ReLU()


class Tanh(Layer):
    """a = tanh(x); f' = 1 - a², f'' = -2a(1 - a²)."""

    in_place = keeps_output = True
    gain, init = 1.0, "xavier"

    def forward(self, ws):
        torch.tanh(ws.x, out=ws.a)

    def backward(self, ws):
        _times_one_minus_square(ws.da, ws.a, grad_input=ws.dx)

    @staticmethod
    def slopes(x, a):
        first = 1 - a * a
        return first, -2 * a * first

    def module(self, n):
        return nn.Tanh()


class Sigmoid(Layer):
    """a = 1 / (1 + e⁻ˣ); f' = a(1 - a) ≤ 1/4, f'' = (1 - 2a)a(1 - a)."""

    in_place = keeps_output = True
    gain, init = 1.0, "xavier"

    def forward(self, ws):
        torch.sigmoid(ws.x, out=ws.a)

    def backward(self, ws):
        _times_a_one_minus_a(ws.da, ws.a, grad_input=ws.dx)

    @staticmethod
    def slopes(x, a):
        first = a * (1 - a)
        return first, (1 - 2 * a) * first

    def module(self, n):
        return nn.Sigmoid()


class GELU(Layer):
    """a = x Φ(x), Φ the normal distribution function; exact, not the tanh form.

    With the density φ(x) = e^(-x²/2) / √(2π):  f' = Φ + xφ,  f'' = φ(2 - x²).

    Source: Hendrycks & Gimpel (2016).
    """

    gain, init = 2.0, "he"

    def allocate(self, ws):
        return torch.empty_like(ws.a), torch.empty_like(ws.a)

    def forward(self, ws):
        Phi, _ = ws.cache
        torch.mul(ws.x, math.sqrt(0.5), out=Phi).erf_().add_(1).mul_(0.5)
        torch.mul(ws.x, Phi, out=ws.a)

    def backward(self, ws):
        Phi, slope = ws.cache
        torch.mul(ws.x, ws.x, out=slope).mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))
        slope.mul_(ws.x).add_(Phi)
        torch.mul(ws.da, slope, out=ws.dx)

    @staticmethod
    def slopes(x, a):
        density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        below = (1 + torch.erf(x * math.sqrt(0.5))) / 2
        return below + x * density, density * (2 - x * x)

    def module(self, n):
        return nn.GELU()


ACTIVATIONS: dict[str, type[ReLU | Tanh | Sigmoid | GELU]] = {
    "relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "gelu": GELU,
}  # fmt: skip
