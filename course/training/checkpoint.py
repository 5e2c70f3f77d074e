"""What a run needs to go on bit for bit: settings, weights, buffers, row order, generators.

A state is checked whole, in a draft of the run, before any of it is used. A file of it also holds
its digest, and replaces an earlier file only when it is complete.
"""

import copy
import io
import math

import torch

from ..errors import SEEDS, CourseError, check_choice, shown
from ..files import write_bytes
from ..nn.blocks import Dropout
from ..optim.chain import Chain, build_chain
from ..optim.ranges import check_setting
from ..optim.schedules import SCHEDULES, Schedule
from ..states import (
    MOST,
    check_in,
    check_list,
    check_names,
    check_same,
    check_tensor,
    check_type,
    check_whole,
    digest,
    plain_state,
    refusing,
    shown_part,
)
from .knobs import set_augment, set_label_noise
from .run import CLIP_ORDERS, Best, Run

RUN = ("for", "seed", "step", "settings", "theta", "model", "transforms", "batches")


def signature(description):
    """Return a model's description without what may differ between two that fit the same state."""
    if isinstance(description, dict):
        loose = ("seed", "init", "dropout", "p", "on")
        switches = ("residual", "norm")  # whether they are there makes a difference, not how
        return {k: k in switches or signature(v) for k, v in description.items() if k not in loose}
    return [signature(v) for v in description] if isinstance(description, list) else description


def snapshot(run: Run) -> dict:
    """Return a copy of all that the next step depends on; the history is left out."""
    return {
        "for": _fitting(run),
        "seed": run.seed,
        "step": run.step_count,
        "settings": run.settings(),
        "theta": run.model.theta.clone(),
        "model": run.model.state(),
        "transforms": run.chain.state(),
        "batches": run.batches.state_dict(),
    }


def _fitting(run: Run) -> list:
    """Return the data and the model that a state is for."""
    return [run.data.source or run.data.name, signature(run.model.describe())]


def restore(run: Run, snapshot: dict) -> None:
    """Go back to a snapshot and cut the history off there.

    Args:
        run: of the data and the kind of model that the snapshot is of.
        snapshot: as `snapshot` gave it.

    Raises:
        CourseError: for one that does not fit, or that is of a later step than the history
            knows; nothing changes then.
    """
    with refusing():
        saved = plain_state(snapshot)
        draft = _draft(run, saved)
        known = len(run.history.numbers())
        if known < draft.step_count:
            raise CourseError(
                f"the snapshot is of step {draft.step_count}, the history knows {known}; "
                f"allowed: a step in [0, {known}]; use load_state_dict for a later one"
            )
    _become(run, draft, saved)
    run.history.cut(run.step_count)


def state_dict(run: Run) -> dict:
    """Return a copy of everything that a bit-identical continuation needs."""
    best = None if run.best is None else [*run.best[:2], run.best[2].clone()]
    history = run.history.state_dict(run.step_count)
    return {"run": snapshot(run), "history": history, "best": best}


def load_state_dict(run: Run, state: dict) -> None:
    """Go back to a saved state.

    Args:
        run: of the data and the kind of model that the state is of.
        state: as `state_dict` gave it.

    Raises:
        CourseError: for a state that does not fit, naming the part; nothing changes then.
    """
    with refusing():
        state = check_names("the whole", plain_state(state), ("run", "history", "best"))
        draft = _draft(run, state["run"])
        device = run.model.theta.device
        draft.history = run.history.revived(state["history"], draft.step_count, device)
        draft.best = _checked_best(run, state["best"])
    _become(run, draft, state["run"])


# ---- checking, then changing -------------------------------------------------------------------


def _draft(run: Run, saved) -> Run:
    """Return a copy of this run as `saved` says; the model, which both share, is only checked."""
    check_names("the run", saved, RUN)
    _check_fits(run, saved["for"])
    check_tensor("theta", saved["theta"], run.model.theta)
    run.model.check_state(saved["model"])
    settings = check_names("the settings", saved["settings"], run.settings())
    layers = run.model.dropouts()
    dropouts = check_list("the dropouts", settings["dropouts"], len(layers))
    for layer, p in zip(layers, dropouts, strict=True):
        check_in("dropout", p, 0, 1, open_high=isinstance(layer, Dropout))  # torch's takes 1
    _check_switches(run, settings.get("switches", []))

    draft = copy.copy(run)
    draft.step_count = check_whole("step", saved["step"], 0, MOST)
    draft.seed = check_whole("seed", saved["seed"], 0, SEEDS)
    size = check_whole("batch_size", settings["batch_size"], 1, len(run.data.y_train))
    draft.accumulate = check_whole("accumulate", settings["accumulate"], 1, size)
    draft.threshold = _revived_threshold(settings["threshold"])
    draft.clip_order = check_choice("clip_order", settings["clip_order"], CLIP_ORDERS)
    draft.chain = _revived_chain(run, settings["chain"], saved["transforms"], draft.step_count)
    draft.batches = run.batches.revived(saved["batches"], size, run.model)
    set_augment(draft, check_list("augment", settings["augment"]))
    check_same("augment", settings["augment"], plain_state(draft.settings()["augment"]))
    noise = check_in("label_noise", settings["label_noise"], 0, 1)
    labels_differ = (noise, draft.seed) != (run.label_noise, run.seed)
    if labels_differ and (noise or run.label_noise):
        set_label_noise(draft, noise)
    return draft


def _check_switches(run: Run, saved) -> None:
    layers = run.model.switches()
    for layer, switch in zip(layers, check_list("the switches", saved, len(layers)), strict=True):
        knob, on = check_list("a switch", switch, 2)
        check_same("a switch", knob, layer.knob)
        check_type("a switch", on, bool, "true or false")


def _check_fits(run: Run, kind) -> None:
    """Raise `CourseError` when a state is for other data or another kind of model."""
    mine = plain_state(_fitting(run))
    pairs = zip(("data", "a model"), check_list("its kind", kind, 2), mine, strict=True)
    for word, theirs, own in pairs:
        if digest(theirs) != digest(own):
            raise CourseError(
                f"the state is for {word} {shown_part(theirs)}; this trainer has "
                f"{shown_part(own)}; build a trainer with that first"
            )


def _revived_threshold(saved) -> float | Schedule:
    if not isinstance(saved, dict):
        return check_in("threshold", saved, 0, math.inf, open_low=True)
    schedule = SCHEDULES.build(saved)
    check_setting("threshold", schedule)
    check_same("the threshold", saved, plain_state(schedule.describe()))
    return schedule


def _revived_chain(run: Run, description, buffers, step: int) -> Chain:
    for entry in check_list("the chain", description):
        check_type("a transform", entry, dict, "its description")
    check_list("the buffers", buffers, len(description) + 1)
    chain = build_chain(description)
    check_same("the chain", description, plain_state(chain.describe()))
    run.init_chain(chain)
    chain.load_state(buffers)
    # a step that was interrupted has been counted by the chain alone
    check_whole("the chain's step", chain.step, step, MOST)
    return chain


def _checked_best(run: Run, best) -> Best | None:
    if best is None:
        return None
    step, loss, theta = check_list("the best", best, 3)
    check_whole("the best step", step, 0, MOST)
    check_type("the best loss", loss, float, "a float")
    mine = run.model.theta
    return Best(step, loss, check_tensor("the best theta", theta, mine).to(mine.device, copy=True))


def _become(run: Run, draft: Run, saved: dict) -> None:
    """Turn the run into its draft. Nothing fails from here on."""
    run.__dict__ = draft.__dict__
    run.model.theta.copy_(saved["theta"])
    run.model.load_state(saved["model"])
    for layer, p in zip(run.model.dropouts(), saved["settings"]["dropouts"], strict=True):
        layer.p = p
    switches = saved["settings"].get("switches", [])
    for layer, (_, on) in zip(run.model.switches(), switches, strict=True):
        layer.on = on


# ---- files -------------------------------------------------------------------------------------


def save(run: Run, path) -> None:
    """Write the state to a file, whole or not at all: an earlier one stays until then.

    Raises:
        CourseError: when the file cannot be written.
    """
    state = plain_state(state_dict(run))
    content = io.BytesIO()
    torch.save({"digest": digest(state), "state": state}, content)
    try:
        write_bytes(content.getvalue(), path)
    except (OSError, TypeError, ValueError) as error:  # the last two: not a path
        raise CourseError(
            f"the state cannot be saved as {shown(path)} ({error}); allowed: a file in a "
            "folder that exists, may be written to and has room; make room or choose another "
            "(an earlier file is as it was)"
        ) from error


def load(run: Run, path) -> None:
    """Load what `save` wrote.

    Raises:
        CourseError: for a file that is missing, damaged or not a state of this run's kind;
            nothing changes then.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise CourseError(f"there is no state file {str(path)!r}; save one first") from None
    except Exception as error:  # a damaged file can fail in any way
        raise CourseError(
            f"{str(path)!r} is not a readable state file ({type(error).__name__}); load "
            "another copy, or save it anew"
        ) from error
    if not isinstance(content, dict) or content.keys() != {"digest", "state"}:
        raise CourseError(
            f"{str(path)!r} holds no state with a digest, which would show damage; "
            "allowed: a file that Trainer.save of this release wrote; save it anew"
        )
    with refusing():
        intact = digest(plain_state(content["state"])) == content["digest"]
    if not intact:
        raise CourseError(
            f"{str(path)!r} is damaged: its content and its digest differ; load another copy, "
            "or save it anew"
        )
    load_state_dict(run, content["state"])
