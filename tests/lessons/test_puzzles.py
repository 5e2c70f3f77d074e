"""Puzzles: the targets can be met, the first idea misses them, and messages say why."""

import math

import pytest
import torch
from puzzle_answers import NAIVE, SOLVED, WRONG, endless

from course import CourseError
from course.lessons.puzzles import PUZZLES, puzzle, sums
from course.lessons.puzzles.puzzle import missed

OPEN = [one for one in PUZZLES if one.is_open]


def fresh(number: int):
    """The puzzle, as nobody has touched it."""
    found = puzzle(number)
    found.passed, found.shown, found.score = False, 0, None
    return found


def test_there_are_twelve_and_more_and_three_are_open():
    assert [one.number for one in PUZZLES] == list(range(1, len(PUZZLES) + 1))
    assert len(PUZZLES) >= 12 and len(OPEN) >= 3
    assert len({one.title for one in PUZZLES}) == len(PUZZLES)
    with pytest.raises(CourseError, match=r"number = 0"):
        puzzle(0)
    with pytest.raises(CourseError, match=r"number = 'one'"):
        puzzle("one")


@pytest.mark.parametrize("number", SOLVED)
def test_a_solution_meets_both_targets_with_the_numbers_of_one_process(number):
    one = fresh(number)
    score = one.run(SOLVED[number])
    assert missed(score, one.targets) is None and one.targets.met_by(score)
    assert score.gap < 1e-12 and len(score.memory) == len(score.time)


@pytest.mark.parametrize("number", NAIVE)
def test_the_first_idea_misses_a_target(number):
    one = fresh(number)
    score = one.run(NAIVE[number])
    assert not one.targets.met_by(score) and missed(score, one.targets)


@pytest.mark.parametrize(("number", "answer", "says"), WRONG)
def test_a_wrong_answer_is_told_why(number, answer, says, capsys):
    assert not fresh(number).check(answer) and not puzzle(number).passed
    message = capsys.readouterr().out
    assert says in message and message.startswith(f"Puzzle {number}: not yet. ")
    assert message.count("\n") == 1


@pytest.mark.full
@pytest.mark.parametrize("number", SOLVED)
def test_the_best_known_is_shown_when_it_is_solved(number, capsys):
    one = fresh(number)
    assert one.check(SOLVED[number]) and one.passed
    said = capsys.readouterr().out
    assert said.startswith(f"Puzzle {number}: right!") and "Best known: " in said
    best = one.best()
    assert one.targets.met_by(best.score) and best.score.gap < 1e-12
    assert best.score.seconds <= one.score.seconds * (1 + 1e-9)
    assert ("of 100" in said) == one.is_open


@pytest.mark.full
def test_the_best_known_is_an_answer_that_can_be_given(capsys):
    from course.parallel import Setup

    for one in PUZZLES:
        code = one.best().code
        if one.number not in (9, 10, 11):  # there it is told in words
            answer = eval(code, {"Setup": Setup})
            assert math.isclose(one.run(answer).seconds, one.best().score.seconds)
            assert one.check(answer)
            assert not one.is_open or "100 of 100" in capsys.readouterr().out


def test_no_answer_is_no_error(capsys):
    for one in PUZZLES:
        assert not one.check(...) and not one.check(None) and not one.passed
        assert capsys.readouterr().out.count("not answered yet") == 2


def test_three_hints_each_and_a_text_with_both_targets(capsys):
    for number in SOLVED:
        one = fresh(number)
        assert len(one.hints) == len(set(one.hints)) == 3
        for hint in one.hints:
            one.hint()
            assert hint in capsys.readouterr().out
        text = one._repr_markdown_()
        assert f"puzzle({number}).check(" in text and f"**Puzzle {number}: " in text
        assert "*Given*" in text and "**Targets**" in text and text == repr(one)


def test_an_answer_that_never_ends_is_stopped(monkeypatch, capsys):
    monkeypatch.setattr(sums, "SECONDS", 0.3)
    assert not fresh(10).check(endless)
    assert "was still running" in capsys.readouterr().out


def test_letters_are_those_that_have_arrived_and_are_not_received():
    """Rank 0 sends two letters of 80 bytes; rank 1 opens them when both are there."""

    def twice(comm, x):
        if comm.rank == 0:
            comm.send(x, 1)
            comm.send(x, 1)
            return comm.recv(torch.empty_like(x), 1)
        if comm.rank == 1:
            total = comm.recv(torch.empty_like(x), 2) + x
            for _ in range(2):
                comm.recv(torch.empty_like(x), 0)
            comm.send(total, 0)
            return total
        for _ in range(40):
            comm.send(x, 2)  # to itself, so that the letter to rank 1 leaves late
        for _ in range(40):
            comm.recv(torch.empty_like(x), 2)
        comm.send(x, 1)
        return x

    score = sums.play(twice, 3, 10)
    assert [kept["letters not yet opened"] for kept in score.memory] == [80, 240, 80 * 1]


@pytest.mark.parametrize("known", sums.KNOWN)
def test_each_known_sum_is_the_sum(known):
    for p, n in ((2, 9), (4, 8), (8, 40)):
        assert sums.play(sums.KNOWN[known], p, n).gap < 1e-12
