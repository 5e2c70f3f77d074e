"""`drag`: one gradient as an arrow that a reader drags, clipped by value and by norm.

    drag((4, 1), threshold=1.5, caption="…", alt="…")

On a page the head of the arrow is dragged, or moved by the arrow keys, and a slider turns the
threshold. The browser computes both clippings, so the figure lives without a kernel. The still is
the library's.
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


def drag(g=(4.0, 1.0), threshold: float = 1.0, *, caption: str, alt: str) -> "Arrows":
    """Return a figure of g clipped in both ways; as the last expression of a cell it is shown.

    Args:
        g: (x, y), the gradient at first.
        threshold: ε and c at first; the nearest quarter is taken.
        caption: one or two sentences that everybody reads.
        alt: what is drawn, for a reader who cannot see it; the numbers follow by themselves.

    Raises:
        CourseError: for a missing text, and for numbers that the figure cannot show.
    """
    for name, text in (("caption", caption), ("alt", alt)):
        if not isinstance(text, str) or not text.strip():
            raise CourseError(f"{name} = {shown(text)} is empty, allowed: words; say what is drawn")
    if not isinstance(g, tuple | list) or len(g) != 2:
        raise CourseError(f"g = {shown(g)} is not a vector of the plane; allowed: two numbers from "
                          f"-{REACH} to {REACH}; give (x, y)")  # fmt: skip
    pair = tuple(float(check_number("g", v, -REACH, REACH, "an entry of g")) for v in g)
    check_number("threshold", threshold, PLACES[0], PLACES[-1], "ε and c")
    place = min(PLACES, key=lambda place: abs(place - threshold))
    return Arrows(pair, place, caption, alt)


class Arrows:
    """The figure.

    Attributes:
        g, threshold: as they are at first.
        clipped: {kind: what its clipping leaves of g, (x, y)}.
        caption, alt: its words.
    """

    def __init__(self, g: tuple[float, ...], threshold: float, caption: str, alt: str):
        self.g, self.threshold, self.caption = g, threshold, caption
        self.clipped = {kind: _clipped(g, KINDS[kind][0](threshold)) for kind in KINDS}

        self.titles = [
            f"{kind}: {_in_words(v)}, turned by {_turned(g, v):.0f}°"
            for kind, v in self.clipped.items()
        ]
        self.alt = f"{alt} g = {_in_words(g)}. {'; '.join(self.titles)}."

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
            KINDS.values(), self.titles, self.clipped.values(), strict=True
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
        stop = {"panels": picture["below"], "arrays": {}, "caption": self.caption}
        content = {
            "knob": "threshold, ε and c", "values": values, "start": start, "stops": [stop],
            "arrays": [], "g": self.g, "kinds": list(KINDS),
        }  # fmt: skip
        text = json.dumps(content, ensure_ascii=False, indent=0).replace("<", "\\u003c")
        place = f"threshold, ε and c = {values[start]}"
        page = framed(picture, self.alt, self.caption, place, text, "arrows")
        return {"text/html": page, "text/plain": f"{self.caption}\n[{self.alt}]"}


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
