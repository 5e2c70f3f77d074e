"""A Transformer as language models use it, to be traced: of any size, its weights never computed.

Each layer: x + attention(norm(x)), then x + ffn(norm(x)), with RMS norms, no biases, and a gated
feed-forward of three matrices. Embedding and head do not share weights. Positions are left out:
they send nothing and need no matrix product.

Source: Vaswani et al. (2017); Touvron et al. (2023) for the norms, the gate and the sizes of 7 B.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import CourseError, check_count

MOST_NUMBERS = 2**59  # in one tensor of a step


@dataclass(frozen=True)
class Sizes:
    """The sizes of a Transformer and of a rank's batch. The defaults have 6.74 B parameters.

    Attributes:
        layers: L.
        hidden: h, the width between layers.
        heads: of attention; they divide the hidden width.
        ffn: f, the width inside the feed-forward.
        vocab: V, tokens.
        sequence: T, tokens of a row.
        batch: B, rows of each data-parallel rank.

    Raises:
        CourseError: for what is not a whole number from 1, or heads that do not divide the width.
    """

    layers: int = 32
    hidden: int = 4096
    heads: int = 32
    ffn: int = 11008
    vocab: int = 32000
    sequence: int = 2048
    batch: int = 1

    def __post_init__(self):
        for name in ("layers", "hidden", "heads", "ffn", "vocab", "sequence", "batch"):
            most = 1000 if name == "layers" else 10**6
            value = getattr(self, name)
            count = check_count(name, value, 1, most, "as in Sizes(layers=2, hidden=64)")
            object.__setattr__(self, name, count)  # 8.0 is the whole number 8
        if self.hidden % self.heads:
            raise CourseError(
                f"hidden = {self.hidden} cannot be shared by {self.heads} heads; take heads that "
                f"divide {self.hidden}"
            )
        rows = self.batch * self.sequence
        largest = rows * max(self.heads * self.sequence, self.ffn, self.hidden, self.vocab)
        if largest > MOST_NUMBERS:
            raise CourseError(
                f"an activation of a rank would have {largest:.1e} numbers, and torch counts bytes "
                f"in 64 bits; allowed: {MOST_NUMBERS:.1e}; take a smaller batch, sequence or width"
            )

    @property
    def columns(self) -> list[tuple[int, int]]:
        """The matrices of a layer that are cut by outputs: q, k, v, gate and up; (out, in)."""
        return [(self.hidden, self.hidden)] * 3 + [(self.ffn, self.hidden)] * 2

    @property
    def rows(self) -> list[tuple[int, int]]:
        """The matrices of a layer that are cut by inputs: o and down; (out, in)."""
        return [(self.hidden, self.hidden), (self.hidden, self.ffn)]

    @property
    def layer_weights(self) -> int:
        """How many weights the matrices of a layer have; its two norms have 2h more."""
        return sum(o * i for o, i in self.columns + self.rows)

    @property
    def end_weights(self) -> int:
        """How many weights embedding, head and last norm have."""
        return 2 * self.vocab * self.hidden + self.hidden

    @property
    def parameters(self) -> int:
        """How many there are, embedding, head and norms included."""
        return self.layers * (self.layer_weights + 2 * self.hidden) + self.end_weights


class Attention(nn.Module):
    """softmax(QKᵀ/√d) V of some heads, causal; x: (B, T, h)."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        h = sizes.hidden
        self.width = h // sizes.heads
        self.query, self.key, self.value, self.out = (nn.Linear(h, h, bias=False) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        q, k, v = (
            layer(x).view(B, T, -1, self.width).transpose(1, 2)  # the heads of this rank
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(B, T, -1))


class FeedForward(nn.Module):
    """W_down (silu(W_gate x) ⊙ W_up x)."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.gate = nn.Linear(sizes.hidden, sizes.ffn, bias=False)
        self.up = nn.Linear(sizes.hidden, sizes.ffn, bias=False)
        self.down = nn.Linear(sizes.ffn, sizes.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """One layer."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.attention, self.ffn = Attention(sizes), FeedForward(sizes)
        self.norms = nn.ModuleList(nn.RMSNorm(sizes.hidden) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.ffn(self.norms[1](x))


class Transformer(nn.Module):
    """Tokens (B, T) in, logits (B, T, V) out."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.embedding = nn.Embedding(sizes.vocab, sizes.hidden)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.norm = nn.RMSNorm(sizes.hidden)
        self.head = nn.Linear(sizes.hidden, sizes.vocab, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def meta(sizes: Sizes) -> Transformer:
    """Return a Transformer whose weights have shapes and no memory."""
    with torch.device("meta"):
        return Transformer(sizes)
