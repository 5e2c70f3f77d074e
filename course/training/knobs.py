"""The knobs of a run, each a pair (read, turn).

Every other number of a transform is a knob, too, named by its place: `Adam.beta2`,
`NewtonCG.damping`. Histories, labs and recipes use these names and values: a value is a number, a
name, a schedule, or plain JSON that describes one.
"""

from typing import Any

from ..data.preprocess import Augment, Noise, Rotate, Shift, build_augment
from ..errors import CourseError, check_choice, check_number, shown
from ..nn.blocks import check_rate
from ..optim.adaptive import Adam, AdamW, Muon, RMSProp
from ..optim.chain import RANGES, Transform, build_chain, check_field
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
from ..optim.schedules import SCHEDULES
from ..optim.second_order import GaussNewton, NewtonCG
from .run import Run

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


def momentum(run: Run) -> float:
    """Return β of the chain's momentum; 0 when it has none."""
    transform = run.chain.find(*MOMENTA)
    return 0.0 if transform is None else getattr(transform, _beta(transform))


def set_momentum(run: Run, value) -> None:
    """Set β of the momentum; a chain without any gets `Momentum` before `Descend`."""
    transform = run.chain.find(*MOMENTA)
    if transform is None:
        chain = run.chain
        chain.insert(chain.transforms.index(chain.descend), Momentum(value))
    else:
        setattr(transform, _beta(transform), value)


def clip_kind(run: Run) -> str:
    """Return 'off', 'value' or 'norm'."""
    return next((k for k, kind in CLIPS.items() if isinstance(run.chain.clip, kind)), "off")


def set_clip(run: Run, kind) -> None:
    """Clip by 'value', by 'norm', or switch it 'off'.

    A new clip stands first, before momentum (D4 3.6).
    """
    check_choice("clip", kind, ("off", *CLIPS))
    old, new = run.chain.clip, None
    if kind != "off":
        new = CLIPS[kind](run.threshold)
    if old is not None:
        run.chain.replace(old, new)
    elif new is not None:
        run.chain.insert(0, new)


def set_threshold(run: Run, value) -> None:
    """Set the threshold of clipping, ε or c; it is remembered while clipping is off."""
    threshold = check_field("threshold", value, RANGES["threshold"])
    if run.chain.clip is not None:
        run.chain.clip.threshold = value
    run.threshold = threshold


def _memory(run: Run) -> list:
    """Return the transforms that make the optimiser: no clipping, regularisation or `Descend`."""
    frame = (ClipByValue, ClipByNorm, L2, Descend, L1)
    return [t for t in run.chain.transforms if not isinstance(t, frame)]


def optimiser(run: Run) -> str:
    """Return the name of the optimiser, 'own' for one that `OPTIMISERS` does not have."""
    kinds = tuple(type(t) for t in _memory(run))
    return next((name for name, those in OPTIMISERS.items() if those == kinds), "own")


def make_optimiser(name: str, beta: float | None) -> list[Any]:
    """Return the transforms of an optimiser.

    Args:
        name: one of `OPTIMISERS`.
        beta: of its momentum; None: the usual one.

    Raises:
        CourseError: for an unknown name.
    """
    check_choice("optimiser", name, OPTIMISERS, "or a list as chain(…).describe() gives it")
    transforms: list[Any] = [kind() for kind in OPTIMISERS[name]]
    for t in transforms:
        if isinstance(t, (Momentum, HeavyBall, Nesterov)) and beta is not None:
            t.beta = beta
    return transforms


def set_optimiser(run: Run, value) -> object:
    """Change the optimiser, which starts anew; clipping, regularisation and rate stay.

    Args:
        value: a name of `OPTIMISERS`, or a whole chain as `Chain.describe` gives it.

    Returns:
        What to record of a whole chain: its description.
    """
    chain = run.chain
    if isinstance(value, list):
        whole = build_chain(value)
        chain.arrange(whole.transforms)
        return whole.describe()
    old, new = _memory(run), make_optimiser(value, momentum(run) or None)
    frame = [t for t in chain.transforms if t not in old]
    at = frame.index(chain.descend)
    chain.arrange([*frame[:at], *new, *frame[at:]])
    return None


def l2(run: Run) -> float:
    """Return λ of the gradient λθ; 0 when the chain has none."""
    penalty = run.chain.find(L2)
    return 0.0 if penalty is None else penalty.weight_decay


def set_l2(run: Run, value) -> None:
    """Set λ of λθ, which joins the gradient after clipping and before the optimiser.

    `torch.optim` adds its weight decay at the same place.
    """
    chain, penalty = run.chain, run.chain.find(L2)
    if penalty is not None:
        penalty.weight_decay = value
    else:
        clipped = 0 if chain.clip is None else chain.transforms.index(chain.clip) + 1
        chain.insert(clipped, L2(value))


def l1(run: Run) -> float:
    """Return the strength of the L1 penalty; 0 when the chain has none."""
    penalty = run.chain.find(L1)
    return 0.0 if penalty is None else penalty.strength


def set_l1(run: Run, value) -> None:
    """Set the strength of the L1 penalty, which acts after the step."""
    chain, penalty = run.chain, run.chain.find(L1)
    if penalty is not None:
        penalty.strength = value
    else:
        chain.insert(len(chain.transforms), L1(value))


def augmentation(run: Run) -> str:
    """Return the name of the augmentation, 'own' for one that `AUGMENTATIONS` does not have."""
    augment = run.batches.augment
    steps = augment.describe() if augment else []
    return next((name for name, a in AUGMENTATIONS.items() if a.describe() == steps), "own")


def set_augment(run: Run, value) -> object:
    """Change the augmentation of each batch.

    Args:
        value: a name of `AUGMENTATIONS`, or a list as `Augment.describe` gives it; None: off.

    Returns:
        What to record: the list.

    Raises:
        CourseError: for an unknown step, and for shifts and rotations of what is not an image.
    """
    if not isinstance(value, list | type(None)):
        check_choice("augment", value, AUGMENTATIONS, "or a list as Augment(…).describe() gives")
        value = AUGMENTATIONS[value].describe()
    augment = build_augment(value or [])
    images = any(isinstance(step, Shift | Rotate) for step in augment.steps)
    if images and not run.data.is_image:
        raise CourseError(f"{run.data.name!r} are not images to shift or rotate; use 'noise'")
    run.batches.augment = augment if augment.steps else None
    return augment.describe()


def set_label_noise(run: Run, value) -> None:
    """Set the share of training rows with a wrong label: the same rows for the same seed."""
    answers = run.data.noisy_labels(value, run.seed)
    run.label_noise = check_number("label_noise", value, 0, 1, "0.2 is much already")
    run.relabel(answers)


def set_batch_size(run: Run, value) -> None:
    """Set the rows a step; the epoch goes on where it is."""
    size = run.check_batch_size(value)
    if size < run.accumulate:
        raise CourseError(
            f"batch_size = {shown(value)} cannot be cut into {run.accumulate} parts; use at least "
            f"{run.accumulate}"
        )
    run.batches.resize(size, run.model)


def set_lr(run: Run, value) -> None:
    """Set the learning rate, a number or a schedule."""
    run.chain.descend.lr = value


def set_device(run: Run, value) -> None:
    """Move the run to 'cpu', 'cuda' or 'mps'."""
    run.to(value)


KNOBS = {
    "lr": (lambda t: t.chain.descend.lr, set_lr),
    "momentum": (momentum, set_momentum),
    "clip": (clip_kind, set_clip),
    "threshold": (lambda t: t.threshold, set_threshold),
    "batch_size": (lambda t: t.batch_size, set_batch_size),
    "optimiser": (optimiser, set_optimiser),
    "l1": (l1, set_l1),
    "l2": (l2, set_l2),
    "label_noise": (lambda t: t.label_noise, set_label_noise),
    "augment": (augmentation, set_augment),
    "device": (lambda t: t.model.theta.device.type, set_device),
}
# The numbers of these have short names, in `KNOBS`.
SHORT = (Descend, Momentum, HeavyBall, Nesterov, ClipByValue, ClipByNorm, L1, L2)


def _fields(run: Run) -> dict[str, tuple[Any, str]]:
    """Return {knob: (object, field)} of the numbers that `KNOBS` does not name."""
    places: dict[str, tuple[Any, str]] = {}
    for t in run.chain.transforms:
        if not isinstance(t, SHORT):
            kind = type(t).__name__
            places |= {f"{kind}.{field}": (t, field) for field in t.describe() if field != "kind"}
    for i, layer in enumerate(run.model.dropouts()):
        places["dropout" if i == 0 else f"dropout{i + 1}"] = (layer, "p")
    return places


def knobs(run: Run) -> dict[str, object]:
    """Return every knob as it stands: the common ones, then 'Transform.field', then dropout."""
    fields = {name: getattr(t, field) for name, (t, field) in _fields(run).items()}
    return {name: read(run) for name, (read, _) in KNOBS.items()} | fields


def turn(run: Run, knob: str, value) -> object:
    """Turn a knob.

    Args:
        knob: a name of `knobs(run)`.
        value: a number, a name, a schedule, or plain JSON that describes one.

    Returns:
        What to record, plain JSON.

    Raises:
        CourseError: for an unknown knob or a bad value; nothing changes then.
    """
    check_choice("knob", knob, knobs(run), "see Trainer.knobs()")
    if isinstance(value, dict):
        value = SCHEDULES.build(value)
    recorded = value.describe() if hasattr(value, "describe") else None
    if knob in KNOBS:
        recorded = KNOBS[knob][1](run, value) or recorded
    else:
        t, field = _fields(run)[knob]
        setattr(t, field, check_rate(value) if field == "p" else value)
    return knobs(run)[knob] if recorded is None else recorded
