"""A recipe as a program: it runs and gives the same bits."""

import json
import subprocess
import sys

import pytest
import torch
from recipe_runs import RECIPES, executed, play, small_digits

from course import CourseError
from course.training.recipe import load_recipe
from course.training.recipe_source import as_code
from course.training.replay import build_recipe, history_digest, run_recipe


def test_the_code_of_a_run_gives_the_same_weights():
    turns = {3: [("lr", 0.1), ("clip", "off")], 20: [("optimiser", "adam"), ("lr", 0.01)]}
    trainer = play(small_digits(), turns)
    trainer.set("l1", 1e-4)
    code = as_code(trainer.recipe())
    assert len(code.splitlines()) <= 20 and "MLP([64, 12, 10], 'relu'" in code
    code += "print(trainer.model.theta.double().sum().item().hex())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loss, total = done.stdout.splitlines()
    assert total == trainer.model.theta.double().sum().item().hex()
    assert loss == str(trainer.evaluate("test"))


@pytest.mark.parametrize(
    "change",
    [
        {"label_noise": 0.1},
        {"augment": [{"kind": "Shift", "pixels": 2}]},
        {"accumulate": 4},
    ],
)
def test_code_says_also_what_is_rarely_set(change):
    recipe = small_digits().recipe().describe() | {"steps": 5, **change}
    space = {}
    exec(as_code(recipe), space)
    expected = run_recipe(recipe)
    assert torch.equal(space["trainer"].model.theta, expected.model.theta)


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_of_a_recipe_runs_and_gives_the_same_digest(name, capsys):
    recipe = load_recipe(json.dumps(RECIPES[name]))
    trainer, again = run_recipe(recipe), executed(as_code(recipe))
    assert history_digest(again) == history_digest(trainer) and torch.equal(
        again.model.theta, trainer.model.theta
    )
    assert again.settings() == trainer.settings()
    assert capsys.readouterr().out.strip() == str(trainer.evaluate("test"))


def test_the_code_of_a_threshold_apart_from_the_clip_gives_the_same_digest(capsys):
    recipe = RECIPES["schedules"] | {"threshold": 0.3, "knobs": [[2, "clip", "value"]]}
    assert history_digest(executed(as_code(recipe))) == history_digest(run_recipe(recipe))
    assert (
        build_recipe(load_recipe(recipe)).threshold == 0.3
        and run_recipe(recipe).chain.clip.threshold == 0.3
    )
    recipe = RECIPES["digits"] | {"knobs": [[1, "speed", 1]]}
    with pytest.raises(CourseError, match="'speed'"):
        as_code(recipe)
