"""Bets: a question, the answer that a learner commits to, and the experiment that settles it.

    wager = Wager("Which way?", lambda: "up", Choice("up", "down"), "3_05_clipping")
    wager.place("down")               # now the experiment runs, and the bet is scored and noted

Nothing runs before the bet is placed or waived. The result leaves a wager through `follow` alone,
which waits for that. `widgets.Bet` shows a wager on a page.
"""

from collections.abc import Callable
from typing import Any

from ..errors import CourseError, shown
from .answers import Answer
from .predictions import Predictions


class Wager:
    """A question and its experiment, closed until a bet is placed or waived.

    Args:
        question: one sentence or two, in words.
        experiment: a function without arguments; what it prints, shows and returns is the secret.
        answer: what can be bet: a `Choice`, a `Number`, an `Interval`, a `Curve` or `Marks`.
        chapter: the file name of the chapter, for the file of predictions.
        outcome: takes what the experiment returned and gives the result to compare a bet with;
            None: that itself.

    Attributes:
        is_open: whether the experiment has run.

    Raises:
        CourseError: for an empty question, what cannot be called, and another kind of answer.
    """

    def __init__(
        self, question: str, experiment: Callable[[], Any], answer: Answer, chapter: str,
        outcome: Callable[[Any], Any] | None = None,
    ):  # fmt: skip
        for name, text in (("question", question), ("chapter", chapter)):
            if not isinstance(text, str) or not text.strip():
                raise CourseError(f"{name} = {shown(text)}; allowed: a text; write one")
        for name, function in (("experiment", experiment), ("outcome", outcome)):
            if not callable(function) and not (name == "outcome" and function is None):
                raise CourseError(f"{name} = {shown(function)}; allowed: a function; give one")
        if not isinstance(answer, Answer):
            raise CourseError(
                f"answer = {shown(answer)}; allowed: Choice(…), Number(…), Interval(…), Curve(…) "
                "or Marks(…); choose one"
            )
        self.question, self.answer, self.chapter = question, answer, chapter
        self._experiment, self._outcome = experiment, outcome
        self.is_open = False
        self._found: Any = None
        self.result: Any = None

    def place(self, guess) -> str:
        """Run the experiment, score and note the bet; return how it did, in words.

        Args:
            guess: an option, a number, both ends of an interval, a height for each place of a
                curve, or fields of a table.

        Raises:
            CourseError: for a bet that the answer does not allow or that comes too late, and for
                a result that is not of its kind. A closed experiment stays closed then.
        """
        if self.is_open:
            raise CourseError(
                f"the bet = {shown(guess)} comes late: the experiment is open; allowed: one bet; "
                "run the cell again to close it"
            )
        guess = self.answer.check(guess)
        self._open()
        return f"{self.answer.judge(guess, self.result)} {self._note(guess)}"

    def waive(self) -> str:
        """Run the experiment without a bet; return what to say. Raise `CourseError` as `place`."""
        if not self.is_open:
            self._open()
        return f"No bet placed. {self.answer.tell(self.result)}"

    def follow(self, function: Callable[[Any], Any]) -> Any:
        """Return function(what the experiment returned).

        Raises:
            CourseError: while the bet is neither placed nor waived.
        """
        if not self.is_open:
            raise CourseError(
                f"the result of {shown(self.question)} is closed; allowed: once the bet is placed "
                "or waived; do that first"
            )
        return function(self._found)

    def _open(self) -> None:
        found = self._experiment()
        self.result = self.answer.result(found if self._outcome is None else self._outcome(found))
        self._found, self.is_open = found, True

    def _note(self, guess) -> str:
        """Note the first bet on this question; return in words how all bets so far did."""
        try:
            file = Predictions()
            asked = [(entry.get("chapter"), entry["question"]) for entry in file.entries]
            if (self.chapter, self.question) in asked:
                return "Your first bet on this question stays the one that is noted."
            file.predict(self.chapter, self.question, guess, self.result)
        except CourseError as error:  # as when the file cannot be written: the result shows
            return f"The bet is not noted: {error}."
        return in_words(file.calibration())


def in_words(calibration: dict[str, float]) -> str:
    """Return what `Predictions.calibration` counts as one sentence."""
    number = int(calibration["guesses"])
    parts = [f"{number} bet{'s' if number != 1 else ''} so far"]
    if "choices held" in calibration:
        parts.append(f"{calibration['choices held']:.0%} of the choices held")
    if "intervals held" in calibration:
        parts.append(f"{calibration['intervals held']:.0%} of the intervals held")
    if "median factor" in calibration:
        factor = calibration["median factor"]
        parts.append(f"numbers and curves were off by a factor of {factor:.3g} (median)")
    return "; ".join(parts) + "."
