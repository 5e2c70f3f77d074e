"""What can be bet: a choice, a number, a curve or fields of a table; how a bet did, in words.

Choice("up", "down")
Number(0.001, 10)
Marks(("weights", "gradient"), ("rank 0", "rank 1"))
Curve(at=(0, 100, 300), low=0.01, high=10, name="loss")
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CourseError, check_choice, check_number, shown
from .guesses import as_json, miss

NEAR = 1.25  # a factor up to which a number or a curve counts as well seen
MOST = 12  # places of a curve


@dataclass(frozen=True, init=False)
class Choice:
    """An answer out of a few.

    Args:
        options: two or more different texts.

    Raises:
        CourseError: for fewer, equal or empty ones.
    """

    options: tuple[str, ...]

    def __init__(self, *options: str):
        texts = {option for option in options if isinstance(option, str) and option.strip()}
        if len(texts) < max(len(options), 2):
            raise CourseError(
                f"options = {shown(options)}; allowed: two or more different texts; write "
                "Choice('up', 'down')"
            )
        object.__setattr__(self, "options", options)

    def check(self, guess) -> str:
        """Return the option. Raise `CourseError` for what is not one."""
        return check_choice("the bet", guess, self.options)

    def result(self, found) -> str:
        """Return what the experiment found. Raise `CourseError` for what is not an option."""
        remedy = "let the experiment return one of these"
        return check_choice("the experiment's result", as_json(found), self.options, remedy)

    def tell(self, result: str) -> str:
        """Return the result in words."""
        return f"The experiment: {result}."

    def judge(self, guess: str, result: str) -> str:
        """Return in words how a bet did."""
        return f"Your bet: {guess}. {self.tell(result)} {_held(guess == result)}"


@dataclass(frozen=True)
class Number:
    """A number as an answer.

    Args:
        low, high: the smallest and the largest number that can be bet.
        unit: what stands behind it, as "steps".

    Raises:
        CourseError: for a range without numbers.
    """

    low: float
    high: float
    unit: str = ""

    def __post_init__(self):
        _check_range(self.low, self.high, -1e300)

    def check(self, guess) -> float:
        """Return the number. Raise `CourseError` for one out of range."""
        return check_number("the bet", guess, self.low, self.high, "choose a number in it")

    def result(self, found) -> float:
        """Return what the experiment found, NaN included. Raise `CourseError` for no number."""
        number = as_json(found)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise CourseError(
                f"the experiment's result = {shown(found)}; allowed: a number; let it return one, "
                "or name it by outcome=…"
            )
        return number

    def tell(self, result: float) -> str:
        """Return the result in words."""
        return f"The experiment: {f'{result:.4g} {self.unit}'.strip()}."

    def judge(self, guess: float, result: float) -> str:
        """Return in words how a bet did."""
        return f"Your bet: {guess:.4g}. {self.tell(result)} {_off(miss(guess, result))}"


@dataclass(frozen=True)
class Curve:
    """A curve as an answer: a height at each of a few places.

    Args:
        at: the places, 2 to 12 of them, rising.
        low, high: the smallest and the largest height, above 0.
        name: of the heights, as "loss".
        place: the name of the places, as "step".

    Raises:
        CourseError: for other places, and for a range without heights.
    """

    at: tuple[float, ...]
    low: float
    high: float
    name: str = "height"
    place: str = "step"

    def __post_init__(self):
        at = self.at if isinstance(self.at, Iterable) else ()
        places = [check_number("a place", x, -1e12, 1e12, "choose one in it") for x in at]
        rising = all(a < b for a, b in zip(places, places[1:], strict=False))
        if not (2 <= len(places) <= MOST and rising):
            raise CourseError(
                f"at = {shown(self.at)}; allowed: 2 to {MOST} rising numbers; write (0, 10, 100)"
            )
        _check_range(self.low, self.high, 1e-300)
        object.__setattr__(self, "at", tuple(places))

    def check(self, guess) -> list[list[float]]:
        """Return the points [[x, y], …] of a bet.

        Args:
            guess: a height for each place.

        Raises:
            CourseError: for another number of heights, or one out of range.
        """
        heights = as_json(guess)
        if not isinstance(heights, list) or len(heights) != len(self.at):
            raise CourseError(
                f"the bet = {shown(guess)}; allowed: {len(self.at)} heights, one for each of "
                f"{', '.join(f'{x:g}' for x in self.at)}; give a list of them"
            )
        remedy = "choose a height in it"
        checked = [check_number("a height", y, self.low, self.high, remedy) for y in heights]
        return [[x, y] for x, y in zip(self.at, checked, strict=True)]

    def result(self, found) -> list[list[float]]:
        """Return the points that the experiment found. Raise `CourseError` for no points."""
        points = as_json(found)
        if not isinstance(points, list) or not all(
            isinstance(point, list) and len(point) == 2 for point in points
        ):
            raise CourseError(
                f"the experiment's result = {shown(found)}; allowed: points [[x, y], …]; let it "
                "return these, or name them by outcome=…"
            )
        return points

    def tell(self, result: list) -> str:
        """Return the result in words: its ends."""
        ends = [f"{y:.4g} at {self.place} {x:g}" for x, y in (result[:1] + result[-1:])]
        return f"The experiment: {self.name} {' and '.join(ends)}." if ends else ""

    def judge(self, guess: list, result: list) -> str:
        """Return in words how a bet did."""
        return f"{self.tell(result)} {_off(miss(guess, result))}".strip()


@dataclass(frozen=True)
class Marks:
    """Some fields of a table as an answer: which of them?

    A bet is noted as one text, row by row: "weights: rank 0, rank 1; gradient: rank 1".

    Args:
        rows, columns: their names, all different; 1 to 8 rows and 2 to 8 columns.

    Raises:
        CourseError: for other names.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]

    def __post_init__(self):
        for kind, least in (("rows", 1), ("columns", 2)):
            names = getattr(self, kind)
            texts = {name for name in names if isinstance(name, str) and name.strip(" ,;")}
            plain = not any(sign in name for name in texts for sign in ",;")
            if not (least <= len(names) == len(texts) <= 8 and plain):
                raise CourseError(
                    f"{kind} = {shown(names)}; allowed: {least} to 8 different texts without "
                    "commas; write ('rank 0', 'rank 1')"
                )

    def check(self, guess) -> str:
        """Return a bet as a text. Raise `CourseError` for what is not a field.

        guess: (row, column) pairs, each by its names.
        """
        return self._text("the bet", guess)

    def result(self, found) -> str:
        """Return what the experiment found as a text. Raise `CourseError` as `check`."""
        return self._text("the experiment's result", found)

    def _text(self, name: str, pairs) -> str:
        fields = {(row, column) for row in self.rows for column in self.columns}
        found = (
            list(pairs) if isinstance(pairs, Iterable) and not isinstance(pairs, str) else [pairs]
        )
        found = [tuple(pair) if isinstance(pair, list | tuple) else pair for pair in found]
        if not all(isinstance(pair, tuple) and pair in fields for pair in found):
            raise CourseError(
                f"{name} = {shown(pairs)}; allowed: (row, column) pairs of {', '.join(self.rows)} "
                f"with {', '.join(self.columns)}; give a list of them"
            )
        return "; ".join(
            f"{row}: {', '.join(c for c in self.columns if (row, c) in found) or 'none'}"
            for row in self.rows
        )

    def fields(self, text: str) -> set[tuple[str, str]]:
        """Return the (row, column) pairs that `check` or `result` wrote as a text."""
        lines = dict(zip(self.rows, text.split("; "), strict=True))
        return {(row, column) for row, line in lines.items() for column in self.columns
                if column in line.removeprefix(f"{row}: ").split(", ")}  # fmt: skip

    def tell(self, result: str) -> str:
        """Return the result in words."""
        return f"The experiment: {result}."

    def judge(self, guess: str, result: str) -> str:
        """Return in words how a bet did."""
        all_fields = len(self.rows) * len(self.columns)
        agree = all_fields - len(self.fields(guess) ^ self.fields(result))
        return (f"{agree} of {all_fields} fields are as you marked them. {self.tell(result)} "
                f"{_held(guess == result)}")  # fmt: skip


Answer = Choice | Number | Curve | Marks


def _check_range(low: float, high: float, least: float) -> None:
    check_number("low", low, least, 1e300, "choose one in it")
    check_number("high", high, low, 1e300, "choose one above low", open_low=True)


def _held(well: bool) -> str:
    return "Well seen!" if well else "Worth finding out why."


def _off(factor: float | None) -> str:
    if factor is None:  # as from 0, or to NaN
        return "The two cannot be compared by a factor. " + _held(False)
    if math.isclose(factor, 1, rel_tol=5e-4):
        return "Exactly. " + _held(True)
    return f"The bet is off by a factor of {factor:.3g}. {_held(factor <= NEAR)}"
