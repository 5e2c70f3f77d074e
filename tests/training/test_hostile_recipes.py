"""Whatever a recipe holds: it works, or `CourseError` says why not."""

import copy
import json
import math

import pytest
from hostile_values import HOSTILE, nested, only_course_errors
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_runs import RECIPES, executed

from course import CourseError
from course.training.recipe import MOST_VALUES, load_recipe
from course.training.recipe_source import as_code
from course.training.replay import build_recipe, history_digest, run_recipe

pytestmark = pytest.mark.usefixtures("low_limits")


def places(value, path=()):
    """The path of every value in nested dicts and lists."""
    yield path
    if isinstance(value, dict | list | tuple):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*path, key))


def replaced(recipe, path, value):
    """A copy with another value at this place."""
    if not path:
        return value
    twin = copy.copy(recipe) if isinstance(recipe, dict) else list(recipe)
    twin[path[0]] = replaced(recipe[path[0]], path[1:], value)
    return twin


def attempt(recipe) -> None:
    """Load, build, run three steps, write as code: each works or raises `CourseError`."""
    loaded = only_course_errors(load_recipe, recipe)
    if loaded is None:
        assert only_course_errors(as_code, recipe) is None
        return
    trainer = only_course_errors(run_recipe, recipe, steps=3)
    code = only_course_errors(as_code, recipe)
    if code is not None:
        compile(code, "code", "exec")
    if trainer is not None:
        trainer.recipe().json()


PLACES = [(name, path) for name, recipe in RECIPES.items() for path in places(recipe)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), st.sampled_from(range(len(HOSTILE))))
def test_any_value_at_any_place_of_a_recipe_is_legal_or_refused(place, which):
    name, path = place
    attempt(replaced(RECIPES[name], path, HOSTILE[which]))


@pytest.mark.full
@pytest.mark.parametrize("name", RECIPES)
def test_all_values_at_all_places_of_a_recipe(name):
    for path in places(RECIPES[name]):
        for value in HOSTILE:
            attempt(replaced(RECIPES[name], path, value))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), st.sampled_from(["drop", "add", "twice"]))
def test_a_missing_or_unknown_field_anywhere_is_legal_or_refused(place, how):
    name, path = place
    recipe = copy.deepcopy(RECIPES[name])
    inner = recipe
    for key in path[:-1]:
        inner = inner[key]
    if path and how == "drop":
        del inner[path[-1]]
    elif path and isinstance(inner, dict):
        inner[f"{path[-1]}2"] = inner[path[-1]]
    elif path:
        inner.insert(path[-1], inner[path[-1]])
    attempt(recipe)


WORDS = ["[", "]", "{", "}", ",", ":", '"', "1e999", "NaN", "-Infinity", "null", "9" * 5000, "\x00"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(RECIPES)), st.data())
def test_any_text_is_a_recipe_or_refused(name, data):
    text = json.dumps(RECIPES[name])
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 12)))
    text = text[:start] + data.draw(st.sampled_from(WORDS) | st.text(max_size=3)) + text[end:]
    attempt(text)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"steps": 10**400}, "10\\*\\*400 or so"), ({"seed": 2**63}, "seed = 9223372036854775808"),
        ({"seed": -1}, "seed = -1"), ({"threads": 4096}, "threads = 4096.*fewer"),
        ({"threshold": -1}, "threshold = -1"), ({"threshold": math.nan}, "nan"),
        ({"knobs": [[1, "optimiser", ["adam"]]]}, "'adam' is not a transform"),
        ({"knobs": [[1, "device", "meta"]]}, "device = 'meta'"),
        ({"knobs": [[True, "lr", 1.0]]}, "whole number"), ({"chain": ["adam"]}, "'adam'"),
        ({"versions": {"torch": nested(50)}}, "32 levels"),
        ({"versions": {"torch": [0] * MOST_VALUES}}, "1,000,000 values"),
        ({"versions": {"torch": {1, 2}}}, "JSON values"), ({"versions": {1: "a"}}, "texts"),
    ],
)  # fmt: skip
def test_what_a_hostile_recipe_is_told(change, words):
    with pytest.raises(CourseError, match=words):
        run_recipe(RECIPES["momentum"] | change)


@pytest.mark.parametrize("change", [
    {"seed": 2**63}, {"threads": 4096}, {"threshold": 0}, {"threshold": 1e39}, {"batch_size": 0},
    {"accumulate": 33}, {"label_noise": 2}, {"steps": 10**10}, {"knobs": [[1, "device", "meta"]]},
])  # fmt: skip
def test_a_bad_recipe_is_refused_as_soon_as_it_is_loaded(change):
    (field,) = change
    words = {"knobs": "device = 'meta'"}.get(field, f"{field} = ")
    with pytest.raises(CourseError, match=words):
        load_recipe(RECIPES["momentum"] | change)


@pytest.mark.parametrize("field, value, words", [
    ("dtype", "__dict__", "'__dict__' is unknown"), ("seed", 2**64, "18446744073709551616"),
    ("sizes", [2, 10**6, 10**6, 2], "weights: about .* 8 TB"), ("device", "meta", "device"),
    ("anyway", True, "anyway"),
])  # fmt: skip
def test_what_a_hostile_model_is_told(field, value, words):
    recipe = RECIPES["momentum"]
    with pytest.raises(CourseError, match=words):
        build_recipe(load_recipe(recipe | {"model": recipe["model"] | {field: value}}))


def test_a_field_with_a_usual_value_may_be_left_out_of_a_model():
    recipe = copy.deepcopy(RECIPES["digits"])
    for field in ("seed", "dropout", "init", "loss", "dtype", "activation"):
        del recipe["model"][field]
    whole = history_digest(run_recipe(RECIPES["digits"]))
    assert history_digest(run_recipe(recipe)) == whole
    assert history_digest(executed(as_code(recipe))) == whole
