"""What chapters are made of: contents, ledger, exercises, bets, patients, races and formulas."""

from .answers import Choice, Curve, Number
from .cases import Case, Symptom
from .day_one import day_one_verdicts
from .ledger import settle
from .parameters import check_parameters

__all__ = ["Case", "Choice", "Curve", "Number", "Symptom", "check_parameters",
           "day_one_verdicts", "settle"]  # fmt: skip
