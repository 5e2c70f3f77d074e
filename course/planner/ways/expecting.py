"""Say by formula what a step of a language model needs, in each way: bytes, by kind.

Let a part of the batch have τ tokens; h, f, V, a, L as in `Sizes`; w bytes a number in matrices: 4,
or 2 in 16 bits. What a program that is not compiled keeps of a layer, a token:

    the norms in float32: both inputs x, both x/rms(x), 1/rms(x)      16h + 8
    their outputs, which five matrices take                            2hw;  5hw with autocast
    query, key, value, attention's output                              4hw
    gate, up, silu(gate), and the product                              4fw
    the logarithm of the softmax's sum, a head                         4a

Autocast makes a 16-bit copy of the norm's output for each matrix anew. Without those three, w = 2
gives the planner's 16h + 6f + 4a and what `traced` calls "eager", 12h + 2f + 8. The head keeps a
norm and the log-probabilities, 4V in float32.

On the way down activations go, and gradients come. The worst moment is one of five:

    loss      all activations; two more arrays like the logits, each with 4V a token
    top       the last layer's backward pass begins; the head's gradients are there
    second    the one below: fully sharded, the last layer's gradients are still on their way
    bottom    the first layer's; nearly all gradients are there
    update    no activations; all gradients; three arrays as large as the largest weight
"""

from ...parallel.views.transformer import Sizes
from ..memory import state_bytes
from .steps import RANKS, Way

Bytes = dict[str, float]
MOMENTS = ("loss", "top", "second", "bottom", "update")


def kept_by_layer(sizes: Sizes, width: int, casts: int = 0) -> float:
    """Return the bytes a token that a layer keeps for its backward pass.

    Args:
        sizes: of the model.
        width: bytes of a number in its matrices.
        casts: how many copies of a norm's output autocast makes more than are needed.
    """
    h, f, a = sizes.hidden, sizes.ffn, sizes.heads
    return 16 * h + 8 + (6 + casts) * h * width + 4 * f * width + 4 * a


def expect_step(way: Way, sizes: Sizes, ranks: int = RANKS) -> Bytes:
    """Return the bytes of the worst moment of a step, by kind, as `measure_step` has them.

    Args:
        way: how the step is made.
        sizes: of the model, and of the batch of a rank.
        ranks: that share, where the way shares.
    """
    return max(moments(way, sizes, ranks).values(), key=lambda kinds: sum(kinds.values()))


def moments(way: Way, sizes: Sizes, ranks: int = RANKS) -> dict[str, Bytes]:
    """Return the bytes by kind at each of `MOMENTS`."""
    h, f, V, L = sizes.hidden, sizes.ffn, sizes.vocab, sizes.layers
    half = way.precision != "float32"
    tokens, w = sizes.batch * sizes.sequence / way.micro_batches, 2 if half else 4
    inputs = 8 * sizes.batch * sizes.sequence
    whole = tokens * kept_by_layer(sizes, w, 3 if half else 0)
    kept = tokens * 4 * h if way.recompute else whole
    head = tokens * (8 * h + 4 + h * w)
    work = tokens * (4 * h + max(20 * h, 2 * f * w))  # the gradient by x; a norm, or feed-forward
    layer, ends = 4 * (sizes.layer_weights + 2 * h), 4 * (V * h + h)
    largest = 4 * max(V * h, f * h)
    state = state_bytes(sizes.parameters, ranks, way.zero, weight=4, copy=0)
    gathered = gathered_bytes(way, sizes, ranks)

    def moment(name: str, made: float, activations: float, other: float) -> Bytes:
        """made: bytes of gradients that have been computed so far."""
        if way.micro_batches > 1:
            made = 4 * sizes.parameters  # those of the parts before
        if way.offload or way.zero >= 2:
            made = made / ranks * (way.zero >= 2) + (largest if way.zero != 3 and made else 0)
        return {"weights": state["weights"], "gathered": gathered[name], "gradients": made,
                "optimiser": 0.0 if way.offload else state["optimiser"],
                "activations": activations, "other": other}  # fmt: skip

    temporary = 0 if way.offload else 3 * largest / (ranks if way.zero else 1)
    return {
        "loss": moment("loss", 0, L * kept + head + inputs + tokens * 4 * V, tokens * 8 * V),
        "top": moment("top", ends, (L - 1) * kept + whole + inputs, work),
        "second": moment("second", ends + layer, max(L - 2, 0) * kept + whole + inputs, work),
        "bottom": moment("bottom", ends + (L - 1) * layer, whole + inputs, work),
        "update": moment("update", 4 * sizes.parameters, inputs, temporary),
    }


def gathered_bytes(way: Way, sizes: Sizes, ranks: int) -> Bytes:
    """Return the bytes of copied and gathered weights, and of messages, at each moment.

    Fully sharded, a layer's backward pass has its own weights, those of the layer below in a
    message, and the gradients of the layer above in another one.
    """
    L, ends = sizes.layers, sizes.vocab * sizes.hidden
    if way.zero == 3:
        layer, both = 4 * (sizes.layer_weights + 2 * sizes.hidden), 4 * sizes.end_weights
        below = both + 4 * ends + 2 * layer + 4 * sizes.ffn * sizes.hidden
        second = below + (layer if L > 2 else 0)
        top = both + min(L, 2) * layer
        return {"loss": both, "top": top, "second": second, "bottom": below, "update": 0.0}
    if way.precision == "float32":
        return dict.fromkeys(MOMENTS, 0.0)
    layer = 2 * sizes.layer_weights
    all_of_them = L * layer + 2 * ends
    return {"loss": all_of_them, "top": L * layer, "second": (L - 1) * layer, "bottom": layer,
            "update": 0.0}  # fmt: skip
