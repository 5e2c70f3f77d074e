"""What the history records, and who may read it when."""

import threading

import numpy as np
from training_runs import on_digits, on_moons, train

from course.training.history import CHUNK


def test_history_spans_its_chunks():
    trainer = train(on_digits("moons"), 1100)
    assert trainer.history.loss.shape == (1100,) and np.isfinite(trainer.history.numbers()).all()


def test_numbers_may_be_read_by_another_thread_at_full_speed():
    trainer, lengths, stop = on_moons(batch_size=4), [], threading.Event()

    def read():
        while not stop.wait(1e-4):
            numbers = trainer.history.numbers()
            assert (numbers[:, 1] > 0).all()
            lengths.append(len(numbers))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        train(trainer, 3 * CHUNK)
    finally:
        stop.set()
        reader.join(10)
    assert lengths == sorted(lengths) and len(lengths) > 10
    assert len(trainer.history.loss) == 3 * CHUNK
    assert (
        trainer.history.numbers() == train(on_moons(batch_size=4), 3 * CHUNK).history.numbers()
    ).all()
