"""An answer is called with care: limited, on one thread, its inputs watched; draws hide nothing."""

import itertools
import pkgutil
import re
import signal
import time
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course import CourseError, Exercise
from course.lessons import exercises, judging
from course.lessons.judging import Attempt, Draw, copied, is_same, on_probes, related
from course.lessons.time_limit import limited
from course.parallel import InTurn

few = settings(derandomize=True, deadline=None, max_examples=40)


def exercise(judge):
    return Exercise("Exercise", judge)


def judge_seven(answer):
    return None if answer() == 7 else "Not 7."


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(judging, "SECONDS", 0.05)


# ---- time, threads, random numbers ------------------------------------------------------------


def for_ever():
    while True:
        try:
            next(itertools.count())
        except Exception:
            pass


@pytest.mark.parametrize("answer", [for_ever, lambda: time.sleep(1e6)])
def test_an_answer_that_does_not_end_is_told_so(answer, short, capsys):
    assert not exercise(judge_seven).check(answer)
    said = capsys.readouterr().out
    assert "Exercise: not yet. your answer was still running after 0.05 s" in said


EXERCISES = [
    made
    for module in pkgutil.iter_modules(exercises.__path__)
    for made in vars(import_module(f"{exercises.__name__}.{module.name}")).values()
    if isinstance(made, Exercise)
]


@pytest.mark.parametrize("asked", EXERCISES, ids=lambda e: f"{e.judge.__module__}-{e.name}")
def test_no_exercise_of_the_course_waits_for_ever(asked, short, capsys):
    assert not asked.check(lambda *inputs: for_ever())
    said = capsys.readouterr().out
    assert "still running after 0.05 s" in said or re.search("Give|Hand over|not a Setup", said)


@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_on_ranks_has_one_limit_and_leaves_none_behind(ends, short, capsys):
    """Calls on ranks that take turns do not nest, as limits must."""

    def judge(answer):
        def program(comm):
            return answer(torch.ones(2), comm.all_reduce)

        judging.on_ranks(answer, lambda: InTurn(3).run(program))

    def answer(x, all_reduce):
        total = all_reduce(x.clone())
        while not ends:
            pass
        return total

    before = signal.getsignal(signal.SIGALRM)
    assert exercise(judge).check(answer) == ends
    assert ends or "still running after 0.05 s" in capsys.readouterr().out
    time.sleep(0.06)  # a limit that stayed would be over now
    assert limited(lambda: 1, 60) == 1 and signal.getsignal(signal.SIGALRM) == before


def test_all_calls_share_the_time(short, capsys):
    def judge(answer):
        for _ in range(1000):
            answer()
        return None

    assert not exercise(judge).check(lambda: time.sleep(0.01))
    assert "still running" in capsys.readouterr().out


def test_the_judges_own_work_does_not_count(short):
    def judge(answer):
        time.sleep(0.1)
        return None if answer() == 7 else "Not 7."

    assert exercise(judge).check(lambda: 7)


def test_a_check_inside_an_answer_works_and_the_outer_one_holds(short, capsys):
    assert exercise(judge_seven).check(lambda: 7 if exercise(judge_seven).check(lambda: 7) else 0)

    def asks():
        exercise(judge_seven).check(for_ever)
        return 7

    assert not exercise(judge_seven).check(asks)
    assert capsys.readouterr().out.endswith("does every loop end?\n")


@pytest.mark.parametrize("end", [lambda: 7, lambda: 1 / 0, lambda: exit(), for_ever])
def test_threads_and_random_numbers_are_the_learners_again(end, short, monkeypatch):
    seen = []

    def answer():
        seen.append((torch.get_num_threads(), float(torch.rand(()))))
        return end()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(5)
    try:
        exercise(judge_seven).check(answer)
        exercise(judge_seven).check(answer)
        assert torch.get_num_threads() == 2
        assert float(torch.rand(())) == float(torch.rand((), generator=torch.manual_seed(5)))
    finally:
        torch.set_num_threads(before)
    assert seen[0] == seen[1] and seen[0][0] == 1


def test_an_answer_that_exits_is_only_wrong(capsys):
    assert not exercise(judge_seven).check(lambda: exit(3))
    assert "raised SystemExit" in capsys.readouterr().out


def test_an_interrupt_is_the_learners():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercise(judge_seven).check(answer)


# ---- inputs -----------------------------------------------------------------------------------

numbers = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64]), arrays.array_shapes(max_side=3)
)
inputs = st.recursive(
    numbers | numbers.map(torch.as_tensor) | st.integers() | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=3) | st.tuples(parts, parts),
    max_leaves=5,
)


@few
@given(st.lists(inputs, max_size=3))
def test_inputs_that_nobody_changes_are_the_same(given_inputs):
    attempt = Attempt(lambda *taken: taken)
    assert all(a is b for a, b in zip(attempt(*given_inputs), given_inputs, strict=True))
    assert attempt.changed is None


@few
@given(numbers, st.booleans(), st.data())
def test_any_changed_entry_is_seen(array, as_tensor, data):
    place = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    value = torch.as_tensor(array) if as_tensor else array
    old = copied([value])
    new = 1.0 if value[place] != 1 else 2.0
    value[place] = new
    assert not is_same(old, [value]) and is_same(copied([value]), [value])


def judge_sum(answer):
    w = torch.ones(3)
    return None if float(answer(w, [torch.ones(2)])) == 3 else "Not the sum."


def in_place(w, parts):
    total = float(w.sum())
    w -= 1
    return total


def in_a_list(w, parts):
    parts[0].zero_()
    return w.sum()


def resized(w, parts):
    return w.clone().sum() + 0 * len(parts.pop())


def anonymous(*taken):
    taken[1].clear()
    return taken[0].sum()


@pytest.mark.parametrize(
    "answer, name",
    [(in_place, "w"), (in_a_list, "parts"), (resized, "parts"), (anonymous, "input 2")],
)
def test_a_right_answer_that_changes_an_input_is_wrong(answer, name, capsys):
    assert not exercise(judge_sum).check(answer)
    assert f"The function changed the {name} it was handed." in capsys.readouterr().out


def test_a_judge_may_speak_of_it_first(capsys):
    def judge(answer):
        answer(w := torch.ones(3), [])
        return None if float(w.sum()) == 3 else "You wrote into w."

    assert not exercise(judge).check(in_place)
    assert "You wrote into w." in capsys.readouterr().out


# ---- draws ------------------------------------------------------------------------------------


@few
@given(st.integers(0, 2**40))
def test_drawn_numbers_are_in_range_and_unrelated(seed):
    ranges = [(0.01, 0.5), (0.6, 0.95), (1.2, 4.0), (-3.0, 3.0)]
    found = Draw(seed).numbers(*ranges)
    assert all(low <= x <= high for x, (low, high) in zip(found, ranges, strict=True))
    for a, b in combinations([1.0, *found], 2):
        guesses = (a, 1 - a, 1 / a, a * a, 2 * a, a / 2)
        assert not any(abs(b - guess) < 0.03 * abs(guess) for guess in guesses)
    assert Draw(seed).numbers(*ranges) == found


def test_ranges_without_unrelated_numbers_are_refused():
    with pytest.raises(CourseError, match="have no unrelated numbers; make them wider"):
        Draw(0).numbers((0.9, 0.901), (0.099, 0.1))


@pytest.mark.parametrize("a, b", [(0.1, 0.9), (0.9, 0.1), (2, 4), (4, 2), (0.5, 2), (3, 9), (1, 1)])
def test_related_numbers_are_known(a, b):
    assert related(a, b)


@few
@given(st.integers(0, 2**40), st.integers(1, 8))
def test_drawn_sizes_differ(seed, count):
    sizes = Draw(seed).sizes(count, 2, 9)
    assert len(set(sizes)) == count and 2 <= min(sizes) and max(sizes) <= 9
    equal = Draw(seed, square=True).sizes(count, 2, 9)
    assert len(equal) == count and len(set(equal)) == 1 and 2 <= equal[0] <= 9
    with pytest.raises(CourseError, match="allowed: up to 8 different sizes"):
        Draw(seed).sizes(9, 2, 9)
    assert 3 <= Draw(seed, square=True).size() <= 5 < 6 <= Draw(seed).size() <= 9


def test_a_second_draw_differs_and_its_words_say_so():
    seen = []

    def judge(draw):
        seen.append((draw.numbers((0.1, 0.4), (2, 9)), draw.sizes(3), draw.normal(2).tolist()))
        return None if len(seen) == 1 else "Else."

    assert on_probes(judge) == judging.ANOTHER + "Else."
    assert all(a != b for a, b in zip(*seen, strict=True))
    assert [len(set(sizes)) for _, sizes, _ in seen] == [1, 3]
    assert on_probes(lambda draw: "At once.") == "At once." and on_probes(lambda draw: None) is None
