"""Labs: a network trains, and every knob is live."""

from .descent_lab import DescentLab
from .training_lab import TrainingLab

__all__ = ["DescentLab", "TrainingLab"]
