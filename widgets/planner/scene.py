"""What a PlannerLab shows: memory by kind, a step by cause, days and MFU by number of devices."""

import math

import numpy as np

from course.planner.devices import GIB
from course.planner.plans import Plan, in_gib

from ..common.spans import spans
from . import words
from .answers import Answer, causes
from .session import MOST_DEVICES, Session

# A colour means one thing in both bars: the update is of the optimiser's state, messages between
# stages are activations, what replicas send are gradients, what is computed again needs room.
KINDS = {
    "weights": "run", "gradients": "run2", "optimiser": "run3", "activations": "run6",
    "logits": "run4", "working": "run7", "gathered": "run5",
}  # fmt: skip
CAUSES = {
    "computation": "run", "recomputation": "run7", "tensor": "run5", "head": "run4",
    "messages": "run6", "bubble": "dim", "data": "run2", "optimiser": "run3",
}  # fmt: skip
TALL = 190  # pixels of a plot
ROOM = 1.04  # of the axes, beyond the longest bar


def describe(lab) -> dict:
    """Return the picture (see `common.picture`) of a `PlannerLab`."""
    session = lab.session
    arrays: dict[str, np.ndarray] = {}
    curve = session.curve()
    side = [memory(session, arrays), times(session, arrays),
            training(session, curve, arrays), use(session, curve, arrays)]  # fmt: skip
    return {
        "step": 0, "horizon": 1, "end": 0, "stride": [1, 1], "playing": lab.playing, "strips": [],
        "turns": [], "side": side, "below": [], "arrays": arrays,
    }  # fmt: skip


# ---- bars ---------------------------------------------------------------------------------------


def rows_of(session: Session) -> list[tuple[str, Plan]]:
    """Return the plans whose bars are drawn: now, and before the last turn."""
    rows = [("now", session.now.plan)]
    return rows + ([("before", session.before.plan)] if session.before else [])


def memory(session: Session, arrays: dict) -> dict:
    """Return the bars of memory by kind; their arrays are added to `arrays`."""
    rows = rows_of(session)
    now = session.now.plan
    limit = now.memory_available / GIB
    high = ROOM * max(limit, *(plan.memory_total / GIB for _, plan in rows))
    parts = [[n / GIB for n in plan.memory.values()] for _, plan in rows]
    bars = stacked("memory", parts, [*now.memory], KINDS, words.KINDS, "GiB", arrays)
    note = "fits" if now.fits else "out of memory"
    return bars | {
        "title": "memory of the fullest device", "high": high, "note": note,
        "rows": [[name, in_gib(plan.memory_total)] for name, plan in rows],
        "limit": [limit, f"a device has {in_gib(now.memory_available)}"],
        "alt": f"{note}: {words.kinds_of(now)}",
    }  # fmt: skip


def times(session: Session, arrays: dict) -> dict:
    """Return the bars of a step's seconds by cause; their arrays are added to `arrays`."""
    rows = rows_of(session)
    most = max(plan.step_seconds for _, plan in rows)
    unit, factor = next((one for one in words.STEP_UNITS if most >= one[1]), words.STEP_UNITS[-1])
    parts = [[part / factor for part in causes(plan)] for _, plan in rows]
    names = [*causes(session.now.plan)._asdict()]
    bars = stacked("time", parts, names, CAUSES, words.CAUSES, unit, arrays)
    now = session.now.plan
    return bars | {
        "title": "time of a step", "high": ROOM * most / factor, "note": f"MFU {now.mfu:.1%}",
        "rows": [[name, words.seconds(plan.step_seconds)] for name, plan in rows],
        "alt": words.parts_of(causes(now), now.step_seconds),
    }  # fmt: skip


def stacked(
    prefix: str, parts: list[list[float]], names: list[str], hues: dict[str, str],
    said: dict[str, str], unit: str, arrays: dict,
) -> dict:  # fmt: skip
    """Return a panel of stacked bars, a row for each list of parts; arrays are added.

    Args:
        prefix: of the arrays' names.
        parts: of each row, in the order of `names`.
        names: of the parts.
        hues, said: the hue of each name, and its words.
        unit: of the parts.
    """
    used = [k for k in range(len(names)) if any(row[k] > 0 for row in parts)]
    columns: list[tuple] = []
    labels: list[list[str]] = []
    for row, sizes in enumerate(parts):
        start = 0.0
        for k in used:
            if sizes[k] <= 0:
                continue
            columns.append((row, start, start + sizes[k], used.index(k), len(labels)))
            labels.append(["", f"{said[names[k]]} {words.whole(sizes[k])} {unit}"])
            start += sizes[k]
    return {
        "kind": "spans", "unit": unit, "lanes": 1, "empty": "nothing", "names": labels,
        "hues": [[said[names[k]], hues[names[k]], 0] for k in used],
        **spans(prefix, columns, arrays),
    }  # fmt: skip


# ---- over the number of devices -----------------------------------------------------------------

AXIS = {"scale": "log", "low": 0.8, "high": 1.25 * MOST_DEVICES, "label": "devices"}


def training(session: Session, curve: dict[int, Answer], arrays: dict) -> dict:
    """Return the plot of the training's days, on which the number of devices is dragged."""
    asked = session.spec.tokens is not None
    title = "days of training" if asked else "seconds of a step"

    def height(plan: Plan) -> float:
        return plan.days if asked and plan.days is not None else plan.step_seconds

    now, n = height(session.now.plan), session.spec.devices
    y = decades([*(height(answer.plan) for answer in curve.values()), now])
    put(arrays, "days", session, curve, height)
    arrays["even_x"], arrays["even"] = even(n, now, y)
    dotted = {"kind": "curve", "name": "", "x": "even_x", "y": "even", "hue": "dim",
              "look": "dotted"}  # fmt: skip
    near = min(max(n, 1), MOST_DEVICES)
    return {
        "kind": "plot", "id": "days", "title": title, "height": TALL, "x": AXIS,
        "y": y, "layers": [dotted, *curve_layers("days", session)], "quiet": True,
        "note": "dotted: all devices as useful as now", "lane": None, "hint": "",
        "alt": f"{title} over the number of devices, {len(curve)} numbers of them",
        "drag": {
            "knob": "near", "x": "counts", "y": "days", "at": [near, now],
            "hue": "ink" if session.now.plan.fits else "limit",
            "name": "devices: drag, or left and right, with Shift by more",
            "words": f"{n:,} devices, {words.days(now) if asked else words.seconds(now)}",
        },
    }  # fmt: skip


def use(session: Session, curve: dict[int, Answer], arrays: dict) -> dict:
    """Return the plot of the MFU; its arrays are added to `arrays`."""
    put(arrays, "mfu", session, curve, lambda plan: plan.mfu)
    most = max([session.now.plan.mfu, *(answer.plan.mfu for answer in curve.values())])
    return {
        "kind": "plot", "id": "mfu", "title": "MFU", "height": TALL, "x": AXIS,
        "y": {"scale": "share", "low": 0, "high": math.ceil(10 * most * ROOM) / 10},
        "layers": curve_layers("mfu", session), "quiet": True, "lane": None, "hint": "",
        "note": "" if np.isnan(arrays["mfu_over"]).all() else "✕: out of memory",
        "alt": f"MFU over the number of devices; {words.share(session.now.plan.mfu)} here",
    }  # fmt: skip


def even(devices: int, height: float, axis: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the line on which twice the devices take half as long, in the axes."""
    ends = np.array([1.0, MOST_DEVICES])
    inside = np.clip(height * devices / ends, axis["low"], axis["high"])
    return height * devices / inside, inside


def put(arrays: dict, prefix: str, session: Session, curve: dict[int, Answer], height) -> None:
    """Add the heights of a curve: of all numbers of devices, of those without memory, and now."""
    counts = session.counts()
    arrays["counts"] = np.array(counts, float)
    all_of_it = [height(curve[n].plan) if n in curve else math.nan for n in counts]
    arrays[prefix] = np.array(all_of_it, float)
    over = [n in curve and not curve[n].plan.fits for n in counts]
    arrays[f"{prefix}_over"] = np.where(over, arrays[prefix], math.nan)
    arrays["here"] = np.array([float(min(session.spec.devices, MOST_DEVICES))])
    arrays[f"{prefix}_here"] = np.array([height(session.now.plan)])


def curve_layers(prefix: str, session: Session) -> list[dict]:
    """Return a curve with its points, crosses where memory is not enough, and a dot for now."""
    x = "counts"
    hue = "ink" if session.now.plan.fits else "limit"
    return [
        {"kind": "curve", "name": "", "x": x, "y": prefix, "hue": "run", "look": "line",
         "read": True},
        {"kind": "points", "x": x, "y": prefix, "marker": "dot", "hue": "run", "size": 3},
        {"kind": "points", "x": x, "y": f"{prefix}_over", "marker": "cross", "hue": "limit",
         "size": 4},
        {"kind": "points", "x": "here", "y": f"{prefix}_here", "marker": "dot", "hue": hue,
         "size": 5},
    ]  # fmt: skip


def decades(heights: list[float]) -> dict:
    """Return a logarithmic axis of whole decades around all heights, two at least."""
    low = math.floor(math.log10(max(min(heights), 1e-9)) + 1e-9)
    high = math.ceil(math.log10(max(*heights, 1e-9)) - 1e-9)
    return {"scale": "log", "low": 10.0**low, "high": 10.0 ** max(high, low + 2)}
