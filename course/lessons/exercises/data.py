"""Judges for chapter 3_11_data."""

import torch
from torch import Tensor

from ..checking import Exercise
from ..judging import Draw, on_probes

__all__ = ["folds", "scale"]

# ---- 1. an accuracy in which no kept row has a say ----------------------------------------------


def judge_folds(answer) -> str | None:
    """Judge answer(x, y, fold, choose, guess) → the share of right guesses on kept rows."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_accuracy."
    return on_probes(lambda draw: judge_one_table(answer, draw))


class Watched:
    """Two functions that keep what they are handed: one chooses columns, one guesses.

    Args:
        right: for each row (a tuple of its numbers) what is guessed.
        columns: those that are chosen.
    """

    def __init__(self, right: dict[float, int], columns: Tensor):
        self.right, self.columns = right, columns
        self.chose: list[tuple[Tensor, Tensor]] = []
        self.learned: list[tuple[Tensor, Tensor, Tensor]] = []

    def choose(self, x, y):
        self.chose.append((torch.as_tensor(x).clone(), torch.as_tensor(y).clone()))
        return self.columns.clone()

    def guess(self, x, y, rows):
        x, y, rows = (torch.as_tensor(part).clone() for part in (x, y, rows))
        self.learned.append((x, y, rows))
        return torch.tensor([self.right.get(float(row[0]), 0) for row in rows])


def judge_one_table(answer, draw: Draw) -> str | None:
    """Judge it on a table whose folds have unlike sizes."""
    (count,) = draw.sizes(1, 3, 5)
    (D,) = draw.sizes(1, 6, 9)
    sizes = [4 + 3 * number for number in range(count)]
    fold = torch.cat([torch.full((n,), k) for k, n in enumerate(sizes)])
    fold = fold[torch.randperm(len(fold), generator=draw.generator)]
    x = draw.normal(len(fold), D)
    y = torch.arange(len(fold)) % 2
    columns = torch.randperm(D, generator=draw.generator)[:3]
    # in the fold k all guesses but k + 1 are right
    flaws = {int(row) for k in range(count) for row in (fold == k).nonzero()[: k + 1]}
    right = {float(x[i, columns[0]]): int(y[i]) ^ (i in flaws) for i in range(len(fold))}
    watched = Watched(right, columns)
    got = answer(x.clone(), y.clone(), fold.clone(), watched.choose, watched.guess)
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return and the accuracy."
    if words := judge_calls(watched, x, y, fold, count):
        return words
    if isinstance(got, bool) or torch.as_tensor(got).numel() != 1:
        return "Return one number, the share of all rows that are guessed rightly."
    share, found = 1 - len(flaws) / len(fold), float(got)
    if abs(found - share) < 1e-6:
        return None
    shares = [1 - (k + 1) / n for k, n in enumerate(sizes)]
    if abs(found - sum(shares) / count) < 1e-6:
        return ("That is the mean over folds. They have unlike sizes here: count right rows, and "
                "divide by all rows.")  # fmt: skip
    if abs(found - (1 - share)) < 1e-6:
        return "That is the share of *wrong* guesses."
    if abs(found - share * len(fold)) < 1e-6:
        return "That is how many are right. Divide by the number of rows."
    return f"You return {found:.4g} where {share:.4g} of the rows are right."


def judge_calls(watched: Watched, x: Tensor, y: Tensor, fold: Tensor, count: int) -> str | None:
    """Judge what the two functions were handed."""
    if not watched.learned:
        return "guess is never called: it takes the rows to learn from, and the rows kept aside."
    if not watched.chose:
        return "choose is never called. Without it no column is selected."
    if any(len(rows) == len(x) for rows, _ in watched.chose):
        return ("choose sees all rows, and so those that are kept aside: the leak. Call it in the "
                "loop, with the others alone.")  # fmt: skip
    if len(watched.learned) != count or len(watched.chose) != count:
        return (f"There are {count} folds; choose is called {len(watched.chose)} times, guess "
                f"{len(watched.learned)} times. Each fold is kept aside once.")  # fmt: skip
    for number in range(count):
        kept, others = fold == number, fold != number
        found = [rows for rows, _ in watched.chose if rows.shape == x[others].shape]
        if not any(torch.equal(rows, x[others]) for rows in found):
            if any(torch.equal(rows, x[kept]) for rows, _ in watched.chose):
                return "choose gets the fold that is kept aside. It must get the others."
            return f"choose never gets the rows outside of fold {number}, with all their columns."
        wanted = (x[others][:, watched.columns], y[others], x[kept][:, watched.columns])
        shapes = [part.shape for part in wanted]
        if not any(all(map(torch.equal, got, wanted)) for got in watched.learned):
            if any([part.shape for part in got] == [x[others].shape, shapes[1], x[kept].shape]
                   for got in watched.learned):  # fmt: skip
                return "guess gets all columns. Hand it those that choose returned, of both parts."
            return (f"guess never gets the rows outside of fold {number}, their labels, and the "
                    "rows of the fold, all with the chosen columns.")  # fmt: skip
    return None


folds = Exercise(
    "Exercise 1",
    judge_folds,
    [
        "A loop over the folds. In it: which rows are kept aside, which may be learned from?",
        "kept = fold == number. Everything that learns gets x[~kept] and y[~kept] alone; choose "
        "learns, too.",
        "columns = choose(x[~kept], y[~kept]), then guess(x[~kept][:, columns], y[~kept], "
        "x[kept][:, columns]). Count what equals y[kept], over all folds.",
    ],
)


# ---- 2. one scale for all features ---------------------------------------------------------------


def judge_scale(answer) -> str | None:
    """Judge answer(x_train, x_new) → both standardised with the numbers of x_train."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_scaled."
    return on_probes(lambda draw: judge_one_scale(answer, draw))


def judge_one_scale(answer, draw: Draw) -> str | None:
    """Judge it on a table with a column that is constant in the training rows."""
    N, n, D = draw.sizes(3, 6, 12)
    n, D = n + 5, max(D, 3)
    units = torch.tensor([10.0 ** (k % 5) for k in range(D)], dtype=torch.float64)
    train, new = 3 * units + units * draw.normal(N, D), 5 * units + 2 * units * draw.normal(n, D)
    train[:, 1] = 7.0
    got = answer(train.clone(), new.clone())
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return and the two tables."
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "Return two tables: the training rows and the new rows, both scaled."
    found = [torch.as_tensor(part).double() for part in got]
    if [part.shape for part in found] != [train.shape, new.shape]:
        return f"The tables must keep their shapes, {(*train.shape,)} and {(*new.shape,)}."
    if not all(bool(part.isfinite().all()) for part in found):
        return ("A number is not finite. One column is constant in the training rows: its spread "
                "is 0, and you divide by it. Make that column 0.")  # fmt: skip
    return judge_numbers(train, new, found)


def by(rows: Tensor, base: Tensor, correction: int) -> Tensor:
    """Return rows scaled with the numbers of `base`; each column varies there."""
    return (rows - base.mean(0)) / base.std(0, correction=correction)


def judge_numbers(train: Tensor, new: Tensor, found: list[Tensor]) -> str | None:
    """Judge two scaled tables of the right shapes."""
    varies = (train != train[0]).any(0)
    if bool(found[0][:, ~varies].any()) or bool(found[1][:, ~varies].any()):
        return "The column that is constant in the training rows must be 0 in both tables."
    train, new, ours, theirs = (rows[:, varies] for rows in (train, new, *found))

    def same(rows: Tensor, wanted: Tensor) -> bool:
        return torch.allclose(rows, wanted, rtol=1e-5, atol=1e-6)

    def both(base: Tensor, correction: int = 0) -> bool:
        return same(ours, by(train, base, correction)) and same(theirs, by(new, base, correction))

    if both(train):
        return None
    if both(train, 1):
        return "You divide by N − 1 in the spread. Here it is N: std(0, correction=0)."
    if both(torch.cat([train, new])):
        return "Mean and spread come from all rows: the leak. The new rows have no say."
    if same(ours, by(train, train, 0)):
        if same(theirs, by(new, new, 0)):
            return ("The new rows are scaled by their own mean and spread. Then a flat means "
                    "something else in each table: use the training rows' numbers.")  # fmt: skip
        if same(theirs, new):
            return "The new rows are as they were. Scale them, too."
        return "The training rows are right. The new rows need the same two numbers a column."
    mean, spread, low = train.mean(0), train.std(0, correction=0), train.min(0).values
    mistakes = [
        (train / spread, "The mean is not subtracted."),
        ((train - mean) / spread**2, "You divide by the mean *square*. The spread is its root."),
        ((train - low) / (train.max(0).values - low),
         "That scales to [0, 1]. Standardising subtracts the mean and divides by the spread."),
    ]  # fmt: skip
    for wrong, words in mistakes:
        if same(ours, wrong):
            return words
    pairs = train.flatten(), ours.flatten()
    if float(torch.corrcoef(torch.stack(pairs))[0, 1]) > 1 - 1e-9:
        return "One mean and one spread for the whole table. Each column needs its own: mean(0)."
    return "The training rows must have mean 0 and spread 1 in each column that varies."


scale = Exercise(
    "Exercise 2",
    judge_scale,
    [
        "Two numbers for each column: which rows may they come from?",
        "mean = x_train.mean(0), spread = x_train.std(0, correction=0), used for both tables.",
        "Where the spread is 0, divide by 1 instead, and set that column of both tables to 0.",
    ],
)
