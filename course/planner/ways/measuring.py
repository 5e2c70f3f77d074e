"""Measure the memory of a training step in each way, on the CPU or on a CUDA device."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch

from ...errors import CourseError, check_count, check_seed
from ...parallel.views.groups import fake_group
from ...parallel.views.transformer import Sizes, Transformer
from .counting import ByteCounter
from .steps import RANKS, Step, Way

SMALL = Sizes(layers=4, hidden=128, heads=4, ffn=344, vocab=256, sequence=64, batch=8)


@dataclass(frozen=True)
class Measured:
    """The worst moment of a step.

    Attributes:
        kinds: bytes on the device, by kind, as `ByteCounter` has them.
        host: most bytes on the host, where something is offloaded.
        allocated: what the CUDA allocator says was most, in bytes; None without one.
        history: bytes on the device after each operation of the step.
    """

    kinds: dict[str, int]
    host: int
    allocated: int | None
    history: tuple[int, ...]

    @property
    def total(self) -> int:
        """Bytes on the device."""
        return sum(self.kinds.values())


def measure_step(way: Way, sizes: Sizes = SMALL, ranks: int = RANKS, device: str = "cpu",
                 seed: int = 0) -> Measured:  # fmt: skip
    """Make two steps of a language model; measure the second, when Adam has its state.

    Of ways that share, rank 0 is measured. No other rank exists: what it would send is not there,
    the memory for it is.

    Args:
        way: how the steps are made.
        sizes: of the model, and of the batch of a rank.
        ranks: that share, where the way shares; whole weights must be divisible by them.
        device: 'cpu' or 'cuda', with a number or without.
        seed: of weights and tokens.

    Raises:
        CourseError: for a batch or weights that cannot be cut so, or a device that is not there.
    """
    check_count("ranks", ranks, 1, 1024, "that share")
    check_seed(seed)
    cuda = str(device).startswith("cuda")
    if not cuda and str(device) != "cpu" or cuda and not torch.cuda.is_available():
        raise CourseError(
            f"device = {device!r} has no memory that is counted here; allowed: 'cpu', and 'cuda' "
            "where the machine has one; take 'cpu'"
        )
    if way.zero and sizes.hidden % ranks:
        raise CourseError(f"ranks = {ranks} do not divide hidden = {sizes.hidden}, and each takes "
                          "an equal part of every weight; take ranks that divide it")  # fmt: skip
    if sizes.batch % way.micro_batches:
        raise CourseError(
            f"batch = {sizes.batch} cannot be cut into micro_batches = {way.micro_batches} equal "
            f"parts; take a divisor of {sizes.batch}"
        )
    torch.manual_seed(seed)
    with fake_group(ranks) if way.zero else nullcontext(), torch.enable_grad():
        with torch.device(device):
            model = Transformer(sizes)
            tokens = torch.randint(sizes.vocab, (sizes.batch, sizes.sequence))
        counter = ByteCounter()
        step = Step(
            model,
            way,
            host=counter.on_host if device == "cpu" else nullcontext,
            told=lambda gradient: counter.mark("gradients", [gradient]),
        )
        counter.mark("weights", model.parameters())
        if way.offload:
            counter.mark("host", step.mine)
        with counter:
            step(tokens, tokens)
            states = [s.values() for s in step.optimizer.state.values()]
            kept = [t for state in states for t in state if isinstance(t, torch.Tensor)]
            counter.mark("host" if way.offload else "optimiser", kept)
            counter.reset()
            if cuda:
                torch.cuda.reset_peak_memory_stats(device)
            step(tokens, tokens)
        allocated = torch.cuda.max_memory_allocated(device) if cuda else None
        return Measured(counter.peak, counter.host_peak, allocated, tuple(counter.history))
