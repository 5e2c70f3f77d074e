"""Tensor parallel: each rank has a part of every matrix, and all ranks work on all samples.

    column    W is cut by outputs: each rank computes some units. Their inputs are needed whole, so
              backward sums ∂L/∂x over the ranks.
    row       W is cut by inputs, as a column layer below left them: forward sums the outputs over
              the ranks; the bias is rank 0's.

A column layer, pointwise layers and a row layer are a block: one sum forward, one backward. A
`Linear` without a partner is cut by columns, and its outputs are gathered.

Source: Shoeybi et al. (2019), section 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CourseError
from ..nn.blocks import Dropout
from ..nn.layers import GELU, Layer, Linear, ReLU, Sigmoid, Tanh
from ..nn.losses import build_loss
from ..nn.network import Network
from ..nn.stack import Stack
from .communicator import Communicator, cuts
from .strategy import CUT_WEIGHTS, Strategy, draw_masks, masked

POINTWISE = (ReLU, Tanh, Sigmoid, GELU, Dropout)


class CutLinear(Linear):
    """A part of a `Linear`, on one rank."""

    comm: Communicator

    def _note(self, ws, what: str) -> None:
        """Note a product of this rank's matrix with a batch."""
        self.comm.compute(what, 2 * self.W.numel() * ws.x1.shape[1])


class ColumnLinear(CutLinear):
    """The outputs `mine` of a `Linear`, on one rank.

    Args:
        width: of the whole layer.
        mine: which outputs this rank has.
        gather: whether the outputs of all ranks are put together.
    """

    def __init__(self, width: int, mine: slice, gather: bool):
        super().__init__(width)
        self.mine, self.gather = mine, gather

    def width_out(self, n):
        return self.width if self.gather else self.mine.stop - self.mine.start

    def shapes(self, n):
        return [(self.mine.stop - self.mine.start, n + 1)]

    def forward(self, ws):
        if self.gather:
            own = torch.mm(self.W, ws.x1)
            self._note(ws, "forward")
            ws.a.copy_(self.comm.all_gather(own, self.width, "outputs"))
        else:
            torch.mm(self.W, ws.x1, out=ws.a)
            self._note(ws, "forward")

    def _da(self, ws):
        return ws.da[self.mine] if self.gather else ws.da

    def backward_input(self, ws):
        if ws.dx is not None:
            dx = self.WT @ self._da(ws)
            self._note(ws, "input gradient")
            ws.dx.copy_(self.comm.all_reduce(dx, "input gradients"))

    def backward_weights(self, ws):
        torch.mm(self._da(ws), ws.x1T, out=self.dW)
        self._note(ws, "weight gradient")


class RowLinear(CutLinear):
    """A `Linear` that gets a part of its inputs on each rank."""

    def forward(self, ws):
        part = torch.mm(self.W, ws.x1)
        self._note(ws, "forward")
        ws.a.copy_(self.comm.all_reduce(part, "outputs"))

    def backward_input(self, ws):
        super().backward_input(ws)
        if ws.dx is not None:
            self._note(ws, "input gradient")

    def backward_weights(self, ws):
        super().backward_weights(ws)
        if self.comm.rank > 0:
            self.dW[:, -1] = 0  # the bias is rank 0's; here it stays 0
        self._note(ws, "weight gradient")


@dataclass(frozen=True)
class Place:
    """Where a rank's matrix lies in the whole one: whole[rows][:, columns]."""

    rows: slice
    columns: Tensor
    owned: bool = True
    """False for a copy that rank 0 counts."""


class TensorParallel(Strategy):
    """A network whose matrices are cut, so that each rank has a part of every one.

    Args:
        comm, network: see `Strategy`.

    Attributes:
        network: this rank's; `theta` are its weights.

    Raises:
        CourseError: for a layer with fewer units than there are ranks.
    """

    name = "tensor parallel"
    refuses = CUT_WEIGHTS

    def __init__(self, comm: Communicator, network: Network):
        super().__init__(comm, network)
        self.shapes, self.places = network.shapes, []
        self.units: list[slice] = []  # of each dropout, those that are this rank's
        layers = self._cut(network.layers, network.features)
        whole = network.theta
        self.network = network = Network(
            layers, network.features, build_loss(network.loss.describe()), network.init,
            network.seed, whole.dtype, whole.device.type, anyway=True,
        )  # fmt: skip
        for layer in cut_layers(network.layers):
            layer.comm = comm
        network.theta.copy_(self.part(whole))

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        """Return the loss of the batch; leave this rank's part of its gradient in `grad`."""
        return self.loss_of_rows(X, Y, denominator or len(X), slice(0, len(X)), len(X))

    def loss_of_rows(self, X: Tensor, Y: Tensor, denominator: int, rows: slice, n: int) -> Tensor:
        """Do `loss_and_grad` for some rows of a batch of n."""
        net = self.network
        masks = draw_masks(net, self.dropout_widths, n)
        with masked(net.dropouts(), masks, rows, self.units):
            return net.loss_and_grad(X, Y, denominator)

    # ---- cutting ------------------------------------------------------------------------------

    def _cut(self, layers: list[Layer], n: int) -> list[Layer]:
        """Return this rank's layers for inputs of width n, which each rank has whole."""
        found: list[Layer] = []
        mine: slice | None = None  # which of the n units this rank has; None: all
        for i, layer in enumerate(layers):
            if isinstance(layer, Linear) and mine is None:
                found.append(self._column(layer, n, layers[i + 1 :]))
                mine = None if found[-1].gather else found[-1].mine
            elif isinstance(layer, Linear):
                columns = torch.tensor([*range(n)[mine], n])
                self.places.append(Place(slice(0, layer.width), columns))
                found.append(RowLinear(layer.width))
                mine = None
            elif isinstance(layer, Stack):
                found.append(type(layer)(*self._cut(layer.layers, n)))
            else:
                if isinstance(layer, Dropout):
                    self.units.append(mine or slice(0, n))
                for rows, columns in layer.shapes(n):  # a copy on each rank
                    self.places.append(
                        Place(slice(0, rows), torch.arange(columns), self.comm.rank == 0)
                    )
                found.append(layer)
            n = layer.width_out(n)
        return found

    def _column(self, layer: Linear, n: int, above: list[Layer]) -> ColumnLinear:
        if layer.width < self.comm.world:
            raise CourseError(
                f"Linear({layer.width}) cannot be shared by {self.comm.world} ranks; take at most "
                f"{layer.width} ranks, or a wider layer"
            )
        mine = cuts(layer.width, self.comm.world)[self.comm.rank]
        self.places.append(Place(mine, torch.arange(n + 1)))
        partner = next((one for one in above if not isinstance(one, POINTWISE)), None)
        return ColumnLinear(layer.width, mine, gather=not isinstance(partner, Linear))

    # ---- parts and the whole ------------------------------------------------------------------

    def part(self, whole: Tensor) -> Tensor:
        """Return this rank's part of a (P,) vector of the whole network."""
        parts = whole.split([o * i for o, i in self.shapes])
        local = torch.cat([
            part.view(shape)[place.rows][:, place.columns].flatten()
            for part, shape, place in zip(parts, self.shapes, self.places, strict=True)
        ])  # fmt: skip
        if self.comm.rank:
            self._drop_biases(local)
        return local

    def _drop_biases(self, local: Tensor) -> None:
        """Set the biases of row layers to 0, which are rank 0's."""
        views = iter(self.network.views(local))
        for layer in flat_layers(self.network.layers):
            for view in [next(views) for _ in range(layer.n_matrices)]:
                if isinstance(layer, RowLinear):
                    view[:, -1] = 0

    def whole(self, vector: Tensor) -> Tensor:
        whole = vector.new_zeros(sum(o * i for o, i in self.shapes))
        parts = whole.split([o * i for o, i in self.shapes])
        views = self.network.views(vector)
        for part, shape, place, view in zip(parts, self.shapes, self.places, views, strict=True):
            if place.owned:
                part.view(shape)[place.rows, place.columns] = view
        return self.comm.all_reduce(whole, "whole")

    def norm(self, g: Tensor) -> Tensor:
        """Return the norm of a vector of which each rank has a part."""
        total = g.new_zeros(1)
        for place, view in zip(self.places, self.network.views(g), strict=True):
            if place.owned:
                total += torch.sum(view * view)
        return self.comm.all_reduce(total, "norm")[0].sqrt()


def flat_layers(layers: list[Layer]) -> list[Layer]:
    """Return all layers, those of inner stacks in place of these."""
    found: list[Layer] = []
    for layer in layers:
        found += flat_layers(layer.layers) if isinstance(layer, Stack) else [layer]
    return found


def cut_layers(layers: list[Layer]) -> list:
    """Return the layers that talk to other ranks."""
    return [one for one in flat_layers(layers) if isinstance(one, CutLinear)]
