"""Ranks in turn that do not fit, fail or are interrupted; and what each keeps for itself."""

import signal

import numpy as np
import pytest
import torch

from course import CourseError
from course.parallel.in_turn import Costs, InTurn


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
