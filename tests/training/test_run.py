"""The state of a run with everything switched on: saved, moved, learned from."""

import torch
from training_runs import rich, train

from course import compare


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
    moved.to(device)
    for trainer in (stayed, moved):
        trainer.batches.augment = None
        trainer.set("dropout", 0.0)  # each device draws its own numbers
        train(trainer, 10)
    assert compare(moved.history.numbers(), stayed.history.numbers(), rtol=2e-2)
    assert moved.step_count == 20 and len(moved.history.loss) == 20
