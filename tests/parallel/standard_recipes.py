"""Recipes that the standard engine is held to, as a Trainer has run and recorded them."""

import torch

from course import (
    L2,
    MLP,
    Adam,
    AdamW,
    ClipByNorm,
    ClipByValue,
    Cosine,
    Descend,
    HeavyBall,
    LayerNorm,
    Linear,
    Momentum,
    Nesterov,
    Network,
    ReLU,
    Residual,
    RMSProp,
    Sigmoid,
    Tanh,
    Trainer,
    chain,
    load_data,
)  # fmt: skip
from course.parallel.standard.strategies import SCHEDULES
from course.training.recipe import Recipe

DATA = load_data("digits")
SIZES = {"uneven": (31, 29), "whole": (36, 24), "ranks without rows": (2, 1)}


def deep(dtype=torch.float64) -> Network:
    """Return a network with every layer that has weights, odd widths, lone and paired matrices."""
    inner = Residual(LayerNorm(), Linear(21), ReLU(), Linear(33))
    layers = [Linear(33), Tanh(), Linear(33), inner, Linear(20), Linear(21), Sigmoid(), Linear(17),
              ReLU(), LayerNorm(), Linear(10)]  # fmt: skip
    return Network(layers, 64, dtype=dtype)


def shallow(loss="cross_entropy", activation="tanh") -> MLP:
    """Return four odd layers."""
    return MLP([64, 33, 21, 7, 10], activation, loss=loss, dtype=torch.float64)


def many_knobs(sizes):
    """Return knob changes of every kind that the engine plays."""
    return [(5, "lr", 0.003), (8, "batch_size", sizes[1]), (12, "threshold", 0.3),
            (15, "label_noise", 0.1), (16, "l2", 0.01), (17, "Adam.eps", 1e-6)]  # fmt: skip


def momenta(sizes):
    """Return changes of momentum, to 0 and back, and of clipping."""
    return [(5, "momentum", 0.0), (7, "l2", 1e-3), (9, "momentum", 0.8), (10, "augment", "noise"),
            (12, "clip", "off"), (14, "clip", "norm"), (15, "threshold", 0.2),
            (16, "batch_size", sizes[1])]  # fmt: skip


RUNS = {  # name: network, chain, knob changes
    "adam": (deep, lambda: chain(ClipByNorm(0.5), L2(1e-3), Adam(), Descend(0.01)), many_knobs),
    "momentum": (
        shallow,
        lambda: chain(ClipByValue(0.02), Momentum(0.9), Descend(Cosine(0.5, 30, 5))), momenta,
    ),
    "plain": (lambda: shallow("mse"), lambda: chain(Descend(0.2)),
              lambda _: [(6, "momentum", 0.9)]),
    "heavy ball": (lambda: shallow("bce", "gelu"), lambda: chain(HeavyBall(0.9), Descend(0.05)),
                   lambda _: []),
    "nesterov": (shallow, lambda: chain(L2(1e-2), Nesterov(0.9), Descend(0.05)), lambda _: []),
    "rmsprop": (shallow, lambda: chain(RMSProp(), Descend(0.003)),
                lambda _: [(9, "RMSProp.beta", 0.9)]),
    "adamw": (shallow, lambda: chain(AdamW(weight_decay=0.1), Descend(0.01)),
              lambda _: [(9, "AdamW.weight_decay", 0.01)]),
    "narrow": (lambda: MLP([64, 4, 2, 3, 10], "tanh", dtype=torch.float64),
               lambda: chain(ClipByNorm(0.1), Adam(), Descend(0.01)), lambda _: []),
    "float32": (lambda: deep(torch.float32),
                lambda: chain(ClipByNorm(0.5), Momentum(0.9), Descend(0.1)), lambda _: []),
}  # fmt: skip


DEEP = ("adam", "float32")
CUT_BY_ROWS = ("data", "zero1", "zero2", "zero3")
ALL = (*CUT_BY_ROWS, "tensor", "gpipe", "1f1b", "interleaved")
SOME = {"plain": ("data", "zero2", "zero3", "tensor", "1f1b")}  # those whose bytes are known
FEW = ("zero1", "zero2", "tensor", "1f1b")


def cases(world: int) -> list[list]:
    """Return [name, recipe and sizes, strategy, options] of the runs on so many ranks."""
    found: list[list] = [
        [f"{strategy}, no rows", "adam, ranks without rows", strategy, {}]
        for strategy in CUT_BY_ROWS
    ]
    for name in RUNS:
        for strategy in ALL if name == "adam" else SOME.get(name, FEW):
            if strategy in SCHEDULES:
                chunks = 2 if strategy == "interleaved" else 1
                if world * chunks > 4 and name not in DEEP:
                    continue  # more stages than layers
                options = {"schedule": strategy, "micro_batches": 6, "chunks": chunks}
                found.append([f"{strategy}, {name}", f"{name}, whole", "pipeline", options])
            else:
                found.append([f"{strategy}, {name}", f"{name}, uneven", strategy, {}])
    return found


def run(name: str, sizes: tuple[int, int], steps: int = 20) -> tuple[Recipe, Trainer]:
    """Train in one process, and return the recipe and the trainer."""
    make_network, make_chain, make_knobs = RUNS[name]
    trainer = Trainer(make_network(), DATA, make_chain(), sizes[0], seed=3)
    changes = make_knobs(sizes)
    for step in range(steps):
        for at, knob, value in changes:
            if at == step:
                trainer.set(knob, value)
        trainer.step()
    return trainer.recipe(), trainer
