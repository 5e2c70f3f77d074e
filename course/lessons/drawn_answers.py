"""Answers that are drawn: a curve, and an interval beside points that are known.

Curve(at=(0, 100, 300), low=0.01, high=10, name="loss")
Interval(0.001, 1, at=1400, known=((100, 0.1), (200, 0.07)))
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CourseError, check_number, shown
from .guesses import as_json, miss, number_in
from .judgements import as_number, check_range, held, off

MOST = 12  # places of a curve, and known points


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
        check_range(self.low, self.high, 1e-300)
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
        return f"{self.tell(result)} {off(miss(guess, result))}".strip()


@dataclass(frozen=True)
class Interval:
    """A range as an answer, wide enough to hold the result so many times in a hundred.

    Args:
        low, high: the smallest and the largest number that it may reach, above 0.
        at: the place that it is about.
        known: points (x, y) that are seen beforehand, 1 to 12 of them, x above 0 and rising up to
            `at`, y from low to high.
        share: how often the result should lie in it, above 0 and below 1.
        name: of the heights, as "loss".
        place: the name of the places, as "step".

    Raises:
        CourseError: for a range without numbers, and for other points.
    """

    low: float
    high: float
    at: float
    known: tuple[tuple[float, float], ...]
    share: float = 0.9
    name: str = "height"
    place: str = "x"

    def __post_init__(self):
        check_range(self.low, self.high, 1e-300)
        check_number("at", self.at, 0, 1e300, "choose one above 0", open_low=True)
        check_number("share", self.share, 0, 1, "0.9 is common", open_low=True, open_high=True)
        points = as_json(self.known)
        pairs = isinstance(points, list) and all(
            isinstance(p, list) and len(p) == 2 for p in points
        )
        numbers = pairs and all(number_in(v) is not None for point in points for v in point)
        places = [0, *(x for x, _ in points), self.at] if numbers else []
        rising = all(a < b for a, b in zip(places, places[1:], strict=False))
        inside = numbers and all(self.low <= y <= self.high for _, y in points)
        if not (inside and rising and 1 <= len(points) <= MOST):
            raise CourseError(
                f"known = {shown(self.known)}; allowed: 1 to {MOST} points (x, y), x rising from "
                f"above 0 to below {self.at:g}, y from {self.low:g} to {self.high:g}; write "
                "((100, 0.1), (200, 0.07))"
            )

    def check(self, guess) -> list[float]:
        """Return [low, high]. Raise `CourseError` for what is not two numbers in the range."""
        ends = as_json(guess)
        if not isinstance(ends, list) or len(ends) != 2:
            raise CourseError(
                f"the bet = {shown(guess)}; allowed: two numbers, its lower and its upper end; "
                f"write ({self.low:g}, {self.high:g})"
            )
        remedy = "choose one in it"
        low, high = (check_number("an end", y, self.low, self.high, remedy) for y in ends)
        if low > high:
            raise CourseError(
                f"the bet goes from {low:g} to {high:g}; allowed: the lower end first; exchange "
                "the two"
            )
        return [low, high]

    def result(self, found) -> float:
        """Return what the experiment found, NaN included. Raise `CourseError` for no number."""
        return as_number(found)

    def tell(self, result: float) -> str:
        """Return the result in words."""
        return f"The experiment: {result:.3g}."

    def judge(self, guess: list, result: float) -> str:
        """Return in words whether the bet holds the result, and how wide it is."""
        low, high = guess
        holds = low <= result <= high
        where = "in it" if holds else "below it" if result < low else "above it"
        where = where if result == result else "not a number, and in no interval"
        return (
            f"Your interval: {low:.3g} to {high:.3g}, a factor of {high / low:.3g}. "
            f"{self.tell(result)} It is {where}. {held(holds)}"
        )
