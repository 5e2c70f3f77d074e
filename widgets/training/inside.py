"""Instruments for modules that are met in chapter 5_1: what is inside, and what a GPT writes.

"inside" draws the pictures that a module gives of itself (`course.architectures.inside`): filters,
unrolled states, maps of attention. "text" lets a GPT write at each sample of the run.
"""

import numpy as np
import torch

from course import CourseError
from course.architectures.gpt import GPT
from course.architectures.sampling import share_of_repeats, write
from course.architectures.text import END, share_right

from . import side
from .instrument import Instrument

ROWS = 4  # test rows that a module may look at
SMALL, LARGE = 8, 120  # columns of a small image; px of a larger one on the page
LENGTH = 60  # characters that are written
TEMPERATURES = {"greedy": 0.0, "at temperature 0.7": 0.7}


@torch.no_grad()
def inside(view, arrays: dict) -> list[dict]:
    """Return the pictures that a module gives of its inside for the first test rows."""
    model = view.model
    module = getattr(model, "module", None)
    if module is None or not hasattr(module, "inside"):
        raise CourseError(
            f"{type(module or model).__name__} shows nothing of its inside; give the lab an "
            "adopted module with a method inside(x), as those of course.architectures"
        )
    x, _ = model.encode(view.data.x_test[:ROWS], view.data.y_test[:ROWS])
    panels = []
    for i, picture in enumerate(module.eval().inside(x)):
        values = picture.values.detach().float().cpu().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        if picture.signed:
            scaled = values * (127 / values.abs().max().clamp(min=1e-12)) + 128
            pixels = np.rint(scaled.numpy()).astype(np.uint8)
        else:
            pixels = side.byte(values)
        arrays[f"inside{i}"] = pixels.reshape(len(values), -1)
        panel = {"kind": "tiles", "title": picture.title, "pixels": f"inside{i}",
                 "shape": list(values.shape),
                 "colours": "signed" if picture.signed else "grey",
                 "largest": LARGE if values.shape[-1] > SMALL else LARGE // 2}  # fmt: skip
        panels.append(panel | ({"captions": [*picture.captions]} if picture.captions else {}))
    return panels


class Text(Instrument):
    """What a GPT writes at each sample: greedy, and at a temperature of 0.7."""

    def __init__(self):
        self.texts: dict[int, dict[str, str]] = {}

    def look(self, view):
        module = getattr(view.model, "module", None)
        if isinstance(module, GPT) and bool(view.model.theta.isfinite().all()):
            module.eval()
            self.texts[view.step] = {
                name: write(module, END, LENGTH, temperature)
                for name, temperature in TEMPERATURES.items()
            }

    def forget(self, step):
        self.texts = {s: texts for s, texts in self.texts.items() if s <= step}

    def last(self, step: int) -> tuple[int, dict[str, str]] | None:
        """Return (step, texts by name) of the last sample up to a step; None: there is none."""
        past = [s for s in self.texts if s <= step]
        return (max(past), self.texts[max(past)]) if past else None

    def panels(self, view, arrays):
        found = self.last(view.step)
        if found is None:
            words = "Only a GPT writes, and only while its weights are finite numbers."
            return [{"kind": "note", "title": "text", "words": words}]
        step, texts = found
        return [
            {"kind": "note", "title": f"written {name}, after step {step:,}",
             "words": f"{spaced(text)} ({told(text)})"}
            for name, text in texts.items()
        ]  # fmt: skip

    def words(self, view):
        found = self.last(view.step)
        if found is None:
            return ""
        return " ".join(f"Written {name}: {spaced(text)}" for name, text in found[1].items())


def spaced(text: str) -> str:
    """Return a text with room after each item, so that a line can break there."""
    return text.replace(END, f"{END} ").rstrip()


def told(text: str) -> str:
    """Return in words how many items are right and how much repeats itself."""
    right = share_right(END + text)
    items = "no whole item" if right != right else f"{right:.0%} of the items right"
    return f"{items}, {share_of_repeats(text):.0%} repeated"
