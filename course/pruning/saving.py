"""What pruning saves: bytes in three forms, FLOPs, and a network that is really smaller."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CourseError
from ..nn.layers import Linear
from ..nn.model import Model
from ..nn.network import MLP
from .choosing import matrices

INDEX = 4  # bytes of an int32


class Sizes(NamedTuple):
    """Bytes of the matrices of a model in three forms, and the work of one row's forward pass."""

    dense: int
    """Every weight, zeros too."""
    csr: int
    """Compressed sparse rows: a value and a column for each weight, a start for each row."""
    bit_mask: int
    """The weights that are kept, and a bit for each place, whole bytes a matrix."""
    flops: int
    """2 for each weight that is not 0: what a kernel needs that skips all zeros."""


def sizes(model: Model, keep: Tensor | None = None) -> Sizes:
    """Count bytes and FLOPs; biases are left out, and so are the shared places of a convolution.

    Args:
        keep: (P,) bool; default: the weights that are not 0.

    Source: Han et al. (2016), section 2, for the forms; their indices are shorter, by differences.
    """
    keep = model.theta != 0 if keep is None else keep
    width, total = model.theta.element_size(), [0, 0, 0, 0]
    for view in matrices(model, keep).values():
        kept, places, rows = int(view.sum()), view.numel(), len(view)
        parts = (
            width * places,
            (width + INDEX) * kept + INDEX * (rows + 1),
            width * kept + -(-places // 8),
            2 * kept,
        )
        total = [t + part for t, part in zip(total, parts, strict=True)]
    return Sizes(*total)


def smaller(network: MLP) -> MLP:
    """Return an MLP without the hidden units that have no weights left, and with the same outputs.

    Such a unit gives f(b), whatever the row. Its share of the layer above, W f(b), is constant: it
    goes into the bias there. The weights are a copy; one unit of a layer always stays.

    Args:
        network: an `MLP` without dropout, residual links and normalisation.

    Raises:
        CourseError: for another model.
    """
    plain = isinstance(network, MLP) and not network.dropouts() and not network.switches()
    if not plain:
        raise CourseError(
            f"{network!r} cannot lose units; allowed: an MLP without dropout, residual and norm; "
            "train one of those"
        )
    widths, blocks = [network.features], []
    activations = [layer.module(0) for layer in network.layers if not isinstance(layer, Linear)]
    stays = torch.ones(network.features, dtype=torch.bool, device=network.theta.device)
    moved: Tensor | None = None
    views = network.views(network.theta)
    for i, block in enumerate(views):
        W, b = block[:, :-1], block[:, -1]
        if moved is not None:
            b = b + W[:, ~stays] @ moved
        W = W[:, stays]
        stays = torch.ones(len(W), dtype=torch.bool, device=W.device)
        if i < len(views) - 1:
            stays = (W != 0).any(1)
            stays[0] |= not stays.any()
            moved = activations[i](b[~stays])
        blocks.append(torch.cat([W, b[:, None]], 1)[stays])
        widths.append(len(blocks[-1]))
    result = MLP(
        widths, network.activation, network.seed, network.theta.dtype, network.theta.device.type,
        network.init, loss=network.loss,
    )  # fmt: skip
    result.theta.copy_(torch.cat([block.reshape(-1) for block in blocks]))
    return result
