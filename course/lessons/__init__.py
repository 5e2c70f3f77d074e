"""What chapters are made of: contents, ledger, exercises, bets, patients, tables and formulas."""

from . import programs
from .answers import Choice, Curve, Interval, Marks, Number
from .cases import Case, Symptom
from .clinic.diseases import DISEASES
from .clinic.ward import READINGS, examine
from .day_one import day_one_verdicts
from .descending import condition, curvatures, descend, linear_model, lowest_loss, steps_needed
from .errata import select, tally
from .filing import file_error
from .flats import draw_flats
from .folds import cross_validate, draw_noise, nearest_mean, strongest
from .keras_here import find_keras
from .ledger import settle
from .pairs import Joined, alone, draw_pairs, together
from .parameters import check_parameters
from .scaling_runs import BUDGETS, digit_errors, runs_of
from .surfaces import Saddle
from .verdicts import verdict
from .writer import kept_bytes, start_writer, train_writer, writer_report

__all__ = [
    "BUDGETS", "Case", "Choice", "Curve", "DISEASES", "Interval", "Joined", "Marks", "Number",
    "READINGS", "Saddle", "Symptom",
    "alone", "check_parameters", "condition", "cross_validate", "curvatures", "day_one_verdicts",
    "descend", "digit_errors", "draw_flats", "draw_noise", "draw_pairs", "examine", "file_error",
    "find_keras", "kept_bytes", "linear_model", "lowest_loss", "nearest_mean", "programs",
    "runs_of", "select", "settle", "start_writer", "steps_needed", "strongest", "tally",
    "together", "train_writer", "verdict", "writer_report",
]  # fmt: skip
