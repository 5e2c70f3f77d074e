"""Drills with faults of our choice."""

from course.oncall import Fault, OnCall


def drill_with(*faults: Fault, steps: int = 0, seed: int = 0) -> OnCall:
    """Return a short drill in which only these faults strike, after some steps."""
    drill = OnCall("short", seed)
    drill.plan = list(faults)
    for _ in range(steps):
        drill.step()
    return drill


def fault(kind: str, slot: int = 2, at: float = 180.0, size: float = 0.5) -> Fault:
    """Return one fault; it strikes before about step 30."""
    return Fault(at, kind, slot, size)


def until_struck(drill: OnCall) -> OnCall:
    """Step until the first fault has struck, and the step after it is made."""
    while not drill.truth:
        assert drill.step()
    return drill
