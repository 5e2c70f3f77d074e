"""Wrong answers to the exercises of 3_11_data: (exercise, answer, what its message says)."""

import torch

from course.lessons.exercises import data

FOLDS, SCALE = data.folds, data.scale


def accuracy(x, y, fold, choose, guess, *, chosen="others", result="share", narrow=True):
    """An honest accuracy, or one that is wrong in one place."""
    right, shares = 0, []
    for number in fold.unique():
        kept = fold == number
        rows = {"others": ~kept, "kept": kept, "all": kept | True}[chosen]
        columns = choose(x[rows], y[rows]) if chosen != "never" else torch.arange(3)
        part = x[:, columns] if narrow else x
        found = guess(part[~kept], y[~kept], part[kept])
        right += int((found == y[kept]).sum())
        shares.append(float((found == y[kept]).double().mean()))
    ends = {"share": right / len(y), "count": right, "wrong": 1 - right / len(y),
            "mean of folds": sum(shares) / len(shares), "half": right / len(y) / 2}  # fmt: skip
    return ends[result]


def with_(**changes):
    return lambda x, y, fold, choose, guess: accuracy(x, y, fold, choose, guess, **changes)


def selected_before(x, y, fold, choose, guess):
    columns = choose(x, y)
    return accuracy(x[:, columns], y, fold, lambda x, y: torch.arange(3), guess)


def never_chosen(x, y, fold, choose, guess):
    return accuracy(x, y, fold, lambda x, y: torch.arange(3), guess)


def last_fold_only(x, y, fold, choose, guess):
    kept = fold == int(fold.max())
    columns = choose(x[~kept], y[~kept])
    found = guess(x[~kept][:, columns], y[~kept], x[kept][:, columns])
    return float((found == y[kept]).double().mean())


def learns_from_all(x, y, fold, choose, guess):
    right = 0
    for number in fold.unique():
        kept = fold == number
        columns = choose(x[~kept], y[~kept])
        right += int((guess(x[:, columns], y, x[kept][:, columns]) == y[kept]).sum())
    return right / len(y)


def in_place(x, y, fold, choose, guess):
    found = accuracy(x, y, fold, choose, guess)
    x[0] = 0
    return found


def scaled(train, rows, correction=0):
    spread = train.std(0, correction=correction)
    varies = (train != train[0]).any(0)
    return (rows - train.mean(0)) / torch.where(varies, spread, torch.ones_like(spread)) * varies


def to_one(train, rows):
    low, high = train.min(0).values, train.max(0).values
    width = torch.where(high > low, high - low, torch.ones_like(high))
    return (rows - low) / width * (high > low)


WRONG = [
    (FOLDS, 0.5, "function itself"),
    (FOLDS, lambda x, y, fold, choose, guess: None, "returns nothing"),
    (FOLDS, selected_before, "choose sees all rows"),
    (FOLDS, with_(chosen="all"), "choose sees all rows"),
    (FOLDS, with_(chosen="kept"), "gets the fold that is kept aside"),
    (FOLDS, never_chosen, "choose is never called"),
    (FOLDS, lambda x, y, fold, choose, guess: 0.5, "guess is never called"),
    (FOLDS, last_fold_only, "Each fold is kept aside once"),
    (FOLDS, learns_from_all, "guess never gets the rows outside of fold"),
    (FOLDS, with_(narrow=False), "guess gets all columns"),
    (FOLDS, with_(result="mean of folds"), "mean over folds"),
    (FOLDS, with_(result="wrong"), "share of *wrong* guesses"),
    (FOLDS, with_(result="count"), "Divide by the number of rows"),
    (FOLDS, with_(result="half"), "of the rows are right"),
    (
        FOLDS,
        lambda x, y, fold, choose, guess: [accuracy(x, y, fold, choose, guess), 1.0],
        "Return one number",
    ),
    (FOLDS, in_place, "changed the x"),
    (SCALE, torch.zeros(2, 2), "function itself"),
    (SCALE, lambda a, b: None, "returns nothing"),
    (SCALE, scaled, "Return two tables"),
    (SCALE, lambda a, b: (scaled(a, a), scaled(a, b)[:2]), "keep their shapes"),
    (
        SCALE,
        lambda a, b: ((a - a.mean(0)) / a.std(0, correction=0) / (a != a[0]).any(0), b),
        "not finite",
    ),
    (SCALE, lambda a, b: (scaled(a, a, 1), scaled(a, b, 1)), "divide by N − 1"),
    (SCALE, lambda a, b: (scaled(a, a), scaled(b, b) * (a != a[0]).any(0)), "own mean and spread"),
    (SCALE, lambda a, b: (scaled(a, a), b * (a != a[0]).any(0)), "as they were"),
    (SCALE, lambda a, b: (scaled(a, a), 2 * scaled(a, b)), "same two numbers a column"),
    (SCALE, lambda a, b: (scaled(a, a) + 1, scaled(a, b) + 1), "must be 0 in both"),
    (
        SCALE,
        lambda a, b: tuple(scaled(torch.cat([a, b]), r) * (a != a[0]).any(0) for r in (a, b)),
        "come from all rows",
    ),
    (
        SCALE,
        lambda a, b: tuple(
            (r - a.mean()) / a.std(correction=0) * (a != a[0]).any(0) for r in (a, b)
        ),
        "for the whole table",
    ),
    (SCALE, lambda a, b: (to_one(a, a), to_one(a, b)), "scales to [0, 1]"),
    (
        SCALE,
        lambda a, b: tuple(
            scaled(a, r) / torch.where((a != a[0]).any(0), a.std(0, correction=0), 1)
            for r in (a, b)
        ),
        "mean *square*",
    ),
    (SCALE, lambda a, b: tuple(scaled(a, r + a.mean(0)) for r in (a, b)), "mean is not subtracted"),
    (SCALE, lambda a, b: (3 * scaled(a, a), 3 * scaled(a, b)), "mean 0 and spread 1"),
    (SCALE, lambda a, b: 1 / 0, "ZeroDivisionError"),
]
