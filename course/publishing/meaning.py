"""Tell whether two outputs mean the same: on another processor the last digits differ.

Words must be equal. Numbers and pictures must agree as far as a reader sees them:

- a count, such as 64 or 1,438: exactly
- a number with a point, an exponent or a per cent sign: within one unit of its last printed place,
  or within `RTOL` of its size
- a residual, such as 3.2e-16: all below 100·eps mean the same, 0 included. eps is that of float32
  if the sentence names float32, else that of float64
- a script or a style without a type: to the letter; a stored page must run the script of today
- a picture: each pixel has its colour again within `RADIUS` pixels

A chaotic cell may ask for more room, with a reason, in its metadata:
{"course": {"tolerance": 0.2, "reason": "…"}}. Its numbers, counts too, may then differ by this
share of their size, and what its pictures show may move by this share of their height.
"""

import base64
import io
import math
import re
from dataclasses import dataclass

import numpy as np
from nbformat import NotebookNode
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

RTOL = 1e-3
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
RADIUS = 3  # pixels
SHADE = 32  # of 255: how much a colour may differ, as at the edge of a line
SPECKS = 2e-4  # share of a picture's pixels that may have no counterpart

NUMBER = re.compile(
    r"(?<![\w.])(?>[-+−]?(?:(?:\d{1,3}(?:,\d{3})++|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?)(?!\w)%?"
    r"|(?<![\w.])[-+−]?(?:nan|inf)(?!\w)"
)
CODE = re.compile(r"(?s)<(?:script|style)>.*?</(?:script|style)>")  # draws the output's data
PICTURE = re.compile(r"data:(image/png);base64,([A-Za-z0-9+/=\s]+)")


@dataclass(frozen=True)
class Number:
    """A number as it is printed."""

    text: str
    value: float
    unit: float  # of its last printed place
    is_count: bool
    is_scientific: bool

    @classmethod
    def parse(cls, text: str) -> "Number":
        """Read a number that `NUMBER` matches."""
        bare = text.replace("−", "-").replace(",", "").rstrip("%")
        mantissa, _, exponent = bare.partition("e")
        is_scientific = bool(exponent)
        places = len(mantissa.partition(".")[2])
        unit = float(f"1e{int(exponent or 0) - places}")
        is_whole = bare.lstrip("-+").isdigit() and not text.endswith("%")
        return cls(text, float(bare), unit, is_whole, is_scientific)


def same_number(was: Number, now: Number, tolerance: float = 0.0, eps: float = 0.0) -> bool:
    """Tell whether two printed numbers agree.

    Args:
        was, now: the numbers
        tolerance: the share of its size by which a number may differ
        eps: all residuals below 100·eps agree
    """
    a, b = was.value, now.value
    if was.text == now.text or tolerance == math.inf:
        return True
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or math.isnan(a) and math.isnan(b)
    size = max(abs(a), abs(b))
    if size < 100 * eps and (was.is_scientific or now.is_scientific):
        return True
    if was.is_count and now.is_count:
        return abs(a - b) <= tolerance * size
    unit = min(was.unit, now.unit) * (1 + 1e-9)
    return abs(a - b) <= max(unit, RTOL * size, tolerance * size)


def numbers(text: str) -> list[Number]:
    """Return the numbers in a text, in their order."""
    return [Number.parse(match.group()) for match in NUMBER.finditer(text)]


def text_difference(kind: str, was: str, now: str, tolerance: float = 0.0) -> str | None:
    """Describe the first line in which two texts do not mean the same; None if all do.

    Args:
        kind: what the description calls the text
        was, now: the texts
        tolerance: as `same_number` takes it
    """
    before, after = was.splitlines(), now.splitlines()
    for number, (a, b) in enumerate(zip(before, after, strict=False), 1):
        line = before[max(0, number - 2)] + a  # the words of a number may stand on the line before
        eps = EPS["float32" if "float32" in line else "float64"]
        at = _first_difference(a, b, tolerance, eps)
        if at is not None:
            start = max(0, at - 20)
            return f"{kind}, line {number}, was {a[start : at + 40]!r}, now {b[start : at + 40]!r}"
    if len(before) != len(after):
        return f"{kind} had {len(before)} lines, now {len(after)}"
    return None


def _first_difference(was: str, now: str, tolerance: float, eps: float) -> int | None:
    """Return the place in the line `was` where its meaning differs first; None if it does not."""
    if was == now:
        return None
    end = other_end = 0
    for a, b in zip(NUMBER.finditer(was), NUMBER.finditer(now), strict=False):
        if _words(was[end : a.start()], end > 0, True) != _words(
            now[other_end : b.start()], other_end > 0, True
        ):
            break
        if not same_number(Number.parse(a.group()), Number.parse(b.group()), tolerance, eps):
            return a.start()
        end, other_end = a.end(), b.end()
    rest, other = was[end:], now[other_end:]
    if _words(rest, end > 0, False) == _words(other, end > 0, False):
        return None
    pairs = zip(rest, other, strict=False)
    return end + next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(rest), len(other)))


def _words(text: str, after_number: bool, before_number: bool) -> str:
    """Return the text between two numbers, with one blank for those that align a column."""
    if after_number:
        text = re.sub(r"^ +", " ", text)
    return re.sub(r" +$", " ", text) if before_number else text


# ---- pictures -----------------------------------------------------------------------------


def same_picture(was: str, now: str, tolerance: float = 0.0) -> bool:
    """Tell whether two pictures look the same.

    Each pixel's colour must lie, up to a `SHADE`, between the darkest and the lightest colour
    within a few pixels of its place in the other picture. So a line may move by a pixel.

    Args:
        was, now: PNGs in base64
        tolerance: the share of its height by which what a picture shows may move
    """
    if was == now or tolerance == math.inf:
        return True
    a, b = _decoded(was), _decoded(now)
    if a is None or b is None:
        return False
    radius = max(RADIUS, round(tolerance * a.height))
    if max(abs(a.width - b.width), abs(a.height - b.height)) > radius:
        return False
    size = min(a.width, b.width), min(a.height, b.height)
    a, b = a.crop((0, 0, *size)), b.crop((0, 0, *size))
    allowed = SPECKS * size[0] * size[1]
    return _strangers(a, b, radius) <= allowed and _strangers(b, a, radius) <= allowed


def _decoded(png: str) -> Image.Image | None:
    """Return the picture on white; None if it is damaged."""
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    except (OSError, ValueError, SyntaxError):  # all three are what PIL raises
        return None
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _strangers(a: Image.Image, b: Image.Image, radius: int) -> int:
    """Return how many pixels of `a` have a colour that `b` does not have near their place."""
    there, other = np.asarray(a, np.int16), np.asarray(b, np.int16)
    near = (2 * radius + 1, 2 * radius + 1, 1)  # a square of pixels, each colour by itself
    above = there - maximum_filter(other, near, mode="nearest")
    below = minimum_filter(other, near, mode="nearest") - there
    return int((np.maximum(above, below).max(2) > SHADE).sum())


# ---- outputs ------------------------------------------------------------------------------


def output_difference(was: NotebookNode, now: NotebookNode, tolerance: float = 0.0) -> str | None:
    """Describe how the meaning of two outputs differs; None if they mean the same.

    Args:
        was, now: outputs of the same cell
        tolerance: as `same_number` and `same_picture` take it
    """
    if was == now:
        return None
    kinds = was.output_type, now.output_type
    if kinds[0] != kinds[1]:
        return f"the output was of type {kinds[0]}, now {kinds[1]}"
    if kinds[0] == "stream":
        if was.name != now.name:
            return f"the text went to {was.name}, now to {now.name}"
        return text_difference(was.name, was.text, now.text, tolerance)
    for mime in sorted({*was.data, *now.data}):
        if mime not in now.data or mime not in was.data:
            return f"{mime} was {'there' if mime in was.data else 'not there'} before"
        difference = _data_difference(mime, was.data[mime], now.data[mime], tolerance)
        if difference:
            return difference
    return _metadata_difference(dict(was.metadata), dict(now.metadata), tolerance)


def _data_difference(mime: str, was, now, tolerance: float) -> str | None:
    if was == now:
        return None
    if mime == "image/png":
        return None if same_picture(was, now, tolerance) else f"{mime} is another picture"
    was, now = str(was), str(now)
    if CODE.findall(was) != CODE.findall(now):
        return f"{mime} has another script or style"
    was, now = CODE.sub("", was), CODE.sub("", now)
    before, after = PICTURE.findall(was), PICTURE.findall(now)
    if len(before) != len(after):
        return f"{mime} had {len(before)} pictures, now {len(after)}"
    for (_, a), (_, b) in zip(before, after, strict=True):
        if not same_picture(a, b, tolerance):
            return f"{mime} has another picture"
    return text_difference(mime, PICTURE.sub(r"\1", was), PICTURE.sub(r"\1", now), tolerance)


def _metadata_difference(was: dict, now: dict, tolerance: float) -> str | None:
    if text_difference("", repr(sorted(was.items())), repr(sorted(now.items())), tolerance):
        return f"the output's metadata was {was}, now {now}"
    return None
