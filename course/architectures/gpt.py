"""A small GPT: it reads characters and gives logits for the next one, at every place at once.

    tokens: (N, T) int64      logits: (N, V, T), as `F.cross_entropy` takes them: classes second

Source: Radford et al. (2018, 2019).
"""

import torch
from torch import Tensor, nn

from ..errors import CourseError, check_count
from .inside import Picture
from .text import ALPHABET
from .transformer import Block, attention_maps

Cache = list[Tensor]
"""Keys and values of each block, (2, N, heads, S, n), of the S places that were read."""


class GPT(nn.Module):
    """Characters in, logits of the next character out.

    Args:
        width: of each place's vector.
        heads, blocks: how many.
        context: the most characters that it sees.
        characters: how many different ones there are.

    Raises:
        CourseError: for numbers out of range.
    """

    def __init__(
        self, width: int = 32, heads: int = 2, blocks: int = 2, context: int = 32,
        characters: int = len(ALPHABET),
    ):  # fmt: skip
        super().__init__()
        self.context = check_count("context", context, 1, 100_000, "characters seen at once")
        blocks = check_count("blocks", blocks, 1, 1000, "one above the other")
        characters = check_count("characters", characters, 1, 10**6, "of the alphabet")
        self.letters = nn.Embedding(characters, width)
        self.places = nn.Embedding(self.context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, characters)
        for table in (self.letters, self.places):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (N, V, T): at each place, of the character that comes next."""
        return self.read(tokens)[0].transpose(1, 2)

    def read(self, tokens: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return (logits (N, T, V), the cache with these characters in it).

        Args:
            tokens: (N, T), those that follow what `past` has read.
            past: the cache of an earlier call, which stays as it is; None: nothing was read.

        Raises:
            CourseError: for more characters than the context has places.
        """
        logits, cache, _ = self._read(tokens, past)
        return logits, cache

    def _read(self, tokens: Tensor, past: Cache | None) -> tuple[Tensor, Cache, list[Tensor]]:
        before = past[0].shape[-2] if past else 0
        end = before + tokens.shape[1]
        if end > self.context:
            raise CourseError(
                f"{end} characters are more than the context of {self.context}; give the last ones "
                "only, without a cache"
            )
        where = torch.arange(before, end, device=tokens.device)
        x, cache, maps = self.letters(tokens) + self.places(where), [], []
        for i, block in enumerate(self.blocks):
            x, weights, kept = block(x, past[i] if past else None)
            cache.append(kept)
            maps.append(weights)
        return self.last(self.norm(x)), cache, maps

    def inside(self, x: Tensor) -> list[Picture]:
        """Return where each place of the first text looks, a map for each head."""
        return attention_maps(self._read(x[:1], None)[2])
