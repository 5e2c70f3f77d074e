"""Data parallel (D1 3.1): every rank has all weights and a part of each batch.

    g = Σ_k (n_k / n) g_k

n_k of the batch's n rows are rank k's. A mean runs over all n rows, so each rank's part of the
gradient has its right weight already, and the sum is the gradient of one process. Each rank then
makes the same step: the weights stay equal. The flat gradient is the bucket.
"""

from torch import Tensor

from ..errors import check_count
from ..nn.network import Network
from .communicator import Communicator, cuts
from .dropout_masks import draw_masks, masked
from .strategy import Strategy


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
        full = [span for span in self.spans if span.stop > span.start]
        buckets = check_count("buckets", buckets, 1, len(full), "of the layers with weights")
        parts = [full[part] for part in cuts(len(full), buckets)]
        # as backward fills them: from the last to the first
        self.buckets = [slice(part[0].start, part[-1].stop) for part in reversed(parts)]

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        net, n = self.network, len(X)
        mine = cuts(n, self.comm.world_size)[self.comm.rank]
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), mine):
            loss = self._my_part(X[mine], Y[:, mine].contiguous(), denominator or n)
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def _my_part(self, X: Tensor, Y: Tensor, denominator: int) -> Tensor:
        """Work off this rank's rows; sum each bucket as soon as its gradient is there."""
        net, comm, rows = self.network, self.comm, len(X)
        spaces = net.workspace(rows)
        Z = net.forward(spaces, X)
        comm.compute("forward", rows * sum(work.forward for work in self.work))
        loss = net.loss(Z, Y, spaces[-1].da, denominator)
        pending, todo = [], list(self.buckets)
        for i in reversed(range(len(spaces))):
            net.layers[i].backward(spaces[i])
            comm.compute(f"backward {i}", rows * self.work[i].backward)
            while todo and self.spans[i].start <= todo[0].start:
                pending.append(comm.start_all_reduce(net.grad[todo.pop(0)], "gradient"))
        for sum_ in pending:
            sum_.wait()
        return loss
