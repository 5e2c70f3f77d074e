"""What chapters are made of: contents, ledger, exercises, bets, patients, races and formulas."""

from .answers import Choice, Curve, Number
from .ledger import settle
from .parameters import check_parameters

__all__ = ["Choice", "Curve", "Number", "check_parameters", "settle"]
