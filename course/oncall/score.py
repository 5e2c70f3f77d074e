"""Goodput: the share of the clock in which training went forward, and where the rest went.

    goodput = useful seconds ÷ all seconds

A step is useful when it is still in the weights at the end, and no wrong number went into it. Of a
slow step the time of a healthy one is useful, and the rest is waiting. So all seconds add up:

    useful + waiting + damaged + lost + checkpoints + checks + restarts + down = wall
"""

from dataclasses import dataclass

from .faults import STEP

PARTS = {
    "useful": "steps that count", "waiting": "for a slow or a missing rank",
    "damaged": "steps that a wrong number went into", "lost": "steps that were rolled back",
    "checkpoints": "writing them", "checks": "and skips", "restarts": "and changes of ranks",
    "down": "nothing runs",
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """Where the time went, in modelled seconds by part."""

    seconds: dict[str, float]
    """By the names of `PARTS`."""

    @property
    def wall(self) -> float:
        """All seconds."""
        return sum(self.seconds.values())

    @property
    def goodput(self) -> float:
        """The useful share, 0 to 1; 1 before the first step."""
        return self.seconds["useful"] / self.wall if self.wall else 1.0

    def __str__(self) -> str:
        spent = ", ".join(f"{name} {seconds / 60:.1f}" for name, seconds in self.seconds.items()
                          if seconds)  # fmt: skip
        return f"goodput {100 * self.goodput:.1f} % of {self.wall / 60:.1f} min ({spent} min)"


class Ledger:
    """What each second was spent on, in the order in which it was spent."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, bool]] = []  # those in the weights: seconds, is damaged
        self.spent = dict.fromkeys(PARTS, 0.0)

    def spend(self, part: str, seconds: float) -> None:
        """Note seconds without a training step."""
        self.spent[part] += seconds

    def train(self, seconds: float, is_damaged: bool) -> None:
        """Note a training step."""
        self.steps.append((seconds, is_damaged))

    def roll_back(self, count: int) -> None:
        """Let all steps after the first `count` be lost."""
        self.spent["lost"] += sum(seconds for seconds, _ in self.steps[count:])
        del self.steps[count:]

    def score(self, kept: int | None = None) -> Score:
        """Return where the time went so far; kept: only the first so many steps survive."""
        found = dict(self.spent)
        steps = self.steps[:kept]
        found["lost"] += sum(seconds for seconds, _ in self.steps[len(steps) :])
        for seconds, is_damaged in steps:
            if is_damaged:
                found["damaged"] += seconds
            else:
                found["useful"] += min(seconds, STEP)
                found["waiting"] += max(seconds - STEP, 0.0)
        return Score(found)
