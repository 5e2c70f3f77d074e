"""`clip_arrows`: one gradient as an arrow, clipped by value and by norm.

    clip_arrows((4, 1), threshold=1)

On a page the arrow is dragged, or moved by the arrow keys, and a slider turns the threshold. The
browser computes both clippings, so the figure lives without a kernel. The still is the library's.
"""

import json

import numpy as np
import torch

from course.errors import CourseError, check_number, shown
from course.optim.chain import Context
from course.optim.first_order import ClipByNorm, ClipByValue

from ..common.stills.scales import number
from .page import framed

REACH = 5  # of both axes, to either side of 0
PLACES = [i / 4 for i in range(1, 21)]  # of the slider
ROUND = 60  # corners of the circle
KINDS = {"by value, ε": (ClipByValue, "box", "v", "limit"),
         "by norm, c": (ClipByNorm, "ring", "n", "run")}  # fmt: skip
CAPTION = (
    "Grey: the gradient g. Colour: what clipping leaves of it. Drag the head of g, or choose it "
    "and press the arrow keys. Dotted: the edge of all arrows that stay as they are."
)


def clip_arrows(g=(4.0, 1.0), threshold: float = 1.0) -> "ClipArrows":
    """Return a figure of g clipped in both ways; as the last expression of a cell it is shown.

    Args:
        g: (x, y), the gradient at first.
        threshold: at first; the nearest quarter is taken.

    Raises:
        CourseError: for numbers that the figure cannot show.
    """
    if not isinstance(g, tuple | list) or len(g) != 2:
        raise CourseError(f"g = {shown(g)} is not a vector of the plane; allowed: two numbers from "
                          f"-{REACH} to {REACH}; give (x, y)")  # fmt: skip
    pair = tuple(float(check_number("g", v, -REACH, REACH, "an entry of g")) for v in g)
    least, most = PLACES[0], PLACES[-1]
    check_number("threshold", threshold, least, most, "a length or a size of entries")
    return ClipArrows(pair, min(PLACES, key=lambda place: abs(place - threshold)))


class ClipArrows:
    """The figure.

    Attributes:
        g: the gradient at first, (x, y).
        threshold: ε and c at first.
        clipped: {kind: what its clipping leaves of g, (x, y)}.
    """

    def __init__(self, g: tuple[float, ...], threshold: float):
        self.g, self.threshold = g, threshold
        self.clipped = {kind: _clipped(g, KINDS[kind][0](threshold)) for kind in KINDS}

    def titles(self) -> list[str]:
        """Return for each kind what it leaves, and by how many degrees it turns g."""
        return [f"{kind}: {_in_words(v)}, turned by {_turned(self.g, v):.0f}°"
                for kind, v in self.clipped.items()]  # fmt: skip

    @property
    def alt(self) -> str:
        return (
            f"Two planes from -{REACH} to {REACH}, each with the gradient {_in_words(self.g)} as a "
            f"grey arrow and, in colour, what clipping at {self.threshold:g} leaves of it. Left, "
            f"with a square of the arrows that stay, {self.titles()[0]}. Right, with a circle, "
            f"{self.titles()[1]}."
        )

    def picture(self) -> dict:
        """Return the picture (see `common.picture`)."""
        arrays = {"zero": np.zeros(1)} | _point("g", self.g)
        corners = self.threshold * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
        angles = np.linspace(0, 2 * np.pi, ROUND + 1)
        ring = self.threshold * np.stack([np.cos(angles), np.sin(angles)], 1)
        for name, points in (("box", corners), ("ring", ring)):
            arrays |= {f"{name}x": points[:, 0], f"{name}y": points[:, 1]}
        panels = []
        for (_, limit, key, hue), title, v in zip(
            KINDS.values(), self.titles(), self.clipped.values(), strict=True
        ):
            arrays |= _point(key, v)
            panels.append(_panel(key, title, limit, hue) | {"alt": self.alt})
        return {
            "step": 0, "horizon": 1, "end": 0, "playing": False, "words": "", "strips": [],
            "turns": [], "side": [], "below": panels, "arrays": arrays,
        }  # fmt: skip

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = self.picture()
        values = [f"{place:g}" for place in PLACES]
        start = PLACES.index(self.threshold)
        stop = {"panels": picture["below"], "arrays": {}, "caption": CAPTION}
        content = {
            "knob": "threshold, ε and c", "values": values, "start": start, "stops": [stop],
            "arrays": [], "g": self.g, "kinds": list(KINDS),
        }  # fmt: skip
        text = json.dumps(content, ensure_ascii=False, indent=0).replace("<", "\\u003c")
        place = f"threshold, ε and c = {values[start]}"
        page = framed(picture, self.alt, CAPTION, place, text, "arrows")
        return {"text/html": page, "text/plain": f"{CAPTION}\n[{self.alt}]"}


def _panel(key: str, title: str, limit: str, hue: str) -> dict:
    """Return a plane with the limit, g, and the clipped arrow."""
    ends = {"scale": "linear", "low": -REACH, "high": REACH}
    arrow = {"kind": "arrows", "x": "zero", "y": "zero"}
    layers = [
        {"kind": "curve", "name": "", "x": f"{limit}x", "y": f"{limit}y", "hue": "dim",
         "look": "dotted"},
        arrow | {"dx": "gx", "dy": "gy", "hue": "dim"},
        arrow | {"dx": f"{key}x", "dy": f"{key}y", "hue": hue, "width": 3},
    ]  # fmt: skip
    return {
        "kind": "plot", "id": key, "title": title, "height": 300, "equal": True, "quiet": True,
        "x": ends | {"label": "across: first entry; up: second entry"}, "y": ends | {"label": ""},
        "layers": layers, "lane": None, "hint": "",
    }  # fmt: skip


def _point(key: str, v) -> dict[str, np.ndarray]:
    return {f"{key}x": np.array([v[0]]), f"{key}y": np.array([v[1]])}


def _clipped(g, clip) -> tuple[float, float]:
    """Return what a clipping of the library makes of g."""
    vector = torch.tensor(g, dtype=torch.float64)
    clip.init(vector)
    x, y = clip(vector, Context(vector)).tolist()
    return x, y


def _turned(g, v) -> float:
    """Return the angle between two vectors, in degrees."""
    (a, b), (c, d) = g, v
    return float(abs(np.degrees(np.arctan2(a * d - b * c, a * c + b * d))))


def _in_words(v) -> str:
    return f"({', '.join(number(part + 0.0) for part in v)})"
