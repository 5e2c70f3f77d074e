"""What a saved state is made of, and the checks that each part of it passes before any is used.

A state is nested dicts and lists of plain numbers, strings, None and tensors: what
`torch.load(weights_only=True)` reads back. `digest` tells two states apart by a single bit.
"""

import hashlib
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import CourseError
from .errors import shown as brief

MOST = 10**12  # steps, epochs
DEPTH = 20  # a state of ours is some 8 deep,
PARTS = 10_000_000  # and has some hundred parts, five more for every evaluation
LONG = 600  # characters of an error that names a value
REMEDY = "load what Trainer.save wrote or state_dict() gave, as it is"
LAYOUTS = (torch.strided, torch.sparse_coo, torch.sparse_csr)
KINDS: dict[type, Any] = {  # and what becomes one, as numpy's numbers do; True is Integral, too
    bool: (bool, np.bool_), str: str, int: Integral, float: Real, type(None): (),
}  # fmt: skip


def shown(value: object) -> str:
    """`value` in a few words, however large it is."""
    if isinstance(value, Tensor):
        sparse = "" if value.layout == torch.strided else f", {value.layout}"
        return f"a tensor {tuple(value.shape)} of {value.dtype}{sparse}"
    return brief(value)


def refusal(name: str, value: object, allowed: str) -> CourseError:
    return CourseError(f"{name} of the state is {shown(value)}; allowed: {allowed}; {REMEDY}")


@contextmanager
def refusing() -> Iterator[None]:
    """Inside, whatever goes wrong is the state's fault and becomes a `CourseError`."""
    try:
        yield
    except Exception as error:
        words = str(error)
        if isinstance(error, CourseError) and len(words) <= LONG:
            raise
        kind = "" if isinstance(error, CourseError) else f"{type(error).__name__}: "
        words = words if len(words) <= LONG else f"{words[: LONG // 2]} … {words[-LONG // 2 :]}"
        raise CourseError(f"the state does not fit ({kind}{words}); {REMEDY}") from error


# ---- plain values and their digest --------------------------------------------------------------


def plain(value) -> Any:
    """`value` in plain Python types, lists for tuples; tensors are detached, not copied.

    Raises `CourseError` for anything that a file could not bring back, or that is too much.
    """
    return _plain(value, 0, count())


def _plain(value, depth: int, parts: Iterator[int]) -> Any:
    if next(parts) > PARTS or depth > DEPTH:  # a few nested lists may hold each other many times
        raise CourseError(
            f"the state has more than {PARTS} parts or {DEPTH} levels; allowed: fewer; {REMEDY}"
        )
    if type(value) in KINDS:
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise refusal("a dict", value, "names as keys")
        return {str(key): _plain(item, depth + 1, parts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1, parts) for item in value]
    if isinstance(value, Tensor):
        if value.is_meta or value.is_quantized or value.layout not in LAYOUTS:
            raise refusal("a part", value, "tensors that hold their numbers")
        return value.detach()
    for kind, like in KINDS.items():
        if isinstance(value, like):
            return kind(value)
    raise refusal("a part", value, "numbers, strings, None, tensors, lists and dicts of them")


def digest(state) -> str:
    """SHA-256 of a plain state's types, names and bits; a dict's order does not count."""
    made = hashlib.sha256()
    _feed(made, state)
    return made.hexdigest()


def _feed(made, value) -> None:
    # every part says its kind and length first, so that no two states read alike
    if isinstance(value, dict):
        made.update(b"dict %d;" % len(value))
        for name in sorted(value):
            _feed(made, name)
            _feed(made, value[name])
    elif isinstance(value, list):
        made.update(b"list %d;" % len(value))
        for item in value:
            _feed(made, item)
    elif isinstance(value, Tensor):
        made.update(f"{value.dtype} {list(value.shape)} {value.layout};".encode())
        dense = value.cpu().to_dense().resolve_conj().resolve_neg().contiguous()
        made.update(dense.reshape(-1).view(torch.uint8).numpy())
    else:
        content = struct.pack("<d", value) if isinstance(value, float) else _text(value)
        made.update(b"%s %d;" % (type(value).__name__.encode(), len(content)) + content)


def _text(value) -> bytes:
    if type(value) is int:
        return hex(value).encode()  # of any length; str() has a limit
    return str(value).encode("utf-8", "surrogatepass")


# ---- checks; each returns what it allows --------------------------------------------------------


def check_names(name: str, value, names) -> dict:
    """A dict with exactly these names."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise refusal(name, value, f"a dict of exactly {sorted(names)}")
    return value


def check_list(name: str, value, length: int | None = None) -> list:
    if not isinstance(value, list) or length not in (None, len(value)):
        raise refusal(name, value, "a list" if length is None else f"a list of {length}")
    return value


def check_type(name: str, value, kind: type, words: str) -> Any:
    """Exactly this type: True is not taken for a number."""
    if type(value) is not kind:
        raise refusal(name, value, words)
    return value


def check_whole(name: str, value, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise refusal(name, value, f"a whole number in [{low}, {high}]")
    return value


def check_in(name: str, value, low: float, high: float, *, open_low=False, open_high=False):
    """A number in the range, as a float; `open_low` and `open_high` exclude the end itself."""
    left, right = "(" if open_low else "[", ")" if open_high else "]"
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.nan
    at_the_end = (open_low and number == low) or (open_high and number == high)
    if at_the_end or not low <= number <= high:
        raise refusal(name, value, f"a number in {left}{low:g}, {high:g}{right}")
    return number


def check_tensor(name: str, value, like: Tensor) -> Tensor:
    """A tensor of the shape and type of `like`, on any device, with any numbers."""
    if not isinstance(value, Tensor) or shown(value) != shown(like):
        raise refusal(name, value, shown(like))
    return value


def check_same(name: str, value, made) -> None:
    """What was built from `value` describes itself by exactly the same value."""
    if digest(value) != digest(made):
        raise refusal(name, value, shown(made))


def check_random(name: str, value, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator with this state: uint8, as `torch.Generator.get_state` gives it there."""
    generator = torch.Generator(device)
    allowed = f"the state of a random generator on {str(device)!r}"
    check_tensor(name, value, generator.get_state())
    try:
        generator.set_state(value.cpu())
    except RuntimeError:  # numbers that no generator has
        raise refusal(name, value, allowed) from None
    if not torch.equal(generator.get_state(), value.cpu()):
        raise refusal(name, value, allowed)
    return generator
