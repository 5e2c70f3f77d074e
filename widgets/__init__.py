"""Labs: a network trains, and every knob is live. And figures: a few lines each."""

from .backprop.lab import BackpropLab
from .common.figure import show
from .descent.lab import DescentLab
from .plots.explore import Slider, explore
from .plots.plot import plot
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "DescentLab", "Slider", "TrainingLab", "explore", "plot", "show"]
