"""Starting again: reset, new data or network, presets, recipes, and what is your own."""

import json

import pytest
import torch
from training_labs import live, same, samples, small, until_end

from course import CourseError, Descend, Momentum, Trainer, adopt, chain, load_data
from course.training.presets import preset
from course.training.replay import build_recipe, run_recipe


def test_reset_keeps_the_knobs_and_starts_again():
    lab = live(steps=50, clip="norm", threshold=3.0).run(30)
    turned = {"lr": 0.4, "clip_order": "after", "threshold": 2.0, "l2": 1e-3, "batch_size": 8}
    for knob, value in turned.items():
        lab.set(knob, value)
    before = lab.trainer.knobs()
    lab.run(10)
    lab.reset()
    assert lab.trainer.step_count == 0 and lab.trainer.knobs() == before
    assert lab.planned == 50 and len(lab.timeline.branches) == 1 and len(lab.evaluations) == 1
    lab.run(10)
    assert lab.recipe().knobs == [] and same(run_recipe(lab.recipe()), lab.trainer)


def test_starting_again_takes_new_data_network_and_seed():
    lab = small("digits", sizes=[64, 6, 10]).run(5)
    lab.set("lr", 0.3)
    lab.restart_with(hidden="8, 5", activation="tanh", init=lab.setup.recipe.model["init"], seed=4)
    model = lab.trainer.model
    assert (model.sizes, model.activation, model.init, model.seed) == (
        [64, 8, 5, 10], "tanh", "xavier", 4)  # fmt: skip
    assert lab.trainer.step_count == 0 and lab.trainer.knobs()["lr"] == 0.3
    lab.restart_with(data="moons")
    assert lab.trainer.data.name == "moons" and lab.trainer.model.sizes == [2, 8, 5, 2]
    lab.restart_with(data="sine")
    assert lab.trainer.model.sizes == [1, 8, 5, 1]
    lab.run(10)
    assert same(run_recipe(lab.recipe()), lab.trainer)
    now = lab.trainer
    for fields, words in [({"hidden": "8, many"}, "8, many"), ({"hidden": "0"}, "layer size"),
                          ({"hidden": "9" * 5000}, "hidden"),
                          ({"hidden": "999999, 999999"}, "narrower"),
                          ({"data": "mnst"}, "mnst"), ({"seed": -1}, "seed"),
                          ({"activation": "swish"}, "swish"), ({"init": "x"}, "init")]:  # fmt: skip
        with pytest.raises(CourseError, match=words):
            lab.restart_with(**fields)
        assert lab.trainer is now and now.step_count == 10
    lab.reset()
    assert lab.trainer.model.sizes == [1, 8, 5, 1]


@pytest.mark.parametrize("hidden", ["", "2, 4", "4, 2", "2, 4, 2", "2", "4"])
def test_hidden_widths_are_those_between_input_and_output(hidden):
    lab = small("moons", sizes=[2, 4, 2])
    lab.restart_with(hidden=hidden)
    assert lab.trainer.model.sizes == [2, *map(int, hidden.replace(",", "").split()), 2]


def test_a_planned_end_stays_when_the_run_starts_again():
    lab = small().run(15)
    lab.plan_end(40)
    lab.reset()
    assert (lab.trainer.step_count, lab.planned) == (0, 40)
    trainer = build_recipe(lab.recipe())
    for _ in trainer.run(15):
        pass
    own = small(trainer).run(5)
    own.plan_end(45)
    own.run(25)
    own.play()
    until_end(own)
    assert own.trainer.step_count == 45 + 30, "as far again as from where the lab began"


def test_a_preset_starts_at_its_first_step():
    lab = small().run(5)
    lab.take_recipe(preset("over-fit"))
    assert lab.trainer.knobs()["optimiser"] == "adam" and len(lab.trainer.data.y_train) == 100
    assert lab.trainer.step_count == 0 and lab.planned == lab.steps
    lab.run(20)
    assert same(run_recipe(preset("over-fit"), steps=20), lab.trainer)
    lab.reset()
    assert len(lab.trainer.data.y_train) == 100


def test_a_recipe_of_any_form_is_replayed_to_its_end(tmp_path):
    lab = small().run(30)
    lab.set("lr", 0.5)
    lab.run(20)
    lab.set("clip", "norm")
    (tmp_path / "r.json").write_text(lab.recipe().json())
    recipe = lab.recipe()
    for source in (recipe, recipe.json(), json.loads(recipe.json()), tmp_path / "r.json",
                   str(tmp_path / "r.json")):  # fmt: skip
        again = small(source)
        assert same(again.trainer, lab.trainer) and again.recipe() == recipe
        assert samples(again) == samples(lab)
    again.go_to(10)
    again.run(40)
    assert again.trainer.history.numbers().tobytes() == lab.trainer.history.numbers().tobytes()
    with pytest.raises(CourseError, match="lacks the field"):
        small({"schema": 1})


def test_a_trainer_of_your_own_goes_on_from_where_it_is_and_resets_there():
    def trained():
        t = build_recipe(small().recipe())
        for _ in t.run(15):
            pass
        return t

    lab, plain = live(trained(), steps=25), trained()
    lab.play()
    until_end(lab)
    for _ in plain.run(25):
        pass
    assert lab.trainer.step_count == 40 and same(lab.trainer, plain)
    lab.set("lr", 0.3)
    lab.run(5)
    lab.reset()
    assert lab.trainer.step_count == 15 and lab.trainer.knobs()["lr"] == 0.1
    with pytest.raises(CourseError, match="your own Trainer"):
        lab.restart_with(seed=3)
    for name in ("moons", "digits"):
        lab.take_recipe(small(name).recipe())
        assert lab.trainer.data.name == name


def test_data_of_your_own_stays():
    data = load_data("moons").subset(50)
    data = type(data)("mine", data.x_train, data.y_train, data.x_test, data.y_test, 2)
    lab = small(data).run(10)
    lab.reset()
    lab.restart(hidden=[5], activation="tanh")
    assert lab.trainer.model.sizes == [2, 5, 2] and lab.trainer.data is data
    assert lab.recipe().data == {"own": "mine"}
    with pytest.raises(CourseError, match="own code"):
        lab.code()


def test_an_adopted_module_travels_in_time():
    def trainer():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(),
                                  torch.nn.Dropout(0.2), torch.nn.Linear(6, 2))  # fmt: skip
        return Trainer(adopt(net), load_data("moons"), chain(Momentum(0.9), Descend(0.1)))

    lab = small(trainer()).run(20)
    lab.set("dropout", 0.4)
    lab.run(20)
    lab.go_to(7)
    lab.go_to(40)
    plain = trainer()
    for _ in plain.run(20):
        pass
    plain.set("dropout", 0.4)
    for _ in plain.run(20):
        pass
    assert same(lab.trainer, plain)
