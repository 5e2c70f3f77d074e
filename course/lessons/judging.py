"""What a judge needs: a learner's function called with care, and numbers to try it on.

A judge is handed an `Attempt`, which is called as the answer itself: no judge needs to guard inputs
or time. One that tries two draws of unrelated numbers, of other sizes:

    def judge_step(answer):
        return on_probes(lambda draw: judge_one_step(answer, draw))

    def judge_one_step(answer, draw):
        lr, beta = draw.numbers((0.01, 0.5), (0.6, 0.95))
        (n,) = draw.sizes(1)
        g = draw.normal(n)
        got = answer(g.clone(), lr, beta)
"""

import inspect
import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..errors import CourseError, shown
from ..training.replay import threads
from .fair_play import looks_inside, tools_kept
from .time_limit import TimeIsOver, limited

T = TypeVar("T")
SECONDS = 5.0  # that an answer may take in all; a right one takes a small part of it
ANOTHER = "Right for the first numbers, not for others: is a number or a size fixed? "


# ---- calling an answer ----------------------------------------------------------------------


def judged(judge: Callable[..., str | None], answer) -> str | None:
    """Return what a judge says of an answer; None if it is right.

    Args:
        judge: called as judge(answer), of a function as judge(`Attempt`).
        answer: the learner's.
    """
    attempt = Attempt(answer) if callable(answer) else None
    if attempt and (name := looks_inside(answer)):
        return f"It uses `{name}`, which belongs to the judge. Compute from what it is handed."
    replaced: list[str] = []
    try:
        with tools_kept() as replaced, quiet_torch():
            wrong = judge(attempt or answer)
    except TimeIsOver:
        return (
            f"your answer was still running after {SECONDS:g} s, so it was stopped: does every "
            "loop end?"
        )
    except (Exception, SystemExit) as error:  # the learner's own code failed: say so, go on
        return f"your answer raised {type(error).__name__}: {error}"
    if replaced:
        return f"It replaced {replaced[0]}, which was put back. Give yours a name of its own."
    if wrong is None and attempt and attempt.changed:
        return (
            f"The function changed the {attempt.changed} it was handed. Make new values, as in "
            "w = w - step, instead of w -= step."
        )
    return wrong


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Let a judge use one thread and random numbers that always start alike; then undo both."""
    with threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def on_ranks(answer: Callable, run: Callable[[], T]) -> T:
    """Return run(), in which ranks that take turns call the answer of a judge.

    An `Attempt` gets one limit for all of it: limits must nest, and calls that take turns do not.
    """
    return answer.on_ranks(run) if isinstance(answer, Attempt) else run()


class Attempt:
    """A learner's function as its judge calls it: for a limited time, and watched.

    Args:
        function: the answer.

    Attributes:
        left: the seconds that further calls together may take.
        changed: the name of the first input that a call changed; None: all are as they were.
    """

    def __init__(self, function: Callable):
        self.function = function
        self.left = SECONDS
        self.changed: str | None = None
        self._is_limited = False

    def __call__(self, *inputs):
        """Return function(*inputs). Raise `TimeIsOver` when the time is over."""
        before = copied(inputs)
        try:
            return self._timed(lambda: self.function(*inputs))
        finally:
            for place, (old, new) in enumerate(zip(before, inputs, strict=True)):
                if self.changed is None and not is_same(old, new):
                    self.changed = self._name(place)

    def on_ranks(self, run: Callable[[], T]) -> T:
        """Return run(), in which ranks call this, all of it within one limit."""

        def whole() -> T:
            self._is_limited = True
            try:
                return run()
            finally:
                self._is_limited = False

        return self._timed(whole)

    def _timed(self, function: Callable[[], T]) -> T:
        if self._is_limited:
            return function()
        began = time.monotonic()
        try:
            return limited(function, self.left)
        finally:
            self.left -= time.monotonic() - began

    def _name(self, place: int) -> str:
        """Return the learner's own name of an input; "input 2" where it has none."""
        try:
            found = list(inspect.signature(self.function).parameters.values())[place]
        except (TypeError, ValueError, IndexError):
            return f"input {place + 1}"
        return f"input {place + 1}" if found.kind is found.VAR_POSITIONAL else found.name


def copied(value):
    """Return a copy of tensors and arrays, also in lists, tuples and dicts; else the same."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return [copied(part) for part in value]
    return {k: copied(v) for k, v in value.items()} if isinstance(value, dict) else value


def is_same(old, new) -> bool:
    """Tell if a value is still what `copied` returned for it; NaN is the same as NaN."""
    if isinstance(old, Tensor | np.ndarray):
        if old.shape != new.shape or old.dtype != new.dtype:
            return False
        return bool(((old == new) | ((old != old) & (new != new))).all())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(is_same, old, new))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(is_same(old[k], new[k]) for k in old)
    return old is new


# ---- numbers to try it on -------------------------------------------------------------------


class Draw:
    """Random numbers and sizes for one trial of an answer; each seed draws others.

    Args:
        seed: of all that it draws; None: a new one, which no answer can know.
        square: whether all sizes are equal: then no wrong product complains, and its numbers tell
            which mistake it was.
    """

    def __init__(self, seed: int | None = None, square: bool = False):
        self.generator = torch.Generator().manual_seed(new_seed() if seed is None else seed)
        self.square = square

    def seed(self) -> int:
        """Return a seed for something else."""
        return int(torch.randint(2**40, (), generator=self.generator))

    def normal(self, *shape: int, dtype=torch.float64) -> Tensor:
        """Return normal numbers of a shape."""
        return torch.randn(*shape, generator=self.generator, dtype=dtype)

    def size(self) -> int:
        """Return one size."""
        return self.sizes(1)[0]

    def sizes(self, count: int, low: int | None = None, high: int | None = None) -> list[int]:
        """Return so many sizes from low to high: all equal if `square`, else all different.

        Args:
            count: how many.
            low, high: without them 3 to 5 if `square`, else 6 to 9: no size fits both.
        """
        if low is None or high is None:
            low, high = (3, 5) if self.square else (6, 9)
        order = torch.randperm(high - low + 1, generator=self.generator) + low
        if self.square:
            return order[:1].tolist() * count
        if count > len(order):
            raise CourseError(f"count = {count}; allowed: up to {len(order)} different sizes")
        return order[:count].tolist()

    def numbers(self, *ranges: tuple[float, float]) -> list[float]:
        """Return a number of each range, to three digits, none related to another.

        So a formula that takes 1 - β for α, say, does not pass.

        Raises:
            CourseError: for ranges that have no such numbers.
        """
        for _ in range(1000):
            found = []
            for low, high in ranges:
                share = float(torch.rand((), generator=self.generator))
                found.append(float(f"{low + share * (high - low):.3g}"))
            if not any(related(a, b) for a, b in combinations([1.0, *found], 2)):
                return found
        raise CourseError(f"ranges = {shown(ranges)} have no unrelated numbers; make them wider")


def related(a: float, b: float) -> bool:
    """Tell if b is nearly a, or 1 - a, 1/a, a², √a, 2a or a/2: a wrong formula may hit it."""
    near = [a, 1 - a, 2 * a, a / 2, a * a, abs(a) ** 0.5] + ([1 / a] if a else [])
    return any(math.isclose(b, value, rel_tol=0.04) for value in near)


def new_seed() -> int:
    """Return a seed that nobody knows beforehand."""
    return secrets.randbits(40)


def on_probes(judge: Callable[[Draw], str | None]) -> str | None:
    """Return the words of a judge on the first of two draws that it finds wrong; None: on none.

    The sizes of the first are equal, those of the second differ.
    """
    if words := judge(Draw(square=True)):
        return words
    words = judge(Draw())
    return ANOTHER + words if words else None
