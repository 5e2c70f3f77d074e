"""Presets: classic behaviours to look at, each a recipe before its first step.

The tests hold every preset to what its words promise, over several seeds.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ..data.loading import load_data
from ..errors import check_choice
from ..nn.network import MLP
from ..optim.adaptive import Adam
from ..optim.chain import chain
from ..optim.first_order import Descend, HeavyBall
from .recipe import Recipe
from .trainer import Trainer


class Preset(NamedTuple):
    """A behaviour to look at."""

    words: str
    """What to watch, and what to try."""
    build: Callable[[int], Trainer]
    """Makes the trainer from a seed."""
    also: dict = {}
    """Fields of the recipe that the trainer itself does not set."""


def divergence(seed: int) -> Trainer:
    """Return a run whose rate is too large."""
    return Trainer(MLP([64, 64, 10], seed=seed, dropout=0.0), load_data("digits"),
                   chain(Descend(3.0)), seed=seed)  # fmt: skip


def zig_zag(seed: int) -> Trainer:
    """Return a run of full batches at the edge of stability."""
    data = load_data("digits")
    model = MLP([64, 64, 10], seed=seed, dropout=0.0)
    return Trainer(model, data, chain(Descend(1.4)), len(data.y_train), seed)


def cliff(seed: int) -> Trainer:
    """Return a deep run whose gradient explodes."""
    model = MLP([64, 32, 32, 32, 32, 32, 10], seed=seed, dropout=0.0)
    return Trainer(model, load_data("digits"), chain(HeavyBall(0.9), Descend(0.15)), seed=seed)


def plateau(seed: int) -> Trainer:
    """Return a run whose sigmoid layers let nearly no gradient through at first."""
    model = MLP([64, 32, 32, 32, 32, 10], "sigmoid", seed=seed, dropout=0.0)
    return Trainer(model, load_data("digits"), chain(Descend(0.3)), seed=seed)


def over_fit(seed: int) -> Trainer:
    """Return a run that learns 100 images by heart."""
    data = load_data("digits").subset(100)
    model = MLP([64, 256, 10], seed=seed, dropout=0.0)
    return Trainer(model, data, chain(Adam(), Descend(0.003)), seed=seed)


PRESETS = {
    "divergence": Preset(
        "The rate is too large: the loss jumps, then parks near ln 10, for every unit is dead "
        "(switch on activations). Lower the rate: nothing comes back. Go back first.", divergence),
    "zig-zag": Preset(
        "All data at once, a rate near the edge: the loss falls, yet rises at many steps. Watch "
        "sharpness and the edge; lower the rate, or add momentum.", zig_zag),
    "cliff": Preset(
        "Deep, with momentum: the gradient norm leaps to many times its usual size, and the loss "
        "with it; after that nearly nothing is learned. Reset and switch clipping by norm on.",
        cliff),
    "plateau": Preset(
        "Four sigmoid layers: nothing seems to happen for a thousand steps, then it does. Watch "
        "the gradients of the first layer; try adam, or start again with relu.", plateau),
    "over-fit": Preset(
        "100 images, a fifth of the labels wrong: training accuracy goes to 100 %, the test loss "
        "rises. Turn up L2, dropout or augmentation while it trains.", over_fit,
        {"label_noise": 0.2}),
}  # fmt: skip


def preset(name: str, seed: int = 0) -> Recipe:
    """Return the recipe of a preset, before its first step.

    Args:
        name: one of `PRESETS`.
        seed: of the first weights and of the order of the rows.

    Raises:
        CourseError: for an unknown name.
    """
    check_choice("preset", name, PRESETS)
    return replace(PRESETS[name].build(seed).recipe(), **PRESETS[name].also)
