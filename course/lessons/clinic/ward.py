"""The ward: a patient drawn at random, with numbers that nobody has seen.

    patient = diseases.draw(7)            one of thirteen diseases; which, it does not tell
    readings = examine(patient.plan)      what the instruments show
    patient.check(lr=0.1).cured           did this cure help, on three seeds?
    patient.disease.name                  to look up afterwards
    patient.plan.trainer()                the sick run, as any lab shows it

Other patients are recipes of the course's own networks. These go wrong in what stands around the
network as well: the rows, their order, the loss, the statistics. So a plan says all of that.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ...errors import CourseError, shown
from ...interop.adopt import Adopted
from ...training.replay import threads
from ...training.trainer import Trainer
from .plans import Plan

SEEDS = 3  # runs that a cure must pass
WELL = 0.8  # share of right answers in use that a cured run exceeds on each seed
FAR = 1e6  # standard deviations beyond which a number is odd

READINGS = {
    "broken": "step at which the loss was first not a finite number; -1 if it never was",
    "growth": "loss before it broke (or at the end), as a multiple of the first one",
    "odd rows": "training rows with a number that is a million standard deviations away",
    "loss": "mean loss of the last ten batches, as the run computes it",
    "training": "share of right answers on the training rows",
    "aside": "share of right answers on rows kept aside",
    "use": "share of right answers in use",
    "pipeline": "share of right answers on the training rows, prepared as in use",
    "silent": "share of the hidden units that answer 0 to every training row",
    "stuck": "share of the hidden units whose slope is below 0.01 on every training row",
    "mix": "classes in a batch, on average",
    "near": "share of the wrong answers that name the class next to the right one",
    "column": "strongest correlation of one input with the number of the class",
}


@dataclass(frozen=True)
class Disease:
    """One way to go wrong.

    Attributes:
        name: what to call it.
        numbers: returns the knobs that a draw makes sick, {knob: value}.
        symptoms: {reading: (low, high)}; all of them together tell it from the others.
        cure: knobs that cure it.
        wrong: cures that fail, one dict each.
        explanation: why.
    """

    name: str
    numbers: Callable[[random.Random], dict]
    symptoms: Mapping[str, tuple[float, float]]
    cure: Mapping[str, object]
    wrong: tuple[Mapping[str, object], ...]
    explanation: str

    def fits(self, readings: Mapping[str, float]) -> bool:
        """Return whether the readings show every symptom."""
        return all(low <= readings[name] <= high for name, (low, high) in self.symptoms.items())

    def patient(self, chance: random.Random) -> "Patient":
        """Return a patient with this disease, whose numbers are drawn."""
        return Patient(Plan(**self.numbers(chance), seed=chance.randrange(1000)), self)


@dataclass(frozen=True)
class Treatment:
    """How a cure did: the share of right answers in use, a seed each."""

    right: tuple[float, ...]

    @property
    def cured(self) -> bool:
        return all(share > WELL for share in self.right)


@dataclass(frozen=True)
class Patient:
    """A drawn patient. Its `plan` is the sick run; `disease` is the answer."""

    plan: Plan
    disease: Disease = field(repr=False)

    def treated(self, **changes) -> Plan:
        """Return the plan with other knobs, for 300 steps from its first.

        Raises:
            CourseError: for a knob that a plan does not have, or a value that is not allowed.
        """
        knobs = [name for name in Plan.__dataclass_fields__ if name not in ("seed", "steps")]
        for name in changes:
            if name not in knobs:
                raise CourseError(
                    f"knob {shown(name)} is unknown; allowed: {', '.join(knobs)}; choose one of "
                    "these"
                )
        return replace(self.plan, steps=Plan.steps, **changes)

    def check(self, **changes) -> Treatment:
        """Repeat the run with other knobs, as `treated` takes them, on three seeds."""
        plan = self.treated(**changes)
        seeds = range(plan.seed, plan.seed + SEEDS)
        return Treatment(tuple(examine(replace(plan, seed=seed))["use"] for seed in seeds))


def examine(plan: Plan) -> dict[str, float]:
    """Run a plan and return what the instruments show, by the names of `READINGS`."""
    with threads(1):
        trainer = plan.trainer()
        mix = []
        for _ in trainer.run(plan.steps):
            rows = trainer.batches.last_rows()
            mix.append(len(trainer.batches.answers[rows].unique()))
        return readings(trainer, plan) | {"mix": sum(mix) / len(mix)}


@torch.no_grad()
def readings(trainer: Trainer, plan: Plan) -> dict[str, float]:
    """Return all readings of a trainer but the mix, which needs the batches."""
    assert isinstance(trainer.model, Adopted) and isinstance(trainer.model.module, nn.Sequential)
    data, network = trainer.data, trainer.model.module
    rows = {split: (x, y) for split, x, y in data.splits()}
    losses = [float(loss) for loss in trainer.history.loss]
    broken = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), -1)
    whole = losses[: broken if broken >= 0 else len(losses)]
    odd = (data.x_train.abs() > FAR).any(1)
    clean, y = data.x_train[~odd], data.y_train[~odd]
    slope = torch.ones(1, 1)
    if plan.hidden:
        z = network[0](clean)
        s = z.sigmoid()
        slope = (z > 0).float() if plan.activation == "relu" else s * (1 - s)
    answers = _answers(network(clean))
    apart = (answers - y).abs()[answers != y]
    number = y.double() - y.double().mean()
    columns = clean.double() - clean.double().mean(0)
    r = (number @ columns) / (number.norm() * columns.norm(dim=0) + 1e-9)
    silent = (slope == 0).all(0).float().mean() if plan.activation == "relu" else 0.0
    return {
        "broken": broken,
        "growth": whole[-1] / whole[0] if whole else 1.0,
        "odd rows": int(odd.sum()),
        "loss": sum(losses[-10:]) / 10,
        "training": float((answers == y).float().mean()),
        "aside": _right(network, *rows["val"]),
        "use": _right(network, *rows["test"]),
        "pipeline": _right(network, clean + plan.drift, y),
        "silent": float(silent),
        "stuck": float((slope < 0.01).all(0).float().mean()),
        "near": float((apart == 1).float().mean()) if len(apart) else 0.0,
        "column": float(r.abs().max()),
    }


def _answers(scores: Tensor) -> Tensor:
    """Return the class that each row gets, (B,); -9 for one without finite scores."""
    return torch.where(scores.isfinite().all(1), scores.argmax(1), -9)


def _right(network: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((_answers(network(x)) == y).float().mean())
