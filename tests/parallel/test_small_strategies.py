"""Strategies on networks of a few weights: messages counted, states refused, clocks by hand."""

import pytest
import torch

from course import (
    MLP,
    CourseError,
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
    make_schedule,
    time_schedule,
)
from course.parallel.schedules import Action
from course.parallel.strategy import grid

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
