"""Trainers that the tests of this folder share."""

import torch

from course import (
    GELU,
    MLP,
    AdamW,
    Augment,
    ClipByNorm,
    Cosine,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Momentum,
    Network,
    Noise,
    ReLU,
    Residual,
    Rotate,
    Shift,
    Trainer,
    chain,
    load_data,
)


def on_moons(device="cpu", model=None, steps=None, data="moons", dtype=torch.float32, **options):
    data = load_data(data, dtype=dtype) if isinstance(data, str) else data
    model = model or MLP([data.features, 16, data.outputs], dtype=dtype, device=device)
    steps = steps or chain(ClipByNorm(1.0), Momentum(0.9), Descend(0.3))
    return Trainer(model, data, steps, **options)


def on_digits(data="digits", seed=0, lr=0.3, dtype=torch.float32, **options):
    data = load_data(data, seed, dtype=dtype) if isinstance(data, str) else data
    model = MLP([data.features, 16, data.classes], seed=seed, dtype=dtype)
    steps = options.pop("chain", None) or chain(ClipByNorm(1.0), Momentum(0.9), Descend(lr))
    return Trainer(model, data, steps, seed=seed, **options)


def rich(device="cpu", **options):
    data = load_data("digits").with_validation()
    layers = [
        Linear(24),
        LayerNorm(),
        GELU(),
        Residual(Linear(24), ReLU(), Dropout(0.3), Linear(24)),
        Linear(10),
    ]
    steps = chain(ClipByNorm(1.0), AdamW(), Descend(Cosine(0.02, steps=400, warmup=5)))
    augment = Augment(Shift(1), Rotate(10.0), Noise(0.1))
    model = Network(layers, 64, device=device)
    return Trainer(model, data, steps, batch_size=20, augment=augment, accumulate=2, **options)


def train(trainer, steps=40, **options):
    for _ in trainer.run(steps, **options):
        pass
    return trainer
