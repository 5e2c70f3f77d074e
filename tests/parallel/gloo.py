"""Ranks as threads of this process that talk by gloo: no process has to start for it.

torch keeps one default group a process. Its own tests keep one a thread, by the private names that
the views use too.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from course.parallel.processes import Processes
from course.parallel.views.private import private

WAIT = timedelta(seconds=20)  # for a rank that failed


@contextmanager
def a_world_a_thread() -> Iterator[None]:
    """Let each thread have a world of its own."""
    isolate, hook = private("_set_thread_isolation_mode"), sys.excepthook  # torch puts its own
    private("_install_threaded_pg")()
    isolate(True)
    try:
        yield
    finally:
        isolate(False)
        private("_uninstall_threaded_pg")()
        sys.excepthook = hook


def on_threads(world_size: int, program: Callable[[int], Any]) -> list:
    """Call program(rank) on a thread for each rank; return what it returned, by rank."""
    results: list = [None] * world_size
    faults: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = program(rank)
        except BaseException as error:
            faults.append(error)

    with a_world_a_thread():
        threads = [threading.Thread(target=run, args=(r,), daemon=True) for r in range(world_size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * WAIT.seconds)
    if faults:
        raise faults[0]
    assert not any(thread.is_alive() for thread in threads), "a rank waits for ever"
    return results


def on_gloo(world_size: int, program: Callable[[Processes], Any]) -> list:
    """Call program(comm) on each rank, joined by gloo; return what it returned, by rank."""
    store = dist.HashStore()

    def joined(rank: int) -> Any:
        dist.init_process_group("gloo", None, WAIT, world_size, rank, store)
        try:
            return program(Processes(wait=WAIT))
        finally:
            dist.destroy_process_group()

    return on_threads(world_size, joined)
