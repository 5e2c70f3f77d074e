"""What does the steps of a run: the strategies of the course, or PyTorch's own.

An engine is called on each rank as engine(comm, job, events, say), see `on_rank.train`, and returns
a `RunResult`. PyTorch's is imported when it is asked for: it loads torch's compiler, which takes
seconds of each process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import CourseError, check_choice, check_fields
from ..training.recipe import Recipe, versions
from .agreement import agree
from .communicator import Communicator, Event
from .job import Job
from .on_rank import train
from .processes import Processes
from .results import RunResult, finite, total

if TYPE_CHECKING:
    from .standard.run import Prepared


def run_engine(
    comm: Communicator, job: Job, events: list[Event], say: Callable[[str], None]
) -> RunResult:
    """Do the run on this rank with the engine of the job.

    Raises:
        CourseError: for an engine that cannot do what is asked.
    """
    return (train if job.engine == "ours" else train_standard)(comm, job, events, say)


def train_standard(
    comm: Communicator, job: Job, events: list[Event], say: Callable[[str], None]
) -> RunResult:
    """Do the run on this rank with PyTorch's own DDP, FSDP2, tensor parallel and pipelining."""
    if not isinstance(comm, Processes):
        raise CourseError(
            "engine 'torch' needs processes; start them by torchrun and leave --ranks out, or take "
            "--engine ours"
        )
    if job.checkpoint_every or job.resume:
        raise CourseError(
            "engine 'torch' writes no checkpoints here; leave --checkpoint-every and --resume out, "
            "or take --engine ours"
        )
    assert job.steps is not None
    problem = None
    try:
        prepared = check_standard(job, comm.world_size)
    except CourseError as error:
        problem = error
    agree(comm, problem)
    if comm.rank == 0:
        say(f"{job.strategy} by PyTorch, ranks: {comm.world_size}, steps: {job.steps}")
    found = prepared.train(job.device)
    results = (dict(zip(("loss", "accuracy"), map(finite, pair), strict=True))
               for pair in (found.train, found.test))  # fmt: skip
    return RunResult(
        losses=[finite(loss) for loss in found.losses], train=next(results), test=next(results),
        bytes_sent=total(comm, found.bytes_sent), strategy=job.strategy, options=job.options,
        engine=job.engine, device=job.device, world_size=comm.world_size, versions=versions(),
        seconds=found.seconds, theta=found.theta,
    )  # fmt: skip


def check_standard(job: Job, world_size: int) -> Prepared:
    """Return the run of a job, prepared for PyTorch's engine on so many ranks.

    Raises:
        CourseError: for what that engine cannot run.
    """
    from .standard.run import check
    from .standard.strategies import STRATEGIES

    assert job.steps is not None
    recipe = shortened(job.recipe, job.steps)
    check_choice("strategy of engine 'torch'", job.strategy, STRATEGIES)
    check_fields("engine 'torch'", job.options, check, recipe, job.strategy, world_size)
    return check(recipe, job.strategy, world_size, **job.options)


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """Return the recipe of the first `steps` steps of a run, or of a longer one."""
    return replace(recipe, steps=steps, knobs=[turn for turn in recipe.knobs if turn[0] <= steps])
