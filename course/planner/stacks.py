"""What a program reaches of a device: the software, its flags and its fitted shares.

A share is the part of a peak that a program reaches:

    matmul      of the peak, before the loss of the last wave of tiles
    memory      of the bandwidth; low, since it absorbs the kernels that are not counted
    link        of the bandwidth within a node: a ring reaches about 0.7, assumed
    network     of the bandwidth between nodes: the same
    attention   of the peak, of the fused attention kernel: half, assumed

For the A100, matmul and memory were fitted on three rows of SC21 (1.7, 18.4 and 145.6 B). The 0.7
is a round number between 0.6 and 0.75, within which the other rows are met about as well. H100
stacks keep what the A100 has and fit what stands beside them in `STACKS`. `ablation` fits all of
them again.

What Megatron's README of 2024 does not print was chosen by its rows: sums of gradients in 16 bits,
micro-batches of one sequence, a layer a chunk. So its small errors are no blind prediction.

Sources of the flags: Megatron-LM got asynchronous all-reduce of tensor parallelism in 2021-09, and
the weight gradient that adds into float32 in 2022-02; its README of 2024 says what it overlaps;
torchtitan's configurations.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stack:
    """Software on devices.

    Attributes:
        name: what a plan calls it.
        matmul, memory, link, network, attention: shares of the peaks, see above.
        fp8_gain: by how much a product in 8 bits is faster: 0.65 is 1.65 times as fast, fitted on
            torchtitan; the maker's peak has 1.
        fused_attention: whether attention is one kernel, which keeps no matrix of all pairs.
        dropout: whether there is dropout, and its masks.
        compiled: whether elementwise kernels are fused; without, norms go through float32.
        adds_in_place: whether the product of a weight gradient adds into float32 itself.
        tensor_hidden_forward, tensor_hidden_backward: shares of tensor-parallel traffic that are
            behind computation, as far as that reaches.
        data_hidden: the share of data-parallel traffic that is.
        pipeline_hidden: the share of messages between stages that is.
        gradient_bytes: of a number in the sum of gradients.
        float32_weights: whether weights are kept in float32 alone and cast for use (FSDP), not as
            16 bits and a float32 copy in the optimiser's state.
        optimiser_traffic: bytes of memory traffic a parameter in the optimiser's step.
        recomputes_every_second_product: what 'selective' means: torchtitan computes every second
            product of weights again, Megatron the core of attention.
        rails: whether all adapters of a node work on one collective.
        without: effects that are left out, to see what they are worth; see `ablation`.
    """

    name: str
    matmul: float
    memory: float = 0.64
    link: float = 0.7
    network: float = 0.7
    attention: float = 0.5
    fp8_gain: float = 0.65
    fused_attention: bool = False
    dropout: bool = True
    compiled: bool = True
    adds_in_place: bool = True
    tensor_hidden_forward: float = 0.0
    tensor_hidden_backward: float = 1.0
    data_hidden: float = 0.0
    pipeline_hidden: float = 0.0
    gradient_bytes: int = 2
    float32_weights: bool = False
    optimiser_traffic: float = 58.0
    recomputes_every_second_product: bool = False
    rails: bool = True
    without: frozenset[str] = frozenset()


_2022 = Stack("megatron-2022", matmul=0.85)
_2021 = replace(_2022, name="megatron-2021", adds_in_place=False, tensor_hidden_backward=0.0)
_TORCHTITAN = Stack(
    "torchtitan",
    matmul=0.55,  # fitted, as attention and fp8_gain are, on its rows without context parallelism
    attention=0.235,
    fused_attention=True,
    dropout=False,
    tensor_hidden_backward=0.0,
    data_hidden=1.0,
    gradient_bytes=4,
    float32_weights=True,
    optimiser_traffic=28.0,
    recomputes_every_second_product=True,
)

STACKS = {
    stack.name: stack
    for stack in (
        _2021,
        # ZeRO 3 of 2021: a ring crosses to the next node by one adapter; the share is fitted.
        replace(_2021, name="zero-2021", data_hidden=0.52, rails=False),
        _2022,
        replace(
            _2022, name="megatron-2024", matmul=0.585, fused_attention=True,
            tensor_hidden_forward=1.0, data_hidden=1.0, pipeline_hidden=1.0,
        ),
        _TORCHTITAN,
        replace(_TORCHTITAN, name="torchtitan-eager", compiled=False),
        # Asynchronous tensor parallelism: the share that it hides is fitted on one row.
        replace(
            _TORCHTITAN, name="torchtitan-async", tensor_hidden_forward=0.45,
            tensor_hidden_backward=0.45,
        ),
    )
}  # fmt: skip
