"""Seconds of one layer on one device, a micro-batch: forward, backward, recomputation.

A layer is four kinds of work:

    products      q, k, v together; out; up (and gate) together; down. Backward each of them twice,
                  and a weight gradient is added to 4 bytes a weight in memory: read and written
    attention     either products of all pairs and passes over their matrix, or one fused kernel
    elementwise   norms, dropout, sums, the activation: bytes read and written, FLOPs for nothing
    traffic       tensor ranks gather and reduce 2h bytes a token, twice forward and twice backward;
                  context ranks pass keys and values round

Bytes a token of the elementwise kernels were counted kernel by kernel: a norm reads and writes 4h,
dropout with its sum 7h, and so on.
"""

from dataclasses import dataclass
from functools import lru_cache

from .layout import Layout
from .machine import Machine, ring_seconds
from .model import Model


@dataclass(frozen=True)
class LayerTime:
    """Seconds of a layer, a micro-batch.

    Attributes:
        forward: with traffic that is not hidden.
        backward: gradients by inputs, with such traffic, and by weights.
        weights: of `backward`, the gradients by weights, which no other rank waits for.
        again: of recomputation.
    """

    forward: float
    backward: float
    weights: float
    again: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.forward + self.backward + self.again


@dataclass(frozen=True)
class Products:
    """Seconds of the matrix products with weights: by name forward, and their gradients."""

    forward: dict[str, float]
    by_inputs: float
    by_weights: float


def layer_time(model: Model, layout: Layout, machine: Machine) -> LayerTime:
    """Return the seconds of a layer of a model in a layout on a machine."""
    return _layer_time(model, one_part(layout), machine)


def one_part(layout: Layout) -> Layout:
    """Return the layout with only what a layer's seconds depend on, so that they are kept."""
    return Layout(
        1, layout.tensor, 1, layout.context, 1, layout.micro_batch, 0, layout.recompute,
        layout.sequence_parallel,
    )  # fmt: skip


@lru_cache(maxsize=20_000)
def _layer_time(model: Model, layout: Layout, machine: Machine) -> LayerTime:
    products = product_times(model, layout, machine)
    core, core_back = attention_times(model, layout, machine)
    light, light_back = elementwise_times(model, layout, machine)
    gather = tensor_gather_seconds(model, layout, machine)
    sent = tensor_forward_seconds(machine, gather, products)
    sent_back = tensor_backward_seconds(layout, machine, gather, products)
    ring = context_seconds(model, layout, machine)
    forward = sum(products.forward.values()) + max(core, ring) + light + sent
    weights = products.by_weights
    backward = products.by_inputs + weights + max(core_back, 2 * ring) + light_back + sent_back
    again = {"none": 0.0, "selective": core, "full": forward}
    if machine.stack.recomputes_every_second_product:
        again["selective"] = every_second_product(model, products, light)
    return LayerTime(forward, backward, weights, again[layout.recompute])


def tokens_of(model: Model, layout: Layout) -> int:
    """Return the tokens of a micro-batch on one device."""
    return model.sequence * layout.micro_batch // layout.context


# ---- products -----------------------------------------------------------------------------------


def product_times(model: Model, layout: Layout, machine: Machine) -> Products:
    """Return the seconds of the products with weights on one of the tensor ranks."""
    tokens, t, h = tokens_of(model, layout), layout.tensor, model.hidden
    shapes = {  # name: (outputs, inputs)
        "qkv": ((h + 2 * model.kv_width) // t, h),
        "out": (h, h // t),
        "up": ((model.ffn_matrices - 1) * model.active_ffn // t, h),
        "down": (h, model.active_ffn // t),
    }
    forward, by_inputs, by_weights = {}, 0.0, 0.0
    for name, (n, k) in shapes.items():
        forward[name] = machine.product_seconds(tokens, n, k)
        by_inputs += machine.product_seconds(tokens, k, n)
        by_weights += machine.product_seconds(k, n, tokens)
        if machine.has("weight gradients"):
            added = 8 if machine.stack.adds_in_place else 12  # another kernel reads 16 bits again
            by_weights += n * k * added / machine.memory_rate
    return Products(forward, by_inputs, by_weights)


def every_second_product(model: Model, products: Products, light: float) -> float:
    """Return the seconds of torchtitan's selective recomputation: it keeps every second product."""
    kv = model.kv_width / (model.hidden + 2 * model.kv_width)
    found = products.forward
    return light + found["out"] + found["up"] / 2 + found["qkv"] * kv


# ---- attention ----------------------------------------------------------------------------------


def attention_times(model: Model, layout: Layout, machine: Machine) -> tuple[float, float]:
    """Return the seconds of attention's core: forward and backward.

    The fused kernel leaves out the pairs that causality forbids, and computes the rest again
    backward: 2.5 times its forward. Otherwise softmax, mask and dropout pass over the matrix of all
    pairs: 9 bytes a pair forward, 11 backward.
    """
    s, t = model.sequence, layout.tensor
    if machine.stack.fused_attention:
        pairs = tokens_of(model, layout) * s / 2
        seconds = machine.attention_seconds(4 * pairs * model.hidden / t)
        return seconds, 2.5 * seconds
    heads, width = layout.micro_batch * model.heads // t, model.hidden // model.heads
    mine = s // layout.context  # queries of this device
    scores = machine.product_seconds(mine, s, width, heads, layer=False)
    mixed = machine.product_seconds(mine, width, s, heads, layer=False)
    n_pairs = heads * mine * s
    forward = scores + mixed + machine.elementwise_seconds(9 * n_pairs)
    return forward, 2 * (scores + mixed) + machine.elementwise_seconds(11 * n_pairs)


# ---- elementwise --------------------------------------------------------------------------------


def elementwise_times(model: Model, layout: Layout, machine: Machine) -> tuple[float, float]:
    """Return the seconds of elementwise kernels, forward and backward: bytes by bandwidth."""
    h, f, stack = model.hidden, model.active_ffn, machine.stack
    heads = h + 2 * model.kv_width  # q, k and v
    if stack.dropout:  # two norms of 4h, two sums with dropout of 7h
        whole = 22 * h, 46 * h
    elif stack.compiled:  # two norms of 4h, two sums of 6h
        whole = 20 * h, 38 * h
    else:  # each norm goes through float32: 30h
        whole = 72 * h, 140 * h
    if not model.gated:
        cut = 4 * f + 4 * heads + 4 * h, 8 * f + 6 * heads + 4 * h
    elif stack.compiled:
        cut = 6 * f + 4 * heads, 10 * f + 4 * heads
    else:  # rotary positions go through float32
        cut = 10 * f + 26 * heads, 16 * f + 26 * heads
    tokens, t, r = tokens_of(model, layout), layout.tensor, layout.token_shards
    forward, backward = (
        machine.elementwise_seconds(tokens * (a / r + b / t))
        for a, b in zip(whole, cut, strict=True)
    )
    return forward, backward


# ---- traffic ------------------------------------------------------------------------------------


def tensor_gather_seconds(model: Model, layout: Layout, machine: Machine) -> float:
    """Return the seconds of one all-gather, or reduce-scatter, of 2h bytes a token.

    An all-reduce is one of each. In 8 bits, what is gathered has half the bytes: 3/4 in the mean.
    """
    if not machine.has("tensor traffic"):
        return 0.0
    n_bytes = 2 * tokens_of(model, layout) * model.hidden * (0.75 if machine.eight_bits else 1)
    return ring_seconds(n_bytes, layout.tensor, machine.tensor_rate(layout.tensor))


def tensor_forward_seconds(machine: Machine, gather: float, products: Products) -> float:
    """Return the seconds of tensor-parallel traffic forward that is not hidden.

    Two all-reduces are four gathers. They hide behind the products, as far as these reach.
    """
    shown = 4 * gather * (1 - machine.stack.tensor_hidden_forward)
    return max(shown, 4 * gather - sum(products.forward.values()))


def tensor_backward_seconds(
    layout: Layout, machine: Machine, gather: float, products: Products
) -> float:
    """Return the seconds of tensor-parallel traffic backward that is not hidden.

    All-reduce hides behind the weight gradients, as far as these reach. With sequence parallelism
    gathers hide behind one gradient and scatters behind the other; and there are two gathers more,
    as the inputs of the column matrices are gathered again.
    """
    stack = machine.stack
    hidden = stack.tensor_hidden_backward if machine.has("hiding") else 0.0
    shown = 4 * gather * (1 - hidden)
    if not layout.sequence_parallel:
        return max(shown, 4 * gather - products.by_weights)
    shown += 2 * gather * (1 - stack.tensor_hidden_forward)
    return max(shown, 6 * gather - products.by_inputs - products.by_weights)


def context_seconds(model: Model, layout: Layout, machine: Machine) -> float:
    """Return the seconds in which keys and values go once round the context ranks.

    Forward they go round once; backward, together with their gradients, twice. It runs beside
    attention, and counts where it takes longer.
    """
    n_bytes = 4 * model.sequence * layout.micro_batch * model.kv_width / layout.tensor
    rate = machine.data_rate(layout.context, layout.tensor)
    return ring_seconds(n_bytes, layout.context, rate)
