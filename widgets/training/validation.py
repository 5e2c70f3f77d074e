"""The instrument "validation": the loss on rows kept aside, and the step at which it was least.

Early stopping goes back to that step; the distance to the training loss is the gap.
"""

import numpy as np

from . import numbers
from .instrument import Instrument
from .scene import axis, log_domain, plot

NONE = "This data set has no validation rows: data.with_validation(0.2) sets a fifth aside."


class Validation(Instrument):
    """The validation loss at each sample, beside the training loss, and where it was least."""

    def __init__(self):
        self.losses: dict[int, float] = {}

    def look(self, view):
        if view.data.x_val is not None:
            self.losses[view.step] = view.evaluate("validation")[0]

    def forget(self, step):
        self.losses = {s: loss for s, loss in self.losses.items() if s <= step}

    def least(self, step: int) -> tuple[int, float, float] | None:
        """Return (step, loss there, loss now) of the least finite loss up to a step.

        None: there is none. Of equal losses the first counts.
        """
        past = {s: loss for s, loss in sorted(self.losses.items()) if s <= step}
        finite = [s for s, loss in past.items() if np.isfinite(loss)]
        if not finite:
            return None
        best = min(finite, key=past.__getitem__)
        return best, past[best], past[max(past)]

    def words(self, view):
        found = self.least(view.step)
        if found is None:
            return ""
        at, lowest, now = found
        return f"Validation loss {numbers.digits(now)}, {told(at, lowest, now)}."

    def strip(self, scene):
        view = scene.view
        if view.data.x_val is None:
            return {"kind": "note", "title": "validation", "words": NONE}
        steps = np.array(sorted(s for s in self.losses if s <= view.step), dtype=float)
        losses = np.array([self.losses[int(s)] for s in steps])
        labels = [{"label": name} if view.step else {} for name in ("train", "validation")]
        layers = scene.sampled("train", 1, "dotted", **labels[0])
        layers.append(scene.curve("validation", steps, losses, scene.hue, "solid", read=True,
                                  **labels[1]))  # fmt: skip
        title, found = "validation loss", self.least(view.step)
        if found is not None:
            at, lowest, now = found
            title += f": {told(at, lowest, now)}"
            if lowest > 0:  # a log axis has no place for 0
                layers.append({"kind": "level", "y": lowest, "hue": "limit", "look": "dotted"})
            mark = {"x": scene.put("least at", [float(at)]), "y": scene.put("least", [lowest])}
            layers.append({"kind": "points", **mark, "marker": "diamond", "hue": "limit",
                           "size": 5})  # fmt: skip
        low, high = log_domain(np.concatenate([losses, scene.samples[:, 1]]), 0.1, 3.0)
        return plot("validation", title, 110, axis("log", low, high), layers)


def told(at: int, lowest: float, now: float) -> str:
    """Return in words where a loss was least, and what it has become since."""
    words = f"least {numbers.digits(lowest)} at step {at:,}"
    if not np.isfinite(now):
        return f"{words}, not finite now"
    return f"{words}, × {now / lowest:.2f} since" if now > lowest > 0 else words
