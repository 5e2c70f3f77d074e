"""Labs, in which a network trains and every knob is live; figures; bets, verdicts and patients."""

from .backprop.lab import BackpropLab
from .cluster.lab import ClusterLab
from .common.figure import show
from .descent.lab import DescentLab
from .lessons.bet import Bet
from .lessons.day_one import DayOne
from .lessons.errata import Errata
from .lessons.patient import Patient
from .lessons.ward import Ward
from .oncall.lab import OnCallLab
from .planner.lab import PlannerLab
from .plots.arrows import drag
from .plots.explore import Slider, explore
from .plots.plot import plot
from .training.lab import TrainingLab

__all__ = [
    "BackpropLab", "Bet", "ClusterLab", "DayOne", "DescentLab", "Errata", "OnCallLab", "Patient",
    "PlannerLab", "Slider", "TrainingLab", "Ward", "drag", "explore", "plot", "show",
]  # fmt: skip
