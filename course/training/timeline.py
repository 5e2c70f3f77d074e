"""Time travel: every past step of a run can be had back exactly, and gone on from differently.

Keeping every step's weights would take gigabytes. So only some steps are kept whole (snapshots),
and those between are trained again from the last snapshot before, with the same knob changes at the
same steps: the same bits (on a CPU). When the snapshots outgrow their budget every second one is
dropped, and from then on they are taken half as often.

    timeline = Timeline(trainer)
    for _ in range(1000): timeline.step()
    timeline.go_to(300)                 back, exactly
    trainer.set("lr", 0.01)             from here another way: the old one stays as a branch
    for _ in range(1000): timeline.step()
"""

from dataclasses import dataclass, field

import numpy as np

from ..errors import check_count
from .replay import replay
from .trainer import Trainer

EVERY = 200  # steps between two snapshots, at first: to train again takes some 50 ms
BRANCHES = 4  # branches kept
MEMORY = 64 * 2**20  # bytes for the snapshots of all branches


@dataclass(eq=False)
class Branch:
    """One run from its first step to its end. numbers: (steps, 3); knobs: [(step, knob, value)].

    evaluations: whatever a lab measured, each entry's first item its step. left_at: the step at
    which it parts from the run that it was branched off; None for the first.
    """

    snapshots: dict[int, dict] = field(default_factory=dict)
    numbers: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    knobs: list[tuple[int, str, object]] = field(default_factory=list)
    evaluations: list[tuple] = field(default_factory=list)
    left_at: int | None = None

    @property
    def end(self) -> int:
        return len(self.numbers)


class Timeline:
    """Steps a trainer and remembers: `branches`, of which `current` is the one being trained."""

    def __init__(self, trainer: Trainer, memory: int = MEMORY):
        self.trainer = trainer
        self.memory = check_count("memory", memory, 2**20, 2**40, "bytes, 64 MiB is usual")
        self.every = EVERY
        self.branches = [Branch()]
        self.current = self.branches[0]
        self.first = trainer.step_count
        self._keep()
        self.note()

    @property
    def end(self) -> int:
        """The last step that can be gone to."""
        return max(self.current.end, self.trainer.step_count)

    def step(self) -> None:
        """Train one step. In the past, a knob turned since then starts a branch."""
        t = self.trainer
        if self.in_the_past():
            self._follow_or_leave()
        t.step()
        # after a step, so before the knobs are turned there: going back, nothing is turned yet
        if t.step_count % self.every == 0 and t.step_count not in self.current.snapshots:
            self._keep()

    def in_the_past(self) -> bool:
        return self.trainer.step_count < self.current.end

    def _follow_or_leave(self) -> None:
        """In the past: go the known way, its knob changes included, or another one, if turned."""
        t, known = self.trainer, self.current.knobs
        here = [change for change in t.history.knobs if change[0] == t.step_count]
        then = [change for change in known if change[0] == t.step_count]
        if here == then[: len(here)]:
            for _, knob, value in then[len(here) :]:
                t.set(knob, value)
        else:
            self.leave()

    def leave(self) -> None:
        """Go another way from here: what lies ahead stays as a branch of its own."""
        here, old = self.trainer.step_count, self.current
        kept = {step: s for step, s in old.snapshots.items() if step <= here}
        seen = [e for e in old.evaluations if e[0] <= here]
        self.current = Branch(kept, evaluations=seen, left_at=here)
        self.branches.append(self.current)
        if len(self.branches) > BRANCHES:
            self.branches.remove(
                next(b for b in self.branches if b is not old and b is not self.current)
            )

    def note(self) -> Branch:
        """Write down how far the current branch has come; call before looking at it."""
        history, branch = self.trainer.history, self.current
        if self.trainer.step_count >= branch.end:
            branch.numbers, branch.knobs = history.numbers(), list(history.knobs)
        return branch

    def go_to(self, step: int) -> None:
        """Make the trainer what it was after `step` steps. Raises `CourseError` outside the run."""
        branch = self.note()
        step = check_count("step", step, self.first, branch.end, "the steps of this run")
        self._restore(step)

    def _restore(self, step: int) -> None:
        t, branch = self.trainer, self.current
        start = max(s for s in branch.snapshots if s <= step)
        t.history.rewrite(branch.numbers[:start], [c for c in branch.knobs if c[0] < start])
        t.restore(branch.snapshots[start])
        replay(t, [c for c in branch.knobs if c[0] < step], step)

    def switch(self, index: int) -> None:
        """Go on with another branch, at its end."""
        self.note()
        check_count("branch", index, 0, len(self.branches) - 1, "see `branches`")
        self.current = self.branches[index]
        self._restore(self.current.end)

    def _keep(self) -> None:
        self.current.snapshots[self.trainer.step_count] = self.trainer.snapshot()
        while self._bytes() > self.memory and any(len(b.snapshots) > 2 for b in self.branches):
            self.every *= 2
            for branch in self.branches:
                branch.snapshots = {
                    step: s
                    for step, s in branch.snapshots.items()
                    if step % self.every == 0 or step == self.first
                }

    def _bytes(self) -> int:
        """Of all snapshots, shared ones counted once."""
        distinct = {id(s): s for b in self.branches for s in b.snapshots.values()}
        return sum(map(size_of, distinct.values()))


def size_of(value) -> int:
    """Bytes of the tensors in nested dicts and lists."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return value.nbytes if hasattr(value, "nbytes") else 0
