"""One training step, in nine ways to need less memory: measured, and by formula.

from course.planner.ways import SMALL, WAYS, compare_ways, expect_step, measure_step

print(compare_ways())  # each way's bytes by kind, and how far the formula is off
print(measure_step(WAYS["checkpointing"]).kinds)

steps → counting → measuring       the step written out, its memory counted
expecting → table                  the formula, and both side by side
"""

from .counting import ByteCounter
from .expecting import expect_step, kept_by_layer
from .measuring import SMALL, Measured, measure_step
from .steps import WAYS, Step, Way
from .table import compare_ways

__all__ = [
    "SMALL", "WAYS", "ByteCounter", "Measured", "Step", "Way", "compare_ways", "expect_step",
    "kept_by_layer", "measure_step",
]  # fmt: skip
