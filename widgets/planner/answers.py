"""What a spec comes to, without the planner's words: a plan, and where its seconds go."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from course import CourseError
from course.planner.layer_time import layer_time
from course.planner.layout import Layout
from course.planner.machine import Machine
from course.planner.planning import nothing_fits
from course.planner.plans import Plan, evaluate
from course.planner.searching import best_plan, search, smallest
from course.planner.spec import Spec


class Causes(NamedTuple):
    """Seconds of a step by what they go to; they add up to the step."""

    computation: float
    """Forward and backward passes of the layers."""
    recomputation: float
    """What is computed again in the backward pass."""
    tensor: float
    """Traffic of tensor-parallel ranks that is not hidden."""
    head: float
    """Logits and loss."""
    messages: float
    """Between stages of the pipeline, unless hidden."""
    bubble: float
    """In which a rank of the pipeline waits."""
    data: float
    """Gradients and weights between replicas, unless hidden."""
    optimiser: float
    """The update."""


@dataclass(frozen=True)
class Answer:
    """What a spec comes to.

    Attributes:
        plan: of the layout that is given or found; the smallest one if none fits.
        why_not: why no layout fits, when the planner has searched in vain; else "".
    """

    plan: Plan
    why_not: str = ""


def answer(spec: Spec) -> Answer:
    """Return the plan of a spec, without the planner's words; they take longer.

    Raises:
        CourseError: when no layout divides the devices.
    """
    if isinstance(spec.layout, Layout):
        return Answer(evaluate(spec, spec.layout))
    best = best_plan(spec)
    if best is not None:
        return Answer(best)
    why_not, least = nothing_fits(spec, search(spec)), smallest(spec)
    if least is None:
        raise CourseError(why_not)
    return Answer(least, why_not)


def causes(plan: Plan) -> Causes:
    """Return where the seconds of a step go; the layers' are divided further."""
    spec, layout, times = plan.spec, plan.layout, plan.times
    machine = spec.machine
    silent = replace(machine.stack, without=machine.stack.without | {"tensor traffic"})
    quiet = layer_time(spec.model, layout, Machine(machine.device, silent, machine.eight_bits))
    n = layout.micro_batches(spec.batch) * layout.stage_layers(spec.model.layers)
    again, computing = n * quiet.again, n * (quiet.forward + quiet.backward)
    return Causes(
        computing, again, max(0.0, times.layers - computing - again), times.head, times.messages,
        times.bubble, times.data_parallel, times.optimiser,
    )  # fmt: skip
