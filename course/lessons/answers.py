"""What can be bet: a choice, a number, an interval, a curve or fields of a table; how a bet did.

Choice("up", "down")
Number(0.001, 10)
Interval(0.001, 1, at=1400, known=((100, 0.1), (200, 0.07)))
Marks(("weights", "gradient"), ("rank 0", "rank 1"))
Curve(at=(0, 100, 300), low=0.01, high=10, name="loss")
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CourseError, check_choice, check_number, shown
from .drawn_answers import Curve, Interval
from .guesses import as_json, miss
from .judgements import as_number, check_range, held, off


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
        return f"Your bet: {guess}. {self.tell(result)} {held(guess == result)}"


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
        check_range(self.low, self.high, -1e300)

    def check(self, guess) -> float:
        """Return the number. Raise `CourseError` for one out of range."""
        return check_number("the bet", guess, self.low, self.high, "choose a number in it")

    def result(self, found) -> float:
        """Return what the experiment found, NaN included. Raise `CourseError` for no number."""
        return as_number(found)

    def tell(self, result: float) -> str:
        """Return the result in words."""
        return f"The experiment: {f'{result:.4g} {self.unit}'.strip()}."

    def judge(self, guess: float, result: float) -> str:
        """Return in words how a bet did."""
        return f"Your bet: {guess:.4g}. {self.tell(result)} {off(miss(guess, result))}"


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
                f"{held(guess == result)}")  # fmt: skip


Answer = Choice | Number | Interval | Curve | Marks
