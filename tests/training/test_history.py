"""What the history records, and who may read it when."""

import threading

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import on_digits, on_moons, train

from course.training.history import BLOCK, CHUNK, History


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


@settings(max_examples=30, deadline=None, derandomize=True)
@given(steps=st.lists(st.integers(0, 700), min_size=1, max_size=4), points=st.integers(1, 9))
def test_the_means_lie_at_the_steps_that_they_are_means_of(steps, points):
    history = History()
    for more in steps:
        start = len(history.numbers())
        for step in range(start + 1, start + more + 1):
            history.record(*torch.tensor([step, 2.0 * step, -step, 1.0]).unbind())
        (first, distance), rows = history.means(points)
        n = len(history.numbers())
        width = BLOCK if n >= 4 * BLOCK * points else 1
        assert len(rows) == min(n // width, points)
        if n <= points:
            assert (first, distance) == (1, 1)
        places = first + distance * np.arange(len(rows))
        assert np.allclose(rows[:, 0], places, rtol=0, atol=width)
        assert np.isclose(distance * len(rows), n - n % width)  # together they span the run
        assert (rows[:, 1] == 2 * rows[:, 0]).all() and (rows[:, 2] == -rows[:, 0]).all()
        assert history.means(points) is history.means(points)  # several panels ask for it


def test_a_rewritten_history_forgets_what_it_had():
    history = History()
    for step in range(5 * BLOCK * 4 + CHUNK):
        history.record(*torch.full((4,), float("nan") if step > 9 else 1.0).unbind())
        if step == 4 * BLOCK * 4:
            assert history.first_not_finite() == 10 and len(history.means(4)[1]) == 4
    assert history.full  # not read yet
    history.rewrite(np.full((4 * BLOCK * 4, 4), 7.0), [(0, "lr", 0.1)])
    assert len(history.numbers()) == 4 * BLOCK * 4 and history.knobs == [(0, "lr", 0.1)]
    assert (history.means(4)[1] == 7).all() and history.first_not_finite() is None
    history.rewrite(np.array([[np.inf, 1, 1, 1], [1, 1, 1, 1]]), [])
    assert history.first_not_finite() == 0


def test_evaluations_at_the_cut_stay_and_later_ones_go():
    history = History()
    for step in range(6):
        history.record(*torch.ones(4).unbind())
        history.evaluated.append((step + 1, "test", *torch.ones(2).unbind()))
    history.knobs = [(2, "lr", 1.0), (3, "lr", 2.0)]
    history.cut(3)
    assert len(history.numbers()) == 3 and history.knobs == [(2, "lr", 1.0)]
    assert [step for step, *_ in history.evaluations] == [1, 2, 3]
