"""Puzzles whose answer is a `Setup`: number of micro-batches, schedule, strategy, buckets."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from ...errors import CourseError
from ...parallel.in_turn import Costs
from ...parallel.setup import Setup
from .puzzle import Puzzle, Score, Targets
from .scene import Scene, best_setup, code, either, run_setup

EIGHT = (*(64,) * 8, 10)  # the sizes of eight layers
Knows = Callable[[Any, Score], str | None]


def setups(strategies: Sequence[str], ranks: int, **choices: Sequence) -> list[Setup]:
    """Return every setup with these choices that is possible."""
    found = []
    for strategy, values in product(strategies, product(*choices.values())):
        try:
            found.append(Setup(strategy, ranks, **dict(zip(choices, values, strict=True))))
        except CourseError:  # as interleaved with one stage a rank, or gpipe with two
            continue
    return found


def on_cluster(
    number: int, title: str, story: str, scene: Scene, allowed: list[Setup], targets: Targets,
    hints: list[str], knows: Knows, free: dict[str, Sequence], is_open: bool = False,
) -> Puzzle:  # fmt: skip
    """Return a puzzle whose answer is one of these setups.

    Args:
        number, title, targets, hints, knows, is_open: see `Puzzle`.
        story: what the learner is to do.
        scene: what is given.
        allowed: the answers.
        free: {name of a field: its choices}, as the text tells them.
    """
    choices = "; ".join(f"`{name}` {either(values)}" for name, values in free.items())
    text = (
        f"{story}\n\n{scene.words()}\n\n*Yours to choose*: {choices}.\n\n"
        f"*Answer*: `puzzle({number}).check({code(allowed[0])})`"
    )
    return Puzzle(
        number, title, text, run_setup(scene, allowed), targets, hints,
        best_setup(scene, allowed, targets), knows, is_open,
    )  # fmt: skip


# ---- 1. how many micro-batches ------------------------------------------------------------------

MICRO = (1, 2, 4, 8, 16, 32, 64)


def knows_micro(answer: Setup, score: Score) -> str | None:
    """Remark on too few and too many micro-batches."""
    if answer.micro_batches == 1:
        return "With one micro-batch one rank works while the others wait."
    if answer.micro_batches <= 16:
        return "More micro-batches make the bubble smaller."
    return "A message takes its latency however small it is: these are very many."


fill = on_cluster(
    1, "Fill the pipe",
    "Four stages, and GPipe's schedule. Into how many micro-batches should the batch be cut?",
    Scene(EIGHT, 64, 4), setups(["pipeline"], 4, schedule=["gpipe"], micro_batches=MICRO),
    Targets(400e-6, 400_000),
    [
        "At the beginning and at the end of a step some ranks have nothing to do. What makes these "
        "stretches shorter?",
        "The idle share is (p - 1)/(m + p - 1) for m micro-batches on p ranks, if messages cost "
        "nothing. But each micro-batch is a message more, and each message has a latency.",
        "The time falls with more micro-batches, then rises again. Try the larger half of the "
        "choices.",
    ],
    knows_micro, {"micro_batches": MICRO},
)  # fmt: skip


# ---- 2. the same bubble, less memory ------------------------------------------------------------


def knows_stash(answer: Setup, score: Score) -> str | None:
    """Remark on a schedule that keeps all micro-batches, and on too few of them."""
    if answer.schedule == "gpipe":
        return (
            "GPipe goes backward only when all micro-batches have gone forward: it keeps the "
            "activations of all of them, however many there are."
        )
    return (
        "1F1B keeps at most as many micro-batches as there are ranks. So smaller ones, which are "
        "more, take less memory; too many take time."
    )


stash = on_cluster(
    2, "Less memory",
    "The activations of all micro-batches do not fit. Find a schedule and a number with which they "
    "do.",
    Scene(EIGHT, 64, 4),
    setups(["pipeline"], 4, schedule=["gpipe", "1f1b"], micro_batches=(4, 8, 16, 32)),
    Targets(480e-6, 240_000),
    [
        "Which schedule lets go of the activations of a micro-batch early?",
        "1F1B has the bubble of GPipe, and keeps at most p micro-batches. How large is one of m?",
        "It is 1F1B. Activations then take p/m of a batch: try its numbers of micro-batches.",
    ],
    knows_stash, {"schedule": ("gpipe", "1f1b"), "micro_batches": (4, 8, 16, 32)},
)  # fmt: skip


# ---- 3. a smaller bubble ------------------------------------------------------------------------


def knows_bubble(answer: Setup, score: Score) -> str | None:
    """Remark on the schedules that do not shrink the bubble."""
    if answer.schedule == "1f1b":
        return "1F1B saves memory. It does not shrink GPipe's bubble."
    if answer.schedule == "gpipe":
        return "GPipe has the full bubble, and keeps the activations of all micro-batches."
    return "Two stages a rank shrink the bubble, but keep more micro-batches in flight."


SCHEDULES = ("gpipe", "1f1b", "interleaved", "zero_bubble")
bubble = on_cluster(
    3, "A smaller bubble",
    "Eight micro-batches must do: more would make the matrix products too small. Which schedule?",
    Scene(EIGHT, 64, 4),
    setups(["pipeline"], 4, micro_batches=[8], schedule=SCHEDULES, chunks=(1, 2)),
    Targets(430e-6, 300_000),
    [
        "Two schedules leave the bubble as it is. Two shrink it, each at a price.",
        "Interleaved has more stages a rank, so more messages and more micro-batches in flight. "
        "Zero bubble cuts backward in two: its second half needs nobody else's numbers.",
        "What can be done at any time fills gaps: it is the schedule that cuts backward in two.",
    ],
    knows_bubble, {"schedule": SCHEDULES, "chunks": (1, 2)},
)  # fmt: skip


# ---- 4. sums that travel while ranks compute ----------------------------------------------------


def knows_buckets(answer: Setup, score: Score) -> str | None:
    """Remark on one bucket, and on too many."""
    if answer.buckets == 1:
        return "One bucket is ready when backward is over: then all ranks wait for its sum."
    if answer.buckets <= 2:
        return "The last bucket is still long, and nothing is left to compute beside its sum."
    return "Each bucket is a collective more, with 2(p - 1) messages, and each has its latency."


BUCKETS = tuple(range(1, 9))
hide = on_cluster(
    4, "Hide the sum",
    "Data parallel. The gradient is summed in buckets, and the sum of one can travel while the "
    "layers below still compute. In how many?",
    Scene(EIGHT, 256, 4, Costs(2e-5, 1e9, 1e10)), setups(["data"], 4, buckets=BUCKETS),
    Targets(1.38e-3, 1_000_000),
    [
        "One bucket hides nothing. What does each further bucket cost?",
        "A ring all-reduce is 2(p - 1) messages one after the other. Their latency does not shrink "
        "with the bucket.",
        "The time falls, then rises: the answer lies between 2 and 6.",
    ],
    knows_buckets, {"buckets": BUCKETS},
)  # fmt: skip


# ---- 5. just enough sharding --------------------------------------------------------------------


def knows_shards(answer: Setup, score: Score) -> str | None:
    """Remark on each stage that does too little, or too much."""
    return {
        "data": "Each rank keeps all weights, all gradients and both of Adam's averages.",
        "zero1": "Stage 1 shares out the optimiser's state alone.",
        "zero3": "Stage 3 shares out the weights too, and gathers them again for backward.",
    }.get(answer.strategy)


SHARDED = ("data", "zero1", "zero2", "zero3")
shard = on_cluster(
    5, "Just enough",
    "Data parallel with Adam does not fit. Share out as much as you must, and not more.",
    Scene(EIGHT, 64, 4, adam=True), setups(SHARDED, 4), Targets(800e-6, 650_000),
    [
        "What does a rank keep? Weights, gradients, Adam's two averages, activations.",
        "zero1 shares out the optimiser's state, zero2 the gradients too, zero3 the weights too. "
        "What is shared out must be sent when it is needed.",
        "Going from one stage to the next, find the first that fits.",
    ],
    knows_shards, {"strategy": SHARDED},
)  # fmt: skip


# ---- 6. a slow link -----------------------------------------------------------------------------


def knows_slow(answer: Setup, score: Score) -> str | None:
    """Remark on what each strategy sends."""
    sent = {
        "data": "Data parallel sends every gradient, twice round the ring.",
        "zero3": "Stage 3 sends all weights twice, and all gradients.",
        "tensor": "Tensor parallel sends activations several times in each pair of layers.",
        "pipeline": "A pipeline sends least. Is its bubble small enough?",
    }
    return sent[answer.strategy]


SPLITS = ("data", "tensor", "pipeline", "zero3")
slow = on_cluster(
    6, "A slow link",
    "The link is ten times slower than in the other puzzles. Which strategy sends least?",
    Scene((64, 128, 128, 128, 10), 64, 4, Costs(2e-6, 1e8, 1e10)),
    setups(SPLITS, 4, micro_batches=(2, 4, 8, 16)), Targets(2.2e-3, 550_000),
    [
        "Count the numbers that each strategy sends: weights, gradients or activations?",
        "A weight matrix has n² numbers, the activations between two layers n for each row. What "
        "crosses a border only once forward and once backward?",
        "A pipeline sends activations at each border of stages, once up and once down. Now its "
        "micro-batches.",
    ],
    knows_slow, {"strategy": SPLITS, "micro_batches": (2, 4, 8, 16)},
)  # fmt: skip


# ---- 7. eight ranks in rows ---------------------------------------------------------------------


def knows_rows(answer: Setup, score: Score) -> str | None:
    """Remark on rows that are too short, or too long."""
    if answer.per_replica <= 2:
        return f"Each matrix is cut in {answer.per_replica}: each rank keeps too much of it."
    return "With all ranks in one row each sum of activations goes through all of them."


rows = on_cluster(
    7, "Eight ranks in rows",
    "Tensor parallel within a row of ranks, data parallel between the rows. How long is a row?",
    Scene(EIGHT, 64, 8, adam=True), setups(["data_tensor"], 8, per_replica=(1, 2, 4, 8)),
    Targets(460e-6, 400_000),
    [
        "A longer row cuts the matrices into more parts. What becomes more expensive with it?",
        "Weights, gradients and Adam's averages fall with the length of a row. In a row each layer "
        "waits for messages.",
        "Too short a row misses the memory target, too long a row the time. Two choices are left "
        "in the middle.",
    ],
    knows_rows, {"per_replica": (1, 2, 4, 8)},
)  # fmt: skip


# ---- 16. open: everything allowed ---------------------------------------------------------------


def knows_all(answer: Setup, score: Score) -> str | None:
    """Remark on strategies alone."""
    if answer.strategy in ("data", "zero1", "zero2", "zero3"):
        return "Copies of the whole network, or gathering it again and again, cost too much here."
    return "Look at one of two: pipelines side by side, or rows of tensor parallel side by side."


ALL = ("data", "zero1", "zero2", "zero3", "tensor", "pipeline", "data_tensor", "data_pipeline")


def everything() -> list[Setup]:
    """Return all setups of eight ranks, each once."""
    shared = {"micro_batches": (4, 8, 16), "schedule": SCHEDULES, "chunks": (1, 2)}
    return [
        *setups(("zero1", "zero2", "zero3", "tensor"), 8), *setups(["data"], 8, buckets=(1, 2, 4)),
        *setups(["data_tensor"], 8, per_replica=(2, 4)), *setups(["pipeline"], 8, **shared),
        *setups(["data_pipeline"], 8, per_replica=(2, 4), **shared),
    ]  # fmt: skip


def fitting(scene: Scene, some: list[Setup]) -> list[Setup]:
    """Return the setups for which the network has layers enough, and no 1F1B by another name."""
    layers = len(scene.sizes) - 1
    return [one for one in some if one.plan() is None or one.depth * one.chunks <= layers
            and (one.schedule == "interleaved") == (one.chunks > 1)]  # fmt: skip


FREE = Scene(EIGHT, 64, 8, adam=True)
free = on_cluster(
    16, "Everything allowed", "Eight ranks, and all that you have learned.",
    FREE, fitting(FREE, everything()), Targets(400e-6, 385_000),
    [
        "Two strategies together: what does each cut, and who talks to whom?",
        "Pipelines of four ranks, two of them side by side, send little. Then their schedule.",
        "data_pipeline with per_replica=4. Try the schedules, then the micro-batches.",
    ],
    knows_all,
    {"strategy": ALL, "micro_batches": (4, 8, 16), "schedule": SCHEDULES, "chunks": (1, 2),
     "per_replica": (2, 4), "buckets": (1, 2, 4)},
    is_open=True,
)  # fmt: skip
