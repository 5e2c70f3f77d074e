"""A guess of the loss, drawn before the run has got there, and scored when it has."""

from typing import Any

import numpy as np

from course import CourseError
from course.lessons.predictions import Predictions

from .bins import Bins
from .plans import check_points, thinned

POINTS = 60
AROUND = 5  # bins to each side over which the batch loss is smoothed


class Guess:
    """What a hand has drawn into the future of the loss.

    Attributes:
        points: [(step, loss), …], empty for no guess.
        end: the step at which it is settled; None without a guess.
    """

    def __init__(self):
        self.points: list[tuple[int, float]] = []
        self.end: int | None = None

    def take(self, points: Any, trainer) -> None:
        """Take a drawn line: [[step, loss], …]; an empty one takes the guess back.

        Raises:
            CourseError: for fewer than two points to come, and for losses that are not above 0.
        """
        wanted = check_points(points, trainer.step_count)
        if points and (len(wanted) < 2 or min(value for _, value in wanted) <= 0):
            raise CourseError("a guess needs two points or more, at steps to come and above 0; "
                              "draw it to the right of the run")  # fmt: skip
        self.points = thinned(wanted, POINTS)
        self.end = wanted[-1][0] if wanted else None

    def score(self, numbers: np.ndarray) -> float | None:
        """Return the mean factor between guess and smoothed batch loss so far; None: too early.

        Args:
            numbers: (steps, …), the history.
        """
        if not self.points:
            return None
        steps, guessed = (np.array(v, dtype=float) for v in zip(*self.points, strict=True))
        seen = np.arange(steps[0], min(len(numbers), steps[-1]) + 1)
        if len(seen) < 2:
            return None
        bins = Bins(lambda rows: rows[:, :1]).read(numbers)
        level = smooth(bins.means[:, 0])[((np.maximum(seen, 1) - 1) // bins.width).astype(int)]
        line = np.exp(np.interp(seen, steps, np.log(guessed)))
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.abs(np.log(line / level))
        return float(np.exp(off[np.isfinite(off)].mean())) if np.isfinite(off).any() else None

    def settle(self, trainer) -> str:
        """Note the guess and its result in the learner's file, once; return the score in words."""
        self.end = None
        numbers = trainer.history.numbers()
        factor = self.score(numbers)
        steps = [step for step, _ in self.points if step <= len(numbers)]
        if factor is None or len(steps) < 2:
            return ""
        bins = Bins(lambda rows: rows[:, :1]).read(numbers)
        level = smooth(bins.means[:, 0])
        result = [[step, float(level[(max(step, 1) - 1) // bins.width])] for step in steps]
        words = f"Your guess of the loss was off by a factor of {factor:.2f}."
        try:
            guess = [[step, value] for step, value in self.points]
            Predictions().predict(f"lab on {trainer.data.name}", "batch loss", guess, result)
        except CourseError as error:  # as when the file cannot be written: training goes on
            words += f" It is not kept: {error}"
        return words


def smooth(values: np.ndarray) -> np.ndarray:
    """Return means over a bin and five on each side, as far as there are."""
    windows = [values[max(i - AROUND, 0) : i + AROUND + 1] for i in range(len(values))]
    return np.array([window.mean() for window in windows])
