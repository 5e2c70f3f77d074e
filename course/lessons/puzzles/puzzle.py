"""A puzzle: an answer is run with real tensors, and held to a time and a memory target."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from ...errors import CourseError
from ...parallel.time_use import TimeUse
from ..checking import Exercise

T = TypeVar("T")
ROUNDING = 1e-9  # far above that of float64, far below any mistake


@dataclass(frozen=True)
class Score:
    """What an answer did.

    Attributes:
        seconds: of the step, on the modelled clock.
        memory: of each rank, bytes by kind, at the moment when it kept most.
        time: what each rank did with the time.
        gap: the largest difference from one process.
    """

    seconds: float
    memory: list[dict[str, int]]
    time: list[TimeUse]
    gap: float

    @property
    def n_bytes(self) -> int:
        """The bytes of the rank that keeps most."""
        return max(sum(kinds.values()) for kinds in self.memory)


@dataclass(frozen=True)
class Targets:
    """What an answer may take at most.

    Attributes:
        seconds: of the step.
        n_bytes: of each rank.
    """

    seconds: float
    n_bytes: int

    def met_by(self, score: Score) -> bool:
        """Return whether a score is within both."""
        return score.seconds <= self.seconds and score.n_bytes <= self.n_bytes


@dataclass(frozen=True)
class Best:
    """The best answer known: as code, and what it did."""

    code: str
    score: Score


def fastest_within(n_bytes: int, scores: Iterable[tuple[T, Score]]) -> tuple[T, Score]:
    """Return the fastest of (answer, score) that keeps a memory target; of equals, the first."""
    fits = (pair for pair in scores if pair[1].n_bytes <= n_bytes)
    return min(fits, key=lambda pair: pair[1].seconds)


class Puzzle(Exercise):
    """A puzzle with a number. `check` judges an answer, `hint` helps, the puzzle itself shows it.

    Args:
        number: from 1.
        title: a few words.
        text: Markdown: what is given, what may be chosen, and how to write the answer.
        run: called as run(answer); raises `CourseError` for an answer that cannot be run.
        targets: of an open puzzle, those of a first solution.
        hints: three.
        search: returns the best known answer; called when the puzzle is solved.
        knows: called as knows(answer, score) for an answer that misses a target; returns a remark
            on a common mistake, or None.
        is_open: whether more than the targets can be reached: then the score counts.
    """

    def __init__(
        self, number: int, title: str, text: str, run: Callable[[Any], Score], targets: Targets,
        hints: list[str], search: Callable[[], Best],
        knows: Callable[[Any, Score], str | None] = lambda answer, score: None,
        is_open: bool = False,
    ):  # fmt: skip
        super().__init__(f"Puzzle {number}", self._judge, hints)
        self.number, self.title, self.text, self.run = number, title, text, run
        self.targets, self.best, self.knows = targets, cache(search), knows
        self.is_open = is_open
        self.score: Score | None = None

    def check(self, answer) -> bool:
        """Run an answer and print the verdict, the best known answer too when it is solved."""
        if answer is None or answer is ...:
            return super().check(answer)
        self.score = None
        if not super().check(answer):
            return False
        assert self.score is not None
        print(f"  {self.reached(self.score)}")
        print(f"  {self.compared(self.score)}")
        return True

    def _judge(self, answer) -> str | None:
        """Return what is wrong with an answer, None if it solves the puzzle."""
        answer = getattr(answer, "function", answer)  # the runs below limit a function's time
        try:
            score = self.run(answer)
        except CourseError as error:
            return str(error)
        self.score = score
        wrong = missed(score, self.targets)
        if wrong and (remark := self.knows(answer, score)):
            wrong = f"{wrong} {remark}"
        return wrong

    def reached(self, score: Score) -> str:
        """Return what a solution takes, beside the targets."""
        return (
            f"{duration(score.seconds)} of {duration(self.targets.seconds)} allowed, "
            f"{size(score.n_bytes)} a rank of {size(self.targets.n_bytes)}; largest difference "
            f"from one process {score.gap:.0e}."
        )

    def compared(self, score: Score) -> str:
        """Return how a solution compares with the best known."""
        best = self.best()
        known = f"{duration(best.score.seconds)} and {size(best.score.n_bytes)} a rank"
        share = best.score.seconds / score.seconds
        if self.is_open and share > 1 + 1e-9:
            return f"Faster than the best known, {known}: {best.code}"
        words = f"Your score: {100 * share:.0f} of 100. " if self.is_open else ""
        return f"{words}Best known: {known}, with {best.code}"

    def __str__(self) -> str:
        kind = "open: the score counts" if self.is_open else "solved when both targets are met"
        first = "a first solution: " if self.is_open else ""
        return (
            f"**Puzzle {self.number}: {self.title}** ({kind})\n\n{self.text}\n\n"
            f"**Targets**: {first}the step in at most {duration(self.targets.seconds)}, at most "
            f"{size(self.targets.n_bytes)} on each rank, and the numbers of one process."
        )

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return str(self)


def missed(score: Score, targets: Targets) -> str | None:
    """Return which targets a score misses, by how much, and why; None if it meets all."""
    found = []
    if not score.gap <= ROUNDING:
        found.append(
            f"The numbers are not those of one process: the largest difference is {score.gap:.1e}."
        )
    if score.seconds > targets.seconds:
        over = score.seconds / targets.seconds - 1
        found.append(
            f"The step takes {duration(score.seconds)}, {over:.0%} over the "
            f"{duration(targets.seconds)} allowed. {slowest(score)}"
        )
    if score.n_bytes > targets.n_bytes:
        rank = max(range(len(score.memory)), key=lambda r: sum(score.memory[r].values()))
        kinds = score.memory[rank]
        kind = max(kinds, key=lambda k: kinds[k])
        over = score.n_bytes / targets.n_bytes - 1
        found.append(
            f"Rank {rank} keeps {size(score.n_bytes)}, {over:.0%} over the "
            f"{size(targets.n_bytes)} allowed; the largest part is {kind}, {size(kinds[kind])}."
        )
    if len(found) == 1 and score.gap <= ROUNDING:
        is_late = score.seconds > targets.seconds
        found.append("Memory is within its target." if is_late else "Time is within its target.")
    return " ".join(found) or None


def slowest(score: Score) -> str:
    """Return what the rank that works longest does, and what takes most of all ranks' time."""
    rank = max(range(len(score.time)), key=lambda r: score.time[r].compute)
    use = score.time[rank]
    whole = sum(use) or 1.0
    shares = {
        name: sum(getattr(each, name) for each in score.time) / (len(score.time) * whole)
        for name in ("compute", "communication", "idle")
    }
    lead = max(shares, key=lambda name: shares[name])
    words = {"compute": "computing", "communication": "messages", "idle": "waiting for others"}
    busiest = f"Rank {rank} computes most, {use.compute / whole:.0%} of the time. "
    return (
        f"{busiest if use.compute else ''}Of all ranks' time, {words[lead]} takes most: "
        f"{shares[lead]:.0%}."
    )


def duration(seconds: float) -> str:
    """Return a time with its unit, as '474 µs'."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def size(n_bytes: float) -> str:
    """Return a number of bytes with its unit, as '266 kB'."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} B"
