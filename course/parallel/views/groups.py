"""Process groups within one process: one that only pretends, and one of threads.

torch.distributed has one default group a process. So one view runs at a time, and whatever happens
in it, the group is destroyed at the end.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from ...errors import CourseError
from .private import private

ONE = threading.Lock()  # held by the view that runs
WAIT = timedelta(seconds=60)  # for the other threads


@contextmanager
def alone() -> Iterator[None]:
    """Be the one view that runs.

    Raises:
        CourseError: when there is a process group already.
    """
    if not ONE.acquire(blocking=False):
        raise CourseError("another view runs in this process, and torch has one group a process; "
                          "wait until it has ended")  # fmt: skip
    hook = sys.excepthook  # torch.distributed puts its own there, which prints a rank before lines
    try:
        if dist.is_initialized():
            raise CourseError(
                f"a process group of {dist.get_world_size()} ranks is initialised already, and "
                "torch has one a process; call torch.distributed.destroy_process_group(), or take "
                "a fresh kernel"
            )
        yield
    finally:
        sys.excepthook = hook
        ONE.release()


@contextmanager
def fake_group(world_size: int) -> Iterator[None]:
    """Be rank 0 of a world in which no other rank exists: collectives return at once.

    Raises:
        CourseError: when there is a process group already, or torch lacks what this needs.
    """
    store = private("FakeStore")
    with alone():
        dist.init_process_group("fake", store=store(), rank=0, world_size=world_size)
        try:
            yield
        finally:
            dist.destroy_process_group()


def stop(group: Any, error: BaseException) -> None:
    """Let each rank of a threaded group end at its next collective."""
    while True:
        try:
            return group.exception_handle(error)
        except RuntimeError:  # a collective began or ended while it went through them
            pass


def run_on_threads(world_size: int, program: Callable[[int], Any]) -> list:
    """Call program(rank) on a thread for each rank; return what it returned, by rank.

    Raises:
        CourseError: when there is a process group already, or torch lacks what this needs.
        Exception: the first one that a rank raised, with a note that names the rank.
    """
    group, begin = private("ProcessLocalGroup"), private("_install_threaded_pg")
    end, isolate = private("_uninstall_threaded_pg"), private("_set_thread_isolation_mode")
    results: list = [None] * world_size
    faults: list[BaseException] = []
    threads = torch.get_num_threads()

    def run(rank: int) -> None:
        torch.set_num_threads(threads)  # a new thread has its own number
        try:
            dist.init_process_group(
                "threaded", rank=rank, world_size=world_size, store=store, timeout=WAIT
            )
            try:
                results[rank] = program(rank)
            finally:
                dist.destroy_process_group()
        except SystemExit:  # how the group stops a rank when another one has failed
            pass
        except BaseException as error:
            error.add_note(f"on rank {rank} of {world_size}")
            faults.append(error)
            stop(group, error)

    with alone():
        ranks = [threading.Thread(target=run, args=(r,), daemon=True) for r in range(world_size)]
        store = dist.HashStore()
        begin()
        isolate(True)
        try:
            for thread in ranks:
                thread.start()
            for thread in ranks:
                while thread.is_alive():
                    thread.join(0.1)  # with an end, so that a keyboard interrupt arrives
        except BaseException as error:
            stop(group, error)
            raise
        finally:
            for thread in ranks:
                thread.join(WAIT.seconds)
            isolate(False)
            end()
            group.reset()
    if faults:
        raise faults[0]
    return results
