"""Ranks as processes, here as threads: what torch.distributed is asked for, counted and told."""

import threading
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from gloo import WAIT, on_gloo, on_threads

from course import CourseError
from course.parallel import processes
from course.parallel.communicator import bytes_sent
from course.parallel.processes import join, take_gpu
from course.parallel.results import total

ENVIRONMENT = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}


@pytest.mark.parametrize("shape", [(5,), (7, 2), (2, 3)])
def test_collectives_give_and_count_what_their_names_say(shape):
    """With rows that 3 ranks do not share evenly: those travel padded to the longest."""
    n, world = shape[0], 3
    xs = [torch.randn(shape, dtype=torch.float64) for _ in range(world)]
    total = torch.stack(xs).sum(0)

    def program(comm):
        mine = xs[comm.rank]
        reduced = comm.all_reduce(mine.clone(), "sum")
        part = comm.reduce_scatter(mine, "part")
        whole = comm.all_gather(part, n, "whole")
        first = comm.broadcast(mine.clone(), 1, "root")
        comm.barrier()
        return reduced, part, whole, first, comm.events

    row = total[0].numel() * 8
    padded = -(-n // world) * world * row
    for rank, (reduced, part, whole, first, events) in enumerate(on_gloo(world, program)):
        torch.testing.assert_close(reduced, total)
        torch.testing.assert_close(part, total.tensor_split(world)[rank])
        torch.testing.assert_close(whole, total)
        assert torch.equal(first, xs[1])
        assert [(e.rank, e.kind, e.label, e.size) for e in events] == [
            (rank, "all_reduce", "sum", bytes_sent("all_reduce", n * row, world)),
            (rank, "reduce_scatter", "part", bytes_sent("reduce_scatter", padded, world)),
            (rank, "all_gather", "whole", bytes_sent("all_gather", padded, world)),
            (rank, "broadcast", "root", bytes_sent("broadcast", n * row, world)),
            (rank, "barrier", "", 0.0),
        ]
        assert all(e.called == e.start <= e.end for e in events)


def test_a_sum_goes_on_until_its_wait():
    def program(comm):
        pending = comm.start_all_reduce(x := torch.ones(3), "gradient")
        comm.compute("backward", 6)
        return pending.wait() is x, x.tolist(), [(e.kind, e.label) for e in comm.events]

    events = [("compute", "backward"), ("all_reduce", "gradient")]
    assert on_gloo(2, program) == [(True, [2.0] * 3, events)] * 2


def test_a_computation_lasts_from_the_end_of_the_event_before():
    def program(comm):
        comm.compute("first", 3)
        comm.barrier()
        comm.compute("second", 4)
        return comm.events

    first, barrier, second = on_gloo(1, program)[0]
    assert (first.kind, first.label, first.size) == ("compute", "first", 3)
    assert first.called == first.start == first.end
    assert second.called == second.start == barrier.end <= second.end


def test_messages_have_tags_and_what_was_sent_may_change_at_once():
    def program(comm):
        x = torch.arange(6.0).view(2, 3).t() + 10 * comm.rank  # not contiguous
        other = 1 - comm.rank
        comm.send(x, other, "up", tag=5)
        x.zero_()
        comm.send(x, other, tag=6)
        found = [comm.recv(torch.empty(3, 2), other, "down", tag=tag) for tag in (6, 5)]
        comm.finish()
        return found, [(e.kind, e.label, e.size, e.rank) for e in comm.events[:4]]

    for rank, ((zero, x), events) in enumerate(on_gloo(2, program)):
        assert torch.equal(x, torch.arange(6.0).view(2, 3).t() + 10 * (1 - rank))
        assert not zero.any()
        assert events == [("send", "up", 24, rank), ("send", "", 24, rank),
                          ("recv", "down", 0, rank), ("recv", "down", 0, rank)]  # fmt: skip


def test_messages_to_oneself_wait_by_their_tag():
    def program(comm):
        for tag, value in ((0, 1.0), (7, 2.0), (0, 3.0)):
            comm.send(torch.tensor([value]), 0, tag=tag)
        found = [float(comm.recv(torch.empty(1), 0, tag=tag)) for tag in (7, 0, 0)]
        with pytest.raises(CourseError, match="rank 0 receives from itself, and sent itself no"):
            comm.recv(torch.empty(1), 0)
        return found, [*comm.sent]

    assert on_gloo(1, program) == [([2.0, 1.0, 3.0], [])]


def test_what_has_arrived_is_let_go():
    """gloo calls no message complete before somebody waits for it."""
    steps = processes.MOST_LETTERS + 5

    def program(comm):
        for _ in range(steps):
            if comm.rank == 0:
                comm.send(torch.ones(2), 1)
            else:
                comm.recv(torch.empty(2), 0)
        kept = len(comm.sent)
        comm.finish()
        return kept, len(comm.sent)

    assert on_gloo(2, program) == [(processes.MOST_LETTERS, 0), (0, 0)]


def test_groups_talk_among_themselves_and_share_the_list_of_events():
    def program(comm):
        group = comm.split([[2, 0], [1]])
        total = group.all_reduce(torch.tensor([float(comm.rank)]), "of the group")
        root = group.broadcast(torch.tensor([float(comm.rank)]), group.world_size - 1)
        if group.world_size == 2:
            group.send(torch.tensor([float(comm.rank)]), 1 - group.rank)
            root = root, group.recv(torch.empty(1), 1 - group.rank)
        group.finish()
        assert group.events is comm.events and group.sent is comm.sent
        assert {event.rank for event in comm.events} == {comm.rank}
        return group.rank, group.world_size, group.ranks, float(total), root, group.time_to_wait

    assert on_gloo(3, program) == [
        (0, 2, [0, 2], 2.0, (2.0, 2.0), WAIT), (0, 1, [1], 1.0, 1.0, WAIT),
        (1, 2, [0, 2], 2.0, (2.0, 0.0), WAIT),
    ]  # fmt: skip


def test_counts_are_summed_by_their_names():
    def program(comm):
        return total(comm, {"send": 1.25} if comm.rank else {"send": 1.25, "all_reduce": 3.0})

    assert on_gloo(2, program) == [{"all_reduce": 3, "send": 2}] * 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda comm: comm.send(torch.ones(1), 2), "dst = 2 is out of range"),
        (lambda comm: comm.recv(torch.ones(1), 2), "src = 2 is out of range"),
        (lambda comm: comm.recv(torch.ones(1), -1), "src = -1 is out of range"),
        (lambda comm: comm.broadcast(torch.ones(1), 2), "root = 2 is out of range"),
        (lambda comm: comm.all_gather(torch.ones(2), 3), "3 rows got 2 on rank 1"),
        (lambda comm: comm.split([[0]]), "each rank from 0 to 1 must be in one group"),
    ],
)
def test_what_no_rank_can_do_is_refused(call, words):
    def program(comm):
        try:
            call(comm)
        except CourseError as error:
            return str(error)

    assert any(words in said for said in on_gloo(2, program) if said)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda comm: comm.recv(torch.ones(1), 1, "up"), "rank 0 lost the others in recv up: "),
        (lambda comm: comm.all_reduce(torch.ones(1), "sum"), "in all_reduce sum: one of them fail"),
        (lambda comm: comm.reduce_scatter(torch.ones(2)), "in reduce_scatter: "),
        (lambda comm: comm.all_gather(torch.ones(1), 2, "row"), "in all_gather row: "),
        (lambda comm: comm.broadcast(torch.ones(1), 1, "w"), "in broadcast w: "),
        (lambda comm: comm.barrier(), "in barrier: one of them failed, or is slower than the time"),
    ],
)
def test_a_rank_that_lost_the_others_says_so(call, words):
    def program(comm):
        comm.barrier()
        if comm.rank == 0:
            with pytest.raises(CourseError, match=words) as caught:
                call(comm)
            return str(caught.value)

    said = on_gloo(2, program)[0]
    assert "torch says: " in said and len(said.splitlines()) == 1


# ---- to join ----------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    return monkeypatch


def test_a_world_of_one_is_joined_and_left(environment):
    with join(wait=timedelta(seconds=7)) as comm:
        assert (comm.rank, comm.world_size, comm.me, comm.ranks) == (0, 1, 0, [0])
        assert comm.time_to_wait == timedelta(seconds=7)
        assert dist.get_backend() == "gloo" and dist.is_initialized()
        assert comm.all_reduce(torch.ones(2)).tolist() == [1, 1]
    assert not dist.is_initialized() and comm.events[-1].kind == "barrier"
    with pytest.raises(ZeroDivisionError), join():
        raise ZeroDivisionError
    assert not dist.is_initialized()


def join_on_threads(monkeypatch, store, restart: int, program=lambda comm: comm.rank):
    """Let two ranks find each other in a store, as torchrun's after so many restarts."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restart))
    numbers = {}

    def rendezvous(url, timeout):
        assert url == "env://"
        return iter([(store, numbers[threading.get_ident()], 2)])

    def on_rank(rank):
        numbers[threading.get_ident()] = rank
        with join(wait=timedelta(seconds=5)) as comm:
            return program(comm)

    monkeypatch.setattr(dist, "rendezvous", rendezvous)
    return on_threads(2, on_rank)


def test_after_a_restart_nobody_calls_the_processes_before(environment):
    store = dist.HashStore()
    for restart in (0, 1):
        assert join_on_threads(environment, store, restart) == [0, 1]
        assert store.timeout == timedelta(seconds=5)
    assert store.num_keys() > 0


def test_other_versions_of_torch_are_refused(environment):
    class Torch:
        __version__ = property(lambda self: f"2.{dist.get_rank()}")

    environment.setattr(processes, "torch", Torch())
    with pytest.raises(CourseError, match=r"different versions of torch: \['2.0', '2.1'\]; inst"):
        join_on_threads(environment, dist.HashStore(), 0)


def test_a_world_is_not_too_large(environment):
    environment.setenv("WORLD_SIZE", str(10**6 + 1))
    with pytest.raises(CourseError, match="WORLD_SIZE = 1000001 is out of range"), join():
        pass


def test_a_rank_takes_the_gpu_of_its_number(monkeypatch):
    taken: list = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    take_gpu()
    monkeypatch.setenv("LOCAL_RANK", "1")
    take_gpu()
    assert taken == [0, 1]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(CourseError, match="a GPU for each rank, and this machine has 2; take 'cpu"):
        take_gpu()
