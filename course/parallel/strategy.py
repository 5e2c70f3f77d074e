"""What all strategies share: a model on a rank, which any trainer takes for an ordinary model.

A strategy is a `Model` (see `course.nn.model`): it has weights `theta` and `loss_and_grad`. What is
special about it happens inside: the ranks talk. So the trainer, the chain and the knobs of one
process train many, unchanged, and a rank's checkpoint is its part of the whole.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ..errors import CourseError
from ..nn.blocks import Dropout
from ..nn.layers import Layer
from ..nn.network import Network
from ..nn.stack import Stack
from ..optim.chain import Chain
from .communicator import Communicator


class Strategy:
    """A network on one rank; what a strategy does not change is the network's own.

    Args:
        comm: the ranks that train together.
        network: the same on each rank: built from one seed.

    Attributes:
        name: as messages call the strategy.
        refuses: the kinds of transforms that it cannot run, with the reason.
    """

    name = ""
    refuses: dict[str, str] = {}

    def __init__(self, comm: Communicator, network: Network):
        if not isinstance(network, Network):
            raise CourseError(
                f"{self.name} got {type(network).__name__}; it takes a Network or MLP, whose "
                "layers it can see"
            )
        network = copy.deepcopy(network)  # ranks of one process may have been handed the same
        self.comm, self.network, self.description = comm, network, network.describe()
        self.dropout_widths = dropout_widths(network.layers, network.features)

    def __getattr__(self, name: str) -> Any:
        if name == "network":  # not there yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.network, name)

    def describe(self) -> dict:
        """Return what `build_network` makes the whole network from."""
        return self.description

    def check_chain(self, chain: Chain) -> None:
        """Raise `CourseError` for a transform that would not equal one process."""
        for transform in chain.transforms:
            kind = type(transform).__name__
            if kind in self.refuses:
                raise CourseError(
                    f"{kind} cannot run under {self.name}: {self.refuses[kind]}. Take another "
                    "transform, or data parallel, where each rank has all weights"
                )

    def whole(self, vector: Tensor) -> Tensor:
        """Return the (P,) vector of which each rank has a part like `theta`, in one order."""
        return vector


def grid(comm: Communicator, columns: int) -> tuple[Communicator, Communicator]:
    """Arrange the ranks in rows of `columns`; return this rank's row and its column, as groups.

    Rank r stands in row r // columns. With tensor parallel in the rows, as its messages are many,
    and data parallel in the columns.

    Raises:
        CourseError: when the rows do not come out even.
    """
    if comm.world % columns:
        raise CourseError(
            f"{comm.world} ranks cannot be arranged in rows of {columns}; take a number that "
            f"divides {comm.world}"
        )
    ranks = list(range(comm.world))
    rows = [ranks[i : i + columns] for i in range(0, comm.world, columns)]
    return comm.split(rows), comm.split([ranks[i::columns] for i in range(columns)])


class Cut(Strategy):
    """A strategy that leaves a rank a part of the weights, or of the optimiser's state."""

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Refuse: a transform that asks for whole matrices gets parts of them."""
        raise CourseError(f"this transform cannot run under {self.name}: {WHOLE_MATRICES}")

    def curvature(self, X: Tensor, Y: Tensor):
        """Refuse: a transform that asks for the curvature needs all weights."""
        raise CourseError(f"this transform cannot run under {self.name}: {WHOLE_CURVATURE}")


WHOLE_MATRICES = "it needs whole matrices, and a rank has parts of them"
WHOLE_CURVATURE = "it needs products with the whole curvature, and a rank has a part of the weights"
CUT_WEIGHTS = {
    "Muon": WHOLE_MATRICES, "Newton": WHOLE_CURVATURE, "NewtonCG": WHOLE_CURVATURE,
    "GaussNewton": WHOLE_CURVATURE,
}  # fmt: skip


# ---- dropout: a mask belongs to a sample and a unit, not to a rank ------------------------------


def dropout_widths(layers: list[Layer], n: int) -> list[int]:
    """Return the width of each dropout, those of inner stacks too, for inputs of width n."""
    found: list[int] = []
    for layer in layers:
        if isinstance(layer, Stack):
            found += dropout_widths(layer.layers, n)
        elif isinstance(layer, Dropout):
            found.append(n)
        n = layer.width_out(n)
    return found


def draw_masks(network: Network, sizes: list[int], rows: int) -> list[Tensor | None]:
    """Draw the masks of a forward pass over `rows` samples, as one process would.

    Every rank draws all of them from the same generator, and takes its part.

    Args:
        network: whose dropouts and generator they are.
        sizes: the width of each dropout in the whole network.
        rows: the samples of the whole batch.

    Returns:
        The masks m / (1 - p): (n, rows) each; None where p = 0.
    """
    masks: list[Tensor | None] = []
    for layer, n in zip(network.dropouts(), sizes, strict=True):
        keep = 1 - layer.p
        mask = None
        if layer.p > 0:
            mask = network.theta.new_empty(n, rows)
            mask.bernoulli_(keep, generator=network.generator).mul_(1 / keep)
        masks.append(mask)
    return masks


@contextmanager
def masked(
    dropouts: list[Dropout], masks: list[Tensor | None], rows: slice,
    units: list[slice] | None = None,
) -> Iterator[None]:  # fmt: skip
    """Let these layers use the columns `rows` of masks that were drawn for the whole batch.

    units: the part of each mask's rows that this rank has; default: all.
    """
    for i, (layer, mask) in enumerate(zip(dropouts, masks, strict=True)):
        if mask is not None:
            layer.given = mask[units[i] if units else slice(None), rows]
    try:
        yield
    finally:
        for layer in dropouts:
            layer.given = None


def spans(network: Network) -> list[slice]:
    """Return where the weights of each layer lie in `theta`, from the first layer to the last."""
    found, begin, n = [], 0, network.features
    for layer in network.layers:
        end = begin + sum(rows * columns for rows, columns in layer.shapes(n))
        found.append(slice(begin, end))
        begin, n = end, layer.width_out(n)
    return found


def pieces(layer: Layer, n: int, flat: Tensor) -> list[Tensor]:
    """Cut the weights of one layer, flat, into its matrices; n: the width of its input."""
    shapes = layer.shapes(n)
    parts = flat.split([rows * columns for rows, columns in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def widths(network: Network) -> list[int]:
    """Return the width of each layer's input."""
    found = [network.features]
    for layer in network.layers:
        found.append(layer.width_out(found[-1]))
    return found[:-1]


def flops(network: Network, rows: int) -> list[int]:
    """Return the FLOPs of each layer's forward pass: 2 a weight and sample; backward has twice."""
    return [2 * rows * (span.stop - span.start) for span in spans(network)]
