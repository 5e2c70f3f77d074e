"""Judges for the chapter on the errata."""

import math
from collections.abc import Callable

import torch

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["interval", "referee"]

# ---- 1. how sure a share is ----------------------------------------------------------------------


def judge_interval(answer) -> str | None:
    """Judge answer(held, checked) → the ends of Wilson's interval of 95 %."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_interval."
    return on_probes(lambda draw: judge_one_share(answer, draw))


def wilson(held: int, checked: int, z: float = 1.96) -> tuple[float, float]:
    """Return the ends of Wilson's interval, by solving (p - s)² = z² s (1 - s)/n for s."""
    p, n = held / checked, checked
    a, b, c = 1 + z * z / n, -(2 * p + z * z / n), p * p
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def judge_one_share(answer, draw: Draw) -> str | None:
    """Judge it on a share in the middle, and where none and all of the claims held."""
    share, _ = draw.numbers((0.2, 0.42), (3, 4))
    (checked,) = draw.sizes(1, 21, 60)
    for held in (round(share * checked), 0, checked):
        got = answer(held, checked)
        if got is None or got is ...:
            return "The function returns nothing yet: end it with return low, high."
        if not isinstance(got, tuple | list) or len(got) != 2:
            return "Return two numbers, the lower end and the upper one."
        try:
            low, high = map(float, got)
        except (TypeError, ValueError):
            return "Return two numbers, the lower end and the upper one."
        right = wilson(held, checked)
        if max(abs(low - right[0]), abs(high - right[1])) > 1e-3:
            where = f"With {held} of {checked} you return {low:.3f} to {high:.3f}"
            return f"{where}; {_why_interval(low, high, held, checked)}"
    return None


def _why_interval(low: float, high: float, held: int, checked: int) -> str:
    p, right = held / checked, wilson(held, checked)
    half = 1.96 * math.sqrt(p * (1 - p) / checked)
    if abs(low - p + half) + abs(high - p - half) < 2e-3:
        return ("that is p ± 1.96 √(p(1 − p)/n). Where none held it has no width, as if you were "
                "sure. Wilson's formula stands above.")  # fmt: skip
    if abs(low - right[1]) + abs(high - right[0]) < 2e-3:
        return "the lower end comes first."
    if abs(low - 100 * right[0]) + abs(high - 100 * right[1]) < 0.2:
        return "return shares, 0 to 1, and not per cent."
    once = wilson(held, checked, 1.0)
    if abs(low - once[0]) + abs(high - once[1]) < 2e-3:
        return "z is 1.96 for 95 of 100."
    middle, width = (low + high) / 2, high - low
    if abs(middle - sum(right) / 2) < 1e-3:
        return f"the middle is right, and the width should be {right[1] - right[0]:.3f}."
    if abs(width - (right[1] - right[0])) < 1e-3:
        return f"the width is right, and the middle should be {sum(right) / 2:.3f}."
    return f"it should be {right[0]:.3f} to {right[1]:.3f}."


# ---- 2. a check that can fail --------------------------------------------------------------------

Mean = Callable[[list[float], list[int]], float]  # (mean loss of each batch, rows in each)


def weighted(means: list[float], rows: list[int]) -> float:
    """Return the mean over all rows: each batch counts as many times as it has rows."""
    return sum(m * n for m, n in zip(means, rows, strict=True)) / sum(rows)


CANDIDATES: dict[str, tuple[Mean, bool, str]] = {  # name: (formula, is it right, what it does)
    "weighted": (weighted, True, "weights each batch by its rows"),
    "sum of losses": (
        lambda means, rows: math.fsum(m * n / sum(rows) for m, n in zip(means, rows, strict=True)),
        True, "weights each batch by its rows, and adds in another order",
    ),
    "plain": (
        lambda means, rows: sum(means) / len(means), False,
        "takes the plain mean: right only where all batches have the same number of rows",
    ),
    "last": (lambda means, rows: means[-1], False, "returns the last batch's loss"),
    "by rows": (
        lambda means, rows: sum(means) / sum(rows), False,
        "divides the sum of means by the number of rows: far too low",
    ),
    "near": (
        lambda means, rows: weighted(means, rows) * 1.01, False,
        "is wrong by one per cent",
    ),
    "first two": (
        lambda means, rows: weighted(means[:2], rows[:2]), False,
        "forgets all batches after the second",
    ),
    "squares": (
        lambda means, rows: sum(m * n * n for m, n in zip(means, rows, strict=True))
        / sum(n * n for n in rows), False,
        "weights each batch by its rows squared: right where all are equal",
    ),
}  # fmt: skip


def judge_referee(answer) -> str | None:
    """Judge answer(mean) → whether mean(means, rows) is the mean over all rows, for any batches."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_check."
    return on_probes(lambda draw: judge_one_referee(answer, draw))


def judge_one_referee(answer, draw: Draw) -> str | None:
    """Judge it on right formulas and wrong ones, in an order of their own."""
    names = list(CANDIDATES)
    said: dict[str, bool] = {}
    for place in torch.randperm(len(names), generator=draw.generator).tolist():
        formula, _, what = CANDIDATES[names[place]]
        got = answer(formula)
        if got is None or got is ...:
            return "The function returns nothing yet: end it with return True or False."
        if isinstance(got, int | float | str) and not isinstance(got, bool):
            return "Return True or False: whether mean(means, rows) is right."
        said[names[place]] = bool(got)
    if all(said.values()):
        return "Your check says True to every formula: it cannot fail, so it tells nothing."
    if not any(said.values()):
        return ("Your check says False to every formula, also to a right one. Sums may differ in "
                "the last digit: use math.isclose.")  # fmt: skip
    for name, (_, is_right, what) in CANDIDATES.items():
        if is_right and not said[name]:
            return (f"It refuses a right formula: one that {what}. "
                    "Sums may differ in the last digit: use math.isclose.")  # fmt: skip
        if not is_right and said[name]:
            return f"It lets a wrong formula pass: one that {what}. On which batches would it show?"
    return None


interval = Exercise(
    "Exercise 1",
    judge_interval,
    [
        "p = held / checked. Write the middle and the half width of the formula as two lines.",
        "Both have the divisor 1 + z²/n. Under the root stand p(1 − p)/n and z²/(4n²).",
        "middle = (p + z²/(2n)) / (1 + z²/n); the half width is z · root / (1 + z²/n).",
    ],
)

referee = Exercise(
    "Exercise 2",
    judge_referee,
    [
        "Choose means and rows of which you know the right answer. Equal batches hide a mistake.",
        "Three batches, all of other sizes, and losses that differ: what is the sum of all losses?",
        "The right value is Σ means · rows / Σ rows. Compare by math.isclose, not by ==.",
    ],
)
