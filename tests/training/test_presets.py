"""Presets are what their words say, before their first step."""

import pytest

from course import CourseError
from course.training.presets import PRESETS, preset
from course.training.recipe import load_recipe
from course.training.replay import build_recipe


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_recipe_before_its_first_step(name):
    recipe = preset(name)
    assert recipe.steps == 0 and recipe.knobs == [] and recipe == load_recipe(recipe.json())
    assert recipe == preset(name, 0) and recipe.seed == recipe.model["seed"] == 0
    other = preset(name, 3)
    assert other.seed == other.model["seed"] == 3
    assert recipe.model["dropout"] == 0  # a lab can turn it up
    words = PRESETS[name].words
    assert words.endswith(".") and len(words) > 80


def test_a_preset_has_what_its_words_count():
    trainers = {name: build_recipe(preset(name)) for name in PRESETS}
    assert trainers["zig-zag"].batch_size == len(trainers["zig-zag"].data.y_train)
    plateau = trainers["plateau"].model
    assert plateau.activation == "sigmoid" and len(plateau.sizes) == 1 + 4 + 1
    assert len(trainers["over-fit"].data.y_train) == 100
    assert trainers["over-fit"].label_noise == 0.2
    assert trainers["over-fit"].knobs()["optimiser"] == "adam"
    assert trainers["cliff"].knobs()["optimiser"] == "heavy ball"
    assert trainers["cliff"].knobs()["clip"] == "off" and len(trainers["cliff"].model.sizes) > 5


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(CourseError, match="preset = 'waterfall' is unknown.*'divergence'.*'over"):
        preset("waterfall")
