"""Short runs for the tests of what a training lab describes."""

import itertools
import json
import struct

import numpy as np
import torch
from torch import nn

from course import Descend, Momentum, Trainer, adopt, chain, load_data
from widgets.common.frames import decode, encode
from widgets.common.picture import faults
from widgets.training.lab import TrainingLab
from widgets.training.view import View

COUNT = itertools.count()


def lab(data="spirals", sizes=None, **options) -> TrainingLab:
    """Return a lab without a front end: it trains here and now."""
    sizes = [2, 8, 8, 2] if data == "spirals" and sizes is None else sizes
    named = {"name": f"described {next(COUNT)}", "interactive": False, "activation": "tanh"}
    return TrainingLab(data, sizes, **{**named, **options})


def module(data="spirals", layers=None, lr=0.1) -> Trainer:
    """Return a trainer of a module of your own."""
    torch.manual_seed(0)
    layers = layers or nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))
    return Trainer(adopt(layers), load_data(data), chain(Momentum(0.9), Descend(lr)))


def described(run: TrainingLab) -> dict:
    """Return the picture of a run, which both painters must be able to draw."""
    picture = run.picture()
    assert faults(picture) == []
    frame = encode(picture)
    assert np.shape(strict_header(frame)["strips"])
    decode(frame)
    return picture


def strict_header(frame: bytes) -> dict:
    """Return the header as a browser reads it: its JSON knows neither NaN nor Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} in the header")

    size = struct.unpack_from("<I", frame)[0]
    return json.loads(frame[4 : 4 + size], parse_constant=refuse)


def strip(picture: dict, name: str) -> dict:
    return next(p for p in picture["strips"] if p["id"] == name)


def curves(picture: dict, plot: dict, name: str | None = None) -> list[tuple]:
    """Return (layer, x, y) of a plot's curves, or of those of one name."""
    arrays, found = picture["arrays"], []
    for layer in plot["layers"]:
        if layer["kind"] == "curve" and name in (None, layer["name"]):
            y, x = arrays[layer["y"]], layer["x"]
            x = arrays[x] if isinstance(x, str) else x[0] + x[1] * np.arange(len(y))
            found.append((layer, np.asarray(x, dtype=float), y))
    return found


def views(run: TrainingLab) -> View:
    return View(run)


def watched(name: str, make=lab, steps: int = 40) -> TrainingLab:
    """Return a run that an instrument looked at from the start."""
    run = make()
    run.watch(name)
    return run.run(steps)


def below(picture: dict, kind: str) -> list[dict]:
    return [panel for panel in picture["below"] if panel["kind"] == kind]


def two_layers() -> TrainingLab:
    return lab(module(layers=nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))))
