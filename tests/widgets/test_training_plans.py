"""Plans: the future of a knob, drawn, recorded, replayed, shown and taken back."""

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_labs import answer, check_picture, live, same, samples, small, until_end, wait

from course import CourseError, LinearRamp
from course.training.replay import run_recipe

PLANS = {
    "lr": [[20, 0.5], [60, 0.001]], "momentum": [[10, 0.0], [40, 0.95]],
    "threshold": [[5, 2.0], [50, 0.1]],
}  # fmt: skip
SCALES = {"lr": math.log, "threshold": math.log, "momentum": lambda v: math.log(1 - v)}
each_plan = pytest.mark.parametrize("knob", PLANS)


def lane_of(lab, knob) -> dict:
    (lane,) = [plot["lane"] for plot in check_picture(lab)["strips"]
               if plot["lane"] and plot["lane"]["knob"] == knob]  # fmt: skip
    return lane


def values_of(lab, knob, steps) -> list[float]:
    """Return a knob's value in each of the next steps."""
    values = []
    for _ in range(steps):
        values.append(lab.trainer.knobs()[knob])
        lab.run(1)
    return values


@each_plan
def test_a_knob_follows_its_plan_straight_on_its_own_scale(knob):
    lab = small("spirals", clip="norm")
    now = lab.trainer.knobs()[knob]
    lab.plan(knob, PLANS[knob])
    (t0, y0), (t1, y1) = PLANS[knob]
    scale, values = SCALES[knob], values_of(lab, knob, 70)
    assert values[: t0 - 1] == [now] * (t0 - 1), "it holds until the hand began"
    assert values[t0] == pytest.approx(y0) and values[t1:] == pytest.approx([y1] * (70 - t1))
    for t in range(t0, t1):
        share = (t - t0) / (t1 - t0)
        place = (1 - share) * scale(y0) + share * scale(y1)
        assert scale(values[t]) == pytest.approx(place, abs=1e-9)


@each_plan
def test_a_plan_is_in_the_recipe_and_replayed_to_the_bit(knob):
    lab = small("spirals", clip="norm", threshold=0.5).run(15)
    lab.plan(knob, [[step + 15, value] for step, value in PLANS[knob]])
    lab.run(30)
    lab.plan(knob, [[80, 0.5]])
    lab.run(50)
    recipe = lab.recipe()
    assert [(step, name, value["kind"]) for step, name, value in recipe.knobs] == [
        (15, knob, "Points"), (45, knob, "Points")]  # fmt: skip
    again = small(recipe)
    assert same(run_recipe(recipe), lab.trainer) and same(again.trainer, lab.trainer)
    assert samples(again) == samples(lab)
    code = lab.code() + "print(trainer.history.numbers().tobytes().hex())\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n")[1] == lab.trainer.history.numbers().tobytes().hex(), done.stderr


@each_plan
def test_a_plan_is_shown_in_its_lane_until_a_turn_or_the_hand_takes_it_back(knob):
    lab = live("spirals", clip="norm", steps=100).run(3)
    now, points = lab.trainer.knobs()[knob], PLANS[knob]
    assert lane_of(lab, knob)["plan"] == []
    for take_back in (lambda: lab.set(knob, now), lambda: lab.plan(knob, []),
                      lambda: answer(lab, "plan", knob=knob, points=[])):  # fmt: skip
        answer(lab, "plan", knob=knob, points=points)
        plan = lane_of(lab, knob)["plan"]
        assert plan == points
        assert lab.trainer.recipe().knobs[-1][2]["points"][-2:] == points
        take_back()
        assert lane_of(lab, knob)["plan"] == [] and lab.trainer.knobs()[knob] == now
        assert values_of(lab, knob, 1) == [now]
        lab.go_to(3)


def test_a_plan_shrinks_as_it_is_passed_and_the_past_keeps_its_path():
    lab = small(steps=100)
    lab.plan("lr", [[20, 0.5], [60, 0.01]])
    lab.run(40)
    lane = lane_of(lab, "lr")
    assert [step for step, _ in lane["plan"]] == [40, 60]
    assert lane["plan"][0][1] == pytest.approx(lane["value"], rel=1e-4)
    strip = lab.picture()["strips"][2]
    (path,) = [la for la in strip["layers"] if la["kind"] == "curve" and la["name"] == "α"]
    arrays = lab.picture()["arrays"]
    walked = dict(zip(arrays[path["x"]].tolist(), arrays[path["y"]].tolist(), strict=True))
    assert walked[10] == 0.1 and walked[20] == pytest.approx(0.5)
    assert lab.picture()["turns"] == [[0, "drawn α"]]
    lab.run(30)
    assert lane_of(lab, "lr")["plan"] == []


def test_a_schedule_that_was_set_is_shown_as_a_plan():
    lab = small(steps=100).run(10)
    lab.set("lr", LinearRamp(0.1, 0.3, 100))
    plan = lane_of(lab, "lr")["plan"]
    assert plan[0] == [10, pytest.approx(0.12)] and plan[-1] == [100, pytest.approx(0.3)]


def test_a_plan_may_be_drawn_while_it_plays():
    lab = live(steps=200, speed=400)
    lab.play()
    lab.plan("momentum", [[100, 0.5], [150, 0.99]])
    lab.plan("lr", [[120, 0.2]])
    until_end(lab)
    assert [name for _, name, _ in lab.recipe().knobs] == ["momentum", "lr"]
    knobs = lab.trainer.knobs()
    assert (knobs["momentum"], knobs["lr"]) == (0.99, 0.2)
    assert same(run_recipe(lab.recipe()), lab.trainer)


def test_a_plan_survives_going_back_and_starts_a_branch_in_the_past():
    lab = small(steps=100)
    lab.plan("lr", [[10, 0.3], [50, 0.01]])
    lab.run(60)
    lab.go_to(30)
    assert lane_of(lab, "lr")["plan"][-1] == [50, 0.01]
    lab.plan("lr", [[40, 1.0]])
    lab.run(20)
    first, second = lab.timeline.branches
    assert (second.left_at, second.end, first.end) == (30, 50, 60)
    assert same(run_recipe(lab.recipe()), lab.trainer)


def test_a_drawn_threshold_clips_and_taking_it_back_does_not():
    for lab in (small(), live()):
        lab.plan("threshold", [[5, 0.1], [9, 0.2]])
        assert lab.trainer.knobs()["clip"] == "norm"
        lab.set("clip", "off")
        lab.plan("threshold", [])
        assert lab.trainer.knobs()["clip"] == "off"
        lab.run(12)
        assert same(run_recipe(lab.recipe()), lab.trainer)


BAD = [
    None, "points", 7, {}, {"kind": "Points"}, [1, 2], [[1]], [[30, 0.1, 2]], [["a", "b"]],
    [[30, None]], [[None, 0.1]], [[30, 0.1]] * 10_001, [[30, math.nan]], [[30, math.inf]],
    [[math.inf, 0.1]], [[1e300, 0.1]], [[30, -1.0]], [[30, 1e300]], [[30, 1j]], [[10**5000, 1]],
    [[30, "x" * 10**6]], [[5, 0.1]], [[5, 0.1], [19, 0.2]], [[30, [0.1]]],
]  # fmt: skip


@each_plan
def test_bad_points_are_refused_in_words_and_nothing_changes(knob):
    lab = live(clip="norm").run(20)
    lab.plan("momentum", [[50, 0.5]])
    before, turns = lab.trainer.settings(), len(lab.trainer.history.knobs)
    for number, points in enumerate(BAD):
        lab.message = ""
        try:
            lab.plan(knob, points)
        except CourseError as error:
            assert 10 < len(str(error)) < 1000
        else:
            assert "Not changed" in lab.message, number
        lab.message = ""
        answer(lab, "plan", knob=knob, points=points)
        assert "Not changed" in lab.panel.sentence.value, number
        assert lab.trainer.settings() == before and len(lab.trainer.history.knobs) == turns
    lab.run(1)


@pytest.mark.parametrize("knob", ["batch_size", "guess", "nope", None, 3, ["lr"], "l2"])
def test_other_knobs_have_no_plan(knob):
    lab = live()
    with pytest.raises(CourseError, match="the knob of a plan"):
        lab.plan(knob, [[5, 0.1]])
    answer(lab, "plan", knob=knob, points=[[5, 0.1]])
    assert "the knob of a plan" in lab.panel.sentence.value
    assert lab.trainer.history.knobs == []


@settings(max_examples=30, deadline=None)
@given(points=st.lists(st.tuples(st.floats(0, 300), st.floats(1e-6, 10.0)), max_size=150),
       here=st.integers(0, 20))  # fmt: skip
def test_any_drawn_line_gives_a_schedule_through_its_ends(points, here):
    lab = small(instruments=(), name="drawn").run(here)
    ahead = {round(step): value for step, value in points if round(step) >= here}
    drawn = [list(pair) for pair in points]
    if points and not ahead:
        with pytest.raises(CourseError, match="no point from step"):
            lab.plan("lr", drawn)
        return
    lab.plan("lr", drawn)
    schedule = lab.trainer.chain.descend.setting("lr")
    if not ahead:
        assert schedule == 0.1
        return
    first, last = min(ahead), max(ahead)
    assert schedule.value(first) == ahead[first] and schedule.value(last + 9) == ahead[last]
    assert len(schedule.points) <= 62 and all(schedule.value(t) == 0.1 for t in range(here, first))


def test_a_browser_that_draws_while_nothing_listens_is_told_nothing_twice():
    lab = live(speed=0, steps=10**6)
    lab.play()
    answer(lab, "plan", knob="lr", points=[[10**6, 0.2]])
    wait(lambda: len(lab.trainer.history.knobs) == 1)
    lab.pause()
    assert lab.trainer.history.knobs[0][1] == "lr"
