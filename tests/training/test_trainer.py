"""The training loop: steps, batches, accumulation, gradient hook. The referee is plain PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import on_digits, on_moons, train

from course import (
    MLP,
    ClipByNorm,
    CourseError,
    Dataset,
    Descend,
    HeavyBall,
    Trainer,
    adopt,
    chain,
    compare,
    load_data,
)
from course.data.batches import shard

# ---- steps -----------------------------------------------------------------------------------


def test_fifty_steps_equal_pytorch():
    trainer = on_digits(dtype=torch.float64, chain=chain(HeavyBall(0.9), Descend(0.05)))
    net = torch.nn.Sequential(
        torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)
    ).double()
    with torch.no_grad():
        for layer, W in zip(
            (net[0], net[2]), trainer.model.views(trainer.model.theta), strict=True
        ):
            layer.weight.copy_(W[:, :-1])
            layer.bias.copy_(W[:, -1])
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    d, losses = trainer.data, []
    for _ in range(50):
        trainer.step()
        rows = trainer.batches.last_rows()
        loss = torch.nn.functional.cross_entropy(net(d.x_train[rows]), d.y_train[rows])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    assert compare(trainer.history.loss, losses, rtol=1e-10)
    assert compare(trainer.model.predict(d.x_test), net(d.x_test), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["digits", "moons", "spirals"])
def test_it_learns(name):
    trainer = train(on_digits(name), 600)
    assert trainer.evaluate("train")[0] < np.mean(trainer.history.loss[:5])
    assert trainer.check_finite() is None


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    a, b, c = train(on_digits(), 60), train(on_digits(), 60), train(on_digits(seed=1), 60)
    assert torch.equal(a.model.theta, b.model.theta)
    assert not torch.equal(a.model.theta, c.model.theta)


def test_looking_does_not_change_the_run():
    watched, alone = on_digits(), train(on_digits(), 60)
    for _ in watched.run(60):
        (
            watched.evaluate("train"),
            watched.evaluate("test"),
            watched.state_dict(),
            watched.history.loss,
        )
    assert torch.equal(watched.model.theta, alone.model.theta)


def test_every_epoch_sees_every_row_once():
    trainer = on_digits("moons", batch_size=100)
    seen = []
    for _ in range(8):
        trainer.step()
        seen += trainer.batches.last_rows().tolist()
    assert sorted(seen) == list(range(800))


def test_bad_data_is_refused():
    with pytest.raises(CourseError, match="'mnst'.*digits"):
        load_data("mnst")
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 2, 1])
    with pytest.raises(CourseError, match="label 2"):
        Dataset("mine", x, y, x, y, classes=2)
    with pytest.raises(CourseError, match="NaN"):
        Dataset("mine", x / 0, y, x, y, classes=3)
    with pytest.raises(CourseError, match=r"\[64, …, 10\]"):
        Trainer(MLP([2, 2]), load_data("digits"), chain(Descend(0.1)))


# ---- parts of a batch ------------------------------------------------------------------------


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.data())
def test_accumulated_parts_are_the_whole_batch(batch_size, data):
    parts = data.draw(st.integers(1, batch_size))
    runs = [
        train(on_moons(dtype=torch.float64, batch_size=batch_size, accumulate=k), 10)
        for k in (1, parts)
    ]
    a, b = (run.history.numbers() for run in runs)
    assert compare(a, b, rtol=1e-9)
    assert compare(runs[0].model.theta, runs[1].model.theta, rtol=1e-9, atol=1e-12)


def test_accumulating_an_adopted_module_is_the_whole_batch_too():
    def run(parts):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        return train(on_moons(model=adopt(net.double()), dtype=torch.float64, accumulate=parts), 10)

    assert compare(run(1).history.numbers(), run(5).history.numbers(), rtol=1e-9)


def test_more_parts_than_rows_are_refused():
    with pytest.raises(CourseError, match="accumulate = 9"):
        on_moons(batch_size=8, accumulate=9)
    trainer = on_moons(batch_size=8, accumulate=4)
    with pytest.raises(CourseError, match="cut into 4"):
        trainer.set("batch_size", 3)
    assert trainer.batch_size == 8


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("own_module", [False, True])
def test_ranks_that_average_in_the_gradient_hook_are_one_process(world_size, own_module):
    """Each rank has its share of the rows; the hook adds up what the ranks before it found."""
    data = load_data("moons", dtype=torch.float64).subset(60)

    def build(rows, size):
        part = replace(data, x_train=data.x_train[rows], y_train=data.y_train[rows])
        model = MLP([2, 8, 2], "tanh", dtype=torch.float64)
        model = adopt(model.to_module()) if own_module else model
        return Trainer(model, part, chain(ClipByNorm(0.1), HeavyBall(0.9), Descend(0.5)), size)

    whole = build(torch.arange(60), 60)
    ranks = [build(shard(torch.arange(60), k, world_size), 60 // world_size)
             for k in range(world_size)]  # fmt: skip
    for _ in range(5):
        whole.step()
        parts = [rank.model.loss_and_grad(*rank.batches.gather(rank.batches.order)).clone()
                 for rank in ranks]  # fmt: skip
        mean = torch.stack([rank.model.grad.clone() for rank in ranks]).mean(0)
        loss = torch.stack(parts).mean()

        def all_reduce(own, grad, loss=loss, mean=mean):
            grad.copy_(mean)
            return loss

        for rank in ranks:
            rank.gradient_hook = all_reduce
            rank.step()
    for rank in ranks:
        assert torch.allclose(rank.model.theta, whole.model.theta, rtol=0, atol=1e-12)
        assert np.allclose(rank.history.numbers(), whole.history.numbers(), rtol=0, atol=1e-12)
