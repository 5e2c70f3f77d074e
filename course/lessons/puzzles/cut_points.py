"""Puzzles on where to cut a network of uneven layers into the stages of a pipeline."""

from functools import cache
from itertools import combinations
from typing import Any

from ...errors import CourseError, shown
from ...parallel.communicator import cuts
from ...parallel.pipeline import Pipeline
from ...parallel.schedules import SCHEDULES
from .puzzle import Best, Puzzle, Score, Targets, fastest_within
from .scene import Scene, either

UNEVEN = Scene((64, 160, 160, 96, 64, 64, 48, 32, 10), 64, 4)
LAYERS = len(UNEVEN.sizes) - 1
MICRO = (4, 8, 16)
NAMES = tuple(name for name in SCHEDULES if name != "interleaved")


def read_starts(answer: Any) -> list[int]:
    """Return the layer that begins each stage, or raise `CourseError`; layers count from 1."""
    numbers = isinstance(answer, list | tuple) and all(type(n) is int for n in answer)
    rising = numbers and all(a < b for a, b in zip(answer, [*answer[1:], LAYERS + 1], strict=True))
    if not rising or len(answer) != UNEVEN.ranks or answer[0] != 1:
        raise CourseError(
            f"The answer is the first layer of each of {UNEVEN.ranks} stages, rising from 1 to at "
            f"most {LAYERS}, as [1, 3, 5, 7]; this is {shown(answer)}."
        )
    return [start - 1 for start in answer]


@cache
def run(starts: tuple[int, ...], micro_batches: int, schedule: str) -> Score:
    """Return what a pipeline takes that is cut there; starts count from 0."""
    return UNEVEN.own(
        lambda comm, net: Pipeline(comm, net, micro_batches, schedule, starts=list(starts))
    )


def all_starts() -> list[tuple[int, ...]]:
    """Return every way to cut the layers."""
    return [(0, *rest) for rest in combinations(range(1, LAYERS), UNEVEN.ranks - 1)]


def sizes_of(starts: tuple[int, ...] | list[int]) -> list[int]:
    """Return how many weights each stage has."""
    weights = [(a + 1) * b for a, b in zip(UNEVEN.sizes, UNEVEN.sizes[1:], strict=False)]
    ends = [*starts[1:], LAYERS]
    return [sum(weights[a:b]) for a, b in zip(starts, ends, strict=True)]


def plain(starts: tuple[int, ...] | list[int]) -> str:
    """Return starts as a learner would write them."""
    return str([start + 1 for start in starts])


# ---- 8. cut points ------------------------------------------------------------------------------


def run_cut(answer: Any) -> Score:
    """Return what an answer takes."""
    return run(tuple(read_starts(answer)), 8, "1f1b")


def knows_cut(answer: Any, score: Score) -> str | None:
    """Remark on how uneven the stages are."""
    sizes = sizes_of(read_starts(answer))
    words = f"The stages have {', '.join(f'{n:,}' for n in sizes)} weights"
    if read_starts(answer) == [part.start for part in cuts(LAYERS, UNEVEN.ranks)]:
        return f"{words}: equally many layers are not equally much work."
    return f"{words}: the slowest stage sets the pace of all."


def best_cut(n_bytes: int) -> Best:
    """Return the best of all ways to cut."""
    scores = [(starts, run(starts, 8, "1f1b")) for starts in all_starts()]
    starts, score = fastest_within(n_bytes, scores)
    return Best(plain(starts), score)


cut_targets = Targets(1.22e-3, 800_000)
cut = Puzzle(
    8, "Where to cut",
    "A pipeline is as fast as its slowest stage. Where do the four stages begin? The schedule is "
    f"1F1B, with 8 micro-batches.\n\n{UNEVEN.words()} Its layers are counted from 1: layer 1 is "
    f"{UNEVEN.sizes[0]} × {UNEVEN.sizes[1]}, layer {LAYERS} is {UNEVEN.sizes[-2]} × "
    f"{UNEVEN.sizes[-1]}.\n\n*Answer*: `puzzle(8).check([1, 3, 5, 7])`, the first layer of each "
    "stage.",
    run_cut, cut_targets,
    [
        "What should be equal in all stages: the number of layers, or something else?",
        "The work of a layer grows with its weights, width below times width above. Layer 2 alone "
        "has more than all the last five.",
        "Give each of the first layers a stage of its own, as far as you can.",
    ],
    lambda: best_cut(cut_targets.n_bytes), knows_cut,
)  # fmt: skip


# ---- 15. open: cuts, micro-batches and schedule together -----------------------------------------


def read_plan(answer: Any) -> tuple[tuple[int, ...], int, str]:
    """Return starts, micro-batches and schedule of an answer, or raise `CourseError`."""
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        raise CourseError(
            f'The answer has three parts, as ([1, 3, 5, 7], 8, "1f1b"); this is {shown(answer)}.'
        )
    starts, micro_batches, schedule = answer
    if type(micro_batches) is not int or micro_batches not in MICRO:
        raise CourseError(
            f"{shown(micro_batches)} micro-batches are not allowed here; take {either(MICRO)}."
        )
    if not isinstance(schedule, str) or schedule not in NAMES:
        raise CourseError(f"The schedule {shown(schedule)} is unknown here; take {either(NAMES)}.")
    return tuple(read_starts(starts)), micro_batches, schedule


def run_plan(answer: Any) -> Score:
    """Return what an answer takes."""
    return run(*read_plan(answer))


def knows_plan(answer: Any, score: Score) -> str | None:
    """Remark on a schedule that keeps too much, and on uneven stages."""
    starts, _, schedule = read_plan(answer)
    if schedule == "gpipe":
        return "GPipe keeps all micro-batches, and here the first stages are wide."
    return f"The stages have {', '.join(f'{n:,}' for n in sizes_of(starts))} weights."


def best_plan(n_bytes: int) -> Best:
    """Return the best found: the six most even cuts under one plan, all plans for the best two."""
    even = sorted(all_starts(), key=lambda starts: max(sizes_of(starts)))[:6]
    fastest = sorted(even, key=lambda starts: run(starts, 8, "zero_bubble").seconds)[:2]
    scores = [((starts, m, name), run(starts, m, name))
              for starts in fastest for m in MICRO for name in NAMES]  # fmt: skip
    (starts, m, name), score = fastest_within(n_bytes, scores)
    return Best(f"({plain(starts)}, {m}, {name!r})", score)


plan_targets = Targets(1.15e-3, 720_000)
plan = Puzzle(
    15, "Cuts, micro-batches and schedule",
    "The uneven network of puzzle 8, and now everything about its pipeline is yours.\n\n"
    f"{UNEVEN.words()}\n\n*Yours to choose*: the first layer of each stage; micro-batches "
    f"{either(MICRO)}; the schedule {either(NAMES)}.\n\n"
    '*Answer*: `puzzle(15).check(([1, 3, 5, 7], 8, "1f1b"))`',
    run_plan, plan_targets,
    [
        "Three knobs. Which of them decides about memory, which about time?",
        "Balance the stages first. Then shrink the bubble: by the schedule, and by more "
        "micro-batches, as long as their messages are not too many.",
        "Zero bubble keeps p micro-batches on each rank. With 16 of them p are a small part.",
    ],
    lambda: best_plan(plan_targets.n_bytes), knows_plan, is_open=True,
)  # fmt: skip
