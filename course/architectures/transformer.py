"""Attention, and the block that a Transformer repeats.

    attention = softmax(queries · keysᵀ / √n) · values

    queries, keys, values: (…, T, n)      weights of attention: (…, T, T), each row adds up to 1

Each place asks (its query), every place answers how well it fits (its key), and what comes back is
a mean of their values. With a causal mask, a place sees itself and what stands before it.
A block adds attention and then a small network to what passes by, each after a LayerNorm.
Source: Vaswani et al. (2017); LayerNorm first: Radford et al. (2019), GPT-2.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_count
from .inside import Picture


class Seen(NamedTuple):
    """What attention returns."""

    mean: Tensor
    """(…, T, n): for each place, the weighted mean of the values."""
    weights: Tensor
    """(…, T, S): how much each of T places looks at each of S places."""


def attention(queries: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Seen:
    """Return the mean of the values that each query sees, and the weights of that mean.

    With fewer queries than keys the queries are those of the last places, as with a cache.
    `torch.nn.functional.scaled_dot_product_attention` computes the same mean.

    Args:
        queries: (…, T, n).
        keys, values: (…, S, n), S ≥ T.
        causal: whether a place sees only itself and earlier ones.
    """
    fit = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    if causal:
        before = keys.shape[-2] - queries.shape[-2]  # places that ask no more
        later = torch.ones_like(fit, dtype=torch.bool).triu(1 + before)
        fit = fit.masked_fill(later, -torch.inf)
    weights = fit.softmax(-1)
    return Seen(weights @ values, weights)


class SelfAttention(nn.Module):
    """Attention among the places of one sequence, in several heads side by side.

    Args:
        width: of a place's vector.
        heads: parts of that width; each attends by itself.
        causal: as in `attention`.

    Raises:
        CourseError: for heads that do not divide the width.
    """

    def __init__(self, width: int, heads: int = 2, causal: bool = True):
        super().__init__()
        width = check_count("width", width, 1, 16384, "numbers for each place")
        self.heads, self.causal = check_count("heads", heads, 1, width, "parts of it"), causal
        if width % self.heads:
            raise CourseError(f"heads = {heads} do not divide the width {width}; choose a divisor")
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return (output (N, T, width), weights (N, heads, T, S), keys and values of S places).

        Args:
            x: (N, T, width).
            past: (2, N, heads, S - T, n), keys and values of earlier places; None: there are none.
        """
        N, T, width = x.shape
        parts = self.project(x).view(N, T, 3, self.heads, width // self.heads)
        queries, *new = parts.permute(2, 0, 3, 1, 4)  # each (N, heads, T, n)
        kept = torch.stack(new)
        if past is not None:
            kept = torch.cat([past, kept], -2)
        mean, weights = attention(queries, kept[0], kept[1], self.causal)
        return self.out(mean.transpose(1, 2).reshape(N, T, width)), weights, kept


class Block(nn.Module):
    """x + attention(norm(x)), then x + network(norm(x)); the network is four times as wide.

    Args:
        width, heads, causal: as in `SelfAttention`.
    """

    def __init__(self, width: int, heads: int = 2, causal: bool = True):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = SelfAttention(width, heads, causal)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return (x, weights, keys and values), as `SelfAttention` does."""
        seen, weights, kept = self.attend(self.norm1(x), past)
        x = x + seen
        return x + self.network(self.norm2(x)), weights, kept


class Transformer(nn.Module):
    """Read an image as a row of pieces that look at each other; their mean gives the answer.

    Args:
        pieces: places T, into which the numbers of an image are cut.
        width: of each place's vector.
        heads, blocks: how many.
        features: numbers in an image.
        classes: how many outputs.

    Raises:
        CourseError: for features that cannot be cut so, and other numbers out of range.
    """

    def __init__(
        self, pieces: int = 8, width: int = 32, heads: int = 2, blocks: int = 1,
        features: int = 64, classes: int = 10,
    ):  # fmt: skip
        super().__init__()
        self.pieces = check_count("pieces", pieces, 1, features, "places of the image")
        if features % self.pieces:
            raise CourseError(
                f"pieces = {pieces} do not divide {features} features; choose a divisor"
            )
        blocks = check_count("blocks", blocks, 1, 1000, "one above the other")
        self.read = nn.Linear(features // self.pieces, width)
        self.places = nn.Parameter(0.1 * torch.randn(self.pieces, width))
        self.blocks = nn.ModuleList(Block(width, heads, causal=False) for _ in range(blocks))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, …)."""
        return self._looked(x)[0]

    def _looked(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        x, maps = self.read(x.reshape(len(x), self.pieces, -1)) + self.places, []
        for block in self.blocks:
            x, weights, _ = block(x)
            maps.append(weights)
        return self.last(self.norm(x).mean(1)), maps

    def inside(self, x: Tensor) -> list[Picture]:
        """Return where each place of the first image looks, a map for each head."""
        return attention_maps(self._looked(x[:1])[1])


def attention_maps(maps: list[Tensor]) -> list[Picture]:
    """Return the maps of the first row: (N, heads, T, S) of each block, as one picture.

    A map has a line for each place that asks and a column for each that is asked.
    """
    values = torch.cat([weights[0] for weights in maps])
    names = tuple(f"{i + 1}.{j + 1}" for i, w in enumerate(maps) for j in range(w.shape[1]))
    return [
        Picture(
            "attention by block.head: who looks (down) at whom (across)", values, captions=names
        )
    ]
