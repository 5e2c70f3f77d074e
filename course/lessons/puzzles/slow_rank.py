"""A puzzle on shards of unequal size: one rank is slow, and gets fewer rows."""

from typing import Any

from torch import Tensor

from ...errors import CourseError, real_number, shown
from ...parallel.communicator import Communicator
from ...parallel.strategy import Strategy
from .puzzle import Best, Puzzle, Score, Targets
from .scene import Scene

SCENE = Scene((64, 64, 64, 10), 80, 4)
SLOW, FACTOR = 3, 3  # this rank, and how many times slower it is


class UnequalShards(Strategy):
    """Data parallel in which each rank has as many rows as it is told.

    Args:
        comm, network: see `Strategy`.
        rows: of each rank.
        weights: by which each rank's gradient, a mean over its rows, is multiplied in the sum.
    """

    name = "unequal shards"

    def __init__(self, comm: Communicator, network, rows: list[int], weights: list[float]):
        super().__init__(comm, network)
        first = sum(rows[: comm.rank])
        self.mine = slice(first, first + rows[comm.rank])
        self.weight = weights[comm.rank]

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        net, rows = self.network, self.mine.stop - self.mine.start
        loss = net.loss_and_grad(X[self.mine], Y[:, self.mine].contiguous() * (len(X) / rows), rows)
        pace = FACTOR if self.comm.rank == SLOW else 1
        flops = sum(work.forward + work.backward for work in self.work)
        self.comm.compute("forward, backward", pace * rows * flops)
        net.grad.mul_(self.weight)
        self.comm.all_reduce(net.grad, "gradient")
        return loss


def read(answer: Any) -> tuple[list[int], list[float]]:
    """Return rows and weights of an answer, or raise `CourseError`."""
    ranks, batch = SCENE.ranks, SCENE.batch
    parts = isinstance(answer, list | tuple) and len(answer) == 2
    if not parts or not all(isinstance(p, list | tuple) and len(p) == ranks for p in answer):
        raise CourseError(
            f"The answer has two lists of {ranks} numbers: (rows, weights); this is "
            f"{shown(answer)}."
        )
    rows, weights = answer
    if not all(type(n) is int and n > 0 for n in rows) or sum(rows) != batch:
        raise CourseError(
            f"The rows are {shown(rows)}; allowed: whole numbers from 1 whose sum is {batch}."
        )
    if any(real_number(w) is None for w in weights):
        raise CourseError(f"The weights are {shown(weights)}; allowed: numbers.")
    return list(rows), [float(w) for w in weights]


def run(answer: Any) -> Score:
    """Return what an answer takes."""
    rows, weights = read(answer)
    return SCENE.own(lambda comm, network: UnequalShards(comm, network, rows, weights))


def knows(answer: Any, score: Score) -> str | None:
    """Remark on weights of other rows, and on rows that leave one rank working."""
    rows, weights = read(answer)
    if max(weights) - min(weights) < 1e-12 and len(set(rows)) > 1:
        return "Equal weights count each rank alike; it is each *row* that counts alike."
    if abs(sum(weights) - 1) > 1e-9:
        return f"The weights add up to {sum(weights):.3g}: a mean over all rows needs 1."
    if rows[SLOW] * FACTOR > max(rows):
        return f"Rank {SLOW} is {FACTOR} times slower, and all the others wait for it."
    return None


def search() -> Best:
    """Return the best of all ways to give the slow rank some rows, and the others equal parts."""
    found = []
    for few in range(1, SCENE.batch // SCENE.ranks + 1):
        rest, left = divmod(SCENE.batch - few, SCENE.ranks - 1)
        rows = [rest + (i < left) for i in range(SCENE.ranks - 1)] + [few]
        found.append((rows, run((rows, [n / SCENE.batch for n in rows]))))
    rows, score = min(found, key=lambda pair: pair[1].seconds)
    return Best(f"rows {rows}, weights [n / {SCENE.batch} for n in rows]", score)


shards = Puzzle(
    9, "A slow rank",
    f"Data parallel, but rank {SLOW} is {FACTOR} times slower than the others. How many rows does "
    "each rank get? Each rank's gradient is the mean over its own rows. By which weight does each "
    f"enter the sum, so that it is the gradient of one process?\n\n{SCENE.words()}\n\n"
    "*Answer*: `puzzle(9).check((rows, weights))`, two lists of four numbers.",
    run, Targets(235e-6, 200_000),
    [
        "All ranks wait for the last one. When are they done at the same time?",
        f"A rank that is {FACTOR} times slower needs as long as others for {FACTOR} times as many. "
        "As to the weights: every row must count alike.",
        f"Three ranks with r rows each, one with r/{FACTOR}: together {SCENE.batch}. The weight of "
        "a rank is its share of the rows.",
    ],
    search, knows,
)  # fmt: skip
