"""Strategies on networks of a few weights: messages counted, states refused, clocks by hand."""

import pytest
import torch

from course import (
    MLP,
    CourseError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    Residual,
    Tanh,
    effort,
    load_data,
)
from course.parallel import (
    DataParallel,
    InTurn,
    LocalSGD,
    Pipeline,
    Replicas,
    Sharded,
    TensorParallel,
    grid,
    make_schedule,
    make_strategy,
    time_schedule,
)
from course.parallel.schedules import Action

DATA = load_data("moons")


def small() -> MLP:
    return MLP([2, 4, 3, 2], dtype=torch.float64)


def messages(make, world_size: int = 2) -> list[tuple[str, str]]:
    """Return (kind, label) of what rank 0 says in a step."""
    world = InTurn(world_size)

    def program(comm):
        model = make(comm)
        X, Y = model.encode(DATA.x_train[:8], DATA.y_train[:8])
        with model.grad_mode():
            model.loss_and_grad(X, Y)

    world.run(program)
    return [(e.kind, e.label) for e in world.events if e.rank == 0 and e.kind != "compute"]


def test_data_parallel_sums_once_unless_it_is_told_otherwise():
    assert messages(lambda c: DataParallel(c, small())) == [("all_reduce", "gradient")]
    found = messages(lambda c: DataParallel(c, small(), 3))
    assert found == [("all_reduce", "gradient")] * 3


def mixed() -> Network:
    """Return lone and paired matrices, norms, a residual; widths that two ranks do not share."""
    inner = Residual(LayerNorm(), Linear(5), Tanh(), Linear(3))
    layers = [Linear(3), LayerNorm(), inner, Linear(5), Tanh(), Linear(3), Linear(2)]
    return Network(layers, 2, dtype=torch.float64)


STRATEGIES = {
    "data": lambda c, n: DataParallel(c, n, 2),
    "local": lambda c, n: LocalSGD(c, n, 2),
    **{f"zero {stage}": lambda c, n, stage=stage: Sharded(c, n, stage) for stage in (1, 2, 3)},
    "tensor": TensorParallel,
    "sequence": lambda c, n: TensorParallel(c, n, sequence_parallel=True),
    **{name: lambda c, n, name=name: Pipeline(c, n, 3, name)
       for name in ("gpipe", "1f1b", "zero_bubble")},
    "interleaved": lambda c, n: Pipeline(c, n, 4, "interleaved", 2),
    "data × tensor": lambda c, n: Replicas(grid(c, 1)[1], TensorParallel(grid(c, 1)[0], n)),
    "data × pipeline": lambda c, n: Replicas(grid(c, 1)[1], Pipeline(grid(c, 1)[0], n, 2)),
}  # fmt: skip


@pytest.mark.parametrize("scale", [None, 24])
@pytest.mark.parametrize("name", STRATEGIES)
def test_loss_and_gradient_are_those_of_autograd_over_any_denominator(name, scale):
    """Of rows that are a part of a batch of 24, too: then the mean runs over all of it."""
    net, rows = mixed(), 12
    net.theta += 0.1 * torch.randn(len(net.theta), generator=torch.Generator().manual_seed(1))
    x, y = DATA.x_train[:rows].double(), DATA.y_train[:rows]
    module = net.to_module()
    loss = torch.nn.functional.cross_entropy(module(x), y, reduction="sum") / (scale or rows)
    loss.backward()
    grads = torch.zeros_like(net.theta)
    for view, weight in zip(net.named_views(grads).values(), module.parameters(), strict=True):
        view.copy_(weight.grad)

    def program(comm):
        model = STRATEGIES[name](comm, net)
        X, Y = model.encode(x, y, scale)
        with model.grad_mode():
            found = model.loss_and_grad(X, Y, scale)
        whole, other = model.whole(model.grad), model.part(model.whole(model.theta))
        assert torch.equal(other, model.theta)
        return found, whole, model.predict(x[:3])

    if name == "local" and scale:
        with pytest.raises(CourseError, match="cannot work a batch off in parts"):
            InTurn(2).run(program)
        return
    outputs = module(x[:3]).detach()
    for found, whole, predicted in InTurn(2).run(program):
        torch.testing.assert_close(found, loss.detach(), rtol=0, atol=1e-14)
        torch.testing.assert_close(whole, grads, rtol=0, atol=1e-14)
        torch.testing.assert_close(predicted, outputs, rtol=0, atol=1e-14)


def test_sequence_parallel_halves_each_sum_and_sends_as_much():
    """A sum is a reduce_scatter at the end of a block, an all_gather at the start of the next."""

    def net():
        return Network([Linear(4), LayerNorm(), Linear(6), Tanh(), Linear(4), LayerNorm(),
                        Linear(2)], 2, dtype=torch.float64)  # fmt: skip

    plain = messages(lambda c: TensorParallel(c, net()))
    cut = messages(lambda c: TensorParallel(c, net(), sequence_parallel=True))
    block = ("all_reduce", "outputs"), ("all_reduce", "input gradients")
    assert [plain.count(one) for one in block] == [1, 2]  # of the block; of the last matrix
    assert cut == [
        ("all_gather", "outputs"),  # of the first matrix, which is alone
        ("all_gather", "inputs"), ("reduce_scatter", "outputs"),
        ("all_gather", "inputs"), ("all_gather", "outputs"),  # of the last one
        ("reduce_scatter", "input gradients"),
        ("all_reduce", "norm gradients"), ("all_reduce", "norm gradients"),
        ("all_gather", "output gradients"), ("reduce_scatter", "input gradients"),
        ("all_reduce", "norm gradients"), ("all_reduce", "norm gradients"),
        ("all_gather", "input gradients"),
    ]  # fmt: skip


def test_replicas_that_cannot_all_take_their_rows_fail_together():
    """Else the ranks of one replica would wait for the others."""

    def program(comm):
        row, column = grid(comm, 2)
        model = Replicas(column, Pipeline(row, small(), 3))
        X, Y = model.encode(DATA.x_train[:7], DATA.y_train[:7])
        with pytest.raises(CourseError, match="a batch of 4 rows cannot be cut into 3 equal"):
            model.loss_and_grad(X, Y)
        for n in (7, 9):  # 4 and 3; 5 and 4
            with pytest.raises(CourseError, match="rows cannot be cut into 3 equal"):
                model.check_rows(n, n)
        model.check_rows(6, 6)
        return True

    assert all(InTurn(4).run(program))


def test_masks_are_drawn_anew_and_the_network_stays_its_own():
    net = Network([Linear(4), Dropout(0.5), Linear(2)], 2, dtype=torch.float64)

    def program(comm):
        model = DataParallel(comm, net)
        X, Y = model.encode(DATA.x_train[:8], DATA.y_train[:8])
        with model.grad_mode():
            losses = [float(model.loss_and_grad(X, Y)) for _ in range(2)]
        assert all(layer.given is None for layer in model.dropouts())
        return losses

    first, second = InTurn(2).run(program)
    assert first == second and first[0] != first[1]


# ---- clocks -------------------------------------------------------------------------------------


def test_actions_begin_when_rank_and_input_are_there():
    """Two ranks, two micro-batches, F 1 and B 2, drawn by hand."""
    timing = time_schedule(make_schedule("gpipe", 2, 2))
    assert timing.starts == [[0, 1, 5, 7], [1, 2, 3, 5]]
    assert (timing.span, timing.idle) == (9, pytest.approx(1 / 3))
    split = [[Action("F", 0), Action("I", 0), Action("W", 0)]] * 2
    timing = time_schedule(split, {"F": 2, "I": 3, "W": 4})
    assert timing.starts == [[0, 7, 10], [2, 4, 7]] and timing.span == 14


# ---- states -------------------------------------------------------------------------------------


def make_all(comm) -> dict:
    row, column = grid(comm, 2)
    return {
        "local": LocalSGD(comm, small(), 2), "sharded": Sharded(comm, small(), 3),
        "tensor": TensorParallel(row, small()), "pipeline": Pipeline(row, small(), 2),
        "replicas": Replicas(column, TensorParallel(row, small())),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["local", "sharded", "tensor", "pipeline", "replicas"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name):
    def on_ranks(comm):
        model = make_all(comm)[name]
        before = {key: value.clone() for key, value in model.state().items()}
        place = next(key for key in before if key != "generator")
        other = before | {"generator": torch.Generator().manual_seed(5).get_state()}
        for bad in (
            {"generator": before["generator"]},
            other | {"more": torch.ones(1)},
            other | {place: torch.zeros(5)},
            other | {place: -1 - before[place]},
            before | {"generator": torch.ones(3)},
        ):
            for refuse in (model.check_state, model.load_state):
                with pytest.raises(CourseError):
                    refuse(bad)
            now = model.state()
            assert all(torch.equal(now[key], before[key]) for key in before)
        model.load_state(other)
        assert torch.equal(model.state()["generator"], other["generator"])

    InTurn(2).run(on_ranks)


# ---- how they are built -------------------------------------------------------------------------


def test_strategies_by_name_have_the_defaults_of_the_command():
    def program(comm):
        pipeline = make_strategy("data_pipeline", comm, small())
        tensor = make_strategy("data_tensor", comm, small())
        assert (pipeline.comm.world_size, tensor.comm.world_size) == (2, 2)
        assert (pipeline.inner.comm.world_size, tensor.inner.comm.world_size) == (2, 2)
        assert (pipeline.micro_batches, len(pipeline.stages)) == (4, 1)
        assert not tensor.sequence_parallel
        plan = make_schedule("1f1b", 2, 4)
        return pipeline.actions == plan[pipeline.inner.comm.rank]

    assert all(InTurn(4).run(program))


@pytest.mark.parametrize("name", ["data", "tensor", "1f1b", "data × tensor"])
def test_what_was_once_built_is_built_again_however_large(name, monkeypatch):
    net = small()

    def begin(cost, anyway):
        if not anyway:
            raise CourseError("too large")

    monkeypatch.setattr(effort, "begin", begin)

    def program(comm):
        module = STRATEGIES[name](comm, net).to_module()
        return torch.cat([p.flatten() for p in module.parameters()])

    expected = torch.cat([p.flatten() for p in net.to_module().parameters()])
    for found in InTurn(2).run(program):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [("zero4", {}, "strategy = 'zero4' is unknown. Allowed: 'data'"),
     ("data", {"chunks": 2}, "strategy 'data'.* unexpected keyword argument 'chunks'"),
     ("local_sgd", {}, "missing a required argument: 'local_steps'")],
)  # fmt: skip
def test_a_strategy_that_is_none_is_refused(name, options, words):
    with pytest.raises(CourseError, match=words):
        InTurn(2).run(lambda comm: make_strategy(name, comm, small(), **options))


def test_the_stages_of_sharding_have_their_numbers():
    def program(comm):
        return [make_strategy(f"zero{stage}", comm, small()).stage for stage in (1, 2, 3)]

    assert InTurn(1).run(program) == [[1, 2, 3]]
