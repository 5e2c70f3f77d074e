"""Labs, in which a network trains and every knob is live; bets and patients."""

from .backprop.lab import BackpropLab
from .common.figure import show
from .descent.lab import DescentLab
from .lessons.bet import Bet
from .lessons.patient import Patient
from .training.lab import TrainingLab

__all__ = ["BackpropLab", "Bet", "DescentLab", "Patient", "TrainingLab", "show"]
