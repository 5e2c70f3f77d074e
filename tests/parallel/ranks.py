"""Networks, strategies and runs that the tests of parallel training share."""

import torch

from course import (
    Adam,
    ClipByNorm,
    Descend,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sigmoid,
    Tanh,
    Trainer,
    chain,
    load_data,
)  # fmt: skip
from course.parallel.data_parallel import DataParallel
from course.parallel.pipeline import Pipeline
from course.parallel.replicas import Replicas
from course.parallel.sharded import Sharded
from course.parallel.strategy import grid
from course.parallel.tensor_parallel import TensorParallel

DATA = load_data("digits")


def network(loss="cross_entropy") -> Network:
    """Return a network with every kind of layer, odd widths, and dropout inside a residual."""
    inner = Residual(LayerNorm(), Linear(21), ReLU(), Dropout(0.2), Linear(33))
    layers = [Linear(33), Tanh(), Dropout(0.3), Linear(33), inner, Linear(20), Linear(21),
              Sigmoid(), Linear(17), ReLU(), Linear(10)]  # fmt: skip
    return Network(layers, 64, loss, dtype=torch.float64)


def data_tensor(comm, net):
    row, column = grid(comm, 2)
    return Replicas(column, TensorParallel(row, net))


def data_pipeline(comm, net):
    row, column = grid(comm, 2)
    return Replicas(column, Pipeline(row, net, 3, "zero_bubble"))


STRATEGIES = {
    "data": DataParallel,
    "data in buckets": lambda comm, net: DataParallel(comm, net, 3),
    **{f"zero {stage}": lambda comm, net, stage=stage: Sharded(comm, net, stage)
       for stage in (1, 2, 3)},
    "tensor": TensorParallel,
    "sequence": lambda comm, net: TensorParallel(comm, net, sequence_parallel=True),
    **{name: lambda comm, net, name=name: Pipeline(comm, net, 6, name)
       for name in ("gpipe", "1f1b", "zero_bubble")},
    "interleaved": lambda comm, net: Pipeline(comm, net, 6, "interleaved", 2),
    "data × tensor": data_tensor,
    "data × pipeline": data_pipeline,
}  # fmt: skip


def adam():
    return chain(ClipByNorm(0.5), Adam(), Descend(0.01))


def train(model, batch_size: int, steps: int = 20, make_chain=adam) -> Trainer:
    """Return a trainer after some steps, on an ordinary model or on a strategy."""
    trainer = Trainer(model, DATA, make_chain(), batch_size, seed=3)
    for _ in range(steps):
        trainer.step()
    return trainer


def outcome(trainer: Trainer, whole=lambda vector: vector) -> dict:
    """Return what must be equal: losses and norms, gradient, weights, optimiser state, results."""
    like = trainer.model.theta.shape
    state = [{name: whole(v) if v.shape == like else v for name, v in part.items()}
             for part in trainer.chain.state()[1:]]  # fmt: skip
    return {
        "history": torch.as_tensor(trainer.history.numbers()), "grad": whole(trainer.model.grad),
        "theta": whole(trainer.model.theta), "test": torch.tensor(trainer.evaluate()),
        **{f"{i} {name}": v for i, part in enumerate(state) for name, v in part.items()},
    }  # fmt: skip


def program(comm, make, batch_size: int, steps: int = 20, make_chain=adam, loss="cross_entropy"):
    """Train a strategy on this rank and return its outcome."""
    trainer = train(make(comm, network(loss)), batch_size, steps, make_chain)
    return outcome(trainer, trainer.model.whole)


def gap(one: dict, other: dict) -> float:
    """Return the largest difference of two outcomes."""
    assert one.keys() == other.keys()
    gaps = torch.stack(
        [(one[k].double() - other[k].double()).abs().max() for k in one if one[k].numel()]
    )
    return float(gaps.max())  # NaN, if there is one
