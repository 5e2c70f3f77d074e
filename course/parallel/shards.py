"""Whole vectors of a run in shards, by `torch.distributed.checkpoint`.

A vector is written in the order of one process, an equal part by each rank. So the files know
nothing of the strategy or of the number of ranks, and any of them can read any.

Load only checkpoints that you or your own machines wrote. The index of torch's format, `.metadata`,
is a pickle, and a pickle that someone else made can run any code when it is read. The digests in
`manifest.json` find damage; they do not stop a forger, who can write them too.

Import this where it is called: torch's package for it takes a second to load.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard

from ..errors import CourseError
from .communicator import Communicator
from .processes import Processes


def write_shards(comm: Communicator, vectors: dict[str, Tensor], folder: Path) -> None:
    """Write vectors, whole on each rank, into a folder; every rank calls it.

    Among processes each writes its part; among ranks in turn, rank 0 writes all.

    Raises:
        Exception: what a rank could not do, as the `OSError` of a full disk.
    """
    if not isinstance(comm, Processes):
        if comm.rank == 0:
            with quiet(), its_cause():
                dcp.save(vectors, checkpoint_id=folder, no_dist=True)
        return
    mesh = init_device_mesh("cpu", (comm.world_size,))
    shards = {name: cut(vector, mesh, comm) for name, vector in vectors.items()}
    with its_cause():
        dcp.save(shards, checkpoint_id=folder)


def cut(vector: Tensor, mesh, comm: Communicator) -> DTensor:
    """Return this rank's part of a vector, as `torch.chunk` cuts it."""
    size = -(-len(vector) // comm.world_size)
    part = vector[comm.rank * size : (comm.rank + 1) * size]  # of a short vector, perhaps none
    return DTensor.from_local(
        part.clone(), mesh, [Shard(0)], run_check=False, shape=vector.shape, stride=(1,)
    )


def read_shards(comm: Communicator, like: dict[str, Tensor], folder: Path) -> None:
    """Fill these vectors, whole, with what was written by any number of ranks.

    Raises:
        CourseError: when a shard is missing or cannot be read.
    """
    try:
        with quiet(), its_cause():
            dcp.load(like, checkpoint_id=folder, no_dist=not isinstance(comm, Processes))
    except Exception as error:  # a damaged file can fail in any way
        lines = str(error).splitlines() or [type(error).__name__]
        raise CourseError(
            f"the shards in {str(folder)!r} cannot be read ({lines[0][:200]}); delete that folder, "
            "and the checkpoint before it is taken"
        ) from error


@contextmanager
def its_cause() -> Iterator[None]:
    """Raise what failed on the first rank; torch raises a list of it, which is no `Exception`."""
    try:
        yield
    except CheckpointException as error:
        cause, _ = error.failures[min(error.failures)]
        raise cause from error


class quiet(warnings.catch_warnings):
    """Leave out what torch says about a single process: it is meant so."""

    def __enter__(self):
        super().__enter__()
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
