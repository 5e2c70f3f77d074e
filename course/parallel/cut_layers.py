"""The layers of tensor parallel: parts of a `Linear`, and a `LayerNorm` on some of the samples.

With sequence parallel, what lies between two blocks is cut by samples: each rank has all units of
its own samples, valid in its own columns of an array of the usual size. A sum over the ranks is
then a `reduce_scatter` at the end of a block and an `all_gather` at the start of the next: the same
bytes.

Source: Shoeybi et al. (2019), section 3; Korthikanti et al. (2022), section 4.2.2, for samples.
"""

import torch
from torch import Tensor

from ..nn.blocks import LayerNorm
from ..nn.layers import Layer, Linear, Workspace
from .communicator import Communicator, cuts


class OnRanks(Layer):
    """A layer that talks to other ranks."""

    comm: Communicator

    def own(self, x: Tensor) -> slice:
        """Return which columns of x: (n, B) are this rank's samples."""
        return cuts(x.shape[1], self.comm.world_size)[self.comm.rank]

    def gather_samples(self, x: Tensor, label: str) -> None:
        """Fill the columns of x: (n, B) that are other ranks' samples."""
        rows = x[:, self.own(x)].t().contiguous()
        x.copy_(self.comm.all_gather(rows, x.shape[1], label).t())

    def sum_samples(self, x: Tensor, out: Tensor, label: str) -> None:
        """Write the sum of x: (n, B) over the ranks into this rank's columns of out: (n, B)."""
        out[:, self.own(out)] = self.comm.reduce_scatter(x.t().contiguous(), label).t()


class CutLinear(OnRanks, Linear):
    """A part of a `Linear`, on one rank."""

    def _note(self, ws, what: str) -> None:
        """Note a product of this rank's matrix with a batch; the bias has no gradient by x."""
        matrix = self.WT if what == "input gradient" else self.W
        self.comm.compute(what, 2 * matrix.numel() * ws.x.shape[1])


class ColumnLinear(CutLinear):
    """The outputs `mine` of a `Linear`, on one rank.

    Args:
        width: of the whole layer.
        mine: which outputs this rank has.
        gather: whether the outputs of all ranks are put together.
        samples: whether the inputs are cut by samples.
    """

    def __init__(self, width: int, mine: slice, gather: bool, samples: bool):
        super().__init__(width)
        self.mine, self.gather, self.samples = mine, gather, samples

    def width_out(self, n):
        return self.width if self.gather else self.mine.stop - self.mine.start

    def shapes(self, n):
        return [(self.mine.stop - self.mine.start, n + 1)]

    def forward(self, ws):
        if self.samples:
            self.gather_samples(ws.x, "inputs")
        out = torch.mm(self.W, ws.x1)
        self._note(ws, "forward")
        ws.a.copy_(self.comm.all_gather(out, self.width, "outputs") if self.gather else out)

    def _da(self, ws):
        return ws.da[self.mine] if self.gather else ws.da

    def backward_input(self, ws):
        if ws.dx is not None:
            dx = self.WT @ self._da(ws)
            self._note(ws, "input gradient")
            if self.samples:
                self.sum_samples(dx, ws.dx, "input gradients")
            else:
                ws.dx.copy_(self.comm.all_reduce(dx, "input gradients"))

    def backward_weights(self, ws):
        torch.mm(self._da(ws), ws.x1T, out=self.dW)
        self._note(ws, "weight gradient")


class RowLinear(CutLinear):
    """A `Linear` that gets a part of its inputs on each rank. The bias is rank 0's.

    Args:
        width: of the whole layer.
        has_bias: whether this rank has it.
        samples: whether the outputs are to be cut by samples.
    """

    def __init__(self, width: int, has_bias: bool, samples: bool):
        super().__init__(width)
        self.has_bias, self.samples = has_bias, samples

    def shapes(self, n):
        return [(self.width, n + self.has_bias)]

    def bind(self, weights, grads):
        (self.W,), (self.dW,) = weights, grads
        self.WT = (self.W[:, :-1] if self.has_bias else self.W).t()

    def forward(self, ws):
        part = torch.mm(self.W, ws.x1 if self.has_bias else ws.x)
        self._note(ws, "forward")
        if self.samples:
            self.sum_samples(part, ws.a, "outputs")
        else:
            ws.a.copy_(self.comm.all_reduce(part, "outputs"))

    def backward_input(self, ws):
        if self.samples:
            self.gather_samples(ws.da, "output gradients")
        super().backward_input(ws)
        self._note(ws, "input gradient")

    def backward_weights(self, ws):
        torch.mm(ws.da, ws.x1T if self.has_bias else ws.x.t(), out=self.dW)
        self._note(ws, "weight gradient")


class SampleNorm(OnRanks, LayerNorm):
    """A `LayerNorm` that works on this rank's samples; γ and β are the same on each rank."""

    def allocate(self, ws):
        ws.a.zero_()  # the columns of others are never written: they must hold numbers
        ws.dx.zero_()
        inner = Workspace()
        own = self.own(ws.x)
        inner.x, inner.a, inner.da, inner.dx = (
            ws.x.new_empty(len(ws.x), own.stop - own.start) for _ in range(4)
        )
        inner.training, inner.cache = ws.training, super().allocate(inner)
        return inner

    def forward(self, ws):
        own = self.own(ws.x)
        ws.cache.x.copy_(ws.x[:, own])
        super().forward(ws.cache)
        ws.a[:, own] = ws.cache.a

    def backward_input(self, ws):
        own = self.own(ws.x)
        ws.cache.da.copy_(ws.da[:, own])
        super().backward_input(ws.cache)
        ws.dx[:, own] = ws.cache.dx

    def backward_weights(self, ws):
        ws.cache.da.copy_(ws.da[:, self.own(ws.x)])
        super().backward_weights(ws.cache)
        for part in (self.dgamma, self.dbeta):
            part.copy_(self.comm.all_reduce(part.contiguous(), "norm gradients"))


class ToSamples(OnRanks):
    """From here on, samples are cut: backward, their gradients are gathered."""

    def forward(self, ws):
        ws.a.copy_(ws.x)

    def backward(self, ws):
        ws.dx.copy_(ws.da)
        self.gather_samples(ws.dx, "input gradients")


class ToWhole(OnRanks):
    """From here on, each rank has all samples again."""

    def forward(self, ws):
        ws.a.copy_(ws.x)
        self.gather_samples(ws.a, "outputs")

    def backward(self, ws):
        ws.dx.copy_(ws.da)
