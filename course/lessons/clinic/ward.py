"""The ward: a patient drawn at random, with numbers that nobody has seen.

    patient = diseases.draw(7)            one of thirteen diseases; which, it does not tell
    readings = examine(patient.plan)      what the instruments show
    patient.check(lr=0.1).cured           did this cure help, on three seeds?
    patient.disease.name                  to look up afterwards

Other patients go wrong inside a `Trainer`. These go wrong in what stands around it as well: the
rows, their order, the loss, the statistics. So a plan says all of that, and a run follows it.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...errors import CourseError, check_choice, check_count, check_number, check_seed, shown

SEEDS = 3  # runs that a cure must pass
WELL = 0.8  # share of right answers in use that a cured run exceeds on each seed
CLASSES = 10
MOST_ROWS = 1400  # of the digits' training rows; the others are kept aside

READINGS = {
    "broken": "step at which the loss was first not a finite number; -1 if it never was",
    "growth": "loss before it broke (or at the end), as a multiple of the first one",
    "odd rows": "training rows that hold a number that is not finite",
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
class Plan:
    """All that a run of the ward needs.

    Attributes:
        lr: learning rate of plain SGD.
        hidden: units of the hidden layer; 0 for a linear model.
        activation: "relu" or "sigmoid".
        gain: the last layer's first weights, as a multiple of PyTorch's.
        loss: "stable" (log-softmax), "half" (log of probabilities in float16), "squared" (to
            one-hot answers) or "number" (squared, to the number of the class).
        rows: training rows.
        bad: how many of these hold NaN.
        offset: added to all inputs.
        leak: whether an input holds the answer, while answers are known.
        order: "shuffled" or "sorted" by class.
        drift: by how many standard deviations the statistics in use are out of date.
        steps: SGD steps, of 32 rows each.
        seed: of weights and batches.
    """

    lr: float = 0.3
    hidden: int = 32
    activation: str = "relu"
    gain: float = 1.0
    loss: str = "stable"
    rows: int = 1000
    bad: int = 0
    offset: float = 0.0
    leak: bool = False
    order: str = "shuffled"
    drift: float = 0.0
    steps: int = 300
    seed: int = 0

    def __post_init__(self):
        check_number("lr", self.lr, 0, 100, "0.3 suits a run that is well")
        check_count("hidden", self.hidden, 0, 1024, "32 units are enough; 0 is a linear model")
        check_choice("activation", self.activation, ("relu", "sigmoid"))
        check_number("gain", self.gain, 0, 100, "1 leaves PyTorch's first weights as they are")
        check_choice("loss", self.loss, ("stable", "half", "squared", "number"))
        check_count("rows", self.rows, 1, MOST_ROWS, "take 1,000")
        check_count("bad", self.bad, 0, self.rows, "0 leaves such rows out")
        check_number("offset", self.offset, -1000, 1000, "0 centres the inputs")
        check_choice("leak", self.leak, (False, True))
        check_choice("order", self.order, ("shuffled", "sorted"))
        check_number("drift", self.drift, -1000, 1000, "0 takes the statistics of training")
        check_count("steps", self.steps, 1, 10_000, "take 300")
        check_seed(self.seed)


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

    def check(self, **changes) -> Treatment:
        """Repeat the run with other knobs of its plan, 300 steps from its first, on three seeds.

        Raises:
            CourseError: for a knob that a plan does not have.
        """
        knobs = [name for name in Plan.__dataclass_fields__ if name not in ("seed", "steps")]
        for name in changes:
            if name not in knobs:
                raise CourseError(
                    f"knob {shown(name)} is unknown; allowed: {', '.join(knobs)}; choose one of "
                    "these"
                )
        plan = replace(self.plan, steps=Plan.steps, **changes)
        seeds = range(plan.seed, plan.seed + SEEDS)
        return Treatment(tuple(examine(replace(plan, seed=seed))["use"] for seed in seeds))


def examine(plan: Plan) -> dict[str, float]:
    """Run a plan and return what the instruments show, by the names of `READINGS`."""
    draw = torch.Generator().manual_seed(plan.seed)
    data = load_data("digits", 0)
    at = torch.randperm(len(data.x_train), generator=draw)
    x, y = data.x_train[at], data.y_train[at]
    mean, deviation = x.mean(), x.std()
    x = (x - mean) / deviation + plan.offset
    use = (data.x_test - mean) / deviation + plan.offset
    aside, y_aside = x[plan.rows :], y[plan.rows :]
    x, y = x[: plan.rows].clone(), y[: plan.rows]
    if plan.leak:
        x[:, 0], aside[:, 0], use[:, 0] = 3 * (y - 4.5), 3 * (y_aside - 4.5), 0
    if plan.order == "sorted":
        by_class = y.argsort(stable=True)
        x, y = x[by_class], y[by_class]
    clean = x.clone()
    x[torch.randperm(len(x), generator=draw)[: plan.bad], 5] = math.nan
    model = _model(plan, draw)
    losses, mix = _train(plan, model, x, y, draw)
    broken = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), -1)
    whole = losses[: broken if broken >= 0 else len(losses)]
    with torch.no_grad():
        z = model[0](clean)
        slope = torch.zeros(1, 1) + 1
        if plan.hidden:
            s = z.sigmoid()
            slope = (z > 0).float() if plan.activation == "relu" else s * (1 - s)
        answers = _answers(plan, model(clean))
        missed = answers != y
        apart = (answers - y).abs()[missed]
        number = y.float() - y.float().mean()
        columns = clean - clean.mean(0)
        r = (number @ columns) / (number.norm() * columns.norm(dim=0) + 1e-9)
    silent = plan.activation == "relu" and (slope == 0).all(0).float().mean()
    return {
        "broken": broken,
        "growth": whole[-1] / whole[0] if whole else 1.0,
        "odd rows": int((~x.isfinite()).any(1).sum()),
        "loss": sum(losses[-10:]) / 10,
        "training": 1 - float(missed.float().mean()),
        "aside": _right(plan, model, aside, y_aside),
        "use": _right(plan, model, use + plan.drift, data.y_test),
        "pipeline": _right(plan, model, clean + plan.drift, y),
        "silent": float(silent),
        "stuck": float((slope < 0.01).all(0).float().mean()),
        "mix": sum(mix) / len(mix),
        "near": float((apart == 1).float().mean()) if len(apart) else 0.0,
        "column": float(r.abs().max()),
    }


def _model(plan: Plan, draw: torch.Generator) -> nn.Sequential:
    units = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[plan.activation]()
    layers = [nn.Linear(64, plan.hidden), units] if plan.hidden else []
    model = nn.Sequential(*layers, nn.Linear(plan.hidden or 64, CLASSES))
    with torch.no_grad():
        for part in model:
            if isinstance(part, nn.Linear):
                bound = part.in_features**-0.5
                part.weight.uniform_(-bound, bound, generator=draw)
                part.bias.uniform_(-bound, bound, generator=draw)
                if part is model[-1]:
                    part.weight.mul_(plan.gain)
    return model


def _train(
    plan: Plan, model: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator
) -> tuple[list[float], list[int]]:
    """Return the losses and the number of classes of each batch."""
    losses, mix = [], []
    weights = [*model.parameters()]
    for step in range(plan.steps):
        if plan.order == "sorted":  # once through the rows, in their order
            first = step * len(x) // plan.steps
            rows = torch.arange(first, first + 32).clamp(max=len(x) - 1)
        else:
            rows = torch.randint(len(x), (32,), generator=draw)
        loss = _loss(plan.loss, model(x[rows]), y[rows])
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.data.sub_(slope, alpha=plan.lr)
        losses.append(float(loss.detach()))
        mix.append(len(y[rows].unique()))
    return losses, mix


def _loss(kind: str, z: Tensor, y: Tensor) -> Tensor:
    if kind == "stable":
        return nn.functional.cross_entropy(z, y)
    if kind == "half":
        return -z.softmax(1).half().log().gather(1, y[:, None]).float().mean()
    if kind == "squared":
        return (z - nn.functional.one_hot(y, CLASSES)).square().sum(1).mean()
    return (z[:, 0] - y / CLASSES).square().mean()


def _answers(plan: Plan, z: Tensor) -> Tensor:
    """Return the class that each row gets, (B,); -9 for one without a finite output."""
    best = (z[:, 0] * CLASSES).round() if plan.loss == "number" else z.argmax(1)
    return torch.where(z.isfinite().all(1), best, -9).long()


def _right(plan: Plan, model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((_answers(plan, model(x)) == y).float().mean())
