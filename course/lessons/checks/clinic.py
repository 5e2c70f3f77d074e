"""Chapter 6_clinic: where NaN comes from, and what lifts a network that under-fits. D3 6, D4 6.

Each cause and each remedy that a statement names is tried in short runs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from ...data.dataset import Dataset
from ...data.loading import load_data
from ...ensembles.combining import AdaBoost
from ...ensembles.learning import by_trainer
from ...interop.adopt import adopt
from ...nn.network import MLP
from ...optim.chain import Chain, chain
from ...optim.first_order import ClipByNorm, ClipByValue, Descend
from ...training.replay import threads
from ...training.trainer import Trainer
from ..verdicts import Case, Check

# ---- D3-6.1: where NaN comes from, and what clipping does about it ---------------------------

STEPS = 200
HIGH, LOW = 1.0, 0.005  # a rate far above what the squared loss allows, and one below it


class Standardise(nn.Module):
    """Divide each input by its own deviation; a pixel that is never inked has the deviation 0."""

    def __init__(self, x: Tensor, least: float = 0.0):
        super().__init__()
        self.mean, self.deviation = x.mean(0), x.std(0).clamp(min=least)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


def squared(outputs: Tensor, y: Tensor) -> Tensor:
    """Return the mean over rows of |outputs - one-hot answer|², 0-d."""
    return (outputs - nn.functional.one_hot(y, outputs.shape[1])).square().sum(1).mean()


def first_nan(rate: float, *first: nn.Module, rules: Sequence = ()) -> int | None:
    """Train a linear model by the squared loss; return the first step with NaN weights, or None.

    Args:
        rate: of descent.
        first: modules before the linear one.
        rules: transforms of the gradient before the descent.
    """
    with threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = adopt(nn.Sequential(*first, nn.Linear(64, 10)), squared)
        trainer = Trainer(model, load_data("digits"), chain(*rules, Descend(rate)))
        for step in range(STEPS):
            trainer.step()
            if model.theta.isnan().any():
                return step
    return None


def pixels(least: float = 0.0) -> Standardise:
    """Return the layer that standardises the digits, with a least deviation."""
    return Standardise(load_data("digits").x_train, least)


CAUSES: dict[str, tuple[Callable[[], int | None], Callable[[], int | None]]] = {
    # each with the fault, and the same run without it
    "division by zero": (lambda: first_nan(LOW, pixels()), lambda: first_nan(LOW, pixels(0.1))),
    "overflow": (lambda: first_nan(HIGH), lambda: first_nan(LOW)),
    "small steps": (lambda: first_nan(LOW / 10), lambda: first_nan(LOW)),
}  # fmt: skip
REMEDIES: dict[str, dict] = {  # keyword arguments of a treated run
    "clipping by norm": {"rules": (ClipByNorm(1.0),)},
    "clipping by value": {"rules": (ClipByValue(1.0),)},
    "a lower rate": {"rate": LOW},
    "a higher rate": {"rate": 10 * HIGH},
    "a least deviation": {"least": 0.1},
}


def treated(fault: str, rate: float | None = None, least: float = 0.0, rules: Sequence = ()):
    """Return the first step with NaN weights when a run with this fault is treated, or None."""
    if fault == "overflow":
        return first_nan(rate or HIGH, rules=rules)
    return first_nan(rate or LOW, pixels(least), rules=rules)


def told(step: int | None) -> str:
    """Return when NaN came, in words."""
    return f"no NaN in {STEPS} steps" if step is None else f"NaN at step {step}"


@cache
def found_of(cause: str) -> tuple[int | None, int | None]:
    """Return when NaN comes with a cause, and without it."""
    return CAUSES[cause][0](), CAUSES[cause][1]()


@cache
def outcome(fault: str, remedy: str) -> int | None:
    """Return when NaN comes though a fault is treated."""
    return treated(fault, **REMEDIES[remedy])


def examine_nan(says: Mapping[str, Sequence[str]]) -> list[Case]:
    """Try causes of NaN, and remedies.

    Args:
        says: "causes", of `CAUSES`; "remedies", of `REMEDIES`, each said to help in both cases.
    """
    cases = []
    for cause in says["causes"]:
        ill, well = found_of(cause)
        cases.append(Case(f"{cause} makes NaN", ill is not None and well is None,
                          f"{told(ill)}; without it {told(well)}"))  # fmt: skip
    for remedy in says["remedies"]:
        for fault, verb in (("overflow", "prevents an"), ("division by zero", "repairs a")):
            step = outcome(fault, remedy)
            cases.append(Case(f"{remedy} {verb} {fault}", step is None, told(step)))
    return cases


nan = Check(
    examine_nan,
    document={"causes": ("division by zero", "overflow"),
              "remedies": ("clipping by norm", "clipping by value")},
    planted={"causes": ("small steps",), "remedies": ("a higher rate",)},
)  # fmt: skip


# ---- D3-6.3: what lifts a network that under-fits --------------------------------------------

LIFT = 0.05  # by which the share of right training answers must rise
BUDGET = 400
WEAK = {  # data set, sizes of a network that is too small for it, with more layers, with more units
    "digits, two hidden units": ("digits", [64, 2, 10], [64, 2, 2, 10], [64, 32, 10]),
    "moons, no hidden layer": ("moons", [2, 2], [2, 16, 16, 2], [2, 16, 2]),
}


def by_reward(outputs: Tensor, y: Tensor) -> Tensor:
    """Return a loss whose gradient is that of REINFORCE: draw an answer, reward 1 if it is right.

    Source: Williams (1992), with the batch's mean reward as baseline.
    """
    chances = outputs.softmax(1)
    answers = torch.multinomial(chances.detach(), 1)[:, 0]
    reward = (answers == y).to(outputs.dtype)
    scores = chances.gather(1, answers[:, None])[:, 0].log()
    return -((reward - reward.mean()) * scores).mean()


def rule() -> Chain:
    """Return the chain that all of them train with."""
    return chain(ClipByNorm(1.0), Descend(0.2))


def network(sizes: list[int]) -> MLP:
    return MLP(sizes, "tanh", dtype=torch.float64, seed=0)


def doubled(data: Dataset) -> Dataset:
    """Return the rows in float64, in which another processor finds the same."""
    return Dataset(data.name, data.x_train.double(), data.y_train, data.x_test.double(),
                   data.y_test, data.classes)  # fmt: skip


def share_right(predict: Callable[[Tensor], Tensor], data: Dataset) -> float:
    """Return the share of right answers on the training rows."""
    return float((predict(data.x_train).argmax(1) == data.y_train).double().mean())


def plain(data: Dataset, sizes: list[int], loss=None, steps: int = BUDGET) -> float:
    """Train a network by cross-entropy or a loss of one's own; return the share it gets right."""
    first = network(sizes)
    model = first if loss is None else adopt(first.to_module(), loss, stochastic=True)
    trainer = Trainer(model, data, rule())
    for _ in trainer.run(steps):
        pass
    return share_right(model.predict, data)


def boosted(data: Dataset, sizes: list[int]) -> float:
    """Train ten such networks, each on what those before got wrong; return the share right."""
    learner = by_trainer(lambda seed: network(sizes), rule, BUDGET, classes=data.classes)
    ensemble = AdaBoost(learner, sizes[-1], members=10).fit(data.x_train, data.y_train)
    return share_right(ensemble.outputs, data)


CURES: dict[str, Callable[[Dataset, list, list, list], float]] = {
    "reinforcement learning": lambda data, weak, deep, wide: plain(data, weak, by_reward),
    "boosting": lambda data, weak, deep, wide: boosted(data, weak),
    "more hidden layers": lambda data, weak, deep, wide: plain(data, deep),
    "more units": lambda data, weak, deep, wide: plain(data, wide),
}


@cache
def lifted(cure: str | None, name: str) -> float:
    """Return the share of right answers after a cure of `CURES`, or without one."""
    dataset, *sizes = WEAK[name]
    data = doubled(load_data(dataset, 0))
    with threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return plain(data, sizes[0]) if cure is None else CURES[cure](data, *sizes)


def examine_underfitting(says: Mapping[str, str]) -> list[Case]:
    """Try two cures on two networks that are too small.

    Args:
        says: "first" and "second", of `CURES`; the second is an aside.
    """
    return [
        Case(f"{cure}: {name}", lifted(cure, name) > lifted(None, name) + LIFT,
             f"right {lifted(None, name):.2f}, then {lifted(cure, name):.2f}",
             aside=place == "second")
        for place, cure in says.items() for name in WEAK
    ]  # fmt: skip


underfitting = Check(
    examine_underfitting,
    document={"first": "reinforcement learning", "second": "more hidden layers"},
    planted={"first": "more units", "second": "more hidden layers"},
)


# ---- D4-6: an appendix that is promised ------------------------------------------------------


def examine_appendix(answers: Mapping[str, str]) -> list[Case]:
    """Try what an appendix has to give: to each question an answer that helps.

    Args:
        answers: {fault: remedy}, of "overflow" and "division by zero", and of `REMEDIES`.
    """
    return [
        Case(f"{fault}: {remedy}", outcome(fault, remedy) is None, told(outcome(fault, remedy)))
        for fault, remedy in answers.items()
    ]


appendix = Check(
    examine_appendix,
    document=None,
    planted={"overflow": "a lower rate", "division by zero": "a least deviation"},
)
