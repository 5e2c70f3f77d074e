"""The (α, β) diagram: what momentum does near a minimum, for each rate and each memory."""

from functools import lru_cache

import numpy as np

from course.lessons.race import Race
from course.lessons.racers import OF_FORM
from course.lessons.surfaces import first_swing, limit, spectral_radius

from . import words

ALPHAS, BETAS = 72, 50  # cells
TOP_BETA = 0.995
WIDTHS = {"exponential average": (0.04, 200), "heavy ball": (0.02, 9)}  # α, in units of 1/λ_max
REGIONS = ("monotone", "one oscillates", "both oscillate", "diverges")
ROOM = 0.2  # of the diagram's width that a region needs for its name
CLEAR = 0.07  # of β, around the word "fastest"


def describe(race: Race) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the panel (see `common.picture`), and its arrays."""
    form = race.knobs["form"]
    panel, arrays = ground(*race.surface.curvatures(), form)
    now = {
        "title": f"{OF_FORM[form]} near the minimum", "note": words.say_pair(race),
        "point": list(race.point), "words": words.say_pair(race), "hue": words.HUES[OF_FORM[form]],
    }  # fmt: skip
    return panel | now, arrays


@lru_cache(maxsize=8)
def ground(flat: float, steep: float, form: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return what does not change while (α, β) moves.

    Args:
        flat, steep: the curvatures of the two directions.
        form: of momentum.
    """
    low, high = (factor / steep for factor in WIDTHS[form])
    alphas, betas = np.geomspace(low, high, ALPHAS), np.linspace(0, TOP_BETA, BETAS)
    rho = spectral_radius(alphas[None, :], betas[:, None], (flat, steep), form)
    end = limit(betas, steep, form)
    swings = [first_swing(betas, curvature, form) for curvature in (steep, flat)]
    # beyond the limit nothing swings, it runs away: no line there
    lines = [np.where(line < end, line, np.nan) for line in swings]
    root = np.sqrt(flat), np.sqrt(steep)
    beta = ((root[1] - root[0]) / (root[1] + root[0])) ** 2  # Polyak 1964
    share = 1 - beta if form == "exponential average" else 1.0
    panel = {
        "kind": "diagram", "x": {"scale": "log", "low": low, "high": high},
        "y": {"scale": "linear", "low": 0, "high": TOP_BETA},
        "x_label": f"rate α of {OF_FORM[form]}", "y_label": "memory β",
        "values": "speeds", "shape": [BETAS, ALPHAS], "betas": "betas",
        "limit": "limit", "swings": ["swing0", "swing1"],
        "best": [float((2 / sum(root)) ** 2 / share), float(beta)],
        "regions": _regions((low, high), betas[abs(betas - beta) > CLEAR], (steep, flat), form),
    }  # fmt: skip
    arrays = {"speeds": speeds(rho), "betas": betas, "limit": end}
    return panel, arrays | {f"swing{k}": line for k, line in enumerate(lines)}


def speeds(rho: np.ndarray) -> np.ndarray:
    """Return ρ as bytes: 255 is the fastest, 128 stands still; below, it runs away."""
    gain = np.clip((1 - rho) / (1 - min(rho.min(), 0.999)), 0, 1) ** 0.6
    loss = 0.8 * (1 - 1 / np.maximum(rho, 1))
    return np.where(rho < 1, 128 + 127 * gain, 128 - 127 * loss).round().astype(np.uint8)


def _regions(ends, betas, curvatures, form: str) -> list[list]:
    """Return [words, α, β] for each region: its name where it is widest."""
    low, high = ends
    end = limit(betas, curvatures[0], form)

    def place(alpha):
        return np.clip(np.log(np.minimum(alpha, high) / low) / np.log(high / low), 0, 1)

    swings = [place(np.minimum(first_swing(betas, c, form), end)) for c in curvatures]
    edges = [np.zeros_like(betas), *swings, place(end), np.ones_like(betas)]
    inner = (betas > 0.1) & (betas < 0.93)
    found = []
    for name, left, right in zip(REGIONS, edges, edges[1:], strict=False):
        width = np.where(inner, right - left, 0)
        at = int(width.argmax())
        if width[at] > ROOM:
            alpha = low * (high / low) ** float((left[at] + right[at]) / 2)
            found.append([name, alpha, float(betas[at])])
    return found
