"""Judges for chapter 6_clinic: name the disease of patients that nobody has seen."""

import random
from collections.abc import Callable

from ...errors import shown
from ..checking import Exercise
from ..clinic.diseases import DISEASES
from ..clinic.ward import READINGS, Patient, examine
from ..judging import Draw, on_probes

__all__ = ["at_most_five", "three_readings"]

NAMES = tuple(disease.name for disease in DISEASES)
NOT_LEARNING = ("plateau", "dead units", "saturated sigmoid", "unshuffled data")
MOST = 5  # readings that may be asked of a patient


def patients(names: tuple[str, ...], draw: Draw) -> list[Patient]:
    """Return a patient of each of these diseases, with new numbers, in random order."""
    (start,) = draw.sizes(1, 0, 10**6)
    chance = random.Random(start)
    found = [disease.patient(chance) for disease in DISEASES if disease.name in names]
    chance.shuffle(found)
    return found


def wrong_name(got: object, names: tuple[str, ...]) -> str | None:
    """Return what is wrong with an answer that is no name of a disease, or None."""
    if got is None or got is ...:
        return "The function returns nothing yet: end it with return and the name of a disease."
    if not isinstance(got, str) or got not in names:
        return f"You return {shown(got)}. Return one of: {', '.join(names)}."
    return None


# ---- 1. three readings -------------------------------------------------------------------------

MIXED_UP = {  # (it is, you say): why they are alike, and what tells them apart
    ("dead units", "saturated sigmoid"): "A dead unit has no slope either. Ask first whether it is "
    "silent.",
    ("saturated sigmoid", "dead units"): "A saturated sigmoid is not silent: it answers 1 to every "
    "row, or 0. Look at both shares.",
    ("unshuffled data", "dead units"): "Some units are silent here, too, but not nearly all. How "
    "many classes are in a batch?",
    ("unshuffled data", "saturated sigmoid"): "Some units are stuck here, too, but not nearly all. "
    "How many classes are in a batch?",
    ("unshuffled data", "plateau"): "How many classes are in a batch? Ten are to be learned.",
    ("dead units", "plateau"): "Nearly all of its units are silent.",
    ("saturated sigmoid", "plateau"): "Its units are stuck, and not silent.",
    ("plateau", "dead units"): "A unit or two may be silent in a network that is well.",
    ("plateau", "saturated sigmoid"): "A unit or two may be stuck in a network that is well.",
}  # fmt: skip
SHUFFLED = "A batch of 32 random rows misses a class now and then: nearly ten are in it on average."


def judge_three(answer) -> str | None:
    """Judge answer(silent, stuck, mix) → the disease of one that does not learn."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_diagnosis."
    return on_probes(lambda draw: judge_three_once(answer, draw))


def judge_three_once(answer, draw: Draw) -> str | None:
    """Judge it on one patient of each disease that keeps a network from learning."""
    for patient in patients(NOT_LEARNING, draw):
        found = examine(patient.plan)
        silent, stuck, mix = (found[name] for name in ("silent", "stuck", "mix"))
        got = answer(silent, stuck, mix)
        if wrong := wrong_name(got, NOT_LEARNING):
            return wrong
        name = patient.disease.name
        if got != name:
            words = SHUFFLED if got == "unshuffled data" else MIXED_UP[name, got]
            return (
                f"silent {silent:.2f}, stuck {stuck:.2f}, mix {mix:.1f}: you say {got}; it is "
                f"{name}. {words}"
            )
    return None


three_readings = Exercise(
    "Exercise 1",
    judge_three,
    [
        "One reading tells one disease at once: how many classes does a batch of shuffled rows "
        "have? And one of sorted rows?",
        "Of the other three, two have units that are nearly all stuck. Which of these two is "
        "silent as well?",
        "if mix < 5: …; if silent > 0.9: …; if stuck > 0.9: …; else it is the plateau.",
    ],
)


# ---- 2. all thirteen, with five readings -------------------------------------------------------

LOOK = {  # where to look, when a disease has been called by another name
    "NaN from a rate": "Its loss grew before it broke, and no row is odd.",
    "NaN from the logarithm of 0": "It broke without growing, and no row is odd.",
    "NaN from bad data": "Count the odd rows before anything else.",
    "divergence": "It is not broken yet, but look at the growth.",
    "plateau": "Its loss is that of guessing, and its units are neither silent nor stuck.",
    "over-fitting": "It knows its own rows, and not those kept aside.",
    "under-fitting": "Its loss has fallen half-way, and its own rows are no better than others.",
    "dead units": "Nearly all its units are silent.",
    "saturated sigmoid": "Its loss is that of guessing, and its units are stuck.",
    "label leak": "One column knows the answer.",
    "wrong loss": "Its loss is small, and its wrong answers are neighbours of the right ones.",
    "unshuffled data": "A batch of it has one class or two.",
    "stale statistics": "It knows its own rows, but not as they are prepared in use.",
}


class Instruments:
    """The readings of a patient, one at a time.

    Attributes:
        asked: names of the readings so far.
    """

    def __init__(self, patient: Patient):
        self._found = examine(patient.plan)
        self.asked: list[str] = []

    def __call__(self, name: str) -> float:
        """Return a reading of `READINGS`."""
        if name not in READINGS:
            raise KeyError(f"{shown(name)} is no reading; allowed: {', '.join(READINGS)}")
        if name not in self.asked:
            self.asked.append(name)
        return self._found[name]


def judge_five(answer) -> str | None:
    """Judge answer(read) → the disease; read(name) is a reading, and five may be asked for."""
    if not callable(answer):
        return "Hand over the function itself, without calling it: my_doctor."
    return on_probes(lambda draw: judge_five_once(answer, draw))


def judge_five_once(answer: Callable, draw: Draw) -> str | None:
    """Judge it on one patient of each disease."""
    for patient in patients(NAMES, draw):
        read = Instruments(patient)
        got = answer(read.__call__)
        if wrong := wrong_name(got, NAMES):
            return wrong
        name = patient.disease.name
        if got != name:
            seen = ", ".join(f"{asked} {read(asked):.3g}" for asked in read.asked) or "nothing"
            return f"You read {seen}, and say {got}; it is {name}. {LOOK[name]}"
        if len(read.asked) > MOST:
            return (
                f"You found {name} with {len(read.asked)} readings: {', '.join(read.asked)}. At "
                f"most {MOST} are allowed: which one tells most?"
            )
    return None


at_most_five = Exercise(
    "Exercise 2",
    judge_five,
    [
        "Begin with the reading that divides them best: is it broken? Then only three are left, or "
        "ten.",
        "Of those that are not broken, the loss tells most: far above that of guessing, near it, "
        "half-way, or small.",
        "Small losses: read training. Near 1, ask for aside, then for column; below, the order of "
        "the rows or the loss is wrong, and training tells which.",
    ],
)
