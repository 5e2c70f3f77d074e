"""Pipeline schedules: which rank works on which micro-batch, in which order.

A stage is some layers, and stage s lies on rank s mod p. A schedule is a list of actions a rank:

    F i    forward of micro-batch i        B i    backward of micro-batch i
    I i    its gradient by the input       W i    its gradient by the weights: I and W make a B

    gpipe          all forward, then all backward; m micro-batches are in flight
    1f1b           each rank goes backward as soon as it can; at most p are in flight. The idle
                   share is that of gpipe: (p - 1)/(m + p - 1)
    interleaved    v stages a rank: the idle share shrinks to (p - 1)/(v·m + p - 1)
    zero_bubble    W needs nobody else's numbers and fills the gaps

Source: Huang et al. (2019) for gpipe; Narayanan et al. (2021), section 2.2, for 1f1b and
interleaved; Qi et al. (2024) for zero_bubble (ZB-H1).
"""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import CourseError, check_choice, check_count, check_number, shown


class Action(NamedTuple):
    """One piece of work. kind: 'F', 'B', 'I' or 'W'; chunk: which of the rank's stages."""

    kind: str
    micro: int
    chunk: int = 0


Schedule = list[list[Action]]
MOST_ACTIONS = 10**6


def micro_name(micro: int, chunk: int, chunks: int) -> str:
    """Return the name of a micro-batch on a rank: '3', or '3b' on the second of several stages."""
    letter = "abcdefghij"[chunk : chunk + 1] or f".{chunk}"
    return f"{micro}{letter}" if chunks > 1 else f"{micro}"


def gpipe(p: int, m: int) -> Schedule:
    """Return all forwards, then all backwards, on each of p ranks, with m micro-batches."""
    one = [Action("F", i) for i in range(m)] + [Action("B", i) for i in range(m)]
    return [list(one) for _ in range(p)]


def one_forward_one_backward(p: int, m: int) -> Schedule:
    """Return p - 1 - r forwards on rank r, then one forward and one backward in turn."""
    return [alternate([Action("F", i) for i in range(m)], [Action("B", i) for i in range(m)],
                       p - 1 - r) for r in range(p)]  # fmt: skip


def interleaved(p: int, m: int, v: int) -> Schedule:
    """Return 1f1b with v stages a rank; the micro-batches go through in groups of p.

    Raises:
        CourseError: unless p divides m.
    """
    if m % p:
        raise CourseError(
            f"interleaved with {p} ranks needs micro-batches in groups of {p}, and got {m}; take "
            f"{-(-m // p) * p}"
        )
    order = [(g * p + i, chunk) for g in range(m // p) for chunk in range(v) for i in range(p)]
    forward = [Action("F", i, chunk) for i, chunk in order]
    backward = [Action("B", i, v - 1 - chunk) for i, chunk in order]
    return [alternate(forward, backward, 2 * (p - 1 - r) + (v - 1) * p) for r in range(p)]


def alternate(forward: list[Action], backward: list[Action], warm_up: int) -> list[Action]:
    """Return some forwards, then one forward and one backward in turn, then what is left."""
    warm_up = min(warm_up, len(forward))
    pairs = zip(forward[warm_up:], backward, strict=False)
    steady = [action for pair in pairs for action in pair]
    return forward[:warm_up] + steady + backward[len(forward) - warm_up :]


def zero_bubble(p: int, m: int) -> Schedule:
    """Return a schedule in which W fills the gaps of 1f1b, and at most p micro-batches are kept.

    Rank r begins with p - r forwards, and puts its first r W off. So every rank keeps p
    micro-batches while all are busy.
    """
    return [_fill(r, p, m) for r in range(p)]


def _fill(r: int, p: int, m: int) -> list[Action]:
    turns = "F" * (p - r) + "IF" * r + "IWF" * m + "W" * m
    count = {"F": 0, "I": 0, "W": 0}
    actions = []
    for kind in turns:
        if count[kind] < (count["I"] if kind == "W" else m):
            actions.append(Action(kind, count[kind]))
            count[kind] += 1
    return actions


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "gpipe": gpipe, "1f1b": one_forward_one_backward, "interleaved": interleaved,
    "zero_bubble": zero_bubble,
}  # fmt: skip


def make_schedule(name: str, p: int, m: int, v: int = 1) -> Schedule:
    """Return the schedule of that name.

    Args:
        name: 'gpipe', '1f1b', 'interleaved' or 'zero_bubble'.
        p: ranks.
        m: micro-batches.
        v: stages a rank; more than 1 only if interleaved.

    Raises:
        CourseError: for an unknown name, or numbers that do not fit.
    """
    check_choice("schedule", name, SCHEDULES)
    p = check_count("ranks", p, 1, 10**4, "of the pipeline")
    m = check_count("micro_batches", m, 1, 10**5, "parts of one batch")
    v = check_count("chunks", v, 1, 100, "stages a rank")
    if p * m * v > MOST_ACTIONS:
        raise CourseError(
            f"{p} ranks × {m} micro-batches × {v} stages a rank are more than {MOST_ACTIONS:,} "
            "pieces of work; take fewer of one"
        )
    if name == "interleaved":
        return interleaved(p, m, v)
    if v != 1:
        raise CourseError(f"{name} has one stage a rank, not {v}; take schedule='interleaved'")
    return SCHEDULES[name](p, m)


class Timing(NamedTuple):
    """A schedule on a clock that ticks in whole units.

    Attributes:
        span: when the last rank is done.
        idle: the share of the span in which ranks wait, the mean over them: the bubble.
        in_flight: the most micro-batches whose activations each rank keeps at a time.
        starts: when each action begins, by rank.
    """

    span: int
    idle: float
    in_flight: list[int]
    starts: list[list[int]]


def time_schedule(schedule: Schedule, costs: dict[str, int] | None = None) -> Timing:
    """Run a schedule on a clock: an action begins when its rank is free and its input is there.

    Args:
        schedule: of `make_schedule`.
        costs: the units of a kind of action, above 0; default: F 1, I 1, W 1, B 2. Messages take
            no time.

    Raises:
        CourseError: for a schedule in which ranks wait for each other for ever, and other costs.
    """
    if not isinstance(costs, dict | None):
        raise CourseError(f"costs = {shown(costs)}; allowed: a dict, as {{'F': 1, 'B': 2}}")
    rows = schedule if isinstance(schedule, list) else [schedule]
    if not all(isinstance(row, list) and all(isinstance(a, Action) for a in row) for row in rows):
        raise CourseError(
            f"schedule = {shown(schedule)}; allowed: a list of actions for each rank, as "
            "make_schedule(…) gives it"
        )
    units: dict = {"F": 1, "I": 1, "W": 1, "B": 2}
    for kind, cost in (costs or {}).items():
        units[check_choice("kind of action", kind, tuple(units))] = cost
        check_number(f"cost of {kind}", cost, 1e-9, 1e9, "units of time")
    if not schedule or not all(schedule):
        raise CourseError("the schedule has a rank without actions; take make_schedule(…)")
    p, last = len(schedule), len(schedule) * max(a.chunk + 1 for a in schedule[0]) - 1
    ended: dict[tuple[str, int, int], int] = {}
    clock, position = [0] * p, [0] * p
    starts: list[list[int]] = [[] for _ in range(p)]
    while any(position[r] < len(schedule[r]) for r in range(p)):
        moved = False
        for r in range(p):
            while position[r] < len(schedule[r]):
                action = schedule[r][position[r]]
                ready = _ready(action, action.chunk * p + r, last, ended)
                if ready is None:
                    break
                start = max(clock[r], ready)
                clock[r] = start + units[action.kind]
                kind = "B" if action.kind == "I" else action.kind
                ended[kind, action.chunk * p + r, action.micro] = clock[r]
                starts[r].append(start)
                position[r] += 1
                moved = True
        if not moved:
            waiting = [(r, schedule[r][position[r]]) for r in range(p)
                       if position[r] < len(schedule[r])]  # fmt: skip
            stuck = ", ".join(f"rank {r} before {a.kind}{a.micro}" for r, a in waiting)
            raise CourseError(f"the schedule never ends: these wait for each other: {stuck}")
    busy = sum(units[a.kind] for actions in schedule for a in actions)
    span = max(clock)
    return Timing(span, 1 - busy / (p * span), [most_in_flight(a) for a in schedule], starts)


def _ready(action: Action, stage: int, last: int, ended: dict) -> int | None:
    """Return when the input of an action is there; None if that is not known yet."""
    if action.kind == "W":
        return ended.get(("B", stage, action.micro))
    if action.kind == "F":
        return 0 if stage == 0 else ended.get(("F", stage - 1, action.micro))
    mine = ended.get(("F", stage, action.micro))
    above = mine if stage == last else ended.get(("B", stage + 1, action.micro))
    return None if mine is None or above is None else max(mine, above)


def most_in_flight(actions: list[Action]) -> int:
    """Return the most micro-batches of which a rank keeps activations at a time.

    They are kept until B, or until W where backward is split.
    """
    split = any(a.kind == "W" for a in actions)
    now = most = 0
    for action in actions:
        now += (action.kind == "F") - (action.kind == ("W" if split else "B"))
        most = max(most, now)
    return most
