"""On call: four ranks really train, faults arrive at published rates, and somebody has to act.

    from course.oncall import Autopilot, OnCall, fly, replay

    drill = fly(Autopilot(), OnCall("short", seed=0))
    print(drill.score())  # goodput, and where the time went

It reads from the bottom up: faults (what fails, and how often), machines and feed (what they harm),
score (what counts), job (training, until it stops), actions, drill, policies.
"""

from .drill import OnCall, healthy_loss, replay
from .faults import DRILLS, KINDS, STANDS_FOR, STEP, Fault, plan_faults, rates
from .policies import Autopilot, Perfect, fly, nothing
from .records import Checkpoint, Reading, Struck
from .score import PARTS, Score

__all__ = [
    "DRILLS", "KINDS", "PARTS", "STANDS_FOR", "STEP", "Autopilot", "Checkpoint", "Fault",
    "OnCall", "Perfect", "Reading", "Score", "Struck", "fly", "healthy_loss", "nothing",
    "plan_faults", "rates", "replay",
]  # fmt: skip
