"""PyTorch's own parallel programs, in one process, so that one can look into them.

    from course.parallel.views import Sizes, trace_step, view_fully_sharded, view_tensor_parallel

    net, x, y = MLP([64, 32, 10], dtype=torch.float64), data.x_train[:36], data.y_train[:36]
    print(view_tensor_parallel(net, x, y, world_size=4, steps=3))  # DTensor: columns and rows
    print(view_fully_sharded(net, x, y, world_size=4, steps=3))  # FSDP2: rows of every weight
    print(trace_step(Sizes(), world_size=1024, tensor=8))  # 6.74 B parameters, on no device

A `View` has real numbers: every rank's part of the weights, gradients and optimiser state, and
the largest difference from one process. A `Trace` has counts: collectives, bytes and FLOPs of one
step, beside those of our strategies and of the textbook. `trace_memory` has the bytes of its worst
moment, by kind.
"""

from .counting import Traffic
from .formulas import Count
from .fully_sharded import view_fully_sharded
from .memory import trace_memory
from .pipelining import torch_1f1b
from .tensor_parallel import view_tensor_parallel
from .trace import Trace, trace_step
from .transformer import Sizes, Transformer
from .view import View

__all__ = [
    "Count", "Sizes", "Trace", "Traffic", "Transformer", "View", "torch_1f1b", "trace_memory",
    "trace_step",
    "view_fully_sharded", "view_tensor_parallel",
]  # fmt: skip
