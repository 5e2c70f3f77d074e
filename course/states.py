"""What a saved state is made of, and the checks that each part of it passes before any is used.

A state is nested dicts and lists of plain numbers, strings, None and tensors: what
`torch.load(weights_only=True)` reads back. `digest` tells two states apart by a single bit.

The checks are stricter than those of `course.errors`, on which they stand: True and a 0-d tensor
are not numbers here, for a state must come back as exactly what it was.
"""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import CourseError, check_count, check_number, shown

MOST = 10**12  # steps, epochs
DEPTH = 20  # a state of ours is some 8 deep,
PARTS = 10_000_000  # and has some hundred parts, five more for every evaluation
LONG = 600  # characters of an error that names a value
REMEDY = "load what Trainer.save wrote or state_dict() gave, as it is"
LAYOUTS = (torch.strided, torch.sparse_coo, torch.sparse_csr)
KINDS: dict[type, Any] = {  # and what becomes one, as numpy's numbers do; True is Integral, too
    bool: (bool, np.bool_), str: str, int: Integral, float: Real, type(None): (),
}  # fmt: skip


def shown_part(value: object) -> str:
    """Return a part of a state in a few words: of a tensor its shape and type, not its numbers."""
    if isinstance(value, Tensor):
        sparse = "" if value.layout == torch.strided else f", {value.layout}"
        return f"a tensor {tuple(value.shape)} of {value.dtype}{sparse}"
    return shown(value)


def refusal(name: str, value: object, allowed: str) -> CourseError:
    """Return the error that says why a part of a state cannot be loaded.

    Args:
        name: of the part, as 'theta'.
        value: what the state has there.
        allowed: what may be there, in words.
    """
    return CourseError(f"{name} of the state is {shown_part(value)}; allowed: {allowed}; {REMEDY}")


@contextmanager
def refusing() -> Iterator[None]:
    """Turn every error inside the block into a `CourseError` of a few hundred characters.

    Whatever goes wrong there is the fault of the state that is being checked.
    """
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


def plain_state(value) -> Any:
    """Return a state in plain Python types, lists for tuples; tensors are detached, not copied.

    Raises:
        CourseError: for a part that a file could not bring back, and for too many of them.
    """
    return _plain_part(value, 0, count())


def _plain_part(value, depth: int, parts: Iterator[int]) -> Any:
    if next(parts) > PARTS or depth > DEPTH:  # a few nested lists may hold each other many times
        raise CourseError(
            f"the state has more than {PARTS} parts or {DEPTH} levels; allowed: fewer; {REMEDY}"
        )
    if type(value) in KINDS:
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise refusal("a dict", value, "names as keys")
        return {str(key): _plain_part(item, depth + 1, parts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_part(item, depth + 1, parts) for item in value]
    if isinstance(value, Tensor):
        if value.is_meta or value.is_quantized or value.layout not in LAYOUTS:
            raise refusal("a part", value, "tensors that hold their numbers")
        return value.detach()
    for kind, like in KINDS.items():
        if isinstance(value, like):
            return kind(value)
    raise refusal("a part", value, "numbers, strings, None, tensors, lists and dicts of them")


def digest(state) -> str:
    """Return the SHA-256 of a plain state's types, names and bits; a dict's order does not count.

    Args:
        state: as `plain_state` gives it.
    """
    sha = hashlib.sha256()
    _feed(sha, state)
    return sha.hexdigest()


def _feed(sha, value) -> None:
    # every part says its kind and length first, so that no two states read alike
    if isinstance(value, dict):
        sha.update(b"dict %d;" % len(value))
        for name in sorted(value):
            _feed(sha, name)
            _feed(sha, value[name])
    elif isinstance(value, list):
        sha.update(b"list %d;" % len(value))
        for item in value:
            _feed(sha, item)
    elif isinstance(value, Tensor):
        sha.update(f"{value.dtype} {list(value.shape)} {value.layout};".encode())
        dense = value.cpu().to_dense().resolve_conj().resolve_neg().contiguous()
        sha.update(dense.reshape(-1).view(torch.uint8).numpy())
    else:
        content = struct.pack("<d", value) if isinstance(value, float) else _text(value)
        sha.update(b"%s %d;" % (type(value).__name__.encode(), len(content)) + content)


def _text(value) -> bytes:
    if type(value) is int:
        return hex(value).encode()  # of any length; str() has a limit
    return str(value).encode("utf-8", "surrogatepass")


# ---- checks: each returns what it allows, or raises a refusal -----------------------------------


def check_names(name: str, value, names) -> dict:
    """Return a dict with exactly these names."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise refusal(name, value, f"a dict of exactly {sorted(names)}")
    return value


def check_list(name: str, value, length: int | None = None) -> list:
    """Return a list, of this length if one is given."""
    if not isinstance(value, list) or length not in (None, len(value)):
        raise refusal(name, value, "a list" if length is None else f"a list of {length}")
    return value


def check_type(name: str, value, kind: type, words: str) -> Any:
    """Return a value of exactly this type: True is not taken for a number."""
    if type(value) is not kind:
        raise refusal(name, value, words)
    return value


def check_whole(name: str, value, low: int, high: int) -> int:
    """Return an int in [low, high]."""
    check_type(name, value, int, f"a whole number in [{low}, {high}]")
    return check_count(f"{name} of the state", value, low, high, REMEDY)


def check_in(name: str, value, low: float, high: float, *, open_low=False, open_high=False):
    """Return an int or float in the range, as a float; see `course.errors.check_number`."""
    if type(value) not in (int, float):
        raise refusal(name, value, f"a number from {low:g} to {high:g}")
    ends = {"open_low": open_low, "open_high": open_high}
    return check_number(f"{name} of the state", value, low, high, REMEDY, **ends)


def check_tensor(name: str, value, like: Tensor) -> Tensor:
    """Return a tensor of the shape and type of `like`, on any device, with any numbers."""
    if not isinstance(value, Tensor) or shown_part(value) != shown_part(like):
        raise refusal(name, value, shown_part(like))
    return value


def check_same(name: str, value, description) -> None:
    """Raise `CourseError` unless what was built from `value` describes itself by the same value."""
    if digest(value) != digest(description):
        raise refusal(name, value, shown_part(description))


def check_random(name: str, value, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator on `device` with this state.

    Args:
        name: of the part.
        value: (bytes,) uint8, as `torch.Generator.get_state` gives it on that device.
        device: where the generator is to draw.
    """
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
