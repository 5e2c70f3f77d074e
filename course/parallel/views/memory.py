"""Peak memory of a real step of FSDP2, by kind, traced without memory.

As in `trace`, the group pretends to have all ranks and tensors have no numbers. PyTorch's own
tracker follows every tensor of rank 0 and says what it is for. Two steps run: the first one makes
the optimiser's state, the second one is measured at its worst moment.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from ...errors import check_count
from .groups import fake_group
from .private import private
from .trace import MIXED, MOST_RANKS
from .transformer import Sizes, meta

KINDS = {  # as the tracker calls them, and as we do
    "Sharded Param": "weights", "Unsharded Param": "gathered", "Sharded Grad": "gradients",
    "Unsharded Grad": "whole gradients", "OptState": "optimiser", "Activation": "activations",
    "All Gather": "all_gather", "Reduce Scatter": "reduce_scatter", "Temp": "temporary",
    "Inputs": "inputs", "Buffer": "buffers",
}  # fmt: skip


def trace_memory(sizes: Sizes, world_size: int, recompute: bool = False) -> dict[str, int]:
    """Return the bytes of rank 0 at the peak of a step with AdamW, by kind; 'total' sums them.

        trace_memory(Sizes(layers=2), 64)  # {'weights': …, 'activations': …, 'total': …}

    Args:
        sizes: of the Transformer, and of each rank's batch. All layers are traced: take few.
        world_size: ranks of FSDP2, 1 to 16,384.
        recompute: whether each layer keeps its input only and is computed again backward.

    Raises:
        CourseError: for more ranks, or when a process group is there already.
    """
    check_count("world_size", world_size, 1, MOST_RANKS, "ranks that are pretended")
    with fake_group(world_size), torch.enable_grad():
        mesh = init_device_mesh("cpu", (world_size,))
        module = meta(sizes)
        for i, block in enumerate(module.blocks):
            if recompute:
                block = module.blocks[i] = private("checkpoint_wrapper")(block)
            fully_shard(block, mesh=mesh, mp_policy=MIXED)
        fully_shard(module, mesh=mesh, mp_policy=MIXED)
        with private("FakeTensorMode")(allow_non_fake_inputs=True):
            module.to_empty(device="cpu")
            return peak(module, sizes)


def peak(module: nn.Module, sizes: Sizes) -> dict[str, int]:
    """Run two steps under the tracker; return the bytes at the worst moment of the second."""
    optimizer = torch.optim.AdamW(module.parameters(), foreach=False)
    tokens = torch.zeros(sizes.batch, sizes.sequence, dtype=torch.long)
    tracker = private("FSDPMemTracker")(module, optimizer)
    tracker.track_inputs((tokens,))
    with tracker:
        for step in range(2):
            logits = module(tokens).flatten(0, 1).float()
            F.cross_entropy(logits, tokens.flatten()).backward()
            del logits
            optimizer.step()
            optimizer.zero_grad()
            if step == 0:
                tracker.reset_mod_stats()
    (found,) = tracker.get_tracker_snapshot("peak").values()
    named = {str(getattr(kind, "value", kind)): n for kind, n in found.items()}
    return {KINDS.get(kind, kind.lower()): n for kind, n in named.items() if n}
