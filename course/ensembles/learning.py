"""What an ensemble is made of: learners, and what they have learned.

A learner is a function fit(x, y, weights, seed). It learns from rows and returns a function from
rows (B, …) to outputs (B, C). So any model can be a member: `by_trainer` makes a learner of a
course model.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..errors import CourseError, check_choice, check_count, check_seed
from ..nn.model import Model
from ..optim.chain import Chain
from ..training.trainer import Trainer

Outputs = Callable[[Tensor], Tensor]


class Learner(Protocol):
    """A way to learn from rows."""

    def __call__(self, x: Tensor, y: Tensor, weights: Tensor | None, seed: int) -> Outputs:
        """Return a function from rows (B, …) to outputs (B, C).

        Args:
            x: rows (N, …).
            y: class numbers (N,), or values (N, K).
            weights: (N,), at least 0, sum 1: what each row counts; None: all alike.
            seed: of whatever is drawn.
        """


def check_members(members: object) -> int:
    """Return the number of members, at least 1, or raise `CourseError`."""
    return check_count("members", members, 1, 10**5, "10 is a common start")


def bootstrap(n: int, seed: int, weights: Tensor | None = None) -> Tensor:
    """Return n row numbers drawn with replacement: (n,) int64; about 63 % of the rows are there.

    Args:
        n: the rows there are, at least 1.
        seed: of the draw.
        weights: (n,), the chance of each row up to a factor; None: all alike.

    Raises:
        CourseError: for numbers out of range.

    Source: Efron (1979).
    """
    n = check_count("n", n, 1, 2**24, "the number of rows")
    generator = torch.Generator().manual_seed(check_seed(seed))
    if weights is None:
        return torch.randint(n, (n,), generator=generator)
    return torch.multinomial(weights.double().cpu(), n, replacement=True, generator=generator)


def by_trainer(
    build: Callable[[int], Model], chain: Callable[[], Chain], steps: int, batch_size: int = 32,
    classes: int | None = None,
) -> Learner:  # fmt: skip
    """Return a learner that trains a course model.

    Weights act by resampling: rows are drawn with replacement, each with its weight as its chance
    (Freund & Schapire 1997, section 4), since a batch of the trainer counts its rows alike. Equal
    weights are no weights: then every row is there once, as in the first round of boosting.

    Args:
        build: called with a seed; returns a new `Network` or adopted module.
        chain: called without arguments; returns a new chain.
        steps: of training, at least 0.
        batch_size: rows a step; fewer rows are one batch.
        classes: the number of classes; None: a regression.

    Raises:
        CourseError: for steps out of range; when it learns, for what a `Trainer` does not take.
    """
    steps = check_count("steps", steps, 0, 10**9, "0 or more")

    def fit(x: Tensor, y: Tensor, weights: Tensor | None, seed: int) -> Outputs:
        if weights is not None and not bool((weights == weights[0]).all()):
            rows = bootstrap(len(y), seed, weights)
            x, y = x[rows], y[rows]
        data = Dataset("rows of an ensemble", x, y, x[:1], y[:1], classes)
        model = build(seed)
        trainer = Trainer(model, data, chain(), min(batch_size, len(y)), seed)
        for _ in trainer.run(steps):
            pass
        return model.predict

    return fit


# ---- outputs of many as one ---------------------------------------------------------------------


def check_outputs(outputs: Sequence[Tensor]) -> Tensor:
    """Return the outputs of M members, (B, C) each, as (M, B, C), or raise `CourseError`."""
    shapes = [tuple(z.shape) for z in outputs]
    if not shapes or len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise CourseError(
            f"the members' outputs are {shapes[:3]}; allowed: at least one, all (B, C) alike; "
            "give every member the same rows"
        )
    return torch.stack(list(outputs))


def average(outputs: Sequence[Tensor], kind: str = "probabilities") -> Tensor:
    """Return the mean of the members' outputs: (B, C).

    Args:
        outputs: (B, C) of each member: logits, or values of a regression.
        kind: 'probabilities': the mean of softmax(z); 'outputs': of z itself.

    Raises:
        CourseError: for outputs that differ in shape, and another kind.

    Source: Breiman (1996); Lakshminarayanan et al. (2017), section 2.4.
    """
    check_choice("kind", kind, ("probabilities", "outputs"))
    Z = check_outputs(outputs)
    return (Z.softmax(2) if kind == "probabilities" else Z).mean(0)


def votes(outputs: Sequence[Tensor], weights: Tensor | None = None) -> Tensor:
    """Return what each class gets when every member votes for its largest output: (B, C).

    Args:
        outputs: (B, C) of each of M members.
        weights: (M,), what each vote counts; None: 1.

    Raises:
        CourseError: for outputs that differ in shape, or another number of weights.
    """
    Z = check_outputs(outputs)
    ballots = torch.nn.functional.one_hot(Z.argmax(2), Z.shape[2]).double()
    if weights is None:
        return ballots.sum(0)
    if weights.shape != (len(Z),):
        raise CourseError(
            f"weights are {tuple(weights.shape)}; allowed: ({len(Z)},), one for each member"
        )
    return torch.einsum("m,mbc->bc", weights.to(ballots), ballots)
