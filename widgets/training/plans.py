"""Plans: the future of a knob, drawn as a line through points."""

import math
from typing import Any

from course import CourseError
from course.errors import check_choice, real_number
from course.errors import shown as as_words
from course.optim.schedules import LATEST, Points, Schedule
from course.training.knobs import schedules

SCALES = {"lr": "log", "threshold": "log", "momentum": "memory"}  # as in the lanes
MOST = 60  # points of a plan


def schedule(trainer, knob: str, points: Any) -> Schedule | float:
    """Return the schedule that holds a knob until its first point and then follows the points.

    Args:
        trainer: the run; only the thread that steps may hand it over.
        knob: a name of `SCALES`.
        points: [[step, value], …]; empty: the present value, as a number.

    Raises:
        CourseError: for another knob, and points that are past, not in order, or not numbers.
    """
    check_choice("the knob of a plan", knob, tuple(SCALES))
    here, now = trainer.step_count, float(trainer.knobs()[knob])
    wanted = check_points(points, here)
    if not wanted:
        return now
    first = wanted[0][0]
    held = [(here, now)] if here < first else []
    if first - 1 > here:
        held.append((first - 1, now))  # a jump, not a slope, to where the hand began
    scale = SCALES[knob] if now > 0 or SCALES[knob] != "log" else "linear"  # no logarithm of 0
    return Points(tuple(held + thinned(wanted, MOST)), scale)


def check_points(points: Any, here: int) -> list[tuple[int, float]]:
    """Return drawn points as (whole step, value) pairs, one a step, from the present step on.

    A value that is NaN leaves its point out.

    Raises:
        CourseError: for what is not a list of pairs of finite numbers, and when none is to come.
    """
    if not isinstance(points, list) or len(points) > 10_000:
        raise CourseError(f"the drawn points are a {type(points).__name__}; allowed: a list of up "
                          "to 10,000 [step, value] pairs")  # fmt: skip
    found: dict[int, float] = {}
    for pair in points:
        try:
            step, value = pair
            step, value = round(float(real_number(step))), float(real_number(value))
            possible = step <= LATEST and not math.isinf(value)
        except (TypeError, ValueError, OverflowError):
            possible = False
        if not possible:
            raise CourseError(f"the drawn point {as_words(pair)} is not a [step, value] pair of "
                              "finite numbers; draw the line again")  # fmt: skip
        if step >= here and not math.isnan(value):
            found[step] = value
    if points and not found:
        raise CourseError(f"the drawn line has no point from step {here:,} on; draw it at steps to "
                          "come")  # fmt: skip
    return sorted(found.items())


def thinned(points: list, most: int) -> list:
    """Return at most `most` of the points, the first and the last among them."""
    if len(points) <= most:
        return points
    places = [round(i * (len(points) - 1) / (most - 1)) for i in range(most)]
    return [points[i] for i in places]


def standing(trainer) -> dict[str, Schedule]:
    """Return the schedules that knobs with a lane follow now."""
    return {knob: s for knob, s in schedules(trainer).items() if knob in SCALES}


def shown(trainer, end: int) -> dict[str, list]:
    """Return {knob: [[step, value], …]} of what is planned from now to the end of the axis."""
    here, plans = trainer.step_count, {}
    for knob, plan in standing(trainer).items():
        if isinstance(plan, Points):
            drawn = plan.points[held(plan) :]
            corners = [step for step, _ in drawn if here < step]
            begun = drawn[0][0] <= here
        else:
            corners = sorted({here + round((end - here) * i / 24) for i in range(1, 25)} - {here})
            begun = True
        if corners:
            steps = [here, *corners] if begun else corners
            plans[knob] = [[step, plan.value(step)] for step in steps]
    return plans


def held(plan: Points) -> int:
    """Return how many points `schedule` has put before those that were drawn."""
    values = [value for _, value in plan.points]
    if len(values) > 2 and values[0] == values[1]:
        return 2
    return int(len(values) > 1 and plan.points[1][0] == plan.points[0][0] + 1)
