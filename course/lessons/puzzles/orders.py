"""Puzzles whose answer is a schedule of one's own: for each rank, actions in an order."""

import re
from functools import partial
from itertools import product
from typing import Any

from ...errors import CourseError, shown
from ...parallel.in_turn import Costs, InTurn
from ...parallel.pipeline import Pipeline
from ...parallel.schedules import Action, Schedule, make_schedule, most_in_flight, time_schedule
from .puzzle import Best, Puzzle, Score, Targets, fastest_within
from .scene import Scene

FAST = Costs(1e-9, 1e13, 1e10)  # messages take next to nothing
SCENE = Scene((*(64,) * 6, 10), 48, 3, FAST)
MICRO = 6
FORM = (
    'The answer is a list of three texts, one for each rank, as "F0 F1 B0 F2 B1 …": F forward, B '
    "backward, and the number of the micro-batch, 0 to 5"
)


def read(answer: Any, split: bool) -> Schedule:
    """Return the schedule that three texts say.

    Args:
        answer: the learner's.
        split: whether I and W, the two halves of B, are allowed too.

    Raises:
        CourseError: for another form, an action that is missing, double or too early, and ranks
            that wait for each other for ever.
    """
    ranks = SCENE.ranks
    if (
        not isinstance(answer, list | tuple)
        or len(answer) != ranks
        or not all(isinstance(text, str) for text in answer)
    ):
        raise CourseError(f"{FORM}; this is {shown(answer)}.")
    schedule = [[action(word, rank, split) for word in re.split(r"[\s,]+", text.strip()) if word]
                for rank, text in enumerate(answer)]  # fmt: skip
    for rank, actions in enumerate(schedule):
        check_rank(rank, actions)
    time_schedule(schedule)  # which refuses one that never ends
    return schedule


def action(word: str, rank: int, split: bool) -> Action:
    """Return one action, or raise `CourseError`."""
    kinds = "FBIW" if split else "FB"
    if not re.fullmatch(rf"[{kinds}]\d+", word) or int(word[1:]) >= MICRO:
        raise CourseError(
            f"Rank {rank} has {shown(word)}; allowed: one of {', '.join(kinds)} and a number from "
            f"0 to {MICRO - 1}, as F0."
        )
    return Action(word[0], int(word[1:]))


def check_rank(rank: int, actions: list[Action]) -> None:
    """Raise `CourseError` unless a rank does everything once, in a possible order."""
    done: set[str] = set()
    for kind, micro, _ in actions:
        name = f"{kind}{micro}"
        if name in done:
            raise CourseError(f"Rank {rank} does {name} twice.")
        needs = {"F": [], "B": ["F"], "I": ["F"], "W": ["I"]}[kind]
        for needed in needs:
            if f"{needed}{micro}" not in done:
                raise CourseError(f"Rank {rank} does {name} before {needed}{micro}.")
        done.add(name)
        if kind in "IW" and f"B{micro}" in done or kind == "B" and f"I{micro}" in done:
            raise CourseError(f"Rank {rank} does B{micro} and its half I{micro}: take one.")
    for micro in range(MICRO):
        back = f"B{micro}" in done or {f"I{micro}", f"W{micro}"} <= done
        if f"F{micro}" not in done or not back:
            what = "forward" if f"F{micro}" not in done else "backward, or half of it,"
            raise CourseError(f"On rank {rank} the {what} of micro-batch {micro} is missing.")


def run(schedule: Schedule) -> Score:
    """Return what a pipeline takes in this order."""

    def make(comm, network):
        model = Pipeline(comm, network, MICRO, "gpipe")
        model.actions = schedule[comm.rank]
        return model

    return SCENE.own(make)


def texts(schedule: Schedule) -> str:
    """Return a schedule as a learner would write it."""
    return str([" ".join(f"{a.kind}{a.micro}" for a in actions) for actions in schedule])


def run_order(answer: Any, split: bool) -> Score:
    """Return what an answer takes."""
    return run(read(answer, split))


# ---- a search ----------------------------------------------------------------------------------

Seconds = list[dict[str, float]]  # of each rank, by kind of action


def stage_seconds() -> Seconds:
    """Return how long each action takes on each rank, by its FLOPs."""
    network = SCENE.network()

    def program(comm):
        work = Pipeline(comm, network, MICRO, "gpipe").stages[0].work
        rows = SCENE.batch // MICRO / SCENE.costs.flops_per_second
        return {"F": work.forward * rows, "I": work.by_input * rows, "W": work.by_weights * rows}

    return InTurn(SCENE.ranks).run(program)


def greedy(seconds: Seconds, caps: tuple[int, ...], first: str) -> tuple[float, Schedule]:
    """Return a time and a schedule: each rank does what it can, as soon as it can.

    Args:
        seconds: see `stage_seconds`.
        caps: the most micro-batches that each rank keeps.
        first: which kinds of action go first, as 'IFW'.
    """
    p = len(seconds)
    ended: dict[tuple[str, int, int], float] = {}
    clock = [0.0] * p
    made: Schedule = [[] for _ in range(p)]
    count = [dict.fromkeys("FIW", 0) for _ in range(p)]

    def ready(kind: str, r: int) -> float | None:
        """Return when rank r can begin its next action of a kind; None: nobody knows yet."""
        i = count[r][kind]
        if i == MICRO or (kind == "F" and i - count[r]["W"] >= caps[r]):
            return None
        needs = [("I", r, i)] if kind == "W" else [("F", r, i)] if kind == "I" else []
        needs += [("F", r - 1, i)] if kind == "F" and r else []
        needs += [("I", r + 1, i)] if kind == "I" and r < p - 1 else []
        if any(need not in ended for need in needs):
            return None
        return max([clock[r], *(ended[need] for need in needs)])

    while any(len(actions) < 3 * MICRO for actions in made):
        options = [(at, first.index(kind), r, kind) for r in range(p) for kind in first
                   if (at := ready(kind, r)) is not None]  # fmt: skip
        at, _, r, kind = min(options)
        i = count[r][kind]
        clock[r] = ended[kind, r, i] = at + seconds[r][kind]
        made[r].append(Action(kind, i))
        count[r][kind] += 1
    return max(clock), made


def candidates(n_bytes: int) -> list[Schedule]:
    """Return the five fastest greedy schedules that keep the memory target, by the formulas."""
    all_kept = run(make_schedule("gpipe", SCENE.ranks, MICRO)).memory
    one = [kinds["activations"] / MICRO for kinds in all_kept]
    rest = [sum(kinds.values()) - kinds["activations"] for kinds in all_kept]
    seconds, found = stage_seconds(), {}
    for caps in product(range(1, SCENE.ranks + 2), repeat=SCENE.ranks):
        for first in ("IFW", "FIW", "IWF"):
            span, schedule = greedy(seconds, caps, first)
            kept = zip(rest, one, map(most_in_flight, schedule), strict=True)
            if max(base + unit * n for base, unit, n in kept) <= n_bytes:
                found[texts(schedule)] = span, schedule
    fastest = sorted(found.values(), key=lambda pair: pair[0])
    return [schedule for _, schedule in fastest[:5]]


def search(n_bytes: int, split: bool) -> Best:
    """Return the fastest schedule known that keeps the memory target."""
    names = ("gpipe", "1f1b", "zero_bubble") if split else ("gpipe", "1f1b")
    tried = [make_schedule(name, SCENE.ranks, MICRO) for name in names]
    tried += candidates(n_bytes) if split else []
    scores = [(texts(schedule), run(schedule)) for schedule in tried]
    code, score = fastest_within(n_bytes, scores)
    return Best(code, score)


# ---- the two puzzles ----------------------------------------------------------------------------


def knows_order(answer: Any, score: Score, split: bool) -> str | None:
    """Remark on what a schedule keeps, and on one that goes one micro-batch at a time."""
    kept = [most_in_flight(actions) for actions in read(answer, split)]
    if max(kept) == 1:
        return "A micro-batch goes all the way before the next begins: no two ranks work at once."
    if max(kept) == MICRO:
        return "All micro-batches go forward before the first goes backward, so all are kept."
    return f"The ranks keep {', '.join(map(str, kept))} micro-batches at a time."


ACTIONS = (
    "One text for each rank: `F3` is forward of micro-batch 3, `B3` backward. A rank does its "
    "actions in this order, and waits for what it needs."
)

order_targets = Targets(300e-6, 250_000)
order = Puzzle(
    12, "An order of your own",
    f"Write a schedule for three ranks and six micro-batches. {ACTIONS}\n\n{SCENE.words()}\n\n"
    '*Answer*: `puzzle(12).check(["F0 F1 … B5", "…", "…"])`. Python may write it for you.',
    partial(run_order, split=False), order_targets,
    [
        "GPipe is fast enough, and keeps too much. When may a rank go backward with a micro-batch "
        "for the first time?",
        "The last rank can do B0 right after F0. The rank before it needs one forward more, the "
        "first rank two.",
        "The last rank: F0 B0 F1 B1 …; the middle one: F0 F1 B0 F2 B1 …. Write the first rank's.",
    ],
    partial(search, order_targets.n_bytes, False), partial(knows_order, split=False),
)  # fmt: skip

gaps_targets = Targets(270e-6, 275_000)
gaps = Puzzle(
    14, "Fill every gap",
    f"Now backward may be cut in two: `I3` is the gradient by the stage's input, which the rank "
    f"below waits for; `W3` the one by its weights, which nobody waits for. {ACTIONS}\n\n"
    f"{SCENE.words()}\n\n"
    '*Answer*: `puzzle(14).check(["F0 F1 … W5", "…", "…"])`.',
    partial(run_order, split=True), gaps_targets,
    [
        "Which of the two halves should come as early as possible, and which can wait?",
        "I first: another rank waits for it. Keep a few W, and do them where the rank would wait.",
        "Begin with 1F1B in I and W: F0 F1 F2 I0 W0 …. Then put a W off where a rank waits for "
        "another at the end, and an F or I can come earlier.",
    ],
    partial(search, gaps_targets.n_bytes, True), partial(knows_order, split=True), is_open=True,
)  # fmt: skip
