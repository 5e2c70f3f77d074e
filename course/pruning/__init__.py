"""Throw weights away: which, how they stay away while training, and what that saves.

from course.pruning import Pruning, by_magnitude

pruning = Pruning(trainer)
pruning.prune(by_magnitude(trainer.model, 0.8))  # from here on they are 0 after every step
"""

from .choosing import at_random, by_magnitude, by_score, by_unit, n_of_m
from .keeping import Mask, Pruning, cubic_shares, prune_and_tune
from .saving import Sizes, sizes, smaller

__all__ = [
    "Mask", "Pruning", "Sizes", "at_random", "by_magnitude", "by_score", "by_unit", "cubic_shares",
    "n_of_m", "prune_and_tune", "sizes", "smaller",
]  # fmt: skip
