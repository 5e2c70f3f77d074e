"""Recorded runs that the tests of recipes share."""

import math

import torch

from course import (
    L2,
    MLP,
    Adam,
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
    Points,
    ReLU,
    Residual,
    Rotate,
    Shift,
    Spike,
    StepDecay,
    Trainer,
    Warmup,
    chain,
    load_data,
    standardise,
)


def small_digits(name="digits", **options):
    data = load_data(name).subset(300)
    model = MLP([data.features, 12, data.outputs], dropout=0.0)
    steps = chain(ClipByNorm(2.0), Momentum(0.9), Descend(Warmup(0.2, steps=10)))
    return Trainer(model, data, steps, **options)


def play(trainer, turns):
    """turns: {step: [(knob, value), …]}; 40 steps."""
    for step in range(40):
        for knob, value in turns.get(step, []):
            trainer.set(knob, value)
        trainer.step()
    return trainer


GOOD = small_digits().recipe().describe() | {"steps": 3}


def small(**options):
    steps = chain(ClipByNorm(2.0), Adam(), Descend(0.1))
    return Trainer(MLP([2, 4, 2], dropout=0.1), load_data("moons"), steps, **options)


def blocks():
    layers = [Linear(6), LayerNorm(), Residual(Linear(6), ReLU(), Dropout(0.2)), Linear(1)]
    model = Network(layers, 1, "mse", dtype=torch.float64)
    return model, standardise(load_data("sine", dtype=torch.float64).with_validation(0.3, 2))


def played(trainer, *turns):
    for step in range(4):
        for at, knob, value in turns:
            if at == step:
                trainer.set(knob, value)
        trainer.step()
    return trainer.recipe().describe()


MAKERS = {
    "digits": lambda: played(
        Trainer(MLP([64, 8, 10]), load_data("digits"), chain(Descend(0.1)))),
    "momentum": lambda: played(
        Trainer(MLP([2, 4, 2], "tanh"), load_data("moons", 3), chain(Momentum(0.9), Descend(0.5))),
        (1, "lr", 0.2), (2, "momentum", 0.5), (3, "batch_size", 10)),
    "schedules": lambda: played(
        Trainer(MLP([2, 4, 2], seed=4), load_data("xor"), batch_size=64, accumulate=4,
                chain=chain(ClipByNorm(Warmup(2.0, 3)), Adam(), Descend(Cosine(0.1, 9, 2)))),
        (2, "lr", StepDecay(0.1, 2)), (3, "clip", "off"), (3, "threshold", 0.5),
        (3, "device", "cpu")),
    "by hand": lambda: played(
        Trainer(MLP([2, 4, 2]), load_data("xor"),
                chain(Spike(0, 20.0), L2(0.01), Momentum(0.9),
                      ClipByNorm(Points([[1, 0.01], [3, 2]])),
                      Descend(Points([[0, 0.1], [3, 0.5]], "log")))),
        (1, "spike", {"at": 2, "factor": 30.0}),
        (1, "momentum", Points([[1, 0.5], [3, 0.9]], "memory")),
        (2, "clip_order", "before"), (2, "clip", "off"), (3, "clip", "value")),
    "augment": lambda: played(
        Trainer(MLP([64, 10], dropout=0.0), load_data("digits").subset(200),
                chain(Descend(0.1)), augment=Augment(Shift(1), Rotate(9), Noise(0.1)))),
    "label noise": lambda: played(
        Trainer(MLP([64, 5, 10], "gelu", init="orthogonal", dropout=0.2),
                load_data("digits").subset(100), chain(ClipByNorm(math.inf), Descend(0.1)))
        ) | {"label_noise": 0.2, "knobs": [[0, "label_noise", 0.4], [4, "l2", 0.1]]},
    "network": lambda: played(
        Trainer(*blocks(), chain(Momentum(0.9), Descend(0.1))),
        (2, "optimiser", chain(Momentum(0.5), Adam(), Descend(0.01)).describe()),
        (2, "dropout", 0.3)),
}  # fmt: skip


RECIPES = {name: make() for name, make in MAKERS.items()}


def executed(code):
    space: dict = {}
    exec(code, space)
    return space["trainer"]
