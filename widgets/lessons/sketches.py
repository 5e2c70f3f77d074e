"""Small pictures of a bet, as SVG: a curve, and an interval beside points that are known."""

import html
import math
from dataclasses import dataclass

from course.lessons import Curve, Interval

MARKED = 6  # heights at most between the ends of the axis
WIDTH, HEIGHT, LEFT, BOTTOM = 420, 150, 52, 26  # of a picture, in pixels
RIGHT = WIDTH - 12
BET = 'stroke="var(--hand)" stroke-width="2.5" stroke-dasharray="6 3"'
FOUND = 'stroke="var(--run)" stroke-width="2"'


def heights_to_read(low: float, high: float) -> list[float]:
    """Return the heights between two that are marked: 1, 2, 5, 10, …, or powers of ten alone."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1,)):
        heights = [float(f"{digit}e{power}") for power in powers for digit in digits]
        heights = [height for height in heights if 1.5 * low < height < high / 1.5]
        if len(heights) <= MARKED:
            return heights
    return heights[:: math.ceil(len(heights) / MARKED)]


@dataclass(frozen=True)
class Axes:
    """The frame of a picture: heights on a log axis, places from left to right.

    Attributes:
        low, high: the heights below and above.
        left, right: the places.
        place: their name.
        log: whether the places are on a log axis, too.
    """

    low: float
    high: float
    left: float
    right: float
    place: str
    log: bool = False

    def at(self, x: float, y: float) -> str:
        """Return where (x, y) lies, in pixels, as SVG has it."""
        places = [math.log(v) if self.log else v for v in (self.left, self.right, x)]
        across = (places[2] - places[0]) / (places[1] - places[0])
        up = math.log(y / self.low) / math.log(self.high / self.low)
        return f"{LEFT + across * (RIGHT - LEFT):.1f},{6 + (1 - up) * (HEIGHT - BOTTOM):.1f}"

    def line(self, points: list, style: str) -> str:
        """Return the line through what lies between left and right, held at the edge upwards."""
        inside = [
            self.at(x, min(max(y, self.low), self.high))
            for x, y in points
            if self.left <= x <= self.right and y == y and y > 0
        ]
        return f'<polyline points="{" ".join(inside)}" fill="none" {style}/>'

    def picture(self, drawn: str, words: str, places: list[float]) -> str:
        """Return the axes with what is drawn inside, words below it, and marked places."""
        first, *others = places
        texts = "".join(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>'
            for x, y, anchor, text in (
                (LEFT - 6, 12, "end", f"{self.high:g}"),
                (LEFT - 6, HEIGHT - BOTTOM + 8, "end", f"{self.low:g}"),
                (LEFT, HEIGHT - 4, "start", f"{self.place} {first:g}"),
                *(
                    (f"{float(self.at(x, self.low).split(',')[0]):g}", HEIGHT - 4, "end", f"{x:g}")
                    for x in others
                ),
            )
        )
        for height in heights_to_read(self.low, self.high):
            x, y = self.at(self.left, height).split(",")
            texts += f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">'
            texts += f'{height:g}</text><path d="M{x},{y}h4" stroke="var(--rule)"/>'
        rule = self.at(self.right, self.low).split(",")[1]
        return (
            f'<svg class="face-sketch" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{html.escape(words)}">'
            f'<path d="M{LEFT},6V{rule}H{RIGHT}" fill="none" stroke="var(--rule)"/>'
            f"{texts}{drawn}</svg><div class='face-legend'>{html.escape(words)}.</div>"
        )


def sketch(answer: Curve, guess: list, result: list) -> str:
    """Return the curve that is bet, and the experiment's beside it, as SVG.

    Args:
        guess, result: points (x, y); of the result only what lies in the picture is drawn.
    """
    axes = Axes(answer.low, answer.high, answer.at[0], answer.at[-1], answer.place)
    drawn = axes.line(guess, BET) + (axes.line(result, FOUND) if result else "")
    words = f"Your curve of the {answer.name}, dashed"
    words += "; the experiment's, solid" if result else ""
    return axes.picture(drawn, words, [axes.left, axes.right])


def sketch_interval(answer: Interval, guess: list, result: float | None) -> str:
    """Return the known points, the interval that is bet and, if given, the result, as SVG.

    Args:
        guess: [low, high].
        result: of the experiment; held at the edge if it lies outside.
    """
    room = (answer.at / answer.known[0][0]) ** 0.06  # on both sides, so that no mark is cut off
    axes = Axes(
        answer.low, answer.high, answer.known[0][0] / room, answer.at * room, answer.place, True
    )
    drawn = axes.line(list(answer.known), FOUND)
    drawn += "".join(_dot(axes, x, y) for x, y in answer.known)
    ends = [axes.at(answer.at, y).split(",") for y in guess]
    (x, low), (_, high) = ends
    drawn += f'<path d="M{x},{low}V{high}" fill="none" {BET}/>'
    drawn += "".join(f'<path d="M{x},{y}m-6,0h12" fill="none" {BET}/>' for _, y in ends)
    words = f"Your interval at {answer.place} {answer.at:g}, dashed; known points, solid"
    if result is not None and result == result and result > 0:
        drawn += _dot(axes, answer.at, min(max(result, answer.low), answer.high))
        words += "; the experiment's, the last dot"
    return axes.picture(drawn, words, [answer.known[0][0], answer.known[-1][0], answer.at])


def _dot(axes: Axes, x: float, y: float) -> str:
    across, up = axes.at(x, y).split(",")
    return f'<circle cx="{across}" cy="{up}" r="4" fill="var(--run)"/>'
