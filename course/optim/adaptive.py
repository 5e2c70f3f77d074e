"""Adaptive transforms: each weight, or each matrix, gets a step size of its own.

The documents' own programs use Adam (D1 4, D2 4, D3 4); their section 3 does not explain it.
Squares of gradients are averaged; dividing by their root makes a step's length nearly independent
of the gradient's scale. That root is not a curvature: rotate the axes and the path changes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..states import check_in
from .chain import Transform


@dataclass
class RMSProp(Transform):
    """s ← βs + (1 - β)g², then g / (√s + ε), without bias correction.

    Equals `torch.optim.RMSprop(alpha=β, eps=ε)`.

    Args:
        beta: β, in [0, 1).
        eps: ε, at least 0.

    Source: Tieleman & Hinton (2012).
    """

    beta: float = 0.99
    eps: float = 1e-8

    def init(self, theta):
        self.s, self.out = torch.zeros_like(theta), torch.empty_like(theta)

    def state(self):
        return {"s": self.s}

    def __call__(self, g, context):
        self.s.mul_(self.beta).addcmul_(g, g, value=1 - self.beta)
        torch.sqrt(self.s, out=self.out).add_(self.eps)
        return torch.div(g, self.out, out=self.out)


@dataclass
class Adam(Transform):
    """v ← β₁v + (1 - β₁)g,  s ← β₂s + (1 - β₂)g²,  then v̂ / (√ŝ + ε).

    The averages start at 0, so v̂ = v / (1 - β₁ᵗ) and ŝ = s / (1 - β₂ᵗ). In place of βᵗ stands the
    product of all β so far: the same for a constant β, and still right when β moves while training.
    Equals `torch.optim.Adam(betas=(β₁, β₂), eps=ε)`.

    The code's form: v̂ / (√ŝ + ε) = (r / (1 - β₁ᵗ)) · v / (√s + rε) with r = √(1 - β₂ᵗ).

    Args:
        beta1, beta2: β₁ and β₂, in [0, 1).
        eps: ε, at least 0.

    Source: Kingma & Ba (2015), who call v and s m and v.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def init(self, theta):
        self.v, self.s = torch.zeros_like(theta), torch.zeros_like(theta)
        self.out, self.products = torch.empty_like(theta), [1.0, 1.0]

    def state(self):
        products = torch.tensor(self.products, dtype=torch.float64)
        return {"v": self.v, "s": self.s, "products": products}

    def check_state(self, state):
        super().check_state(state)
        for product in state["products"].tolist():
            check_in("Adam's product of all β", product, 0, 1)

    def load_state(self, state):
        self.v.copy_(state["v"])
        self.s.copy_(state["s"])
        self.products = state["products"].tolist()

    def __call__(self, g, context):
        self.v.lerp_(g, 1 - self.beta1)
        self.s.mul_(self.beta2).addcmul_(g, g, value=1 - self.beta2)
        self.products[0] *= self.beta1
        self.products[1] *= self.beta2
        r = math.sqrt(1 - self.products[1])
        torch.sqrt(self.s, out=self.out).add_(r * self.eps)
        return torch.div(self.v, self.out, out=self.out).mul_(r / (1 - self.products[0]))


@dataclass
class AdamW(Adam):
    """Adam's step plus λθ: the decay is not divided by √ŝ.

    `Descend` multiplies both by α, so θ ← (1 - αλ)θ - α v̂/(√ŝ + ε).
    Equals `torch.optim.AdamW(weight_decay=λ)`; the same as `Adam` followed by `L2(λ)`.

    Args:
        beta1, beta2, eps: see `Adam`.
        weight_decay: λ, at least 0.

    Source: Loshchilov & Hutter (2019).
    """

    weight_decay: float = 0.01

    def __call__(self, g, context):
        return super().__call__(g, context).add_(context.theta, alpha=self.weight_decay)


def orthogonalise(M: Tensor, iterations: int = 5) -> Tensor:
    """Return nearly the orthogonal factor UVᵀ of M = UΣVᵀ: (n, m), without an SVD.

    X ← aX + b(XXᵀ)X + c(XXᵀ)²X brings every singular value above about 0.0015 ‖M‖ into about
    [0.7, 1.2] in 5 iterations. Smaller ones become a⁵ ≈ 485 times as large at most; M = 0 gives 0.

    Args:
        M: (n, m).

    Source: Jordan et al. (2024), for a, b and c.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # steep at 0, and 1 stays near 1
    X = M / torch.linalg.matrix_norm(M).clamp(min=torch.finfo(M.dtype).tiny)
    wide = X if M.shape[0] <= M.shape[1] else X.t()  # smaller products
    for _ in range(iterations):
        G = wide @ wide.t()
        wide = a * wide + (b * G + c * (G @ G)) @ wide
    return wide if M.shape[0] <= M.shape[1] else wide.t()


@dataclass
class Muon(Transform):
    """v ← βv + g, then UVᵀ of g + βv for every weight matrix.

    All directions of a matrix with more than a tiny gradient get steps of about one length, scaled
    by √max(1, n_out/n_in). A bias (n,) counts as one column: v/‖v‖. `torch.optim.Muon` rounds to
    bfloat16, this does not.

    Args:
        beta: β, in [0, 1).
        iterations: of `orthogonalise`.

    Source: Jordan et al. (2024).
    """

    needs = ("named_views",)
    beta: float = 0.95
    iterations: int = 5

    def init(self, theta):
        self.v, self.ahead = torch.zeros_like(theta), torch.empty_like(theta)
        self.out = torch.empty_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, context):
        torch.add(g, self.v, alpha=self.beta, out=self.v)
        torch.add(g, self.v, alpha=self.beta, out=self.ahead)
        views = zip(context.named_views(self.ahead).values(),
                    context.named_views(self.out).values(), strict=True)  # fmt: skip
        for M, out in views:
            if M.ndim < 2:
                out.copy_(M / M.norm().clamp(min=torch.finfo(M.dtype).tiny))
            else:
                matrix = M.reshape(len(M), -1)
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                out.copy_(orthogonalise(matrix, int(self.iterations)).view_as(M)).mul_(scale)
        return self.out
