"""Labs, in which a network trains and every knob is live; figures; bets, verdicts and patients."""

from .backprop.lab import BackpropLab
from .cluster.lab import ClusterLab
from .common.figure import show
from .descent.lab import DescentLab
from .lessons.bet import Bet
from .lessons.day_one import DayOne
from .lessons.patient import Patient
from .oncall.lab import OnCallLab
from .plots.arrows import drag
from .plots.explore import Slider, explore
from .plots.plot import plot
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "Bet", "ClusterLab", "DayOne", "DescentLab", "OnCallLab", "Patient",
           "Slider", "TrainingLab", "drag", "explore", "plot", "show"]  # fmt: skip
