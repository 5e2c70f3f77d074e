"""One training step of one language model, each way to need less memory written out.

A way changes where the numbers lie, not which step is made. Mixed precision rounds, too.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils.checkpoint import checkpoint

from ...errors import CourseError, check_choice, check_count
from ...parallel.views.transformer import Transformer

RANKS = 4  # of the ways that share over ranks
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Way:
    """How a step is made.

    Attributes:
        micro_batches: parts of the batch, one after the other (gradient accumulation).
        recompute: whether a layer keeps its input alone, and is computed again on the way down.
        precision: 'float32', or what autocast computes matrices in, 'bfloat16' or 'float16';
            the latter with loss scaling.
        zero: what ranks share: 1 optimiser state, 2 also gradients, 3 also weights; 0 nothing.
        offload: whether Adam, its state and the gradients live in the host's memory.

    Raises:
        CourseError: for other values, or two of zero and offload.
    """

    micro_batches: int = 1
    recompute: bool = False
    precision: str = "float32"
    zero: int = 0
    offload: bool = False

    def __post_init__(self):
        check_count("micro_batches", self.micro_batches, 1, 10**6, "parts of a batch")
        check_count("zero", self.zero, 0, 3, "stages of ZeRO; 0 shares nothing")
        check_choice("precision", self.precision, ("float32", *HALF))
        for name in ("recompute", "offload"):
            if not isinstance(getattr(self, name), bool):
                raise CourseError(f"{name} = {getattr(self, name)!r} is neither True nor False; "
                                  "choose one of them")  # fmt: skip
        if self.zero and self.offload:
            raise CourseError(f"zero = {self.zero} and offload = True: these steps share with "
                              "ranks or with the host, not with both; set one of them to 0 or "
                              "False")  # fmt: skip
        if self.precision == "float16" and (self.zero or self.offload):
            raise CourseError(
                "precision = 'float16' takes neither zero nor offload here: all ranks would have "
                "to know when a gradient overflows; take 'bfloat16'"
            )
        if self.zero >= 2 and self.micro_batches > 1:
            raise CourseError(f"zero = {self.zero} with micro_batches = {self.micro_batches}: "
                              "gradients are shared as soon as they are there, so these steps "
                              "take one part; set micro_batches to 1 or zero to 1")  # fmt: skip


WAYS = {
    "plain": Way(),
    "accumulation": Way(micro_batches=4),
    "checkpointing": Way(recompute=True),
    "bfloat16": Way(precision="bfloat16"),
    "float16": Way(precision="float16"),
    "ZeRO 1": Way(zero=1),
    "ZeRO 2": Way(zero=2),
    "ZeRO 3": Way(zero=3),
    "offload": Way(offload=True),
}


class Step:
    """Makes steps of a model in a way. Shared ways need a process group to be there.

    Args:
        model: as PyTorch made it; the way changes it.
        way: how.
        lr: Adam's learning rate.
        host: a context in which host memory is made; by default nothing.
        told: called with each gradient by a weight as soon as it is there.

    Attributes:
        optimizer: AdamW over what this rank updates.
    """

    def __init__(self, model: Transformer, way: Way, lr: float = 1e-3,
                 host: Callable[[], AbstractContextManager] = nullcontext,
                 told: Callable[[Tensor], object] = lambda gradient: None):  # fmt: skip
        self.model, self.way, self.host, self.told = model, way, host, told
        self.device = next(model.parameters()).device.type
        self.ranks = dist.get_world_size() if way.zero else 1
        self.autocast: Callable[[], AbstractContextManager] = nullcontext
        self.scaler: torch.amp.GradScaler | None = None
        if way.recompute:
            for block in model.blocks:
                block.forward = again(block.forward)
        if way.precision != "float32":
            self.autocast = lambda: torch.autocast(self.device, HALF[way.precision])
        if way.precision == "float16":
            self.scaler = torch.amp.GradScaler(self.device)
        if way.zero == 3:
            mesh = init_device_mesh(self.device, (self.ranks,))
            for block in model.blocks:
                fully_shard(block, mesh=mesh)
            fully_shard(model, mesh=mesh)
        self.whole: list[Tensor] = list(model.parameters())
        self.mine = self._mine()
        self.optimizer = torch.optim.AdamW(self.mine, lr=lr, foreach=False)
        for weight, mine in zip(self.whole, self.mine, strict=True):
            weight.register_post_accumulate_grad_hook(self._taker(mine))

    def __call__(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Make a step; tokens and targets (B, T). Return the mean loss, ()."""
        total = torch.zeros((), device=tokens.device)
        parts = self.way.micro_batches
        for x, y in zip(tokens.chunk(parts), targets.chunk(parts), strict=True):
            with self.autocast():
                loss = F.cross_entropy(self.model(x).flatten(0, 1).float(), y.flatten()) / parts
            total += loss.detach()
            (self.scaler.scale(loss) if self.scaler else loss).backward()
            del loss
        self.update()
        return total

    def update(self) -> None:
        """Share the gradients where that is still to be done, let Adam step, spread the weights."""
        if self.way.zero == 1:
            for weight, mine in zip(self.whole, self.mine, strict=True):
                mine.grad = self._reduced(weight)
        with self.host() if self.way.offload else nullcontext():
            if self.scaler:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            else:
                self.optimizer.step()
        if self.way.offload or self.way.zero in (1, 2):
            with torch.no_grad():
                for weight, mine in zip(self.whole, self.mine, strict=True):
                    if self.way.offload:
                        weight.copy_(mine)
                    else:
                        dist.all_gather(list(weight.view(self.ranks, -1)), mine)
        self.optimizer.zero_grad()
        self.model.zero_grad()

    def _mine(self) -> list[Tensor]:
        """Return what this rank's Adam updates: all, a part of each weight, or the host's copies.

        A part is a piece of the weight's own memory, no copy.
        """
        if self.way.offload:
            with self.host(), torch.no_grad():
                return [nn.Parameter(w.to("cpu", copy=True)) for w in self.whole]
        if self.way.zero in (1, 2):
            me = dist.get_rank()
            return [nn.Parameter(w.detach().view(self.ranks, -1)[me]) for w in self.whole]
        return self.whole

    def _reduced(self, weight: Tensor) -> Tensor:
        """Return this rank's part of a gradient, the mean over ranks, in a piece of its memory."""
        assert weight.grad is not None  # called when it is there
        parts = list(weight.grad.view(self.ranks, -1))
        mine = parts[dist.get_rank()]
        dist.reduce_scatter(mine, parts)
        return mine.div_(self.ranks)

    def _taker(self, mine: Tensor) -> Callable[[Tensor], None]:
        """Return what is done with a weight's gradient as soon as it is there."""

        def take(weight: Tensor) -> None:
            assert weight.grad is not None
            self.told(weight.grad)
            if self.way.zero == 2:
                mine.grad = self._reduced(weight).clone()
                self.told(mine.grad)
                weight.grad = None
            elif self.way.offload:
                with self.host():
                    moved = weight.grad.to("cpu", copy=True)
                    mine.grad = moved if mine.grad is None else mine.grad + moved
                weight.grad = None

        return take


def again(forward: Callable) -> Callable:
    """Return a forward that keeps its input alone and is computed again on the way down."""
    return lambda x: checkpoint(forward, x, use_reentrant=False)
