"""Marks: the path of a knob against the run itself; turns, their words and names."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_runs import lab, module

from course import Adam, ClipByNorm, Descend, Nesterov, chain
from course.optim.schedules import Cosine, Points
from widgets.training import marks


def value_on(path, step: float) -> float:
    """Return what a drawn line says at a step, from there on."""
    x, y = path
    return float(np.interp(step, x, y))


TURNS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["lr", "l2"]), st.floats(0.01, 9)))


@settings(max_examples=200, deadline=None)
@given(st.floats(0.01, 9), TURNS, st.integers(0, 60))
def test_the_path_of_numbers_is_what_turning_them_step_by_step_gives(start, changes, end):
    changes = sorted(changes, key=lambda change: change[0])
    x, y = marks.path(start, "lr", changes, end)
    assert x[0] == 0 and x[-1] == end and (np.diff(x) >= 0).all()
    for step in range(end + 1):
        turned = [start, *(v for s, k, v in changes if k == "lr" and s <= step)]
        assert value_on((x, y), step + 1e-9 if step < end else step) == pytest.approx(turned[-1])
        assert y[np.searchsorted(x, step, side="right") - 1] == turned[-1]
    assert np.isin(y, [start, *(v for s, k, v in changes if k == "lr" and s <= end)]).all()


@pytest.mark.parametrize("make", [lambda: lab(), lambda: lab(module())])
def test_the_paths_are_the_knobs_of_a_real_run(make):
    run, seen = make(), {}
    plan = {
        0: [("lr", 0.2)],
        20: [("lr", Cosine(0.5, 90)), ("momentum", 0.5)],
        40: [("clip", "norm"), ("threshold", 0.3)],
        55: [("lr", {"kind": "Points", "points": [[60, 0.1], [80, 1.0]], "scale": "log"})],
        70: [("optimiser", "gradient descent")],
        75: [("threshold", 2.0), ("lr", 0.7)],
        85: [("optimiser", "heavy ball")],
        90: [("momentum", 0.99)],
        93: [("optimiser", "adam")],
        95: [("Adam.beta1", 0.4)],
        97: [("optimiser", "gradient descent"), ("momentum", 0.3)],
        100: [("optimiser", chain(ClipByNorm(0.7), Nesterov(0.6), Descend(0.05)).describe())],
        105: [("optimiser", chain(Adam(0.8), Descend(Cosine(0.02, 50))).describe())],
        110: [("optimiser", chain(Descend(0.3)).describe()), ("clip", "value")],
    }
    for step in range(120):
        for knob, value in plan.get(step, []):
            run.set(knob, value)
        seen[step] = run.trainer.knobs()
        run.trainer.step()
    for knob in ("lr", "momentum", "threshold"):
        path = marks.path(run.watching.started[knob], knob, run.trainer.history.knobs, 119)
        for step in range(120):
            assert value_on(path, step) == pytest.approx(seen[step][knob], rel=1e-6), (knob, step)


def test_a_long_schedule_is_drawn_with_few_points_and_ends_where_it_stands():
    schedule = Cosine(0.3, steps=100_000)
    x, y = marks.path(schedule, "lr", [], 100_000)
    assert len(x) == marks.DRAWN and (x[0], x[-1]) == (0, 100_000)
    assert y.tolist() == [schedule.value(int(step)) for step in x]
    x, y = marks.path(schedule, "lr", [(5, "lr", {"kind": "LinearRamp", "start": 1.0, "end": 2.0,
                                                  "steps": 10})], 7)  # fmt: skip
    assert x.tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 7]
    np.testing.assert_allclose(y[-3:], [1.5, 1.6, 1.7])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["lr", "momentum"]),
                          st.floats(0.01, 0.9)), max_size=20), st.integers(60, 2000))  # fmt: skip
def test_turns_that_stand_close_together_become_one(changes, axis):
    changes = sorted(changes, key=lambda change: change[0])
    turns = marks.turns(changes, axis)
    assert [s for s, _ in turns] == sorted({s for s, _ in turns} & {s for s, *_ in changes})
    assert all(b - a > axis / 60 for (a, _), (b, _) in zip(turns, turns[1:], strict=False))
    for step, knob, _ in changes:  # each is said, or a later value of the same knob
        begin, said = [(s, w) for s, w in turns if s <= step][-1]
        assert step - begin <= axis / 60
        last = [v for s, k, v in changes if k == knob and begin <= s <= begin + axis / 60][-1]
        assert marks.words(knob, last) in said.split(", ")
        assert len(said.split(", ")) <= 2
    assert bool(turns) == bool(changes)


WORDS = [
    ("lr", 12.0, "α 12"), ("lr", 0.000025, "α 2.5e−5"), ("momentum", 0.95, "β 0.95"),
    ("threshold", 1e6, "c 1e6"), ("batch_size", 64, "batch 64"), ("clip", "norm", "clip norm"),
    ("clip_order", "after", "clip order after"), ("optimiser", "adam", "optimiser adam"),
    ("spike", {"at": 3, "factor": 100.0}, "spike ×100"), ("spike", None, "no spike"),
    ("momentum", Points(((1, 0.5),)).describe(), "drawn β"),
    ("lr", Cosine(0.3, 100).describe(), "Cosine α"), ("augment", [{"kind": "Shift"}], "augment …"),
]  # fmt: skip


@pytest.mark.parametrize(("knob", "value", "words"), WORDS)
def test_a_turn_in_words(knob, value, words):
    assert marks.words(knob, value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.25, "0.25"), (12.0, "12"), (3e-4, "0.0003"), (3e-5, "3e−5"), (1e10, "1e10"),
     (-0.5, "−0.5"), (0.12345, "0.123"), (2e-12, "2e−12")],
)  # fmt: skip
def test_a_number_is_written_with_three_digits(value, words):
    assert marks.short(value) == words


def test_a_branch_is_named_by_what_was_turned_first():
    assert marks.name([]) == ""
    turned = [(630, "lr", 1.0), (640, "lr", 12.0), (689, "momentum", 0.5), (690, "clip", "norm")]
    assert marks.name(turned) == "α 12, β 0.5 at 630"
    many = [(1200, knob, 1.0) for knob in ("lr", "momentum", "threshold", "l2")]
    assert marks.name(many) == "α 1, β 1, c 1 at 1,200"


def test_a_name_or_a_list_has_no_place_on_an_axis():
    assert math.isnan(marks.at("norm", 3)) and math.isnan(marks.at(None, 3))
    assert marks.at(2, 3) == 2.0 and not marks.is_schedule(2.0)
