"""How weights start. Biases always start at 0.

A layer sums n_in products, so the variance of its output is n_in · Var(w) · mean(a²), times what
the activation lets through. Keep the variance the same from layer to layer and neither the signal
nor the gradient grows or dies with depth:

    lecun       Var(w) = 1 / n_in             forward, where f is near the identity
    xavier      Var(w) = 2 / (n_in + n_out)   forward and backward (Glorot & Bengio 2010)
    he          Var(w) = 2 / n_in             ReLU halves mean(a²): make up for it (He et al. 2015)
    orthogonal  W Wᵀ = gain · I               every direction keeps its length (Saxe et al. 2014)

and for lessons: `zeros` (all units stay alike), `normal` (σ = 0.01: the signal dies with depth),
`torch` (uniform in ±1/√n_in, what `nn.Linear` does).
"""

import math

import torch
from torch import Tensor


def zeros(W: Tensor, gain: float, generator) -> None:
    W.zero_()


def normal(W: Tensor, gain: float, generator) -> None:
    W.normal_(0, 0.01, generator=generator)


def lecun(W: Tensor, gain: float, generator) -> None:
    W.normal_(0, math.sqrt(1 / W.shape[1]), generator=generator)


def xavier(W: Tensor, gain: float, generator) -> None:
    W.normal_(0, math.sqrt(2 / (W.shape[0] + W.shape[1])), generator=generator)


def he(W: Tensor, gain: float, generator) -> None:
    W.normal_(0, math.sqrt(2 / W.shape[1]), generator=generator)


def orthogonal(W: Tensor, gain: float, generator) -> None:
    """Rows (or columns, whichever are fewer) orthogonal, of length √gain."""
    n, m = W.shape
    random = torch.empty(max(n, m), min(n, m), dtype=torch.float64).normal_(generator=generator)
    Q, R = torch.linalg.qr(random)
    Q = Q * R.diagonal().sign()  # makes the draw uniform over rotations (Mezzadri 2007)
    W.copy_(math.sqrt(gain) * (Q if n >= m else Q.t()))


def like_torch(W: Tensor, gain: float, generator) -> None:
    bound = 1 / math.sqrt(W.shape[1])
    W.uniform_(-bound, bound, generator=generator)


INITS = {
    "zeros": zeros, "normal": normal, "lecun": lecun, "xavier": xavier, "he": he,
    "orthogonal": orthogonal, "torch": like_torch,
}  # fmt: skip
