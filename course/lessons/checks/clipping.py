"""Chapter 3_05_clipping: the documents' clipping, calmer and faster? An algorithm?"""

from collections.abc import Callable

import torch
from torch import Tensor

from ...optim.chain import Chain, chain
from ...optim.first_order import ClipByValue, Descend
from ..verdicts import Case, Check

Clip = Callable[[Tensor, float], Tensor]  # (g, ε) → g'
Slope = Callable[[Tensor], Tensor]
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


def unclipped(g: Tensor, eps: float) -> Tensor:
    """Return the gradient as it is."""
    return g


def turns(path: Tensor) -> int:
    """Return how often a path (n,) changes its sign."""
    return int((path[1:] * path[:-1] < 0).sum())


def ride(clip: Clip, slope: Slope, start: float, lr: float, eps: float) -> Tensor:
    """Return 30 steps down a loss with this slope, with the start: (31,)."""
    w = torch.tensor([start], dtype=torch.float64)
    path = [w]
    for _ in range(30):
        w = w - lr * clip(slope(w), eps)
        path.append(w)
    return torch.cat(path)


def examine(says: dict) -> list[Case]:
    """Try a clipping: does it bound the gradient, calm the path, make it faster?

    Args:
        says: "clip", and where it is said to be "calm" ("far", "near": far from the minimum, and
            near it at too large a rate) and "faster" ("same", "larger": rate).
    """
    clip, found = says["clip"], {}
    noise = torch.Generator().manual_seed(0)
    gradients = torch.randn(100, 5, dtype=torch.float64, generator=noise)
    theirs = torch.nn.Parameter(gradients)
    theirs.grad = gradients.clone()
    torch.nn.utils.clip_grad_value_([theirs], 0.5)
    ours = torch.stack([clip(g, 0.5) for g in gradients])
    apart = float((ours - theirs.grad).abs().max())
    longest = float(ours.abs().max())
    first = Case("no entry above ε = 0.5", longest <= 0.5, f"largest entry {longest:.2g}")
    trials: tuple[tuple[str, str, Slope, float, float, float], ...] = (
        ("far", "x⁴ from 10, α = 0.0049", lambda w: 4 * w**3, 10.0, 0.0049, 4.0),
        ("near", "½w² from 10.3, α = 2.5", lambda w: w, 10.3, 2.5, 1.0),
    )
    for where, name, slope, start, lr, eps in trials:
        before, after = (turns(ride(c, slope, start, lr, eps)) for c in (unclipped, clip))
        words = f"without it {before} changes of sign, with it {after}, in 30 steps"
        found[where] = Case(f"no oscillation: {name}", after == 0 < before, words)
    plain = needed(unclipped, 0.0034, 1.0)
    for where, name, lr, share in (
        ("same", "the same", 0.0034, 1),
        ("larger", "a larger", 0.35, 2),
    ):
        steps = needed(clip, lr, 4.0)
        words = f"without it {plain:g} steps, with it {steps:g}"
        found[where] = Case(f"faster at {name} rate: x⁴", steps < plain / share, words)
    return [
        first,
        *(found[where] for where in (*says["calm"], *says["faster"])),
        Case(
            "it is PyTorch's clip_grad_value_",
            apart < 1e-12,
            f"largest difference {apart:.2g}",
            True,
        ),
    ]


by_value = Check(
    examine,
    document={"clip": lambda g, eps: g.clamp(-eps, eps), "calm": ("far", "near"),
              "faster": ("same", "larger")},
    planted={"clip": lambda g, eps: g, "calm": ("far", "near"), "faster": ("same", "larger")},
)  # fmt: skip


# ---- D4-3.5b: an optimisation algorithm ------------------------------------------------------


def lowers(rule: Chain) -> Case:
    """Tell if a rule lowers the loss ½‖w‖² of a point from 3 to below a tenth in 100 steps."""
    w = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64)
    rule.init(w)
    first = float(w @ w / 2)
    for _ in range(100):
        rule(w.clone(), w)
    last = float(w @ w / 2)
    return Case("", last < first / 10, f"loss {first:.2f} → {last:.2f}")


def examine_algorithm(parts: tuple[str, ...]) -> list[Case]:
    """Try what is called an algorithm: does it lower a loss?

    Args:
        parts: "with the line that descends", "by itself".
    """
    clip = ClipByValue(0.5)
    rules = {
        "with the line that descends": chain(clip, Descend(0.1)),
        "by itself": chain(clip, Descend(0.0)),  # nothing descends
    }
    cases = []
    for part in parts:
        found = lowers(rules[part])
        cases.append(Case(f"clipping {part}", found.holds, found.number))
    return cases


algorithm = Check(
    examine_algorithm,
    document=("with the line that descends", "by itself"),
    planted=("by itself",),
)
