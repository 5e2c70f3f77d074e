"""Local SGD: ranks train alone, and average their weights now and then.

Data parallel averages gradients, before each step. This averages weights, after some steps: the
documents' "aggregate the results into a global model" (D1 3.1). With one local step of plain
descent the two are the same: the mean of the steps is the step of the mean gradient. With memory
(momentum, Adam) or more local steps it is another algorithm.

Source: Stich (2019).
"""

from typing import Any

import torch
from torch import Tensor

from ..errors import CourseError, check_count
from ..nn.network import Network
from ..states import MOST, check_whole
from .communicator import Communicator, cuts
from .dropout_masks import draw_masks, masked
from .strategy import Strategy

OWN_ROWS = (
    "local SGD gives each rank the gradient of its own rows, and the curvature of the whole batch "
    "does not belong to it. Take data parallel"
)


class LocalSGD(Strategy):
    """A network that each rank trains alone on its rows of each batch.

    The weights become their mean at the beginning of a step, so after the last one they differ:
    save `whole(theta)`. The optimiser's state stays each rank's own, and so do the norms in its
    history.

    Args:
        comm, network: see `Strategy`.
        local_steps: steps between two averages, 1 or more.

    Raises:
        CourseError: for a number out of range.
    """

    name = "local SGD"
    lacks = {"curvature": OWN_ROWS}

    def __init__(self, comm: Communicator, network: Network, local_steps: int):
        super().__init__(comm, network)
        most = 10**6
        self.local_steps = check_count("local_steps", local_steps, 1, most, "between two averages")
        self.steps, self.share = 0, 1 / comm.world_size

    def check_rows(self, n: int, batch: int) -> None:
        """Raise `CourseError` for fewer rows than ranks, and for a part of a batch."""
        if n != batch:
            raise CourseError(
                "local SGD cannot work a batch off in parts: the gradient of a rank is the mean "
                "over all its rows; set accumulate = 1"
            )
        if n < self.comm.world_size:
            raise CourseError(
                f"{n} rows cannot be shared by {self.comm.world_size} ranks; take fewer ranks"
            )

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the mean loss of the ranks; leave the gradient of this rank's rows in `grad`.

        Raises:
            CourseError: for a part of a batch: a rank's rows must come at once.
        """
        net, n, world_size = self.network, len(X), self.comm.world_size
        self.check_rows(n, denominator or n)
        if self.steps and self.steps % self.local_steps == 0:
            net.theta.copy_(self.whole(net.theta))
        mine = cuts(n, world_size)[self.comm.rank]
        rows = mine.stop - mine.start
        self.share = rows / n
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), mine):
            loss = net.loss_and_grad(X[mine], Y[:, mine].contiguous(), n)
        self.comm.compute(
            "forward, backward", rows * sum(w.forward + w.backward for w in self.work)
        )
        self.steps += 1
        net.grad.mul_(n / rows)  # the mean over this rank's rows, not over the batch
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def curvature(self, X: Tensor, Y: Tensor) -> Any:
        """Refuse: a transform that asks for the curvature would get that of all rows."""
        raise CourseError(f"this transform cannot run here: {OWN_ROWS}")

    def whole(self, vector: Tensor) -> Tensor:
        """Return the mean of a (P,) vector over the ranks, each by its share of the rows."""
        return self.comm.all_reduce(vector * self.share, "weights")

    # ---- its place between two averages -------------------------------------------------------

    def extra_state(self) -> dict[str, Tensor]:
        return {"place": torch.tensor([self.steps, self.share], dtype=torch.float64)}

    def check_extra(self, extra: dict[str, Tensor]) -> None:
        check_whole("the local steps", int(extra["place"][0]), 0, MOST)

    def load_extra(self, extra: dict[str, Tensor]) -> None:
        self.steps, self.share = int(extra["place"][0]), float(extra["place"][1])
