"""Chapter 3_03_gradient_descent: where does descent end, and when is a run stopped?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

from ...data.loading import load_data
from ..verdicts import Case, Check

# ---- D4-3.1c: the best weights ---------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """Where a descent ended: its loss, the lowest loss there is, the length of the gradient."""

    loss: float
    lowest: float
    gradient: float


def descend(loss: Callable[[torch.Tensor], torch.Tensor], start: list[float], lr: float) -> End:
    """Return where 600 steps on a loss of a point (n,) end; its lowest loss is 0."""
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    for _ in range(600):
        (g,) = torch.autograd.grad(loss(w), w)
        w.data.sub_(g, alpha=lr)
    (g,) = torch.autograd.grad(loss(w), w)
    return End(float(loss(w).detach()), 0.0, float(g.norm()))


def two_minima(w: torch.Tensor) -> torch.Tensor:
    """Return w²(w - 3)² + w²/4, w: (1,): the lowest at 0, another minimum near 2.9."""
    return (w**2 * (w - 3) ** 2 + w**2 / 4).sum()


def saddle(w: torch.Tensor) -> torch.Tensor:
    """Return w₁² + (w₂² - 1)², w: (2,): the lowest at w₂ = ±1, a saddle at 0."""
    return w[0] ** 2 + (w[1] ** 2 - 1) ** 2


def bowl(w: torch.Tensor) -> torch.Tensor:
    """Return the bowl w₁²/2 + 5w₂², w: (2,)."""
    return w[0] ** 2 / 2 + 5 * w[1] ** 2


@cache
def linear_model() -> End:
    """Return where softmax regression of 100 digits from far weights ends; the loss is convex.

    The lowest loss is that of L-BFGS, from zero. A penalty of 0.05‖W‖² makes the minimum one point.
    """
    data = load_data("digits")
    x, y = data.x_train[:100].double(), data.y_train[:100]

    def loss(W):
        return F.cross_entropy(x @ W.t(), y) + 0.05 * (W**2).sum()

    W = torch.zeros(10, 64, dtype=torch.float64, requires_grad=True)
    lbfgs = torch.optim.LBFGS(
        [W], max_iter=500, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        lbfgs.zero_grad()
        value = loss(W)
        value.backward()
        return value

    lbfgs.step(closure)
    generator = torch.Generator().manual_seed(0)
    V = torch.randn(10, 64, dtype=torch.float64, generator=generator).requires_grad_()
    for _ in range(400):
        (g,) = torch.autograd.grad(loss(V), V)
        V.data.sub_(g, alpha=0.5)
    (g,) = torch.autograd.grad(loss(V), V)
    return End(float(loss(V).detach()), float(loss(W).detach()), float(g.norm()))


def examine_ends(statement: Callable[[End], bool]) -> list[Case]:
    """Try a statement about the end of a descent on losses that are convex, and on others."""
    ends = {
        "convex: a bowl": descend(bowl, [3.0, 2.0], 0.1),
        "convex: softmax regression of digits": linear_model(),
        "two minima, from the worse side": descend(two_minima, [3.5], 0.01),
        "a saddle, from its ridge": descend(saddle, [1.0, 0.0], 0.05),
    }
    return [Case(name, bool(statement(end)), f"loss {end.loss:.2f}, the lowest is {end.lowest:.2f}")
            for name, end in ends.items()]  # fmt: skip


best_weights = Check(
    examine_ends,
    document=lambda end: end.loss <= end.lowest + 1e-3,
    planted=lambda end: end.loss < end.lowest - 1e-3,  # lower than the lowest
)


# ---- D1-1e, D4-3.1d: until … or a number of iterations ---------------------------------------


@dataclass(frozen=True)
class History:
    """A run of n steps: loss, and how far the weights moved in each step, both (n,)."""

    loss: np.ndarray
    moved: np.ndarray


@cache
def softmax_run(batch_size: int, noisy: bool = False, penalty: float = 0.0) -> History:
    """Return 300 steps of softmax regression on 200 digits.

    Args:
        batch_size: rows a step, 200 for all.
        noisy: whether every second label is random.
        penalty: times ‖W‖², which keeps the minimum at finite weights.
    """
    data, generator = load_data("digits"), torch.Generator().manual_seed(0)
    x, y = data.x_train[:200].double(), data.y_train[:200].clone()
    if noisy:
        y[::2] = torch.randint(10, (100,), generator=generator)
    Y, W = F.one_hot(y, 10).double(), torch.zeros(10, 64, dtype=torch.float64)
    losses, moved = [], []
    for _ in range(300):
        rows = torch.randperm(200, generator=generator)[:batch_size]
        losses.append(float(F.cross_entropy(x @ W.t(), y)))
        errors = (x[rows] @ W.t()).softmax(1) - Y[rows]
        step = 0.5 * (errors.t() @ x[rows] / batch_size + 2 * penalty * W)
        W = W - step
        moved.append(float(step.norm()))
    return History(np.array(losses), np.array(moved))


Event = Callable[[History], np.ndarray]  # of a run: at which steps it would be stopped, (n,) bools


def examine_events(events: dict[str, Event], runs: dict[str, History]) -> list[Case]:
    """Try each event that is to end a run: does it happen?"""
    cases = []
    for event, happens in events.items():
        for name, run in runs.items():
            at = happens(run)
            words = f"after {at.argmax() + 1} steps" if at.any() else f"not in {len(at)} steps"
            cases.append(Case(f"{event}; {name}", bool(at.any()), words))
    return cases


def examine_threshold(events: dict[str, Event]) -> list[Case]:
    """Try the events on labels that are right, and on labels of which half are random."""
    runs = {"right labels": softmax_run(200), "noisy labels": softmax_run(200, noisy=True)}
    return examine_events(events, runs)


def examine_convergence(events: dict[str, Event]) -> list[Case]:
    """Try the events with all data in each step, and with batches of 16."""
    runs = {name: softmax_run(size, penalty=0.05)
            for name, size in (("all data", 200), ("batches of 16", 16))}  # fmt: skip
    return examine_events(events, runs)


def counted(run: History) -> np.ndarray:
    """Stop after 250 steps."""
    return np.arange(1, len(run.loss) + 1) >= 250


def never(run: History) -> np.ndarray:
    """Do not stop."""
    return np.zeros(len(run.loss), bool)


threshold = Check(
    examine_threshold,
    document={"the loss is 0.5": lambda run: run.loss <= 0.5, "250 steps are done": counted},
    planted={"the loss is below 0": lambda run: run.loss < 0, "no step is left": never},
)

convergence = Check(
    examine_convergence,
    document={"the weights rest": lambda run: run.moved < 1e-4, "250 steps are done": counted},
    planted={"the weights rest from step 1": lambda run: run.moved[:1] < 1e-4,
             "no step is left": never},
)  # fmt: skip
