"""PyTorch's own 1F1B, as a schedule of ours."""

from types import SimpleNamespace

from ...errors import check_count
from ..schedules import Action, Schedule
from .private import private


def torch_1f1b(p: int, m: int) -> Schedule:
    """Return the table that torch's `Schedule1F1B` makes for its viewer: the actions of each rank.

    In torch 2.13 the last rank's forwards are numbered from 1 there. What runs does not read this
    table.

    Args:
        p: ranks, 1 to 1,000.
        m: micro-batches, p to 10,000.

    Raises:
        CourseError: for numbers out of range.
    """
    check_count("p", p, 1, 1000, "ranks")
    check_count("m", m, p, 10_000, "micro-batches")
    sizes = SimpleNamespace(_num_stages=p, _n_microbatches=m)
    table = private("Schedule1F1B")._get_pipeline_order(sizes)
    kinds = {"FORWARD": "F", "FULL_BACKWARD": "B"}
    return [
        [Action(kinds[a.computation_type.name], a.microbatch_index) for a in table[rank]
         if a is not None and a.computation_type.name in kinds]
        for rank in range(p)
    ]  # fmt: skip
