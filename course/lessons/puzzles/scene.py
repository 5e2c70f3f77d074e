"""What a puzzle is played on: a network, a batch, a link; and how answers are run there.

Answers that are a `Setup` go through `rehearse`. Those that no `Setup` can say, as an order of
actions, build a strategy of their own, and are measured by the same instruments.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...data.loading import load_data
from ...errors import CourseError, shown
from ...nn.network import MLP
from ...optim.adaptive import Adam
from ...optim.chain import Chain
from ...optim.first_order import Descend
from ...parallel.communicator import Communicator
from ...parallel.in_turn import Costs, InTurn
from ...parallel.memory import Gauge
from ...parallel.rehearsal import Step, rehearse, watch
from ...parallel.setup import Setup
from ...parallel.strategy import Strategy
from ...parallel.time_use import time_use
from ...training.trainer import Trainer
from .puzzle import Best, Score, Targets, duration, size

LINK = Costs(latency=2e-6, bandwidth=1e9, flops_per_second=1e10)


@dataclass(frozen=True)
class Scene:
    """What a puzzle gives.

    Attributes:
        sizes: of the network, whose units are tanh, in float64.
        batch: rows.
        ranks: how many work.
        costs: of the link and of a rank.
        adam: whether the optimiser keeps two numbers for each weight.
    """

    sizes: tuple[int, ...]
    batch: int
    ranks: int
    costs: Costs = LINK
    adam: bool = False

    def network(self) -> MLP:
        """Return the network."""
        return MLP(self.sizes, "tanh", dtype=torch.float64)

    def rows(self) -> tuple[Tensor, Tensor]:
        """Return the batch: rows (B, features) and class numbers (B,)."""
        data = load_data("digits", dtype=torch.float64)
        return data.x_train[: self.batch], data.y_train[: self.batch]

    def chain(self) -> Chain:
        """Return the optimiser."""
        return Chain(Adam(), Descend(0.003)) if self.adam else Chain(Descend(0.1))

    def rehearse(self, setup: Setup) -> Step:
        """Return one training step, made in this way."""
        data = load_data("digits", dtype=torch.float64)
        trainer = Trainer(self.network(), data, self.chain(), self.batch)
        return rehearse(replace(setup, costs=self.costs), trainer)

    def score(self, setup: Setup) -> Score:
        """Return what a setup takes."""
        step = self.rehearse(setup)
        return Score(step.seconds, [kept._asdict() for kept in step.memory], step.time, step.gap)

    def own(self, make: Callable[[Communicator, MLP], Strategy]) -> Score:
        """Return what a strategy takes for one gradient, and how far this is from one process.

        Args:
            make: called as make(comm, network) on each rank.
        """
        network, (x, y) = self.network(), self.rows()
        X, Y = network.encode(x, y)

        def program(comm):
            model = make(comm, network)
            gauge = Gauge(model, Chain(Descend(0.1)), X)
            watch(model.comm, gauge)
            model.loss_and_grad(X, Y)
            gauge.read()
            return gauge.peak, model.whole(model.grad).clone()

        world = InTurn(self.ranks, self.costs)
        made = world.run(program)
        events = [event for event in world.events if event.label != "whole"]
        network.loss_and_grad(X, Y)
        gap = float((made[0][1] - network.grad).abs().max())
        begin = min(event.called for event in events)
        return Score(
            max(event.end for event in events) - begin, [peak._asdict() for peak, _ in made],
            time_use(events, self.ranks), gap,
        )  # fmt: skip

    def words(self) -> str:
        """Return a sentence for what is given."""
        widths = "-".join(map(str, self.sizes))
        parameters = sum((a + 1) * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))
        optimiser = "Adam" if self.adam else "plain descent"
        return (
            f"*Given*: a network {widths} ({parameters:,} parameters of 8 bytes), {optimiser}, "
            f"{self.batch} rows a step, {self.ranks} ranks. {link_words(self.costs)}"
        )


def link_words(costs: Costs) -> str:
    """Return a sentence for the link and the speed of a rank."""
    return (
        f"A message takes {duration(costs.latency)} and {size(costs.bandwidth)} a second more; a "
        f"rank computes {costs.flops_per_second:.0e} FLOPs a second."
    )


# ---- answers that are a Setup ------------------------------------------------------------------


def key(setup: Setup) -> tuple:
    """Return what of a setup has an effect."""
    return setup.strategy, setup.ranks, tuple(sorted(setup.options().items()))


def code(setup: Setup) -> str:
    """Return a setup as a learner would write it."""
    fields = {"tensor": "per_replica", "pipeline": "per_replica"}
    options = ", ".join(
        f"{fields.get(name, name)}={value!r}" for name, value in setup.options().items()
    )
    return f"Setup({setup.strategy!r}, ranks={setup.ranks}{', ' if options else ''}{options})"


def run_setup(scene: Scene, allowed: Sequence[Setup]) -> Callable[[Any], Score]:
    """Return the runner of a puzzle whose answer is one of these setups."""

    def run(answer) -> Score:
        check_setup(answer, scene, allowed)
        return scene.score(answer)

    return run


def check_setup(answer: Any, scene: Scene, allowed: Sequence[Setup]) -> None:
    """Raise `CourseError` for what is no setup that the puzzle allows."""
    if not isinstance(answer, Setup):
        raise CourseError(
            f"The answer {shown(answer)} is not a Setup; write one, as {code(allowed[0])}."
        )
    if key(answer) in {key(setup) for setup in allowed}:
        return
    if answer.costs not in (Setup().costs, scene.costs):
        raise CourseError("The link is given here; leave `costs` out.")
    if answer.ranks != scene.ranks:
        raise CourseError(f"You have {scene.ranks} ranks, and the answer takes {answer.ranks}.")
    names = dict.fromkeys(setup.strategy for setup in allowed)
    if answer.strategy not in names:
        raise CourseError(
            f"The strategy {answer.strategy!r} is not allowed here; take {either(names)}."
        )
    same = [setup.options() for setup in allowed if setup.strategy == answer.strategy]
    for name, value in answer.options().items():
        choices = dict.fromkeys(options[name] for options in same)
        if value not in choices:
            what = name if hasattr(answer, name) and name != "pipeline" else "per_replica"
            raise CourseError(f"{what} = {value!r} is not allowed here; take {either(choices)}.")
    raise CourseError(
        f"{code(answer)} is not allowed here: its values do not go together. Interleaved needs "
        "micro-batches in groups of the ranks, and only interleaved has more than one stage a rank."
    )


def either(choices: Iterable) -> str:
    """Return choices as '1, 2 or 4'."""
    *first, last = map(repr, choices)
    return f"{', '.join(first)} or {last}" if first else last


def best_setup(
    scene: Scene, allowed: Sequence[Setup], targets: Targets | None = None
) -> Callable[[], Best]:
    """Return the search for the fastest of these setups among those that keep the memory target."""

    def search() -> Best:
        scores = [(setup, scene.score(setup)) for setup in allowed]
        fits = [
            (setup, score) for setup, score in scores
            if targets is None or score.n_bytes <= targets.n_bytes
        ]  # fmt: skip
        setup, score = min(fits, key=lambda pair: (pair[1].seconds, pair[1].n_bytes))
        return Best(code(setup), score)

    return search
