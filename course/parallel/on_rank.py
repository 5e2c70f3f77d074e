"""One rank of a run: the recipe of one process, its network in a strategy."""

import time
from collections.abc import Callable

import torch

from ..errors import CourseError
from ..training.recipe import versions
from ..training.replay import build_recipe, replay
from ..training.trainer import Trainer
from .agreement import agree
from .checkpoints import Checkpoints
from .communicator import Communicator, Event
from .job import Job
from .results import RunResult, Tally, finite
from .strategies import make_strategy
from .strategy import Strategy

LINES = 10  # of progress


def build(comm: Communicator, job: Job) -> Trainer:
    """Return this rank's trainer before its first step, every knob change of the recipe tried.

    Raises:
        CourseError: on each rank, for what the strategy, or so many ranks, cannot do.
    """
    problem = None
    try:
        trainer = build_recipe(
            job.recipe, make_model=lambda network: make_strategy(
                job.strategy, comm, network.to(job.device), **job.options
            ),
        )  # fmt: skip
        _try_knobs(trainer, job)
    except CourseError as error:
        problem = error
    agree(comm, problem)
    return trainer


def _try_knobs(trainer: Trainer, job: Job) -> None:
    """Turn each knob once before the first step: one that cannot be turned is found here."""
    changes = [c for c in job.recipe.knobs if c[1] != "device" and c[0] <= (job.steps or 0)]
    if changes:
        before = trainer.snapshot()
        for _, knob, value in changes:
            trainer.set(knob, value)
        trainer.restore(before)


def train(
    comm: Communicator, job: Job, events: list[Event], say: Callable[[str], None]
) -> RunResult:
    """Do the run on this rank with the strategies of the course; every rank gets the result.

    Args:
        comm: all ranks.
        job: what to do, checked.
        events: see `Tally`.
        say: called with lines of progress on rank 0.

    Raises:
        CourseError: for what cannot be run, before the first step.
    """
    assert job.steps is not None
    trainer = build(comm, job)
    model = trainer.model
    assert isinstance(model, Strategy)
    checkpoints = Checkpoints(comm, job, trainer, model)
    tally = Tally(events, checkpoints.resume(say) if job.resume else None)
    every = max(1, -(-job.steps // LINES))
    if comm.rank == 0:
        say(f"{job.strategy}, ranks: {comm.world_size}, steps: {job.steps}")

    seconds: list[float] = []
    began = time.perf_counter()

    def after_step() -> None:
        nonlocal began
        step = trainer.step_count
        seconds.append(time.perf_counter() - began)
        tally.take()
        if job.checkpoint_every and step % job.checkpoint_every == 0:
            checkpoints.save(tally.total(comm))
        if comm.rank == 0 and (step % every == 0 or step == job.steps):
            say(f"step {step} of {job.steps}, loss {trainer.history.loss[-1]:.6g}")
        began = time.perf_counter()  # what is between two steps belongs to none

    replay(trainer, job.recipe.knobs, job.steps, after_step)
    sent = tally.total(comm)
    comm.barrier()  # what follows is not counted
    return RunResult(
        losses=[finite(loss) for loss in trainer.history.loss],
        train=_measured(trainer, "train"), test=_measured(trainer, "test"), bytes_sent=sent,
        strategy=job.strategy, options=job.options, engine=job.engine, device=job.device,
        world_size=comm.world_size, versions=versions(), seconds=seconds,
        theta=model.whole(model.theta).cpu().clone(),
    )  # fmt: skip


@torch.no_grad()
def _measured(trainer: Trainer, split: str) -> dict:
    loss, accuracy = trainer.evaluate(split)
    return {"loss": finite(loss), "accuracy": finite(accuracy)}
