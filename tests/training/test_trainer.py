"""The trainer: knobs, saving, evaluation, bad input. The referee is plain PyTorch."""

import numpy as np
import pytest
import torch

from course import (
    MLP,
    ClipByNorm,
    CourseError,
    Dataset,
    Descend,
    Momentum,
    Trainer,
    chain,
    compare,
    load_data,
)
from course.optim.first_order import HeavyBall


def make(data="digits", seed=0, lr=0.3, dtype=torch.float32, **options):
    data = load_data(data, seed, dtype=dtype) if isinstance(data, str) else data
    model = MLP([data.features, 16, data.classes], seed=seed, dtype=dtype)
    steps = options.pop("chain", None) or chain(ClipByNorm(1.0), Momentum(0.9), Descend(lr))
    return Trainer(model, data, steps, seed=seed, **options)


def train(trainer, steps):
    for _ in trainer.run(steps):
        pass
    return trainer


def test_fifty_steps_equal_pytorch():
    trainer = make(dtype=torch.float64, chain=chain(HeavyBall(0.9), Descend(0.05)))
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
    trainer = train(make(name), 600)
    assert trainer.evaluate("train")[0] < np.mean(trainer.history.loss[:5])
    assert trainer.check_finite() is None


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    a, b, c = train(make(), 60), train(make(), 60), train(make(seed=1), 60)
    assert torch.equal(a.model.theta, b.model.theta)
    assert not torch.equal(a.model.theta, c.model.theta)


def test_looking_does_not_change_the_run():
    watched, alone = make(), train(make(), 60)
    for _ in watched.run(60):
        (
            watched.evaluate("train"),
            watched.evaluate("test"),
            watched.state_dict(),
            watched.history.loss,
        )
    assert torch.equal(watched.model.theta, alone.model.theta)


def test_knobs_are_recorded_and_keep_momentum():
    trainer = train(make(), 10)
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
    trainer = train(make(), 3)
    before = trainer.knobs()
    with pytest.raises(CourseError) as error:
        trainer.set(knob, value)
    named = "rate" if knob == "rate" else str(value)
    assert named in str(error.value)
    assert trainer.knobs() == before and trainer.history.knobs == []
    train(trainer, 3)


def test_divergence_is_found_at_its_first_step():
    trainer = train(make(chain=chain(Descend(1e30))), 20)
    first = trainer.check_finite()
    numbers = trainer.history.numbers()
    assert first is not None and np.isfinite(numbers[:first]).all()
    assert not np.isfinite(numbers[first]).all()


def test_every_epoch_sees_every_row_once():
    trainer = make("moons", batch_size=100)
    seen = []
    for _ in range(8):
        trainer.step()
        seen += trainer.batches.last_rows().tolist()
    assert sorted(seen) == list(range(800))


def test_history_spans_its_chunks():
    trainer = train(make("moons"), 1100)
    assert trainer.history.loss.shape == (1100,) and np.isfinite(trainer.history.numbers()).all()


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
