"""Runs to save and load, and a loader that sees that a refused state changed nothing."""

import contextlib
import struct

import torch
from torch import nn

from course import (
    L1,
    L2,
    MLP,
    Adam,
    Augment,
    ClipByNorm,
    ClipByValue,
    Cosine,
    CourseError,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Muon,
    Network,
    Noise,
    ReLU,
    Rotate,
    Shift,
    Trainer,
    adopt,
    chain,
    load_data,
)
from course.states import digest, plain_state

DIGITS = load_data("digits").subset(120).with_validation()


IMAGES = Augment(Shift(1), Rotate(10.0), Noise(0.1))


def net(dropout=None, seed=0):
    return MLP([64, 12, 10], dropout=dropout, seed=seed)


def module(seed=0):
    torch.manual_seed(seed)
    layers = nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 10)
    return adopt(nn.Sequential(*layers), seed=seed)


def make(steps=None, model=None, data=DIGITS, batch_size=16, **options):
    steps = steps or chain(Momentum(0.9), Descend(0.1))
    return Trainer(model or net(), data, steps, batch_size, **options)


def train(trainer, steps, **options):
    for _ in trainer.run(steps, **options):
        pass
    return trainer


def bits(trainer):
    return digest(plain_state(trainer.state_dict()))


def is_tensor(value, like):
    if not isinstance(value, torch.Tensor) or value.is_meta or value.layout != like.layout:
        return False
    return (value.shape, value.dtype) == (like.shape, like.dtype)


def same(a, b):
    """Equal in types and bits, told without a digest."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return is_tensor(a, b) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return struct.pack("d", a) == struct.pack("d", b) if isinstance(a, float) else a == b


def own_network():
    layers = [Linear(8), LayerNorm(), ReLU(), Dropout(0.3), Linear(10)]
    steps = chain(ClipByNorm(1.0), Adam(), Descend(Cosine(0.02, steps=90, warmup=5)))
    trainer = make(steps, Network(layers, 64), batch_size=12, augment=IMAGES, accumulate=2)
    trainer.set("label_noise", 0.25)
    return trainer


def adopted_module():
    steps = chain(ClipByValue(0.5), L2(1e-4), Muon(), Descend(0.01), L1(1e-5))
    return make(steps, module(), seed=5)


def started(build):
    trainer = train(build(), 6, evaluate_every=6, patience=9)
    trainer.set("momentum", 0.8)
    trainer.set("lr", Cosine(0.02, steps=80))
    return train(trainer, 4)


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def nodes(value, path=()):
    yield list(path), value
    inside = enumerate(value) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else inside:
        yield from nodes(item, (*path, key))


def put(value, path, new):
    """A copy of nested dicts and lists with `new` at the place `path`."""
    if not path:
        return new
    twin = value.copy()
    twin[path[0]] = put(value[path[0]], path[1:], new)
    return twin


def as_floats(state):
    """The settings that may be given as whole numbers."""
    for name in ("label_noise", "threshold"):
        state = put(state, ["run", "settings", name], float(state["run"]["settings"][name]))
    dropouts = [float(p) for p in state["run"]["settings"]["dropouts"]]
    return put(state, ["run", "settings", "dropouts"], dropouts)


class Refused:
    """Loads states and sees that a refused one has changed nothing."""

    def __init__(self, trainer):
        self.trainer, self.state = trainer, trainer.state_dict()
        self.bits = bits(trainer)

    def __call__(self, state) -> bool:
        t = self.trainer
        parts = t.chain, t.chain.transforms, t.batches, t.history, t.best, t.model, t.splits
        try:
            t.load_state_dict(state)
        except CourseError as error:
            assert 20 < len(str(error)) < 1500
            now = t.chain, t.chain.transforms, t.batches, t.history, t.best, t.model, t.splits
            assert all(a is b for a, b in zip(parts, now, strict=True))
            assert bits(t) == self.bits
            return True
        assert digest(as_floats(plain_state(t.state_dict()))) == digest(
            as_floats(plain_state(state))
        )
        if t.batch_size >= 2 * t.accumulate:  # a batch norm takes no single rows
            with contextlib.suppress(CourseError):  # as of a shift that is wider than the image
                train(t, 2)
        t.load_state_dict(self.state)
        assert bits(t) == self.bits
        return False
