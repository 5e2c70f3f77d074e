"""The state of a run with everything switched on: saved, moved, learned from."""

import pytest
import torch
from training_runs import on_moons, rich, train

from course import MLP, CourseError, Descend, Trainer, chain, compare, load_data


def test_dropout_noise_and_schedules_go_on_to_the_bit_after_saving(tmp_path):
    whole = train(rich(), 60)
    first = train(rich(), 30)
    first.save(tmp_path / "run.pt")
    second = train(rich(), 7)
    second.load(tmp_path / "run.pt")
    train(second, 30)
    assert torch.equal(whole.model.theta, second.model.theta)
    assert (whole.history.numbers() == second.history.numbers()).all()


def test_it_learns_with_everything_switched_on(device):
    trainer = train(rich(device), 300)
    assert trainer.evaluate()[1] > 0.8
    assert trainer.check_finite() is None


def test_moving_a_run_keeps_all_its_state(device):
    stayed, moved = (train(rich(), 10) for _ in range(2))
    before, splits = moved.evaluate("train"), moved.splits
    moved.to(device)
    assert moved.splits is not splits  # they lie on the new device
    assert compare(moved.evaluate("train"), before, rtol=1e-4)
    for trainer in (stayed, moved):
        trainer.batches.augment = None
        trainer.set("dropout", 0.0)  # each device draws its own numbers
        train(trainer, 10)
    assert compare(moved.history.numbers(), stayed.history.numbers(), rtol=2e-2)
    assert moved.step_count == 20 and len(moved.history.loss) == 20


def test_a_fresh_run_stands_where_the_documentation_says():
    trainer = Trainer(MLP([2, 4, 2]), load_data("moons"), chain(Descend(0.1)))
    assert trainer.settings() == {
        "chain": [{"kind": "Descend", "lr": 0.1}], "batch_size": 32, "accumulate": 1,
        "augment": [], "label_noise": 0.0, "threshold": 1.0, "clip_order": "before",
        "dropouts": [],
    }  # fmt: skip
    assert trainer.step_count == trainer.seed == 0 and trainer.best is trainer.gradient_hook is None
    same = Trainer(MLP([2, 4, 2]), load_data("moons"), chain(Descend(0.1)), 32, 0, 1, None)
    assert torch.equal(train(trainer).model.theta, train(same).model.theta)


@pytest.mark.parametrize("option", ["batch_size", "accumulate"])
def test_no_run_has_batches_of_no_rows_or_no_parts(option):
    with pytest.raises(CourseError, match=rf"{option} = 0 is out of range.*\[1, "):
        on_moons(**{option: 0})


def test_a_run_moves_to_the_devices_of_this_machine_only():
    trainer = on_moons()
    for device in ("cpu:0", "meta", None):  # the first is one that torch itself would take
        with pytest.raises(CourseError, match=f"device = {device!r} is unknown.*'cpu'.*these"):
            trainer.to(device)
