"""A recipe as a program: it runs and gives the same bits."""

import json
import math
import subprocess
import sys

import pytest
import torch
from recipe_runs import RECIPES, executed, play, small_digits

from course import (
    MLP,
    Augment,
    ClipByNorm,
    CourseError,
    Descend,
    Momentum,
    Shift,
    Trainer,
    chain,
    load_data,
    standardise,
)
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


def test_a_recipe_reads_as_the_program_that_a_person_would_write():
    layers = MLP([64, 8, 10], "tanh", seed=3, init="he", dropout=0.1, dtype=torch.float64)
    data = load_data("digits", 2, 0.3, dtype=torch.float64).subset(200).with_validation(0.25, 1)
    optimiser = chain(ClipByNorm(math.inf), Momentum(0.9), Descend(0.1))
    trainer = Trainer(layers, standardise(data), optimiser, 40, 7, 2, Augment(Shift(1)))
    trainer.set("lr", 0.2)
    trainer.step()
    trainer.set("clip", "off")
    trainer.set("batch_size", 20)
    assert (
        as_code(trainer.recipe())
        == """\
from math import inf

import torch
from course import *

torch.set_num_threads(1)
model = MLP([64, 8, 10], 'tanh', seed=3, init='he', dropout=0.1, dtype=torch.float64)
data = standardise(load_data('digits', seed=2, test_share=0.3, dtype=torch.float64)\
.subset(n=200, seed=0).with_validation(share=0.25, seed=1))
trainer = Trainer(model, data, chain(ClipByNorm(threshold=inf), Momentum(beta=0.9), \
Descend(lr=0.1)), batch_size=40, seed=7, accumulate=2, augment=Augment(Shift(pixels=1)))
changes = {
    0: [('lr', 0.2)],
    1: [('clip', 'off'), ('batch_size', 20)],
}
for step in range(1):
    for knob, value in changes.get(step, []):
        trainer.set(knob, value)
    trainer.step()
for knob, value in changes[1]:
    trainer.set(knob, value)
print(trainer.evaluate("test"))
"""
    )


def test_a_short_recipe_is_a_short_program():
    trainer = Trainer(MLP([2, 4, 2]), load_data("moons"), chain(Descend(0.1)))
    assert (
        as_code(trainer.recipe())
        == """\
import torch
from course import *

torch.set_num_threads(1)
model = MLP([2, 4, 2], 'relu', seed=0)
data = load_data('moons', seed=0)
trainer = Trainer(model, data, chain(Descend(lr=0.1)), batch_size=32, seed=0)
trainer.threshold = 1.0  # for when clipping is on
changes = {}
for step in range(0):
    for knob, value in changes.get(step, []):
        trainer.set(knob, value)
    trainer.step()
print(trainer.evaluate("test"))
"""
    )
