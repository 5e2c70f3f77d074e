"""A multi-layer perceptron whose weights are one flat vector.

All weights are views of `theta` (P,), all gradients views of `grad` (P,). An optimiser then sees
two vectors, clipping by norm is one operation, a checkpoint is one copy, and a data-parallel
bucket *is* the gradient.
"""

import torch
from torch import Tensor

from .errors import CourseError, check_choice, check_count
from .layers import ACTIVATIONS, Linear
from .losses import cross_entropy


class Workspace:
    """The arrays one batch size needs, made once: a step then allocates next to nothing."""

    def __init__(self, sizes: list[int], B: int, like: Tensor):
        self.inputs = [like.new_ones(n + 1, B) for n in sizes[:-1]]  # A_l, last row ones
        outputs = [A[:-1] for A in self.inputs[1:]]  # z_l and a_l live where layer l+1 reads
        self.outputs = [*outputs, like.new_empty(sizes[-1], B)]
        self.deltas = [like.new_empty(n, B) for n in sizes[1:]]  # ∂L/∂z_l
        self.transposed = [A.t() for A in self.inputs]

    def load(self, X: Tensor) -> None:
        """X: (B, n_0 + 1) rows, the ones column included. Nothing is copied."""
        self.inputs[0], self.transposed[0] = X.t(), X


class MLP:
    """Fully connected network: sizes [n_0, …, n_L]; hidden layers use `activation`.

    theta, grad: (P,) with P = Σ n_l (n_{l-1} + 1). Weights start from N(0, gain / n_in) (He et al.
    2015 for ReLU), biases from 0. Raises `CourseError` for fewer than two sizes, a size below 1,
    or an unknown activation.
    """

    def __init__(self, sizes, activation="relu", seed=0, dtype=torch.float32, device="cpu"):
        if len(sizes) < 2:
            raise CourseError(f"sizes = {sizes!r}: give at least input and output, as [64, 10]")
        self.sizes = [check_count("a layer size", n, 1, 10**6, "as in [64, 64, 10]") for n in sizes]
        check_choice("activation", activation, ACTIVATIONS)
        self.activation, self.seed = activation, seed
        self.f = ACTIVATIONS[activation]
        self.shapes = [(o, i + 1) for i, o in zip(self.sizes, self.sizes[1:], strict=False)]
        theta = torch.zeros(sum(o * i for o, i in self.shapes), dtype=dtype)
        generator = torch.Generator().manual_seed(seed)  # on the CPU: same start on any device
        for W in self.views(theta):
            W[:, :-1].normal_(0, (self.f.gain / (W.shape[1] - 1)) ** 0.5, generator=generator)
        self._bind(theta.to(device))

    def views(self, flat: Tensor) -> list[Tensor]:
        """Cut a flat (P,) vector into [W b] matrices, (n_l, n_{l-1} + 1) each, without a copy."""
        parts = flat.split([o * i for o, i in self.shapes])
        return [p.view(shape) for p, shape in zip(parts, self.shapes, strict=True)]

    def _bind(self, theta: Tensor) -> None:
        self.theta, self.grad = theta, torch.zeros_like(theta)
        views = zip(self.views(theta), self.views(self.grad), strict=True)
        self.layers = [Linear(W, dW) for W, dW in views]
        self._workspaces: dict[int, Workspace] = {}

    def to(self, device: str) -> "MLP":
        """Move weights to `device`; values are kept, gradients start again at 0."""
        self._bind(self.theta.to(device, copy=True))
        return self

    @torch.inference_mode(False)  # made inside a training step, yet usable by hand outside one
    def workspace(self, B: int) -> Workspace:
        """The arrays for batches of B rows, made on first use."""
        if B not in self._workspaces:
            self._workspaces[B] = Workspace(self.sizes, B, self.theta)
        return self._workspaces[B]

    def forward(self, space: Workspace) -> Tensor:
        """Logits (C, B) of the batch loaded in `space`."""
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            z = layer.forward(space.inputs[i], space.outputs[i])
            if i < last:
                self.f.forward(z)
        return z

    def backward(self, space: Workspace) -> None:
        """Fill `grad`, given ∂L/∂logits in `space.deltas[-1]`. Call after `forward`."""
        for i in range(len(self.layers) - 1, -1, -1):
            below = space.deltas[i - 1] if i else None
            d = self.layers[i].backward(space.deltas[i], space.transposed[i], below)
            if d is not None:
                self.f.backward(d, space.outputs[i - 1])

    def loss_and_grad(self, X: Tensor, Y: Tensor) -> Tensor:
        """Loss of a batch, its gradient left in `grad`. X: (B, n_0 + 1), Y: (C, B)."""
        space = self.workspace(X.shape[0])
        space.load(X)
        self.forward(space)
        loss = cross_entropy(space.outputs[-1], Y, out=space.deltas[-1])
        self.backward(space)
        return loss

    @torch.no_grad()
    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        """Logits (B, C) of rows x: (B, n_0). Own memory: safe to call while training runs."""
        a = x.t()
        weights = self.views(self.theta if theta is None else theta)
        for i, W in enumerate(weights):
            z = W[:, :-1] @ a + W[:, -1:]
            a = self.f.forward(z) if i < len(weights) - 1 else z
        return a.t()


def with_ones(x: Tensor) -> Tensor:
    """Rows (B, n) → (B, n + 1): the column of ones that multiplies the biases."""
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def targets(y: Tensor, classes: int, dtype=torch.float32) -> Tensor:
    """Labels (B,) → (C, B) minus one-hot over B, as `cross_entropy` wants it."""
    Y = torch.zeros(classes, len(y), dtype=dtype, device=y.device)
    return Y.scatter_(0, y[None, :], -1 / max(len(y), 1))
