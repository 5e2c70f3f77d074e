"""Chapter 3_07_second_order: a step by the Hessian. Is it faster, is it calmer, and what is λ?"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..surfaces import Ravine, Saddle
from ..verdicts import Case, Check

Step = Callable[[Tensor, Tensor, float, float], Tensor]  # (∇J, H, α, λ) → what is added to w
Derivatives = Callable[[Tensor], tuple[Tensor, Tensor]]  # w → (∇J, H)
DAMPING = 1e-3
STEPS = 1000
FAR = 1e6


def printed(g: Tensor, H: Tensor, lr: float, damping: float) -> Tensor:
    """Return the document's step: -α(H + λI)⁻¹∇J."""
    return -lr * torch.linalg.solve(H + damping * torch.eye(len(g), dtype=g.dtype), g)


def plain(g: Tensor, H: Tensor, lr: float, damping: float) -> Tensor:
    """Return the step of gradient descent."""
    return -lr * g


def descend(step: Step, at: Derivatives, start, lr: float, damping: float = DAMPING) -> Tensor:
    """Return the path of w: (steps + 1, n), up to 1,000 steps, or until it is far away."""
    path = [torch.tensor(start, dtype=torch.float64)]
    while len(path) <= STEPS and float(path[-1].abs().max()) < FAR:
        path.append(path[-1] + step(*at(path[-1]), lr, damping))
    return torch.stack(path)


def arrival(path: Tensor, ends: list, share: float = 1e-6) -> float:
    """Return the steps to a share of the first distance to the nearest end; infinity: never."""
    away = torch.stack([(path - torch.tensor(end)).norm(dim=1) for end in ends]).amin(0)
    near = (away <= share * away[0]).nonzero()
    return int(near[0]) if len(near) else float("inf")


def in_words(steps: float) -> str:
    """Return a number of steps as a sentence names it."""
    return "never" if steps == float("inf") else f"{steps:g} steps"


def farthest(path: Tensor) -> float:
    """Return the largest distance from 0, as a share of the first."""
    away = path.norm(dim=1)
    return float(away.max() / away[0])


def turns(path: Tensor) -> int:
    """Return how often the first 100 steps change the sign of the last weight."""
    last = path[:101, -1]
    return int((last[1:] * last[:-1] < 0).sum())


def of(surface) -> Derivatives:
    """Return the derivatives of a surface of two weights."""
    return lambda w: (surface.gradient(w), surface.hessian(w))


def flattening(w: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of √(1 + x²): far from 0 it is nearly a straight line."""
    root = (1 + w**2) ** 0.5
    return w / root, torch.diag(root**-3)


def bowl(w: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of ½(w - 1)²."""
    return w - 1, torch.eye(1, dtype=torch.float64)


def examine(says: dict) -> list[Case]:
    """Try a step: is it faster, is it calmer, and what does λ do?

    Args:
        says: "step", and where it is said to be "faster" ("ravine", "saddle") and "calmer"
            ("ravine", "far"); and what "λ regularises": "the weights" or "the step".
    """
    step, found = says["step"], {}
    ravine, saddle = Ravine(), Saddle()
    best = descend(plain, of(ravine), (1.0, 1.0), 2 / 101)
    ours = descend(step, of(ravine), (1.0, 1.0), 1.0)
    pair = [arrival(path, [(0.0, 0.0)]) for path in (best, ours)]
    found["faster", "ravine"] = Case(
        "faster: curvatures 1 and 100, against descent at its best rate", pair[1] < pair[0],
        f"descent {in_words(pair[0])}, this {in_words(pair[1])}")  # fmt: skip
    calm = [turns(best), turns(ours)]
    found["calmer", "ravine"] = Case(
        "calmer: curvatures 1 and 100", calm[1] < calm[0] and farthest(ours) <= 1,
        f"changes of side in 100 steps: descent {calm[0]}, this {calm[1]}")  # fmt: skip
    pair = [arrival(descend(s, of(saddle), saddle.start, lr), [*saddle.minima])
            for s, lr in ((plain, saddle.rate), (step, 1.0))]  # fmt: skip
    found["faster", "saddle"] = Case(
        f"faster: from near a saddle to a minimum, λ = {DAMPING:g}", pair[1] < pair[0],
        f"descent {in_words(pair[0])}, this {in_words(pair[1])}")  # fmt: skip
    share = [farthest(descend(s, flattening, (2.0,), 1.0)) for s in (plain, step)]
    said = ["more than 1000" if s > 1000 else f"{s:.3g}" for s in share]
    found["calmer", "far"] = Case(
        "calmer: √(1 + x²) from 2, α = 1", share[1] <= share[0],
        f"farthest from the bottom, over the start: descent {said[0]}, this {said[1]}")  # fmt: skip
    what = says["λ regularises"]
    end = float(descend(step, bowl, (0.0,), 0.5, damping=1.0)[-1])
    place, why = {"the weights": (0.5, ", where the slope of the loss and of ½λw² cancel"),
                  "the step": (1.0, ", where the slope is 0")}[what]  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(6, 6, dtype=torch.float64, generator=generator)
    g, H, eye = A[0], A @ A.t(), torch.eye(6, dtype=torch.float64)
    theirs = torch.cholesky_solve(g[:, None], torch.linalg.cholesky(H + 0.3 * eye))[:, 0]
    apart = float((step(g, H, 0.7, 0.3) + 0.7 * theirs).abs().max() / theirs.abs().max())
    same = "equal to rounding" if apart < 1e-9 else f"largest difference {apart:.2g}"
    return [
        *(found["faster", where] for where in says["faster"]),
        *(found["calmer", where] for where in says["calmer"]),
        Case(f"λ regularises {what}: with λ = 1 the steps on ½(w - 1)² end at {place:g}{why}",
             abs(end - place) < 1e-3, f"they end at {end:.3g}", aside=True),
        Case("the step solves (H + λI)d = -α∇J: Cholesky's factors agree", apart < 1e-9, same,
             aside=True),
    ]  # fmt: skip


CONDITIONS = {"faster": ("ravine", "saddle"), "calmer": ("ravine", "far"),
              "λ regularises": "the weights"}  # fmt: skip
newton = Check(
    examine,
    document={"step": printed, **CONDITIONS},
    planted={"step": lambda g, H, lr, damping: -printed(g, H, lr, damping), **CONDITIONS},
)
