"""What an OnCallLab shows: the instruments over the clock, ranks and checkpoints, the time."""

import math

import numpy as np

from course.oncall import PARTS, OnCall, Reading, Score

from ..common.spans import spans
from . import words

TALL = (120, 100, 84)  # pixels of the strips
RANKS = ("run", "run2", "run3", "run4")
TRAINS, STANDS, DOWN, WRITTEN = range(4)
HUES = [["trains", "run", 0], ["stands", "run8", 0], ["down", "limit", 0],
        ["checkpoint", "run3", 0]]  # fmt: skip
TIME = [["useful", "run", 0], ["waiting", "run6", 0], ["damaged", "limit", 0],
        ["lost", "run5", 0], ["checkpoints", "run3", 0], ["checks", "run7", 0],
        ["restarts", "run4", 0], ["down", "run8", 0]]  # fmt: skip
LONG = 20.0  # seconds: longer than a checkpoint takes
WIDE = 1 / 120  # of the axis: a checkpoint
TURNS = 12  # actions that are named in the strips: the last ones
NAN = math.nan


def describe(lab) -> dict:
    """Return the picture (see `common.picture`) of an `OnCallLab`."""
    session = lab.session
    arrays: dict[str, np.ndarray] = {}
    now = min(session.clock, session.length)
    done = [one for one in session.done if one["do"] != "check"][-TURNS:]
    compared = lab.compared() if session.is_over else None
    return {
        "step": now, "horizon": session.length, "end": now, "axis": "clock (s)",
        "stride": [6, 60], "playing": lab.playing, "strips": strips(session, arrays),
        "turns": [[min(one["at"], now), words.action(one, words.SHORT)] for one in done],
        "side": [fleet(session, arrays), spent(session, compared, arrays)], "below": [],
        "arrays": arrays,
    }  # fmt: skip


# ---- the instruments ----------------------------------------------------------------------------


def strips(session: OnCall, arrays: dict) -> list[dict]:
    """Return the plots over the clock; their arrays are added to `arrays`."""
    readings = broken(session.readings)
    arrays["clock"] = np.array([r.clock for r in readings])
    arrays["loss"] = finite([r.loss for r in readings])
    arrays["norm"] = finite([r.norm for r in readings])
    for slot in range(4):
        arrays[f"norm{slot}"] = finite([r.norms[slot] for r in readings])
        arrays[f"seconds{slot}"] = finite([r.seconds[slot] for r in readings])
    heard = [at for at, said in session.alarms if "agree" not in said and "whole" not in said]
    arrays["alarms"] = np.array(heard)

    def curve(name: str, y: str, hue: str, look="line", **more) -> dict:
        return {"kind": "curve", "name": name, "x": "clock", "y": y, "hue": hue, "look": look,
                "read": True, **more}  # fmt: skip

    def by_rank(of: str) -> list[dict]:
        return [curve(f"rank {slot}", f"{of}{slot}", hue) for slot, hue in enumerate(RANKS)]

    norms = ["norm", *(f"norm{slot}" for slot in range(4))]
    axes = {"loss": log_axis(arrays, ["loss"]), "norm": log_axis(arrays, norms),
            "seconds": seconds_axis(arrays)}  # fmt: skip
    arrays["heights"] = np.full(len(heard), axes["loss"]["low"] * 1.12)
    alarms = {"kind": "points", "x": "alarms", "y": "heights", "marker": "cross", "hue": "limit"}
    losses = [curve("", "loss", "run", "solid", mark=True), alarms]
    plots = [
        ("loss", "loss of the batch, ✕ alarm", losses),
        ("norm", "gradient norm", [*by_rank("norm"), curve("sum", "norm", "ink", "thin")]),
        ("seconds", "seconds of computation", by_rank("seconds")),
    ]  # fmt: skip
    return [
        {"kind": "plot", "id": name, "title": title, "height": tall, "y": axes[name],
         "layers": layers, "lane": None, "hint": ""}
        for (name, title, layers), tall in zip(plots, TALL, strict=True)
    ]  # fmt: skip


def broken(readings: list[Reading]) -> list[Reading]:
    """Return the readings, and one without numbers where the job stood for long."""
    found: list[Reading] = []
    for reading in readings:
        start = reading.clock - reading.took
        if found and start - found[-1].clock > LONG:
            found.append(Reading(start, 0, None, NAN, NAN, (NAN,) * 4, (NAN,) * 4, ()))
        found.append(reading)
    return found


def finite(values: list[float]) -> np.ndarray:
    """Return numbers, NaN where there is none: a curve breaks there."""
    found = np.array(values, float)
    found[~np.isfinite(found)] = NAN
    return found


def log_axis(arrays: dict, names: list[str]) -> dict:
    """Return a logarithmic axis around all curves, by powers of two."""
    seen = np.concatenate([arrays[name] for name in names])
    seen = seen[np.isfinite(seen) & (seen > 1e-9)]
    low, high = (seen.min(), min(seen.max(), 1e9)) if len(seen) else (0.5, 4.0)
    return {"scale": "log", "low": 2.0 ** math.floor(math.log2(min(low, high) / 1.2)),
            "high": 2.0 ** math.ceil(math.log2(high * 1.2))}  # fmt: skip


def seconds_axis(arrays: dict) -> dict:
    seen = np.concatenate([arrays[f"seconds{slot}"] for slot in range(4)])
    seen = seen[np.isfinite(seen)]
    return {"scale": "linear", "low": 0, "high": max(8.0, 1.1 * seen.max() if len(seen) else 0)}


# ---- ranks and checkpoints ----------------------------------------------------------------------


def fleet(session: OnCall, arrays: dict) -> dict:
    """Return the panel of what each rank did when, and of the checkpoints."""
    rows: list[tuple] = []
    begin = 0.0
    for reading in session.readings:
        start = max(reading.clock - reading.took, begin)
        for slot in range(4):
            if slot in reading.ranks:
                if start - begin > 0.5:
                    add(rows, slot, begin, start, STANDS)
                add(rows, slot, start, reading.clock, DOWN if reading.batch is None else TRAINS)
        begin = reading.clock
    wide = session.length * WIDE
    names = [["", "trains"], ["", "stands"], ["", "is down"]]
    for one in session.checkpoints:
        known = {None: "", True: ", whole", False: ", damaged"}[one.known]
        names.append(["", f"checkpoint before batch {one.batch}{known}"])
        end = min(max(one.clock, wide), session.length)
        rows.append((4, end - wide, end, DOWN if one.known is False else WRITTEN, len(names) - 1))
    fields = spans("fleet", [row for row in rows if row[2] > row[1]], arrays)
    newest = session.checkpoints[-1]
    age = words.minutes(session.clock - newest.clock)
    notes = [words.status(session, slot) for slot in range(4)]
    return {
        "kind": "spans", "title": "ranks and checkpoints", "note": "",
        "rows": [*([f"rank {slot}", note] for slot, note in enumerate(notes)),
                 ["checkpoints", f"{age} old"]],
        "unit": "s", "high": max(session.length, session.clock), "lanes": 1, "hues": HUES,
        "empty": "nothing",
        "alt": "; ".join(f"rank {slot}: {note}" for slot, note in enumerate(notes))
        + f"; checkpoints before batches {', '.join(str(c.batch) for c in session.checkpoints)}",
        "names": names, **fields,
    }  # fmt: skip


def add(rows: list[tuple], slot: int, start: float, end: float, hue: int) -> None:
    """Add a stretch, or make the last one of this row longer when it is of the same kind."""
    for k in range(len(rows) - 1, max(len(rows) - 9, -1), -1):
        row, first, last, kind, name = rows[k]
        if row == slot:
            if kind == hue and start - last < 0.5:
                rows[k] = row, first, end, kind, name
                return
            break
    rows.append((slot, start, end, hue, hue))


# ---- where the time goes ------------------------------------------------------------------------


def spent(session: OnCall, compared, arrays: dict) -> dict:
    """Return the panel of where the time went; before the end nobody knows which steps are bad."""
    mine = session.score()
    if compared is None:
        seconds = dict(mine.seconds)
        seconds["useful"] += seconds["damaged"]
        seconds["damaged"] = 0.0
        scores = [("you", Score(seconds))]
    else:
        scores = [("you", mine), ("autopilot", compared[0]), ("possible", compared[1])]
    rows = []
    for row, (_, score) in enumerate(scores):
        begin = 0.0
        for hue, took in enumerate(score.seconds.values()):
            if took > 0:
                rows.append((row, begin / 60, (begin + took) / 60, hue, hue))
            begin += took
    fields = spans("spent", rows, arrays)
    said = [f"{name} {words.share(score.goodput)}" for name, score in scores]
    title = "where the time went" if compared else "where the time goes, as it looks"
    return {
        "kind": "spans", "title": title, "note": "",
        "rows": [[name, words.share(score.goodput)] for name, score in scores],
        "unit": "min", "high": max(session.length, *(s.wall for _, s in scores)) / 60, "lanes": 1,
        "hues": TIME, "empty": "still to come", "alt": f"goodput: {', '.join(said)}",
        "names": [["", f"{name}: {about}"] for name, about in PARTS.items()], **fields,
    }  # fmt: skip
