"""Values of a chapter as curves: middle and spread, no more points than a page needs."""

import math
from typing import NamedTuple

import numpy as np

from course.errors import CourseError, real_number, shown


class Curve(NamedTuple):
    """Points of one or several runs.

    x, y: (n,), of several runs the median. low, high: (n,), their lowest and highest values, or
    None for one run. runs: (runs, n), as they were given.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    runs: np.ndarray


def read_curve(name: str, values, at=None) -> Curve:
    """Return what was given for one name as a curve.

    A run that is no longer finite counts as infinitely high: the median and the band do not forget
    it. A single run ends there.

    Args:
        values: (n,); (runs, n); or a tuple (x, y) with such a y.
        at: (n,), the places of values that come without an x; None: 0, 1, 2, …

    Raises:
        CourseError: for what is not such an array.
    """
    x, y = values if isinstance(values, tuple) and len(values) == 2 else (at, values)
    y = read_array(f"the curve {name!r}", y)
    if y.ndim not in (1, 2) or not y.size:
        raise CourseError(
            f"the curve {name!r} has shape {y.shape}, allowed: (n,) or (runs, n), n from 1 on; "
            "give one value a place"
        )
    runs = np.atleast_2d(y)
    places = np.arange(float(runs.shape[1])) if x is None else read_array(f"x of {name!r}", x)
    _check_places(name, places, runs)
    if len(runs) == 1:
        return Curve(name, places, _finite(runs[0]), None, None, runs)
    runs = np.where(np.isnan(runs), np.inf, runs)
    high = np.where(np.isfinite(runs.min(0)), runs.max(0), np.nan)
    middle = np.median(runs, axis=0)
    return Curve(name, places, _finite(middle), _finite(runs.min(0)), high, runs)


def read_array(what: str, values) -> np.ndarray:
    """Return lists, arrays and tensors as an array of floats.

    Raises:
        CourseError: for values that are not numbers, and for runs that differ in length.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise CourseError(
            f"{what} is {shown(values)}, which is not an array of numbers; give a list, an array "
            "or a tensor whose runs are equally long"
        ) from None


def _check_places(name: str, x: np.ndarray, runs: np.ndarray) -> None:
    if x.shape != runs.shape[1:]:
        remedy = "give one place a value"
        if x.shape == runs.shape[:1]:
            remedy = "put the runs first: values.T"
        raise CourseError(
            f"the curve {name!r} has {runs.shape[1]} values in a run, but its x has shape "
            f"{x.shape}, allowed: ({runs.shape[1]},); {remedy}"
        )
    if not np.isfinite(x).all() or (np.diff(x) < 0).any():
        raise CourseError(
            f"x of the curve {name!r} is {shown(x.tolist())}, allowed: finite numbers that do not "
            "fall; sort the points by x"
        )


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def check_log(what: str, values: np.ndarray, axis: str) -> None:
    """Refuse what a logarithmic axis cannot show.

    Raises:
        CourseError: for a value of 0 or below.
    """
    below = values[np.isfinite(values) & (values <= 0)]
    if below.size:
        raise CourseError(
            f"{what} reaches {below.min():g}, allowed on a log axis: above 0; leave {axis!r} out "
            "of log, or leave these points out"
        )


# ---- fewer points -------------------------------------------------------------------------------


def thinned(curve: Curve, most: int) -> Curve:
    """Return a curve of at most about `most` points, which keeps each peak and each dip.

    From each stretch stay the lowest and the highest point; a band stays as wide as it was.
    """
    n = len(curve.x)
    if n <= most:
        return curve
    starts = np.linspace(0, n, most // 2, endpoint=False).astype(int)
    keep = {0, n - 1}
    for first, last in zip(starts, [*starts[1:], n], strict=True):
        part = curve.y[first:last]
        if np.isfinite(part).any():
            keep |= {first + int(np.nanargmin(part)), first + int(np.nanargmax(part))}
        gap = np.isnan(part)
        if gap.any():
            keep.add(first + int(gap.argmax()))  # a break stays a break
    at = np.array(sorted(keep))
    if curve.low is None or curve.high is None:
        return curve._replace(x=curve.x[at], y=curve.y[at])
    low = np.fmin.reduceat(curve.low, at)
    high = np.fmax.reduceat(curve.high, at)
    return curve._replace(x=curve.x[at], y=curve.y[at], low=low, high=high)


# ---- axes ---------------------------------------------------------------------------------------

PAD = 0.05  # of an axis, beyond the values
NEAR = 0.35  # values that all lie above 0, the lowest nearer to it than this share: 0 is shown


def domain(values: np.ndarray, scale: str, pad: float) -> tuple[float, float]:
    """Return from where to where an axis reaches.

    Args:
        values: what it must show; what is not finite does not count.
        scale: "linear" or "log".
        pad: which share of it may stay free at each end.
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return (0.1, 1.0) if scale == "log" else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if scale == "log":
        low, high = math.log10(low), math.log10(high)
    room = pad * (high - low) if high > low else 0.5 * (abs(high) if scale == "linear" else 1) or 1
    top, bottom = high + room, low - room
    if scale == "log":
        return 10**bottom, 10**top
    if pad and low >= 0 and low <= NEAR * high:
        bottom = 0.0
    return bottom, top


def read_ends(name: str, ends, found: tuple[float, float], scale: str) -> tuple[float, float]:
    """Return the ends of an axis: those given as (low, high), the others as they were found.

    Raises:
        CourseError: if they are not two numbers (or None) that rise.
    """
    if ends is None:
        return found
    pair = tuple(ends) if isinstance(ends, tuple | list) else ()
    good = len(pair) == 2 and all(
        end is None or (real_number(end) is not None and math.isfinite(end)) for end in pair
    )
    low, high = (
        (found[i] if pair[i] is None else float(pair[i]) for i in (0, 1)) if good else (0, 0)
    )
    if not good or not (0 if scale == "log" else -math.inf) < low < high:
        above = " above 0" if scale == "log" else ""
        raise CourseError(
            f"{name} = {shown(ends)} is not a range, allowed: (low, high), two rising "
            f"numbers{above}, or None for an end to be found; for example (0, None)"
        )
    return low, high
