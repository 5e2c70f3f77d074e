"""The same recipe on PyTorch's own engine, for who outgrows the lesson.

    from course.parallel.standard import check, train

    check("run.json", "zero3", world_size=2)     anywhere: what cannot be run is refused here
    result = train("run.json", "zero3")          on each rank of a torch.distributed world
    result.losses, result.test, result.theta, result.bytes_sent

    data                 DistributedDataParallel
    zero1                the same, its optimiser a ZeroRedundancyOptimizer
    zero2, zero3         FSDP2: fully_shard, without and with reshard_after_forward
    tensor               DTensor: parallelize_module, ColwiseParallel and RowwiseParallel in pairs
    pipeline             torch.distributed.pipelining: gpipe, 1f1b, interleaved

Rows, knobs and first weights are the course's; layers, losses, derivatives, optimisers, clipping
and all messages are PyTorch's. The numbers equal those of a `Trainer` up to rounding.
"""

from .run import Prepared, Result, check, train
from .strategies import STRATEGIES

__all__ = ["STRATEGIES", "Prepared", "Result", "check", "train"]
