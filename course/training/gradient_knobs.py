"""Knobs of what happens to a gradient around the optimiser: a spike, clipping, penalties.

In the chain, the clip stands before the optimiser (D4 3.6) or after it:

    before    Spike, clip, L2, optimiser, Descend, L1
    after     Spike, L2, optimiser, clip, Descend, L1
"""

from typing import Any

from ..errors import CourseError, check_choice, check_count, shown
from ..optim.chain import Transform
from ..optim.first_order import L1, L2, ClipByNorm, ClipByValue, Spike
from ..optim.ranges import check_setting
from ..optim.schedules import LATEST, Schedule
from .run import CLIP_ORDERS, Run

CLIPS: dict[str, Any] = {"value": ClipByValue, "norm": ClipByNorm}  # and "off"


def setting_now(run: Run, t: Transform, field: str) -> float:
    """Return the value that a transform's number will have in the next step."""
    schedule = t.schedules.get(field)
    return getattr(t, field) if schedule is None else schedule.value(run.chain.step)


def front(run: Run) -> int:
    """Return the place in the chain where the gradient comes in: after a spike."""
    return int(isinstance(run.chain.transforms[0], Spike))


def optimiser_end(run: Run) -> int:
    """Return the place in the chain where the optimiser ends."""
    chain = run.chain
    late = chain.clip is not None and run.clip_order == "after"
    return chain.transforms.index(chain.clip if late else chain.descend)


# ---- clipping -----------------------------------------------------------------------------


def clip_kind(run: Run) -> str:
    """Return 'off', 'value' or 'norm'."""
    return next((k for k, kind in CLIPS.items() if isinstance(run.chain.clip, kind)), "off")


def set_clip(run: Run, kind) -> None:
    """Clip by 'value', by 'norm', or switch it 'off'; threshold and order are remembered."""
    check_choice("clip", kind, ("off", *CLIPS))
    old, new = run.chain.clip, None
    if kind != "off":
        new = CLIPS[kind](run.threshold)
    if old is not None:
        run.chain.replace(old, new)
    elif new is not None:
        run.chain.insert(front(run) if run.clip_order == "before" else optimiser_end(run), new)


def set_clip_order(run: Run, order) -> None:
    """Clip 'before' or 'after' the optimiser, whose buffers stay.

    The order is remembered while clipping is off.
    """
    check_choice("clip_order", order, CLIP_ORDERS)
    clip, changes = run.chain.clip, order != run.clip_order
    run.clip_order = order
    if clip is not None and changes:
        others = [t for t in run.chain.transforms if t is not clip]
        at = front(run) if order == "before" else others.index(run.chain.descend)
        run.chain.arrange([*others[:at], clip, *others[at:]])


def threshold(run: Run) -> float:
    """Return the threshold of clipping, ε or c, in the next step, or once clipping is on."""
    if run.chain.clip is not None:
        return setting_now(run, run.chain.clip, "threshold")
    limit = run.threshold
    return limit.value(run.chain.step) if isinstance(limit, Schedule) else limit


def set_threshold(run: Run, value) -> None:
    """Set the threshold, a number or a schedule; it is remembered while clipping is off."""
    limit = check_setting("threshold", value)
    if run.chain.clip is not None:
        run.chain.clip.threshold = limit
    run.threshold = limit


# ---- penalties ----------------------------------------------------------------------------


def l2(run: Run) -> float:
    """Return λ of the gradient λθ; 0 when the chain has none."""
    penalty = run.chain.find(L2)
    return 0.0 if penalty is None else setting_now(run, penalty, "weight_decay")


def set_l2(run: Run, value) -> None:
    """Set λ of λθ, which joins the gradient before the optimiser, after a clip that stands there.

    `torch.optim` adds its weight decay at the same place.
    """
    chain, penalty = run.chain, run.chain.find(L2)
    if penalty is not None:
        penalty.weight_decay = value
        return
    early = chain.clip is not None and run.clip_order == "before"
    chain.insert(chain.transforms.index(chain.clip) + 1 if early else front(run), L2(value))


def l1(run: Run) -> float:
    """Return the strength of the L1 penalty; 0 when the chain has none."""
    penalty = run.chain.find(L1)
    return 0.0 if penalty is None else setting_now(run, penalty, "strength")


def set_l1(run: Run, value) -> None:
    """Set the strength of the L1 penalty, which acts after the step."""
    chain, penalty = run.chain, run.chain.find(L1)
    if penalty is not None:
        penalty.strength = value
    else:
        chain.insert(len(chain.transforms), L1(value))


# ---- a spike ------------------------------------------------------------------------------


def spike(run: Run) -> dict | None:
    """Return {'at': step, 'factor': number} of the chain's spike, past or to come, or None."""
    found = run.chain.find(Spike)
    return None if found is None else {"at": found.at, "factor": found.factor}


def set_spike(run: Run, value) -> None:
    """Multiply the gradient of one step, which replaces an earlier spike.

    Args:
        value: {'at': step, 'factor': number}, the step counted from 0, so that `run.step_count` is
            the next one; None: no spike.
    """
    chain, old, new = run.chain, run.chain.find(Spike), None
    if value is not None:
        if not isinstance(value, dict) or value.keys() != {"at", "factor"}:
            raise CourseError(
                f"spike = {shown(value)}; allowed: {{'at': step, 'factor': number}}, or None"
            )
        new = Spike(**value)
        check_count("spike.at", new.at, chain.step, LATEST, "choose a step to come")
    if old is not None:
        chain.replace(old, new)
    elif new is not None:
        chain.insert(0, new)


GRADIENT_KNOBS = {
    "clip": (clip_kind, set_clip),
    "clip_order": (lambda run: run.clip_order, set_clip_order),
    "threshold": (threshold, set_threshold),
    "l1": (l1, set_l1),
    "l2": (l2, set_l2),
    "spike": (spike, set_spike),
}
