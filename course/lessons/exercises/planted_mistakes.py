"""Losses of small networks, and gradients with one planted mistake each: for 3_02_backward."""

from typing import Any

import torch
from torch import Tensor

from ...nn.layers import ACTIVATIONS
from ...nn.network import MLP

# What goes wrong in a gradient, and what to say of a check that lets it pass.
MISTAKES = {
    "twice": "f′ is applied twice, as in the document. It still goes downhill: compare the "
    "gradient with differences of the loss, in numbers.",
    "printed": "f′ is missing, as the document prints it. It still goes downhill.",
    "sign": "the sign is reversed. Lengths and absolute values cannot see that.",
    "bias": "the biases' part is 0. A look at a few weights does not find it: use every entry, or "
    "a random direction through all of them.",
    "first": "the first layer's part is 0. Use every entry, or a random direction.",
    "mean": "it is divided by B twice, a mean where the sum over the batch belongs. The direction "
    "is right, so a cosine or a loss that falls cannot see it: compare the size too.",
    "one less": "it is divided by B - 1 instead of B, a few per cent off. The "
    "tolerance is too wide.",
    "transposed": "the recursion has W where Wᵀ belongs. The layers are square, so shapes fit.",
    "swapped": "∂L/∂W has z of the layer below where its a belongs.",
    "slope": "f′ is taken at W a, without b. Where all biases are 0 that is the same: move theta "
    "to a random point before you compare.",
    "columns": "each layer's part is flattened column by column. The numbers are right and stand "
    "in wrong places, so their sum is right too: take a direction of random numbers.",
}


class Problem:
    """The loss of an MLP on some samples, as a function of one vector theta (P,).

    theta: the start of the MLP, so all biases are 0.

    Args:
        x: (B, n_0) rows.
        y: class numbers (B,).
        model: gives sizes, activation and start.
        scale: a factor of loss and gradient.
    """

    def __init__(self, x: Tensor, y: Tensor, model: MLP, scale: float = 1.0):
        self.x, self.y, self.model, self.scale = x, y, model, scale
        self.f = getattr(torch, model.activation)
        self.theta = model.theta.clone()
        self.columns = torch.arange(len(y), device=y.device)

    def forward(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return [W b] of every layer; every a, from a_0 = x; every z."""
        Ws, a, z = self.model.views(theta), [self.x.to(theta).t()], []
        for n, W in enumerate(Ws, 1):
            z.append(W[:, :-1] @ a[-1] + W[:, -1:])
            a.append(self.f(z[-1]) if n < len(Ws) else z[-1])
        return Ws, a, z

    def loss(self, theta: Tensor) -> float:
        """Return the scaled cross-entropy at theta."""
        z = self.forward(theta)[2][-1]
        return self.scale * float(-z.log_softmax(0)[self.y, self.columns].mean())

    def slope(self, z: Tensor) -> Tensor:
        """Return f′(z)."""
        f: Any = ACTIVATIONS[self.model.activation]
        return f.slopes(z, self.f(z))[0]

    def gradient(self, theta: Tensor, mistake: str | None = None) -> Tensor:
        """Return ∂L/∂theta (P,) by the chapter's formulas, with one of `MISTAKES` or none."""
        Ws, a, z = self.forward(theta)
        B, grads, below = len(self.y), [], torch.zeros_like(theta[:1])
        delta = z[-1].softmax(0)
        delta[self.y, self.columns] -= 1
        delta = delta / B
        for n in range(len(Ws) - 1, -1, -1):
            g, left = delta, a[n]
            if mistake == "twice" and n < len(Ws) - 1:
                g = delta * self.slope(z[n])
            if mistake == "printed" and n < len(Ws) - 1:
                g = below
            if mistake == "swapped" and n:
                left = z[n - 1]
            db = g.sum(1, keepdim=True) * (mistake != "bias")
            part = torch.cat([g @ left.t(), db], 1) * (mistake != "first" or n > 0)
            grads.append(part.t() if mistake == "columns" else part)
            if n:
                W, last = Ws[n][:, :-1], n == len(Ws) - 1
                below = (W if mistake == "transposed" and not last else W.t()) @ delta
                at = z[n - 1] - Ws[n - 1][:, -1:] if mistake == "slope" else z[n - 1]
                delta = below * self.slope(at)
        total = torch.cat([g.reshape(-1) for g in reversed(grads)])
        factors = {"sign": -1.0, "mean": 1 / B, "one less": B / (B - 1)}
        return total * self.scale * factors.get(mistake or "", 1.0)


SIZES = [3, 4, 4, 3], [5, 3, 3, 2], [2, 6, 6, 4]  # two equal layers: there a transposed W fits


def small_problem(seed: int, scale: float = 1.0, B: int = 32) -> Problem:
    """Return a small tanh network in float32 on B random samples; its biases are 0."""
    sizes = SIZES[seed % len(SIZES)]
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(B, sizes[0], generator=g), torch.randint(sizes[-1], (B,), generator=g)
    return Problem(x, y, MLP(sizes, "tanh", seed=seed), scale)
