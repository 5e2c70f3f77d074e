"""Judges for chapter 2_1_networks: XOR from units by hand, folds, and where depth loses."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["folds", "losing", "xor"]

# ---- 1. XOR from units ------------------------------------------------------------------------

CORNERS = list(product((0.0, 1.0), repeat=2))  # (0, 0), (0, 1), (1, 0), (1, 1)
FORM = (
    "Give hidden = [(w1, w2, b), (w1, w2, b)] and output = (v1, v2, c), three numbers each, and "
    "hand over both: check((hidden, output))."
)
TABLES = {  # what the output says at the four corners: True where z is above 0
    (False, True, True, True): (
        "That is OR: it says yes to (1, 1), too. Let the second unit be above 0 only there, and "
        "subtract enough of it."
    ),
    (False, False, False, True): "That is AND: it says yes only if both inputs are 1.",
    (True, True, True, False): "That is NOT AND: it says yes to (0, 0), too.",
    (True, False, False, False): "That is NOT OR: it says yes to (0, 0) alone.",
    (True, False, False, True): "Upside down: it says yes where the inputs are equal. Change the "
    "signs of v1, v2 and c.",
    (False, False, True, True): "It follows x₁ alone.",
    (False, True, False, True): "It follows x₂ alone.",
    (False,) * 4: "It says no to all four inputs.",
    (True,) * 4: "It says yes to all four inputs.",
}


def judge_xor(answer) -> str | None:
    """Judge (hidden, output): two ReLU units above x₁, x₂, and the output unit above them."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return FORM
    hidden, output = answer
    units = [*hidden, output] if isinstance(hidden, tuple | list) else []
    if len(units) != 3 or not all(isinstance(u, tuple | list) and len(u) == 3 for u in units):
        return FORM
    if any(v is ... or v is None for unit in units for v in unit):
        return "One of the nine numbers is still open."
    if not all(_is_number(v) for unit in units for v in unit):
        return "All nine must be plain, finite numbers."
    a = np.array([[max(w1 * x1 + w2 * x2 + b, 0) for w1, w2, b in units[:2]] for x1, x2 in CORNERS])
    z = a @ np.array(output[:2], dtype=float) + float(output[2])
    if (np.abs(z) < 1e-9).any():
        corner = CORNERS[int(np.abs(z).argmin())]
        return f"At {_named(corner)} the output is exactly 0: neither yes nor no. Move c a little."
    said = tuple((z > 0).tolist())
    if said == (False, True, True, False):
        return None
    return TABLES.get(said, _first_wrong(said)) + _why(a)


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _named(corner: tuple[float, ...]) -> str:
    return f"({corner[0]:g}, {corner[1]:g})"


def _first_wrong(said: tuple[bool, ...]) -> str:
    """Name the first corner that is wrong."""
    right = (False, True, True, False)
    at = next(i for i in range(4) if said[i] != right[i])
    return f"At {_named(CORNERS[at])} it says {'yes' if said[at] else 'no'}."


def _why(a: np.ndarray) -> str:
    """Say what keeps the hidden units, (4 corners, 2), from being of use."""
    for number, unit in enumerate(a.T, 1):
        if not unit.any():
            return f" Hidden unit {number} answers 0 to every input."
    if np.linalg.matrix_rank(a) < 2:
        return " Both hidden units answer the same, up to a factor: one of them is of no use."
    return ""


xor = Exercise(
    "Exercise 1",
    judge_xor,
    [
        "One unit can add the inputs: x₁ + x₂ is 0, 1, 1, 2 at the four inputs. What has to happen "
        "to the 2?",
        "Let unit 1 be the sum. Let unit 2 answer 0 except at (1, 1): the sum again, with a "
        "bias that leaves only the 2 above 0.",
        "hidden = [(1, 1, 0), (1, 1, -1)] gives 0, 1, 1, 2 and 0, 0, 0, 1. Which v1, v2, c make "
        "of these a number below 0, above, above, below?",
    ],
)

# ---- 2. how wide one layer must be ------------------------------------------------------------

FOLDS = 10


def judge_folds(answer) -> str | None:
    """Judge the number of ReLU units that one hidden layer needs for 2**FOLDS straight pieces."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return "Give a number."
    pieces = 2**FOLDS
    known: dict[float, str] = {
        pieces: "That is the number of pieces. How many bends lie between them? (For the very "
        "same line you are right. Here only the number of pieces counts.)",
        pieces + 1: "Two too many: count the bends *between* the pieces.",
        2 * FOLDS: f"So many units stand in the {FOLDS} layers together. One layer needs more.",
        2 * pieces: "Each unit bends the line once, so count bends.",
        pieces // 2: f"Each layer doubles the pieces: {FOLDS} layers make 2·2·…·2, {FOLDS} times.",
        FOLDS: "That is the number of layers.",
    }
    if answer == pieces - 1:
        return None
    return known.get(answer, "First count the straight pieces, then the bends between them.")


folds = Exercise(
    "Exercise 2",
    judge_folds,
    [
        "How many straight pieces has the line after 1, 2, 3 layers? Read it off the figure.",
        "Each layer doubles the pieces. In a single hidden layer, each unit adds one bend.",
        f"After {FOLDS} layers there are 2^{FOLDS} pieces. Between two neighbouring pieces there "
        "is one bend.",
    ],
)

# ---- 3. where depth loses ---------------------------------------------------------------------

Tables = dict[str, np.ndarray]
DEEP, LINEAR = "depth 4", "linear"


def losing_sizes(counts: list[int], val: Tables, test: Tables) -> list[int]:
    """Return those N at which depth 4 is below the linear model, each at its own best rate.

    Args:
        counts: the numbers of training samples N.
        val, test: accuracies by model, (N, rates, seeds).
    """
    return _by_rate(counts, test, lambda m, n: int(val[m][n].mean(1).argmax()))


def _by_rate(counts, reported: Tables, rate: Callable[[str, int], int]) -> list[int]:
    """Return where the mean over seeds is lower with depth, at the rates that are chosen."""
    means = {m: [reported[m][n, rate(m, n)].mean() for n in range(len(counts))] for m in reported}
    return [N for N, d, s in zip(counts, means[DEEP], means[LINEAR], strict=True) if d < s]


def _mistakes(counts: list[int], val: Tables, test: Tables) -> list[tuple[list[int], str]]:
    """Return the answers of wrong methods, with what to say of each."""
    right = losing_sizes(counts, val, test)

    def best(table, m, n):
        return int(table[m][n].mean(1).argmax())

    def by_seed(m, n):  # each seed has a rate of its own
        return test[m][n][val[m][n].argmax(0), range(test[m].shape[2])].mean()

    def where(score: Callable[[str, int], float]) -> list[int]:
        return [N for n, N in enumerate(counts) if score(DEEP, n) < score(LINEAR, n)]

    return [
        (_by_rate(counts, test, lambda m, n: best(test, m, n)),
         "The rate was chosen on the test set. Choose on validation, and report what the test set "
         "says at that rate."),
        (_by_rate(counts, val, lambda m, n: best(val, m, n)),
         "This reports the validation accuracy, by which the rate was chosen. Report that of the "
         "test set."),
        ([N for N in counts if N not in right],
         "Turned round: these are the N at which depth 4 does *not* lose."),
        (where(lambda m, n: test[m][n].mean()),
         "This averages over the rates, good and bad. First choose one for each model and N."),
        (where(lambda m, n: test[m][n].max()),
         "That compares the best runs on the test set: a lucky seed decides. Take the mean over "
         "the seeds."),
        (where(lambda m, n: test[m][n, best(val, m, n)].max()),
         "The best seed decides here: that is luck. Take the mean over the seeds."),
        (where(by_seed),
         "Here each seed has a rate of its own. Choose one rate by the mean over the seeds."),
        (_by_rate(counts, test, lambda m, n: best(val, DEEP, n)),
         "The linear model was given the rate that suits depth 4. Each model gets its own."),
        (_by_rate(counts, test, lambda m, n: best(val, LINEAR, n)),
         "Depth 4 was given the rate that suits the linear model. Each model gets its own."),
        (_by_rate(counts, test, lambda m, n: int(val[m].mean((0, 2)).argmax())),
         "One rate was chosen for all N together. Choose again at each N."),
        (_by_rate(counts, test, lambda m, n: int(val[m][n].mean(1).argmin())),
         "That is the worst rate: argmax, not argmin."),
    ]  # fmt: skip


def draw_tables(draw: Draw) -> tuple[list[int], Tables, Tables]:
    """Draw tables where depth 4 loses somewhere and each wrong method gives another answer."""
    n, rates, seeds = draw.sizes(3, 5, 9)
    start = 2 + int(torch.randint(9, (1,), generator=draw.generator))
    counts = [start * 2**i + i for i in range(n)]
    while True:
        val, test = (
            {m: torch.rand(n, rates, seeds, generator=draw.generator, dtype=torch.float64).numpy()
             for m in (LINEAR, DEEP)} for _ in range(2)
        )  # fmt: skip
        right = losing_sizes(counts, val, test)
        answers = [tuple(answer) for answer, _ in _mistakes(counts, val, test)]
        if right and tuple(right) not in answers and len(set(answers)) == len(answers):
            return counts, val, test


def judge_losing(answer) -> str | None:
    """Judge answer(counts, val, test) → the N at which depth 4 loses."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_losses."
    return on_probes(lambda draw: judge_tables(answer, *draw_tables(draw)))


def judge_tables(answer, counts: list[int], val: Tables, test: Tables) -> str | None:
    """Judge it on one pair of tables."""
    given = {m: v.copy() for m, v in val.items()}, {m: v.copy() for m, v in test.items()}
    found = answer(list(counts), *given)
    if found is None or found is ...:
        return "The function returns nothing yet: end it with return."
    try:
        found = [v.item() if hasattr(v, "item") else v for v in found]
    except (TypeError, ValueError):
        return "Return a list of some of the N, as [15, 60]."
    right = losing_sizes(counts, val, test)
    if any(isinstance(v, bool) or v not in counts for v in found):
        return "Return a list of some of the N themselves, as [15, 60], not places or truth values."
    if len(set(found)) < len(found):
        return "An N stands in the list twice."
    if sorted(found) == right:
        return None
    known = (words for wrong, words in _mistakes(counts, val, test) if wrong == sorted(found))
    words = (
        f"Your list is not right: it should have {len(right)} of the {len(counts)} N. For each "
        "model and N: the rate with the best mean of val, then the mean of test at that rate."
    )
    return next(known, words)


losing = Exercise(
    "Exercise 3",
    judge_losing,
    [
        "Two steps for each model and N: choose a rate by val, then look up test at that rate.",
        "val[m][n].mean(1) is the mean over the seeds, one for each rate; .argmax() is the row "
        "of the best rate. Neither test nor the other model plays a part in it.",
        "Write report(m, n): the mean of test[m][n] in the row that hint 2 found. Then compare the "
        "reports of the two models at each n.",
    ],
)
