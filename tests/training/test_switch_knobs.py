"""Residual connections and normalisation, switched while a run goes on: nothing is lost."""

import json

import pytest
import torch
from recipe_runs import executed

from course import (
    MLP,
    CourseError,
    Descend,
    LayerNorm,
    Linear,
    Momentum,
    Network,
    Residual,
    Tanh,
    Trainer,
    adopt,
    chain,
    load_data,
)
from course.training.recipe_source import as_code
from course.training.replay import history_digest, run_recipe
from course.training.timeline import Timeline

TURNS = {5: ("residual", True), 12: ("norm", True), 20: ("residual", False), 26: ("norm", False)}


def make(residual=False, norm=False, sizes=(2, 6, 6, 6, 2), **options):
    model = MLP([*sizes], "tanh", residual=residual, norm=norm, dropout=0.1)
    return Trainer(model, load_data("moons"), chain(Momentum(0.9), Descend(0.1)), **options)


def play(trainer, first=0, last=30, turns=TURNS):
    for step in range(first, last):
        if step in turns:
            trainer.set(*turns[step])
        trainer.step()
    return trainer


def bits(trainer):
    return history_digest(trainer), trainer.model.theta.double().sum().item().hex()


def standing(trainer):
    return [trainer.knobs()[name] for name in ("residual", "norm")]


def test_a_switch_changes_the_model_between_two_steps():
    run = play(make())
    assert run.history.knobs == [(step, *turn) for step, turn in TURNS.items()]
    assert bits(run) != bits(play(make(), turns={}))
    by_hand = make()
    for step in range(30):
        for layer in by_hand.model.switches():
            if step in TURNS and TURNS[step][0] == layer.knob:
                layer.on = TURNS[step][1]
        by_hand.step()
    assert bits(run) == bits(by_hand)


@pytest.mark.parametrize("start", [(False, False), (True, False), (False, True), (True, True)])
def test_it_is_recorded_replayed_and_exported(start):
    run = play(make(*start), last=15, turns={4: ("residual", not start[0]), 15: ("norm", True)})
    recipe = json.loads(run.recipe().json())
    assert recipe["knobs"] == [[4, "residual", not start[0]]]
    assert (recipe["model"]["residual"], recipe["model"]["norm"]) == start
    for again in (run_recipe(recipe), executed(as_code(recipe))):
        assert bits(again) == bits(run) and standing(again) == standing(run)


def test_any_step_comes_back_and_a_turn_there_makes_a_branch():
    seen = {step: bits(play(make(), last=step)) for step in (3, 9, 15, 22, 30)}
    timeline = Timeline(make())
    for step in range(30):
        if step in TURNS:
            timeline.trainer.set(*TURNS[step])
        timeline.step()
    for step in (22, 3, 30, 9, 15):
        timeline.go_to(step)
        assert bits(timeline.trainer) == seen[step]
    assert standing(timeline.trainer) == [True, True]
    timeline.trainer.set("norm", False)
    timeline.step()
    assert len(timeline.branches) == 2 and standing(timeline.trainer) == [True, False]
    timeline.switch(0)
    assert bits(timeline.trainer) == seen[30]


def test_it_survives_a_file(tmp_path):
    whole, half = play(make()), play(make(), last=15)
    half.save(tmp_path / "run.pt")
    other = make(True, False)
    other.load(tmp_path / "run.pt")
    assert standing(other) == [True, True]
    assert bits(play(other, 15)) == bits(whole)


def test_a_state_is_for_networks_with_the_same_switches(tmp_path):
    make().save(tmp_path / "run.pt")
    for residual, norm in ((None, False), (False, None), (None, None)):
        other = make(residual, norm)
        with pytest.raises(CourseError, match="the state is for a model"):
            other.load(tmp_path / "run.pt")
    plain = make(None, None)
    assert "switches" not in plain.settings(), "what was saved before there were any still fits"


def damaged(settings):
    """States whose switches are not those of the network."""
    right = settings["switches"]
    yield right[:-1]
    yield [["norm", not on] if knob == "residual" else [knob, on] for knob, on in right]
    yield [[knob, 1] for knob, _ in right]
    yield None


def test_a_damaged_state_changes_nothing():
    trainer = play(make(), last=15)
    state, before = trainer.snapshot(), bits(trainer)
    for switches in damaged(state["settings"]):
        wrong = state | {"settings": state["settings"] | {"switches": switches}}
        with pytest.raises(CourseError):
            trainer.restore(wrong)
    assert bits(trainer) == before and standing(trainer) == [True, True]


@pytest.mark.parametrize("value", [1, 0.0, None, "on", {"kind": "Points"}], ids=repr)
def test_a_bad_value_is_refused_and_nothing_changes(value):
    trainer = make()
    with pytest.raises(CourseError, match="residual = .* Allowed: True, False"):
        trainer.set("residual", value)
    assert standing(trainer) == [False, False] and trainer.history.knobs == []


def test_a_network_without_such_layers_has_no_such_knob():
    with pytest.raises(CourseError, match="knob = 'norm' is unknown"):
        make(None, None).set("norm", True)
    torch.manual_seed(0)
    module = adopt(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2)))
    adopted = Trainer(module, load_data("moons"), chain(Descend(0.1)))
    assert "norm" not in adopted.knobs() and adopted.model.switches() == []


def test_layers_of_a_kind_that_stand_differently_are_off_together_and_come_back_apart():
    layers = [Linear(4), LayerNorm(), Residual(Linear(4), LayerNorm(False), Tanh()), Linear(2)]
    trainer = Trainer(Network(layers, 2), load_data("moons"), chain(Descend(0.1)))
    timeline = Timeline(trainer)
    timeline.step()
    assert trainer.knobs()["norm"] is False, "not all of them are on"
    trainer.set("norm", True)
    timeline.step()
    assert all(layer.on for layer in trainer.model.switches())
    timeline.go_to(1)
    assert [layer.on for layer in trainer.model.switches()] == [True, True, False]
    assert bits(run_recipe(trainer.recipe())) == bits(trainer)
