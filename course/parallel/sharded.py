"""Sharded data parallel, ZeRO: ranks share rows, and also the state that each of them would keep.

Each rank has a part of every layer's weights, like `theta`, and the optimiser's state for it:

    stage 1    optimiser state is sharded; weights and gradient are whole on each rank
    stage 2    the gradient too: each layer's is summed and cut as soon as it is there
    stage 3    the weights too: each layer's are gathered when they are needed, and dropped again

All three make the step of one process. FSDP is stage 3.

Source: Rajbhandari et al. (2020).
"""

import torch
from torch import Tensor

from ..errors import check_choice
from ..nn.network import Network
from .communicator import Communicator, cuts
from .strategy import CUT_WEIGHTS, Cut, draw_masks, flops, masked, pieces, spans, widths


class Sharded(Cut):
    """A network of which each rank keeps a part.

    Args:
        comm, network: see `Strategy`.
        stage: 1, 2 or 3.

    Attributes:
        theta, grad: this rank's part of the weights and of the gradient, layer by layer.

    Raises:
        CourseError: for another stage.
    """

    name = "sharded data parallel"
    refuses = CUT_WEIGHTS

    def __init__(self, comm: Communicator, network: Network, stage: int):
        super().__init__(comm, network)
        network = self.network  # a copy
        self.stage = check_choice("stage", stage, (1, 2, 3))
        self.spans, self.widths = spans(network), widths(network)
        parts = [cuts(s.stop - s.start, comm.world) for s in self.spans]
        self.parts = [part[comm.rank] for part in parts]
        pairs = zip(self.spans, self.parts, strict=True)
        self.theta = torch.cat([network.theta[span][part] for span, part in pairs])
        self.grad = torch.zeros_like(self.theta)
        ends = [0, *torch.tensor([p.stop - p.start for p in self.parts]).cumsum(0).tolist()]
        self.own = [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        empty = network.theta.new_empty(0)
        network.grad = network.grad if stage == 1 else empty
        network.theta = network.theta if stage < 3 else empty

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of the whole batch; leave this rank's part of the gradient in `grad`."""
        net, comm, n = self.network, self.comm, len(X)
        rows = cuts(n, comm.world)[comm.rank]
        X, Y = X[rows], Y[:, rows].contiguous()
        spaces, work = net.workspace(len(X)), flops(net, len(X))
        net.feed(spaces, X)
        if self.stage < 3:
            self._gather_all()
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), rows):
            for i, layer in enumerate(net.layers):
                self._bind(i)
                layer.forward(spaces[i])
                comm.compute(f"forward {i}", work[i])
        loss = net.loss(spaces[-1].a, Y, spaces[-1].da, denominator or n)
        for i in reversed(range(len(spaces))):
            grad = self._bind(i)
            net.layers[i].backward(spaces[i])
            comm.compute(f"backward {i}", 2 * work[i])
            if self.stage > 1:
                self._give(i, grad)
        if self.stage == 1:
            for i, span in enumerate(self.spans):
                self._give(i, net.grad[span])
        return comm.all_reduce(loss.reshape(1), "loss")[0]

    def _bind(self, i: int) -> Tensor:
        """Give layer i its weights, and memory for its gradient; return that memory."""
        net, span = self.network, self.spans[i]
        size = span.stop - span.start
        weights = net.theta[span] if self.stage < 3 else self._get(i)
        grad = net.grad[span] if self.stage == 1 else weights.new_empty(size)
        layer, n = net.layers[i], self.widths[i]
        layer.bind(pieces(layer, n, weights), pieces(layer, n, grad))
        return grad

    def _get(self, i: int) -> Tensor:
        """Return all weights of layer i, from all ranks."""
        size = self.spans[i].stop - self.spans[i].start
        if not size:
            return self.theta[:0]
        return self.comm.all_gather(self.theta[self.own[i]], size, f"weights {i}")

    def _give(self, i: int, grad: Tensor) -> None:
        """Sum layer i's gradient over the ranks, and keep this rank's part."""
        if len(grad):
            self.grad[self.own[i]] = self.comm.reduce_scatter(grad, f"gradient {i}")

    def _gather_all(self) -> None:
        for i, span in enumerate(self.spans):
            self.network.theta[span] = self._get(i)

    # ---- the rest of a model ------------------------------------------------------------------

    def norm(self, g: Tensor) -> Tensor:
        """Return the norm of a vector of which each rank has a part."""
        return self.comm.all_reduce(torch.dot(g, g).reshape(1), "norm")[0].sqrt()

    def whole(self, vector: Tensor) -> Tensor:
        sizes = [s.stop - s.start for s in self.spans]
        gathered = [self.comm.all_gather(vector[own], size, "whole")
                    for own, size in zip(self.own, sizes, strict=True) if size]  # fmt: skip
        return torch.cat(gathered)

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        """Return the outputs (B, C) of rows x: (B, n_0); every rank calls it."""
        return self.network.predict(x, self.whole(self.theta) if theta is None else theta)
