"""Do two outputs mean the same? Another processor rounds other last digits; that is no change.

Text must be equal, and its numbers must agree as far as they are printed:

- a count, as 64 or 1,438: exactly
- a number with a point, an exponent or a per cent sign: within one unit of its last printed place,
  or `RTOL` of its size
- a residual, written as 3.2e-16: all below 100·eps are alike, 0 included. eps is that of float32
  where the sentence names float32, else that of float64
- a picture: each point has its colour again within `RADIUS` pixels

A cell whose run is chaotic may ask for more room, with a reason, in its metadata:
{"course": {"tolerance": 0.2, "reason": "…"}}. Its numbers, counts too, may then differ by this
share of their size, and what its pictures show may lie this share of their height elsewhere.
"""

import base64
import io
import math
import re
from dataclasses import dataclass

from nbformat import NotebookNode
from PIL import Image, ImageChops, ImageFilter

RTOL = 1e-3
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
RADIUS = 3  # pixels
SHADE = 32  # of 255: what a colour may differ by, as at the edge of a line
SPECKS = 2e-4  # share of a picture's pixels that may have no counterpart

NUMBER = re.compile(
    r"(?<![\w.])(?>[-+−]?(?:(?:\d{1,3}(?:,\d{3})++|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?)(?!\w)%?"
    r"|(?<![\w.])[-+−]?(?:nan|inf)(?!\w)"
)
PICTURE = re.compile(r"data:(image/png);base64,([A-Za-z0-9+/=\s]+)")


@dataclass(frozen=True)
class Number:
    """A number as printed."""

    text: str
    value: float
    unit: float  # of its last printed place
    is_count: bool
    is_scientific: bool

    @classmethod
    def parse(cls, text: str) -> "Number":
        bare = text.replace("−", "-").replace(",", "").rstrip("%")
        mantissa, _, exponent = bare.partition("e")
        scientific = bool(exponent)
        places = len(mantissa.partition(".")[2])
        unit = float(f"1e{int(exponent or 0) - places}")
        count = not scientific and "." not in bare and not text.endswith("%")
        return cls(text, float(bare), unit, count and bare.lstrip("-+").isdigit(), scientific)


def same_number(was: Number, now: Number, tolerance: float = 0.0, eps: float = 0.0) -> bool:
    """Do two printed numbers agree? eps: all residuals below 100 · eps are alike."""
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
    """The numbers in a text, in their order."""
    return [Number.parse(match.group()) for match in NUMBER.finditer(text)]


def text_difference(kind: str, was: str, now: str, tolerance: float = 0.0) -> str | None:
    """The first line in which two texts do not mean the same, in words; None if there is none."""
    before, after = was.splitlines(), now.splitlines()
    for number, (a, b) in enumerate(zip(before, after, strict=False), 1):
        line = before[max(0, number - 2)] + a  # a sentence may be broken before its number
        eps = EPS["float32" if "float32" in line else "float64"]
        at = _first_difference(a, b, tolerance, eps)
        if at is not None:
            start = max(0, at - 20)
            return f"{kind}, line {number}, was {a[start : at + 40]!r}, now {b[start : at + 40]!r}"
    if len(before) != len(after):
        return f"{kind} had {len(before)} lines, now {len(after)}"
    return None


def _first_difference(was: str, now: str, tolerance: float, eps: float) -> int | None:
    """Where in the line `was` the meaning parts from that of `now`; None where it does not."""
    if was == now:
        return None
    found, again = list(NUMBER.finditer(was)), list(NUMBER.finditer(now))
    end = other_end = 0
    for a, b in zip(found, again, strict=False):
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
    """The text between two numbers; as many blanks as align a column count as one."""
    if after_number:
        text = re.sub(r"^ +", " ", text)
    return re.sub(r" +$", " ", text) if before_number else text


# ---- pictures -----------------------------------------------------------------------------


def same_picture(was: str, now: str, tolerance: float = 0.0) -> bool:
    """Do two PNGs, in base64, show the same to the eye?

    Each pixel's colour must lie, to a `SHADE`, between the darkest and the lightest within a few
    pixels of its place in the other picture: so a line may be a pixel elsewhere, not another line.
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
    """The picture on white; None for one that is damaged."""
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    except (OSError, ValueError, SyntaxError):  # all three are what PIL raises
        return None
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _strangers(a: Image.Image, b: Image.Image, radius: int) -> int:
    """How many pixels of `a` have a colour that `b` does not have near their place."""
    darkest = lightest = b
    for _ in range(radius):  # many small steps are quicker than one large
        darkest = darkest.filter(ImageFilter.MinFilter(3))
        lightest = lightest.filter(ImageFilter.MaxFilter(3))
    over = ImageChops.lighter(ImageChops.subtract(a, lightest), ImageChops.subtract(darkest, a))
    most = over.split()
    worst = ImageChops.lighter(ImageChops.lighter(most[0], most[1]), most[2])
    return sum(worst.histogram()[SHADE + 1 :])


# ---- outputs ------------------------------------------------------------------------------


def output_difference(was: NotebookNode, now: NotebookNode, tolerance: float = 0.0) -> str | None:
    """What two outputs of a cell do not say alike, in words; None when they mean the same."""
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
        told = _data_difference(mime, was.data[mime], now.data[mime], tolerance)
        if told:
            return told
    return _metadata_difference(dict(was.metadata), dict(now.metadata), tolerance)


def _data_difference(mime: str, was, now, tolerance: float) -> str | None:
    if was == now:
        return None
    if mime == "image/png":
        return None if same_picture(was, now, tolerance) else f"{mime} is another picture"
    was, now = str(was), str(now)
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
