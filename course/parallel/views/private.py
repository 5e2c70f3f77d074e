"""What these views use of torch that is not public, in one place, so that a change is noticed.

Every name is looked up when it is needed. A torch that does not have it is refused by a sentence,
and `tests/parallel/test_views_private_apis.py` names what is gone.
"""

from importlib import import_module
from typing import Any

import torch

from ...errors import CourseError

KNOWN = "2.13"  # the version of torch that this is known to work with

PRIVATE = {
    "LocalTensor": "torch.distributed._local_tensor",
    "LocalTensorMode": "torch.distributed._local_tensor",
    "FakeStore": "torch.testing._internal.distributed.fake_pg",
    "ProcessLocalGroup": "torch.testing._internal.distributed.multi_threaded_pg",
    "_install_threaded_pg": "torch.testing._internal.distributed.multi_threaded_pg",
    "_uninstall_threaded_pg": "torch.testing._internal.distributed.multi_threaded_pg",
    "_set_thread_isolation_mode": "torch._C._distributed_c10d",
    "CollectiveOp": "torch.distributed._tools.fake_collectives",
    "collective_ops": "torch.distributed._tools.fake_collectives",
    "sync_ops": "torch.distributed._tools.fake_collectives",
    "FakeTensorMode": "torch._subclasses.fake_tensor",
    "flop_registry": "torch.utils.flop_counter",
    "FSDPMemTracker": "torch.distributed._tools.fsdp2_mem_tracker",
    "checkpoint_wrapper": "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
    "Schedule1F1B": "torch.distributed.pipelining.schedules",
}


def private(name: str) -> Any:
    """Return what torch calls so; `PRIVATE` says where it lies.

    Raises:
        CourseError: when this torch does not have it.
    """
    try:
        return getattr(import_module(PRIVATE[name]), name)
    except (ImportError, AttributeError) as error:
        raise CourseError(
            f"torch {torch.__version__} has no {PRIVATE[name]}.{name}, which this view needs; it "
            f"is known to work with torch {KNOWN}: pip install torch=={KNOWN}.*"
        ) from error
