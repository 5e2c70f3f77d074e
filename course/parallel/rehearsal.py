"""One training step on a modelled cluster: real tensors on ranks in turn, and what it costs.

A trainer of one process is handed from step to step, and each step may be made in another way:

    cluster = Cluster(Trainer(MLP([64, 64, 64, 10]), load_data("digits"), chain(Descend(0.1)), 64))
    cluster.step(Setup("data", ranks=2))
    step = cluster.step(Setup("pipeline", ranks=4, micro_batches=8, schedule="gpipe"))
    print(step.timeline, step.efficiency, step.memory)

Weights, optimiser state and the order of the rows go through all of them, as if one process had
made each step. So the loss does not care about strategy, ranks or links; time, bytes and memory do.
Local SGD is the exception: it is another algorithm.
"""

import copy
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from ..data.loading import load_data
from ..errors import CourseError, shown
from ..nn.network import MLP, Network
from ..optim.adaptive import Adam
from ..optim.chain import Chain, build_chain
from ..optim.first_order import Descend
from ..training.trainer import Trainer
from .communicator import Communicator, Event
from .in_turn import InTurn
from .layout import Layout
from .local_sgd import LocalSGD
from .memory import Gauge, Memory
from .results import BESIDE
from .setup import Setup
from .strategies import make_strategy
from .strategy import Strategy
from .time_use import TimeUse, time_use
from .timeline import Timeline, timeline


@dataclass(frozen=True)
class Step:
    """What one step was, and what it cost."""

    setup: Setup
    """How it was made."""
    loss: float
    """Of its batch, before the step."""
    gap: float
    """The largest difference of a weight from the step of one process that starts where it did."""
    memory: list[Memory]
    """Of each rank, at the moment when it kept most."""
    events: list[Event] = field(repr=False)
    """What the ranks did, on the clock of `setup.costs`; the optimiser's own work takes no time."""

    @cached_property
    def timeline(self) -> Timeline:
        """The events, drawn."""
        return timeline(self.events)

    @cached_property
    def time(self) -> list[TimeUse]:
        """What each rank did with the time, by rank."""
        return time_use(self.events, self.setup.ranks)

    @property
    def seconds(self) -> float:
        """How long the step took."""
        return self.timeline.end

    @property
    def bytes_sent(self) -> dict[str, float]:
        """By kind of message, over all ranks."""
        return self.timeline.bytes_sent

    @property
    def seconds_alone(self) -> float:
        """How long one rank would take: all computation, and nothing else."""
        flops = sum(event.size for event in self.events if event.kind == "compute")
        return flops / self.setup.costs.flops_per_second

    @property
    def speed_up(self) -> float:
        """How many times faster than one rank."""
        return self.seconds_alone / self.seconds if self.seconds else 1.0

    @property
    def efficiency(self) -> float:
        """The speed-up over the ranks: the share of all ranks' time in which they compute."""
        return self.speed_up / self.setup.ranks


class Cluster:
    """A trainer whose steps are made by ranks in turn.

    Args:
        trainer: of a `Network` or `MLP`. It goes on as if it had made the steps itself; its
            `accumulate` and its gradient hook are not used.

    Raises:
        CourseError: for what is not such a trainer.
    """

    def __init__(self, trainer: Trainer):
        if not isinstance(trainer, Trainer) or not isinstance(trainer.model, Network):
            raise CourseError(
                f"Cluster({shown(trainer)}); it takes a Trainer of a Network or MLP, whose layers "
                "it can cut"
            )
        self.trainer, self.network = trainer, trainer.model
        self.apart: list[dict] = []  # what each rank of local SGD has for itself
        self.checked: tuple | None = None  # the setup that fits, with the rows of a batch

    def check(self, setup: Setup) -> None:
        """Raise `CourseError` for a setup that this network and its batches do not fit."""
        if not isinstance(setup, Setup):
            raise CourseError(f"setup = {shown(setup)}; allowed: Setup(…)")
        batch, shares = self.trainer.batch_size, setup.replicas
        if batch < shares:
            raise CourseError(
                f"a batch of {batch} rows cannot be shared by {shares} ranks or replicas; take "
                f"at most {batch}, or a larger batch"
            )
        if setup.plan() and batch % (shares * setup.micro_batches):
            raise CourseError(
                f"a batch of {batch} rows cannot be cut into {shares} × {setup.micro_batches} "
                "equal micro-batches; take a number of micro-batches that divides "
                f"{batch / shares:g}"
            )
        if self.checked != (setup, batch):
            InTurn(setup.ranks).run(lambda comm: self._build(comm, setup))
        self.checked = setup, batch

    def step(self, setup: Setup) -> Step:
        """Make one training step.

        Raises:
            CourseError: for a setup that does not fit; nothing changes then.
        """
        self.check(setup)
        trainer = self.trainer
        is_local = setup.strategy == "local_sgd"
        if not is_local or len(self.apart) != setup.ranks:
            self.apart = []
        world = InTurn(setup.ranks, setup.costs)
        with trainer.grad_mode:
            X, Y = trainer.batches.gather(trainer.batches.rows())
            alone = self._alone(X, Y)
            made = world.run(self._on_rank, setup, X, Y)
            first = made[0]
            self.apart = [rank["state"] for rank in made] if is_local else []
            self.network.theta.copy_(first["theta"])
            trainer.history.record(first["loss"], *first["norms"])
        self.network.load_state({"generator": first["state"]["model"]["generator"]})
        trainer.chain.load_state(first["transforms"])
        trainer.step_count += 1
        return Step(
            setup, float(first["loss"]), float((self.network.theta - alone).abs().max()),
            [rank["memory"] for rank in made], [e for e in world.events if e.label not in BESIDE],
        )  # fmt: skip

    def preview(self, setup: Setup) -> Step:
        """Return what the next step would be; the trainer stays where it is.

        Raises:
            CourseError: for a setup that does not fit.
        """
        self.check(setup)
        saved, apart = self.trainer.snapshot(), self.apart
        try:
            return self.step(setup)
        finally:
            self.trainer.restore(saved)
            self.apart = apart

    # ---- on one rank ------------------------------------------------------------------------

    def _build(self, comm: Communicator, setup: Setup) -> tuple[Strategy, Chain]:
        """Return this rank's part of the run, before the step."""
        network = copy.deepcopy(self.network).to(str(self.network.theta.device))
        model = make_strategy(setup.strategy, comm, network, **setup.options())
        return model, self._chain(model, model.part)

    def _chain(self, model, part) -> Chain:
        """Return the trainer's chain for another model; part: what this has of a whole vector."""
        old = self.trainer.chain
        chain = build_chain(old.describe())
        chain.init(model.theta, model.named_views, None, model.norm, model.lacks)
        like = self.network.theta.shape
        chain.load_state([
            {name: part(v) if v.shape == like else v for name, v in buffers.items()}
            for buffers in old.state()
        ])  # fmt: skip
        return chain

    def _alone(self, X: Tensor, Y: Tensor) -> Tensor:
        """Return the weights (P,) that one process gets from this step."""
        twin = copy.deepcopy(self.network)
        chain = self._chain(twin, twin.part)
        twin.loss_and_grad(X, Y)
        chain(twin.grad, twin.theta)
        return twin.theta

    def _on_rank(self, comm: Communicator, setup: Setup, X: Tensor, Y: Tensor) -> dict:
        """Make the step on this rank; return the whole that all ranks have then, and its cost."""
        with self.network.grad_mode():
            model, chain = self._build(comm, setup)
            if self.apart:
                mine = self.apart[comm.rank]
                model.theta.copy_(mine["theta"])
                model.load_state(mine["model"])
                chain.load_state(mine["transforms"])
            gauge = Gauge(model, chain, X)
            for each in {model.comm, getattr(model, "inner", model).comm}:
                watch(each, gauge)
            loss = model.loss_and_grad(X, Y)
            chain(model.grad, model.theta)
            norms = chain.norms()
            gauge.read()
            layout, like = Layout(comm, model), model.theta.shape
            states = chain.state()
            return {
                "loss": loss.clone(), "norms": norms, "memory": gauge.peak,
                "theta": self._whole(layout, model.theta),
                "transforms": [
                    {k: self._whole(layout, v) if v.shape == like else v for k, v in s.items()}
                    for s in states
                ],
                "state": {"theta": model.theta.clone(), "model": model.state(),
                          "transforms": states},
            }  # fmt: skip

    @staticmethod
    def _whole(layout: Layout, part: Tensor) -> Tensor:
        """Return a whole vector (P,); of local SGD, whose ranks have one each, the mean."""
        if not layout.is_local:
            return layout.whole(part).clone()
        assert isinstance(layout.model, LocalSGD)
        share = layout.model.share * layout.comm.world_size
        return layout.whole(part * share).view(layout.comm.world_size, -1).mean(0)


def watch(comm: Communicator, gauge: Gauge) -> None:
    """Let a gauge read each time a rank notes that it has computed."""
    note = comm.compute

    def noted(label: str, flops: int) -> None:
        gauge.read()
        note(label, flops)

    comm.compute = noted  # type: ignore[method-assign]


def rehearse(setup: Setup, trainer: Trainer | None = None) -> Step:
    """Make one step in this way, and say what it cost.

    Args:
        setup: how.
        trainer: see `Cluster`; None: a new one, of eight layers of 64 units on digits, with Adam,
            64 rows a batch.

    Raises:
        CourseError: for a setup that does not fit; nothing changes then.
    """
    if trainer is None:
        model = MLP([64] * 8 + [10])
        trainer = Trainer(model, load_data("digits"), Chain(Adam(), Descend(0.003)), 64)
    return Cluster(trainer).step(setup)
