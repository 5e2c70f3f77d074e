"""A schedule on a knob: shown, recorded, replayed, exported, saved, gone back to, replaced."""

import json

import pytest
import torch
from recipe_runs import executed
from training_runs import on_moons, train

from course import Adam, ClipByNorm, Cosine, CourseError, Descend, Momentum, Points, chain
from course.training.knobs import make_optimiser, schedules
from course.training.recipe import load_recipe
from course.training.recipe_source import as_code
from course.training.replay import history_digest, run_recipe
from course.training.timeline import Timeline

PLANS = {
    "lr": Points([[4, 0.01], [20, 1.0]], "log"),
    "momentum": Points([[4, 0.0], [20, 0.99]], "memory"),
    "threshold": Points([[4, 0.05], [20, 0.5]]),
}
AT = 7


def planned(knob, **options):
    trainer = train(on_moons(**options), AT)
    trainer.set(knob, PLANS[knob])
    return trainer


def digest(trainer):
    return history_digest(trainer), trainer.model.theta.double().sum().item().hex()


def step_by_step(knob, steps):
    """A run whose knob is turned to the plan's number before each step: the referee."""
    trainer = train(on_moons(), AT)
    for t in range(AT, AT + steps):
        trainer.set(knob, PLANS[knob].value(t))
        trainer.step()
    return trainer


@pytest.mark.parametrize("knob", PLANS)
def test_a_plan_is_the_knob_turned_before_each_step(knob):
    trainer = planned(knob)
    for step in range(AT, AT + 20):
        assert trainer.knobs()[knob] == PLANS[knob].value(step)  # that of the next step
        assert schedules(trainer) == {knob: PLANS[knob]}
        trainer.step()
    assert digest(trainer) == digest(step_by_step(knob, 20))
    assert digest(trainer) != digest(train(on_moons(), AT + 20))


@pytest.mark.parametrize("knob", PLANS)
def test_a_plan_is_recorded_replayed_and_exported(knob):
    trainer = train(planned(knob), 15)
    assert trainer.history.knobs == [(AT, knob, PLANS[knob].describe())]
    recipe = json.loads(trainer.recipe().json())
    assert recipe["knobs"][0][2]["points"] == [list(p) for p in PLANS[knob].points]
    for again in (run_recipe(recipe), executed(as_code(recipe))):
        assert digest(again) == digest(trainer)
        assert schedules(again) == schedules(trainer) == {knob: PLANS[knob]}


@pytest.mark.parametrize("knob", PLANS)
def test_a_plan_survives_a_file_and_a_way_back(knob, tmp_path):
    whole = train(planned(knob), 15)
    first = train(planned(knob), 4)
    first.save(tmp_path / "run.pt")
    other = train(on_moons(), 3)
    other.load(tmp_path / "run.pt")
    assert schedules(other) == {knob: PLANS[knob]} and other.knobs() == first.knobs()
    assert digest(train(other, 11)) == digest(whole)
    timeline = Timeline(on_moons())
    for step in range(AT + 15):
        if step == AT:
            timeline.trainer.set(knob, PLANS[knob])
        timeline.step()
    for place in (AT - 2, AT, AT + 1, AT + 15, AT + 9):
        timeline.go_to(place)
        assert schedules(timeline.trainer) == ({knob: PLANS[knob]} if place > AT else {})
    timeline.trainer.set(knob, 0.5)
    timeline.step()
    assert len(timeline.branches) == 2 and schedules(timeline.trainer) == {}
    assert digest(run_recipe(timeline.trainer.recipe())) == digest(timeline.trainer)
    timeline.switch(0)
    assert schedules(timeline.trainer) == {knob: PLANS[knob]}
    assert digest(timeline.trainer) == digest(whole)


@pytest.mark.parametrize("knob", PLANS)
def test_a_number_and_another_plan_replace_a_plan(knob):
    trainer, other = train(planned(knob), 3), Points([[0, 0.25]])
    trainer.set(knob, other.describe())
    assert schedules(trainer) == {knob: other} and trainer.knobs()[knob] == 0.25
    trainer.set(knob, 0.5)
    assert schedules(trainer) == {} and trainer.knobs()[knob] == 0.5
    assert train(trainer, 3).knobs()[knob] == 0.5


@pytest.mark.parametrize(
    "knob, points",
    [("lr", [[0, 1e31]]), ("momentum", [[0, 0.5], [9, 1.0]]), ("threshold", [[0, 1.0], [9, 0.0]])],
)
def test_a_plan_that_leaves_the_knobs_range_changes_nothing(knob, points):
    for clip in ("norm", "off"):
        trainer = planned(knob)
        trainer.set("clip", clip)
        before = trainer.settings(), list(trainer.history.knobs)
        with pytest.raises(CourseError, match=f"= {points[-1][1]}".replace("+", r"\+")):
            trainer.set(knob, {"kind": "Points", "points": points})
        assert (trainer.settings(), trainer.history.knobs) == before


def test_a_threshold_planned_while_clipping_is_off_waits_for_it(tmp_path):
    trainer, plan = on_moons(), PLANS["threshold"]
    trainer.set("clip", "off")
    trainer.set("threshold", plan)
    for step in range(6):
        assert trainer.knobs()["threshold"] == plan.value(step)
        trainer.step()
    assert schedules(trainer) == {"threshold": plan}
    trainer.save(tmp_path / "run.pt")
    other = on_moons()
    other.load(tmp_path / "run.pt")
    for t in (trainer, other, run_recipe(trainer.recipe()), executed(as_code(trainer.recipe()))):
        for kind in ("value", "off", "norm"):
            t.set("clip", kind)
        assert t.chain.clip.schedules == {"threshold": plan}
        t.set("threshold", 0.3)
        assert t.threshold == t.chain.clip.threshold == 0.3 and schedules(t) == {}


def test_a_chains_own_plan_is_remembered_from_the_start():
    plan = PLANS["threshold"]
    trainer = on_moons(steps=chain(ClipByNorm(plan), Descend(0.1)))
    trainer.set("clip", "off")
    recipe = trainer.recipe()
    assert recipe.threshold == trainer.settings()["threshold"] == plan.describe()
    trainer.set("clip", "value")
    train(trainer, 20)
    again = run_recipe(trainer.recipe().json())
    assert digest(again) == digest(trainer) and schedules(again) == {"threshold": plan}
    off = load_recipe(recipe.describe() | {"chain": [{"kind": "Descend", "lr": 0.1}]})
    assert schedules(executed(as_code(off))) == {"threshold": plan}
    with pytest.raises(CourseError, match="threshold = 0.0"):
        load_recipe(recipe.describe() | {"threshold": {"kind": "Points", "points": [[0, 0.0]]}})


@pytest.mark.parametrize(
    "saved",
    [
        {"kind": "Points", "points": [[0, 0.0]], "scale": "linear"},
        {"kind": "Points", "points": [[0, 1]], "scale": "linear"},  # 1 would come back as 1.0
        {"kind": "Points", "points": [[0, 1.0]]},
        {"kind": "Zigzag"},
    ],
)
def test_a_saved_plan_comes_back_as_it_is_or_not_at_all(saved):
    trainer = planned("threshold")
    state, before = trainer.state_dict(), trainer.settings()
    state["run"]["settings"]["threshold"] = saved
    with pytest.raises(CourseError):
        trainer.load_state_dict(state)
    assert trainer.settings() == before


def test_the_momentums_plan_goes_on_in_another_optimiser():
    trainer = planned("momentum")
    for name in ("nesterov", "heavy ball", "momentum"):
        trainer.set("optimiser", name)
        assert schedules(trainer) == {"momentum": PLANS["momentum"]}
        assert trainer.knobs()["momentum"] == PLANS["momentum"].value(trainer.step_count)
    trainer.set("optimiser", "gradient descent")
    assert schedules(trainer) == {} and trainer.knobs()["momentum"] == 0
    trainer.set("momentum", PLANS["momentum"])
    assert trainer.chain.find(Momentum).schedules == {"beta": PLANS["momentum"]}
    assert make_optimiser("momentum", 0.3)[0].beta == 0.3


def test_every_number_with_a_plan_shows_that_of_the_next_step():
    plan = Cosine(0.5, steps=30)
    trainer = on_moons(steps=chain(Adam(), Descend(0.01)))
    for knob in ("l1", "l2", "Adam.beta2"):
        train(trainer, 3).set(knob, plan)
    train(trainer, 4)
    assert {trainer.knobs()[k] for k in ("l1", "l2", "Adam.beta2")} == {plan.value(13)}
    trainer.set("momentum", Points([[0, 0.5]]))
    assert schedules(trainer) == {"momentum": Points([[0, 0.5]])}
    assert torch.isfinite(train(trainer, 2).model.theta).all()
