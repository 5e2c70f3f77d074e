"""Seconds of one step of the optimiser, and their parts.

    step = m · (fullest stage + messages) + bubble + data-parallel traffic + optimiser

m micro-batches; p stages of the pipeline, v chunks each; F, B, W a stage's forward, gradient by
inputs (with recomputation) and by weights:

    gpipe, 1f1b     bubble (p-1) (F + B + W)
    interleaved     (p-1)/v of that: a chunk is shorter
    zero_bubble     (p-1) (F + B - W): weight gradients fill the gaps

The last stage has the head, so it is the slowest; the bubble is made of plain stages.

Source: Huang et al. (2019) and Narayanan et al. (2021), section 2.2, for the bubble; Qi et al.
(2024), table 2 (ZB-H1); Rajbhandari et al. (2020), section 7, for the traffic of ZeRO.
"""

from dataclasses import dataclass
from functools import lru_cache

from .layer_time import LayerTime, layer_time, one_part, tokens_of
from .layout import Layout
from .machine import HOP, Machine, ring_seconds
from .memory import MOMENTS, layer_parameters_on_rank
from .model import Model


@dataclass(frozen=True)
class StepTime:
    """Seconds of a step, in parts that add up.

    Attributes:
        layers: forward, backward and recomputation of the layers, of all micro-batches.
        head: logits and loss.
        messages: between stages, as far as they are not hidden.
        bubble: in which a rank of the pipeline waits.
        data_parallel: sums of gradients and, with ZeRO, gathered weights, unless hidden.
        optimiser: the update.
    """

    layers: float
    head: float
    messages: float
    bubble: float
    data_parallel: float
    optimiser: float

    @property
    def total(self) -> float:
        """Seconds of the step."""
        return sum(vars(self).values())


def step_time(
    model: Model, layout: Layout, machine: Machine, batch: int, optimiser: str = "adam"
) -> StepTime:
    """Return the seconds of a step.

    Args:
        model, layout, machine: as described there.
        batch: sequences of a step, on all devices.
        optimiser: as in `memory.state_bytes`.
    """
    m, layers = layout.micro_batches(batch), layout.stage_layers(model.layers)
    layer = layer_time(model, layout, machine)
    stage = layers * layer.total
    head = head_seconds(model, one_part(layout), machine)
    message = message_seconds(model, layout, machine)
    message = max(message * (1 - machine.stack.pipeline_hidden), message - stage)
    bubble = bubble_seconds(layer, layers, message, layout) if machine.has("bubble") else 0.0
    parameters = mean_stage_parameters(model, layout)
    return StepTime(
        m * stage, m * head, m * message, bubble,
        data_parallel_seconds(parameters, m, layout, machine, stage),
        optimiser_seconds(parameters, layout, machine, optimiser),
    )  # fmt: skip


@lru_cache(maxsize=20_000)
def head_seconds(model: Model, layout: Layout, machine: Machine) -> float:
    """Return the seconds of logits and loss, forward and backward, a micro-batch.

    The loss in float32 passes over the logits: 40 bytes each, 60 where kernels are not fused.
    """
    if not machine.has("head"):
        return 0.0
    tokens, words, h = tokens_of(model, layout), -(-model.vocab // layout.tensor), model.hidden
    passes = tokens * words * (40 if machine.stack.compiled else 60) / machine.memory_rate
    return passes + sum(
        machine.product_seconds(*shape, layer=False)
        for shape in ((tokens, words, h), (tokens, h, words), (h, words, tokens))
    )


# ---- the pipeline -------------------------------------------------------------------------------


def message_seconds(model: Model, layout: Layout, machine: Machine) -> float:
    """Return the seconds of a micro-batch's messages between stages, there and back.

    Each tensor rank sends its part over the network, and without sequence parallelism the
    receivers gather the parts over their links.
    """
    if layout.pipeline == 1 or not machine.has("messages"):
        return 0.0
    n_bytes = 2 * tokens_of(model, layout) * model.hidden
    t = layout.tensor
    sent = n_bytes / t / machine.network_rate + 7 * HOP
    if not layout.sequence_parallel:
        sent += ring_seconds(n_bytes, t, machine.link_rate)
    return 2 * layout.chunks * sent


def bubble_seconds(layer: LayerTime, layers: int, message: float, layout: Layout) -> float:
    """Return the seconds in which each rank of a pipeline waits for others, a step."""
    stage = layers * layer.total + message
    if layout.schedule == "zero_bubble":
        stage -= 2 * layers * layer.weights
    return (layout.pipeline - 1) / layout.chunks * max(0.0, stage)


# ---- data parallel and optimiser ----------------------------------------------------------------


def mean_stage_parameters(model: Model, layout: Layout) -> float:
    """Return the parameters of a device; embedding and head are split between two stages."""
    t, layers = layout.tensor, layout.stage_layers(model.layers)
    whole = model.parameters - model.layers * model.layer_parameters()
    ends = whole if layout.pipeline == 1 else model.vocab_weights / 2
    return layers * layer_parameters_on_rank(model, t) + ends / t


def data_parallel_seconds(
    parameters: float, micro_batches: int, layout: Layout, machine: Machine, stage: float
) -> float:
    """Return the seconds of data-parallel traffic that computation does not hide.

    Gradients are summed once a step: all-reduce, or with ZeRO 1 reduce-scatter and all-gather of
    the weights. ZeRO 2 and 3 keep only parts, so each micro-batch sends: gradients, and with
    ZeRO 3 weights, forward and backward. What hides, hides behind 0.9 of the stage's seconds: of
    the last micro-batch, or where each one sends, of all.
    """
    ranks, stack = layout.shards, machine.stack
    if ranks == 1 or not machine.has("data parallel"):
        return 0.0
    rate = machine.data_rate(ranks, layout.tensor)
    weights, gradients = 2 * parameters, stack.gradient_bytes * parameters
    gather, scatter = (ring_seconds(n_bytes, ranks, rate) for n_bytes in (weights, gradients))
    m = micro_batches
    sent = {
        0: 2 * scatter, 1: scatter + gather, 2: m * scatter + gather, 3: m * (scatter + 2 * gather),
    }[layout.zero]  # fmt: skip
    behind = 0.9 * stage * (m if layout.zero >= 2 else 1)
    return max(sent * (1 - stack.data_hidden), sent - behind if stack.data_hidden else 0.0)


def optimiser_seconds(
    parameters: float, layout: Layout, machine: Machine, optimiser: str
) -> float:  # fmt: skip
    """Return the seconds of the update: bytes that it moves by the bandwidth of memory.

    Adam's in Megatron moves 58 bytes a parameter: gradients copied, unscaled, measured and clipped
    (24), m, v and weights read and written (28), weights cast (6). Smaller states move less.
    """
    if not machine.has("optimiser"):
        return 0.0
    mine = parameters / (layout.shards if layout.zero else 1)
    moved = machine.stack.optimiser_traffic - 2 * (MOMENTS["adam"] - MOMENTS[optimiser])
    return mine * moved / machine.memory_rate
