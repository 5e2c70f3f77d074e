"""Cross-validation on tables of pure noise: what an accuracy is worth when test rows had a say.

    x, y = draw_noise(seed)                                   50 rows, 5000 columns, labels by lot
    cross_validate(x, y, strongest, on_all_rows=True)         the accuracy that is reported
    cross_validate(x, y, strongest)                           the accuracy that is true

Source: Ambroise & McLachlan (2002); Hastie, Tibshirani & Friedman (2009), section 7.10.2.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import check_count, check_seed

FOLDS = 5


def draw_noise(seed: int = 0, rows: int = 50, columns: int = 5000) -> tuple[Tensor, Tensor]:
    """Return x: (rows, columns), normal numbers, and y: (rows,), two classes, half of each.

    Raises:
        CourseError: for a seed or sizes out of range.
    """
    check_count("rows", rows, 10, 10**5, "50 is enough")
    check_count("columns", columns, 1, 10**6, "5000 show the leak")
    dice = torch.Generator().manual_seed(check_seed(seed))
    x = torch.randn(rows, columns, generator=dice, dtype=torch.float64)
    return x, (torch.arange(rows) % 2)[torch.randperm(rows, generator=dice)]


def strongest(x: Tensor, y: Tensor, k: int = 20) -> Tensor:
    """Return the k columns whose class means lie farthest apart, in units of the spread: (k,).

    With two classes this is the order of scikit-learn's `f_classif`.

    Args:
        x: (N, D).
        y: (N,), classes 0 and 1.
        k: how many columns, at most D.
    """
    apart = (x[y == 1].mean(0) - x[y == 0].mean(0)).abs()
    return (apart / x.std(0)).topk(min(k, x.shape[1])).indices


def nearest_mean(x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """Return for each row the class whose mean in (x, y) is nearest: (n,).

    Args:
        x: (N, D), the rows that are learned from.
        y: (N,), class numbers.
        rows: (n, D).
    """
    classes = y.unique()
    means = torch.stack([x[y == label].mean(0) for label in classes])
    return classes[torch.cdist(rows, means).argmin(1)]


def cross_validate(
    x: Tensor, y: Tensor, choose: Callable[[Tensor, Tensor], Tensor], on_all_rows: bool = False
) -> float:
    """Return the share of rows that are answered rightly while they are kept aside.

    Every fifth row is a fold. The others choose columns and are learned from.

    Args:
        x: (N, D).
        y: (N,), class numbers.
        choose: called as choose(x, y); returns the columns to use.
        on_all_rows: whether all rows choose, as they must not.
    """
    fold = torch.arange(len(y)) % FOLDS
    right = 0
    for number in range(FOLDS):
        test = fold == number
        kept = choose(x, y) if on_all_rows else choose(x[~test], y[~test])
        guesses = nearest_mean(x[~test][:, kept], y[~test], x[test][:, kept])
        right += int((guesses == y[test]).sum())
    return right / len(y)
