"""A small model that writes, the same in several chapters: each trains it by its own rule.

It guesses the next character of a text that the course writes: sums, counting, nested brackets. It
is a GPT; chapter 5_1_architectures opens it up.

    writer = train_writer(Descend(0.1))
    print(writer_report(writer))
"""

import math

import torch
from torch import Tensor

from ..architectures.gpt import GPT
from ..architectures.sampling import write
from ..architectures.text import ALPHABET, END, text_data
from ..errors import CourseError, check_count, check_seed, shown
from ..interop.adopt import adopt
from ..optim.chain import Transform, chain
from ..training.trainer import Trainer

STEPS = 100
WINDOWS = 16  # of a batch, 32 characters each


def start_writer(
    *rule: Transform, seed: int = 0, device: str = "cpu", batch_size: int = WINDOWS,
    accumulate: int = 1,
) -> Trainer:  # fmt: skip
    """Return a trainer of the model, at step 0.

    Args:
        rule: the transforms of the optimiser, as HeavyBall(0.9), Descend(0.1).
        seed: of the first weights, the text and the batches.
        device: where it trains.
        batch_size, accumulate: as `Trainer` takes them.

    Raises:
        CourseError: as `chain`, `Trainer` and `text_data` do.
    """
    dtype = torch.float32 if device == "mps" else torch.float64  # so another processor agrees
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_seed(seed))
        module = GPT().to(dtype)
    model = adopt(module).to(device)
    return Trainer(model, text_data(seed=seed), chain(*rule), batch_size, seed, accumulate)


def train_writer(*rule: Transform, steps: int = STEPS, **options) -> Trainer:
    """Return the trainer after so many steps; other arguments as `start_writer` takes them."""
    steps = check_count("steps", steps, 0, 10**6, "a hundred take a second")
    trainer = start_writer(*rule, **options)
    for _ in trainer.run(steps):
        pass
    return trainer


def writer_report(trainer: Trainer, length: int = 60) -> str:
    """Return in words how long it trained, its test loss, that of guessing evenly, and a text.

    Args:
        trainer: as `train_writer` returns it.
        length: characters to write, at temperature 0.7.
    """
    loss = trainer.evaluate("test")[0]
    evenly = math.log(len(ALPHABET))
    size = f"{len(trainer.model.theta):,} weights, {trainer.step_count} steps"
    words = f"{size}: test loss {loss:.2f} (guessing evenly: {evenly:.2f})\n"
    if not math.isfinite(loss):
        return words + "it writes nothing: its weights are not finite"
    written = write(writer_module(trainer), END, length, 0.7, trainer.seed)
    return f"{words}it writes: {written.replace(END, END + ' ')}"


def writer_module(trainer: Trainer) -> GPT:
    """Return the GPT that a trainer of `start_writer` trains."""
    module = getattr(trainer.model, "module", None)
    if not isinstance(module, GPT):
        raise CourseError(
            f"{shown(trainer.model)} writes no text; allowed: what start_writer returns"
        )
    return module


def kept_bytes(trainer: Trainer) -> int:
    """Return the bytes that autograd keeps at once for the way back through a part of the batch.

    Weights are left out: they are there anyway. The gradient of the model is overwritten.
    """
    weights = {p.untyped_storage().data_ptr() for p in writer_module(trainer).parameters()}
    found: dict[int, tuple[int, Tensor]] = {}

    def keep(x: Tensor) -> Tensor:
        memory = x.untyped_storage()
        if memory.data_ptr() not in weights:
            found[memory.data_ptr()] = (memory.nbytes(), x)  # held, so that no address comes twice
        return x

    rows = torch.arange(trainer.batch_size).tensor_split(trainer.accumulate)[0]
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        trainer.model.loss_and_grad(*trainer.batches.gather(rows))
    return sum(n for n, _ in found.values())
