"""Chapter 3_03_gradient_descent: the rule, and what it needs."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ...data.loading import load_data
from ...errors import CourseError
from ...nn.losses import build_loss
from ...nn.network import MLP
from ...optim.chain import Chain, chain
from ...optim.first_order import Descend, Momentum
from ..checking import compare
from ..verdicts import Case, Check
from .steps import STEPS, by_torch, learns, train

Update = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]  # (w, g, α) → w


def gradients() -> torch.Tensor:
    """Return random gradients: (50, 4)."""
    return torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def torch_path(**options) -> torch.Tensor:
    """Return the weights after each random gradient with torch.optim.SGD: (50, 4)."""
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], **options)
    path = []
    for g in gradients():
        w.grad = g
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


# ---- D0-3.3: the formulas that are only named ----------------------------------------------


def examine_formulas(formulas: dict[str, Callable[[], Chain]]) -> list[Case]:
    """Try each named rule against torch.optim.SGD on the same gradients."""
    referees = {"gradient descent": {"lr": 0.1}, "momentum": {"lr": 0.1 * 0.1, "momentum": 0.9}}
    cases = []
    for name, options in referees.items():
        w, rule = torch.zeros(4, dtype=torch.float64), formulas[name]()
        rule.init(w)
        path = []
        for g in gradients():
            rule(g, w)
            path.append(w.clone())
        same = compare(torch.stack(path), torch_path(**options))
        cases.append(Case(name, bool(same), str(same)))
    return cases


missing_formulas = Check(
    examine_formulas,
    document=None,
    planted={
        "gradient descent": lambda: chain(Descend(0.1)),
        "momentum": lambda: chain(Momentum(0.9), Descend(0.1)),
    },
)


# ---- D3-3.1: gradient descent is the core algorithm, the loss usually cross-entropy ---------


def by_losses(loss: Callable[[torch.Tensor], torch.Tensor], theta: torch.Tensor) -> None:
    """Compute a gradient from losses alone: one at θ, and one beside it for each weight."""
    with torch.no_grad():
        loss(theta)
        for i in range(len(theta)):
            moved = theta.clone()
            moved[i] += 1e-4
            loss(moved)


def by_backward(loss: Callable[[torch.Tensor], torch.Tensor], theta: torch.Tensor) -> None:
    """Compute a gradient by one pass forward and one pass back."""
    torch.autograd.grad(loss(theta), theta)


def price(gradient: Callable) -> tuple[float, int]:
    """Return (multiplications of a gradient ÷ those of a loss, the number of weights)."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(32, 64, generator=generator), torch.arange(32) % 10
    theta = (0.1 * torch.randn(64 * 8 + 8 * 10, generator=generator)).requires_grad_()

    def loss(theta):
        W, V = theta[: 64 * 8].view(64, 8), theta[64 * 8 :].view(8, 10)
        return F.cross_entropy((x @ W).relu() @ V, y)

    counts = []
    for work in (loss, lambda theta: gradient(loss, theta)):
        with FlopCounterMode(display=False) as counter:
            work(theta)
        counts.append(counter.get_total_flops())
    return counts[1] / counts[0], len(theta)


def examine_core(says: dict) -> list[Case]:
    """Try the steps: do they train, at what price, and with which loss?

    Args:
        says: "steps": names of `steps`; "gradient": what carries out the third; "loss".
    """
    cases, steps = [], says["steps"]
    for name in ("digits", "moons"):
        loop = train(steps, steps[1:], name, 0, times=80)
        falls, words = learns(loop, name, 0)
        same = by_torch(loop, name, 0, times=80)
        words += "" if same else ", not by the steps of torch.optim.SGD"
        cases.append(Case(f"these steps train: {name}", falls and bool(same), words))
    times, weights = price(says["gradient"])
    words = f"for {weights} weights, the work of {times:.3g} losses"
    cases.append(Case("enough: a gradient costs a few losses", times < 10, words))
    data = load_data("sine")
    try:
        build_loss(says["loss"]).encode(data.y_train, 1, len(data.y_train))
        fits = True
    except CourseError:
        fits = False
    words = "it fits" if fits else "it needs class numbers"
    return [*cases, Case("this loss, for a target that is a value", fits, words, aside=True)]


core = Check(
    examine_core,
    # the document computes a loss, then a gradient, and names no way to get it but from losses
    document={"steps": STEPS, "gradient": by_losses, "loss": "cross_entropy"},
    planted={"steps": STEPS[:-1], "gradient": by_losses, "loss": "cross_entropy"},  # no update
)


# ---- D4-3.1a: w ← w - α∇J(w) ----------------------------------------------------------------


def examine_step(update: Update) -> list[Case]:
    """Try an update: against torch.optim.SGD, on a bowl, and on a network."""
    w, path = torch.zeros(4, dtype=torch.float64), []
    for g in gradients():
        w = update(w, g, 0.1)
        path.append(w)
    optim = compare(torch.stack(path), torch_path(lr=0.1))
    curvature, w = torch.tensor([1.0, 10.0], dtype=torch.float64), torch.ones(2).double()
    for _ in range(30):
        w = update(w, curvature * w, 0.15)
    closed = compare(w, (1 - 0.15 * curvature) ** 30)
    return [
        Case("torch.optim.SGD, 50 steps", bool(optim), str(optim)),
        Case("on a bowl, (1 - αλ)ᵗ after 30 steps", bool(closed), str(closed)),
        network_case(update),
    ]


def network_case(update: Update) -> Case:
    """Try ten steps of a network, weights and biases, against autograd and torch.optim."""
    data, model = load_data("digits", dtype=torch.float64), MLP([64, 16, 10], dtype=torch.float64)
    module = model.to_module()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    X, Y = model.encode(data.x_train, data.y_train)
    for _ in range(10):
        model.loss_and_grad(X, Y)
        model.theta.copy_(update(model.theta, model.grad, 0.3))
        optimizer.zero_grad()
        F.cross_entropy(module(data.x_train), data.y_train).backward()
        optimizer.step()
    theirs = {name: p.detach() for name, p in module.named_parameters()}
    ours = model.named_views(model.theta)
    same = [compare(ours[name], theirs[name]) for name in theirs]
    worst = max(c.max_difference for c in same)
    return Case("digits, weights and biases", all(same), f"largest difference {worst:.0e}")


step = Check(
    examine_step,
    document=lambda w, g, lr: w - lr * g,
    planted=lambda w, g, lr: w + lr * g,
)


# ---- D4-3.1b: the gradient becomes smaller and smaller --------------------------------------

Trend = Callable[[np.ndarray], bool]  # of the gradient's lengths, step by step


def network_norms(seed: int, hidden: tuple[int, ...], lr: float, until: float) -> np.ndarray:
    """Return ‖gradient‖ of all digits at each step of a descent, until the loss is `until`."""
    data = load_data("digits", seed)
    module = MLP([64, *hidden, 10], seed=seed, init="torch").to_module()
    params, norms = list(module.parameters()), []
    for _ in range(200):
        loss = F.cross_entropy(module(data.x_train), data.y_train)
        grads = torch.autograd.grad(loss, params)
        norms.append(float(torch.cat([g.reshape(-1) for g in grads]).norm()))
        if float(loss.detach()) < until:
            break
        with torch.no_grad():
            for p, g in zip(params, grads, strict=True):
                p.sub_(g, alpha=lr)
    return np.array(norms)


def examine_shrinking(trend: Trend) -> list[Case]:
    """Try a trend of the gradient's lengths where the loss is convex, and where it is not."""
    trials = {f"convex: a bowl of curvature 10, α = {lr}": 10 * abs(1 - 10 * lr) ** np.arange(30)
              for lr in (0.05, 0.15)}  # fmt: skip
    trials["convex: digits without a hidden layer"] = network_norms(0, (), 0.1, 1.42)
    for seed in range(2):
        trials[f"digits, 64-32-32-10, seed {seed}"] = network_norms(seed, (32, 32), 0.1, 1.42)
    too_large = "the bowl, α = 0.25, above 2/10"
    trials[too_large] = 10 * abs(1 - 10 * 0.25) ** np.arange(30)
    return [Case(name, bool(trend(norms)), f"‖g‖ {norms[0]:.3g} → {norms[-1]:.3g}",
                 aside=name == too_large) for name, norms in trials.items()]  # fmt: skip


shrinking = Check(
    examine_shrinking,
    document=lambda norms: (np.diff(norms) < 0).all(),
    planted=lambda norms: np.allclose(norms, norms[0], rtol=0.01),  # it keeps its length
)
