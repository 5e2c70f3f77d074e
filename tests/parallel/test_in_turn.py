"""Ranks in turn: what collectives give, what they cost, and what ranks that do not fit are told."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
