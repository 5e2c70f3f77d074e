"""Pruning as a transform: a share of the weights is 0 after each step, and the share is a knob.

    chain(HeavyBall(0.9), Descend(0.1), Prune(0.8))
    trainer.set("Prune.sparsity", 0.9)      recorded, so that a recipe replays it

`course.pruning` has other ways to choose.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .chain import Transform


def matrices(views: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the views that are pruned: those of two or more axes. Biases are few: they stay."""
    return {name: view for name, view in views.items() if view.ndim > 1}


def all_but_lowest(scores: Tensor, share: float) -> Tensor:
    """Return (n,) bool, False for this share of the lowest scores (n,); the count is rounded."""
    lost = torch.topk(scores, round(share * len(scores)), largest=False).indices
    return torch.ones_like(scores, dtype=torch.bool).index_fill_(0, lost, False)


@dataclass
class Prune(Transform):
    """θ ← θ, but 0 for the smallest |w|, a share of each matrix; after `Descend`.

    Which ones is decided when the share changes, and not before: they stay 0. When it falls, those
    come back that this step moves most. The transforms before it still see the gradients of pruned
    weights. With an optimiser that works entry by entry, the weights that are kept move as under
    `torch.nn.utils.prune.l1_unstructured`.

    Args:
        sparsity: in [0, 1]; the count of a matrix is rounded, a half to the even one. A schedule
            prunes little by little (Zhu & Gupta 2018).

    Source: Han et al. (2015).
    """

    sparsity: float = 0.5
    after_descend = True
    needs = ("named_views",)

    def init(self, theta):
        self.keep = torch.ones_like(theta, dtype=torch.bool)
        self.share = torch.zeros((), dtype=torch.float64)  # that `keep` was made for

    def state(self):
        return {"keep": self.keep, "share": self.share}

    def __call__(self, g, context):
        theta = context.theta
        if self.sparsity > float(self.share):
            theta.masked_fill_(~self.keep, 0)  # what is gone already goes first
        if self.sparsity != float(self.share):
            kept = matrices(context.named_views(self.keep))
            for name, W in matrices(context.named_views(theta)).items():
                kept[name].copy_(all_but_lowest(W.abs().reshape(-1), self.sparsity).view(W.shape))
            self.share.fill_(self.sparsity)
        theta.masked_fill_(~self.keep, 0)  # not a product: 0 · NaN is NaN
        return g
