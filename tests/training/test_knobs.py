"""Knobs: each turn is recorded, keeps momentum, and is refused whole when its value is bad."""

import numpy as np
import pytest
import torch
from recipe_runs import small_digits
from training_runs import on_digits, train

from course import Adam, CourseError, Momentum, load_data


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
        ("augment", "shift", "no images"), ("augment", "flip", "'flip'"), ("l1", -1, "L1.strength"),
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
