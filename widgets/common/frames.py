"""Frames: a picture as bytes for the browser, and back.

A frame is a little-endian uint32, the length of the header; the header, JSON padded with blanks to
a multiple of four; and the arrays one after the other. The header is the picture itself with `seq`,
the number of the frame, and with its `arrays` replaced by their places, which equal arrays share:

    [place, length, 0]                      float32
    [place, length, 1]                      uint8
    [place, length, 2, scale, low, high]    uint16 q: low + q/65534 · (high - low); 65535 is NaN

Long float arrays are sent as uint16, on a logarithmic scale when all their numbers are positive and
span more than a factor of 10: the error is below a hundredth of a pixel, and a frame half as long.
What is not finite becomes NaN there.
"""

import json
import math
import struct

import numpy as np

FLOAT, BYTE, QUANTISED = 0, 1, 2
NAN = 65535
LEVELS = NAN - 1
SHORT = 4  # numbers: shorter arrays stay float32
HUGE = 1e300  # what is larger counts as infinite: the span of an array stays a number
TINY = 1e-300  # a shorter span is none


def encode(picture: dict, seq: int = 0) -> bytes:
    """Return the frame of a picture.

    Args:
        picture: plain JSON values, but for `arrays`: {name: array of uint8 or floats}.
        seq: the number of the frame.
    """
    places, parts, at = {}, {}, 0
    for name, values in picture["arrays"].items():
        data, kind = _packed(np.asarray(values))
        data += b"\0" * (-len(data) % 4)
        if data not in parts:  # curves over the same steps share them
            parts[data] = at
            at += len(data)
        places[name] = [parts[data], np.size(values), *kind]
    rest = {key: value for key, value in picture.items() if key != "arrays"}
    words = {**rest, "seq": seq, "arrays": places}
    header = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 4)
    return struct.pack("<I", len(header)) + header + b"".join(parts)


def _packed(values: np.ndarray) -> tuple[bytes, list]:
    """Return (bytes, [type, …]) of one array."""
    if values.dtype == np.uint8:
        return values.tobytes(), [BYTE]
    values = np.asarray(values, dtype=float).ravel()
    if values.size <= SHORT:
        return _floats(values)
    low, high = values.min(), values.max()
    seen, fine = None, values
    if not (low > -HUGE and high < HUGE):  # so is NaN
        seen = np.abs(values) < HUGE
        fine = values[seen]
        low, high = (fine.min(), fine.max()) if fine.size else (np.nan, np.nan)
    if not fine.size:
        return _floats(values)
    scale = "log" if low > 0 and high > 10 * low else "linear"
    if scale == "log":
        fine, low, high = np.log10(fine), math.log10(low), math.log10(high)
    low, high = float(f"{low:.9g}"), float(f"{high:.9g}")  # as the header has them
    levels = (fine - low) * (LEVELS / (high - low)) if high - low > TINY else 0 * fine
    levels = np.minimum(np.maximum(np.rint(levels), 0), LEVELS).astype("<u2")
    if seen is not None:
        found, levels = levels, np.full(values.size, NAN, "<u2")
        levels[seen] = found
    return levels.tobytes(), [QUANTISED, scale, low, high]


def _floats(values: np.ndarray) -> tuple[bytes, list]:
    with np.errstate(over="ignore"):
        return values.astype("<f4").tobytes(), [FLOAT]


def decode(frame: bytes) -> dict:
    """Return the picture of a frame, as the browser reads it."""
    size = struct.unpack_from("<I", frame)[0]
    picture = json.loads(frame[4 : 4 + size])
    for name, (at, length, kind, *more) in picture["arrays"].items():
        number = np.dtype({FLOAT: "<f4", BYTE: "u1", QUANTISED: "<u2"}[kind])
        values = np.frombuffer(frame, number, length, 4 + size + at)
        if kind == QUANTISED:
            scale, low, high = more
            places = low + values / LEVELS * (high - low)
            places = np.where(values == NAN, np.nan, places)
            values = 10**places if scale == "log" else places
        picture["arrays"][name] = values
    return picture
