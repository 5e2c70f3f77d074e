"""Patients of the clinic: a sick run, its symptoms, and whether a cure helps.

    case = patients()["A"]
    read_symptoms(run_recipe(case.recipe))     what the instruments say about the sick run
    case.check(case.treated(lr=0.3)).words()   "Cured: …"

A cure is judged by repeating the run with it from the first step, on three seeds: one run proves
nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import CourseError, check_number, shown
from ..nn.network import MLP
from ..optim.second_order import sharpness
from ..training.recipe import Recipe, load_recipe
from ..training.replay import build_recipe, run_recipe
from ..training.trainer import Trainer

SEEDS = 3  # runs that a cure must pass: the patient's seed and the next ones
ROWS = 256  # training rows for the gradients
PRODUCTS = 40  # with the Hessian, for its lowest and for its highest eigenvalue

READINGS = {
    "loss": "training loss, as a share of the loss of guessing evenly",
    "silent": "share of the first layer's units that answer 0 to every training row",
    "twins": "share of the first layer's units whose weights are those of another unit",
    "reach": "length of the first layer's gradient, as a share of the last layer's",
    "leap": "longest gradient of the run over the median one",
    "jitter": "largest batch loss in the second half over the median one",
    "gap": "loss on rows kept aside minus training loss, as a share of the loss of guessing evenly",
    "dip": "lowest curvature, as a share of the highest one; below 0 there is a way down",
}

LOSSES = {"train": "training loss", "validation": "validation loss"}


@dataclass(frozen=True)
class Symptom:
    """What an instrument shows.

    Attributes:
        reading: a name of `READINGS`.
        low, high: between which it lies, on every seed.
        words: the same for a reader.
    """

    reading: str
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Checkup:
    """How a cure did.

    Attributes:
        losses: the loss at the end, a seed each; NaN for a run that broke.
        bar: what each must stay below.
        split: the rows that it is read on, a name of `LOSSES`.
    """

    losses: tuple[float, ...]
    bar: float
    split: str = "train"

    @property
    def cured(self) -> bool:
        return all(loss < self.bar for loss in self.losses)

    def words(self) -> str:
        """Return the result as a sentence."""
        ends = ", ".join("not a number" if math.isnan(v) else f"{v:.3g}" for v in self.losses)
        verdict = "Cured" if self.cured else "Not cured"
        return (f"{verdict}: on {len(self.losses)} seeds the {LOSSES[self.split]} ends at {ends}; "
                f"the bar is {self.bar:g}.")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """A patient.

    Attributes:
        name: as the file of predictions has it; it does not tell the diagnosis.
        story: what the learner is told.
        recipe: the sick run.
        symptoms: what is true of it.
        diagnoses: those to choose from.
        diagnosis: the right one.
        bar: the loss below which the run is well.
        cure: knobs that cure it, {knob: value}, one way of several.
        explanation: why.
        split: the rows on which that loss is read, a name of `LOSSES`.
    """

    name: str
    story: str
    recipe: Recipe
    symptoms: tuple[Symptom, ...]
    diagnoses: tuple[str, ...]
    diagnosis: str
    bar: float
    cure: Mapping[str, object]
    explanation: str
    split: str = "train"

    def __post_init__(self):
        if self.diagnosis not in self.diagnoses:
            raise CourseError(
                f"diagnosis = {shown(self.diagnosis)}; allowed: {', '.join(self.diagnoses)}; "
                "choose one of these"
            )
        check_number("bar", self.bar, 0, 1e9, "choose a loss that a well run reaches")

    def treated(self, **changes) -> Recipe:
        """Return the recipe with other knobs from its first step on.

        Args:
            changes: knobs of a `Trainer` by name, and "activation", "init" and "hidden" (the widths
                of the hidden layers) of the network.

        Raises:
            CourseError: for an unknown knob, and a value that it does not take.
        """
        model = self.recipe.model
        names = ("activation", "init", "hidden")
        parts = {name: changes.pop(name) for name in names if name in changes}
        if parts:
            first, *hidden, last = model["sizes"]
            init = parts.get("init", None if "activation" in parts else model["init"])
            activation = parts.get("activation", model["activation"])
            sizes = [first, *parts.get("hidden", hidden), last]
            model = MLP(sizes, activation, model["seed"], init=init).describe()
        trainer = build_recipe(replace(self.recipe, model=model))
        for knob, value in changes.items():
            trainer.set(knob, value)
        return replace(trainer.recipe(), steps=self.recipe.steps)

    def check(self, recipe: Recipe) -> Checkup:
        """Repeat the run with a cure, from its first step, on three seeds.

        Args:
            recipe: the patient's own, with other knobs; its steps are the patient's. Other hidden
                widths only where they are the cure.

        Raises:
            CourseError: for another patient: other data, other labels, another broken batch, or
                other widths, unless these are the cure.
        """
        recipe = load_recipe(recipe)
        ours = self.recipe
        for what, theirs, own in (
            ("data", recipe.data, ours.data),
            ("widths", self._widths(recipe), self._widths(ours)),
            ("label noise", recipe.label_noise, ours.label_noise),
            ("broken batch", _broken(recipe), _broken(ours)),
        ):
            if theirs != own:
                raise CourseError(
                    f"{what} = {shown(theirs)} is another patient; allowed: {shown(own)}; cure "
                    "this one by its other knobs"
                )
        losses = []
        for seed in range(ours.seed, ours.seed + SEEDS):
            model = recipe.model | {"seed": ours.model["seed"] + seed - ours.seed}
            run = replace(recipe, seed=seed, model=model, steps=ours.steps)
            losses.append(run_recipe(run).evaluate(self.split)[0])
        return Checkup(tuple(losses), self.bar, self.split)

    def _widths(self, recipe: Recipe) -> list[int] | None:
        """Return the widths that a cure may not change."""
        sizes = recipe.model.get("sizes")
        return [sizes[0], sizes[-1]] if sizes and "hidden" in self.cure else sizes


def _broken(recipe: Recipe) -> list:
    """Return what a recipe says about batches whose gradient is multiplied."""
    return [part for part in recipe.chain if part["kind"] == "Spike"] + [
        turn for turn in recipe.knobs if turn[1] == "spike"
    ]


def read_symptoms(trainer: Trainer) -> dict[str, float]:
    """Return what the instruments say about a run, by the names of `READINGS`.

    Raises:
        CourseError: for a model that is not an `MLP`, and for a run without steps.
    """
    model, data = trainer.model, trainer.data
    if not isinstance(model, MLP) or data.classes is None or not trainer.step_count:
        raise CourseError(
            f"{shown(model)} on {shown(data.name)} after {trainer.step_count} steps has no "
            "symptoms to read; allowed: an MLP that has trained on classes; run its recipe first"
        )
    evenly = math.log(data.classes)
    kept = model.grad.clone()
    X, Y = model.encode(data.x_train[:ROWS], data.y_train[:ROWS])
    dip = _dip(model.curvature(X, Y).hvp, model.theta)
    model.loss_and_grad(X, Y)
    norms = [float(part.norm()) for part in model.views(model.grad)]
    model.grad.copy_(kept)
    first = model.views(model.theta)[0]
    z = data.x_train @ first[:, :-1].t() + first[:, -1]
    silent = (z <= 0).all(0) if model.activation == "relu" else torch.zeros(1)
    losses, gradients = trainer.history.loss, trainer.history.grad_norm
    late = sorted(losses[len(losses) // 2 :])
    loss = trainer.evaluate("train")[0]
    aside = trainer.evaluate("test" if data.x_val is None else "validation")[0]
    return {
        "loss": loss / evenly,
        "silent": float(silent.float().mean()),
        "twins": twins(first),
        "reach": norms[0] / norms[-1] if norms[-1] else math.nan,
        "leap": float(gradients.max() / sorted(gradients)[len(gradients) // 2]),
        "jitter": float(late[-1] / late[len(late) // 2]),
        "gap": (aside - loss) / evenly,
        "dip": dip,
    }


def _dip(product: Callable[[Tensor], Tensor], theta: Tensor) -> float:
    """Return the lowest eigenvalue of the Hessian over the highest; NaN for broken weights.

    Args:
        product: called with v: (P,); returns H v.
        theta: the weights, (P,).
    """
    if not bool(theta.isfinite().all()):
        return math.nan
    start = torch.randn(len(theta), generator=torch.Generator().manual_seed(0)).to(theta)
    highest, _ = sharpness(product, start, PRODUCTS)
    lowest, _ = sharpness(lambda v: -product(v), start, PRODUCTS)
    return round(-lowest / highest, 3) + 0.0 if highest else math.nan  # below that it is rounding


def twins(W: Tensor) -> float:
    """Return the share of rows of W (n, m) that are those of another row, to three digits."""
    apart = torch.cdist(W, W, compute_mode="donot_use_mm_for_euclid_dist")  # exact where it is 0
    nearest = apart.fill_diagonal_(math.inf).min(1).values
    return float((nearest <= 1e-3 * W.norm(dim=1)).float().mean())
