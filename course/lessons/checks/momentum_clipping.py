"""Chapter 3_06_momentum_clipping: clip, then average. What is β, and what does it buy?"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..verdicts import Case, Check

Memory = Callable[[Tensor, Tensor, float, float], Tensor]  # (v, g, β, ε) → v
ZERO = torch.zeros(1, dtype=torch.float64)


def follow(memory: Memory, gradients: Tensor, beta: float, eps: float) -> Tensor:
    """Return v after each of the gradients (n, …), from 0: (n, …)."""
    v, path = torch.zeros_like(gradients[0]), []
    for g in gradients:
        v = memory(v, g, beta, eps)
        path.append(v)
    return torch.stack(path)


def torch_path(gradients: Tensor, lr: float, beta: float, eps: float) -> Tensor:
    """Return weights by `clip_grad_value_` and `torch.optim.SGD`, at the average's own rate."""
    w = torch.zeros_like(gradients[0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr * (1 - beta), momentum=beta)
    path = []
    for g in gradients:
        w.grad = g.clone()
        torch.nn.utils.clip_grad_value_([w], eps)
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


def bowl(memory: Memory) -> float:
    """Return the steps on J(w) = ½w² from 10 to 1e-3, at α = 0.1, β = 0.9, ε = 1.

    Infinity: more than 2000.
    """
    w, v = ZERO + 10, ZERO
    for n in range(1, 2001):
        v = memory(v, w, 0.9, 1.0)
        w = w - 0.1 * v
        if float(w.abs()) < 1e-3 and float(v.abs()) < 1e-3:
            return n
    return float("inf")


def examine(memory: Memory) -> list[Case]:
    """Try a memory: is it torch's, v bounded, a spike harmless, β the limit, it faster?"""
    noise = torch.Generator().manual_seed(0)
    wild = torch.empty(500, 4, dtype=torch.float64).cauchy_(generator=noise)
    ours = -0.3 * follow(memory, wild, 0.9, 0.5).cumsum(0)
    apart = float((ours - torch_path(wild, 0.3, 0.9, 0.5)).abs().max())
    longest = float(follow(memory, wild, 0.9, 0.5).abs().max())

    stream = torch.ones(300, 1, dtype=torch.float64)
    stream[150] = -1000
    back = int((follow(memory, stream, 0.9, 1.0) < 0).sum())

    constant = torch.full((3000, 1), 1000.0, dtype=torch.float64)
    limits = [float(follow(memory, constant, beta, 0.5)[-1]) for beta in (0.5, 0.9, 0.99)]
    votes = torch.tensor([[-1.0], [-1.0], [-1.0], [-1.0], [10.0]], dtype=torch.float64)
    mean = float(follow(memory, votes.repeat(200, 1), 0.9, 1.0)[500:].mean())
    plain, with_clip = bowl(lambda v, g, beta, eps: beta * v + (1 - beta) * g), bowl(memory)
    return [
        Case("equals torch, α(1 - β), clipped first", apart < 1e-9, f"difference {apart:.2g}"),
        Case("|v| ≤ ε = 0.5", longest <= 0.5, f"wild gradients, largest |v| {longest:.2f}"),
        Case("a spike of -1000 turns no step", back == 0, f"{back} wrong-way steps"),
        Case(
            "β is the clipping factor",
            max(limits) - min(limits) > 0.1,
            "limit of v at β = .5, .9, .99: " + ", ".join(f"{x:.3g}" for x in limits),
        ),
        Case(
            "bounded, and the mean keeps its sign",
            longest <= 0.5 and mean > 0,
            f"gradients of mean +1.2, mean of v {mean:+.2f}",
        ),
        Case("faster at the same α", with_clip < plain, f"½w²: {plain:g} → {with_clip:g} steps"),
    ]


order = Check(
    examine,
    document=lambda v, g, beta, eps: beta * v + (1 - beta) * g.clamp(-eps, eps),
    planted=lambda v, g, beta, eps: beta * v + (1 - beta) * g,  # no clipping: nothing holds
)
