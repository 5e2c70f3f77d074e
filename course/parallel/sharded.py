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
from .dropout_masks import draw_masks, masked
from .strategy import Cut
from .work import pieces


class Sharded(Cut):
    """A network of which each rank keeps a part.

    Args:
        comm, network: see `Strategy`.
        stage: 1, 2 or 3.

    Attributes:
        theta, grad: this rank's part of each layer's weights and gradient, one after another: (p,).

    Raises:
        CourseError: for another stage.
    """

    name = "sharded data parallel"

    def __init__(self, comm: Communicator, network: Network, stage: int):
        super().__init__(comm, network)
        network = self.network  # a copy
        self.stage = check_choice("stage", stage, (1, 2, 3))
        self.sizes = [s.stop - s.start for s in self.spans]
        parts = [cuts(size, comm.world_size)[comm.rank] for size in self.sizes]
        self.parts = parts  # of each layer's weights, those that are this rank's
        self.theta = self.part(network.theta)
        self.grad = torch.zeros_like(self.theta)
        ends = [0, *torch.tensor([p.stop - p.start for p in parts]).cumsum(0).tolist()]
        self.own = [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        self.nothing = network.theta.new_zeros(1)  # stands for what is not there
        empty = network.theta.new_empty(0)
        network.grad = network.grad if stage == 1 else empty
        network.theta = network.theta if stage < 3 else empty
        for i in range(len(self.sizes)):
            self._drop(i)

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        net, comm, n = self.network, self.comm, len(X)
        rows = cuts(n, comm.world_size)[comm.rank]
        X, Y = X[rows], Y[:, rows].contiguous()
        spaces = net.workspace(len(X))
        net.feed(spaces, X)
        if self.stage < 3:
            for i, span in enumerate(self.spans):
                net.theta[span] = self._gather(i)
        with masked(net.dropouts(), draw_masks(net, self.dropout_widths, n), rows):
            for i, layer in enumerate(net.layers):
                self._bind(i, self._weights(i))
                layer.forward(spaces[i])
                comm.compute(f"forward {i}", len(X) * self.work[i].forward)
                self._drop(i)
        loss = net.loss(spaces[-1].a, Y, spaces[-1].da, denominator or n)
        for i in reversed(range(len(spaces))):
            grad = net.grad[self.spans[i]] if self.stage == 1 else X.new_empty(self.sizes[i])
            self._bind(i, self._weights(i), grad)
            net.layers[i].backward(spaces[i])
            comm.compute(f"backward {i}", len(X) * self.work[i].backward)
            self._drop(i)
            if self.stage > 1:
                self._give(i, grad)
        if self.stage == 1:
            for i, span in enumerate(self.spans):
                self._give(i, net.grad[span])
        return comm.all_reduce(loss.reshape(1), "loss")[0]

    def _weights(self, i: int) -> Tensor:
        """Return all weights of layer i: (size,). At stage 3 the other ranks send them."""
        return self.network.theta[self.spans[i]] if self.stage < 3 else self._gather(i)

    def _gather(self, i: int) -> Tensor:
        """Return all weights of layer i from all ranks."""
        if not self.sizes[i]:
            return self.theta[:0]
        return self.comm.all_gather(self.theta[self.own[i]], self.sizes[i], f"weights {i}")

    def _bind(self, i: int, weights: Tensor, grad: Tensor | None = None) -> None:
        """Give layer i its weights, and memory for its gradient; None: it needs none now."""
        layer, n = self.network.layers[i], self.widths[i]
        grad = self.nothing.expand(self.sizes[i]) if grad is None else grad
        layer.bind(pieces(layer, n, weights), pieces(layer, n, grad))

    def _drop(self, i: int) -> None:
        """Let layer i's weights and its gradient go."""
        self._bind(i, self.nothing.expand(self.sizes[i]))

    def _give(self, i: int, grad: Tensor) -> None:
        """Sum layer i's gradient over the ranks, and keep this rank's part."""
        if len(grad):
            self.grad[self.own[i]] = self.comm.reduce_scatter(grad, f"gradient {i}")

    def part(self, whole: Tensor) -> Tensor:
        pairs = zip(self.spans, self.parts, strict=True)
        return torch.cat([whole[span][part] for span, part in pairs])

    def whole(self, vector: Tensor) -> Tensor:
        gathered = [self.comm.all_gather(vector[own], size, "whole")
                    for own, size in zip(self.own, self.sizes, strict=True) if size]  # fmt: skip
        return torch.cat(gathered)
