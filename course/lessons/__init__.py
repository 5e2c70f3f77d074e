"""What chapters are made of: contents, ledger, exercises, predictions, races and formulas."""

from .ledger import settle
from .parameters import check_parameters
from .predictions import bet

__all__ = ["bet", "check_parameters", "settle"]
