"""Labs: a network trains, and every knob is live."""

from .backprop.lab import BackpropLab
from .common.figure import show
from .descent.lab import DescentLab
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "DescentLab", "TrainingLab", "show"]
