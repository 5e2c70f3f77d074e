"""Layers that need more than one line: Dropout and LayerNorm; and what can be switched off.

Columns are samples, as in `layers`: LayerNorm's mean runs down a column, over one sample's values.
"""

import torch
from torch import nn

from ..errors import check_choice, check_number
from .layers import Layer, Weighted, Workspace


def check_rate(p: object) -> float:
    """Return a dropout probability as a float in [0, 1), or raise `CourseError`."""
    return check_number("Dropout.p", p, 0, 1, "a common choice is 0.5", open_high=True)


class Switchable(Weighted):
    """Base of layers that can be switched off, and on again, between any two steps.

    Attributes:
        on: True or False. Weights stay as they are while the layer is off.
        knob: the name of the knob that switches all layers of a kind.

    Raises:
        CourseError: for any other `on`; the old one stays.
    """

    knob = ""

    def __init__(self, on: bool = True):
        self.on = on

    def __setattr__(self, name, value):
        if name == "on":
            value = check_choice(f"{type(self).__name__}.on", value, (True, False))
        super().__setattr__(name, value)

    def bind(self, weights, grads):
        self.grads = grads

    def forward(self, ws):
        if self.on:
            self.forward_on(ws)
        else:
            ws.a.copy_(ws.x)

    def backward_input(self, ws):
        if self.on:
            self.backward_input_on(ws)
        else:
            ws.dx.copy_(ws.da)

    def backward_weights(self, ws):
        if self.on:
            return self.backward_weights_on(ws)
        for grad in self.grads:
            grad.zero_()

    def forward_on(self, ws: Workspace) -> None:
        """Do what `forward` does while the layer is on."""
        raise TypeError(f"{type(self).__name__} does not say what to do with an input")

    def backward_input_on(self, ws: Workspace) -> None:
        """Do what `backward_input` does while the layer is on."""
        raise TypeError(f"{type(self).__name__} does not say what to do with a gradient")

    def backward_weights_on(self, ws: Workspace) -> None:
        """Do what `backward_weights` does while the layer is on."""

    def describe(self):
        return super().describe() | ({} if self.on else {"on": False})


class Dropout(Layer):
    """a = x ⊙ m / (1 - p), m = 0 with probability p, else 1; the identity when evaluating.

    Inverted: the division keeps the mean, so evaluating needs no factor. The masks come from the
    model's own generator.

    Attributes:
        given: the mask of the next forward pass, m / (1 - p): (n, B); None: it is drawn.

    Args:
        p: the probability, in [0, 1); it may change between any two steps.

    Raises:
        CourseError: for any other p; the old one stays.

    Source: Srivastava et al. (2014); D2 3.
    """

    in_place = True
    generator: torch.Generator | None = None
    given: torch.Tensor | None = None

    def __init__(self, p: float = 0.5):
        self.p = p

    def __setattr__(self, name, value):
        if name == "p":
            value = check_rate(value)
        super().__setattr__(name, value)

    def allocate(self, ws):
        return torch.empty_like(ws.a)

    def forward(self, ws):
        mask, keep = ws.cache, 1 - self.p
        if not ws.training or self.p == 0:
            mask.fill_(1)
        elif self.given is not None:
            mask.copy_(self.given)
        else:
            mask.bernoulli_(keep, generator=self.generator).mul_(1 / keep)
        torch.mul(ws.x, mask, out=ws.a)

    def backward(self, ws):
        torch.mul(ws.da, ws.cache, out=ws.dx)

    def module(self, n):
        return nn.Dropout(self.p)

    def describe(self):
        return {"kind": "Dropout", "p": self.p}


class LayerNorm(Switchable):
    """a = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), μ and σ² over each column; off, a = x.

    Backward: x̂ depends on μ and σ, so what moves a whole column or stretches it has no effect:

        dx = (u - mean(u) - x̂ mean(u ⊙ x̂)) / √(σ² + ε),   u = γ ⊙ da
        dγ = Σ_batch da ⊙ x̂,   dβ = Σ_batch da

    γ and β lie in one (n, 2) matrix and start at 1 and 0. Source: Ba, Kiros & Hinton (2016).
    """

    eps, n_matrices, knob = 1e-5, 1, "norm"

    def shapes(self, n):
        return [(n, 2)]

    def bind(self, weights, grads):
        super().bind(weights, grads)
        self.gamma, self.beta = weights[0].split(1, 1)
        self.dgamma, self.dbeta = grads[0].split(1, 1)

    def allocate(self, ws):
        return [torch.empty_like(part) for part in (ws.a, ws.a, ws.a[:1], ws.a[:1])]

    def forward_on(self, ws):
        x_hat, work, mean, scale = ws.cache
        torch.mean(ws.x, 0, keepdim=True, out=mean)
        torch.sub(ws.x, mean, out=x_hat)
        torch.mul(x_hat, x_hat, out=work)
        torch.mean(work, 0, keepdim=True, out=scale).add_(self.eps).rsqrt_()
        torch.addcmul(self.beta, self.gamma, x_hat.mul_(scale), out=ws.a)

    def backward_input_on(self, ws):
        x_hat, work, mean, scale = ws.cache
        torch.mean(torch.mul(ws.da, x_hat, out=work).mul_(self.gamma), 0, keepdim=True, out=mean)
        torch.mul(x_hat, mean, out=work)  # x̂ mean(u ⊙ x̂)
        torch.mul(ws.da, self.gamma, out=ws.dx)  # u
        work.add_(torch.mean(ws.dx, 0, keepdim=True, out=mean))
        ws.dx.sub_(work).mul_(scale)

    def backward_weights_on(self, ws):
        torch.sum(ws.da, 1, keepdim=True, out=self.dbeta)
        torch.sum(torch.mul(ws.da, ws.cache[0], out=ws.cache[1]), 1, keepdim=True, out=self.dgamma)

    def named_parameters(self, weights):
        return {"weight": weights[0][:, 0], "bias": weights[0][:, 1]}

    def init_weights(self, weights, generator, init, gain):
        weights[0][:, 0] = 1

    def module(self, n):
        return nn.LayerNorm(n) if self.on else NormOff(n)


class NormOff(nn.LayerNorm):
    """x, its weights unused: what a `LayerNorm` that is switched off exports."""

    def forward(self, input):
        return input
