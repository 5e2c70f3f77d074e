"""Puzzles: train a network on ranks within a time and a memory target.

    from course.lessons.puzzles import puzzle

    puzzle(2)  # shows what is given, what may be chosen, and the targets
    puzzle(2).check(Setup("pipeline", ranks=4, micro_batches=8, schedule="1f1b"))
    puzzle(2).hint()

Each answer is run with real tensors on ranks in turn, and compared with one process. Times are
those of a modelled link. The last three are open: the score counts, beside the best known.
"""

from ...errors import check_count
from . import blocks, cut_points, orders, setups, slow_rank, sums
from .puzzle import Puzzle

PUZZLES: list[Puzzle] = [
    setups.fill, setups.stash, setups.bubble, setups.hide, setups.shard, setups.slow, setups.rows,
    cut_points.cut, slow_rank.shards, sums.long_sum, sums.short_sum, orders.order, blocks.blocks,
    orders.gaps, cut_points.plan, setups.free,
]  # fmt: skip


def puzzle(number: int) -> Puzzle:
    """Return a puzzle by its number, from 1.

    Raises:
        CourseError: for another number.
    """
    return PUZZLES[check_count("number", number, 1, len(PUZZLES), "of a puzzle") - 1]
