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


def descend(memory: Memory, slope: Callable[[Tensor], Tensor], lr: float, eps: float) -> Tensor:
    """Return the path of w from 10 down a loss with this slope, β = 0.9: (2001,)."""
    w, v, path = ZERO + 10, ZERO, [ZERO + 10]
    for _ in range(2000):
        v = memory(v, slope(w), 0.9, eps)
        w = w - lr * v
        path.append(w)
    return torch.cat(path)


def arrival(path: Tensor, near: float) -> float:
    """Return the steps after which a path stays within `near` of 0; infinity: it does not."""
    away = (~(path.abs() <= near)).nonzero()
    last = int(away[-1]) if len(away) else -1
    return last + 1 if last + 1 < len(path) else float("inf")


def turns(path: Tensor) -> int:
    """Return how often the first 100 steps of a path change its sign."""
    path = path[:101]
    return int((path[1:] * path[:-1] < 0).sum())


def plain(v: Tensor, g: Tensor, beta: float, eps: float) -> Tensor:
    """Return the gradient itself: descent without a memory and without clipping."""
    return g


def examine(says: dict) -> list[Case]:
    """Try a memory: is it faster, is it calmer, and what is β?

    Args:
        says: "memory", and where it is said to be "faster" ("same", "larger": rate) and "calm"
            ("spike", "bowl"); and what is "the clipping factor".
    """
    memory, found = says["memory"], {}
    bowl, quartic = (lambda w: w), (lambda w: 4 * w**3)
    pair = [arrival(descend(m, bowl, 0.1, 1.0), 1e-3) for m in (plain, memory)]
    found["same"] = Case("faster than descent at the same rate: ½w²", pair[1] < pair[0],
                         f"descent {pair[0]:g} steps, this {pair[1]:g}")  # fmt: skip
    rates = (0.002, 0.003, 0.004, 0.0045, 0.0049)
    slow = min(arrival(descend(plain, quartic, lr, 4.0), 0.2) for lr in rates)
    fast = arrival(descend(memory, quartic, 0.2, 4.0), 0.2)
    found["larger"] = Case("faster than descent, each at a rate that suits it: x⁴",
                           fast < slow / 2, f"descent {slow:g} steps, this {fast:g}")  # fmt: skip
    stream = torch.ones(300, 1, dtype=torch.float64)
    stream[150] = -1000
    without = follow(lambda v, g, beta, eps: beta * v + (1 - beta) * g, stream, 0.9, 1.0)
    back = [int((v < 0).sum()) for v in (without, follow(memory, stream, 0.9, 1.0))]
    found["spike"] = Case("calmer after a spike of -1000", back[1] < back[0] / 2,
                          f"steps the wrong way: momentum {back[0]}, this {back[1]}")  # fmt: skip
    pair = [turns(descend(m, bowl, 0.5, 1.0)) for m in (plain, memory)]
    words = f"changes of sign in 100 steps: descent {pair[0]}, this {pair[1]}"
    found["bowl"] = Case("no oscillation where descent has none: ½w²", pair[1] == 0, words)
    constant = torch.full((3000, 1), 1000.0, dtype=torch.float64)
    factors = {
        "β": [(0.5, 0.5), (0.9, 0.5), (0.99, 0.5)],
        "ε": [(0.9, 0.5), (0.9, 1.0), (0.9, 2.0)],
    }
    factor = says["the clipping factor"]
    limits = [float(follow(memory, constant, beta, eps)[-1]) for beta, eps in factors[factor]]
    values = ", ".join(f"{pair[factor == 'ε']:g}" for pair in factors[factor])
    words = f"limit of v at {factor} = {values}: " + ", ".join(f"{x:.3g}" for x in limits)
    noise = torch.Generator().manual_seed(0)
    wild = torch.empty(500, 4, dtype=torch.float64).cauchy_(generator=noise)
    ours = -0.3 * follow(memory, wild, 0.9, 0.5).cumsum(0)
    apart = float((ours - torch_path(wild, 0.3, 0.9, 0.5)).abs().max())
    same = "equal to rounding" if apart < 1e-9 else f"largest difference {apart:.2g}"
    return [
        *(found[where] for where in (*says["faster"], *says["calm"])),
        Case(f"{factor} limits v", max(limits) - min(limits) > 0.1, words, aside=True),
        Case(
            "it is PyTorch's clipping, then SGD at the rate α(1 - β)",
            apart < 1e-9,
            same,
            aside=True,
        ),
    ]


order = Check(
    examine,
    document={"memory": lambda v, g, beta, eps: beta * v + (1 - beta) * g.clamp(-eps, eps),
              "faster": ("same", "larger"), "calm": ("spike", "bowl"), "the clipping factor": "β"},
    planted={"memory": lambda v, g, beta, eps: beta * v + (1 - beta) * g,  # no clipping
             "faster": ("same", "larger"), "calm": ("spike", "bowl"), "the clipping factor": "β"},
)  # fmt: skip
