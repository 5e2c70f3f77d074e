"""Data parallel (D1 3.1): every rank has all weights and a part of each batch.

    g = Σ_k (n_k / n) g_k

n_k of the batch's n rows are rank k's. A mean runs over all n rows, so each rank's part of the
gradient has its right weight already, and the sum is the gradient of one process. Each rank then
makes the same step: the weights stay equal. The flat gradient is the bucket.
"""

import torch
from torch import Tensor

from ..errors import check_count
from ..nn.network import Network
from .communicator import Communicator, cuts
from .strategy import Strategy, draw_masks, flops, masked, spans


class DataParallel(Strategy):
    """A network whose gradient is summed over the ranks.

    Args:
        comm, network: see `Strategy`.
        buckets: in how many parts the gradient is summed. With more than one, the sum of the upper
            layers travels while the lower ones still compute: 1 to the number of layers.

    Raises:
        CourseError: for a number out of range.
    """

    name = "data parallel"

    def __init__(self, comm: Communicator, network: Network, buckets: int = 1):
        super().__init__(comm, network)
        most = sum(span.stop > span.start for span in spans(network))
        check_count("buckets", buckets, 1, most, "of the layers with weights")
        self.buckets = buckets

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of the whole batch, and leave its gradient in `grad`, on each rank."""
        net, n = self.network, len(X)
        mine = cuts(n, self.comm.world)[self.comm.rank]
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), mine):
            loss = self._my_part(X[mine], Y[:, mine].contiguous(), denominator or n)
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def _my_part(self, X: Tensor, Y: Tensor, denominator: int) -> Tensor:
        """Work off this rank's rows; sum each bucket as soon as its gradient is there."""
        net, work = self.network, flops(self.network, len(X))
        spaces = net.workspace(len(X))
        Z = net.forward(spaces, X)
        self.comm.compute("forward", sum(work))
        loss = net.loss(Z, Y, spaces[-1].da, denominator)
        pending, todo = [], self._buckets()
        for i in reversed(range(len(spaces))):
            net.layers[i].backward(spaces[i])
            self.comm.compute(f"backward {i}", 2 * work[i])
            while todo and spans(net)[i].start <= todo[0].start:
                pending.append(self.comm.start_all_reduce(net.grad[todo.pop(0)], "gradient"))
        for sum_ in pending:
            sum_.wait()
        return loss

    def _buckets(self) -> list[slice]:
        """Return the parts of the gradient, in the order in which backward fills them."""
        full = [span for span in spans(self.network) if span.stop > span.start]
        parts = [full[part] for part in cuts(len(full), self.buckets)]
        return [slice(part[0].start, part[-1].stop) for part in reversed(parts)]


def average_models(comm: Communicator, theta: Tensor) -> None:
    """Replace the weights (P,) by their mean over the ranks."""
    comm.all_reduce(theta, "weights").div_(comm.world)


class LocalSGD:
    """Ranks that train alone on their own rows, and average their weights every `local` steps.

    With local = 1 and plain descent this is data parallel: the mean of the steps is the step of the
    mean gradient, if the ranks have equally many rows. With memory (momentum, Adam) or more local
    steps it is another algorithm.

    Args:
        comm: the ranks.
        trainer: this rank's own, on its own rows.
        local: steps between two averages, 1 or more.

    Source: Stich (2019).
    """

    def __init__(self, comm: Communicator, trainer, local: int):
        self.comm, self.trainer = comm, trainer
        self.local = check_count("local", local, 1, 10**6, "steps between two averages")

    def step(self) -> None:
        """Make one local step; average when it is time."""
        self.trainer.step()
        if self.trainer.step_count % self.local == 0:
            with torch.inference_mode():
                average_models(self.comm, self.trainer.model.theta)
