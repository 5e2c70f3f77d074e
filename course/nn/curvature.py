"""Curvature: how the gradient changes when the weights move, H = ∂²L/∂θ².

H is P × P, too large to write down for any real network, but H v, the change of the gradient along
one direction v, costs only about two more backward passes. The R-operator (Pearlmutter 1994)
differentiates every line of forward and backward along v. Writing R{·} for that derivative:

    forward    R{z_l} = V_l a_{l-1} + W_l R{a_{l-1}}              R{a_l} = f'(z_l) ⊙ R{z_l}
    top        R{δ_L} = S R{z_L}                                  S = ∂²L/∂z_L², from the loss
    backward   R{∂L/∂W_l} = R{δ_l} a_{l-1}ᵀ + δ_l R{a_{l-1}}ᵀ
               R{δ_{l-1}} = f' ⊙ (W_lᵀ R{δ_l} + V_lᵀ δ_l) + f'' ⊙ (W_lᵀ δ_l) ⊙ R{z_{l-1}}

Leave out what contains δ and what remains is the Gauss-Newton product: Jᵀ S J v, never negative.
`Curvature` does the plain forward and backward once; each product then reuses them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import grad

from .. import effort
from ..errors import CourseError
from .blocks import Dropout
from .layers import Layer, Linear


class Curvature:
    """The curvature of a network's loss on one batch, dropout switched off.

    Args:
        model: a `Network` of Linear layers, activations and Dropout.
        X: (B, n_0 + 1), as `model.encode` gives it; it is copied.
        Y: (C, B), as `model.encode` gives it.

    Raises:
        CourseError: for other layers.
    """

    @torch.no_grad()
    def __init__(self, model, X: Tensor, Y: Tensor):
        self.model, self.B = model, len(X)
        self.W = [W[:, :-1] for W in model.views(model.theta)]
        self.A, self.slopes = [X.t().clone()], []  # A_l with its row of ones; (f', f'' or None)
        *hidden, last = model.views(model.theta)
        for W, f in zip(hidden, _activations(model.layers), strict=True):
            z = torch.mm(W, self.A[-1])
            a, slopes = _through(f, z)
            self.slopes.append(slopes)
            self.A.append(torch.cat([a, a.new_ones(1, self.B)]))
        z = torch.mm(last, self.A[-1])
        self.D = [torch.empty_like(z)]
        self.loss = model.loss(z, Y, self.D[0], self.B)
        self.p = model.loss.probabilities(z)
        self.bend: list[Tensor | None] = []  # f'' ⊙ (Wᵀ δ)
        for W, (first, second) in zip(self.W[:0:-1], self.slopes[::-1], strict=True):
            da = torch.mm(W.t(), self.D[0])
            self.D.insert(0, da * first)
            self.bend.insert(0, None if second is None else da * second)

    def hvp(self, v: Tensor) -> Tensor:
        """Return H v: (P,), for v: (P,)."""
        return self._product(v, exact=True)

    def gauss_newton(self, v: Tensor) -> Tensor:
        """Return Jᵀ S J v: (P,), J the derivative of the outputs by the weights."""
        return self._product(v, exact=False)

    @torch.no_grad()
    def _product(self, v: Tensor, exact: bool) -> Tensor:
        V, top = self.model.views(v), len(self.W) - 1
        Rz, Ra = [torch.mm(V[0], self.A[0])], []
        for i in range(1, top + 1):
            Ra.append(Rz[-1] * self.slopes[i - 1][0])
            Rz.append(torch.mm(V[i], self.A[i]).addmm_(self.W[i], Ra[-1]))
        RD = self.model.loss.curvature_times(Rz[-1], self.p, self.B)
        out = torch.empty_like(v)
        R = self.model.views(out)
        for i in range(top, 0, -1):
            torch.mm(RD, self.A[i].t(), out=R[i])
            below = torch.mm(self.W[i].t(), RD)
            if exact:
                R[i][:, :-1].addmm_(self.D[i], Ra[i - 1].t())
                below.addmm_(V[i][:, :-1].t(), self.D[i])
            RD = below.mul_(self.slopes[i - 1][0])
            bend = self.bend[i - 1]
            if exact and bend is not None:
                RD.addcmul_(bend, Rz[i - 1])
        torch.mm(RD, self.A[0].t(), out=R[0])
        return out

    @torch.no_grad()
    def hessian(self, anyway: bool = False) -> Tensor:
        """Return H itself: (P, P), exactly and in closed form.

        Per sample, with K_ml = ∂δ_m/∂z_l and P_ml = ∂a_m/∂z_l for l ≤ m:
        ∂²L/∂W_m∂W_l = (K_ml ⊗ a_{m-1} + δ_m ⊗ P_{m-1,l}) ⊗ a_{l-1}; then the sum over the batch.

        Raises:
            CourseError: for one beyond the limits of `course.effort`, unless `anyway`.

        Source: Bishop (1992).
        """
        n = self.model.theta.numel()
        sizes = [(rows, rows * columns) for rows, columns in self.model.shapes]
        block = self.B * max(rows for rows, _ in sizes) * max(size for _, size in sizes)
        effort.begin(effort.of_hessian(n, self.B, self.model.theta.dtype, block), anyway)
        H = self.model.theta.new_empty(n, n)
        starts, shapes = [0], self.model.shapes
        for rows, columns in shapes:
            starts.append(starts[-1] + rows * columns)
        for low in range(len(self.W)):
            for high, block in self._blocks(low):
                at = slice(starts[high], starts[high + 1]), slice(starts[low], starts[low + 1])
                H[at].view(*shapes[high], *shapes[low]).copy_(block)
                if high != low:
                    H[at[1], at[0]].copy_(H[at].t())
        return H

    def _blocks(self, low: int):
        """Yield (m, ∂²L/∂W_m∂W_low as (n_m, n_{m-1} + 1, n_low, …)) for m from the top to `low`."""
        top, B = len(self.W) - 1, self.B
        eye = torch.eye(len(self.D[low]), dtype=self.p.dtype, device=self.p.device)
        dz = {low: eye[:, :, None].expand(-1, -1, B)}  # ∂z_m/∂z_low: (n_m, n_low, B)
        da = {}  # ∂a_m/∂z_low
        for m in range(low, top):
            da[m] = self.slopes[m][0][:, None] * dz[m]
            dz[m + 1] = torch.tensordot(self.W[m + 1], da[m], 1)
        K = self.model.loss.curvature_times(dz[top], self.p[:, None], B)
        for m in range(top, low - 1, -1):
            if m == low:  # K is symmetric, a_{m-1} does not depend on z_low
                pairs = (self.A[m][:, None] * self.A[m]).flatten(0, 1)
                n, width = len(K), len(self.A[m])
                square = torch.mm(K.flatten(0, 1), pairs.t()).view(n, n, width, width)
                yield m, square.permute(0, 2, 1, 3)
                return
            T = K[:, None] * self.A[m][None, :, None]
            T[:, :-1] += self.D[m][:, None, None] * da[m - 1]
            yield m, torch.mm(T.flatten(0, 2), self.A[low].t()).view(*T.shape[:3], -1)
            K = self.slopes[m - 1][0][:, None] * torch.tensordot(self.W[m].t(), K, 1)
            bend = self.bend[m - 1]
            if bend is not None:
                K += bend[:, None] * dz[m - 1]


class AutogradCurvature:
    """The same for an adopted module: products by differentiating autograd's gradient again.

    Args:
        model: an `Adopted` module.
        X, Y: the batch as `model.encode` gives it; both are copied.
    """

    def __init__(self, model, X: Tensor, Y: Tensor):
        self.model, self.X, self.Y = model, X.clone(), Y.clone()

    def hvp(self, v: Tensor) -> Tensor:
        """Return H v: (P,), for v: (P,)."""
        return self.model.hvp(v, self.X, self.Y)

    def gauss_newton(self, v: Tensor) -> Tensor:
        """Return Jᵀ S J v: (P,), for v: (P,)."""
        return self.model.gauss_newton(v, self.X, self.Y)

    def hessian(self, anyway: bool = False) -> Tensor:
        """Return H itself: (P, P), column by column; raise and `anyway` as in `Curvature`."""
        n = self.model.theta.numel()
        effort.begin(effort.of_products(n, len(self.X), self.model.theta.dtype), anyway)
        eye = torch.eye(n, dtype=self.model.theta.dtype, device=self.model.theta.device)
        return torch.stack([self.hvp(e) for e in eye])


Tensors = Sequence[Tensor]  # one a parameter


def hessian_product(outputs: Tensor, loss: Callable, params: Tensors, v: Tensors) -> Tensors:
    """Return H v, one tensor a parameter: the gradient of gᵀv, with g = ∂L/∂θ.

    Args:
        outputs: computed from the parameters under autograd, any shape.
        loss: called as loss(outputs); returns a 0-d tensor.
        params: the parameters.
        v: the direction, of the parameters' shapes.
    """
    g = grad(loss(outputs), params, create_graph=True, materialize_grads=True)
    slope = torch.stack([(a * b).sum() for a, b in zip(g, v, strict=True)]).sum()
    if not slope.requires_grad:  # g is constant
        return [torch.zeros_like(p) for p in params]
    return grad(slope, params, materialize_grads=True)


def gauss_newton_product(outputs: Tensor, loss: Callable, params: Tensors, v: Tensors) -> Tensors:
    """Return Jᵀ S J v; the arguments are those of `hessian_product`.

    J v is the derivative of Jᵀu by u along v, for any u: Jᵀu is linear in u.
    """
    u = torch.zeros_like(outputs, requires_grad=True)
    back = grad(outputs, params, u, create_graph=True, materialize_grads=True)
    Jv = grad(back, u, v, retain_graph=True, materialize_grads=True)[0]
    SJv = hessian_product(outputs, loss, [outputs], [Jv])[0]
    return grad(outputs, params, SJv, materialize_grads=True)


def _activations(layers: list[Layer]) -> list[Layer | None]:
    """Return the activation after each Linear but the last; None for none."""
    found: list[Layer | None] = []
    for layer in layers:
        if isinstance(layer, Linear):
            found.append(None)
        elif hasattr(layer, "slopes") and found and found[-1] is None:
            found[-1] = layer
        elif not isinstance(layer, Dropout):
            raise CourseError(
                f"curvature is written for Linear layers with one activation each, not for "
                f"{layer!r} here; use adopt(model.to_module()) for it"
            )
    if found[-1] is not None:
        raise CourseError(f"curvature wants a Linear last, the network ends with {found[-1]!r}")
    return found[:-1]


def _through(f: Layer | None, z: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
    """Return a = f(z) and (f'(z), f''(z)), f'' None if it is 0."""
    if f is None:
        return z, (torch.ones_like(z), None)
    a = f.module(len(z))(z)
    return a, f.slopes(z, a)  # type: ignore[attr-defined]
