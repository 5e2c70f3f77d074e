"""One training step on many devices: every strategy written once, against a small communicator.

from course.parallel import DataParallel, InTurn

def program(comm):  # the same on each rank
    trainer = Trainer(DataParallel(comm, MLP([64, 64, 10])), data, chain(Descend(0.3)))
    for _ in trainer.run(100):
        pass
    return trainer.evaluate()

InTurn(4).run(program)  # four ranks in this process, or processes: see `processes.join`
"""

from .checkpoints import Checkpoints
from .collectives import ring_all_reduce, tree_all_reduce
from .communicator import Communicator, Event, bytes_sent, cuts
from .cut_layers import ColumnLinear, RowLinear
from .data_parallel import DataParallel
from .holdings import Holdings, Part, holdings
from .in_turn import Costs, InTurn
from .job import Job
from .launch import launch
from .local_sgd import LocalSGD
from .pipeline import Pipeline
from .rehearsal import Cluster, Step, rehearse
from .replicas import Replicas
from .results import RunResult
from .schedules import (
    Action,
    alternate,
    gpipe,
    make_schedule,
    one_forward_one_backward,
    time_schedule,
)
from .setup import Setup
from .sharded import Sharded
from .strategies import make_strategy
from .strategy import Strategy, grid
from .tensor_parallel import TensorParallel
from .timeline import Timeline, timeline

__all__ = [
    "Action", "Checkpoints", "Cluster", "ColumnLinear", "Communicator", "Costs", "DataParallel",
    "Event", "Holdings", "InTurn", "Job", "LocalSGD", "Part", "Pipeline", "Replicas", "RowLinear",
    "RunResult", "Setup", "Sharded", "Step", "Strategy", "TensorParallel", "Timeline", "alternate",
    "bytes_sent", "cuts", "gpipe", "grid", "holdings", "launch", "make_schedule", "make_strategy",
    "one_forward_one_backward", "rehearse", "ring_all_reduce", "time_schedule", "timeline",
    "tree_all_reduce",
]  # fmt: skip
