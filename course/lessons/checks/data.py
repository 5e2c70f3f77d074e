"""Chapter 3_11_data: two phases, one scale, three needs with their remedies, and unstable data."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from statistics import median

import numpy as np
import torch

from ...data.batches import shard
from ...data.dataset import Dataset
from ...data.loading import load_data
from ...data.preprocess import Augment, Noise, Rotate, Shift, standardise
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...pruning.choosing import by_magnitude
from ...training.trainer import Trainer
from ..descending import condition, steps_needed
from ..flats import draw_flats
from ..verdicts import Case, Check

SEEDS = range(5)
FEW, MANY = 30, 1400  # training rows of the digits
GENTLE = Augment(Rotate(15.0), Noise(0.15))


@cache
def trained(
    seed: int, rows: int, augment: bool = False, label_noise: float = 0.0, units: int = 64
) -> Trainer:
    """Return a trainer after 600 steps on so many digits."""
    data = load_data("digits", seed).subset(rows, seed)
    model = MLP([data.features, units, data.outputs], seed=seed)
    augmented = GENTLE if augment else None
    trainer = Trainer(model, data, chain(Descend(0.5)), min(32, rows), seed, 1, augmented)
    trainer.set("label_noise", label_noise)
    for _ in trainer.run(600):
        pass
    return trainer


def accuracy(trainer: Trainer) -> float:
    """Return the share of test rows that it answers rightly."""
    return float(trainer.evaluate("test")[1])


# ---- D2-3a: divide and conquer ------------------------------------------------------------------

Part = tuple[str, int]  # what it does, to how many rows


def phases(data: Dataset) -> list[Part]:
    """Return what the document's two phases do: the first is followed by the second."""
    scaled = standardise(data)
    return [("scale", len(data.y_train)), ("train", len(scaled.y_train))]


def merge_sort(values: Sequence[float]) -> tuple[list[float], list[Part]]:
    """Sort by halves; return what is sorted and the parts of the first cut."""
    if len(values) < 2:
        return list(values), []
    half = len(values) // 2
    (a, _), (b, _) = merge_sort(values[:half]), merge_sort(values[half:])
    return sorted(a + b), [("sort", half), ("sort", len(values) - half)]


def traced(plan: str) -> tuple[Part, list[Part]]:
    """Return the whole problem and its parts, of "preprocessing, then training" or "merge sort"."""
    if plan == "merge sort":
        values = torch.rand(12, generator=torch.Generator().manual_seed(0)).tolist()
        return ("sort", len(values)), merge_sort(values)[1]
    data = load_data("moons")
    return ("train", len(data.y_train)), phases(data)


def examine_strategy(says: dict[str, str]) -> list[Case]:
    """Hold the parts of a plan against what its name means.

    Args:
        says: "plan": as `traced` takes it; "called": "divide and conquer" or "workflow".
    """
    (task, rows), parts = traced(says["plan"])
    alike = all(kind == task for kind, _ in parts)
    smaller = all(n < rows for _, n in parts)
    kinds = ", ".join(f"{kind} {n} rows" for kind, n in parts)
    wanted = says["called"] == "divide and conquer"
    words = f"the whole: {task} {rows} rows; its parts: {kinds}"
    names = ("the parts are problems of the same kind", "the parts are smaller")
    if not wanted:
        names = ("the parts are of different kinds", "each part takes all rows")
    return [
        Case(f"{says['called']}: {names[0]}", alike == wanted, words),
        Case(f"{says['called']}: {names[1]}", smaller == wanted, words),
        Case("there are two parts", len(parts) == 2, kinds, aside=True),
    ]


strategy = Check(
    examine_strategy,
    document={"plan": "preprocessing, then training", "called": "divide and conquer"},
    planted={"plan": "preprocessing, then training", "called": "workflow"},
)


# ---- D2-3b: one scale helps the training after it ------------------------------------------------


def normalise(data: Dataset) -> Dataset:
    """Scale each feature to [0, 1], by the training rows."""
    low, high = data.x_train.min(0).values, data.x_train.max(0).values
    scaled = {f"x_{split}": (x - low) / (high - low) for split, x, _ in data.splits()}
    return replace(data, **scaled)  # type: ignore[arg-type]


def stretched(data: Dataset) -> Dataset:
    """Multiply each feature by 1000: no other numbers, another unit for all."""
    return replace(data, **{f"x_{split}": 1000 * x for split, x, _ in data.splits()})  # type: ignore[arg-type]


SCALINGS: dict[str, Callable[[Dataset], Dataset]] = {
    "normalising": normalise, "standardising": standardise, "multiplying by 1000": stretched,
}  # fmt: skip


def examine_scaling(says: dict[str, Sequence[str]]) -> list[Case]:
    """Try each scaling: is the condition number lower, and are fewer steps needed?

    Args:
        says: "scaling": keys of `SCALINGS`; "helps": of "condition number", "steps".
    """
    tables = [draw_flats(seed) for seed in SEEDS]
    measures = {"condition number": condition, "steps": lambda data: steps_needed(data, 3000)}
    cases = []
    for name in says["scaling"]:
        for what in says["helps"]:
            before = median(measures[what](data) for data in tables)
            after = median(measures[what](SCALINGS[name](data)) for data in tables)
            words = f"{before:.2g}, then {after:.2g}; medians of {len(tables)} tables"
            cases.append(
                Case(
                    f"{name}: a lower {what}"
                    if what == "condition number"
                    else f"{name}: fewer {what}",
                    after < before / 10,
                    words,
                )
            )
    return cases


scaling = Check(
    examine_scaling,
    document={"scaling": ("normalising", "standardising"), "helps": ("condition number", "steps")},
    planted={"scaling": ("multiplying by 1000",), "helps": ("condition number", "steps")},
)


# ---- D3-2: three needs, and what they call for ---------------------------------------------------


def gain(rows: int) -> float:
    """Return what augmentation adds to the test accuracy, the mean of the seeds."""
    pairs = [(trained(s, rows, True), trained(s, rows)) for s in SEEDS]
    return float(np.mean([accuracy(a) - accuracy(b) for a, b in pairs]))


@cache
def pruned(share: float, units: int) -> tuple[float, float]:
    """Return the accuracy before and after the smallest weights of all layers are 0, medians."""
    found = []
    for seed in SEEDS:
        trainer = trained(seed, MANY, units=units)
        before = accuracy(trainer)
        kept = trainer.model.theta.clone()
        trainer.model.theta.mul_(by_magnitude(trainer.model, share))
        found.append((before, accuracy(trainer)))
        trainer.model.theta.copy_(kept)
    return median(a for a, _ in found), median(b for _, b in found)


def parts_add_up(devices: int) -> tuple[int, bool]:
    """Return the most rows that a device takes, and whether the parts are the whole gradient."""
    data = load_data("digits", 0, dtype=torch.float64)
    model, n = MLP([64, 32, 10], dtype=torch.float64), len(data.y_train)
    model.loss_and_grad(*model.encode(data.x_train, data.y_train))
    whole, total = model.grad.clone(), torch.zeros_like(model.grad)
    shards = [shard(torch.arange(n), rank, devices) for rank in range(devices)]
    for rows in shards:
        model.loss_and_grad(*model.encode(data.x_train[rows], data.y_train[rows], n), n)
        total += model.grad
    return max(map(len, shards)), torch.allclose(total, whole, atol=1e-12)


def remedy_works(need: str, remedy: str) -> tuple[bool, str]:
    """Try a remedy where it is needed; return whether it works, and what was measured."""
    if remedy == "preprocessing":
        rows = 200 if need == "few data" else 20000
        before, after = (
            condition(d(draw_flats(0, rows))) for d in (lambda data: data, standardise)
        )
        return after < before / 10, f"{rows} rows, condition number {before:.2g}, then {after:.2g}"
    if remedy == "augmentation":
        rows = FEW if need == "few data" else MANY
        found = gain(rows)
        return found > 0.01, f"{rows} digits: test accuracy {found:+.3f}, {len(SEEDS)} seeds"
    if remedy == "pruning":
        before, after = pruned(0.5, 256)
        words = f"half of the weights 0: accuracy {before:.3f}, then {after:.3f}"
        return after > before - 0.01, words
    if remedy == "optimising":
        trainer = trained(0, MANY, units=256)
        loss = float(trainer.evaluate("train")[0])
        return loss < 0.2, f"600 steps on 256 units: training loss {loss:.2f}"
    most, same = parts_add_up(4)
    words = f"four devices, at most {most} of 1438 rows each; the gradient is whole: {same}"
    return same and most < 400, words


def examine_needs(says: dict[str, Sequence[str]]) -> list[Case]:
    """Try each remedy for each need.

    Args:
        says: {need: its remedies}; needs: "large data", "few data", "complex models", "compute".
    """
    cases = []
    for need, remedies in says.items():
        for remedy in remedies:
            works, words = remedy_works(need, remedy)
            cases.append(Case(f"{need}: {remedy}", works, words))
    return cases


needs = Check(
    examine_needs,
    document={"large data": ("preprocessing", "augmentation"),
              "complex models": ("optimising", "pruning"), "compute": ("parallel work",)},
    planted={"few data": ("preprocessing", "augmentation"), "complex models": ("pruning",)},
)  # fmt: skip


# ---- D3-5b: instability that grows with the data -------------------------------------------------

WRONG = 0.2  # of the labels
SIZES = (100, MANY)


def shifted(trainer: Trainer, seed: int) -> float:
    """Return its accuracy on test images that are moved by up to a pixel."""
    data = trainer.data
    x = Shift(1)(data.x_test, data.image_shape, torch.Generator().manual_seed(seed))
    use = Trainer(trainer.model, replace(data, x_test=x), chain(Descend(0.5)), 32, seed)
    return accuracy(use)


def wrong_labels(rows: int) -> float:
    """Return the share of wrong labels among so many rows of one source, the mean."""
    sets = [load_data("digits", seed).subset(rows, seed) for seed in SEEDS]
    return float(np.mean([(d.noisy_labels(WRONG, s) != d.y_train).float().mean().item()
                          for s, d in zip(SEEDS, sets, strict=True)]))  # fmt: skip


def two_sources(rows: int) -> float:
    """Return that share where all rows above the first hundred come from a careless source."""
    return max(rows - SIZES[0], 0) * WRONG / rows


def lost_to_labels(rows: int) -> float:
    """Return the accuracy that wrong labels cost, the mean."""
    return float(np.mean([accuracy(trained(s, rows)) - accuracy(trained(s, rows, False, WRONG))
                          for s in SEEDS]))  # fmt: skip


def lost_in_use(rows: int) -> float:
    """Return the accuracy that is lost on shifted images, the mean."""
    return float(np.mean([accuracy(trained(s, rows)) - shifted(trained(s, rows), s)
                          for s in SEEDS]))  # fmt: skip


KINDS: dict[str, Callable[[int], float]] = {
    "the share of wrong labels, one source": wrong_labels,
    "what wrong labels cost": lost_to_labels,
    "what shifted images cost": lost_in_use,
    "the share of wrong labels, a second, careless source": two_sources,
}


def examine_instability(says: Sequence[str]) -> list[Case]:
    """Does each kind of instability grow with the rows, by more than a quarter?

    Args:
        says: keys of `KINDS`.
    """
    cases = []
    for kind in says:
        few, many = (KINDS[kind](rows) for rows in SIZES)
        words = f"{SIZES[0]} rows: {few:.2f}; {SIZES[1]} rows: {many:.2f}"
        cases.append(Case(f"it grows: {kind}", many > 1.25 * few + 0.01, words))
    return cases


instability = Check(
    examine_instability,
    document=tuple(KINDS),
    planted=("the share of wrong labels, a second, careless source",),
)
