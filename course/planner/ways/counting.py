"""Count the bytes that live while PyTorch works, by kind, on any device.

A mode of PyTorch sees every operation that makes a tensor. It remembers the memory under each
tensor until that is freed, and keeps what was there at the worst moment. A piece of memory has one
kind:

    weights        between steps, on this rank
    gathered       whole weights that a rank has for a while, messages, 16-bit copies of weights
    gradients      by the weights
    optimiser      what the optimiser keeps from step to step
    activations    made on the way up, or made again: what backward needs, and the logits
    other          made on the way down: gradients by activations, and numbers in passing
    host           not on the device: offloaded

Scratch memory inside one operation is not seen; `torch.cuda.max_memory_allocated` counts it too.
"""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

KINDS = ("weights", "gathered", "gradients", "optimiser", "activations", "other")
COMMUNICATION = ("fsdp", "c10d", "_c10d_functional")  # operations that gather weights


class ByteCounter(TorchDispatchMode):
    """Follows memory while it is entered.

        with ByteCounter() as counter:
            step()
        print(counter.peak)

    Attributes:
        peak: bytes by kind on the device at the worst moment since `reset`.
        host_peak: the most bytes that lay on the host.
        history: bytes on the device after each operation since `reset`.
    """

    def __init__(self):
        super().__init__()
        self.live: dict[int, weakref.ref] = {}  # number of a piece of memory: where it is
        self.numbers: dict[int, int] = {}  # address of the storage object: its number
        self.kinds: dict[int, str] = {}
        self.born_on_host = False
        self.made = 0
        self.reset()

    def reset(self) -> None:
        """Forget the worst moment."""
        self._most, self.host_peak = -1, 0
        self._worst: dict[int, int] = {}
        self.history: list[int] = []

    @property
    def peak(self) -> dict[str, int]:
        """Bytes on the device at the worst moment, by kind."""
        found = dict.fromkeys(KINDS, 0)
        for number, n_bytes in self._worst.items():
            found[self.kinds[number]] += n_bytes
        return found

    def mark(self, kind: str, tensors: Iterable[Any]) -> None:
        """Say of which kind these tensors' memory is, now and at the worst moment before."""
        for tensor in tensors:
            self.kinds[self._see(tensor, kind)] = kind

    @contextmanager
    def on_host(self) -> Iterator[None]:
        """Count what is made meanwhile as memory of the host, where both are one device."""
        before, self.born_on_host = self.born_on_host, True
        try:
            yield
        finally:
            self.born_on_host = before

    def look(self) -> None:
        """Measure now."""
        on_device, on_host = {}, 0
        for number, place in list(self.live.items()):
            storage = place()
            if storage is None:
                continue
            if self.kinds[number] == "host":
                on_host += storage.nbytes()
            else:
                on_device[number] = storage.nbytes()
        total = sum(on_device.values())
        self.history.append(total)
        self.host_peak = max(self.host_peak, on_host)
        if total > self._most:
            self._most, self._worst = total, on_device

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        kind = self._kind(func, args)
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._see(tensor, kind)
        if func.namespace in COMMUNICATION:
            self._sent(tree_leaves((args, kwargs)))
        self.look()
        return out

    def _kind(self, func: Any, args: tuple) -> str:
        """Return what an operation makes, until somebody marks it otherwise."""
        if self.born_on_host:
            return "host"
        if func is torch.ops.aten._to_copy.default:  # autocast: a weight in 16 bits
            number = self.numbers.get(args[0].untyped_storage()._cdata)
            if number is not None and self.kinds[number] == "weights":
                return "gathered"
        return "activations" if torch.is_grad_enabled() else "other"

    def _sent(self, leaves: list[Any]) -> None:
        """Call what a message is made of, or goes to, so; what belongs elsewhere stays there."""
        for tensor in leaves:
            if isinstance(tensor, Tensor):
                number = self._see(tensor, "gathered")
                if self.kinds[number] in ("activations", "other"):
                    self.kinds[number] = "gathered"

    def _see(self, tensor: Tensor, kind: str) -> int:
        """Remember the memory of a tensor, or of the part of it that is here; return its number."""
        if isinstance(tensor, DTensor):
            tensor = tensor.to_local()
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address not in self.numbers:
            self.made += 1
            self.numbers[address], self.live[self.made] = self.made, weakref.ref(storage)
            self.kinds[self.made] = kind
            weakref.finalize(storage, self._forget, address, self.made)
        return self.numbers[address]

    def _forget(self, address: int, number: int) -> None:
        self.numbers.pop(address, None)
        self.live.pop(number, None)
