"""The strategies by name, as the command line and recipes of runs on ranks know them."""

from collections.abc import Callable
from typing import Any

from ..errors import check_choice, check_fields
from ..nn.network import Network
from .communicator import Communicator
from .data_parallel import DataParallel
from .local_sgd import LocalSGD
from .pipeline import Pipeline
from .replicas import Replicas
from .sharded import Sharded
from .strategy import Strategy, grid
from .tensor_parallel import TensorParallel


def _data_tensor(comm, network, tensor: int = 2, sequence_parallel: bool = False) -> Replicas:
    row, column = grid(comm, tensor)
    return Replicas(column, TensorParallel(row, network, sequence_parallel))


def _data_pipeline(
    comm, network, pipeline: int = 2, micro_batches: int = 4, schedule: str = "1f1b",
    chunks: int = 1,
) -> Replicas:  # fmt: skip
    row, column = grid(comm, pipeline)
    return Replicas(column, Pipeline(row, network, micro_batches, schedule, chunks))


STRATEGIES: dict[str, Callable[..., Strategy]] = {
    "data": DataParallel,
    "local_sgd": LocalSGD,
    "zero1": lambda comm, network: Sharded(comm, network, 1),
    "zero2": lambda comm, network: Sharded(comm, network, 2),
    "zero3": lambda comm, network: Sharded(comm, network, 3),
    "tensor": TensorParallel,
    "pipeline": Pipeline,
    "data_tensor": _data_tensor,
    "data_pipeline": _data_pipeline,
}


def make_strategy(name: str, comm: Communicator, network: Network, **options: Any) -> Strategy:
    """Return a strategy by its name.

    Args:
        name: of `STRATEGIES`.
        comm, network: see `Strategy`.
        options: those of the strategy, as buckets=2; 'data_tensor' and 'data_pipeline' also take
            the number of ranks that share a replica, as tensor=2 or pipeline=2.

    Raises:
        CourseError: for an unknown name or option, and for what the strategy refuses.
    """
    check_choice("strategy", name, STRATEGIES)
    check_fields(f"strategy {name!r}", options, STRATEGIES[name], comm, network)
    return STRATEGIES[name](comm, network, **options)
