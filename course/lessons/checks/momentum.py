"""Chapter 3_04_momentum: the exponential average, faster and calmer?"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ..exercises.momentum import CURVATURES
from ..verdicts import Case, Check

Rule = Callable[[float], Sequence]  # β → transforms


def ride(transforms: Sequence, lr: float, steps: int = 3000) -> np.ndarray:
    """Return the path (steps + 1, 2) down the ravine from (1, 1)."""
    curvature = torch.tensor(CURVATURES, dtype=torch.float64)
    w, rule = torch.ones(2, dtype=torch.float64), chain(*transforms, Descend(lr))
    rule.init(w)
    path = [w.clone()]
    for _ in range(steps):
        rule(curvature * w, w)
        path.append(w.clone())
    return torch.stack(path).numpy()


def needed(path: np.ndarray) -> float:
    """Return the steps to a millionth of the start; infinity if it is never reached."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.linalg.norm(path, axis=1) <= 1e-6 * np.linalg.norm(path[0])
    return float(near.argmax()) if near.any() else np.inf


def best(rule: Rule, beta: float, scale: float) -> float:
    """Return the fewest steps over rates up to `scale` times what gradient descent bears."""
    rates = 0.02 * scale * np.linspace(0.05, 0.99, 25)
    return min(needed(ride(rule(beta), float(lr), steps=900)) for lr in rates)


def examine(rule: Rule) -> list[Case]:
    """Try a rule against gradient descent, at its rate and each at its best: faster, calmer?"""
    plain, same, high = ride([], 0.01), ride(rule(0.9), 0.01), ride(rule(0.9), 0.3)
    slow, fast = best(lambda _: [], 0.0, 1), best(rule, 0.9, 19)
    gain = needed(plain) / needed(same)
    steep = [path[:101, 1] for path in (ride([], 0.0195), ride(rule(0.9), 0.0195))]
    flips = [int((w[1:] * w[:-1] < 0).sum()) for w in steep]
    past = float(high[:, 0].min())
    direct = past > -0.01 and math.isfinite(needed(high))
    return [
        Case("faster, each at its best rate", fast < slow / 2, f"{slow:.0f} → {fast:.0f} steps"),
        Case("faster at the same rate, 0.01", gain > 2, f"{gain:.2f} times as fast"),
        Case(
            "the steep direction flips less",
            flips[1] < flips[0] / 2,
            f"{flips[0]} → {flips[1]} in 100 steps",
        ),
        Case("no swing past the bottom at 0.3", direct, f"lowest w₁ {past:.2f}, started at 1"),
    ]


average = Check(
    examine,
    document=lambda beta: [Momentum(beta)],
    planted=lambda beta: [],  # no memory: nothing of it is faster or calmer
)
