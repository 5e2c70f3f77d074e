"""What does the steps of a run: the strategies of the course, or PyTorch's own.

An engine is called on each rank as engine(comm, job, events, say), see `on_rank.train`, and returns
a `RunResult`.
"""

from collections.abc import Callable
from importlib import import_module

from ..errors import CourseError
from .communicator import Communicator, Event
from .job import STANDARD, Job
from .on_rank import train
from .processes import Processes
from .results import RunResult


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
    standard = import_module(STANDARD)  # that it is there has been checked
    return standard.train(job.recipe, job.strategy, comm=comm, job=job, events=events, say=say)
