"""The knobs of a trainer, each a pair (read, turn). Every other number in a transform is a knob
too, named by its place: `Adam.beta2`, `NewtonCG.damping`. Recorder, labs and recipes speak these
names and values: a value is a number, a name, a schedule, or plain JSON that describes one.
"""

from typing import Any

from ..data.preprocess import Augment, Noise, Rotate, Shift, build_augment
from ..errors import CourseError, check_choice, check_number, shown
from ..nn.blocks import Dropout
from ..optim.adaptive import Adam, AdamW, Muon, RMSProp
from ..optim.chain import Transform, build_chain
from ..optim.first_order import (
    L1,
    L2,
    ClipByNorm,
    ClipByValue,
    Descend,
    HeavyBall,
    Momentum,
    Nesterov,
    SignDescent,
)
from ..optim.schedules import build_schedule
from ..optim.second_order import GaussNewton, NewtonCG

CLIPS = {"value": ClipByValue, "norm": ClipByNorm}  # and "off"
OPTIMISERS: dict[str, tuple[type[Transform], ...]] = {
    "gradient descent": (), "momentum": (Momentum,), "heavy ball": (HeavyBall,),
    "nesterov": (Nesterov,), "sign descent": (SignDescent,), "rmsprop": (RMSProp,),
    "adam": (Adam,), "adamw": (AdamW,), "muon": (Muon,), "newton-cg": (NewtonCG,),
    "gauss-newton": (GaussNewton,),
}  # fmt: skip
AUGMENTATIONS = {
    "off": Augment(), "shift": Augment(Shift(1)), "rotate": Augment(Rotate(15.0)),
    "noise": Augment(Noise(0.1)), "all": Augment(Shift(1), Rotate(15.0), Noise(0.1)),
}  # fmt: skip
MOMENTA = (Momentum, HeavyBall, Nesterov, Muon, Adam)


def _beta(transform) -> str:
    return "beta1" if isinstance(transform, Adam) else "beta"


def momentum(trainer) -> float:
    found = trainer.chain.find(*MOMENTA)
    return 0.0 if found is None else getattr(found, _beta(found))


def set_momentum(trainer, value) -> None:
    """Where the chain has none, the documents' `Momentum` is put in before `Descend`."""
    found = trainer.chain.find(*MOMENTA)
    if found is None:
        chain = trainer.chain
        chain.insert(chain.transforms.index(chain.descend), Momentum(value))
    else:
        setattr(found, _beta(found), value)


def clip_kind(trainer) -> str:
    return next((k for k, kind in CLIPS.items() if isinstance(trainer.chain.clip, kind)), "off")


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


def _memory(trainer) -> list:
    """The transforms that make the optimiser: all but clipping, regularisation and `Descend`."""
    frame = (ClipByValue, ClipByNorm, L2, Descend, L1)
    return [t for t in trainer.chain.transforms if not isinstance(t, frame)]


def optimiser(trainer) -> str:
    kinds = tuple(type(t) for t in _memory(trainer))
    return next((name for name, those in OPTIMISERS.items() if those == kinds), "own")


def make_optimiser(name: str, beta: float | None) -> list[Any]:
    """The transforms of an optimiser by name; beta: of its momentum, None for the usual one."""
    check_choice("optimiser", name, OPTIMISERS, "or a list as chain(…).describe() gives it")
    made: list[Any] = [kind() for kind in OPTIMISERS[name]]
    for t in made:
        if isinstance(t, (Momentum, HeavyBall, Nesterov)) and beta is not None:
            t.beta = beta
    return made


def set_optimiser(trainer, value) -> object:
    """A name, whose transforms start anew, or a whole chain as `Chain.describe` gives it."""
    chain = trainer.chain
    if isinstance(value, list):
        given = build_chain(value)
        chain.arrange(given.transforms)
        return given.describe()
    old, new = _memory(trainer), make_optimiser(value, momentum(trainer) or None)
    kept = [t for t in chain.transforms if t not in old]
    at = kept.index(chain.descend)
    chain.arrange([*kept[:at], *new, *kept[at:]])
    return None


def _strength(kind):
    def read(trainer) -> float:
        found = trainer.chain.find(kind)
        return 0.0 if found is None else found.lam

    return read


def set_l2(trainer, value) -> None:
    """λ of the gradient λθ, added after clipping and before the optimiser, as torch.optim does."""
    chain, found = trainer.chain, trainer.chain.find(L2)
    if found is not None:
        found.lam = value
    else:
        clipped = 0 if chain.clip is None else chain.transforms.index(chain.clip) + 1
        chain.insert(clipped, L2(value))


def set_l1(trainer, value) -> None:
    chain, found = trainer.chain, trainer.chain.find(L1)
    if found is not None:
        found.lam = value
    else:
        chain.insert(len(chain.transforms), L1(value))


def augmentation(trainer) -> str:
    given = trainer.batches.augment
    described = given.describe() if given else []
    known = (name for name, a in AUGMENTATIONS.items() if a.describe() == described)
    return next(known, "own")


def set_augment(trainer, value) -> object:
    """A name of `AUGMENTATIONS`, or a list as `Augment.describe` gives it; None: off."""
    if not isinstance(value, list | type(None)):
        check_choice("augment", value, AUGMENTATIONS, "or a list as Augment(…).describe() gives")
        value = AUGMENTATIONS[value].describe()
    augment = build_augment(value or [])
    images = any(isinstance(step, Shift | Rotate) for step in augment.steps)
    if images and not trainer.data.is_image:
        raise CourseError(f"{trainer.data.name!r} are no images to shift or rotate; use 'noise'")
    trainer.batches.augment = augment if augment.steps else None
    return augment.describe()


def set_label_noise(trainer, value) -> None:
    """Share of the training rows with a wrong label; the same rows for the same seed."""
    noisy = trainer.data.noisy_labels(value, trainer.seed)
    trainer.label_noise = check_number("label_noise", value, 0, 1, "0.2 is much already")
    trainer.relabel(noisy)


def set_batch_size(trainer, value) -> None:
    size = trainer._check_batch(value)
    if size < trainer.accumulate:
        raise CourseError(f"batch_size = {shown(value)} cannot be cut into {trainer.accumulate} "
                          f"parts; use at least {trainer.accumulate}")  # fmt: skip
    trainer.batches.resize(size, trainer.model)


def set_lr(trainer, value) -> None:
    trainer.chain.descend.lr = value


def set_device(trainer, value) -> None:
    trainer.to(value)


KNOBS = {
    "lr": (lambda t: t.chain.descend.lr, set_lr),
    "momentum": (momentum, set_momentum),
    "clip": (clip_kind, set_clip),
    "threshold": (lambda t: t.threshold, set_threshold),
    "batch_size": (lambda t: t.batch_size, set_batch_size),
    "optimiser": (optimiser, set_optimiser),
    "l1": (_strength(L1), set_l1),
    "l2": (_strength(L2), set_l2),
    "label_noise": (lambda t: t.label_noise, set_label_noise),
    "augment": (augmentation, set_augment),
    "device": (lambda t: t.model.theta.device.type, set_device),
}
PLAIN = (Descend, Momentum, HeavyBall, Nesterov, ClipByValue, ClipByNorm, L1, L2)  # short names


def _fields(trainer) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for t in trainer.chain.transforms:
        if not isinstance(t, PLAIN):
            kind = type(t).__name__
            found |= {f"{kind}.{field}": (t, field) for field in t.describe() if field != "kind"}
    for i, layer in enumerate(trainer.model.dropouts()):
        found["dropout" if i == 0 else f"dropout{i + 1}"] = (layer, "p")
    return found


def knobs(trainer) -> dict[str, object]:
    fields = {name: getattr(t, field) for name, (t, field) in _fields(trainer).items()}
    return {name: read(trainer) for name, (read, _) in KNOBS.items()} | fields


def turn(trainer, knob: str, value) -> object:
    """Turn a knob; returns what to record, as plain JSON. A bad value raises; nothing changes."""
    check_choice("knob", knob, knobs(trainer), "see Trainer.knobs()")
    if isinstance(value, dict):
        value = build_schedule(value)
    recorded = value.describe() if hasattr(value, "describe") else None
    if knob in KNOBS:
        recorded = KNOBS[knob][1](trainer, value) or recorded
    else:
        t, field = _fields(trainer)[knob]
        setattr(t, field, Dropout(value).p if field == "p" else value)
    return knobs(trainer)[knob] if recorded is None else recorded
