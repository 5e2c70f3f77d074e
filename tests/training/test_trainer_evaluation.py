"""Evaluation, early stopping and divergence."""

import numpy as np
import pytest
from training_runs import on_digits, on_moons, train

from course import MLP, Adam, CourseError, Descend, chain, load_data


def test_the_cadence_of_evaluation():
    trainer = on_moons(data=load_data("moons").with_validation())
    train(trainer, 25, evaluate_every=10)
    seen = [(step, split) for step, split, _, _ in trainer.history.evaluations]
    assert seen == [(s, split) for s in (10, 20) for split in ("train", "test", "validation")]
    loss, accuracy = trainer.evaluate("validation")
    assert 0 < accuracy <= 1 and loss > 0


def test_early_stopping_keeps_the_best_weights():
    data = load_data("moons").with_validation().subset(20)
    trainer = on_moons(
        data=data, model=MLP([2, 64, 2]), steps=chain(Adam(), Descend(0.1)), batch_size=10
    )
    seen = []
    for _ in trainer.run(3000, evaluate_every=10, patience=3):
        if trainer.step_count % 10 == 0:
            seen.append(trainer.evaluate("validation")[0])
    assert trainer.step_count < 3000 and trainer.step_count % 10 == 0
    best = min(range(len(seen)), key=seen.__getitem__)
    assert len(seen) - 1 - best == 3  # three in a row without a lower one
    assert trainer.restore_best() == 10 * (best + 1)
    assert trainer.evaluate("validation")[0] == pytest.approx(seen[best])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"patience": 2, "evaluate_every": 5}, "with_validation"),
        ({"patience": 0, "evaluate_every": 5}, "patience = 0"),
        ({"evaluate_every": -1}, "evaluate_every = -1"),
    ],
)
def test_bad_run_options_are_refused(options, words):
    trainer = on_moons()
    with pytest.raises(CourseError, match=words):
        train(trainer, 5, **options)
    with pytest.raises(CourseError, match="no best weights"):
        trainer.restore_best()


def test_regression_has_a_loss_and_no_accuracy():
    trainer = on_moons(
        data="sine",
        model=MLP([1, 32, 32, 1], "tanh", loss="mse"),
        steps=chain(Adam(), Descend(0.01)),
    )
    before = trainer.evaluate()[0]
    loss, accuracy = train(trainer, 2000).evaluate()
    assert loss < 0.7 * before and accuracy != accuracy


def test_one_output_is_a_yes_or_no():
    for outputs in (1, 2):  # two outputs: a yes-or-no for each class
        trainer = on_moons(model=MLP([2, 16, outputs], loss="bce"))
        assert train(trainer, 200).evaluate()[1] > 0.85
    with pytest.raises(CourseError, match="wants 2 outputs"):
        on_moons(model=MLP([2, 16, 1]))  # cross-entropy needs one for each class
    with pytest.raises(CourseError, match="wants 10 outputs"):
        on_moons(model=MLP([64, 16, 1], loss="bce"), data="digits")


def test_divergence_is_found_at_its_first_step():
    trainer = train(on_digits(chain=chain(Descend(1e30))), 20)
    first = trainer.check_finite()
    numbers = trainer.history.numbers()
    assert first is not None and np.isfinite(numbers[:first]).all()
    assert not np.isfinite(numbers[first]).all()


def test_patience_counts_anew_in_each_run():
    trainer = on_moons(data=load_data("moons").with_validation())
    train(trainer, 20, evaluate_every=5, patience=3)
    trainer.set("lr", 0)  # from here on no evaluation is lower than the best
    start = trainer.step_count
    train(trainer, 100, evaluate_every=2, patience=3)
    assert trainer.step_count == start + 2 * 3


@pytest.mark.parametrize("option", ["steps", "evaluate_every", "patience"])
def test_a_run_has_at_most_a_thousand_million_steps(option):
    largest = {"steps": 10**9, "evaluate_every": 10**9, "patience": 10**9}
    trainer = on_moons(data=load_data("moons").with_validation())
    assert next(trainer.run(**largest)) == 1
    with pytest.raises(CourseError, match=f"{option} = 1000000001 is out of range"):
        next(trainer.run(**largest | {option: 10**9 + 1}))
