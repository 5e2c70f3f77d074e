"""Runs on ranks that the checks of 2_2_scale compare: trained, timed, and without their exchange.

Real ranks train in turn in this process; their clocks are those of a model of devices, so every
machine finds the same.
"""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..data.loading import load_data
from ..nn.network import MLP
from ..optim.adaptive import Adam
from ..optim.chain import chain
from ..optim.first_order import Descend
from ..parallel.communicator import Communicator, Event
from ..parallel.holdings import Holdings, holdings
from ..parallel.in_turn import Costs, InTurn
from ..parallel.strategies import make_strategy
from ..parallel.strategy import Strategy
from ..parallel.timeline import timeline
from ..training.trainer import Trainer

SIZES = [64, 64, 64, 64, 10]
B = 64
FREE = Costs(latency=0.0, bandwidth=1e18)  # messages take no time
SMALL = Costs(latency=2e-5, bandwidth=1e9, flops_per_second=1e9)  # as slow as the network is small
WAYS: dict[str, tuple[str, dict[str, Any]]] = {  # strategy and options; other names: a strategy
    "one stage after the other": ("pipeline", {"micro_batches": 1}),
    "stages with micro-batches": ("pipeline", {"micro_batches": 8}),
    "parts of each layer": ("tensor", {}),
    "local_sgd": ("local_sgd", {"local_steps": 5}),
}


def build(split: str, comm: Any, net: MLP) -> Strategy:
    """Return a strategy by its name or by its way in `WAYS`."""
    strategy, options = WAYS.get(split, (split, {}))
    return make_strategy(strategy, comm, net, **options)


def network() -> MLP:
    """Return the network that is split."""
    return MLP(SIZES, "tanh", dtype=torch.float64)


def digits() -> Dataset:
    """Return the data of all runs here."""
    return load_data("digits", 0, dtype=torch.float64)


# ---- runs ------------------------------------------------------------------------------------


@cache
def trained(split: str, ranks: int, steps: int = 10) -> Tensor:
    """Return the whole weights (P,) after some steps with Adam."""

    def program(comm):
        model = build(split, comm, network())
        trainer = Trainer(model, digits(), chain(Adam(), Descend(0.01)), B)
        for _ in range(steps):
            trainer.step()
        return model.whole(model.theta).clone()

    return InTurn(ranks).run(program)[0]


@cache
def together(split: str, ranks: int = 4) -> float:
    """Return how many ranks compute at the same time in a step, the mean; messages are free."""
    events = step(split, ranks, FREE).events
    busy = sum(event.end - event.start for event in events if event.kind == "compute")
    return busy / timeline(events).end


def seconds(split: str, ranks: int, batch: int) -> float:
    """Return the time of a step on modelled devices with modelled links."""
    return timeline(step(split, ranks, SMALL, batch).events).end


class Step(NamedTuple):
    """One step on ranks."""

    events: list[Event]
    gradients: list[tuple[Tensor, Tensor]]
    """Of each rank: its gradient, and its part of the gradient of one process."""

    @property
    def off(self) -> float:
        """How far a rank's gradient is off, as a share of the right one, the largest."""
        return max(float((mine - right).norm() / right.norm()) for mine, right in self.gradients)


def step(split: str, ranks: int, costs: Costs, batch: int = B, silent: bool = False) -> Step:
    """Make one step of a strategy.

    silent: whether ranks send nothing, and take what they have for the result.
    """
    world = InTurn(ranks, costs)
    gradients = world.run(lambda comm: gradient(comm, split, batch, silent))
    return Step(world.events, gradients)


def gradient(comm: Communicator, split: str, batch: int, silent: bool) -> tuple[Tensor, Tensor]:
    """Return this rank's gradient, and its part of the gradient of one process."""
    net, data = network(), digits()
    X, Y = net.encode(data.x_train[:batch], data.y_train[:batch])
    net.loss_and_grad(X, Y)
    model = build(split, Silent(comm) if silent else comm, net)
    model.loss_and_grad(X, Y)
    return model.grad.clone(), model.part(net.grad)


class Silent:
    """A communicator of a rank that talks to nobody: what it has stands for what all have."""

    def __init__(self, comm: Communicator):
        self.rank, self.world_size, self.compute = comm.rank, comm.world_size, comm.compute

    def all_reduce(self, x: Tensor, label: str = "") -> Tensor:
        """Return x as it is."""
        return x

    def start_all_reduce(self, x: Tensor, label: str = "") -> "Silent":
        """Begin nothing."""
        return self

    def wait(self) -> None:
        """Wait for nothing."""

    def send(self, x: Tensor, dst: int, label: str = "", tag: int = 0) -> None:
        """Send nothing."""

    def recv(self, x: Tensor, src: int, label: str = "", tag: int = 0) -> Tensor:
        """Receive nothing."""
        return x.zero_()


@cache
def held(split: str, ranks: int = 4) -> Holdings:
    """Return what ranks hold of this network."""
    strategy, options = WAYS.get(split, (split, {}))
    return holdings(network(), strategy, ranks, B, **options)


@cache
def rows_of(split: str, ranks: int = 4) -> list[list[int]]:
    """Return the rows that each rank computed with in an epoch of 96 rows."""
    rows = torch.arange(96)
    x = torch.zeros(96, 64, dtype=torch.float64)
    x[:, 0] = rows  # each row carries its number
    data = Dataset("numbered rows", x, rows % 10, x[:1], rows[:1], 10)

    def program(comm):
        model = build(split, comm, network())
        trainer, found = Trainer(model, data, chain(Descend(1e-9)), 32), []
        for _ in range(3):
            trainer.step()
            for spaces in model.network.workspaces.values():
                found += spaces[0].x[0].long().tolist()
        return found

    return InTurn(ranks).run(program)
