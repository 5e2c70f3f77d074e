"""What a rank sends, counted where PyTorch hands a message to its process group."""

from collections import defaultdict

from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..communicator import bytes_sent

# The names of torch's operators, in place (c10d) and functional (DTensor).
KINDS = {
    "allreduce_": "all_reduce", "all_reduce": "all_reduce",
    "_reduce_scatter_base_": "reduce_scatter", "reduce_scatter_": "reduce_scatter",
    "reduce_scatter_tensor": "reduce_scatter",
    "_allgather_base_": "all_gather", "allgather_": "all_gather",
    "all_gather_into_tensor": "all_gather",
    "broadcast_": "broadcast", "broadcast": "broadcast",
}  # fmt: skip
SENDS_NOTHING = (
    "recv_", "recv_any_source_", "wait_tensor", "_wrap_tensor_autograd", "barrier",
    "monitored_barrier_",
)  # fmt: skip


class Traffic(TorchDispatchMode):
    """Counts the bytes that this rank sends, in every operation inside the block.

    An operation among all ranks counts as in the ring algorithm, see `communicator.bytes_sent`,
    by the whole vector as torch hands it over, so with the padding of FSDP2. A message counts its
    own bytes. What gloo or nccl really sends may differ: their algorithm is their choice.

    PyTorch's own small talk counts, too: DDP once tells the ranks its buckets, the stages of a
    pipeline agree on their plan, clipping by norm adds up the norms of parts.

    Args:
        world_size: of the one group that sends.

    Attributes:
        bytes: by kind: 'all_reduce', 'reduce_scatter', 'all_gather', 'broadcast', 'send'; an
            operation that this module does not know has its own name.
    """

    def __init__(self, world_size: int):
        super().__init__()
        self.world_size = world_size
        self.bytes: defaultdict[str, float] = defaultdict(float)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any(issubclass(kind, DTensor) for kind in types):
            return NotImplemented  # it comes again as operations on plain tensors
        result = func(*args, **(kwargs or {}))
        namespace, name = func.name().split("::")
        if namespace in ("c10d", "_c10d_functional") and name not in SENDS_NOTHING:
            n_bytes = max(map(size, (*args[:2], result)))  # the whole vector is the larger side
            kind = KINDS.get(name, name)
            sent = n_bytes if kind == "send" else bytes_sent(kind, n_bytes, self.world_size)
            self.bytes[kind] += sent
        return result


def size(tree: object) -> int:
    """Return the bytes of all tensors in lists of lists of them."""
    if isinstance(tree, list | tuple):
        return sum(map(size, tree))
    return tree.numel() * tree.element_size() if isinstance(tree, Tensor) else 0
