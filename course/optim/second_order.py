"""Second-order transforms: use the curvature H as well as the slope g (D4 3.7).

Near θ the loss is L + gᵀd + ½ dᵀH d. Where H has only positive eigenvalues its lowest point is at
d = -H⁻¹g: Newton's step. Elsewhere that is a saddle, and H⁻¹ leads *to* it. Damping mends this:
with μ > -λ_min(H) the step d = -(H + μI)⁻¹ g goes downhill at first (the whole step may still
climb). The document writes λ for μ and calls it a regularisation parameter; it regularises the
step, not the weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .chain import Transform


class Solution(NamedTuple):
    """What `conjugate_gradients` found.

    Attributes:
        x: (P,).
        iterations: the number of products that it took.
        residual: ‖b - Ax‖/‖b‖ of the x that its steps had reached.
        negative_curvature: whether a direction with curvature ≤ 0 stopped it.
    """

    x: Tensor
    iterations: int
    residual: float
    negative_curvature: bool


def conjugate_gradients(
    product: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tolerance: float = 1e-6
) -> Solution:
    """Solve A x = b for symmetric A, given only products A v.

    It stops at the first direction d with dᵀAd ≤ 0, along which the quadratic has no bottom, and
    returns x as it stands; before any step, b itself. It waits for the device in each iteration.

    Args:
        product: called with v: (P,); returns A v.
        b: (P,).
        iterations: the most products to take.
        tolerance: of ‖b - Ax‖/‖b‖, at which it stops earlier.

    Source: Hestenes & Stiefel (1952); Steihaug (1983) for the stop.
    """
    x, r, d = torch.zeros_like(b), b.clone(), b.clone()
    rr = start = float(torch.dot(r, r))
    i = 0
    while True:
        residual = math.sqrt(rr / start) if start else 0.0
        if i == iterations or residual <= tolerance:
            return Solution(x, i, residual, False)
        Ad = product(d)
        curvature = float(torch.dot(d, Ad))
        if not curvature > 0:
            return Solution(x if i else b.clone(), i + 1, residual, True)
        alpha = rr / curvature
        x.add_(d, alpha=alpha)
        r.sub_(Ad, alpha=alpha)
        before, rr = rr, float(torch.dot(r, r))
        d.mul_(rr / before).add_(r)
        i += 1


def sharpness(
    product: Callable[[Tensor], Tensor], start: Tensor, iterations: int = 20
) -> tuple[float, Tensor]:
    """Return the largest eigenvalue of a symmetric matrix and its unit vector (P,).

    Lanczos's method with full reorthogonalisation, from products alone. For the edge of stability
    compare the eigenvalue with 2/α.

    Args:
        product: called with v: (P,); returns A v.
        start: (P,), not zero; with the vector of an earlier call a few iterations do.
        iterations: the most products to take.

    Source: Lanczos (1950).
    """
    n = min(iterations, start.numel())
    Q = start.new_zeros(n, start.numel())
    T = torch.zeros(n, n, dtype=torch.float64)
    q = start / start.norm()
    for i in range(n):
        Q[i], basis = q, Q[: i + 1]
        w = product(q)
        T[i, i] = float(torch.dot(q, w))
        for _ in range(2):  # twice is enough (Parlett 1980)
            w = w - basis.t() @ (basis @ w)
        length = float(w.norm())
        if i + 1 == n or not length > 1e-7 * float(T.abs().max()):
            break
        T[i, i + 1] = T[i + 1, i] = length
        q = w / length
    size = len(basis)
    values, vectors = torch.linalg.eigh(T[:size, :size])
    return float(values[-1]), basis.t() @ vectors[:, -1].to(Q)


@dataclass
class Newton(Transform):
    """(H + μI)⁻¹ g, H written down whole: O(P²) memory, O(P³) time.

    With μ = 0 saddles attract it; a singular H + μI gives infinities or NaN.

    Args:
        damping: μ, at least 0.

    Source: D4 3.7.
    """

    needs = ("curvature",)
    damping: float = 1e-3

    def __call__(self, g, context):
        H = context.curvature().hessian()
        H.diagonal().add_(self.damping)
        return torch.linalg.solve_ex(H, g).result


@dataclass
class NewtonCG(Transform):
    """(H + μI)⁻¹ g to within a few conjugate-gradient iterations, from products H v alone.

    It stops at the first direction without positive curvature, so it still goes downhill.

    Args:
        damping: μ, at least 0.
        iterations: the most products a step.

    Source: Martens (2010).
    """

    needs = ("curvature",)
    damping: float = 1e-3
    iterations: int = 10

    def __call__(self, g, context):
        product = self.product(context.curvature())
        damped = conjugate_gradients(
            lambda v: product(v).add_(v, alpha=self.damping), g, int(self.iterations)
        )
        return damped.x

    def product(self, curvature):
        """Return the function v → H v of this batch's curvature."""
        return curvature.hvp


@dataclass
class GaussNewton(NewtonCG):
    """(JᵀSJ + μI)⁻¹ g: the part of H that is never negative, so no saddle attracts it.

    For cross-entropy it is the Fisher matrix, and this is natural gradient.

    Source: Amari (1998).
    """

    def product(self, curvature):
        """Return the function v → JᵀSJ v of this batch's curvature."""
        return curvature.gauss_newton
