"""Chapter 3_03_gradient_descent: the rule, and what it needs."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from ...data.loading import load_data
from ...errors import CourseError
from ...nn.losses import build_loss
from ...nn.network import MLP
from ...optim.chain import Chain, chain
from ...optim.first_order import Descend, Momentum
from ..checking import compare
from ..verdicts import Case, Check

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


# ---- D2-3c: SGD or another optimiser updates the parameters --------------------------------


def examine_optimisers(names: dict[str, float]) -> list[Case]:
    """Try names of torch.optim, each with a rate: does a network learn in batches of 32?"""
    cases = []
    for name, lr in names.items():
        ends = []
        for seed in range(2):
            data, module = load_data("digits", seed), MLP([64, 32, 10], seed=seed).to_module()
            optimizer = getattr(torch.optim, name)(module.parameters(), lr=lr)
            order = torch.randperm(len(data.y_train), generator=torch.Generator().manual_seed(seed))
            losses = []
            for rows in order.split(32):
                loss = F.cross_entropy(module(data.x_train[rows]), data.y_train[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss.detach()))
            ends.append((losses[0], float(np.mean(losses[-5:]))))
        words = ", ".join(f"{first:.2f} → {last:.2f}" for first, last in ends)
        cases.append(Case(name, all(b < 0.7 * a for a, b in ends), f"loss in one pass: {words}"))
    return cases


optimisers = Check(
    examine_optimisers,
    document={"SGD": 0.3, "RMSprop": 0.003, "Adam": 0.01},
    planted={"SGD": 0.0, "RMSprop": 0.0, "Adam": 0.0},  # computed, but never applied
)


# ---- D3-3.1: gradient descent is the core algorithm, the loss usually cross-entropy ---------


def examine_core(steps: tuple[str, ...]) -> list[Case]:
    """Try five steps with cross-entropy: do they train, for every task, and at what price?"""
    cases = []
    for name in ("digits", "moons"):
        data = load_data(name)
        model = MLP([data.features, 32, data.outputs], seed=0)
        X, Y = model.encode(data.x_train[:256], data.y_train[:256])
        losses = []
        for _ in range(30):
            if "gradient" in steps:
                losses.append(float(model.loss_and_grad(X, Y)))
            if "update" in steps:
                model.theta -= 0.3 * model.grad
        words = f"loss {losses[0]:.2f} → {losses[-1]:.2f} in 30 repetitions"
        cases.append(Case(f"classify {name}", losses[-1] < 0.8 * losses[0], words))
    sine = load_data("sine")
    try:
        build_loss("cross_entropy").encode(sine.y_train, 1, len(sine.y_train))
        taken = True
    except CourseError:
        taken = False
    words = "fits" if taken else "needs class numbers; values take the squared error"
    cases.append(Case("cross-entropy for a regression (sine)", taken, words))
    weights = len(MLP([64, 64, 10]).theta)
    losses_a_step = 3 if "backward" in steps else weights + 1
    words = f"{losses_a_step:,} losses' worth of work a step for {weights:,} weights"
    return [*cases, Case("the gradient by these steps alone", losses_a_step <= 3, words)]


core = Check(
    examine_core,
    document=("initialise", "loss", "gradient", "update", "repeat"),
    planted=("initialise", "loss", "gradient", "repeat"),  # nothing is updated
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
    trials = {f"bowl of curvature 10, α = {lr}": 10 * abs(1 - 10 * lr) ** np.arange(30)
              for lr in (0.05, 0.15, 0.25)}  # fmt: skip
    trials["digits without a hidden layer"] = network_norms(0, (), 0.1, 1.42)
    for seed in range(2):
        trials[f"digits, 64-32-32-10, seed {seed}"] = network_norms(seed, (32, 32), 0.1, 1.42)
    return [Case(name, bool(trend(norms)), f"‖g‖ {norms[0]:.3g} → {norms[-1]:.3g}")
            for name, norms in trials.items()]  # fmt: skip


shrinking = Check(
    examine_shrinking,
    document=lambda norms: (np.diff(norms) < 0).all(),
    planted=lambda norms: np.allclose(norms, norms[0], rtol=0.01),  # it keeps its length
)
