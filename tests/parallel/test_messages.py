"""An all-reduce message by message, and a schedule unit by unit: what a lab steps through."""

import pytest
import torch

from course import CourseError
from course.parallel.messages import powers, watch_all_reduce
from course.parallel.schedule_table import ScheduleTable
from course.parallel.schedules import make_schedule, most_in_flight


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("n", [1, 5, 8])
@pytest.mark.parametrize("name", ["ring", "tree"])
def test_every_message_is_there_and_the_last_leaves_the_sum_everywhere(name, p, n):
    """Ring: 2(p - 1) rounds of p messages; tree: 2⌈log₂ p⌉ rounds, 2(p - 1) messages."""
    vectors = torch.randn(p, n, dtype=torch.float64)
    start, *moments = watch_all_reduce(name, vectors)
    assert start.message is None
    assert torch.equal(start.held, vectors)
    held = vectors.clone()
    for message, after, whole in moments:
        assert message is not None
        part = slice(message.first, message.first + len(message.values))
        values = torch.tensor(message.values, dtype=torch.float64)
        old = held[message.dst][part] if message.is_added else 0
        held[message.dst][part] = values + old
        assert torch.equal(held, after)
        assert torch.equal(whole, torch.isclose(after, vectors.sum(0)))
    assert torch.allclose(held, vectors.sum(0).expand(p, n))
    rounds = [moment.message.round for moment in moments]
    assert rounds == sorted(rounds)
    turns = 2 * (p - 1) if name == "ring" else 2 * (p - 1).bit_length()
    assert len(moments) == 2 * (p - 1) * (p if name == "ring" else 1)
    assert max(rounds, default=0) <= turns
    if name == "ring" or p in (1, 2, 4, 8):
        assert max(rounds, default=0) == turns
    numbers = sum(len(moment.message.values) for moment in moments)
    assert numbers == 2 * (p - 1) * n


def test_the_digits_tell_whose_numbers_are_in_a_sum():
    """Ring on 4 ranks: after p - 1 = 3 rounds rank r has the whole sum of part r + 1."""
    moments = watch_all_reduce("ring", powers(4))
    assert moments[1].message[:4] == (1, 0, 1, 0)
    assert moments[1].held[1].tolist() == [11, 10, 10, 10]
    assert moments[12].held.diagonal(1).tolist() == [1111, 1111, 1111]
    assert int(moments[12].whole.sum()) == 4
    assert not moments[13].message.is_added


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: watch_all_reduce("star", powers(4)), "algorithm = 'star' is unknown"),
        (lambda: watch_all_reduce("ring", torch.ones(3)), r"a \(ranks, n\) tensor"),
        (lambda: watch_all_reduce("ring", torch.ones(9, 2)), "ranks = 9 is out of range"),
        (lambda: watch_all_reduce("ring", torch.ones(2, 33)), "n = 33 is out of range"),
        (lambda: powers(9), "ranks = 9 is out of range"),
    ],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(call, words):
    with pytest.raises(CourseError, match=words):
        call()


@pytest.mark.parametrize(("name", "v"), [("gpipe", 1), ("1f1b", 1), ("zero_bubble", 1),
                                         ("interleaved", 2)])  # fmt: skip
def test_a_table_has_each_action_once_and_keeps_what_the_schedule_says(name, v):
    p, m = 4, 8
    schedule = make_schedule(name, p, m, v)
    table = ScheduleTable(schedule)
    for rank, actions in enumerate(schedule):
        cells = [table.at(rank, unit) for unit in range(table.span)]
        assert [c.action for c in dict.fromkeys(filter(None, cells))] == actions
        kept = [len(table.in_flight(rank, unit)) for unit in range(table.span)]
        assert max(kept) == table.most[rank] == most_in_flight(actions)
        assert kept[-1] <= 1
    empty = sum(table.at(r, u) is None for r in range(p) for u in range(table.span))
    assert table.idle == pytest.approx(empty / (p * table.span))
    if name != "zero_bubble":
        assert table.idle == pytest.approx((p - 1) / (v * m + p - 1))


def test_a_table_knows_its_ranks_and_units():
    table = ScheduleTable(make_schedule("gpipe", 2, 2))
    assert (table.span, table.in_flight(1, 0), table.in_flight(0, 1)) == (9, [], [(0, 0), (1, 0)])
    for rank, unit in [(2, 0), (0, 9), (0, -1)]:
        for look in (table.at, table.in_flight):
            with pytest.raises(CourseError, match="out of range"):
                look(rank, unit)
