"""The knobs of a run, each a pair (read, turn).

Every other number of a transform is a knob, too, named by its place: `Adam.beta2`,
`NewtonCG.damping`. Histories, labs and recipes use these names and values: a value is a number, a
name, a schedule, or plain JSON that describes one (or a spike).
"""

from typing import Any

from ..data.preprocess import Augment, Noise, Rotate, Shift, build_augment
from ..errors import CourseError, check_choice, check_number, shown
from ..nn.blocks import check_rate
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
    Spike,
)
from ..optim.schedules import SCHEDULES, Schedule
from ..optim.second_order import GaussNewton, NewtonCG
from .gradient_knobs import CLIPS as CLIPS  # labs take the names of all choices from here
from .gradient_knobs import GRADIENT_KNOBS, optimiser_end, setting_now
from .run import Run, optimiser_in

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
    """Return β of the chain's momentum in the next step; 0 when it has none."""
    transform = run.chain.find(*MOMENTA)
    return 0.0 if transform is None else setting_now(run, transform, _beta(transform))


def _momentum_setting(run: Run) -> float | Schedule | None:
    transform = run.chain.find(*MOMENTA)
    return None if transform is None else transform.setting(_beta(transform))


def set_momentum(run: Run, value) -> None:
    """Set β of the momentum; a chain without any gets `Momentum` at the optimiser's end."""
    transform = run.chain.find(*MOMENTA)
    if transform is None:
        run.chain.insert(optimiser_end(run), Momentum(value))
    else:
        setattr(transform, _beta(transform), value)


def optimiser(run: Run) -> str:
    """Return the name of the optimiser, 'own' for one that `OPTIMISERS` does not have."""
    kinds = tuple(type(t) for t in optimiser_in(run.chain))
    return next((name for name, those in OPTIMISERS.items() if those == kinds), "own")


def make_optimiser(name: str, beta: float | Schedule | None) -> list[Any]:
    """Return the transforms of an optimiser.

    Args:
        name: one of `OPTIMISERS`.
        beta: of its momentum, a number or a schedule; None: the usual one.

    Raises:
        CourseError: for an unknown name.
    """
    check_choice("optimiser", name, OPTIMISERS, "or a list as chain(…).describe() gives it")
    kinds: tuple[Any, ...] = OPTIMISERS[name]
    plain = () if beta is None else (Momentum, HeavyBall, Nesterov)
    return [kind(beta) if kind in plain else kind() for kind in kinds]


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
        run.remember_clip()
        return whole.describe()
    old, new = optimiser_in(chain), make_optimiser(value, _momentum_setting(run) or None)
    end = optimiser_end(run)
    before, after = (
        [t for t in part if not any(t is o for o in old)]
        for part in (chain.transforms[:end], chain.transforms[end:])
    )
    chain.arrange([*before, *new, *after])
    return None


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
    "lr": (lambda t: setting_now(t, t.chain.descend, "lr"), set_lr),
    "momentum": (momentum, set_momentum),
    **GRADIENT_KNOBS,
    "batch_size": (lambda t: t.batch_size, set_batch_size),
    "optimiser": (optimiser, set_optimiser),
    "label_noise": (lambda t: t.label_noise, set_label_noise),
    "augment": (augmentation, set_augment),
    "device": (lambda t: t.model.theta.device.type, set_device),
}
# The numbers of these have short names, in `KNOBS`.
SHORT = (Spike, ClipByValue, ClipByNorm, L2, Descend, L1, Momentum, HeavyBall, Nesterov)


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


def _switches(run: Run) -> dict[str, list[Any]]:
    """Return {knob: the layers that it switches}."""
    found: dict[str, list[Any]] = {}
    for layer in run.model.switches():
        found.setdefault(layer.knob, []).append(layer)
    return found


def knobs(run: Run) -> dict[str, object]:
    """Return every knob as it stands: the common ones, 'Transform.field', dropout, switches.

    Of a schedule, the value in the next step; of a switch, whether all its layers are on.
    """
    fields = {
        name: setting_now(run, t, field) if isinstance(t, Transform) else getattr(t, field)
        for name, (t, field) in _fields(run).items()
    }
    switches = {name: all(layer.on for layer in those) for name, those in _switches(run).items()}
    return {name: read(run) for name, (read, _) in KNOBS.items()} | fields | switches


def schedules(run: Run) -> dict[str, Schedule]:
    """Return the schedules that stand, of the knobs 'lr', 'momentum' and 'threshold'.

    That of the threshold stands while clipping is off, too: it is remembered.
    """
    clip = run.chain.clip
    settings = {
        "lr": run.chain.descend.setting("lr"),
        "momentum": _momentum_setting(run),
        "threshold": run.threshold if clip is None else clip.setting("threshold"),
    }
    return {knob: s for knob, s in settings.items() if isinstance(s, Schedule)}


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
    if knob in (switches := _switches(run)):
        check_choice(knob, value, (True, False))
        for layer in switches[knob]:
            layer.on = value
        return value
    if isinstance(value, dict) and knob != "spike":
        value = SCHEDULES.build(value)
    recorded = value.describe() if hasattr(value, "describe") else None
    if knob in KNOBS:
        recorded = KNOBS[knob][1](run, value) or recorded
    else:
        t, field = _fields(run)[knob]
        setattr(t, field, check_rate(value) if field == "p" else value)
    return knobs(run)[knob] if recorded is None else recorded
