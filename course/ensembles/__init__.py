"""Many models as one: bagging, boosting, averages of outputs and of weights.

from course.ensembles import Bagging, average, by_trainer

learner = by_trainer(lambda seed: MLP([64, 10], seed=seed), lambda: chain(Descend(0.1)), 200,
                     classes=10)
average(Bagging(learner, members=10).fit(x, y).outputs(x_test))  # (B, C) probabilities
"""

from .combining import AdaBoost, Bagging, GradientBoosting
from .learning import average, bootstrap, by_trainer, votes
from .soups import Parts, bias_variance, greedy_soup, soup

__all__ = [
    "AdaBoost", "Bagging", "GradientBoosting", "Parts", "average", "bias_variance", "bootstrap",
    "by_trainer", "greedy_soup", "soup", "votes",
]  # fmt: skip
