"""Two strategies at once: several replicas of a network, each cut over some ranks.

A replica works on its rows of the batch as if it were alone; then the gradients of the replicas are
summed, each rank's with those that have the same part of the network.
"""

from torch import Tensor

from ..errors import CourseError
from .communicator import Communicator, cuts
from .pipeline import Pipeline
from .strategy import Cut
from .tensor_parallel import TensorParallel


class Replicas(Cut):
    """Data parallel around tensor or pipeline parallel.

    Args:
        comm: the ranks that have the same part of the network, one of each replica.
        inner: what cuts the replica that this rank belongs to.

    Raises:
        CourseError: for another kind of strategy inside.
    """

    def __init__(self, comm: Communicator, inner: TensorParallel | Pipeline):
        if not isinstance(inner, TensorParallel | Pipeline):
            raise CourseError(
                f"Replicas got {type(inner).__name__}; it takes TensorParallel or Pipeline"
            )
        self.comm, self.inner, self.network = comm, inner, inner.network  # which is a copy already
        self.name, self.lacks = f"data × {inner.name}", inner.lacks
        self.description = inner.description

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def check_rows(self, n: int, batch: int) -> None:
        """Raise `CourseError` when a replica cannot take its part of n rows."""
        for rows in cuts(n, self.comm.world_size):
            self.inner.check_rows(rows.stop - rows.start, batch)

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        n = len(X)
        self.check_rows(n, n)  # all ranks find the same, so none waits for another
        mine = cuts(n, self.comm.world_size)[self.comm.rank]
        loss = self.inner.loss_of_rows(X[mine], Y[:, mine].contiguous(), denominator or n, mine, n)
        self.comm.all_reduce(self.inner.grad, "gradient")
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def state(self) -> dict[str, Tensor]:
        return self.inner.state()

    def check_state(self, state: dict[str, Tensor]) -> None:
        self.inner.check_state(state)

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.inner.load_state(state)

    def norm(self, g: Tensor) -> Tensor:
        return self.inner.norm(g)

    def whole(self, vector: Tensor) -> Tensor:
        return self.inner.whole(vector)

    def part(self, whole: Tensor) -> Tensor:
        return self.inner.part(whole)

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        return self.inner.predict(x, theta)
