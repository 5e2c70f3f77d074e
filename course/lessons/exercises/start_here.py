"""Judge of chapter 00_start_here: a learning-rate schedule against the best constant rate.

All runs are of one kind: digits, 64-64-10, batch 32, 200 steps. Rates are chosen by the validation
loss; the test loss decides, and is told only when an answer is right.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from ...data.loading import load_data
from ...errors import CourseError, real_number, shown
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..checking import Exercise

STEPS = 200
SEEDS = tuple(range(11, 21))  # not the ones of the chapter: did you learn a schedule, or a seed?
CONSTANTS = tuple(tenths / 10 for tenths in range(1, 13))  # 0.1 is slow, 1.2 shakes
SHARE = 0.9  # of the best constant's test loss; luck with ten seeds is worth less than a tenth

data_of = cache(lambda seed: load_data("digits", seed).with_validation(seed=seed))


def losses(rates: Sequence[float], seed: int) -> tuple[float, float]:
    """Return (validation loss, test loss) of a run with a rate for each step.

    Args:
        rates: (200,).
        seed: of data, start and order.
    """
    trainer = Trainer(MLP([64, 64, 10], seed=seed), data_of(seed), chain(Descend(0.0)), seed=seed)
    for rate in rates:
        trainer.chain.descend.lr = rate
        trainer.step()
    return trainer.evaluate("validation")[0], trainer.evaluate("test")[0]


def play(schedule: Callable[[int], float], seeds: Sequence[int] = SEEDS) -> float:
    """Return the mean validation loss of a schedule.

    Args:
        schedule: called as schedule(step), from 0 to 199; returns the rate.
        seeds: one run each.
    """
    rates = [schedule(step) for step in range(STEPS)]
    return float(np.mean([losses(rates, seed)[0] for seed in seeds]))


@cache
def _constants() -> np.ndarray:
    """Return both losses of each constant rate on each of the judge's seeds: (seeds, rates, 2)."""
    return np.array([[losses([rate] * STEPS, seed) for rate in CONSTANTS] for seed in SEEDS])


def constants() -> tuple[np.ndarray, np.ndarray]:
    """Return constant rates (rates,) and their validation losses (seeds, rates)."""
    return np.array(CONSTANTS), _constants()[:, :, 0].copy()


def best_constant() -> tuple[float, float, float]:
    """Return the rate with the lowest mean validation loss, that loss, and its mean test loss."""
    validation, test = _constants().mean(0).T
    at = int(validation.argmin())
    return CONSTANTS[at], float(validation[at]), float(test[at])


def judge_schedule(answer) -> str | None:
    """Judge answer(step) → rate: its test loss must be a tenth below the best constant's."""
    if isinstance(answer, int | float):
        return "That is one constant rate. Give a function of the step: lambda step: …"
    if not callable(answer):
        return "Give a function that takes the step (0 to 199) and returns the rate."
    rates = [answer(step) for step in range(STEPS)]
    if wrong := _no_rates(rates):
        return wrong
    if [answer(step) for step in reversed(range(STEPS))] != rates[::-1]:
        return "Asked again for the same step, it gives another rate. Let the step alone decide."
    if len(set(rates)) == 1:
        return "Your rate is the same at every step: that is a constant. Let it change."
    try:
        runs = [losses([float(rate) for rate in rates], seed) for seed in SEEDS]
    except CourseError as error:
        return str(error)
    validation, test = np.mean(runs, axis=0)
    rate, by_constant, to_beat = best_constant()
    if test < SHARE * to_beat:
        print(f"Test loss: your schedule {test:.3f}, the best constant rate {to_beat:.3f}.")
        return None
    words = f"Validation loss {validation:.3f}; the best constant rate ({rate:g}) has "
    words += f"{by_constant:.3f}, and yours must be a tenth better on the test set. "
    return words + _advice([float(rate) for rate in rates], float(validation), rate)


def _no_rates(rates: list) -> str | None:
    """Say what is wrong with the first value that is no rate; None if there is none."""
    for step, rate in enumerate(rates):
        number = real_number(rate)
        if number is None or not abs(number) < 1e300:
            return f"At step {step} it returns {shown(rate)}. Let it return a number."
        if number < 0:
            return f"At step {step} the rate goes below 0: that climbs. Let it end at 0, not below."
    return None


def _advice(rates: list[float], validation: float, constant: float) -> str:
    """Say what a schedule lacks that is not good enough."""
    first, second = np.mean(rates[: STEPS // 2]), np.mean(rates[STEPS // 2 :])
    if not validation < 1:
        return "It did not recover from rates that are too high."
    if second > first:
        return "Your rate rises. When do you need large steps, early or late?"
    if max(rates) < constant:
        return "It falls, but it is never as high as the best constant rate: it travels too slowly."
    if min(rates[-STEPS // 10 :]) > 0.5 * constant:
        return "It hardly falls: the last steps are too large to settle."
    if first < 0.75 * constant:
        return "It falls too early: too few steps are large."
    return "The shape is right. Try another start, or let it fall later."


schedule = Exercise(
    "Beat the best constant rate",
    judge_schedule,
    [
        "Large steps travel far, small steps settle. When do you want which?",
        "Begin a little above the best constant rate, stay there for half of the steps, and be "
        "near 0 at the last one.",
        "Two pieces: lambda step: 1.0 if step < 100 else … The second piece is the straight line "
        "that is 1.0 at step 100 and 0 at step 200. Which formula gives it?",
    ],
)
