"""Ranks in turn: what collectives give, what they cost, and what ranks that do not fit are told."""

import math
import signal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course import CourseError
from course.parallel.collectives import ring_all_reduce, tree_all_reduce
from course.parallel.communicator import bytes_sent, cuts
from course.parallel.in_turn import Costs, InTurn

worlds = st.integers(1, 6)


def vectors(world: int, n: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(world * 100 + n)
    return [torch.randn(n, generator=generator, dtype=torch.float64) for _ in range(world)]


@given(world=worlds, n=st.integers(0, 11))
def test_parts_are_those_of_tensor_split(world, n):
    rows = torch.arange(n)
    for part, theirs in zip(cuts(n, world), rows.tensor_split(world), strict=True):
        assert rows[part].tolist() == theirs.tolist()


@given(world=worlds, n=st.integers(1, 11))
def test_every_collective_gives_what_its_name_says(world, n):
    given_ = vectors(world, n)
    total = torch.stack(given_).sum(0)

    def program(comm):
        mine = given_[comm.rank].clone()
        part = comm.reduce_scatter(mine)
        root = comm.broadcast(mine.clone(), world - 1)
        return comm.all_reduce(mine.clone()), part, comm.all_gather(part, n), root

    for rank, (sum_, part, whole, root) in enumerate(InTurn(world).run(program)):
        torch.testing.assert_close(sum_, total)
        torch.testing.assert_close(part, total[cuts(n, world)[rank]])
        torch.testing.assert_close(whole, total)
        assert torch.equal(root, given_[-1])


@pytest.mark.parametrize("reduce", [ring_all_reduce, tree_all_reduce])
@given(world=worlds, n=st.integers(1, 11))
def test_ring_and_tree_give_the_sum_and_the_same_bits_on_each_rank(reduce, world, n):
    given_ = vectors(world, n)
    sums = InTurn(world).run(lambda comm: reduce(comm, given_[comm.rank].clone()))
    torch.testing.assert_close(sums[0], torch.stack(given_).sum(0))
    assert all(torch.equal(sums[0], other) for other in sums)


@pytest.mark.parametrize("p", [2, 4, 8])
def test_ring_and_tree_take_the_time_of_the_model(p):
    costs, n = Costs(latency=1e-3, bandwidth=1e6), 64 * p
    for reduce, expected in (
        (ring_all_reduce, 2 * (p - 1) * (1e-3 + n * 8 / p / 1e6)),
        (tree_all_reduce, 2 * math.log2(p) * (1e-3 + n * 8 / 1e6)),
    ):
        world = InTurn(p, costs)
        world.run(lambda comm, reduce=reduce: reduce(comm, torch.zeros(n, dtype=torch.float64)))
        assert max(event.end for event in world.events) == pytest.approx(expected)
        sent = [sum(e.size for e in world.events if e.rank == r) for r in range(p)]
        if reduce is ring_all_reduce:
            assert (
                sent == [2 * (p - 1) * n * 8 // p] * p == [bytes_sent("all_reduce", n * 8, p)] * p
            )


def test_a_sum_travels_while_its_rank_computes():
    def program(comm, overlap):
        x = torch.zeros(1000, dtype=torch.float64)
        if overlap:
            pending = comm.start_all_reduce(x)
            comm.compute("backward", 10**6)
            pending.wait()
        else:
            comm.all_reduce(x)
            comm.compute("backward", 10**6)

    def took(overlap):
        world = InTurn(2, Costs(latency=0, bandwidth=1e6, flops_per_second=1e8))
        world.run(program, overlap)
        return max(event.end for event in world.events)

    assert took(False) == pytest.approx(0.008 + 0.01)
    assert took(True) == pytest.approx(0.01)


def test_a_message_arrives_after_it_was_sent_and_a_link_carries_one_at_a_time():
    def program(comm):
        if comm.rank == 0:
            comm.compute("first", 100)
            comm.send(torch.zeros(10), 1)
            comm.send(torch.zeros(10), 1)
        else:
            for _ in range(2):
                comm.recv(torch.empty(10), 0)

    world = InTurn(2, Costs(latency=1.0, bandwidth=40.0, flops_per_second=100.0))
    world.run(program)
    assert [e.end for e in world.events if e.kind == "recv"] == [3.0, 5.0]
    assert [(e.called, e.start, e.end) for e in world.events if e.kind == "send"] == [
        (1.0, 1.0, 3.0), (1.0, 3.0, 5.0)]  # fmt: skip


def test_messages_with_different_tags_do_not_overtake_each_other():
    def program(comm):
        if comm.rank == 0:
            for tag in (5, 6):
                comm.send(torch.tensor([float(tag)]), 1, tag=tag)
            return None
        return [float(comm.recv(torch.empty(1), 0, tag=tag)) for tag in (6, 5)]

    assert InTurn(2).run(program)[1] == [6.0, 5.0]


def test_groups_talk_among_themselves():
    def program(comm):
        row = comm.split([[0, 2], [1, 3]])
        total = row.all_reduce(torch.tensor([float(comm.rank)]))
        return row.rank, row.world_size, float(total)

    assert InTurn(4).run(program) == [(0, 2, 2.0), (0, 2, 4.0), (1, 2, 2.0), (1, 2, 4.0)]


def test_what_was_sent_may_change_at_once():
    def program(comm):
        x = torch.ones(3)
        if comm.rank == 0:
            comm.send(x, 1)
            x.zero_()
            return x
        return comm.recv(torch.empty(3), 0)

    assert InTurn(2).run(program)[1].tolist() == [1, 1, 1]


# ---- what does not fit ------------------------------------------------------------------------


def waits_for_nobody(comm):
    if comm.rank:
        comm.barrier()
    else:
        comm.recv(torch.empty(1), 1)


def leaves_early(comm):
    if comm.rank:
        comm.all_reduce(torch.ones(2), "gradient")


def other_collectives(comm):
    comm.barrier() if comm.rank else comm.all_reduce(torch.ones(2))


def other_sizes(comm):
    comm.all_reduce(torch.ones(2 + comm.rank))


def other_shapes(comm):
    comm.all_reduce(torch.ones((2, 3) if comm.rank == 0 else (3, 2)))


def other_types(comm):
    comm.all_reduce(torch.ones(2, dtype=(torch.float32, torch.float64)[comm.rank]))


def other_roots(comm):
    comm.broadcast(torch.ones(2), comm.rank)


def wrong_letter(comm):
    comm.send(torch.ones(2), 1) if comm.rank == 0 else comm.recv(torch.empty(3), 0)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            waits_for_nobody,
            "no rank can go on: rank 0 waits to receive from 1; rank 1 waits in barrier",
        ),
        (leaves_early, r"rank 1 waits in all_reduce gradient; ended: \[0\]"),
        (
            other_collectives,
            r"rank 1 calls barrier of \[0\] float32, rank 0 all_reduce of \[2\] .*, as collecti",
        ),
        (other_sizes, r"rank 1 calls all_reduce of \[3\] float32, rank 0 all_reduce of \[2\]"),
        (other_shapes, r"all_reduce of \[3, 2\] float32, rank 0 all_reduce of \[2, 3\] float32"),
        (other_types, r"all_reduce of \[2\] float64, rank 0 all_reduce of \[2\] float32"),
        (other_roots, r"broadcast of \[2\] float32 from 1, rank 0 broadcast of .* from 0"),
        (wrong_letter, r"rank 1 receives \(2,\) torch.float32 from 0 where it expects \(3,\)"),
        (lambda comm: comm.send(torch.ones(1), 2), "dst = 2"),
        (lambda comm: comm.recv(torch.ones(1), -1), "src = -1"),
        (lambda comm: comm.broadcast(torch.ones(1), 5), "root = 5"),
        (lambda comm: comm.all_gather(torch.ones(3), 4), "4 rows got 3 on rank 0 of 2; allowed: 2"),
        (lambda comm: comm.split([[0], [0, 1]]), "each rank from 0 to 1 must be in one group"),
    ],
)
def test_ranks_that_do_not_fit_are_told_who_waits_for_what(program, words):
    with pytest.raises(CourseError, match=words):
        InTurn(2).run(program)


def test_an_error_on_one_rank_stops_all_and_names_it():
    def program(comm):
        if comm.rank == 1:
            raise ZeroDivisionError("here")
        comm.barrier()

    with pytest.raises(ZeroDivisionError) as caught:
        InTurn(3).run(program)
    assert caught.value.__notes__ == ["on rank 1 of 3"]


def test_after_an_error_no_rank_begins():
    begun = []

    def program(comm):
        begun.append(comm.rank)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        InTurn(3).run(program)
    assert begun == [0]


def test_what_collectives_gave_is_let_go():
    def program(comm):
        for _ in range(5):
            comm.all_reduce(torch.ones(3))
            comm.all_gather(torch.ones(1), 2)
        return comm.post

    assert InTurn(2).run(program)[0].meetings == {}


def test_an_interrupt_ends_every_rank():
    left = []

    def program(comm):
        try:
            comm.all_reduce(torch.ones(1))
            while comm.rank == 2:  # an endless computation
                signal.raise_signal(signal.SIGINT)
            comm.all_reduce(torch.ones(1))
        finally:
            left.append(comm.rank)

    with pytest.raises(KeyboardInterrupt):
        InTurn(3).run(program)
    assert sorted(left) == [0, 1, 2]


def test_a_rank_that_is_stopped_waits_for_nothing_more():
    def program(comm):
        try:
            comm.barrier()
            if comm.rank == 1:
                raise ValueError("not today")
            comm.barrier()
        finally:
            comm.barrier()  # nobody will come

    with pytest.raises(ValueError, match="not today"):
        InTurn(3).run(program)


def modes() -> tuple[bool, bool]:
    return torch.is_inference_mode_enabled(), torch.is_grad_enabled()


@pytest.mark.parametrize("around", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_each_rank_has_a_mode_of_its_own(around):
    """Ranks share a thread, and torch keeps its modes by thread."""
    enter = [torch.inference_mode, torch.no_grad, torch.enable_grad, torch.inference_mode]

    def program(comm):
        seen = [modes()]
        with enter[comm.rank]():
            for turn in range(4):
                seen.append(modes())
                if comm.rank == 3 and turn == 2:
                    break  # leave one turn earlier than the others
                comm.split([[0, 1, 2], [3]]).barrier()
        seen.append(modes())
        comm.barrier()
        return [*seen, modes()]

    with around():
        before = modes()
        found = InTurn(4).run(program)
        assert modes() == before
    inside = [(True, False), (False, False), (False, True), (True, False)]
    for seen, mine in zip(found, inside, strict=True):
        assert {seen[0], *seen[-2:]} == {(False, True)} and set(seen[1:-2]) == {mine}


@pytest.mark.parametrize("flops", [-1, float("nan"), "many", None, 0.5])
def test_a_computation_of_no_number_of_flops_is_refused(flops):
    with pytest.raises(CourseError, match="^flops = .*of a computation"):
        InTurn(1).run(lambda comm: comm.compute("forward", flops))


@pytest.mark.parametrize("program", [None, 3, "train"])
def test_a_program_that_cannot_be_called_is_refused(program):
    with pytest.raises(CourseError, match="program = .*allowed: a function"):
        InTurn(2).run(program)


@pytest.mark.parametrize("world", [0, 257, 2.5, "two"])
def test_a_world_of_another_size_is_refused(world):
    with pytest.raises(CourseError, match="world_size = "):
        InTurn(world)


@pytest.mark.parametrize("field", ["latency", "bandwidth", "flops_per_second"])
def test_costs_below_zero_are_refused(field):
    with pytest.raises(CourseError, match=field):
        Costs(**{field: -1.0})


def test_a_run_is_the_same_each_time():
    def program(comm):
        return [float(comm.all_reduce(torch.ones(1) * comm.rank)) for _ in range(20)]

    worlds_ = [InTurn(4), InTurn(4)]
    results = [world.run(program) for world in worlds_]
    assert results[0] == results[1] and worlds_[0].events == worlds_[1].events
    np.testing.assert_array_equal(results[0][0], [6.0] * 20)
