"""Data parallel (D1 3.1): every rank has all weights and a part of each batch.

    g = Σ_k (n_k / n) g_k

n_k of the batch's n rows are rank k's. A mean runs over all n rows, so each rank's part of the
gradient has its right weight already, and the sum is the gradient of one process. Each rank then
makes the same step: the weights stay equal. The flat gradient is the bucket.

Local SGD averages weights instead, and more rarely: another algorithm, but for one local step.
"""

from torch import Tensor

from ..errors import CourseError, check_count
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


class LocalSGD(Strategy):
    """Ranks that train alone on their rows of each batch, and average their weights now and then.

    With local = 1 and plain descent this is data parallel: the mean of the steps is the step of the
    mean gradient. With memory (momentum, Adam) or more local steps it is another algorithm; the
    optimiser's state stays each rank's own.

    Args:
        comm, network: see `Strategy`.
        local: steps between two averages, 1 or more.

    Source: Stich (2019); D1 3.1, "aggregate the results into a global model".
    """

    name = "local SGD"

    def __init__(self, comm: Communicator, network: Network, local: int):
        super().__init__(comm, network)
        self.local = check_count("local", local, 1, 10**6, "steps between two averages")
        self.steps, self.share = 0, 1 / comm.world

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the mean loss of the ranks; leave the gradient of this rank's rows in `grad`.

        Raises:
            CourseError: for fewer rows than ranks.
        """
        net, n, world = self.network, len(X), self.comm.world
        if n < world:
            raise CourseError(f"{n} rows cannot be shared by {world} ranks; take fewer ranks")
        if self.steps and self.steps % self.local == 0:
            net.theta.copy_(self.whole(net.theta))
        mine = cuts(n, world)[self.comm.rank]
        rows = mine.stop - mine.start
        self.share = rows / n
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), mine):
            loss = net.loss_and_grad(X[mine], Y[:, mine].contiguous(), denominator or n)
        self.steps += 1
        net.grad.mul_(n / rows)  # the mean over this rank's rows, not over the batch
        return self.comm.all_reduce(loss.reshape(1), "loss")[0]

    def whole(self, vector: Tensor) -> Tensor:
        """Return the mean of a (P,) vector over the ranks, each by its share of the rows."""
        return self.comm.all_reduce(vector * self.share, "weights")

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        """Return the outputs (B, C) of rows x: (B, n_0) with the mean weights, on every rank."""
        return self.network.predict(x, self.whole(self.network.theta) if theta is None else theta)
