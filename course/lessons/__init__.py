"""What chapters are made of: contents, ledger, exercises, bets, patients, races and formulas."""

from . import programs
from .answers import Choice, Curve, Marks, Number
from .cases import Case, Symptom
from .day_one import day_one_verdicts
from .keras_here import find_keras
from .ledger import settle
from .pairs import Joined, alone, draw_pairs, together
from .parameters import check_parameters
from .surfaces import Saddle

__all__ = [
    "Case", "Choice", "Curve", "Joined", "Marks", "Number", "Saddle", "Symptom",
    "alone", "check_parameters", "day_one_verdicts", "draw_pairs", "find_keras", "programs",
    "settle", "together",
]  # fmt: skip
