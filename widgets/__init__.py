"""Labs: a network trains, and every knob is live."""

from .backprop.lab import BackpropLab
from .descent.lab import DescentLab
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "DescentLab", "TrainingLab"]
