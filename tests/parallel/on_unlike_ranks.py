"""Ranks whose first collectives differ: what each of them says, one line a case."""

import sys

import torch

from course import CourseError
from course.parallel.processes import join

CASES = {
    "dtype": lambda comm: comm.all_reduce(
        torch.ones(3, dtype=torch.float64 if comm.rank else torch.float32)
    ),
    "shape": lambda comm: comm.reduce_scatter(torch.ones(4 + comm.rank, 2)),
    "rows": lambda comm: comm.all_gather(torch.ones(2, 1 + comm.rank), 4),
    "root": lambda comm: comm.broadcast(torch.ones(3), comm.rank),
    "kind": lambda comm: (
        comm.broadcast(torch.ones(3)) if comm.rank else comm.all_reduce(torch.ones(3))
    ),
}

if __name__ == "__main__":
    with join() as comm:
        for name, call in CASES.items():
            try:
                call(comm)
            except CourseError as error:
                sys.stdout.write(f"{name} on {comm.rank}: {error}\n")  # in one piece: ranks share
                sys.stdout.flush()  # the screen
        assert comm.all_reduce(torch.ones(2)).tolist() == [2, 2]
