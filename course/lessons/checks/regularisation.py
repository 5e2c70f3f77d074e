"""Chapter 3_10_regularisation: penalties and dropout; over-fitting at scale, and its remedies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median

import torch
from torch import Tensor

from ...data.dataset import Dataset
from ...data.loading import load_data
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend, Momentum
from ...training.trainer import Trainer
from ..verdicts import Case, Check

SEEDS = range(3)
STEPS = 600
HELPS = 0.95  # of the test loss without a remedy: at most this much is left

# ---- one experiment for all: 200 digits to train on, one label in five wrong, 400 to tune on -----


@dataclass(frozen=True)
class Way:
    """A way to train: what differs from plain training.

    Attributes:
        knobs: of the trainer, (name, value) each.
        hidden: the width of the hidden layer.
        rows: how many digits there are to train on.
        inputs: how many directions of the largest spread stay; 64 are all.
        stops: whether the weights of the least validation loss are taken.
    """

    knobs: tuple[tuple[str, object], ...] = ()
    hidden: int = 64
    rows: int = 200
    inputs: int = 64
    stops: bool = False


@dataclass(frozen=True)
class End:
    """The losses of a network at its end."""

    train: float
    validation: float
    test: float


def reduced(data: Dataset, inputs: int) -> Dataset:
    """Return a set whose inputs are the directions in which the training rows spread most."""
    assert data.x_val is not None
    mean = data.x_train.mean(0)
    _, _, V = torch.linalg.svd(data.x_train - mean, full_matrices=False)
    parts = (data.x_train, data.x_test, data.x_val)
    x_train, x_test, x_val = ((x - mean) @ V[:inputs].t() for x in parts)
    return replace(data, x_train=x_train, x_test=x_test, x_val=x_val, image_shape=None, source=None)


@cache
def trained(way: Way, seed: int) -> End:
    """Return the losses after training in this way."""
    rows = way.rows + 400
    data = load_data("digits", seed).subset(rows, seed).with_validation(400 / rows, seed)
    data = data if way.inputs == 64 else reduced(data, way.inputs)
    model = MLP([data.features, way.hidden, data.outputs], seed=seed, dropout=0.0)
    trainer = Trainer(model, data, chain(Momentum(0.9), Descend(0.3)), seed=seed)
    for knob, value in (("label_noise", 0.2), *way.knobs):
        trainer.set(knob, value)
    options = {"evaluate_every": 20, "patience": STEPS} if way.stops else {}
    for _ in trainer.run(STEPS, **options):
        pass
    if way.stops:
        trainer.restore_best()
    return End(*(trainer.evaluate(split)[0] for split in ("train", "validation", "test")))


REMEDIES: dict[str, tuple[Way, ...]] = {  # what is tuned, on validation, is a row
    "L2": tuple(Way((("l2", v),)) for v in (0.003, 0.01, 0.03)),
    "L1": tuple(Way((("l1", v),)) for v in (0.001, 0.003)),
    "dropout": tuple(Way((("dropout", v),)) for v in (0.3, 0.5, 0.7)),
    "fewer units": tuple(Way(hidden=n) for n in (4, 8, 16)),
    "fewer inputs": tuple(Way(inputs=n) for n in (8, 12, 16)),
    "more data": (Way(rows=1000),),
    "augmentation": tuple(Way((("augment", name),)) for name in ("shift", "noise", "all")),
    "early stopping": (Way(stops=True),),
}


def tuned(ways: Sequence[Way], seed: int) -> End:
    """Return the end of the way with the lowest validation loss."""
    return min((trained(way, seed) for way in ways), key=lambda end: end.validation)


def middle(ways: Sequence[Way], part: str) -> float:
    """Return the median over the seeds of "test" or "train", or of "gap", their difference."""
    ends = [tuned(ways, seed) for seed in SEEDS]
    return median(end.test - end.train if part == "gap" else getattr(end, part) for end in ends)


# ---- random features, fitted by least squares: a model whose size is one number ------------------


@cache
def squared_errors(rows: int, size: int, seed: int) -> tuple[float, float]:
    """Return (training, test) squared error of least squares on random tanh features of digits.

    Where many weights fit exactly, those of the least norm are taken.

    Args:
        rows: the training digits.
        size: the features, so 10 parameters each.

    Source: Belkin et al. (2019).
    """
    data = load_data("digits", seed, dtype=torch.float64).subset(rows, seed)
    dice = torch.Generator().manual_seed(seed)
    V = 0.4 * torch.randn(data.features, size, dtype=torch.float64, generator=dice)
    A, B = ((x @ V).tanh() for x in (data.x_train, data.x_test))
    Y, T = (torch.eye(10, dtype=torch.float64)[y] for y in (data.y_train, data.y_test))
    W = torch.linalg.pinv(A) @ Y
    return float((A @ W - Y).square().mean()), float((B @ W - T).square().mean())


def feature_gap(rows: int, size: int) -> float:
    """Return test minus training error, the median of the seeds."""
    found = [squared_errors(rows, size, seed) for seed in SEEDS]
    return median(test - train for train, test in found)


# ---- D0-5b: over-fitting at scale ------------------------------------------------------------

LARGER: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {  # (rows, features): before, after
    "more parameters, up to one feature for each sample": ((100, 25), (100, 100)),
    "more parameters, far beyond that": ((100, 100), (100, 1600)),
    "more data": ((100, 50), (800, 50)),
    "fewer data": ((800, 50), (100, 50)),
}


def examine_scale(says: dict[str, Sequence[str]]) -> list[Case]:
    """Try each kind of scale: does the gap double with it? And is a smaller gap of use?

    Args:
        says: "grows with": keys of `LARGER`; "solved by": keys of `REMEDIES`, each with what it
            brings: less test loss.
    """
    cases = []
    for kind in says["grows with"]:
        before, after = (feature_gap(*where) for where in LARGER[kind])
        words = f"gap between training and test: {before:.3f}, then {after:.3f}"
        cases.append(Case(f"over-fitting grows with {kind}", after > 2 * before, words))
    for remedy in says["solved by"]:
        (gap, test), (gap2, test2) = (
            [middle(ways, part) for part in ("gap", "test")]
            for ways in ((Way(),), REMEDIES[remedy])
        )
        words = f"gap {gap:.2f}, then {gap2:.2f}; test loss {test:.2f}, then {test2:.2f}"
        name = f"less of it is better generalisation: {remedy}"
        cases.append(Case(name, gap2 < gap and test2 < HELPS * test, words))
    return cases


scale = Check(
    examine_scale,
    document={
        "grows with": ("more parameters, up to one feature for each sample",
                       "more parameters, far beyond that", "more data"),
        "solved by": ("L2",),
    },
    planted={
        "grows with": ("more parameters, up to one feature for each sample", "fewer data"),
        "solved by": ("L2",),
    },
)  # fmt: skip


# ---- D0-6.3, D3-6.2: what helps against it ----------------------------------------------------


def examine_remedies(named: Sequence[str]) -> list[Case]:
    """Try each remedy: it helps if the test loss falls, tuned on validation rows.

    One that helps and is not named is missing.

    Args:
        named: keys of `REMEDIES`, and "a smaller model at the peak": fewer random features where
            there is one for each sample.
    """
    cases = []
    plain = middle((Way(),), "test")
    before = {remedy: plain for remedy in REMEDIES}
    after = {remedy: middle(ways, "test") for remedy, ways in REMEDIES.items()}
    peak = "a smaller model at the peak"
    for told, size in ((before, 100), (after, 25)):
        told[peak] = median(squared_errors(100, size, seed)[1] for seed in SEEDS)
    for remedy, loss in after.items():
        helps = loss < HELPS * before[remedy]
        told_so = "helps" if remedy in named else "not named, so it does not help"
        unit = "squared error" if remedy == peak else "loss"
        words = f"test {unit} {before[remedy]:.2f}, with it {loss:.2f}"
        cases.append(Case(f"{remedy}: {told_so}", helps == (remedy in named), words))
    return cases


LISTED = ("L2", "L1", "dropout", "fewer units", "a smaller model at the peak", "fewer inputs")
remedies = Check(
    examine_remedies,
    document=LISTED,
    planted=("L2", "L1", "dropout", "a smaller model at the peak", "fewer inputs", "more data",
             "augmentation", "early stopping"),
)  # fmt: skip


# ---- D2-3d: the formulas that are missing ------------------------------------------------------

Rule = Callable[[Tensor, float, float], Tensor]


def soft_threshold(w: Tensor, lr: float, strength: float) -> Tensor:
    """Return sign(w) max(|w| - αγ, 0)."""
    return w.sign() * (w.abs() - lr * strength).clamp(min=0)


def shrink(w: Tensor, lr: float, strength: float) -> Tensor:
    """Return (1 - αγ)w."""
    return (1 - lr * strength) * w


def inverted(a: Tensor, mask: Tensor, keep: float) -> Tensor:
    """Return a ⊙ mask / q."""
    return a * mask / keep


def lowest(w: Tensor, lr: float, penalty: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the u near each w with the least (u - w)²/2 + α·penalty(u), searched on a grid."""
    u = torch.linspace(-4, 4, 160001, dtype=torch.float64)
    heights = (u[None] - w[:, None]).square() / 2 + lr * penalty(u)[None]
    return u[heights.argmin(1)]


def examine_penalties(given: dict) -> list[Case]:
    """Try the formulas: the steps of two penalties, dropout, and what each is said to do.

    Args:
        given: "L1", "L2": a `Rule`; "dropout": called as f(a, mask, keep).
    """
    w = torch.tensor([1.5, -1.2, 0.4, -0.1, 0.0, 2.0], dtype=torch.float64)
    lr, strength = 0.2, 2.0
    best = lowest(w, lr, lambda u: strength * u.abs())
    off = float((given["L1"](w, lr, strength) - best).abs().max())
    cases = [Case("L1: its step has the least penalty and distance", off < 1e-3, f"off {off:.1e}")]
    v = w.clone().requires_grad_()
    (g,) = torch.autograd.grad((strength / 2 * v.square()).sum(), v)
    off = float((given["L2"](w, lr, strength) - (w - lr * g)).abs().max())
    cases.append(Case("L2: its step is that of autograd", off < 1e-12, f"off {off:.1e}"))
    dice = torch.Generator().manual_seed(0)
    mask = (torch.rand(6, 200_000, generator=dice) < 0.6).double()
    mean = given["dropout"](w[:, None], mask, 0.6).mean(1)
    off = float((mean - w).abs().max())
    words = f"mean off by {off:.1e}, of 200,000 masks"
    cases.append(Case("dropout: the mean stays, so evaluating needs no factor", off < 0.02, words))
    zeros = int(
        (given["L1"](w, lr, strength) == 0).sum() - (given["L2"](w, lr, strength) == 0).sum()
    )
    words = f"exact zeros of 6: {zeros} more than with L2"
    cases.append(Case("L1 makes the model less complex", zeros > 1, words))
    gap = middle((Way(),), "gap")
    for name in ("L2", "dropout"):
        after = middle(REMEDIES[name], "gap")
        words = f"gap {gap:.2f}, with it {after:.2f}"
        cases.append(Case(f"{name} against over-fitting", after < gap / 1.5, words))
    return cases


penalties = Check(
    examine_penalties,
    document=None,
    planted={"L1": soft_threshold, "L2": shrink, "dropout": inverted},
)
