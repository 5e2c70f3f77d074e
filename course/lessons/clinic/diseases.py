"""The thirteen diseases of the ward, simple to complex."""

import random

from ...errors import check_seed
from .ward import Disease, Patient

DISEASES = (
    Disease(
        "NaN from a rate",
        lambda r: {"hidden": 0, "loss": "squared", "lr": r.uniform(0.5, 2)},
        {"broken": (1, 299), "growth": (1e6, 1e308), "odd rows": (0, 0)},
        {"lr": 0.005}, ({}, {"lr": 0.4}, {"hidden": 32}, {"bad": 0}),
        "Each step was longer than the one before, until a number was too large to be stored. The "
        "loss grew before it broke: look there first. Lower the rate.",
    ),
    Disease(
        "NaN from the logarithm of 0",
        lambda r: {"loss": "half", "gain": r.uniform(12, 15), "lr": r.uniform(0.05, 0.09)},
        {"broken": (0, 50), "growth": (0, 100), "odd rows": (0, 0)},
        {"loss": "stable"}, ({}, {"lr": 0.01}, {"bad": 0}, {"hidden": 64}),
        "A probability was rounded to 0, and its logarithm is not finite. The loss had not grown. "
        "Compute the loss from the outputs themselves, by a stable log-softmax. No rate mends it.",
    ),
    Disease(
        "NaN from bad data",
        lambda r: {"bad": r.randint(5, 40), "lr": r.uniform(0.1, 0.3)},
        {"broken": (0, 299), "odd rows": (1, 1000)},
        {"bad": 0}, ({}, {"lr": 0.01}, {"loss": "squared", "lr": 0.005}, {"hidden": 64}),
        "A scanner wrote 1e308 for pixels that it could not read. One such row is enough. Look at "
        "the data, and leave such rows out.",
    ),
    Disease(
        "divergence",
        lambda r: {"hidden": 0, "loss": "squared", "lr": r.uniform(0.06, 0.08), "steps": 30},
        {"broken": (-1, -1), "growth": (20, 1e40)},
        {"lr": 0.005}, ({}, {"lr": 0.1}, {"rows": 1400}, {"bad": 0}),
        "The loss grows from step to step and is still finite: the rate is above what the "
        "curvature allows. Lower it. With more steps this patient would end at NaN.",
    ),
    Disease(
        "plateau",
        lambda r: {"lr": 10 ** r.uniform(-4.5, -3.7)},
        {"broken": (-1, -1), "loss": (2.2, 2.5), "silent": (0, 0.3), "stuck": (0, 0.3),
         "mix": (7, 10)},
        {"lr": 0.3}, ({}, {"lr": 1e-5}, {"hidden": 64}, {"rows": 1400}),
        "Nothing is broken: the steps are so short that 300 of them lead nowhere. Raise the rate.",
    ),
    Disease(
        "over-fitting",
        lambda r: {"rows": r.randint(10, 20)},
        {"broken": (-1, -1), "training": (0.97, 1), "aside": (0.3, 0.8), "column": (0, 1.001)},
        {"rows": 1000}, ({}, {"hidden": 256}, {"lr": 0.5}, {"lr": 0.1}),
        "It knows its few rows by heart, and little else. More rows help most.",
    ),
    Disease(
        "under-fitting",
        lambda r: {"hidden": r.choice([1, 2]), "activation": "sigmoid", "lr": r.uniform(0.5, 1)},
        {"broken": (-1, -1), "training": (0.11, 0.7), "stuck": (0, 0.4), "mix": (7, 10),
         "near": (0, 0.5), "column": (0, 0.9), "pipeline": (0.11, 0.7), "loss": (0.8, 2.19)},
        {"hidden": 32}, ({}, {"lr": 0.1}, {"rows": 1400}, {"gain": 2.0}),
        "One or two numbers are all that passes, and ten classes need more. Training rows do as "
        "badly as new ones. Give it more units.",
    ),
    Disease(
        "dead units",
        lambda r: {"lr": r.uniform(30, 60)},
        {"broken": (-1, -1), "silent": (0.9, 1), "training": (0, 0.35)},
        {"lr": 0.3}, ({}, {"lr": 0.001}, {"hidden": 64}, {"rows": 1400}),
        "A first step threw the units so far that they answer 0 to every row, and a unit that "
        "answers 0 gets no gradient. Lower the rate before the first step.",
    ),
    Disease(
        "saturated sigmoid",
        lambda r: {"activation": "sigmoid", "offset": r.uniform(100, 200)},
        {"broken": (-1, -1), "stuck": (0.8, 1), "silent": (0, 0), "training": (0, 0.5)},
        {"offset": 0.0}, ({}, {"lr": 0.01}, {"lr": 1.0}, {"rows": 1400}),
        "The inputs are far from 0, so every unit stands at 0 or at 1, whatever the row. Its slope "
        "is nearly 0, and nothing moves it. Centre the inputs.",
    ),
    Disease(
        "label leak",
        lambda r: {"leak": True, "lr": r.uniform(0.1, 0.3), "rows": r.randint(900, 1200)},
        {"column": (0.97, 1.001), "aside": (0.85, 1), "training": (0.9, 1)},
        {"leak": False}, ({}, {"lr": 0.05}, {"hidden": 64}, {"rows": 500}),
        "One input holds the answer. In use the answer is not known, and that input is empty. Rows "
        "kept aside do not warn: they hold it, too. Look for an input that is too good.",
    ),
    Disease(
        "wrong loss",
        lambda r: {"loss": "number", "lr": r.uniform(0.05, 0.15)},
        {"broken": (-1, -1), "near": (0.5, 1), "loss": (0, 0.1), "column": (0, 0.9),
         "training": (0.11, 0.89)},
        {"loss": "stable"}, ({}, {"lr": 0.02}, {"hidden": 64}, {"rows": 1400}),
        "It answers with the number of the class, as if 3 lay between 2 and 4. Its wrong answers "
        "are neighbours. Classes have no order: take cross-entropy.",
    ),
    Disease(
        "unshuffled data",
        lambda r: {"order": "sorted", "lr": r.uniform(0.2, 0.4)},
        {"mix": (1, 4)},
        {"order": "shuffled"}, ({}, {"lr": 0.05}, {"hidden": 64}, {"rows": 1400}),
        "The rows are sorted by class, so it learns one class, and forgets it with the next. Count "
        "the classes in a batch. Shuffle the rows.",
    ),
    Disease(
        "stale statistics",
        lambda r: {"drift": r.choice([-1, 1]) * r.uniform(4, 8)},
        {"training": (0.9, 1), "aside": (0.8, 1), "pipeline": (0, 0.7)},
        {"drift": 0.0}, ({}, {"lr": 0.1}, {"hidden": 64}, {"rows": 1400}),
        "In use the inputs are centred by statistics of other data. Even the rows that it learned "
        "are then answered wrongly. Store the statistics with the weights.",
    ),
)  # fmt: skip


def draw(seed: int) -> Patient:
    """Draw a patient: its disease and its numbers.

    Args:
        seed: from 0; the same seed gives the same patient.

    Raises:
        CourseError: for a seed that is no whole number from 0.
    """
    chance = random.Random(check_seed(seed))
    return chance.choice(DISEASES).patient(chance)
