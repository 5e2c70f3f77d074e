"""The live picture: one binary trait a frame, painted on canvases in the browser.

The browser answers with messages: which view looks, which frame it has painted, and what a hand
did. Never more than `WINDOW` frames are on their way to the fastest view that looks: a slow browser
gets fewer frames, not a queue, and a hidden one none.
"""

import time
from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from .frames import encode

HERE = Path(__file__).parents[1]
WINDOW = 14  # frames that may be on their way; a view answers every tenth
LOST = 10.0  # seconds without an answer after which a frame counts as lost, as after a reload


class Face(anywidget.AnyWidget):
    """Shows the picture that `show` was given last, and repaints it after a reload.

    Args:
        act: called as act(kind, content) for 'play', 'turn', 'plan', 'guess' and 'go_to' (see
            `picture`).

    Attributes:
        seq: the number of the last frame.
        alive: whether a browser has ever answered: it has custom widgets.
        calm: whether the reader prefers reduced motion.
    """

    _esm = HERE / "training" / "face.js"
    _css = HERE / "common" / "face.css"
    frame = traitlets.Bytes(b"").tag(sync=True)
    copied = traitlets.Unicode("").tag(sync=True)

    def __init__(self, act: Callable[[str, dict], None]):
        super().__init__()
        self.seq, self.sent_at, self.alive, self.calm = 0, 0.0, False, False
        self._act = act
        self._heard: dict[tuple, int] = {}  # (view, kind, knob): the last message
        self._views: dict[str, int | None] = {}  # view: the frame it has painted; None: hidden
        self.on_msg(lambda _, content, buffers: self._hear(content))

    def _hear(self, content: dict) -> None:
        kind, view, self.alive = content.get("kind"), str(content.get("view")), True
        if kind in ("see", "ack"):
            if not self._is_newest("see", content):
                return
            seq = content.get("seq")
            first = view not in self._views
            self._views[view] = seq if isinstance(seq, int) else None
            if first or kind == "see":
                self._act("see", content)
        elif kind == "calm":
            self.calm = bool(content.get("on"))
        elif self._is_newest(str(kind), content):
            self._act(str(kind), content)

    def _is_newest(self, kind: str, content: dict) -> bool:
        """Return whether no later message of a view about the same was heard before this one.

        Callbacks may run in several threads of the kernel, in any order.
        """
        about, count = (content.get("view"), kind, content.get("knob")), content.get("count")
        if not isinstance(count, int):
            return True
        newest = count > self._heard.get(about, 0)
        self._heard[about] = max(count, self._heard.get(about, 0))
        return newest

    @property
    def visible(self) -> bool:
        """Whether any view looks, or none has told yet."""
        seen = list(self._views.values())
        return not seen or any(seq is not None for seq in seen)

    def ready(self) -> bool:
        """Return whether a view looks and has painted nearly all frames (or one was lost)."""
        seen = [seq for seq in list(self._views.values()) if seq is not None]
        if not seen:
            return self.visible and self.seq < WINDOW
        late = time.monotonic() - self.sent_at > LOST
        return self.seq - max(seen) < WINDOW or late

    def show(self, picture: dict) -> None:
        """Send a picture (see `picture`)."""
        self.seq += 1
        self.sent_at = time.monotonic()
        self.frame = encode(picture, self.seq)

    def copy(self, text: str) -> None:
        """Put a text on the browser's clipboard."""
        self.copied = ""
        self.copied = text
