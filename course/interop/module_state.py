"""What an `nn.Module` needs besides flat weights to be trained as the hand-written network is.

A loss that does not broadcast. A random state: a forward may draw numbers (dropout) from torch's
one global generator, and two trainers that take turns must not draw from each other's. Looking
without touching: a forward may move buffers (BatchNorm's averages); an instrument must not. And a
state to save: buffers and random numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parallel import DistributedDataParallel

from ..errors import CourseError, check_choice
from ..nn.losses import LOSSES, build_loss
from ..states import check_random, check_tensor, check_type, plain_state


class MeanLoss:
    """A mean loss, by name or any function; those by name refuse shapes that would broadcast.

    Args:
        loss: 'cross_entropy', 'mse', 'bce' (of logits), or a function (outputs, y) → 0-d mean.

    Raises:
        CourseError: for an unknown name.
    """

    def __init__(self, loss):
        if not callable(loss):
            check_choice("loss", loss, tuple(LOSSES), "or a function (outputs, y) → 0-d tensor")
        self.given, self.kind, self.name = loss, loss, loss
        self.function: Callable = loss if callable(loss) else build_loss(loss).torch_function
        if callable(loss):
            self.kind, self.name = "own", getattr(loss, "__qualname__", type(loss).__name__)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return answers in the type that this loss takes, on the device of `like`."""
        if self.kind == "cross_entropy":
            return y.to(like.device, torch.long)
        if self.kind in ("mse", "bce") or y.is_floating_point():
            return y.to(like.device, like.dtype)
        return y.to(like.device)

    def __call__(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean over the rows, 0-d.

        Args:
            outputs: (N, C), of the module.
            y: encoded answers.

        Raises:
            CourseError: for shapes that would broadcast, and a function that returns no 0-d tensor.
        """
        if self.kind in ("mse", "bce") and outputs.shape != y.shape:
            raise CourseError(
                f"loss {self.name!r} got outputs {tuple(outputs.shape)} and y {tuple(y.shape)}; "
                "allowed: equal shapes, else they would broadcast; reshape y, as in y[:, None]"
            )
        value = self.function(outputs, y)
        if not isinstance(value, Tensor) or value.ndim:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise CourseError(
                f"loss {self.name!r} returned {got}; allowed: a 0-d tensor; take .mean()"
            )
        return value

    def value(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of output rows (N, C) against answers as the data has them."""
        return self(outputs, self.encode(y, outputs))


def draws_numbers(module: nn.Module) -> bool:
    """Return whether this one module (not its children) looks as if it had dropout."""
    rate = getattr(module, "dropout", 0)
    return "Dropout" in type(module).__name__ or (isinstance(rate, int | float) and rate > 0)


def outputs_of(module: nn.Module, X: Tensor) -> Tensor:
    """Return what the module gives for rows X; raise `CourseError` unless it is one tensor."""
    outputs = module(X)
    if not isinstance(outputs, Tensor):
        raise CourseError(
            f"the module returned a {type(outputs).__name__}; allowed: one tensor, a row a "
            "sample; wrap it in a module that picks the tensor"
        )
    return outputs


def training_outputs(module: nn.Module, X: Tensor) -> Tensor:
    """Return the same in train mode, in which the module stays."""
    if not all(m.training for m in module.modules()):
        module.train()
    return outputs_of(module, X)


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module without `DistributedDataParallel`: its forwards wait for all processes."""
    return module.module if isinstance(module, DistributedDataParallel) else module


def one_process(module: nn.Module) -> nn.Module:
    """Return the module, `unwrapped`; raise `CourseError` for rows on several processes."""
    size = module.process_group.size() if isinstance(module, DistributedDataParallel) else 1
    if size > 1:
        raise CourseError(
            f"the curvature of a loss over {size} processes' rows; allowed: 1, for a process sees "
            "only its own rows; use a chain without curvature, or adopt the module in one process"
        )
    return unwrapped(module)


class RandomState:
    """A random state of a model's own, lent to torch's global generators for a while.

    Args:
        seed: starts it.

    Attributes:
        states: {'cpu': …, 'cuda': …}, as `torch.get_rng_state` gives them.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.states: dict[str, Tensor] = {}
        self._start("cpu")

    def _start(self, kind: str) -> None:
        if kind not in self.states:
            self.states[kind] = torch.Generator(kind).manual_seed(self.seed).get_state()

    @contextmanager
    def used(self, device: torch.device, keep: bool = True) -> Iterator[None]:
        """Let torch draw from here inside the block, and afterwards from where it did before.

        Args:
            device: of the model.
            keep: whether this state has moved on then; after an error it has not.
        """
        on_cuda = device.type == "cuda"
        with torch.random.fork_rng(devices=[device] if on_cuda else []):
            torch.set_rng_state(self.states["cpu"])
            if on_cuda:
                self._start("cuda")
                torch.cuda.set_rng_state(self.states["cuda"], device)
            yield
            if keep:
                self.states["cpu"] = torch.get_rng_state()
                if on_cuda:
                    self.states["cuda"] = torch.cuda.get_rng_state(device)


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Let the module change its mode and copies of its buffers inside; then put back its own."""
    modes = [(m, m.training) for m in module.modules()]
    buffers = [(m, name, b) for m, _ in modes for name, b in m._buffers.items() if b is not None]
    # Batch norm writes without moving the version counter, so who wrote cannot be told afterwards.
    copies = {id(b): b.clone() for _, _, b in buffers}
    try:
        for m, name, b in buffers:
            m._buffers[name] = copies[id(b)]
        yield
    finally:
        for m, training in modes:
            m.training = training
        for m, name, b in buffers:
            m._buffers[name] = b


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Use the plain forms of attention and RNNs: the fused ones have no second derivative."""
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield


# ---- saving -------------------------------------------------------------------------------------


def saved_state(module: nn.Module, random: RandomState) -> dict[str, Tensor]:
    """Return copies of a module's buffers and of its random state.

    Frozen parameters do not change in training: the module brings them along.
    """
    buffers = {f"buffer.{name}": b for name, b in module.named_buffers()}
    states = {f"random.{kind}": s for kind, s in random.states.items()}
    return {k: t.detach().clone() for k, t in (buffers | states).items()}


@torch.no_grad()
def check_saved_state(module: nn.Module, random: RandomState, state: dict[str, Tensor]) -> None:
    """Raise `CourseError` for a state that is not one of this module."""
    own = saved_state(module, random)
    state = check_type("the module's part", plain_state(state), dict, "a dict of tensors")
    for k in sorted((own.keys() ^ state.keys()) - {"random.cuda"}):
        raise CourseError(
            f"the state {'lacks' if k in own else 'has an unknown'} {k!r}; allowed: "
            f"{sorted(own)}; load one saved from the same module"
        )
    for k, t in state.items():
        if k == "random.cuda" and not torch.cuda.is_available():
            check_tensor(repr(k), t, torch.empty(16, dtype=torch.uint8))  # for a machine with CUDA
        elif k.startswith("random."):
            check_random(repr(k), t, k.removeprefix("random."))
        else:
            check_tensor(repr(k), t, own[k])


@torch.no_grad()
def load_saved_state(module: nn.Module, random: RandomState, state: dict[str, Tensor]) -> None:
    """Copy in a state that `check_saved_state` has let pass."""
    for name, b in module.named_buffers():
        b.copy_(state[f"buffer.{name}"])
    states = {k: t for k, t in state.items() if k.startswith("random.")}
    random.states = {k.removeprefix("random."): t.cpu().clone() for k, t in states.items()}
