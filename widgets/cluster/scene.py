"""What a ClusterLab shows: a timeline of the step, what it took by step, memory and bytes."""

import math
import re

import numpy as np

from course.parallel import Step

from ..common.spans import spans
from . import words
from .session import Session

HUES = [["forward", "run", 0], ["backward", "run2", 0], ["input gradient", "run2", 0],
        ["weight gradient", "run3", 0], ["both passes", "run6", 0],
        ["message or collective", "run5", 1]]  # fmt: skip
FORWARD, BACKWARD, BY_INPUT, BY_WEIGHT, BOTH, TALK = range(6)
MEMORY = [["weights", "run", 0], ["gradients", "run2", 0], ["optimiser state", "run3", 0],
          ["activations", "run6", 0]]  # fmt: skip
TALL = (120, 64, 64)  # pixels of the strips
POINTS = 400  # of a curve
LEAST = 1e-12
AHEAD = 1.2  # of the steps: room for what is to come
SCALES = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))


def describe(lab) -> dict:
    """Return the picture (see `common.picture`) of a `ClusterLab`."""
    session, step, at = lab.session, lab.shown(), lab.at
    arrays: dict[str, np.ndarray] = {}
    end = session.step_count
    return {
        "step": at or end, "horizon": horizon(end, lab.steps), "end": end, "stride": [1, 10],
        "playing": lab.playing, "strips": strips(session, at or end, arrays),
        "turns": [[step, said] for step, _, said in session.turns],
        "side": [memory(step, arrays), sent(step, arrays)],
        "below": [timeline(session, step, at, arrays)], "arrays": arrays,
    }  # fmt: skip


def horizon(end: int, steps: int) -> int:
    """Return the right edge of the step axis: it doubles when the run comes near it."""
    edge = max(steps, 10)
    while AHEAD * end > edge:
        edge *= 2
    return edge


def unit_of(value: float, scales=SCALES) -> tuple[str, float]:
    """Return the unit in which a value is at least 1, the smallest for less, and its factor."""
    return next((pair for pair in scales if value >= pair[1]), scales[-1])


# ---- the timeline -------------------------------------------------------------------------------


def timeline(session: Session, step: Step, at: int | None, arrays: dict) -> dict:
    """Return the panel of what each rank does when; its arrays are added to `arrays`."""
    unit, factor = unit_of(step.seconds)
    begin = min((event.called for event in step.events), default=0.0)
    names: dict[tuple[str, str], int] = {}
    columns: list[tuple] = []
    for event in step.events:
        if event.end <= event.start:
            continue
        hue, short, long = named(event.kind, event.label)
        place = names.setdefault((short, long), len(names))
        ends = (event.start - begin) / factor, (event.end - begin) / factor
        columns.append((event.rank, *ends, hue, place))
    fields = spans("time", columns, arrays)
    used = sorted({int(row[3]) for row in columns} | {TALK})
    arrays["time_hue"] = np.array([used.index(int(row[3])) for row in columns], np.uint8)
    when = f"step {at}" if at else f"step {session.step_count + 1}, as it will be"
    return {
        "kind": "spans", "title": "who does what when", "note": f"{when}: {words.way(step.setup)}",
        "rows": [[f"rank {rank}", use_words(use, step.seconds)]
                 for rank, use in enumerate(step.time)],
        "unit": unit, "high": max(step.seconds / factor, 1e-9), "lanes": 2,
        "hues": [HUES[k] for k in used], "empty": "idle", "alt": shares(step),
        "names": [list(name) for name in names] or [["", ""]], **fields,
    }  # fmt: skip


def named(kind: str, label: str) -> tuple[int, str, str]:
    """Return hue, short name and long name of an event."""
    if kind != "compute":
        return TALK, "", f"{label or kind} ({kind.replace('_', '-')})"
    found = re.fullmatch(r"(.*) (\d+(?:[a-j]|\.\d+)?)", label)  # with the micro-batch or layer
    what, place = found.groups() if found else (label, "")
    letters = {"forward": (FORWARD, "F"), "backward": (BACKWARD, "B"),
               "input gradient": (BY_INPUT, "I"), "weight gradient": (BY_WEIGHT, "W")}  # fmt: skip
    hue, letter = letters.get(what, (BOTH, ""))
    return hue, f"{letter}{place}", label


def use_words(use, seconds: float) -> str:
    """Return the three shares of a rank's time."""
    computes, talks, waits = (words.share(part / (seconds or 1.0)) for part in use)
    return f"computes {computes}, talks {talks}, idle {waits}"


def shares(step: Step) -> str:
    """Return what every rank does with its time, for a reader who cannot see it."""
    said = "; ".join(f"rank {rank} {use_words(use, step.seconds)}"
                     for rank, use in enumerate(step.time))  # fmt: skip
    return f"{words.duration(step.seconds)}. {said}"


# ---- memory and bytes ---------------------------------------------------------------------------


def memory(step: Step, arrays: dict) -> dict:
    """Return the panel of each rank's memory by kind; its arrays are added to `arrays`."""
    most = max(kept.total for kept in step.memory)
    unit, factor = unit_of(most, SIZES)
    rows = []
    for rank, kept in enumerate(step.memory):
        start = 0.0
        for kind, n_bytes in enumerate(kept):
            rows.append((rank, start / factor, (start + n_bytes) / factor, kind, kind))
            start += n_bytes
    fields = spans("memory", rows, arrays)
    said = "; ".join(f"rank {rank} {words.size(kept.total)}"
                     for rank, kept in enumerate(step.memory))  # fmt: skip
    return {
        "kind": "spans", "title": "memory at its peak", "note": "",
        "rows": [[f"rank {rank}", words.size(kept.total)] for rank, kept in enumerate(step.memory)],
        "unit": unit, "high": max(most / factor, 1e-9), "lanes": 1, "hues": MEMORY,
        "empty": "nothing", "alt": said, "names": [["", kind] for kind, _, _ in MEMORY],
        **fields,
    }  # fmt: skip


def sent(step: Step, arrays: dict) -> dict:
    """Return the panel of the bytes sent by kind; its arrays are added to `arrays`."""
    kinds = {kind: n for kind, n in sorted(step.bytes_sent.items()) if n}
    most = max(kinds.values(), default=0.0)
    unit, factor = unit_of(most, SIZES)
    rows = [(row, 0.0, n / factor, 0, 0) for row, n in enumerate(kinds.values())]
    fields = spans("sent", rows, arrays)
    total = words.size(sum(kinds.values()))
    return {
        "kind": "spans", "title": "bytes sent", "note": f"{total} by all ranks",
        "rows": [[kind.replace("_", "-"), words.size(n)] for kind, n in kinds.items()]
        or [["nothing", ""]],
        "unit": unit, "high": max(most / factor, 1e-9), "lanes": 1,
        "hues": [["bytes of all ranks", "run5", 0]], "empty": "", "names": [["", "bytes"]],
        "alt": ", ".join(f"{kind} {words.size(n)}" for kind, n in kinds.items()) or "nothing",
        **fields,
    }  # fmt: skip


# ---- by step ------------------------------------------------------------------------------------


def strips(session: Session, at: int, arrays: dict) -> list[dict]:
    """Return the plots by step; their arrays are added to `arrays`."""
    end = session.step_count
    every = max(1, -(-end // POINTS))
    steps = np.unique(np.append(np.arange(1, end + 1, every), end)) if end else np.array([], int)
    table = np.array([session.records[k - 1] for k in steps.tolist()], float).reshape(-1, 4)
    arrays["steps"] = steps.astype(float)
    for k, name in enumerate(("loss", "alone", "seconds", "efficiency")):
        arrays[name] = table[:, k]
    unit, factor = unit_of(float(np.median(table[:, 2])) if end else session.latest.seconds)
    arrays["seconds"] = arrays["seconds"] / factor
    now = session.latest.seconds / factor

    def curve(name: str, y: str, hue: str, look: str, **more) -> dict:
        return {"kind": "curve", "name": name, "x": "steps", "y": y, "hue": hue, "look": look,
                "read": True, **more}  # fmt: skip

    losses = [curve("one process", "alone", "dim", "dotted"),
              curve("on the cluster", "loss", "run", "solid", mark=True)]  # fmt: skip
    plots = [
        ("loss", "loss of the batch", decades([arrays["loss"], arrays["alone"]]), losses),
        ("seconds", f"time of a step ({unit})", decades([arrays["seconds"], np.array([now])]),
         [curve("", "seconds", "run", "stairs")]),
        ("efficiency", "efficiency", {"scale": "share", "low": 0, "high": 1},
         [curve("", "efficiency", "run", "stairs")]),
    ]  # fmt: skip
    return [
        {"kind": "plot", "id": name, "title": title, "height": tall, "y": axis, "layers": layers,
         "lane": None, "hint": ""}
        for (name, title, axis, layers), tall in zip(plots, TALL, strict=True)
    ]  # fmt: skip


def decades(curves: list[np.ndarray]) -> dict:
    """Return a logarithmic axis around all curves, in steps of 1, 2 and 5."""
    seen = np.concatenate(curves)
    seen = seen[np.isfinite(seen) & (seen > LEAST)]
    low, high = (seen.min(), seen.max()) if len(seen) else (0.1, 1.0)
    return {"scale": "log", "low": rung(low / 1.1, math.floor), "high": rung(high * 1.1, math.ceil)}


def rung(value: float, to) -> float:
    """Return the nearest of 1, 2, 5, 10, … below or above a value."""
    power = 10.0 ** math.floor(math.log10(value))
    rungs = [power * m for m in (1, 2, 5, 10)]
    if to is math.floor:
        return max(r for r in rungs if r <= value * (1 + 1e-9))
    return min(r for r in rungs if r >= value * (1 - 1e-9))
