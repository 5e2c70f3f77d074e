"""A Transformer by its sizes, and how many parameters it has.

L layers of width h, a heads, k key/value heads, a feed-forward of width f, V tokens, s a sequence.
With w = h/a, the width of a head:

    attention      2h² + 2h·kw            query and output; key and value
    feed-forward   2hf, gated 3hf         one matrix more: the gate
    experts        E times that, and a router of h·E; a token passes through some of them only
    norms          4h with biases, else 2h
    ends           V·h, twice unless tied; s·h of learned positions; the last norm

A GPT has biases and learned positions; a gated model, as Llama, has neither.

Source: Narayanan et al. (2021), equation 2, for a GPT: 12Lh² (1 + 13/12h + (V + s)/12Lh); Touvron
et al. (2023) for the gate and its width; Ainslie et al. (2023) for fewer key/value heads.
"""

from dataclasses import dataclass

from ..errors import CourseError, check_count, shown

MOST = {"layers": 10**4, "experts": 10**4, "experts_per_token": 10**4, "shared_experts": 10**4}


@dataclass(frozen=True)
class Model:
    """The sizes of a Transformer.

        Model(layers=96, hidden=12288, heads=96, vocab=51200, sequence=2048).parameters  # 174.6e9

    Attributes:
        layers: L.
        hidden: h, the width between layers.
        heads: a, of attention; they divide h.
        vocab: V, tokens.
        sequence: s, tokens of a sequence.
        kv_heads: k, of keys and values; they divide a; default: a. Fewer: grouped-query attention.
        ffn: f; default: 4h, or with a gate 8h/3, rounded up to a multiple of 256, as Llama's.
        gated: whether the feed-forward has three matrices instead of two.
        tied: whether embedding and head are one matrix.
        experts: feed-forwards a layer has; 0 and 1 for a dense model.
        experts_per_token: how many of them a token passes through.
        shared_experts: more of them, which every token passes through.
        biases: whether matrices and norms have them; default: unless gated.
        learned_positions: whether there is a vector for each; default: unless gated.

    Raises:
        CourseError: for what is no whole number in its range, or does not divide what it must.
    """

    layers: int
    hidden: int
    heads: int
    vocab: int
    sequence: int
    kv_heads: int = None  # type: ignore[assignment]  # settled below, like ffn
    ffn: int = None  # type: ignore[assignment]
    gated: bool = False
    tied: bool = True
    experts: int = 0
    experts_per_token: int = 2
    shared_experts: int = 0
    biases: bool | None = None
    learned_positions: bool | None = None

    def __post_init__(self):
        def settle(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        for name in ("gated", "tied", "biases", "learned_positions"):
            value = getattr(self, name)
            if value is None and name in ("biases", "learned_positions"):
                settle(name, not self.gated)
            elif not isinstance(value, bool):
                raise CourseError(f"model.{name} = {shown(value)} is neither true nor false")
        for name in ("layers", "hidden", "heads", "vocab", "sequence"):
            settle(name, count_of(self, name, 1))
        for name in ("experts", "experts_per_token", "shared_experts"):
            settle(name, count_of(self, name, 1 if name == "experts_per_token" else 0))
        third = -(-8 * self.hidden // 3)
        default = -(-third // 256) * 256 if self.gated else 4 * self.hidden
        settle("ffn", default if self.ffn is None else count_of(self, "ffn", 1))
        settle("kv_heads", self.heads if self.kv_heads is None else count_of(self, "kv_heads", 1))
        self._check_shares()

    def _check_shares(self) -> None:
        """Raise `CourseError` for heads that divide nothing, and more experts than there are."""
        if self.hidden % self.heads:
            raise CourseError(
                f"model.hidden = {self.hidden} cannot be shared by {self.heads} heads; take heads "
                "that divide it"
            )
        if self.heads % self.kv_heads:
            raise CourseError(
                f"model.kv_heads = {self.kv_heads} does not divide heads = {self.heads}; take a "
                f"number that divides {self.heads}"
            )
        if self.is_mixture and self.experts_per_token > self.experts:
            raise CourseError(
                f"model.experts_per_token = {self.experts_per_token} is more than experts = "
                f"{self.experts}; take at most {self.experts}"
            )

    # ---- widths -------------------------------------------------------------------------------

    @property
    def is_mixture(self) -> bool:
        """Whether a layer has several feed-forwards, of which a token takes some."""
        return self.experts > 1

    @property
    def kv_width(self) -> int:
        """The width of all keys together: h, or less with grouped-query attention."""
        return self.hidden // self.heads * self.kv_heads

    @property
    def ffn_matrices(self) -> int:
        """How many matrices a feed-forward has: 3 with a gate, else 2."""
        return 3 if self.gated else 2

    @property
    def active_ffn(self) -> int:
        """The width of all feed-forwards that a token passes through."""
        if not self.is_mixture:
            return self.ffn
        return (self.experts_per_token + self.shared_experts) * self.ffn

    # ---- parameters ---------------------------------------------------------------------------

    @property
    def attention_weights(self) -> int:
        """Weights of a layer's four attention matrices."""
        return 2 * self.hidden * (self.hidden + self.kv_width)

    @property
    def router_weights(self) -> int:
        """Weights of the matrix that chooses a token's experts."""
        return self.hidden * self.experts if self.is_mixture else 0

    def ffn_weights(self, active: bool = False) -> int:
        """Weights of a layer's feed-forwards: of all, or of those that one token meets."""
        all_of_it = (self.experts + self.shared_experts if self.is_mixture else 1) * self.ffn
        return self.ffn_matrices * self.hidden * (self.active_ffn if active else all_of_it)

    @property
    def column_biases(self) -> int:
        """Biases of the matrices that tensor parallelism cuts by outputs: q, k, v and up."""
        if not self.biases:
            return 0
        return self.hidden + 2 * self.kv_width + (self.ffn_matrices - 1) * self.ffn

    @property
    def whole_vectors(self) -> int:
        """What no tensor parallelism cuts: two norms, and the biases of the two row matrices."""
        return 6 * self.hidden if self.biases else 2 * self.hidden

    def layer_parameters(self, active: bool = False) -> int:
        """Parameters of a layer; active: those that one token meets."""
        matrices = self.attention_weights + self.router_weights + self.ffn_weights(active)
        return matrices + self.column_biases + self.whole_vectors

    @property
    def vocab_weights(self) -> int:
        """Weights of the embedding, which has as many as the head."""
        return self.vocab * self.hidden

    @property
    def position_weights(self) -> int:
        """Weights of learned positions."""
        return self.sequence * self.hidden if self.learned_positions else 0

    @property
    def last_norm(self) -> int:
        """Parameters of the norm before the head."""
        return 2 * self.hidden if self.biases else self.hidden

    def _with_ends(self, layer: int) -> int:
        ends = self.vocab_weights * (1 if self.tied else 2) + self.position_weights
        return self.layers * layer + ends + self.last_norm

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self._with_ends(self.layer_parameters())

    @property
    def active_parameters(self) -> int:
        """Parameters that one token meets: fewer only in a mixture of experts."""
        return self._with_ends(self.layer_parameters(active=True))


def count_of(model: Model, name: str, low: int) -> int:
    """Return a field of a model as an int, or raise `CourseError`."""
    most = MOST.get(name, 10**7)
    return check_count(f"model.{name}", getattr(model, name), low, most, "a whole number")
