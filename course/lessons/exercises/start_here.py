"""Judge of chapter 00_start_here: a learning-rate schedule against the best constant rate."""

from collections.abc import Callable
from functools import cache

import numpy as np

from ...data.loading import load_data
from ...errors import CourseError
from ...nn.network import MLP
from ...optim.chain import chain
from ...optim.first_order import Descend
from ...training.trainer import Trainer
from ..checking import Exercise

STEPS = 200
CONSTANTS = (0.35, 0.5, 0.7, 1.0)  # the opponents: below they are slow, above they die
SEEDS = (11, 12, 13)  # not the ones of the chapter: did you learn a schedule, or a seed?


def play(schedule: Callable[[int], float], seeds=SEEDS) -> float:
    """Return the mean test loss on digits, 64-64-10, batch 32, after 200 steps of a schedule.

    Args:
        schedule: called as schedule(step), from 0; returns the rate.
        seeds: of data, start and order; one run each.
    """
    losses = []
    for seed in seeds:
        data = load_data("digits", seed)
        trainer = Trainer(MLP([64, 64, 10], seed=seed), data, chain(Descend(0.0)), seed=seed)
        for step in range(STEPS):
            trainer.chain.descend.lr = schedule(step)
            trainer.step()
        losses.append(trainer.evaluate("test")[0])
    return float(np.mean(losses))


@cache
def best_constant() -> tuple[float, float]:
    """Return (test loss, rate) of the best constant rate on the judge's seeds."""

    def constant(lr: float) -> Callable[[int], float]:
        return lambda step: lr

    return min((play(constant(lr)), lr) for lr in CONSTANTS)


def judge_schedule(answer) -> str | None:
    """Judge answer(step) → rate, which is to beat the best constant rate."""
    if isinstance(answer, int | float):
        return "That is one constant rate. Give a function of the step: lambda step: …"
    if not callable(answer):
        return "Give a function that takes the step (0 to 199) and returns the rate."
    rates = [answer(step) for step in range(STEPS)]
    if any(isinstance(r, int | float) and r < 0 for r in rates):
        return "A rate went below 0: that climbs. Let it end at 0, not beyond."
    try:
        loss = play(answer)
    except CourseError as error:
        return str(error)
    constant, rate = best_constant()
    if loss < constant:
        return None
    words = f"Test loss {loss:.3f}, the best constant rate ({rate:g}) reaches {constant:.3f}. "
    if not np.isfinite(loss) or loss > 2:
        return words + "It never recovered: the first rates are too high."
    if len(set(rates)) == 1:
        return words + "Your rate is the same at every step."
    if rates[-1] > rates[0]:
        return words + "Your rate rises. Where does a learner need large steps, early or late?"
    if max(rates) < rate:
        return words + "It falls, but starts below the constant rate: there is no time to lose."
    return words + "The shape is right; try where it starts and when it falls."


schedule = Exercise(
    "Beat the best constant rate",
    judge_schedule,
    [
        "Large steps travel far, small steps settle. When do you want which?",
        "Start above the best constant rate and fall towards 0 at the last step.",
        "A straight line from 1 to 0 over 200 steps is nearly an answer: lambda step: 1 - step/…",
    ],
)
