"""Bagging and boosting, from simple to complex.

Bagging trains members apart, on draws of the rows: their mean varies less (Breiman 1996). Boosting
trains one after the other, each on what those before got wrong.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CourseError, check_count, check_number, check_seed
from .learning import Learner, Outputs, bootstrap, check_members, votes


@dataclass
class Bagging:
    """Members trained on bootstrap draws of the rows.

    Args:
        learner: see `learning.Learner`.
        members: M, at least 1.
        seed: of the draws; member m learns with seed + m.

    Attributes:
        rows: the draw of each member, (N,).
        fitted: what each member has learned.

    Raises:
        CourseError: for numbers out of range.

    Source: Breiman (1996).
    """

    learner: Learner
    members: int = 10
    seed: int = 0

    def __post_init__(self):
        self.members, self.seed = check_members(self.members), check_seed(self.seed)

    def fit(self, x: Tensor, y: Tensor, rows: list[Tensor] | None = None) -> "Bagging":
        """Train every member on rows x: (N, …) and answers y. `rows` stand for the draws."""
        n, seeds = len(y), range(self.seed, self.seed + self.members)
        self.rows = [bootstrap(n, s) for s in seeds] if rows is None else rows
        if len(self.rows) != self.members:
            raise CourseError(f"rows are {len(self.rows)} draws; allowed: {self.members}, as many "
                              "as members; leave them out to draw them")  # fmt: skip
        self.fitted = [
            self.learner(x[r], y[r], None, s) for r, s in zip(self.rows, seeds, strict=True)
        ]
        return self

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Return the outputs (B, C) of each member; `average` and `votes` make one of them."""
        return [member(x) for member in self.fitted]


@dataclass
class AdaBoost:
    """SAMME: each member learns from rows weighted by the errors of those before.

    For K classes, in each round, with e the weighted share of wrong answers:

        α = ν (log((1 - e)/e) + log(K - 1)),    w ← w exp(α [wrong]), then Σw = 1

    A member without error counts 1 and ends the rounds; one no better than chance, e ≥ 1 - 1/K, is
    dropped and ends them too. These two, and ν, as in scikit-learn's `AdaBoostClassifier`.

    Args:
        learner: see `learning.Learner`; `by_trainer` draws rows by their weights.
        classes: K, at least 2.
        members: the most there are, at least 1.
        rate: ν, above 0.
        seed: member m learns with seed + m.

    Attributes:
        fitted: what each member has learned; alphas: what each counts, (M,).
        weights: those that each member learned from, (N,) each.

    Raises:
        CourseError: for numbers out of range; in `fit`, when the first is no better than chance.

    Source: Hastie, Rosset, Zhu & Zou (2009), algorithm 2; Freund & Schapire (1997) for K = 2.
    """

    learner: Learner
    classes: int
    members: int = 50
    rate: float = 1.0
    seed: int = 0

    def __post_init__(self):
        self.classes = check_count("classes", self.classes, 2, 10**6, "two or more")
        self.members, self.seed = check_members(self.members), check_seed(self.seed)
        self.rate = check_number("rate", self.rate, 0, 1e6, "1 is usual", open_low=True)

    def fit(self, x: Tensor, y: Tensor) -> "AdaBoost":
        """Train member after member on rows x: (N, …) and class numbers y: (N,)."""
        self.fitted: list[Outputs] = []
        self.weights: list[Tensor] = []
        alphas: list[float] = []
        w = torch.full((len(y),), 1 / len(y), dtype=torch.float64)
        chance = 1 - 1 / self.classes
        for m in range(self.members):
            member = self.learner(x, y, w, self.seed + m)
            wrong = member(x).argmax(1) != y
            e = float(w[wrong].sum())
            if e >= chance:
                break
            alpha = self.rate * math.log((self.classes - 1) * (1 - e) / e) if e else 1.0
            self.fitted.append(member)
            self.weights.append(w)
            alphas.append(alpha)
            if e == 0:
                break
            w = w * torch.exp(alpha * wrong.double())
            w = w / w.sum()
        if not alphas:
            raise CourseError(
                f"the first member errs in {e:.3g} of the weight; allowed: below {chance:.3g}, "
                "what chance does; take a learner that learns more"
            )
        self.alphas = torch.tensor(alphas, dtype=torch.float64)
        return self

    def outputs(self, x: Tensor) -> Tensor:
        """Return the weighted votes of rows x: (B, K)."""
        return votes([member(x) for member in self.fitted], self.alphas)


@dataclass
class GradientBoosting:
    """Least squares, stage by stage: F₀ = mean y, then F ← F + ν h, where h learns y - F.

    y - F is minus the gradient of ½(y - F)² by F: a step of descent in the space of functions.

    Args:
        learner: of a regression; see `learning.Learner`.
        stages: at least 1.
        rate: ν, in (0, 1]; smaller rates want more stages.
        seed: stage m learns with seed + m.

    Raises:
        CourseError: for numbers out of range.

    Source: Friedman (2001), algorithm 2.
    """

    learner: Learner
    stages: int = 100
    rate: float = 0.1
    seed: int = 0

    def __post_init__(self):
        self.stages = check_count("stages", self.stages, 1, 10**5, "100 is a common start")
        self.rate = check_number("rate", self.rate, 0, 1, "0.1 is usual", open_low=True)
        self.seed = check_seed(self.seed)

    def fit(self, x: Tensor, y: Tensor) -> "GradientBoosting":
        """Train stage after stage on rows x: (N, …) and values y: (N, K)."""
        self.start, self.fitted = y.mean(0), list[Outputs]()
        F = self.start.expand_as(y)
        for m in range(self.stages):
            h = self.learner(x, y - F, None, self.seed + m)
            F = F + self.rate * h(x).to(y)
            self.fitted.append(h)
        return self

    def staged(self, x: Tensor) -> list[Tensor]:
        """Return the values (B, K) of rows x after 0, 1, …, all stages."""
        steps = [self.rate * h(x).to(self.start) for h in self.fitted]
        return list(torch.stack([self.start.expand(len(x), -1), *steps]).cumsum(0))

    def outputs(self, x: Tensor) -> Tensor:
        """Return the values (B, K) of rows x after all stages."""
        return self.staged(x)[-1]
