"""The live painter: one binary trait a frame goes to a canvas drawn in the browser.

A frame is a 4-byte little-endian header length, a JSON header padded to a multiple of four, and
one float32 payload. The browser answers with the number of the frame it has painted (`ack`); no
new frame is sent before that, so a slow browser gets fewer frames, never a queue.
"""

import json
import struct
import time
from pathlib import Path

import anywidget
import numpy as np
import traitlets


class Canvas(anywidget.AnyWidget):
    """Shows the picture that `send` was given last; repaints it after a reload."""

    _esm = Path(__file__).parent / "canvas.js"
    frame = traitlets.Bytes(b"").tag(sync=True)
    ack = traitlets.Int(0).tag(sync=True)

    def __init__(self, patience: float = 1.0):
        super().__init__()
        self.seq, self.patience = 0, patience
        self.sent_at = 0.0

    def ready(self) -> bool:
        """True when the last frame is painted, or has been on its way for too long."""
        return self.ack >= self.seq or time.monotonic() - self.sent_at > self.patience

    def send_picture(self, picture: dict) -> None:
        """Send a picture (see `picture.py`)."""
        self.seq += 1
        self.sent_at = time.monotonic()
        self.frame = encode(picture, self.seq)


def encode(picture: dict, seq: int) -> bytes:
    """Picture → bytes. Arrays go into the payload, all else into the header."""
    arrays, parts, at = {}, [], 0
    for name, values in picture["arrays"].items():
        flat = np.ascontiguousarray(values, dtype="<f4").ravel()
        arrays[name] = [at, flat.size]
        at += flat.size
        parts.append(flat)
    rest = {k: v for k, v in picture.items() if k != "arrays"}
    header = json.dumps({**rest, "seq": seq, "arrays": arrays}).encode()
    header += b" " * (-len(header) % 4)
    return struct.pack("<I", len(header)) + header + b"".join(p.tobytes() for p in parts)


def decode(frame: bytes) -> dict:
    """Bytes → picture, as the browser reads it."""
    size = struct.unpack_from("<I", frame)[0]
    picture = json.loads(frame[4 : 4 + size])
    payload = np.frombuffer(frame, dtype="<f4", offset=4 + size)
    spans = picture["arrays"].items()
    picture["arrays"] = {name: payload[at : at + n] for name, (at, n) in spans}
    return picture
