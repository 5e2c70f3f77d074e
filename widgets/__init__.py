"""Labs: a network trains, and every knob is live."""

from .backprop_lab import BackpropLab
from .descent_lab import DescentLab
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "DescentLab", "TrainingLab"]
