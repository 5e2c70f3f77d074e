"""Data parallel (D1 3.1): every rank has all weights and a part of each batch.

    g = Σ_k (n_k / n) g_k

n_k of the batch's n rows are rank k's. A mean runs over all n rows, so each rank's part of the
gradient has its right weight already, and the sum is the gradient of one process. Each rank then
makes the same step: the weights stay equal. The flat gradient is the bucket; the loss is one number
more at its end.
"""

from itertools import pairwise

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
        net, size = self.network, len(self.network.theta)
        whole = net.theta.new_zeros(size + 1)
        net.grad, self.loss_of_all = whole[:size], whole[size]
        net.stack.bind(net.views(net.theta), net.views(net.grad))
        self.forward_work = sum(work.forward for work in self.work)
        # as backward fills them, from the last to the first; the loss goes with the first of them
        begins = [part[0].start for part in reversed(parts)]
        ends = [size + 1, *begins]
        filled = [0] + [sum(span.start <= begin for begin in begins) for span in self.spans[::-1]]
        self.full_after = [
            [whole[begins[k] : ends[k]] for k in range(*pair)] for pair in pairwise(filled)
        ][::-1]

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        net, n = self.network, len(X)
        mine = cuts(n, self.comm.world_size)[self.comm.rank]
        x, y, denominator = X[mine], Y[:, mine].contiguous(), denominator or n
        if self.dropout_widths:
            with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), mine):
                self._my_part(x, y, denominator)
        else:
            self._my_part(x, y, denominator)
        return self.loss_of_all.clone()

    def _my_part(self, X: Tensor, Y: Tensor, denominator: int) -> None:
        """Work off this rank's rows; sum each part of the gradient once it is there."""
        net, comm, rows = self.network, self.comm, len(X)
        spaces = net.workspace(rows)
        Z = net.forward(spaces, X)
        comm.compute("forward", rows * self.forward_work)
        self.loss_of_all.copy_(net.loss(Z, Y, spaces[-1].da, denominator))
        sums = []
        for i in reversed(range(len(spaces))):
            net.layers[i].backward(spaces[i])
            comm.compute(f"backward {i}", rows * self.work[i].backward)
            sums += [comm.start_all_reduce(part, "gradient") for part in self.full_after[i]]
        for sum_ in sums:
            sum_.wait()
