"""Two strategies at once: several copies of a network, each cut over some ranks.

A copy works on its rows of the batch as if it were alone; then the gradients of the copies are
summed, each rank's with those that have the same part of the network.
"""

from torch import Tensor

from .communicator import Communicator, cuts
from .strategy import Cut, Strategy


class Copies(Cut):
    """Data parallel around tensor or pipeline parallel.

    Args:
        comm: the ranks that have the same part of the network, one of each copy.
        inner: what cuts the copy that this rank belongs to.
    """

    def __init__(self, comm: Communicator, inner: Strategy):
        self.comm, self.inner, self.network = comm, inner, inner.network  # which is a copy already
        self.name, self.refuses = f"data × {inner.name}", inner.refuses
        self.description = inner.description

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of the whole batch; leave this rank's part of its gradient in `grad`."""
        n = len(X)
        mine = cuts(n, self.comm.world)[self.comm.rank]
        loss = self.inner.loss_of_rows(X[mine], Y[:, mine].contiguous(), denominator or n, mine, n)
        self.comm.all_reduce(self.inner.grad, "gradient")
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def norm(self, g: Tensor) -> Tensor:
        return self.inner.norm(g)

    def whole(self, vector: Tensor) -> Tensor:
        return self.inner.whole(vector)

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        return self.inner.predict(x, theta)
