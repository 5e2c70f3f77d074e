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


def zeros(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Set every weight to 0.

    Args, the same for each function of this module:
        W: (n_out, n_in), overwritten.
        gain: the squared length that `orthogonal` gives to rows or columns; the others ignore it.
        generator: the source of the random numbers, on the device of W.
    """
    W.zero_()


def normal(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, 0.01²), whatever the widths."""
    W.normal_(0, 0.01, generator=generator)


def lecun(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, 1/n_in).

    Source: LeCun, Bottou, Orr & Müller, Efficient BackProp (1998).
    """
    W.normal_(0, math.sqrt(1 / W.shape[1]), generator=generator)


def xavier(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2/(n_in + n_out)).

    Source: Glorot & Bengio (2010).
    """
    W.normal_(0, math.sqrt(2 / (W.shape[0] + W.shape[1])), generator=generator)


def he(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2/n_in).

    Source: He et al. (2015).
    """
    W.normal_(0, math.sqrt(2 / W.shape[1]), generator=generator)


def orthogonal(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw rows (or columns, if those are fewer) that are orthogonal, each of length √gain.

    Source: Saxe et al. (2014); Mezzadri (2007) for the uniform draw.
    """
    n, m = W.shape
    random = torch.empty(max(n, m), min(n, m), dtype=torch.float64).normal_(generator=generator)
    Q, R = torch.linalg.qr(random)
    Q = Q * R.diagonal().sign()  # QR alone prefers one sign: this makes the draw uniform
    W.copy_(math.sqrt(gain) * (Q if n >= m else Q.t()))


def like_torch(W: Tensor, gain: float, generator: torch.Generator) -> None:
    """Draw weights evenly from ±1/√n_in, as `torch.nn.Linear` does."""
    bound = 1 / math.sqrt(W.shape[1])
    W.uniform_(-bound, bound, generator=generator)


INITS = {
    "zeros": zeros, "normal": normal, "lecun": lecun, "xavier": xavier, "he": he,
    "orthogonal": orthogonal, "torch": like_torch,
}  # fmt: skip
