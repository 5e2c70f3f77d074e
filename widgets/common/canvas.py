"""The live painter: one binary trait a frame goes to a canvas drawn in the browser.

A frame is a 4-byte little-endian header length, a JSON header padded to a multiple of four, and
one payload of float32 and uint8 arrays. The browser answers with the number of the frame it has
painted ({"ack": number}), for every third: an answer costs JupyterLab more than a painting. Never
more than `window` frames are on their way, so a slow browser gets fewer frames, not a queue, and a
hidden one none.
"""

import json
import struct
import time
from pathlib import Path

import anywidget
import numpy as np
import traitlets

HERE = Path(__file__).parents[1]
LOST = 10.0  # seconds without an answer after which a frame counts as lost, as after a reload


def module(*names: str) -> str:
    """One ES module, kept in several files that a reader can hold; what is used comes first."""
    return "\n".join((HERE / name).read_text("utf-8") for name in names)


class Canvas(anywidget.AnyWidget):
    """Shows the picture that `send_picture` was given last; repaints it after a reload.

    visible: whether anybody can see it. calm: the reader prefers reduced motion.
    """

    window = 6  # frames that may be on their way: fewer than half a second's
    _css = HERE / "common" / "canvas.css"
    frame = traitlets.Bytes(b"").tag(sync=True)
    ack = traitlets.Int(0)  # by message: ipywidgets would echo a synced trait at every frame
    visible = traitlets.Bool(True).tag(sync=True)
    calm = traitlets.Bool(False).tag(sync=True)

    def __init__(self):
        super().__init__()
        self.seq, self.sent_at = 0, 0.0
        self.on_msg(lambda _, content, buffers: self._painted(content.get("ack")))

    def _painted(self, seq) -> None:
        if isinstance(seq, int):
            self.ack = seq

    def ready(self) -> bool:
        """True when somebody looks and has painted nearly all frames (or one was lost)."""
        late = time.monotonic() - self.sent_at > LOST
        return self.visible and (self.seq - self.ack < self.window or late)

    def send_picture(self, picture: dict) -> None:
        """Send a picture (see `picture.py`)."""
        self.seq += 1
        self.sent_at = time.monotonic()
        self.frame = encode(picture, self.seq)


def encode(picture: dict, seq: int) -> bytes:
    """Picture → bytes. Arrays go into the payload, all else into the header.

    In the header an array is [place in bytes, length, 0 for float32 or 1 for uint8]; each is
    padded to a multiple of four.
    """
    arrays, parts, at = {}, [], 0
    for name, values in picture["arrays"].items():
        small = np.asarray(values).dtype == np.uint8
        flat = np.ascontiguousarray(values, dtype="u1" if small else "<f4").ravel()
        data = flat.tobytes()
        arrays[name] = [at, flat.size, int(small)]
        parts.append(data + b"\0" * (-len(data) % 4))
        at += len(parts[-1])
    rest = {k: v for k, v in picture.items() if k != "arrays"}
    header = json.dumps(
        {**rest, "seq": seq, "arrays": arrays}, separators=(",", ":"), ensure_ascii=False
    ).encode()
    header += b" " * (-len(header) % 4)
    return struct.pack("<I", len(header)) + header + b"".join(parts)


def decode(frame: bytes) -> dict:
    """Bytes → picture, as the browser reads it."""
    size = struct.unpack_from("<I", frame)[0]
    picture = json.loads(frame[4 : 4 + size])
    for name, (at, length, small) in picture["arrays"].items():
        kind = "u1" if small else "<f4"
        picture["arrays"][name] = np.frombuffer(frame, kind, length, 4 + size + at)
    return picture
