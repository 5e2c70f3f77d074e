"""Layers, forwards and backwards, derived by hand.

Notation of the documents: z = W a + b and a = f(z). One *column* is one sample, so with
B samples A is (n_in, B), W is (n_out, n_in) and the affine map is one matrix product:

    Z = [W b] · [A; 1]        a last row of ones in A multiplies the bias column

A layer keeps no copy of its weights: `W` and `dW` are views of the model's flat vectors
`theta` and `grad`. Written D for ∂L/∂Z, the chain rule gives, for every layer,

    ∂L/∂[W b] = D · [A; 1]ᵀ            (the sum over the batch is inside the product)
    ∂L/∂A     = Wᵀ · D
    ∂L/∂Z     = ∂L/∂A ⊙ f'(Z)

Source: Rumelhart, Hinton & Williams, Nature 323 (1986); documents D0 3.1-3.2, D1 1.
"""

import torch
from torch import Tensor

# d := d ⊙ [a > 0] in one pass, in place; writing it as `d *= a > 0` allocates a mask.
_keep_where_positive = torch.ops.aten.threshold_backward.grad_input
_times_one_minus_square = torch.ops.aten.tanh_backward.grad_input


class Linear:
    """z = W a + b. `W`, `dW`: (n_out, n_in + 1) views; the last column is the bias."""

    def __init__(self, W: Tensor, dW: Tensor):
        self.W, self.dW = W, dW
        self.WT = W[:, :-1].t()

    def forward(self, A: Tensor, out: Tensor) -> Tensor:
        """A: (n_in + 1, B), last row ones. Writes z into `out`: (n_out, B)."""
        return torch.mm(self.W, A, out=out)

    def backward(self, D: Tensor, AT: Tensor, out: Tensor | None) -> Tensor | None:
        """D = ∂L/∂z: (n_out, B); AT: (B, n_in + 1). Fills dW; writes ∂L/∂a into `out`."""
        torch.mm(D, AT, out=self.dW)
        return None if out is None else torch.mm(self.WT, D, out=out)


class ReLU:
    """a = max(z, 0); f'(z) = 1 where z > 0, else 0 (at z = 0 too, as in PyTorch)."""

    gain = 2.0  # He initialisation: Var(w) = 2 / n_in

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        return z.relu_()

    @staticmethod
    def backward(d: Tensor, a: Tensor) -> Tensor:
        return _keep_where_positive(d, a, 0, grad_input=d)


class Tanh:
    """a = tanh(z); f'(z) = 1 - a²."""

    gain = 1.0  # Var(w) = 1 / n_in

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        return z.tanh_()

    @staticmethod
    def backward(d: Tensor, a: Tensor) -> Tensor:
        return _times_one_minus_square(d, a, grad_input=d)


ACTIVATIONS = {"relu": ReLU, "tanh": Tanh}
