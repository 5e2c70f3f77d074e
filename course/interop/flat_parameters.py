"""Many parameters, one vector: the flattening that `adopt` and `as_optimizer` share.

    weight (3, 2) ──view──┐                         ┌─ grad: same cut, same order
    bias   (3,)   ──view──┴─► theta (P,), P = 9     ┘

`p.data` and `p.grad` are set to views; the Parameter objects stay, so everything that holds them
(the module, its hooks, another optimiser) goes on working.
"""

from collections.abc import Mapping
from operator import attrgetter, is_

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import CourseError

GRAD = attrgetter("grad")
FSDP = ("_is_flat_param", "_fsdp_flattened")  # what FullyShardedDataParallel marks parameters with


class Flat:
    """Parameters as views of one vector, and their gradients as views of another.

    Args:
        named: {name: parameter}, no parameter twice; values and gradients stay the same.
        others: {name: tensor} that stay where they are, and must not share memory with `named`.

    Attributes:
        theta, grad: (P,), values and gradients.
        names, params: of the parameters, in the order of theta.
        home: {id of a parameter: address of its values in theta}.

    Raises:
        CourseError: naming the parameter that cannot join; nothing has changed then.
    """

    # Vectors from inside inference mode could not serve autograd outside it.
    @torch.inference_mode(False)
    @torch.no_grad()
    def __init__(self, named: Mapping[str, Tensor], others: Mapping[str, Tensor] | None = None):
        check_parameters(named)
        check_overlap(named, others or {})
        self.names, self.params = list(named), list(named.values())
        self.theta = torch.cat([p.reshape(-1) for p in self.params])
        self.grad = torch.zeros_like(self.theta)
        self._values, self._grads = self.views(self.theta), self.views(self.grad)
        self._places = [list(map(Tensor.data_ptr, views)) for views in (self._values, self._grads)]
        self.home = dict(zip(map(id, self.params), self._places[0], strict=True))
        for p, value, grad in zip(self.params, self._values, self._grads, strict=True):
            if p.grad is not None:
                grad.copy_(p.grad.to_dense())
            p.grad = None  # first: a gradient must lie on its parameter's device
            p.data, p.grad = value, grad

    def views(self, flat: Tensor) -> list[Tensor]:
        """Cut a flat (P,) vector into the parameters' shapes, without a copy."""
        parts = flat.split([p.numel() for p in self.params])
        return [part.view(p.shape) for part, p in zip(parts, self.params, strict=True)]

    def named_views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return {parameter name: view of `flat` (P,)}.

        Raises:
            CourseError: for another shape.
        """
        if flat.shape != self.theta.shape:
            raise CourseError(
                f"the vector is {tuple(flat.shape)}; allowed: {tuple(self.theta.shape)}, one "
                "number a trainable parameter; take one shaped like theta"
            )
        return dict(zip(self.names, self.views(flat), strict=True))

    def lies_here(self, p: Tensor) -> bool:
        """Return whether the values of p are those in theta."""
        return self.home.get(id(p)) == p.data_ptr()

    def attach_grads(self) -> None:
        """Make every p.grad a view again, whatever `module.zero_grad()` or others set it to."""
        if not self._grads_lie_here():
            self._grads = self.views(self.grad)
            for p, grad in zip(self.params, self._grads, strict=True):
                p.grad = grad

    def collect_grads(self) -> None:
        """Copy in the gradients that others replaced, as `attach_grads`; None counts as 0.

        `DistributedDataParallel(gradient_as_bucket_view=True)` replaces them in every backward
        pass, by views of its own memory.
        """
        if self._grads_lie_here():
            return
        with torch.no_grad():
            for p, grad in zip(self.params, self.views(self.grad), strict=True):
                grad.zero_() if p.grad is None else grad.copy_(p.grad.to_dense())
        self.attach_grads()

    def _grads_lie_here(self) -> bool:
        """Return whether every p.grad is the view it was, and that view still of `grad`."""
        return (
            all(map(is_, map(GRAD, self.params), self._grads))
            and list(map(Tensor.data_ptr, self._grads)) == self._places[1]
        )

    @torch.no_grad()
    def collect(self) -> None:
        """Copy in the values and gradients that others replaced; a gradient None counts as 0.

        Raises:
            CourseError: for a parameter that has another type, device or shape by now.
        """
        if list(map(Tensor.data_ptr, self.params)) != self._places[0]:
            self._collect_values()
        self.collect_grads()

    def _collect_values(self) -> None:
        for name, p, value in zip(self.names, self.params, self._values, strict=True):
            if not self.lies_here(p):
                if (p.dtype, p.device, p.shape) != (value.dtype, value.device, value.shape):
                    raise CourseError(
                        f"parameter {name!r} is now {tuple(p.shape)}, {p.dtype} on {p.device}; it "
                        f"was {tuple(value.shape)}, {value.dtype} on {value.device}; move the "
                        "module first, then build the optimizer anew"
                    )
                value.copy_(p)
                p.data = value


def check_parameters(named: Mapping[str, Tensor]) -> None:
    """Check that parameters fit into one vector: one type, one device, plain memory.

    Raises:
        CourseError: naming the first that does not fit.
    """
    if not named:
        raise CourseError(
            "0 trainable parameters; at least 1 must have requires_grad; unfreeze some with "
            "parameter.requires_grad_(True)"
        )
    first = next(iter(named.values()))
    for name, p in named.items():
        problem = _problem(p, first)
        if problem:
            raise CourseError(
                f"parameter {name!r} {problem}, or freeze it with requires_grad_(False)"
            )


def _problem(p: Tensor, first: Tensor) -> str | None:
    if is_lazy(p):  # first: a lazy parameter answers no other question
        return "is lazy, it has no shape yet; run one forward first"
    if type(p.data).__name__ == "DTensor" or any(hasattr(p, mark) for mark in FSDP):
        return (
            "is sharded over processes (by fully_shard or FullyShardedDataParallel?); only whole "
            "parameters fit; use DistributedDataParallel instead"
        )
    if p.layout != torch.strided or type(p.data) is not Tensor:
        return f"is {p.layout}, a {type(p.data).__name__}; only dense tensors fit; use .to_dense()"
    if not p.is_floating_point():
        return f"is {p.dtype}; only floating-point types fit; convert it"
    if p.is_meta:
        return "lies on the device 'meta' and has no values; use module.to_empty('cpu') and fill it"
    if p.is_inference():
        return "was made under torch.inference_mode, without autograd; build the module outside it"
    if p.dtype != first.dtype:
        return f"is {p.dtype}, others are {first.dtype}; one type fits; convert the module"
    if p.device != first.device:
        return f"is on {p.device}, others are on {first.device}; one device fits; move the module"
    return None


def check_overlap(named: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> None:
    """Check that every parameter has memory of its own.

    Two views of one memory would come apart when one of them moves into theta.

    Args:
        named: {name: parameter} to move into theta.
        others: {name: tensor} that stay; they may share memory among themselves.

    Raises:
        CourseError: naming a parameter and what it overlaps with.
    """
    spans = []  # (device, first byte, end, name, is it a parameter?)
    for name, t in (*named.items(), *others.items()):
        if is_lazy(t):
            raise CourseError(f"{name!r} {_problem(t, t)}")
        if t.layout != torch.strided or not t.numel():
            continue
        length = 1 + sum((n - 1) * step for n, step in zip(t.shape, t.stride(), strict=True))
        if name in named and length < t.numel():
            raise _overlap(name, "itself (an expanded tensor?)")
        start = t.data_ptr()
        spans.append((str(t.device), start, start + length * t.itemsize, name, name in named))
    ends = {True: ("", 0, ""), False: ("", 0, "")}  # the farthest end so far, of each sort
    for device, start, end, name, trainable in sorted(spans):
        for sort in (True, False) if trainable else (True,):  # frozen ones may share among them
            before, until, other = ends[sort]
            if (before, until) > (device, start):
                raise _overlap(name, repr(other))
        ends[trainable] = max(ends[trainable], (device, end, name))


def _overlap(name: str, other: str) -> CourseError:
    return CourseError(
        f"{name!r} lies in the same memory as {other}; each parameter needs its own; to tie two, "
        "use one Parameter object twice, else .clone() one"
    )


def flatten(module: nn.Module, autocast) -> Flat:
    """Make the trainable parameters of a module views of one vector; the others stay apart.

    Args:
        module: what to flatten, in place.
        autocast: whether forward will run in another type, which takes float32 weights only.

    Raises:
        CourseError: naming the parameter that cannot join; nothing has changed then.
    """
    parameters = dict(module.named_parameters())
    named = {name: p for name, p in parameters.items() if p.requires_grad}
    others: dict[str, Tensor] = dict(module.named_buffers())
    others |= {name: p for name, p in parameters.items() if not p.requires_grad}
    for name, p in named.items():
        if autocast and p.dtype != torch.float32:
            raise CourseError(
                f"parameter {name!r} is {p.dtype}; autocast takes torch.float32 only; convert the "
                "module with .float(), or leave autocast out"
            )
    return Flat(named, others)
