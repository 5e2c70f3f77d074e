"""Recipes: what they hold, and what is refused in words."""

import copy
import json
from dataclasses import replace

import pytest
from recipe_runs import GOOD, play, small_digits

from course import CourseError, Descend, Trainer, chain
from course.training.recipe import Recipe, load_recipe
from course.training.replay import run_recipe


def test_a_model_that_was_trained_before_has_no_recipe():
    first = play(small_digits(), {})
    second = Trainer(first.model, first.data, chain(Descend(0.1)))
    with pytest.raises(CourseError, match="own first ones"):
        second.recipe()


def test_what_differs_here_is_told():
    recipe = small_digits().recipe()
    assert recipe.differences() == []
    older = replace(recipe, versions=recipe.versions | {"torch": "2.0.0"}).differences()
    assert len(older) == 1 and "2.0.0 then" in older[0]


@pytest.mark.parametrize(
    "bad, words",
    [
        ([], "an object"), (3, "an object"),
        ("{", "not JSON"),
        ("nowhere.json", "cannot be read"),
        ({k: v for k, v in GOOD.items() if k != "seed"}, "lacks the field 'seed'"),
        (GOOD | {"sed": 1}, "unknown field 'sed'"),
        (GOOD | {"schema": 99}, "update the course"),
        (GOOD | {"schema": 0}, "schema = 0"),
        (GOOD | {"steps": "3"}, "steps = '3'"),
        (GOOD | {"steps": -1}, "steps = -1"),
        (GOOD | {"batch_size": True}, "batch_size = True"),
        (GOOD | {"label_noise": 2}, "label_noise"),
        (GOOD | {"knobs": [[1, "lr"]]}, r"\[step, knob, value\]"),
        (GOOD | {"knobs": [[2, "lr", 1.0], [1, "lr", 1.0]]}, "not below the one before"),
        (GOOD | {"knobs": [[9, "lr", 1.0]]}, r"\[0, 3\]"),
        (GOOD | {"knobs": [[1, "speed", 1.0]]}, "'speed'"),
        (GOOD | {"knobs": [[1, "lr", -1.0]]}, "Descend.lr = -1.0"),
        (GOOD | {"chain": [{"kind": "Adagrad"}]}, "Adagrad"),
        (GOOD | {"model": {"kind": "MLP"}}, "missing a required argument: 'sizes'"),
        (GOOD | {"data": {"name": "cifar"}}, "cifar"),
        (GOOD | {"data": {"nme": "digits"}}, "source"),
        (GOOD | {"augment": [{"kind": "Flip"}]}, "Flip"),
    ],
)  # fmt: skip
def test_bad_recipes_are_refused_in_words(bad, words):
    with pytest.raises(CourseError, match=words):
        run_recipe(copy.deepcopy(bad))


def test_a_recipe_that_an_editor_saved_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(GOOD), "utf-8-sig")
    assert load_recipe(path) == load_recipe(str(path)) == Recipe(**GOOD)


def test_a_lab_takes_a_recipe_the_same_way(monkeypatch):
    from widgets import TrainingLab

    for bad in (GOOD | {"threads": 4096}, GOOD | {"chain": ["adam"]}, '{"steps": 1, "steps": 1}'):
        with pytest.raises(CourseError):
            TrainingLab(bad, interactive=False)
    with pytest.raises(CourseError, match="1,000,000,000 steps"):
        TrainingLab(GOOD | {"steps": 10**9, "knobs": []}, interactive=False)


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"a":' * 200_000, "not JSON"), ("[" * 200_000, "cannot be read"), ("{", "not JSON"),
        ('{"steps": ' + "1" * 5000 + "}", "not JSON"), ("", "cannot be read"),
        ("a\x00b", "cannot be read"), ('{"steps": 1, "steps": 2}', "'steps' twice"),
        ('{"model": {"seed": 1, "seed": 2}}', "'seed' twice"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_recipe_is_refused_in_words(text, words):
    with pytest.raises(CourseError, match=words) as error:
        load_recipe(text)
    assert len(str(error.value)) < 1000


def test_the_first_release_and_this_one_write_schema_1():
    assert GOOD["schema"] == 1
    with pytest.raises(CourseError, match="schema 2, this release knows up to 1; update"):
        load_recipe(GOOD | {"schema": 2})


def test_a_recipe_is_written_in_the_letters_of_its_names(tmp_path):
    recipe = load_recipe(GOOD | {"data": {"own": "Bäume"}})
    assert "Bäume" in recipe.json()
    recipe.save(tmp_path / "run.json")
    assert load_recipe(tmp_path / "run.json") == recipe


def test_threads_are_limited_where_the_cores_are_not_known(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert load_recipe(GOOD | {"threads": 64}).threads == 64
    with pytest.raises(CourseError, match=r"threads = 65.*\[1, 64\].*fewer"):
        load_recipe(GOOD | {"threads": 65})


def test_a_recipe_may_be_as_large_as_the_limit_says(monkeypatch, tmp_path):
    text, path = json.dumps(GOOD), tmp_path / "run.json"
    path.write_text(text)
    monkeypatch.setattr("course.training.recipe.LARGEST", len(text))
    assert load_recipe(text) == load_recipe(path) == Recipe(**GOOD)
    path.write_text(text + " ")
    for source in (text + " ", path):
        with pytest.raises(CourseError, match=f"larger than {len(text)} bytes"):
            load_recipe(source)


def test_any_share_of_the_labels_may_be_wrong():
    for share in (0, 0.2, 1):
        assert load_recipe(GOOD | {"label_noise": share}).label_noise == share
    with pytest.raises(CourseError, match=r"label_noise = 1.01 is out of range.*\[0, 1\]"):
        load_recipe(GOOD | {"label_noise": 1.01})
