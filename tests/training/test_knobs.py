"""Knobs: each turn is recorded, keeps momentum, and is refused whole when its value is bad."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recipe_runs import small_digits
from training_runs import on_digits, train

from course import (
    L1,
    L2,
    MLP,
    Adam,
    ClipByNorm,
    CourseError,
    Descend,
    Momentum,
    Muon,
    Trainer,
    chain,
    load_data,
)
from course.data.preprocess import build_augment


def test_knobs_are_recorded_and_keep_momentum():
    trainer = train(on_digits(), 10)
    v = trainer.chain.find(Momentum).v.clone()
    for knob, value in [("lr", 0.7), ("momentum", 0.5), ("threshold", 2.0), ("clip", "value"),
                        ("batch_size", 64), ("device", "cpu")]:  # fmt: skip
        trainer.set(knob, value)
        assert trainer.knobs()[knob] == value
        assert trainer.history.knobs[-1] == (10, knob, value)
    assert torch.equal(trainer.chain.find(Momentum).v, v)
    train(trainer, 3)
    trainer.set("clip", "off")
    train(trainer, 3)
    assert np.array_equal(trainer.history.grad_norm[-3:], trainer.history.clipped_norm[-3:])
    trainer.recipe().json()


@pytest.mark.parametrize(
    "knob, value",
    [("lr", -1), ("lr", float("nan")), ("momentum", 1.0), ("clip", "hard"), ("threshold", 0),
     ("batch_size", 0), ("batch_size", 10**6), ("batch_size", 1.5), ("device", "abacus"),
     ("rate", 1)],
)  # fmt: skip
def test_a_bad_knob_names_the_value_and_changes_nothing(knob, value):
    trainer = train(on_digits(), 3)
    before = trainer.knobs()
    with pytest.raises(CourseError) as error:
        trainer.set(knob, value)
    named = "rate" if knob == "rate" else str(value)
    assert named in str(error.value)
    assert trainer.knobs() == before and trainer.history.knobs == []
    train(trainer, 3)


def test_knobs_that_do_not_fit_change_nothing():
    trainer = small_digits("moons")
    before = trainer.settings()
    for knob, value, words in [
        ("optimiser", "sgd", "'sgd'"), ("optimiser", [{"kind": "Momentum"}], "Descend"),
        ("augment", "shift", "not images"), ("augment", "flip", "'flip'"),
        ("l1", -1, "L1.strength"),
        ("label_noise", 1.5, "label_noise"), ("lr", {"kind": "LinearRamp"}, "LinearRamp"),
        ("lr", {"kind": "Zigzag"}, "Zigzag"), ("momentum", 1.0, "Momentum.beta"),
    ]:  # fmt: skip
        with pytest.raises(CourseError, match=words):
            trainer.set(knob, value)
        assert trainer.settings() == before and trainer.history.knobs == []


def test_an_optimiser_keeps_clipping_regularisation_and_rate():
    trainer = small_digits()
    for knob, value in [("l2", 0.1), ("l1", 0.2), ("optimiser", "adam"), ("momentum", 0.8)]:
        trainer.set(knob, value)
    kinds = [d["kind"] for d in trainer.chain.describe()]
    assert kinds == ["ClipByNorm", "L2", "Adam", "Descend", "L1"]
    assert trainer.chain.find(Adam).beta1 == 0.8 and trainer.knobs()["momentum"] == 0.8
    trainer.set("optimiser", "heavy ball")
    assert trainer.knobs()["momentum"] == 0.8 and trainer.knobs()["optimiser"] == "heavy ball"


def test_label_noise_is_nested_wrong_and_undone():
    data = load_data("digits")
    some, more = data.noisy_labels(0.1, 3), data.noisy_labels(0.3, 3)
    wrong, more_wrong = some != data.y_train, more != data.y_train
    assert (more_wrong | ~wrong).all() and (some[wrong] == more[wrong]).all()
    assert abs(float(wrong.double().mean()) - 0.1) < 0.03
    trainer = small_digits()
    clean = trainer.evaluate("train")
    trainer.set("label_noise", 0.5)
    assert trainer.evaluate("train") != clean and trainer.data.source == small_digits().data.source
    trainer.set("label_noise", 0)
    assert trainer.evaluate("train") == clean


@pytest.mark.parametrize("knob, kind, field", [("l2", L2, "weight_decay"), ("l1", L1, "strength")])
def test_a_penalty_is_put_in_once_and_then_changed(knob, kind, field):
    trainer = on_digits()
    assert trainer.knobs()[knob] == 0
    for value in (0.1, 0.3, 0):
        trainer.set(knob, value)
        (found,) = [t for t in trainer.chain.transforms if isinstance(t, kind)]
        assert getattr(found, field) == trainer.knobs()[knob] == value


def test_the_threshold_is_the_clips_and_outlives_it():
    trainer = on_digits()
    trainer.set("threshold", 0.25)
    assert trainer.chain.clip.threshold == 0.25
    trainer.set("clip", "off")
    trainer.set("threshold", 0.5)
    trainer.set("clip", "value")
    assert trainer.chain.clip.threshold == 0.5


def test_a_batch_has_as_many_rows_as_parts_at_least():
    trainer = on_digits(accumulate=8)
    trainer.set("batch_size", 8)
    assert train(trainer, 2).batch_size == 8
    with pytest.raises(CourseError, match="batch_size = 7 cannot be cut into 8"):
        trainer.set("batch_size", 7)


# Recipes of earlier releases name an augmentation by its steps.
@pytest.mark.parametrize(
    "name, steps",
    [
        ("off", []),
        ("shift", [{"kind": "Shift", "pixels": 1}]),
        ("rotate", [{"kind": "Rotate", "degrees": 15.0}]),
        ("noise", [{"kind": "Noise", "sigma": 0.1}]),
        ("all", [{"kind": "Shift", "pixels": 1}, {"kind": "Rotate", "degrees": 15.0},
                 {"kind": "Noise", "sigma": 0.1}]),
        ("own", [{"kind": "Shift", "pixels": 2}]),
    ],
)  # fmt: skip
def test_an_augmentation_is_recorded_by_its_steps_and_shown_by_its_name(name, steps):
    trainer = on_digits()
    for value in [steps] if name == "own" else [steps, name]:
        trainer.set("augment", value)
        assert trainer.knobs()["augment"] == name
        assert trainer.history.knobs[-1] == (0, "augment", steps or "off")
    assert trainer.settings()["augment"] == steps
    built = on_digits(augment=build_augment(steps) if steps else None)
    assert torch.equal(train(trainer, 5).model.theta, train(built, 5).model.theta)


def test_training_with_label_noise_is_training_on_those_labels():
    data = load_data("digits")
    wrong = replace(data, y_train=data.noisy_labels(0.4, seed=0))
    noisy = on_digits(data)
    noisy.set("label_noise", 0.4)
    assert torch.equal(train(noisy, 20).model.theta, train(on_digits(wrong), 20).model.theta)
    noisy.set("label_noise", 0)
    assert not torch.equal(train(noisy, 5).model.theta, train(on_digits(wrong), 25).model.theta)


@pytest.mark.parametrize("clip", [[], [ClipByNorm(1.0)]])
def test_momentum_is_put_in_before_the_step_when_there_is_none(clip):
    turned = on_digits(chain=chain(*clip, Descend(0.2)))
    built = on_digits(chain=chain(*clip, Momentum(0.7), Descend(0.2)))
    assert turned.knobs()["momentum"] == 0
    turned.set("momentum", 0.7)
    assert torch.equal(train(turned, 10).model.theta, train(built, 10).model.theta)


def test_every_number_of_a_transform_or_dropout_is_a_knob_with_its_own_range():
    model = MLP([64, 8, 8, 10], dropout=0.1)
    trainer = Trainer(model, load_data("digits"), chain(Muon(0.9, 5), Descend(0.01)))
    for knob, good, bad in [("Muon.iterations", 7, 0), ("Muon.beta", 0.5, 1.0),
                            ("dropout", 0.4, 1.0), ("dropout2", 0, -0.1)]:  # fmt: skip
        trainer.set(knob, good)
        with pytest.raises(CourseError, match=f"{bad}"):
            trainer.set(knob, bad)
        assert trainer.knobs()[knob] == good
    assert [layer.p for layer in model.dropouts()] == [0.4, 0]
    for bad in ("a", None, True, float("nan")):
        with pytest.raises(CourseError):
            trainer.set("dropout", bad)
