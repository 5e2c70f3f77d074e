"""What no answer may do: look into its judge, or replace what the judge computes with."""

import builtins
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numpy as np
import torch

LESSONS = "course.lessons"  # judges, and the results they compare with
LOOKS = {
    "_getframe", "_current_frames", "currentframe", "f_back", "f_locals", "f_globals", "tb_frame",
    "get_objects", "get_referrers", "get_referents", "__closure__", "cell_contents", "__self__",
    "__globals__", "__defaults__", "__kwdefaults__",
}  # fmt: skip
TOOLS = torch, torch.linalg, torch.Tensor, np, math, builtins


def looks_inside(function: Callable) -> str | None:
    """Return the name by which an answer, or a helper of it, looks into its judge; None: by none.

    Args:
        function: the answer. Its code is read, not run.
    """
    waiting: list = [function]
    seen: set[int] = set()
    while waiting:
        made = waiting.pop()
        if not isinstance(made, FunctionType):
            made = vars(type(made)).get("__call__")
        if not isinstance(made, FunctionType) or id(made) in seen:
            continue
        seen.add(id(made))
        if _is_ours(made):
            return made.__name__
        for name in _names(made.__code__):
            value = made.__globals__.get(name)
            if name in LOOKS or name.startswith(LESSONS) or (made is function and _is_ours(value)):
                return name
            if isinstance(value, FunctionType) and value.__module__ == made.__module__:
                waiting.append(value)
        waiting += _enclosed(made)
    return None


def _enclosed(function: FunctionType) -> list[FunctionType]:
    """Return the functions that a function has from the one around it."""
    found = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # the cell is empty
            found.append(cell.cell_contents)
    return [value for value in found if isinstance(value, FunctionType)]


def _is_ours(value) -> bool:
    """Tell if a function, or a module, is one of the exercises' own."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).startswith((f"{LESSONS}.exercises", f"{LESSONS}.puzzles"))


def _names(code: CodeType) -> Iterator[str]:
    """Return the names and the texts in a function's code, with the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _names(constant)


@contextmanager
def tools_kept() -> Iterator[list[str]]:
    """Put back what an answer replaces of PyTorch, NumPy, math or the built-in functions.

    Yields:
        A list. At the end it holds the names of what had been replaced.
    """
    before = [(tool, _functions(tool)) for tool in TOOLS]
    replaced: list[str] = []
    try:
        yield replaced
    finally:
        for tool, functions in before:
            for name, function in functions.items():
                now = vars(tool).get(name)
                if now is not function and not _is_wrapped(now, function):
                    replaced.append(f"{tool.__name__}.{name}")
                    _put_back(tool, name, function)


def _functions(tool) -> dict[str, object]:
    """Return the functions of a module; of a class, None for those that it inherits."""
    if isinstance(tool, type):
        return {name: vars(tool).get(name) for name in dir(tool)}
    return {name: value for name, value in vars(tool).items() if callable(value)}


def _is_wrapped(now, before) -> bool:
    """Tell if PyTorch itself has wrapped a function, as its first optimiser does `manual_seed`."""
    code = getattr(now, "__code__", None)
    inside = code is not None and Path(code.co_filename).is_relative_to(Path(torch.__file__).parent)
    return inside and getattr(now, "__wrapped__", None) is before


def _put_back(tool, name: str, function) -> None:
    if function is None:
        delattr(tool, name)
    else:
        setattr(tool, name, function)
