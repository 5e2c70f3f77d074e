"""Chapter 3_05_clipping: the documents' clipping, calmer and faster?"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..verdicts import Case, Check

Clip = Callable[[Tensor, float], Tensor]  # (g, ε) → g'
STARTS = torch.tensor([8.0, 9.0, 10.0, 11.0, 12.0], dtype=torch.float64)


def needed(clip: Clip, lr: float, eps: float) -> float:
    """Return the steps on J(x) = x⁴ to within 0.2 from all five starts; infinity: over 2000."""
    x, arrived = STARTS, torch.zeros(5, dtype=torch.bool)
    for n in range(1, 2001):
        # Each start is a problem of its own, with a gradient of one entry.
        x = x - lr * torch.cat([clip(g, eps) for g in (4 * x**3).split(1)])
        arrived |= x.abs() <= 0.2
        if arrived.all():
            return n
    return float("inf")


def bounce(clip: Clip) -> Tensor:
    """Return the path (100,) on J(w) = ½w² from 10.3, ε = 1, at the rate 2.5: too high."""
    w, path = torch.tensor([10.3], dtype=torch.float64), []
    for _ in range(100):
        w = w - 2.5 * clip(w, 1.0)
        path.append(w)
    return torch.cat(path)


def examine(clip: Clip) -> list[Case]:
    """Try a clipping: is it torch's; does it bound, keep the direction, calm, accelerate?"""
    noise = torch.Generator().manual_seed(0)
    gradients = torch.randn(100, 5, dtype=torch.float64, generator=noise)
    theirs = torch.nn.Parameter(gradients)
    theirs.grad = gradients.clone()
    torch.nn.utils.clip_grad_value_([theirs], 0.5)
    ours = torch.stack([clip(g, 0.5) for g in gradients])
    apart = float((ours - theirs.grad).abs().max())
    cosine = torch.cosine_similarity(ours, gradients, dim=1)
    turned = float(torch.rad2deg(torch.acos(cosine.clamp(max=1))).max())
    longest = float(ours.abs().max())
    path = bounce(clip)
    plain = needed(lambda g, eps: g, 0.0034, 1.0)
    same, larger = needed(clip, 0.0034, 4.0), needed(clip, 0.35, 4.0)
    return [
        Case("equals clip_grad_value_", apart < 1e-12, f"largest difference {apart:.2g}"),
        Case("entries of at most ε = 0.5", longest <= 0.5, f"largest entry {longest:.2g}"),
        Case(
            "bounded, and in the old direction",
            longest <= 0.5 and turned < 1e-3,
            f"100 gradients, turned by up to {turned:.0f}°",
        ),
        Case(
            "calm at a rate above 2/λ",
            bool(path.abs()[-10:].max() < 0.1),
            f"½w², α = 2.5, last steps {float(path[-2]):+.3g}, {float(path[-1]):+.3g}",
        ),
        Case("x⁴, faster at the same rate", same < plain, f"{plain:g} → {same:g} steps"),
        Case("x⁴, faster at a larger rate", larger < plain / 2, f"{plain:g} → {larger:g} steps"),
    ]


by_value = Check(
    examine,
    document=lambda g, eps: g.clamp(-eps, eps),
    planted=lambda g, eps: g,  # no clipping at all: nothing of it holds
)
