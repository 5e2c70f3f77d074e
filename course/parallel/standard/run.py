"""A recipe's run on PyTorch's engine: what is refused, and the loop."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import Tensor

from ...errors import CourseError, check_choice, check_count
from ...nn.blocks import LayerNorm
from ...nn.network import Network
from ...training.recipe import Recipe, load_recipe
from ...training.replay import build_recipe
from ...training.trainer import Trainer
from .optimizer import OURS, check_chain, check_turned, clip, numbers, twin
from .strategies import SCHEDULES, STRATEGIES, Pipeline, Standard, check_cut
from .traffic import Traffic


@dataclass(frozen=True)
class Result:
    """What came out, on one rank; all but the bytes are the same on each."""

    losses: list[float]
    """Of each step's batch, before the step."""
    train: tuple[float, float]
    """Loss and accuracy on the training rows, at the end."""
    test: tuple[float, float]
    """The same on the test rows."""
    theta: Tensor
    """The weights at the end in the course's order, (P,), on the CPU."""
    bytes_sent: dict[str, float]
    """What this rank sent while it trained, by kind; see `traffic.Traffic`."""
    seconds: list[float]
    """Of each step, by the wall clock."""


@dataclass(frozen=True)
class Prepared:
    """A run that PyTorch's engine can do: `train` does it, once, on each rank of a world."""

    recipe: Recipe
    strategy: str
    world_size: int
    pipeline: tuple[str, int, int]
    """schedule, micro_batches, chunks."""
    trainer: Trainer
    """Of the recipe, before its first step."""

    def train(self, device: str = "cpu") -> Result:
        """Do the run; see `train`."""
        self.trainer.to(device)
        network = network_of(self.trainer)
        with Traffic(self.world_size) as traffic:
            engine = (
                Pipeline(network, *self.pipeline) if self.strategy == "pipeline"
                else STRATEGIES[self.strategy](network)
            )  # fmt: skip
            traffic.bytes.clear()  # of the start: DDP compares the weights of all ranks
            losses, times = [], [time.perf_counter()]
            for loss in steps(engine, self.trainer, self.recipe):
                losses.append(loss)
                times.append(time.perf_counter())
            sent = dict(traffic.bytes)
            network.theta.copy_(engine.weights())
        return Result(
            torch.stack(losses).tolist() if losses else [], self.trainer.evaluate("train"),
            self.trainer.evaluate("test"), network.theta.cpu().clone(), sent,
            [end - start for start, end in pairwise(times)],
        )  # fmt: skip


def train(
    recipe, strategy: str, schedule: str = "1f1b", micro_batches: int = 4, chunks: int = 1,
    device: str = "cpu",
) -> Result:  # fmt: skip
    """Do a recipe's run on PyTorch's engine. Each rank of the world calls it.

    The same rows as those of a `Trainer`, in the same order; knobs turn at the same steps. Losses,
    weights and results equal its up to rounding.

    Args:
        recipe: as `load_recipe` takes it.
        strategy: 'data', 'zero1', 'zero2', 'zero3', 'tensor' or 'pipeline'.
        schedule: of a pipeline: 'gpipe', '1f1b' or 'interleaved'.
        micro_batches: into how many equal parts a pipeline cuts each batch.
        chunks: stages a rank of a pipeline; more than 1 only if interleaved.
        device: 'cpu', or 'cuda' for the GPU that `join` took.

    Raises:
        CourseError: before the first step, outside a torch.distributed world, and for what `check`
            refuses.
    """
    if not dist.is_initialized():
        raise CourseError(
            "there is no torch.distributed world; start processes by torchrun and call train "
            "inside course.parallel.processes.join()"
        )
    world_size = dist.get_world_size()
    return check(recipe, strategy, world_size, schedule, micro_batches, chunks).train(device)


def steps(engine: Standard, trainer: Trainer, recipe: Recipe) -> Iterator[Tensor]:
    """Yield the loss of each step, when it is done.

    The trainer gives rows and numbers, and is not trained.

    Args:
        engine: what is trained.
        trainer: of the recipe, before its first step.
        recipe: whose knobs are turned.
    """
    chain, batches = trainer.chain, trainer.batches
    optimizer = engine.optimizer(twin(chain), numbers(chain))
    for step in range(recipe.steps + 1):
        for at, knob, value in recipe.knobs:
            if at == step and knob != "device":
                trainer.set(knob, value)
        if step == recipe.steps:  # what is turned after the last step counts for the results
            return
        for t in chain.transforms:
            t.advance(step)
        for group in optimizer.param_groups:
            group.update(numbers(chain))
        rows = batches.rows()
        x = batches.inputs(batches.gather(rows)[0])
        optimizer.zero_grad()
        loss = engine.loss_and_grad(x, trainer.splits["train"][1][rows])
        clip(chain, engine.groups, engine.norm)
        optimizer.step()
        chain.step = trainer.step_count = step + 1
        yield loss


def network_of(trainer: Trainer) -> Network:
    """Return the model of a recipe's trainer, which is a `Network`: others it cannot build."""
    assert isinstance(trainer.model, Network)
    return trainer.model


# ---- what is refused ----------------------------------------------------------------------------


def check(
    recipe, strategy: str, world_size: int, schedule: str = "1f1b", micro_batches: int = 4,
    chunks: int = 1,
) -> Prepared:  # fmt: skip
    """Return the run, prepared for so many ranks; nothing is started.

    Args:
        recipe, strategy, schedule, micro_batches, chunks: those of `train`.
        world_size: how many ranks.

    Raises:
        CourseError: for an unknown strategy or schedule; a transform or a knob without a twin in
            PyTorch; dropout, a norm that is switched off, accumulated batches; a layer with fewer
            units than ranks; more stages than layers with weights; micro-batches that are not
            whole.
    """
    recipe = load_recipe(recipe)
    check_choice("strategy", strategy, STRATEGIES)
    check_count("world_size", world_size, 1, 10**6, "the number of ranks")
    if strategy == "pipeline":
        check_choice("schedule", schedule, SCHEDULES)
    trainer = build_recipe(recipe)
    if recipe.accumulate > 1:
        raise CourseError(
            f"accumulate = {recipe.accumulate} cannot run on the standard engine, which takes a "
            f"batch in one part; take 1, or micro-batches of a pipeline"
        )
    _check_layers(trainer)
    check_chain(trainer.chain)
    check_cut(strategy, network_of(trainer), world_size, schedule, micro_batches, chunks)
    micro = micro_batches if strategy == "pipeline" else 1
    _check_micro_batches(trainer, micro)
    if recipe.knobs:
        _check_knobs(recipe, build_recipe(recipe, trainer.data), micro)
    return Prepared(recipe, strategy, world_size, (schedule, micro_batches, chunks), trainer)


def _check_layers(trainer: Trainer) -> None:
    """Refuse layers that would not do the same on ranks of PyTorch's."""
    for i, layer in enumerate(trainer.model.dropouts()):
        if layer.p > 0:
            raise CourseError(
                f"dropout{i + 1 if i else ''} = {layer.p:g} cannot run on the standard engine, "
                f"whose ranks draw masks of their own; set it to 0, or {OURS}"
            )
    if any(isinstance(layer, LayerNorm) and not layer.on for layer in trainer.model.switches()):
        raise CourseError(
            "a LayerNorm that is switched off cannot run on the standard engine: its weights get "
            f"no gradient there; leave it out, or {OURS}"
        )


def _check_micro_batches(trainer: Trainer, micro_batches: int) -> None:
    rows = trainer.batch_size
    if rows % micro_batches:
        raise CourseError(
            f"a batch of {rows} rows cannot be cut into {micro_batches} equal micro-batches; take "
            f"a number of micro-batches that divides {rows}"
        )


def _check_knobs(recipe: Recipe, trainer: Trainer, micro_batches: int) -> None:
    """Turn every knob of the recipe on a trainer that is not needed, and look at each."""
    start = numbers(trainer.chain)
    for step, knob, value in recipe.knobs:
        if knob in ("optimiser", *{layer.knob for layer in trainer.model.switches()}):
            raise CourseError(
                f"knob {knob!r}, turned at step {step}, cannot turn on the standard engine, whose "
                f"optimiser and layers stay what they are; leave the change out, or {OURS}"
            )
        if knob != "device":
            trainer.set(knob, value)
        _check_layers(trainer)
        _check_micro_batches(trainer, micro_batches)
        check_turned(start, trainer.chain)
