"""What a DescentLab shows: surface and trails, the (α, β) diagram, heights by step."""

import math
from functools import lru_cache

import numpy as np
import torch

from course.lessons.race import SEEDS, Race
from course.lessons.racers import NAMES, Racer
from course.lessons.surfaces import Surface, make_surface

from . import diagram, words

LOOKS = ("solid", "solid", "dashed", "dashed", "dotted", "dashed", "dotted", "dotted")  # of NAMES
COLUMNS, ROWS = 73, 73  # points of the surface; odd, so that one lies in the middle
FLOOR = 1e-4  # of the greatest height in the picture: lower is drawn as the lowest
TRAIL = 300  # steps of a path that are drawn
SAMPLES = 400  # of the heights
AFAR = 8  # half widths of the picture: a path is not drawn farther out
LEAST, MOST = 1e-12, 1e12  # heights
AHEAD = 1.25  # of the steps, room for what is to come and for names
TALL = (110, 330)  # pixels of the heights, below the surface and beside it


def describe(lab) -> dict:
    """Return the picture (see `common.picture`) of a `DescentLab`."""
    race = lab.race
    arrays: dict[str, np.ndarray] = {}
    side = [surface(race, arrays)]
    if words.has_diagram(race):
        panel, ground = diagram.describe(race)
        side.append(panel)
        arrays |= ground
    return {
        "step": race.step_count, "horizon": horizon(race.reached, lab.steps), "end": race.reached,
        "stride": [1, 10], "playing": lab.playing, "strips": [heights(race, arrays)],
        "turns": [list(turn) for turn in race.turns()], "side": side, "below": [], "arrays": arrays,
    }  # fmt: skip


def horizon(reached: int, steps: int) -> int:
    """Return the right edge of the step axis: it doubles when the race comes near it."""
    edge = AHEAD * max(steps, 1)
    while AHEAD * reached > edge:
        edge *= 2
    return round(edge)


# ---- the surface and the trails -----------------------------------------------------------------


def surface(race: Race, arrays: dict) -> dict:
    """Return the panel of the surface; its arrays are added to `arrays`."""
    shape = race.surface
    extent = [end for ends in words.window(shape) for end in ends]
    knobs = race.knobs
    arrays["levels"] = levels(knobs["surface"], knobs["condition"], knobs["rotation"])
    racers = [trail(race, racer, extent, arrays) for racer in race.shown()]
    return {
        "kind": "surface", "title": words.title(race), "note": "drag the start",
        "values": "levels", "shape": [ROWS, COLUMNS], "extent": extent,
        "minima": [list(point) for point in shape.minima], "start": list(knobs["start"]),
        "first": max(0, race.step_count - TRAIL), "racers": racers,
    }  # fmt: skip


@lru_cache(maxsize=8)
def levels(name: str, condition: float, rotation: float) -> np.ndarray:
    """Return log heights above the minimum, 0 to 255, row by row from the lowest y."""
    shape: Surface = make_surface(name, condition, rotation)
    (left, right), (low, high) = words.window(shape)
    xs = torch.linspace(left, right, COLUMNS, dtype=torch.float64)
    ys = torch.linspace(low, high, ROWS, dtype=torch.float64)
    above = np.maximum(shape.value(xs[None, :], ys[:, None]).numpy() - shape.lowest, 0)
    shares = np.log10(above / above.max() + FLOOR)
    shares = (shares - math.log10(FLOOR)) / -math.log10(FLOOR)
    return 255 * np.clip(shares, 0, 1).ravel()


def trail(race: Race, racer: Racer, extent: list[float], arrays: dict) -> dict:
    """Return how a racer is drawn on the surface; its arrays are added to `arrays`."""
    i = NAMES.index(racer.name)
    arrays[f"path{i}"] = nearer(np.array(racer.path[-TRAIL - 1 :]), extent).ravel()
    drawn = {
        "name": racer.name, "hue": words.HUES[racer.name], "look": LOOKS[i], "path": f"path{i}",
        "state": words.state(race, racer.name), "outside": words.is_outside(racer),
    }  # fmt: skip
    last = nearer(np.array([racer.last]), extent)[0]
    if race.others.get(racer.name):
        points = np.array([other.last for other in race.others[racer.name]])
        arrays[f"others{i}"] = nearer(points, extent).ravel()
        drawn["others"] = f"others{i}"
    return drawn | {"at": last.tolist()}


def nearer(points: np.ndarray, extent: list[float]) -> np.ndarray:
    """Return points (n, 2), those far outside moved towards the picture: it has few digits."""
    left, right, low, high = extent
    middle = np.array([(left + right) / 2, (low + high) / 2])
    off = points - middle
    far = np.linalg.norm(off, axis=1, keepdims=True)
    most = AFAR * (right - left) / 2
    return middle + off * np.minimum(1, most / np.maximum(far, most))


# ---- heights ------------------------------------------------------------------------------------


def heights(race: Race, arrays: dict) -> dict:
    """Return the plot of the heights by step; its arrays are added to `arrays`."""
    last = race.step_count
    every = max(1, -(-last // SAMPLES))
    steps = np.unique(np.append(np.arange(0, last + 1, every), last))
    arrays["steps"] = steps.astype(float)
    layers, bands, seen = [], [], []
    for name in race.knobs["racers"]:
        i = NAMES.index(name)
        found = np.clip(race.heights(name, steps), LEAST, MOST)
        arrays[f"height{i}"] = np.median(found, axis=0)
        seen.append(arrays[f"height{i}"])
        if len(found) > 1:
            arrays[f"least{i}"], arrays[f"most{i}"] = found.min(axis=0), found.max(axis=0)
            bands.append({"kind": "band", "x": "steps", "low": f"least{i}", "high": f"most{i}",
                          "hue": words.HUES[name]})  # fmt: skip
        layers.append({
            "kind": "curve", "name": name, "x": "steps", "y": f"height{i}", "hue": words.HUES[name],
            "look": LOOKS[i], "label": name, "read": True,
        })  # fmt: skip
    noise = f", {SEEDS} seeds" if bands else ""
    return {
        "kind": "plot", "id": "height", "title": f"height above the minimum{noise}",
        "height": TALL[not words.has_diagram(race)], "y": axis(seen), "layers": bands + layers,
        "lane": None, "hint": "",
    }  # fmt: skip


def axis(curves: list[np.ndarray]) -> dict:
    """Return a logarithmic axis for heights, in steps of three decades below."""
    top = max((curve[0] for curve in curves), default=1.0)
    most = max((float(curve.max()) for curve in curves), default=1.0)
    least = min((float(curve.min()) for curve in curves), default=1.0)
    high = math.ceil(math.log10(min(most, 1e3 * top)) + 1e-9)
    low = 3 * math.floor((math.log10(least) + 1e-9) / 3)
    return {"scale": "log", "low": 10.0 ** min(low, high - 3), "high": 10.0**high}
