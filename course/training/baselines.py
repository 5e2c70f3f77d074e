"""Your hand against the autopilot: did you learn a schedule, or a seed?

A recording (a recipe with its knob changes) is replayed on seeds that it has never seen, and so are
three autopilots with as many steps: the best constant rate, a cosine and Adam. Each autopilot's
rate is chosen from a grid on the seed of the recording, as the hand had only that seed too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .. import effort
from ..errors import CourseError, check_count, check_seed
from ..optim.adaptive import Adam
from ..optim.chain import Chain, build_chain, chain
from ..optim.first_order import Descend, Momentum
from ..optim.schedules import Cosine
from .recipe import Recipe, load_recipe
from .replay import effort_of, rerun

RATES = (0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0)
ADAM_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
HAND = "your hand"


@dataclass
class Duel:
    """The test losses of a recording and of the autopilots, on the same unseen seeds."""

    losses: dict[str, np.ndarray]
    """{name: test loss on each seed (seeds,)}; the recording is `HAND`."""
    rates: dict[str, float]
    """{autopilot: the rate that was best on the seed of the recording}."""
    seeds: list[int]
    """The unseen seeds."""

    @property
    def ranking(self) -> list[str]:
        """Return the names from the lowest median loss to the highest."""
        return sorted(self.losses, key=lambda name: float(np.median(self.losses[name])))

    def won(self, rival: str) -> int:
        """Return on how many seeds the hand ended lower than this rival."""
        return int((self.losses[HAND] < self.losses[rival]).sum())

    def sentence(self) -> str:
        """Return the result against each autopilot: 'Your hand lost to Adam on 9 of 10 seeds …'."""
        n, parts = len(self.seeds), []
        for name in self.ranking:
            if name != HAND:
                won = self.won(name)
                tied = int((self.losses[HAND] == self.losses[name]).sum())
                lost = n - won - tied
                verb = f"beat {name} on {won}" if won > lost else f"lost to {name} on {lost}"
                parts.append(f"{verb} of {n} seeds")
        return f"Your hand {', '.join(parts[:-1])} and {parts[-1]}."

    def __str__(self):
        lines = [f"{'':14}{'median':>9}{'lowest':>9}{'highest':>9}   hand lower on"]
        for name in self.ranking:
            v = self.losses[name]
            lower = "" if name == HAND else f"{self.won(name)} of {len(v)} seeds"
            rate = f" (rate {self.rates[name]:g})" if name in self.rates else ""
            lines.append(
                f"{name:14}{np.median(v):9.4f}{v.min():9.4f}{v.max():9.4f}   {lower}{rate}"
            )
        return "\n".join(lines)


def duel(
    recipe, seeds: int = 10, anyway: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Duel:  # fmt: skip
    """Replay a recording and the autopilots on unseen seeds.

    Args:
        recipe: the recording, as `load_recipe` takes it.
        seeds: how many unseen seeds, from 1 to 1000.
        anyway: run also what takes longer than `course.effort` allows.
        progress: called as progress(runs done, runs in all) after each; what it raises ends the
            duel.

    Raises:
        CourseError: for a recipe without steps, one on your own data or module, and runs that
            together take too long, unless `anyway`.
    """
    recipe = load_recipe(recipe)
    seeds = check_count("seeds", seeds, 1, 1000, "10 show the spread")
    if recipe.steps < 1:
        raise CourseError("steps = 0 in the recording; train at least 1 step, then duel")
    unseen = [check_seed(recipe.seed + 1 + i) for i in range(seeds)]
    total = 4 * seeds + 2 * len(RATES) + len(ADAM_RATES)
    effort.begin(effort_of(recipe, recipe.steps, total, anyway=anyway)[0], anyway)
    done = 0

    def loss(recipe: Recipe, seed: int) -> float:
        nonlocal done
        result, done = _loss(recipe, seed), done + 1
        if progress is not None:
            progress(done, total)
        return result

    hand = np.array([loss(recipe, seed) for seed in unseen])
    losses, rates = {HAND: hand}, {}
    for name, grid, make in (
        ("constant", RATES, lambda rate: _momentum_chain(recipe, rate)),
        ("cosine", RATES, lambda rate: _momentum_chain(recipe, Cosine(rate, recipe.steps))),
        ("Adam", ADAM_RATES, lambda rate: chain(Adam(), Descend(rate))),
    ):
        by_rate = {rate: loss(_autopilot(recipe, make(rate)), recipe.seed) for rate in grid}
        rates[name] = min(by_rate, key=lambda rate: _finite(by_rate[rate]))
        steps = make(rates[name])
        losses[name] = np.array([loss(_autopilot(recipe, steps), seed) for seed in unseen])
    return Duel(losses, rates, unseen)


def _finite(loss: float) -> float:
    return loss if np.isfinite(loss) else np.inf


def _momentum_chain(recipe: Recipe, rate) -> Chain:
    """Return the recording's own momentum at its start, no clipping, and this rate."""
    beta = next((t.beta for t in build_chain(recipe.chain).transforms
                 if isinstance(t, Momentum)), 0.0)  # fmt: skip
    return chain(Momentum(beta), Descend(rate))


def _autopilot(recipe: Recipe, steps: Chain) -> Recipe:
    return replace(recipe, chain=steps.describe(), knobs=[])


def _loss(recipe: Recipe, seed: int) -> float:
    """Return the test loss of the run with other first weights and another order of the data."""
    again = replace(recipe, seed=seed, model=recipe.model | {"seed": seed})
    return rerun(again, None, recipe.steps).evaluate("test")[0]
