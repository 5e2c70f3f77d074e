"""The duel: each loss is that of a plain Trainer, each rate the best of its grid."""

from dataclasses import replace

import numpy as np
import pytest

from course import MLP, Adam, Cosine, CourseError, Descend, Momentum, Trainer, chain, load_data
from course.training import baselines
from course.training.baselines import ADAM_RATES, HAND, RATES, Duel, duel
from course.training.replay import run_recipe

STEPS = 12


def run(seed, steps):
    """The test loss of a run written out."""
    trainer = Trainer(MLP([2, 4, 2], seed=seed), load_data("moons"), steps, 16, seed)
    for _ in trainer.run(STEPS):
        pass
    return trainer.evaluate("test")[0]


def recording(seed=5, steps=STEPS):
    model, optimiser = MLP([2, 4, 2], seed=seed), chain(Momentum(0.6), Descend(0.2))
    trainer = Trainer(model, load_data("moons"), optimiser, 16, seed)
    for step in range(steps):
        if step == 3:
            trainer.set("lr", 0.05)
        trainer.step()
    return trainer.recipe()


AUTOPILOTS = {
    "constant": (RATES, lambda rate: chain(Momentum(0.6), Descend(rate))),
    "cosine": (RATES, lambda rate: chain(Momentum(0.6), Descend(Cosine(rate, steps=STEPS)))),
    "Adam": (ADAM_RATES, lambda rate: chain(Adam(), Descend(rate))),
}


def test_a_duel_is_what_plain_trainers_give():
    recipe = recording()
    result = duel(recipe, seeds=2)
    assert result.seeds == [6, 7] and list(result.losses) == [HAND, *AUTOPILOTS]
    for seed, loss in zip(result.seeds, result.losses[HAND], strict=True):
        again = replace(recipe, seed=seed, model=recipe.model | {"seed": seed})
        assert loss == run_recipe(again).evaluate("test")[0]
    for name, (grid, make) in AUTOPILOTS.items():
        tried = {rate: run(5, make(rate)) for rate in grid}  # on the seed of the recording
        assert tried[result.rates[name]] == min(tried.values())
        losses = [run(seed, make(result.rates[name])) for seed in result.seeds]
        assert result.losses[name].tolist() == losses


def test_a_recording_without_momentum_meets_autopilots_without_it(monkeypatch):
    seen = []

    def loss(recipe, seed):
        seen.append(recipe.chain)
        return 0.0

    monkeypatch.setattr(baselines, "_loss", loss)
    recipe = recording(steps=1)
    duel(replace(recipe, chain=chain(Descend(0.2)).describe()), seeds=1)
    constant = seen[1:9]
    assert [steps[0] for steps in constant] == [{"kind": "Momentum", "beta": 0.0}] * 8
    assert [steps[1]["lr"] for steps in constant] == list(RATES)


def test_a_rate_that_diverges_is_not_chosen(monkeypatch):
    def loss(recipe, seed):
        rate = recipe.chain[-1]["lr"]
        rate = rate["peak"] if isinstance(rate, dict) else rate
        return {0.03: np.nan, 0.1: np.inf, 0.5: 0.1, 0.003: 0.2}.get(rate, np.nan)

    monkeypatch.setattr(baselines, "_loss", loss)
    assert duel(recording(), 1).rates == {"constant": 0.5, "cosine": 0.5, "Adam": 0.003}


def test_the_table_of_a_duel():
    losses = {HAND: [0.5, 0.1, 0.2, 0.9], "constant": [0.6, 0.2, 0.1, 0.95], "Adam": [0.1] * 4}
    result = Duel({k: np.array(v) for k, v in losses.items()}, {"constant": 0.3, "Adam": 0.01}, [])
    assert result.ranking == ["Adam", HAND, "constant"]
    assert (result.won("constant"), result.won("Adam")) == (3, 0)
    assert str(result).splitlines() == [
        "                 median   lowest  highest   hand lower on",
        "Adam             0.1000   0.1000   0.1000   0 of 4 seeds (rate 0.01)",
        "your hand        0.3500   0.1000   0.9000   ",
        "constant         0.4000   0.1000   0.9500   3 of 4 seeds (rate 0.3)",
    ]


def test_a_duel_needs_a_step_and_a_seed():
    assert len(duel(recording(steps=1), seeds=1).seeds) == 1
    with pytest.raises(CourseError, match="steps = 0 in the recording"):
        duel(recording(steps=0), seeds=1)
    for seeds in (0, 1001):
        with pytest.raises(CourseError, match=rf"seeds = {seeds} is out of range.*\[1, 1000\]"):
            duel(recording(), seeds=seeds)
