"""What a step of data × tensor parallel sends and computes, by formulas: ours, and the textbook's.

Both are for one rank of `data` × `tensor`: weights and activations of 2 bytes, gradients summed in
4. Ours follows the rules of `Sharded` (stage 3) and `TensorParallel`, matrix for matrix:

    all_gather       each layer's weights, forward and backward; embedding and head likewise
    reduce_scatter   each layer's gradient, once
    all_reduce       the input gradient of each column matrix, the output of each row matrix
    FLOPs            6 a weight of each matrix on this rank and token, 12LTh/t of attention

The textbook has N parameters and divides all of them by the tensor ranks, those of embedding and
head too; it sums once a block and direction, so 4 times a layer; its FLOPs are 6N + 12LTh a token,
N without the embedding.

Source: Rajbhandari et al. (2020) for 2N + N; Shoeybi et al. (2019) for 4 sums; Chowdhery et al.
(2022), appendix B, for 6N + 12LTh.
"""

from dataclasses import dataclass

from .counting import Traffic
from .transformer import Sizes

WEIGHT, GRADIENT = 2, 4  # bytes: bfloat16, and float32 where gradients are summed


@dataclass(frozen=True)
class Count:
    """What one rank does in a step, forward and backward.

    Attributes:
        traffic: {kind: its collectives}.
        flops: of matrix products.
    """

    traffic: dict[str, Traffic]
    flops: int


def count(data: int, tensor: int, sums: int, n_sums: int, units: tuple[int, int], flops: int):
    """Return a `Count`: sums of n_sums bytes, and (how many units, of how many weights)."""
    n, weights = units
    rows = [
        Traffic("all_gather", data, 2 * n, 2 * weights * WEIGHT),
        Traffic("reduce_scatter", data, n, weights * GRADIENT),
        Traffic("all_reduce", tensor, sums, n_sums),
    ]
    return Count({row.kind: row for row in rows if row.ranks > 1}, flops)


def ours(sizes: Sizes, data: int, tensor: int) -> Count:
    """Return the count by the rules of our own strategies."""
    L, h, tokens = sizes.layers, sizes.hidden, sizes.batch * sizes.sequence
    layer = sizes.layer_weights // tensor + 2 * h
    sums = L * (len(sizes.columns) + len(sizes.rows))
    matrices = L * sizes.layer_weights // tensor + sizes.vocab * h
    attention = 12 * L * sizes.sequence * h // tensor
    return count(
        data, tensor, sums, sums * tokens * h * WEIGHT, (L + 1, L * layer + sizes.end_weights),
        (6 * matrices + attention) * tokens,
    )  # fmt: skip


def textbook(sizes: Sizes, data: int, tensor: int) -> Count:
    """Return the count as a textbook has it."""
    L, h, tokens = sizes.layers, sizes.hidden, sizes.batch * sizes.sequence
    N = sizes.parameters
    flops = 6 * (N - sizes.vocab * h) + 12 * L * sizes.sequence * h
    return count(
        data, tensor, 4 * L, 4 * L * tokens * h * WEIGHT, (L, N // tensor), flops * tokens // tensor
    )
