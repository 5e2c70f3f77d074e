"""Axis scales with nice ticks, and numbers as words: the rules of `js/scales.js`."""

import math
from collections.abc import Callable, Iterator

import numpy as np

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MEMORY_TICKS = [0.0, 0.9, 0.99]


def _same(v):
    return v


def _memory(v):
    """0, .9 and .99 equally far apart."""
    return -np.log10(np.maximum(1 - np.asarray(v), 1e-12))


SCALES: dict[str, tuple[Callable, Callable]] = {  # there, and back
    "linear": (_same, _same),
    "share": (_same, _same),
    "log": (np.log10, lambda p: 10.0 ** np.asarray(p)),
    "memory": (_memory, lambda p: 1 - 10.0 ** -np.asarray(p)),
}


LIMITS = {"linear": (-1e15, 1e15), "share": (-1e15, 1e15), "log": (1e-12, 1e12),
          "memory": (0.0, 1 - 1e-6)}  # fmt: skip


def domain(axis: dict) -> tuple[float, float]:
    """Return the lowest and the highest value of an axis; repaired if they span nothing."""
    scale = axis["scale"]
    ends = [math.nan if axis[end] is None else float(axis[end]) for end in ("low", "high")]
    low, high = (min(max(end, LIMITS[scale][0]), LIMITS[scale][1]) for end in ends)
    least = 1e-9 if scale == "memory" else 1e-30  # less is nothing once it is transformed
    if high - low > max(1e-9 * max(abs(low), abs(high)), least):  # False for NaN
        return low, high
    if scale == "memory":
        return 0.0, 0.99
    middle = ends[0] if LIMITS[scale][0] < ends[0] < LIMITS[scale][1] else 1.0
    half = 0.5 * max(abs(middle), 1.0)
    return (middle / 2, middle * 2) if scale == "log" else (middle - half, middle + half)


# ---- ticks --------------------------------------------------------------------------------------


def ticks(scale: str, low: float, high: float, most: float) -> list[float]:
    """Return the finest nice set of ticks in [low, high] that has at most `most` of them.

    A log axis shorter than a decade takes the linear ones if it would have fewer than two.
    """
    if scale == "memory":
        return [v for v in MEMORY_TICKS if low <= v <= high]
    if scale == "log":
        values = _finest(_log_sets(), low * (1 - 1e-9), high * (1 + 1e-9), most)
        return values if len(values) > 1 or high >= 10 * low else ticks("linear", low, high, most)
    slack = 1e-9 * (high - low)
    return _finest(_linear_sets(low, high), low - slack, high + slack, most)


def _finest(sets: Iterator[list[float]], low: float, high: float, most: float) -> list[float]:
    for values in sets:
        inside = [v for v in values if low <= v <= high]
        if len(inside) <= most:
            return [float(f"{v:.6g}") + 0.0 for v in inside]  # + 0: no minus before a zero
    return []


def _log_sets() -> Iterator[list[float]]:
    for factors, every in ([1, 2, 5], 1), ([1, 3], 1), ([1], 1), ([1], 2), ([1], 4):
        yield [m * 10.0**e for e in range(-14, 10) if e % every == 0 for m in factors]


def _linear_sets(low: float, high: float) -> Iterator[list[float]]:
    for step in (m * 10.0**e for e in range(-7, 7) for m in (1, 2, 5)):
        if (high - low) / step <= 60:
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            yield [k * step for k in range(first, last + 1)]


def tick_labels(scale: str, values: list[float]) -> list[str]:
    """Return a label for each tick; with more digits if two of them looked the same."""
    for digits in range(3, 7):
        labels = [reading(scale, v, digits).replace(" ", "") for v in values]
        if len(set(labels)) == len(values):
            break
    return labels if values else []


# ---- numbers as words ---------------------------------------------------------------------------


def number(value: float, digits: int = 3) -> str:
    """Return 0.25, 12300, −3, 3·10⁻⁴: `digits` significant ones; a dash for NaN and infinity."""
    size = abs(value)
    if not math.isfinite(value):
        return "–"
    if size and (size < 0.00095 or size >= 1e5):
        factor, exponent = f"{value:.1e}".split("e")
        power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
        return power if factor == "1.0" else f"{_plain(float(factor), 2)}·{power}"
    return _plain(value, digits)


def _plain(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}') + 0.0:.12g}".replace("-", "−")


def reading(scale: str, value: float, digits: int = 3) -> str:
    """Return a value as an axis of this scale shows it: a share in %."""
    if scale == "share" and math.isfinite(value):
        return number(100 * value, digits) + " %"
    return number(value, digits)


def whole(value: float) -> str:
    """Return a step with its thousands apart: 1,230."""
    return f"{round(value):,}"
