"""What ranks tell each other beside their training: parameters of the calls, words, errors."""

import inspect

import pytest
import torch

from course import CourseError
from course.parallel import Communicator, InTurn, bytes_sent
from course.parallel.agreement import Agreed, agree, gather_words
from course.parallel.processes import Processes

CALLS = [name for name, call in vars(Communicator).items()
         if inspect.isfunction(call) and not name.startswith("_")]  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_ranks_in_turn_and_processes_are_called_as_the_protocol_says(name):
    def parameters(kind):
        found = inspect.signature(getattr(kind, name)).parameters.values()
        return [(p.name, p.default) for p in found]

    in_turn = InTurn(1).run(type)[0]
    assert parameters(in_turn) == parameters(Processes) == parameters(Communicator)


def test_only_a_barrier_sends_nothing():
    assert bytes_sent("barrier", 40, 4) == 0 == bytes_sent("all_reduce", 40, 1)
    assert bytes_sent("all_reduce", 40, 4) == 60 and bytes_sent("broadcast", 40, 4) == 30


def test_what_each_rank_says_is_heard_by_all_up_to_a_thousand_bytes():
    said = ["", "x" * 1500, "x" + "ä" * 600, "zu heiß"]
    heard = InTurn(4).run(lambda comm: gather_words(comm, said[comm.rank]))
    assert heard == [["", "x" * 1000, "x" + "ä" * 499, "zu heiß"]] * 4  # no half letter


def told(world_size: int, problems: dict[int, Exception], facts=None) -> list:
    """Return what each rank is told when these have problems; None: it goes on."""

    def program(comm):
        try:
            return agree(comm, problems.get(comm.rank), facts and facts(comm.rank))
        except Agreed as error:
            return str(error), error.__cause__

    return InTurn(world_size).run(program)


def test_all_fail_with_the_first_that_fails():
    cold, hot = ValueError("too cold"), CourseError("too hot")
    assert told(3, {}) == [None] * 3 == told(3, {}, lambda rank: {})
    words = "too hot (on rank 1 of 3)"
    assert told(3, {1: hot, 2: cold}) == [(words, None), (words, hot), (words, cold)]
    assert told(2, {0: hot, 1: hot}) == [("too hot", hot)] * 2


def test_all_are_told_the_same():
    assert told(3, {}, lambda rank: {"recipes": "one", "options": "two"}) == [None] * 3
    found = told(3, {}, lambda rank: {"recipes": "one", "options": str(rank // 2)})
    words = "ranks were given different options: that of rank 2 is not that of rank 0; hand the"
    assert all(said.startswith(words) and why is None for said, why in found)


def test_the_kinds_of_rank_refuse_what_is_no_split():
    for groups in ([[0], []], [[0], (1,)], ([0], [1]), [[0, 1], [1]], [[0]], "01"):
        with pytest.raises(CourseError, match="each rank from 0 to 1 must be in one group"):
            InTurn(2).run(lambda comm, groups=groups: comm.split(groups))


def test_rows_gathered_from_uneven_parts_keep_their_order():
    rows = torch.arange(10.0).view(5, 2)

    def program(comm):
        return comm.all_gather(rows.tensor_split(3)[comm.rank], 5)

    assert all(torch.equal(whole, rows) for whole in InTurn(3).run(program))
