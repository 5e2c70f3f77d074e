"""Tensor parallel: each rank has a part of every matrix, and all ranks work on all samples.

    column    W is cut by outputs: each rank computes some units. Their inputs are needed whole, so
              backward sums ∂L/∂x over the ranks.
    row       W is cut by inputs, as a column layer below left them: forward sums the outputs over
              the ranks; the bias is rank 0's.

A column layer, pointwise layers and a row layer are a block: one sum forward, one backward. A
`Linear` without a partner is cut by columns, and its outputs are gathered.

With sequence parallel, layers between blocks (`LayerNorm`, the sum of a residual) work on a part of
the samples on each rank, where tensor parallel has every rank do the same.

Source: Shoeybi et al. (2019), section 3; Korthikanti et al. (2022), section 4.2.2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CourseError, check_choice
from ..nn.blocks import Dropout, LayerNorm
from ..nn.layers import GELU, Layer, Linear, ReLU, Sigmoid, Tanh
from ..nn.losses import build_loss
from ..nn.network import Network
from ..nn.stack import Stack
from .communicator import Communicator, cuts
from .cut_layers import ColumnLinear, OnRanks, RowLinear, SampleNorm, ToSamples, ToWhole
from .dropout_masks import draw_masks, masked
from .strategy import Cut

POINTWISE = (ReLU, Tanh, Sigmoid, GELU, Dropout)


@dataclass(frozen=True)
class Place:
    """Where a rank's matrix lies in the whole one: whole[rows][:, columns]."""

    rows: slice
    columns: Tensor
    owned: bool = True
    """False for a copy that rank 0 counts."""


class TensorParallel(Cut):
    """A network whose matrices are cut, so that each rank has a part of every one.

    Args:
        comm, network: see `Strategy`.
        sequence_parallel: whether what lies between blocks is cut by samples.

    Attributes:
        network: this rank's; `theta` are its weights: (p,).

    Raises:
        CourseError: for a layer with fewer units than there are ranks.
    """

    name = "tensor parallel"

    def __init__(self, comm: Communicator, network: Network, sequence_parallel: bool = False):
        super().__init__(comm, network)
        network = self.network  # a copy
        self.sequence_parallel = check_choice("sequence_parallel", sequence_parallel, (True, False))
        self.shapes = network.shapes
        self.places: list[Place] = []
        self.units: list[slice] = []  # of each dropout, those that are this rank's
        layers = self._cut(network.layers, network.features)
        whole, state = network.theta, network.state()
        self.network = network = Network(
            layers, network.features, build_loss(network.loss.describe()), "zeros",
            network.seed, whole.dtype, whole.device.type, anyway=True,
        )  # fmt: skip
        for layer in flat_layers(network.layers):
            if isinstance(layer, OnRanks):
                layer.comm = comm
        network.load_state(state)
        network.theta.copy_(self.part(whole))

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        return self.loss_of_rows(X, Y, denominator or len(X), slice(0, len(X)), len(X))

    def loss_of_rows(self, X: Tensor, Y: Tensor, denominator: int, rows: slice, n: int) -> Tensor:
        """Do `loss_and_grad` for X and Y, which are the rows `rows` of a batch of n."""
        net = self.network
        masks = draw_masks(net, self.dropout_widths, n)
        with masked(net.dropouts(), masks, rows, self.units):
            return net.loss_and_grad(X, Y, denominator)

    # ---- cutting ------------------------------------------------------------------------------

    def _cut(self, layers: list[Layer], n: int, samples: bool = False) -> list[Layer]:
        """Return this rank's layers for inputs of width n; samples: whether those are cut."""
        found: list[Layer] = []
        start = samples
        mine: slice | None = None  # which of the n units this rank has; None: all
        for i, layer in enumerate(layers):
            between = mine is None and isinstance(layer, LayerNorm | Stack)
            if self.sequence_parallel and between and not samples:
                found.append(ToSamples())
                samples = True
            if isinstance(layer, Linear) and mine is None:
                column = self._column(layer, n, layers[i + 1 :], samples)
                found.append(column)
                mine = None if column.gather else column.mine
                samples = samples and mine is not None
            elif isinstance(layer, Linear) and mine is not None:
                has_bias = self.comm.rank == 0
                columns = torch.tensor([*range(n)[mine], *([n] if has_bias else [])])
                self.places.append(Place(slice(0, layer.width), columns))
                found.append(RowLinear(layer.width, has_bias, samples))
                mine = None
            elif isinstance(layer, Stack):
                inner = layer.clone()
                inner.layers = self._cut(layer.layers, n, samples)
                found.append(inner)
            else:
                if isinstance(layer, Dropout):
                    self.units.append(mine or slice(0, n))
                for height, width in layer.shapes(n):  # a copy on each rank
                    self.places.append(
                        Place(slice(0, height), torch.arange(width), self.comm.rank == 0)
                    )
                if samples and isinstance(layer, LayerNorm):
                    layer = SampleNorm(layer.on)
                found.append(layer)
            n = layer.width_out(n)
        if start and not samples:
            found.append(ToSamples())
        elif samples and not start:
            found.append(ToWhole())
        return found

    def _column(self, layer: Linear, n: int, above: list[Layer], samples: bool) -> ColumnLinear:
        if layer.width < self.comm.world_size:
            raise CourseError(
                f"Linear({layer.width}) cannot be shared by {self.comm.world_size} ranks; take at "
                f"most {layer.width} ranks, or a wider layer"
            )
        mine = cuts(layer.width, self.comm.world_size)[self.comm.rank]
        self.places.append(Place(mine, torch.arange(n + 1)))
        partner = next((one for one in above if not isinstance(one, POINTWISE)), None)
        return ColumnLinear(layer.width, mine, not isinstance(partner, Linear), samples)

    # ---- parts and the whole ------------------------------------------------------------------

    def part(self, whole: Tensor) -> Tensor:
        """Return this rank's part of a (P,) vector of the whole network."""
        parts = whole.split([o * i for o, i in self.shapes])
        return torch.cat([
            part.view(shape)[place.rows][:, place.columns].flatten()
            for part, shape, place in zip(parts, self.shapes, self.places, strict=True)
        ])  # fmt: skip

    def whole(self, vector: Tensor) -> Tensor:
        whole = vector.new_zeros(sum(o * i for o, i in self.shapes))
        parts = whole.split([o * i for o, i in self.shapes])
        views = self.network.views(vector)
        for part, shape, place, view in zip(parts, self.shapes, self.places, views, strict=True):
            if place.owned:
                part.view(shape)[place.rows, place.columns] = view
        return self.comm.all_reduce(whole, "whole")

    def predict(self, x: Tensor, theta: Tensor | None = None) -> Tensor:
        return self.network.predict(x, None if theta is None else self.part(theta))

    def norm(self, g: Tensor) -> Tensor:
        total = g.new_zeros(1)  # of what is this rank's own, copies left out
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
