"""What a hand did to a run, as a picture shows it: turns, their words, and the path of a knob."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from course.optim.first_order import HeavyBall, Momentum, Nesterov
from course.optim.schedules import SCHEDULES, Schedule
from course.training.gradient_knobs import CLIPS
from course.training.knobs import MOMENTA, make_optimiser

SYMBOLS = {"lr": "α", "momentum": "β", "threshold": "c", "batch_size": "batch", "clip": "clip"}
NEAR = 60  # turns closer than 1/60 of the axis are one
DRAWN = 120  # points of a schedule's path
PLACES = {  # of a knob in a chain: the kinds of transforms, and their fields
    "lr": ({"Descend"}, ("lr",)),
    "momentum": ({kind.__name__ for kind in MOMENTA}, ("beta1", "beta")),
    "threshold": ({kind.__name__ for kind in CLIPS.values()}, ("threshold",)),
}

Change = tuple[int, str, object]  # (step, knob, value)


def words(knob: str, value) -> str:
    """Return a turn in words: 'α 12', 'clip norm', 'drawn β', 'spike ×100'."""
    symbol = SYMBOLS.get(knob, knob.replace("_", " "))
    if knob == "spike":
        return f"spike ×{value['factor']:g}" if value else "no spike"
    if isinstance(value, dict):
        return f"drawn {symbol}" if value.get("kind") == "Points" else f"{value['kind']} {symbol}"
    if isinstance(value, bool):
        return f"{symbol} {'on' if value else 'off'}"
    if isinstance(value, float):
        return f"{symbol} {short(value)}"
    return f"{symbol} {value if isinstance(value, str | int) else '…'}"


def short(value: float) -> str:
    """Return a number with three digits: 0.25, 12, 3e−5, 1e6."""
    digits = f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return digits.replace("-", "−")


def turns(changes: Iterable[Change], axis: float) -> list[list]:
    """Return [[step, words], …]; what was turned within 1/60 of the axis becomes one entry."""
    found: list[tuple[int, dict[str, str]]] = []
    for step, knob, value in changes:
        if not found or step - found[-1][0] > axis / NEAR:
            found.append((step, {}))
        found[-1][1][knob] = words(knob, value)
    return [[step, ", ".join(said.values())] for step, said in found]


def name(changes: Sequence[Change]) -> str:
    """Return what was turned first in a branch and when; '' when nothing was."""
    if not changes:
        return ""
    begin = changes[0][0]
    said = {knob: words(knob, value) for step, knob, value in changes if step - begin < NEAR}
    return f"{', '.join(list(said.values())[:3])} at {begin:,}"


def path(
    start, knob: str, changes: Iterable[Change], end: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path of a number knob as a line (x, y) from step `first` to `end`.

    Args:
        start: the value at step `first`, a number or a schedule.
        knob: its name.
        changes: of the run, by step; those that leave the knob alone are skipped.
        end: the last step.
        first: the step from which the changes count.
    """
    parts = [(first, start)]
    for change in changes:
        if first <= change[0] <= end:
            parts += [(change[0], value) for value in _turned(knob, change, parts[-1][1])]
    xs: list[float] = []
    ys: list[float] = []
    for (begin, value), (stop, _) in pairwise([*parts, (end, None)]):
        steps = [begin, stop] if not is_schedule(value) else _few(begin, stop)
        xs += steps
        ys += [at(value, step) for step in steps]
    return np.array(xs, dtype=float), np.array(ys, dtype=float)


def _turned(knob: str, change: Change, before) -> list:
    """Return [what a change makes of a knob], [] for nothing; before: what stood there."""
    _, name, value = change
    if name == "optimiser" and isinstance(value, list):
        return _in_chain(knob, value)
    if name == knob or (knob == "momentum" and name in ("Adam.beta1", "Muon.beta")):
        return [value]
    if knob != "momentum" or name != "optimiser" or not isinstance(value, str):
        return []
    beta = next((t for t in make_optimiser(value, None) if isinstance(t, MOMENTA)), None)
    if isinstance(beta, Momentum | HeavyBall | Nesterov) and before:
        return [before]  # the new optimiser takes it over
    return [0.0 if beta is None else getattr(beta, "beta1", getattr(beta, "beta", 0.0))]


def _in_chain(knob: str, transforms: list[dict]) -> list:
    """Return [what a whole chain, as it is described, makes of a knob], [] when it stays."""
    kinds, fields = PLACES[knob]
    for transform in transforms:
        if transform["kind"] in kinds:
            return [next(transform[field] for field in fields if field in transform)]
    return [0.0] if knob == "momentum" else []


def is_schedule(value) -> bool:
    return isinstance(value, dict | Schedule)


def at(value, step: float) -> float:
    """Return a number, or what a schedule (or its description) says at a step; NaN for a name."""
    if isinstance(value, dict):
        value = SCHEDULES.build(value)
    if isinstance(value, Schedule):
        return value.value(int(step))
    return float(value) if isinstance(value, int | float) else math.nan


def _few(begin: int, end: int) -> list[float]:
    """Return at most `DRAWN` whole steps from `begin` to `end`."""
    count = min(end - begin + 1, DRAWN)
    return np.linspace(begin, end, max(count, 2)).round().tolist()
