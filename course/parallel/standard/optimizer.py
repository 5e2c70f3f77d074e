"""A chain as one of torch.optim's optimisers, with torch's own clipping before it.

    chain(ClipByNorm(c), L2(λ), HeavyBall(β), Descend(α))
    ⇄  clip_grad_norm_(c); torch.optim.SGD(lr=α, momentum=β, weight_decay=λ)

Only this order has a twin: clips, L2, one transform with memory or none, Descend.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from ...errors import CourseError
from ...interop.param_groups import Knobs
from ...optim import adaptive, first_order
from ...optim.chain import Chain, Transform

TWINS: dict[type[Transform], type[Optimizer]] = {
    first_order.Momentum: SGD, first_order.HeavyBall: SGD, first_order.Nesterov: SGD,
    adaptive.RMSProp: RMSprop, adaptive.Adam: Adam, adaptive.AdamW: AdamW,
}  # fmt: skip
FRAME = (first_order.ClipByValue, first_order.ClipByNorm, first_order.L2, first_order.Descend)
ORDER = "clips, L2, one of " + ", ".join(kind.__name__ for kind in TWINS) + ", then Descend"
OURS = "take the course's own engine, --engine ours"
ADDED_TO_THE_NORM = 1e-6  # by torch.nn.utils.clip_grads_with_norm_; the course divides by the norm
ALMOST_0 = 1e-200  # at momentum = 0 torch.optim.SGD forgets its buffer


def check_chain(chain: Chain) -> None:
    """Raise `CourseError` unless torch.optim has the same steps."""
    for t in chain.transforms:
        kind = type(t).__name__
        if type(t) not in TWINS and not isinstance(t, FRAME):
            reason = "torch.optim.Muon rounds to bfloat16" if kind == "Muon" else (
                "torch.optim has no such step")  # fmt: skip
            raise CourseError(f"{kind} cannot run on the standard engine: {reason}; {OURS}")
        if moving := {"beta1", "beta2"} & t.schedules.keys():
            raise _moving_beta(f"{kind}.{min(moving)}")
    memory = [type(t) for t in chain.transforms if type(t) in TWINS]
    places = [_place(t) for t in chain.transforms]
    decays = sum(isinstance(t, first_order.L2 | adaptive.AdamW) for t in chain.transforms)
    if places != sorted(places) or len(memory) > 1 or decays > 1:
        raise CourseError(
            f"{chain!r} cannot run on the standard engine: torch.optim has the order {ORDER}, and "
            f"one weight decay; write the chain so, or {OURS}"
        )


def _place(t: Transform) -> int:
    """Return where a transform stands in torch's order."""
    if t.clips:
        return 0
    return 1 if isinstance(t, first_order.L2) else 3 if t.descends else 2


def check_turned(before: dict[str, Any], chain: Chain) -> None:
    """Raise `CourseError` for a change that torch.optim would not play as the chain does.

    Args:
        before: the numbers at the start, as `numbers` gave them.
        chain: after the change.
    """
    check_chain(chain)
    if before.get("betas") != numbers(chain).get("betas"):
        raise _moving_beta("a β of Adam")


def _moving_beta(name: str) -> CourseError:
    return CourseError(
        f"{name} cannot change on the standard engine: torch.optim corrects Adam's averages by a "
        f"power of the present β, the course by the product of all; keep it constant, or {OURS}"
    )


def numbers(chain: Chain) -> dict[str, Any]:
    """Return the numbers of a chain as torch.optim names them: {'lr': 0.1, 'momentum': 0.9, …}."""
    found = Knobs(chain).values()
    memory = chain.find(first_order.Momentum, first_order.HeavyBall, first_order.Nesterov)
    if memory is not None:
        found["momentum"] = max(memory.beta, ALMOST_0)
        found["nesterov"] = isinstance(memory, first_order.Nesterov)
        found["dampening"] = memory.beta if isinstance(memory, first_order.Momentum) else 0.0
    return found


def twin(chain: Chain) -> type[Optimizer]:
    """Return the class of torch.optim that makes the steps of this chain."""
    return next((TWINS[type(t)] for t in chain.transforms if type(t) in TWINS), SGD)


def start_buffers(optimizer: Optimizer) -> None:
    """Let SGD's momentum start at 0, v₀ = 0: torch would start at the first gradient.

    It makes a difference with dampening, which is how torch writes v ← βv + (1 - β)g.
    """
    if isinstance(optimizer, SGD):
        for group in optimizer.param_groups:
            for p in group["params"]:
                optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)


def by_kind(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Return DTensors and plain tensors apart, as torch's operations on many at once want them."""
    kinds: dict[bool, list[nn.Parameter]] = {}
    for p in parameters:
        kinds.setdefault(isinstance(p, DTensor), []).append(p)
    return list(kinds.values())


def clip(chain: Chain, groups: list[list[nn.Parameter]], norm: Callable[[], Tensor]) -> None:
    """Clip the gradients as the chain says, in place.

    Args:
        chain: with the numbers of this step.
        groups: this rank's parameters.
        norm: returns that of the whole gradient, 0-d.
    """
    for t in chain.transforms:
        if isinstance(t, first_order.ClipByValue):
            for group in groups:
                nn.utils.clip_grad_value_(group, t.threshold)
        elif isinstance(t, first_order.ClipByNorm):
            total = norm() - ADDED_TO_THE_NORM
            for group in groups:
                nn.utils.clip_grads_with_norm_(group, t.threshold, total)
