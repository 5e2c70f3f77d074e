"""The knobs of a trainer, each a pair (read, turn). Every other number in a transform is a knob
too, named by its place: `Adam.beta1`, `L2.lam`. Recorder, labs and recipes speak these names.
"""

from typing import Any

from .adaptive import Muon
from .blocks import Dropout
from .errors import CourseError, check_choice
from .transforms import ClipByNorm, ClipByValue, Descend, HeavyBall, Momentum, Nesterov

CLIPS = {"value": ClipByValue, "norm": ClipByNorm}  # and "off"
MOMENTA = (Momentum, HeavyBall, Nesterov, Muon)


def clip_kind(trainer) -> str:
    return next((k for k, kind in CLIPS.items() if isinstance(trainer.chain.clip, kind)), "off")


def momentum(trainer) -> float:
    found = trainer.chain.find(*MOMENTA)
    return 0.0 if found is None else found.beta


def set_lr(trainer, value) -> None:
    trainer.chain.descend.lr = value


def set_momentum(trainer, value) -> None:
    """Where the chain has none, the documents' `Momentum` is put in before `Descend`."""
    found = trainer.chain.find(*MOMENTA)
    if found is None:
        chain = trainer.chain
        chain.insert(chain.transforms.index(chain.descend), Momentum(value))
    else:
        found.beta = value


def set_clip(trainer, kind) -> None:
    """'off', 'value' or 'norm'. A new clip stands first: before momentum (D4 3.6)."""
    check_choice("clip", kind, ("off", *CLIPS))
    old, new = trainer.chain.clip, None
    if kind != "off":
        new = CLIPS[kind](trainer.threshold)
    if old is not None:
        trainer.chain.replace(old, new)
    elif new is not None:
        trainer.chain.insert(0, new)


def set_threshold(trainer, value) -> None:
    """ε or c; remembered while clipping is off."""
    checked = ClipByNorm(value).c
    if trainer.chain.clip is not None:
        trainer.chain.clip.threshold = value
    trainer.threshold = checked


def set_batch_size(trainer, value) -> None:
    size = trainer._check_batch(value)
    if size < trainer.accumulate:
        raise CourseError(f"batch_size = {value!r} cannot be cut into {trainer.accumulate} parts; "
                          f"use at least {trainer.accumulate}")  # fmt: skip
    trainer.batches.resize(size, trainer.model)


KNOBS = {
    "lr": (lambda t: t.chain.descend.lr, set_lr),
    "momentum": (momentum, set_momentum),
    "clip": (clip_kind, set_clip),
    "threshold": (lambda t: t.threshold, set_threshold),
    "batch_size": (lambda t: t.batch_size, set_batch_size),
    "device": (lambda t: t.model.theta.device.type, lambda t, value: t.to(value)),
}
PLAIN = (Descend, Momentum, HeavyBall, Nesterov, ClipByValue, ClipByNorm)  # have a short name


def _fields(trainer) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for t in trainer.chain.transforms:
        if not isinstance(t, PLAIN):
            kind = type(t).__name__
            found |= {f"{kind}.{field}": (t, field) for field in t.describe() if field != "kind"}
    for i, layer in enumerate(trainer.model.dropouts()):
        found["dropout" if i == 0 else f"dropout{i + 1}"] = (layer, "p")
    return found


def field_knobs(trainer) -> dict[str, object]:
    return {name: getattr(t, field) for name, (t, field) in _fields(trainer).items()}


def set_field(trainer, knob: str, value) -> None:
    t, field = _fields(trainer)[knob]
    setattr(t, field, Dropout(value).p if field == "p" else value)
