"""Soups: one model whose weights are the mean of many. And why a mean of outputs helps at all."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CourseError
from .learning import check_outputs


def soup(thetas: Sequence[Tensor]) -> Tensor:
    """Return the mean of the weights of M models: (P,).

    It is a good model only where they lie in one valley, as after training on from one start:
    units of networks trained apart stand in another order.

    Args:
        thetas: (P,) each, of one architecture.

    Raises:
        CourseError: for none, or for vectors of unlike length.

    Source: Wortsman et al. (2022), the uniform soup.
    """
    shapes = {tuple(t.shape) for t in thetas}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise CourseError(
            f"thetas have shapes {sorted(shapes)}; allowed: at least one, all (P,); take models of "
            "one architecture"
        )
    return torch.stack(list(thetas)).mean(0)


def greedy_soup(
    thetas: Sequence[Tensor], score: Callable[[Tensor], float]
) -> tuple[Tensor, list[int]]:
    """Return a soup that is no worse than its best member, where it is scored.

    From the best to the worst: a member joins when the soup with it scores at least as well.

    Args:
        thetas: (P,) each.
        score: called with (P,); returns a number, larger is better, as the accuracy on validation
            rows. Never score on test rows: this is a choice.

    Returns:
        The weights (P,), and the members' places in `thetas`, in the order they joined.

    Raises:
        CourseError: as `soup`.

    Source: Wortsman et al. (2022), algorithm 1.
    """
    soup(thetas)  # refuses what does not fit
    scores = [score(theta) for theta in thetas]
    order = sorted(range(len(thetas)), key=lambda i: -scores[i])  # stable: the first of equals
    members, best = order[:1], scores[order[0]]
    for i in order[1:]:
        value = score(soup([thetas[j] for j in [*members, i]]))
        if value >= best:
            members, best = [*members, i], value
    return soup([thetas[i] for i in members]), members


class Parts(NamedTuple):
    """The parts of a mean squared error, each a mean over rows and outputs."""

    bias_squared: float
    """(mean over draws of F - f)²."""
    variance: float
    """Of F over draws of the training rows."""
    error: float
    """The mean of (F - f)², without noise: bias² + variance."""


def bias_variance(outputs: Sequence[Tensor], truth: Tensor) -> Parts:
    """Return what of the error is bias and what is variance, over M independent draws of the data.

    The variance divides by M, so that the parts add up; a draw of finite M moves variance / M of it
    into the bias.

    Args:
        outputs: (B, K) of each of M models, each trained on a draw of its own.
        truth: f(x), without noise: (B, K).

    Raises:
        CourseError: for outputs or truth that differ in shape.

    Source: Geman, Bienenstock & Doursat (1992), equation 3.
    """
    F = check_outputs(outputs).double()
    if truth.shape != F.shape[1:]:
        raise CourseError(
            f"truth is {tuple(truth.shape)}; allowed: {tuple(F.shape[1:])}, as a member's outputs"
        )
    mean = F.mean(0)
    bias = float((mean - truth).square().mean())
    return Parts(bias, float((F - mean).square().mean()), float((F - truth).square().mean()))
