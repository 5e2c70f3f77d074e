"""Chapter 3_04_momentum: the exponential average, faster and calmer?"""

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
    """Return the fewest steps over rates up to `scale` times gradient descent's limit."""
    rates = 0.02 * scale * np.linspace(0.05, 0.99, 25)
    return min(needed(ride(rule(beta), float(lr), steps=900)) for lr in rates)


def equals_torch(rule: Rule) -> bool:
    """Tell if the path is that of `torch.optim.SGD` at the rate α(1 - β)."""
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05 * (1 - 0.9), momentum=0.9)
    path = [w.detach().clone()]
    for _ in range(50):
        w.grad = torch.tensor(CURVATURES, dtype=torch.float64) * w.detach()
        optimizer.step()
        path.append(w.detach().clone())
    return bool(np.allclose(ride(rule(0.9), 0.05, steps=50), torch.stack(path).numpy()))


def flips(path: np.ndarray, direction: int) -> int:
    """Return how often a weight changes sign in 100 steps."""
    w = path[:101, direction]
    return int((w[1:] * w[:-1] < 0).sum())


def examine(says: dict) -> list[Case]:
    """Try a rule against gradient descent: is it faster, is it calmer?

    Args:
        says: "rule", and where it is said to be "faster" ("best", "same": at each one's best rate,
            at the same rate) and "calmer" ("steep", "flat": in which direction).
    """
    rule = says["rule"]
    found = {}
    slow, fast = best(lambda _: [], 0.0, 1), best(rule, 0.9, 19)
    found["best"] = Case("faster, each at its best rate", fast < slow / 2,
                         f"descent {slow:.0f} steps, with memory {fast:.0f}")  # fmt: skip
    gain = needed(ride([], 0.01)) / needed(ride(rule(0.9), 0.01))
    found["same"] = Case("faster at the same rate, 0.01", gain > 2, f"{gain:.2f} times as fast")
    # in the flat direction each at a rate that suits it: at 0.3 descent diverges
    for name, at, lr, own in (("steep", 1, 0.0195, 0.0195), ("flat", 0, 0.0195, 0.3)):
        plain, ours = flips(ride([], lr), at), flips(ride(rule(0.9), own), at)
        calm = (ours < plain / 2 or plain == ours == 0) and np.isfinite(
            needed(ride(rule(0.9), own))
        )
        rates = f"α = {lr}" if own == lr else f"α = {lr} and {own}"
        words = f"descent {plain} changes of sign, with memory {ours}, in 100 steps; {rates}"
        found[name] = Case(f"calmer in the {name} direction", bool(calm), words)
    same = equals_torch(rule)
    words = "equal to rounding" if same else "another path"
    aside = Case("it is PyTorch's SGD at the rate α(1 - β)", same, words, aside=True)
    return [*(found[where] for where in (*says["faster"], *says["calmer"])), aside]


average = Check(
    examine,
    document={"rule": lambda beta: [Momentum(beta)], "faster": ("best", "same"),
              "calmer": ("steep", "flat")},
    planted={"rule": lambda beta: [], "faster": ("best", "same"),  # no memory
             "calmer": ("steep", "flat")},
)  # fmt: skip
