"""A run in numbers and in words: the headline, and the sentence that says it all."""

import math

from . import marks
from .strips import was_clipped

RECENT = 100  # steps whose share of clipped ones is told


def heads(view) -> list[tuple[str, str]]:
    """Return the headline numbers: step, losses, accuracy, and the share of clipped steps."""
    last = view.past[-1] if view.past else None
    found = [("step", f"{view.step:,}"), ("batch loss", batch_loss(view))]
    if last is not None:
        found.append(("test loss", digits(last.test_loss)))
        if math.isfinite(last.test_accuracy):
            found.append(("test accuracy", f"{last.test_accuracy:.1%}"))
    found.append((f"clipped, last {RECENT}", f"{clipped(view):.0%}"))
    return found


def batch_loss(view) -> str:
    return digits(float(view.numbers[-1, 0])) if view.step and len(view.numbers) else "–"


def digits(value: float) -> str:
    """Return three digits: 0.559, 12.3, 1.2e-5."""
    if not math.isfinite(value):
        return "not finite"
    return f"{value:.3f}" if 0.001 <= abs(value) < 10 else marks.short(value)


def clipped(view) -> float:
    """Return the share of the last steps that were clipped."""
    rows = view.numbers[-RECENT:]
    return float(was_clipped(rows).mean()) if len(rows) else 0.0


def divergence(step: int, rate: float) -> str:
    """Return what to do about numbers that are not finite from a step on."""
    return (f"Diverged: from step {step:,} on the loss or its gradient is not a finite number. The "
            f"learning rate {marks.short(rate)} is too high for this network: go back to the last "
            "turn, then lower it, or switch clipping on.")  # fmt: skip


def sentence(view) -> str:
    """Return the state in words, for every reader and for a screen reader."""
    knobs, last = view.knobs, view.past[-1] if view.past else None
    parts = [f"Step {view.step:,}."]
    if last is not None:
        right = last.test_accuracy
        share = f", {right:.1%} right" if math.isfinite(right) else ""
        parts.append(f"Test loss {digits(last.test_loss)}{share}.")
    rate = f"Learning rate {marks.short(knobs['lr'])}"
    if last is not None and knobs["lr"] >= 0.005 * last.edge:  # of a flat spot it is far off
        rate += f", {knobs['lr'] / last.edge:.0%} of the edge of stability"
    clip = "no clipping" if knobs["clip"] == "off" else (
        f"clipping by {knobs['clip']} at {marks.short(knobs['threshold'])}, "
        f"{knobs['clip_order']} momentum")  # fmt: skip
    parts.append(f"{rate}; momentum {marks.short(knobs['momentum'])}; {clip}.")
    return " ".join(parts)
