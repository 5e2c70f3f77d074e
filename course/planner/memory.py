"""Bytes of memory on the fullest device, by kind.

State, n parameters of a device, d data-parallel ranks:

    weights       2n in 16 bits         / d with ZeRO 3
    gradients     4n in float32         / d with ZeRO 2
    optimiser     4n + 8n of Adam       / d with ZeRO 1    (the float32 copy of the weights, m, v)

Activations of a layer that backward needs, a token, with t tensor ranks, r = t with sequence
parallelism and else 1 (two bytes a number, one a mask of dropout):

    the norms' and the matrices' inputs, masks      10h / r
    within attention and feed-forward               24h / t
    all pairs of tokens: softmax, mask, output       5as / t     0 if selective; fused 4a / t

Full recomputation keeps a layer's input alone, 2h / r. Rank 0 of the pipeline keeps most:

    gpipe m micro-batches | 1f1b, zero_bubble min(p, m) | interleaved p (1 + (p-1)/(pv))

Source: Korthikanti et al. (2022), equations 1 to 6 and appendix A; Rajbhandari et al. (2020) for
ZeRO, whose table has gradients in 16 bits; Narayanan et al. (2021), section 2.2.
"""

from dataclasses import replace

from .layout import Layout
from .model import Model
from .stacks import Stack

MOMENTS = {"adam": 8, "adamw": 8, "momentum": 4, "sgd": 0}  # bytes a parameter, beside the weights
WEIGHT, GRADIENT, COPY = 2, 4, 4  # bytes a parameter: 16 bits, float32, float32


# ---- state ------------------------------------------------------------------------------------


def state_bytes(
    parameters: float, data: int = 1, zero: int = 0, optimiser: str = "adam",
    weight: int = WEIGHT, gradient: int = GRADIENT, copy: int = COPY,
) -> dict[str, float]:  # fmt: skip
    """Return the bytes of weights, gradients and optimiser state on one device.

        state_bytes(7.5e9, data=64, zero=1, gradient=2)  # 15, 15 and 1.4 GB: 31.4 in all

    Args:
        parameters: of this device, before data-parallel ranks divide anything.
        data: ranks that divide.
        zero: what they divide, 0 to 3.
        optimiser: 'adam', 'adamw', 'momentum' or 'sgd'.
        weight, gradient, copy: bytes a parameter of each.
    """
    return {
        "weights": parameters * weight / (data if zero >= 3 else 1),
        "gradients": parameters * gradient / (data if zero >= 2 else 1),
        "optimiser": parameters * (copy + MOMENTS[optimiser]) / (data if zero >= 1 else 1),
    }


def layer_parameters_on_rank(model: Model, tensor: int) -> float:
    """Return the parameters of a layer on one of the tensor ranks.

    Matrices and the biases of column matrices are cut; norms and the other biases are on each rank.
    """
    cut = model.attention_weights + model.ffn_weights() + model.column_biases
    return cut / tensor + model.router_weights + model.whole_vectors


def stage_parameters(model: Model, layout: Layout, last: bool = False) -> float:
    """Return the parameters of one device of the first stage, or of the last one."""
    layers = layout.stage_layers(model.layers)
    ends = 0.0
    if not last or layout.pipeline == 1:
        ends += model.vocab_weights / layout.tensor + model.position_weights
    if last or layout.pipeline == 1:
        ends += model.last_norm
        if layout.pipeline > 1 or not model.tied:
            ends += model.vocab_weights / layout.tensor
    return layers * layer_parameters_on_rank(model, layout.tensor) + ends


# ---- activations ------------------------------------------------------------------------------


def layer_activation_bytes(model: Model, layout: Layout, stack: Stack) -> float:
    """Return the bytes that a layer keeps of a micro-batch until its backward pass."""
    tokens = model.sequence / layout.context * layout.micro_batch
    h, t, r = model.hidden, layout.tensor, layout.token_shards
    if layout.recompute == "full":
        return 2 * tokens * h / r
    if layout.recompute == "selective" and stack.recomputes_every_second_product:
        cut = 4 * h + 2 * model.kv_width + 2 * model.active_ffn + 4 * model.heads
        return tokens * (4 * h / r + cut / t)  # two inputs; q, v, attention's output, up's output
    masks = 2 if stack.dropout else 0
    replicated = (2 * 4 + masks) * h  # inputs of two norms, of q, k, v and of up; masks
    attention = 4 * h + 4 * model.kv_width  # q and what `out` takes; k and v
    width, inputs = model.active_ffn, 2 * h if model.is_mixture else 0
    taken = model.experts_per_token + model.shared_experts
    feed_forward = 2 * model.ffn_matrices * width + taken * inputs
    pairs = 0.0
    if stack.fused_attention:
        pairs = 4 * model.heads  # one float32 a row: the logarithm of the softmax's sum
    elif layout.recompute == "none":
        pairs = (5 if stack.dropout else 2) * model.heads * model.sequence
    return tokens * (replicated / r + (attention + feed_forward + pairs) / t)


def micro_batches_in_flight(layout: Layout, micro_batches: int, last: bool = False) -> float:
    """Return how many micro-batches' activations of its layers a rank keeps at the worst time.

    A chunk of an interleaved rank counts as a part. last: of the last rank, not of rank 0.
    """
    p, m, v = layout.pipeline, micro_batches, layout.chunks
    if p == 1:
        return 1
    if layout.schedule == "gpipe":
        return m
    if layout.schedule == "interleaved":
        return min(m, (v - 1) * p / v + 1 / v if last else p * (1 + (p - 1) / (p * v)))
    return 1 if last and layout.schedule == "1f1b" else min(p, m)


def activation_bytes(
    model: Model, layout: Layout, stack: Stack, batch: int, last: bool = False
) -> float:
    """Return the bytes of the layers' activations on rank 0, as published tables count them.

    batch: sequences of a step. last: those of the last rank of the pipeline instead.
    """
    layers = layout.stage_layers(model.layers)
    kept = micro_batches_in_flight(layout, layout.micro_batches(batch), last)
    return layer_activation_bytes(model, layout, stack) * layers * kept


def working_bytes(model: Model, layout: Layout, stack: Stack) -> float:
    """Return the bytes of one layer while it is computed again: only full recomputation has them.

    Selective recomputation has the pairs of tokens of one layer at a time.
    """
    if layout.recompute == "none":
        return 0.0
    whole = layer_activation_bytes(model, replace(layout, recompute="none"), stack)
    return max(0.0, whole - layer_activation_bytes(model, layout, stack))


def logit_bytes(model: Model, layout: Layout) -> float:
    """Return the bytes of a micro-batch's logits: 2 as they are, 4 for the loss in float32."""
    tokens = model.sequence / layout.context * layout.micro_batch
    return 6 * tokens * model.vocab / layout.tensor


def gathered_bytes(model: Model, layout: Layout, parameters: float) -> float:
    """Return the bytes of weights that ZeRO 3 gathers: the layer at work, and the next one.

    parameters: of the device's stage; no more than are absent.
    """
    if layout.zero < 3 or layout.shards == 1:
        return 0.0
    layer = layer_parameters_on_rank(model, layout.tensor)
    return WEIGHT * min(parameters * (1 - 1 / layout.shards), 2 * layer)


# ---- all of it --------------------------------------------------------------------------------


def memory_bytes(
    model: Model, layout: Layout, stack: Stack, batch: int, optimiser: str = "adam"
) -> dict[str, float]:
    """Return the bytes of the fullest device by kind: the first stage's, or the last one's.

    The first stage keeps most micro-batches, the last one has the logits.

    Args:
        model, layout, stack: as described there.
        batch: sequences of a step, on all devices.
        optimiser: as in `state_bytes`.
    """
    stages = []
    working = working_bytes(model, layout, stack)
    for last in (False, True):
        sizes = {"copy": 0, "weight": 4} if stack.float32_weights and layout.zero == 3 else {}
        parameters = stage_parameters(model, layout, last)
        state = state_bytes(parameters, layout.shards, layout.zero, optimiser, **sizes)
        has_head = last or layout.pipeline == 1
        stages.append(state | {
            "activations": activation_bytes(model, layout, stack, batch, last),
            "logits": logit_bytes(model, layout) if has_head else 0.0,
            "working": working,
            "gathered": gathered_bytes(model, layout, parameters),
        })  # fmt: skip
    return max(stages, key=lambda kinds: sum(kinds.values()))


def reserved_bytes(devices: int) -> float:
    """Return the bytes that communicators keep on each of several devices: two groups of ranks.

    More groups take more; a process alone has none. Source: NVIDIA/nccl, issue 964, which measured
    688 MB a group of more than two devices.
    """
    return 2 * 688e6 if devices > 1 else 0.0
