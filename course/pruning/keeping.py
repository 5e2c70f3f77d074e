"""How pruned weights stay away: exactly 0 after every step, and no memory of them.

A step could bring a pruned weight back in three ways. Its gradient is not 0: the hook clears it. A
momentum from before goes on: pruning clears the buffers. A transform mixes entries, as Muon and
Newton do, or divides 0 by 0: `Mask` clears the weight after the step.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CourseError, check_count, shown
from ..optim.chain import Transform
from ..training.trainer import Trainer
from .choosing import Choice, by_magnitude, check_share


@dataclass
class Mask(Transform):
    """θ ← θ where `keep` is True, else 0; after `Descend`. At first everything is kept.

    The mask is a buffer: a checkpoint holds it. A recipe cannot, and is refused: `course.Prune`
    has one.
    """

    after_descend = True
    replays = False

    def init(self, theta):
        self.keep = torch.ones_like(theta, dtype=torch.bool)

    def state(self):
        return {"keep": self.keep}

    def __call__(self, g, context):
        context.theta.masked_fill_(~self.keep, 0)  # not a product: 0 · NaN is NaN
        return g


class Pruning:
    """Keep pruned weights of a trainer's model at 0, whatever its chain does.

    Args:
        trainer: of a `Network` or an adopted module, in one process.

    Raises:
        CourseError: for a trainer whose gradient hook is taken.
    """

    def __init__(self, trainer: Trainer):
        if trainer.gradient_hook is not None:
            raise CourseError(
                f"gradient_hook = {shown(trainer.gradient_hook)}; allowed: None, since pruning "
                "needs it; prune a trainer without one"
            )
        self.trainer = trainer
        trainer.chain.insert(len(trainer.chain.transforms), Mask())
        trainer.gradient_hook = self._clear

    @property
    def mask(self) -> Mask:
        """The mask at the end of the chain; a checkpoint that is loaded brings one of its own."""
        return self.trainer.chain.find(Mask)

    def _clear(self, loss: Tensor, grad: Tensor) -> Tensor:
        grad.masked_fill_(~self.mask.keep, 0)
        return loss

    @property
    def keep(self) -> Tensor:
        """(P,) bool: False is a weight that stays 0. A copy."""
        return self.mask.keep.clone()

    def prune(self, keep: Tensor) -> None:
        """Throw away what `keep` does not keep; what it keeps again starts at 0, without memory.

        Args:
            keep: (P,) bool, as `by_magnitude` gives it.

        Raises:
            CourseError: for anything else.
        """
        theta = self.trainer.model.theta
        good = isinstance(keep, Tensor) and keep.dtype == torch.bool
        if not good or keep.shape != theta.shape:
            raise CourseError(
                f"keep = {shown(keep)}; allowed: a bool for each of the {len(theta)} weights; use "
                "by_magnitude(model, share)"
            )
        self.mask.keep.copy_(keep)
        gone = ~self.mask.keep
        theta.masked_fill_(gone, 0)
        for t in self.trainer.chain.transforms:
            for buffer in t.state().values():
                if buffer.shape == theta.shape and t is not self.mask:
                    buffer.masked_fill_(gone, 0)


def cubic_shares(share: float, rounds: int) -> list[float]:
    """Return the shares s_t = s (1 - (1 - t/n)³) of rounds t = 1 … n: much first, little last.

    Args:
        share: s, the share in the end, in [0, 1].
        rounds: n, at least 1.

    Raises:
        CourseError: for numbers out of range.

    Source: Zhu & Gupta (2018), equation 1.
    """
    share, n = check_share(share), check_count("rounds", rounds, 1, 10**6, "5 is usual")
    return [share * (1 - (1 - t / n) ** 3) for t in range(1, n + 1)]


def prune_and_tune(
    pruning: Pruning, shares: Iterable[float], steps: int, choose: Choice = by_magnitude
) -> Iterator[float]:
    """Prune, train on, prune more: yield each share after its steps of training.

    Weights once pruned are 0, so a choice by magnitude keeps them away.

    Args:
        shares: of all weights of the matrices, each in [0, 1], as `cubic_shares` gives them.
        steps: of training after each.
        choose: called as choose(model, share); returns the mask (P,).

    Raises:
        CourseError: at the first value out of range.

    Source: Han et al. (2015).
    """
    check_count("steps", steps, 0, 10**9, "0 or more")
    for share in shares:
        pruning.prune(choose(pruning.trainer.model, check_share(share)))
        for _ in pruning.trainer.run(steps):
            pass
        yield share
