"""What a step costs: FLOPs as torch counts them, bytes by the formulas, clocks of the schedules."""

import pytest
import torch
from ranks import DATA, STRATEGIES, network
from torch.utils.flop_counter import FlopCounterMode

from course import MLP, Descend, LayerNorm, Linear, Network, ReLU, Residual, Trainer, chain
from course.parallel.communicator import bytes_sent
from course.parallel.data_parallel import DataParallel
from course.parallel.in_turn import Costs, InTurn
from course.parallel.local_sgd import LocalSGD
from course.parallel.pipeline import Pipeline
from course.parallel.schedules import make_schedule, time_schedule
from course.parallel.sharded import Sharded
from course.parallel.tensor_parallel import TensorParallel
from course.parallel.work import Work

B = 36


def one_step(make, world_size: int, net, costs: Costs | None = None) -> InTurn:
    """Run one step of a strategy; the events are those of `loss_and_grad` alone."""
    world = InTurn(world_size, costs)

    def program(comm):
        model = make(comm, net)
        X, Y = model.encode(DATA.x_train[:B], DATA.y_train[:B])
        comm.barrier()
        if comm.rank == 0:
            world.events.clear()
        comm.barrier()
        with model.grad_mode():
            model.loss_and_grad(X, Y)

    world.run(program)
    world.events[:] = [event for event in world.events if event.kind != "barrier"]
    return world


def total(world: InTurn, kind: str, rank: int | None = None) -> float:
    return sum(e.size for e in world.events if e.kind == kind and rank in (None, e.rank))


@pytest.mark.parametrize("name", [*(n for n in STRATEGIES if "sequence" not in n), "local"])
def test_the_flops_of_all_ranks_are_those_that_torch_counts_on_one(name):
    net = network()
    net.dropouts()[0].p = 0.0
    X, Y = net.encode(DATA.x_train[:B], DATA.y_train[:B])
    with FlopCounterMode(display=False) as counter:
        net.loss_and_grad(X, Y)
    make = STRATEGIES.get(name, lambda comm, net: LocalSGD(comm, net, 2))
    assert total(one_step(make, 2, net), "compute") == counter.get_total_flops()


def two_layers():
    return MLP([64, 24, 12], "relu", dtype=torch.float64)


P = (65 * 24 + 25 * 12) * 8  # bytes of all weights


@pytest.mark.parametrize("p", [2, 4])
@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (DataParallel, {"all_reduce": 2 * P}),
        (lambda c, n: DataParallel(c, n, 2), {"all_reduce": 2 * P}),
        (lambda c, n: Sharded(c, n, 1), {"all_gather": P, "reduce_scatter": P}),
        (lambda c, n: Sharded(c, n, 2), {"all_gather": P, "reduce_scatter": P}),
        # weights forward, and once more backward
        (lambda c, n: Sharded(c, n, 3), {"all_gather": 2 * P, "reduce_scatter": P}),
        # one sum forward; backward none, for nobody needs the gradient by the data
        (TensorParallel, {"all_reduce": 2 * 12 * B * 8}),
    ],
)  # fmt: skip
def test_a_rank_sends_the_bytes_of_the_formulas(make, kinds, p):
    """(p - 1)/p of the bytes above; all-reduce counts twice. Source: Rajbhandari et al. (2020)."""
    net = Network([Linear(24), ReLU(), Linear(12)], 64, "mse", dtype=torch.float64)
    world = InTurn(p)

    def program(comm):
        model = make(comm, net)
        X = torch.randn(B, 65, dtype=torch.float64)
        model.loss_and_grad(X, torch.randn(12, B, dtype=torch.float64))

    world.run(program)
    loss = bytes_sent("all_reduce", 8, p) if make is not TensorParallel else 0
    for kind in ("all_reduce", "all_gather", "reduce_scatter"):
        expected = kinds.get(kind, 0) * (p - 1) / p + (loss if kind == "all_reduce" else 0)
        assert total(world, kind, rank=0) == pytest.approx(expected)


def test_a_pipeline_sends_what_lies_between_its_stages():
    world = one_step(lambda c, n: Pipeline(c, n, 4), 2, MLP([64, 24, 10], dtype=torch.float64))
    assert total(world, "send", 0) == 24 * B * 8  # activations up
    assert total(world, "send", 1) == 24 * B * 8  # their gradients down


@pytest.mark.parametrize("kind", ["all_gather", "reduce_scatter", "broadcast", "all_reduce"])
@pytest.mark.parametrize("p", [2, 3, 5])
def test_a_collective_takes_the_time_of_its_bytes_and_rounds(kind, p):
    """Ring: 2(p - 1)/p · n for a sum, half for its halves; a broadcast sends n over each link."""
    n, latency, rate = 120, 0.5, 64.0
    world = InTurn(p, Costs(latency, rate, 1.0))

    def program(comm):
        x = torch.ones(n)
        if kind == "all_gather":
            comm.all_gather(x[: n // p].clone(), n)
        else:
            getattr(comm, kind)(x)

    world.run(program)
    rounds = 2 * (p - 1) if kind == "all_reduce" else p - 1
    n_bytes = {"all_reduce": 2 * (p - 1) / p, "broadcast": 1.0}.get(kind, (p - 1) / p) * 4 * n
    assert world.events[-1].end == pytest.approx(rounds * latency + n_bytes / rate)
    assert total(world, kind) == pytest.approx((2 if kind == "all_reduce" else 1) * (p - 1) * 4 * n)


@pytest.mark.parametrize(("name", "v"), [("gpipe", 1), ("1f1b", 1), ("zero_bubble", 1),
                                         ("interleaved", 2)])  # fmt: skip
def test_the_recorded_clock_of_a_pipeline_is_that_of_its_schedule(name, v):
    """With stages of one unit, and messages that take no time."""
    p, m = 4, 8
    net = MLP([64, *[10] * (p * v - 1), 10], dtype=torch.float64)
    rows = 4
    world = InTurn(p, Costs(latency=0, bandwidth=1e18, flops_per_second=rows))
    found = {}

    def program(comm):
        model = Pipeline(comm, net, m, name, v)
        for stage in model.stages:
            stage.work = Work(1, 1, 1)
        X, Y = model.encode(DATA.x_train[: m * rows], DATA.y_train[: m * rows])
        model.loss_and_grad(X, Y)
        found[comm.rank] = [e.start for e in world.events
                            if e.kind == "compute" and e.rank == comm.rank]  # fmt: skip

    world.run(program)
    timing = time_schedule(make_schedule(name, p, m, v))
    compute = [e for e in world.events if e.kind == "compute"]
    assert max(e.end for e in compute) == pytest.approx(timing.span)
    assert sum(e.end - e.start for e in compute) == pytest.approx(
        timing.span * p * (1 - timing.idle)
    )
    for rank, starts in enumerate(timing.starts):
        assert set(starts) <= {round(start) for start in found[rank]}


def test_buckets_hide_the_sum_behind_the_work_below():
    """With a link as slow as the work, three buckets take less time than one."""
    net = MLP([64, 64, 64, 10], dtype=torch.float64)
    costs = Costs(latency=0, bandwidth=1e6, flops_per_second=4e7)
    ends, sums = {}, {}
    for buckets in (1, 3):
        world = one_step(lambda c, n, b=buckets: DataParallel(c, n, b), 2, net, costs)
        ends[buckets] = max(e.end for e in world.events)
        sums[buckets] = min(e.start for e in world.events if e.label == "gradient")
        last_work = max(e.end for e in world.events if e.kind == "compute")
        assert (sums[buckets] < last_work) == (buckets > 1)
    assert ends[3] < ends[1]


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_sharded_layer_holds_its_weights_and_gradient_only_while_it_works(stage):
    net = Network([Linear(64), ReLU(), Residual(LayerNorm(), Linear(64)), Linear(10)], 64)
    seen = []

    def held(model) -> int:
        layers = [model.network.layers[0], model.network.layers[2].layers[1],
                  model.network.layers[3]]  # fmt: skip
        return sum(len(m.untyped_storage()) > 100 for layer in layers for m in (layer.W, layer.dW))

    def program(comm):
        model = Sharded(comm, net, stage)
        real = comm.reduce_scatter

        def watched(x, label=""):
            seen.append(held(model))
            return real(x, label)

        comm.reduce_scatter = watched
        trainer = Trainer(model, DATA, chain(Descend(0.1)))
        trainer.step()
        parts = len(model.theta), len(model.network.theta), len(model.network.grad)
        return held(model), parts

    whole = len(net.theta)
    for left, (own, weights, grad) in InTurn(2).run(program):
        assert left == 0
        assert abs(own - whole / 2) <= 3
        assert weights == (0 if stage == 3 else whole)
        assert grad == (whole if stage == 1 else 0)
    assert set(seen) == {0}
