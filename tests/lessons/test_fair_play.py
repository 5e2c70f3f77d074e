"""No answer reads its judge, or replaces what the judge computes with."""

import builtins
import functools
import gc
import inspect
import math
import sys

import numpy as np
import pytest
import torch

from course import Exercise
from course.lessons import exercises
from course.lessons.checking import near, same
from course.lessons.exercises import forward
from course.lessons.fair_play import TOOLS, looks_inside, tools_kept


def judge_double(answer):
    x = torch.arange(3.0) + 1
    right = 2 * x
    return None if same(answer(x.clone()), right) else "Not the double."


def ask(answer):
    exercise = Exercise("Exercise", judge_double)
    return exercise.check(answer)


def test_a_first_optimiser_replaces_nothing():
    """PyTorch wraps `torch.manual_seed` when its first optimiser is made in a process."""
    here = torch.manual_seed
    with tools_kept() as replaced:
        torch.manual_seed = torch._dynamo.disable(here)
    try:
        assert replaced == [] and torch.manual_seed is not here
    finally:
        torch.manual_seed = here

    def wraps(seed):
        return here(0)

    wraps.__wrapped__ = here
    with tools_kept() as replaced:
        torch.manual_seed = wraps
    assert replaced == ["torch.manual_seed"] and torch.manual_seed is here


# ---- looking -----------------------------------------------------------------------------------


def by_frame(x):
    return sys._getframe(3).f_locals["right"]


def by_stack(x):
    return next(f.frame.f_locals["right"] for f in inspect.stack() if "right" in f.frame.f_locals)


def by_caller(x):
    frame = inspect.currentframe()
    while "right" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["right"]


def by_name(x):
    """Names the attribute in a text."""
    frame = sys.exc_info()[2]
    return getattr(frame, "tb_frame")  # noqa: B009


def by_memory(x):
    return next(part for part in gc.get_objects() if torch.is_tensor(part) and len(part) == 3)


def by_import(x):
    from course.lessons.exercises.forward import run

    return run(x, [])


def helper(x):
    return sys._getframe(4).f_locals["right"]


def by_helper(x):
    return helper(x)


def by_closure():
    def inner(x):
        return sys._getframe(4).f_locals["right"]

    return lambda x: inner(x)


class Thing:
    def __call__(self, x):
        return sys._getframe(3).f_locals["right"]


@pytest.mark.parametrize(
    "answer",
    [by_frame, by_stack, by_caller, by_name, by_memory, by_import, by_helper, by_closure(), Thing(),
     forward.run, lambda x: forward.run(x, []), lambda x: exercises.forward.run(x, [])],
)  # fmt: skip
def test_an_answer_that_looks_into_its_judge_is_not_asked(answer, capsys):
    assert not ask(answer)
    assert "which belongs to the judge" in capsys.readouterr().out


def doubled(x):
    return x + x


def with_a_default(x, factor=2):
    return factor * x


def recursive(x, times=1):
    return x if times == 0 else 2 * recursive(x, times - 1)


def uses_a_chapter(x):
    """A helper of a chapter may use the module of the exercises."""
    return doubled(x) if True else reads_exercises()


def reads_exercises():
    return forward.network([2, 2], 1)


def nested():
    def inner(x):
        return inner2(x)

    def inner2(x):
        return 2 * x

    return inner


@pytest.mark.parametrize(
    "answer",
    [lambda x: 2 * x, doubled, with_a_default, recursive, uses_a_chapter, nested(),
     functools.partial(torch.mul, torch.tensor(2.0)), torch.nn.Upsample, str.upper, len],
)  # fmt: skip
def test_an_honest_answer_looks_nowhere(answer):
    assert looks_inside(answer) is None


def test_an_honest_answer_is_asked():
    assert ask(doubled) and ask(nested()) and not ask(str.upper)


# ---- replacing ---------------------------------------------------------------------------------

PLACES = [
    (torch, "allclose"), (torch, "equal"), (torch.Tensor, "clone"), (torch.Tensor, "sum"),
    (torch.Tensor, "__mul__"), (torch.linalg, "eigvalsh"), (np, "mean"), (math, "isclose"),
    (builtins, "all"), (builtins, "float"),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "name"), PLACES, ids=lambda x: x if isinstance(x, str) else "")
def test_what_an_answer_replaces_is_put_back_and_the_answer_is_wrong(tool, name, capsys):
    assert tool in TOOLS
    own, before = name in vars(tool), getattr(tool, name)

    def answer(x):
        setattr(tool, name, lambda *args, **kwargs: True)
        return 2 * x

    assert not ask(answer)
    assert getattr(tool, name) is before or getattr(tool, name) == before
    assert (name in vars(tool)) == own
    said = capsys.readouterr().out
    assert f"{name}, which was put back" in said


def test_it_is_put_back_after_an_error_too():
    before = torch.allclose
    with pytest.raises(ZeroDivisionError), tools_kept() as replaced:
        torch.allclose = None
        1 / 0  # noqa: B018
    assert torch.allclose is before and replaced == ["torch.allclose"]


def test_an_import_replaces_nothing():
    with tools_kept() as replaced:
        import torch.onnx
        import torch.sparse  # noqa: F401
    assert not replaced


# ---- numbers that lie --------------------------------------------------------------------------


class Yes(torch.Tensor):
    """Equal to whatever it is compared with."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is torch.allclose:
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


@pytest.mark.parametrize(
    "answer",
    [lambda x: x.as_subclass(Yes), lambda x: 2 * x + 1j, lambda x: (2 * x).int(),
     lambda x: x * math.nan, lambda x: (2 * x).bool(), lambda x: (2 * x)[None]],
)  # fmt: skip
def test_what_is_no_plain_tensor_of_real_numbers_is_not_the_same(answer):
    assert not ask(answer)


def test_numbers_are_the_same_to_the_rounding_of_float32():
    b = 1000 * torch.randn(50, dtype=torch.float64)
    assert same(b.float(), b) and same((b + 3e-4).float(), b) and not same(b + 0.3, b)
    assert same(torch.zeros(0), torch.zeros(0)) and not same(b, b * math.nan)
    assert not same(b, b * math.inf)
    assert near(1.0004, 1) and not near(math.nan, 1) and not near(math.inf, 1)
