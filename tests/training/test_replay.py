"""Replays of a recipe are bit-identical."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_runs import play, small_digits
from torch import nn

from course import (
    Adam,
    ClipByNorm,
    Cosine,
    CourseError,
    Dataset,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Network,
    Points,
    ReLU,
    Trainer,
    adopt,
    chain,
    load_data,
    standardise,
)
from course.training.recipe import Recipe, load_recipe
from course.training.replay import build_recipe, history_digest, run_recipe

TURNS = [
    ("lr", 0.05), ("lr", 0.5), ("lr", Cosine(0.3, steps=60)), ("momentum", 0.5),
    ("clip", "norm"), ("clip", "value"), ("clip", "off"), ("threshold", 0.7), ("batch_size", 10),
    ("optimiser", "adam"), ("optimiser", "nesterov"), ("optimiser", "gradient descent"),
    ("l1", 1e-3), ("l2", 1e-2), ("dropout", 0.3), ("label_noise", 0.2), ("label_noise", 0.0),
    ("augment", "all"), ("augment", "off"), ("clip_order", "after"), ("clip_order", "before"),
    ("lr", Points([[5, 0.1], [30, 1.0]], "log")),
    ("momentum", Points([[0, 0], [39, 0.99]], "memory")),
    ("threshold", Points([[9, 0.3], [20, 2.0]])), ("spike", {"at": 39, "factor": 30.0}),
    ("spike", None),
    ("optimiser", chain(ClipByNorm(0.5), Adam(), Momentum(0.5), Descend(0.01)).describe()),
]  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 39), st.sampled_from(TURNS)), max_size=8))
def test_a_recipe_replays_any_run_to_the_bit(moves):
    turns = {}
    for step, turn in moves:
        turns.setdefault(step, []).append(turn)
    trainer = play(small_digits(), turns)
    recipe = json.loads(trainer.recipe().json())
    again = run_recipe(recipe)
    assert torch.equal(again.model.theta, trainer.model.theta)
    assert history_digest(again) == history_digest(trainer)
    assert again.recipe() == Recipe(**recipe) == load_recipe(json.dumps(recipe))
    half = run_recipe(recipe, steps=20)
    assert (half.history.numbers() == trainer.history.numbers()[:20]).all()


def test_networks_regression_and_standardised_data_have_recipes_too():
    layers = [Linear(8), LayerNorm(), ReLU(), Dropout(0.2), Linear(1)]
    data = standardise(load_data("sine", dtype=torch.float64).with_validation(0.3, 2))
    model = Network(layers, 1, "mse", dtype=torch.float64)
    trainer = play(Trainer(model, data, chain(Adam(), Descend(0.01))), {})
    again = run_recipe(trainer.recipe().json())
    assert history_digest(again) == history_digest(trainer)
    assert torch.equal(again.data.x_val, data.x_val)


def test_own_data_and_models_are_replayed_on_your_own_trainer():
    def own():
        torch.manual_seed(1)
        x, y = torch.randn(50, 3), torch.randint(0, 2, (50,))
        net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.1), nn.Linear(4, 2))
        steps = chain(Momentum(0.9), Descend(0.1))
        return Trainer(adopt(net), Dataset("mine", x, y, x, y, 2), steps)

    trainer = play(own(), {5: [("lr", 0.3)]})
    recipe = json.loads(trainer.recipe().json())
    with pytest.raises(CourseError, match="own code"):
        run_recipe(recipe)
    assert history_digest(run_recipe(recipe, own())) == history_digest(trainer)


def test_replay_goes_on_with_the_threads_of_the_recipe_and_gives_them_back():
    recipe = small_digits().recipe().describe() | {"threads": 2, "steps": 3}
    run_recipe(recipe)
    assert torch.get_num_threads() == 1


def test_no_steps_are_a_replay_too():
    recipe = small_digits().recipe().describe() | {"steps": 3}
    trainer = run_recipe(recipe, steps=0)
    assert trainer.step_count == 0 and torch.equal(trainer.model.theta, small_digits().model.theta)


def test_the_steps_of_a_replay_use_the_threads_of_the_recipe(monkeypatch):
    seen, step = set(), Trainer.step

    def watched(trainer):
        seen.add(torch.get_num_threads())
        step(trainer)

    monkeypatch.setattr(Trainer, "step", watched)
    run_recipe(small_digits().recipe().describe() | {"threads": 2, "steps": 3})
    assert seen == {2} and torch.get_num_threads() == 1


def test_a_recipe_starts_with_all_its_settings():
    changes = {
        "label_noise": 0.2, "threshold": 0.3, "clip_order": "after", "batch_size": 12,
        "accumulate": 4,
        "augment": [{"kind": "Shift", "pixels": 1}], "chain": [{"kind": "Descend", "lr": 0.2}],
    }  # fmt: skip
    recipe = load_recipe(small_digits().recipe().describe() | changes)
    trainer = build_recipe(recipe)
    assert trainer.settings() == changes | {"dropouts": [0.0]}
    assert trainer.recipe() == recipe
    by_hand = small_digits()
    wrong = by_hand.data.noisy_labels(0.2, by_hand.seed)
    assert torch.equal(trainer.batches.answers, wrong)
